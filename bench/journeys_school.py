"""A school in which people walk the journeys of `bench.journeys`: whoever is needed, what they ask by REST, and what they are shown.

Everybody is made through the doors of the product, beside the demo school. Never here: the journeys.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bench.houses import House
from bench.person import Person
from bench.web_line import WebLine, request
from homeroom.http.keys import KeyRing, own_key
from homeroom.http.tokens import Tokens

HEAD, ADMIN = "demo-super", "demo-admin"
ROLES: Mapping[str, str] = {HEAD: "super_admin", ADMIN: "admin"}
_LIFE_S = 6 * 3600.0


class Refused(Exception):
    """A door said no."""


class Now:
    """The time of this machine, Unix ms."""

    def now(self) -> int:
        """Return it."""
        return time.time_ns() // 1_000_000


class Viewer:
    """One person's client that follows streams; `figures` are those of the dashboard, as they were shown last."""

    def __init__(self, person: Person, *streams: str) -> None:
        self.person = person
        self.figures: dict[str, Any] = {}
        for state in person.follow(*streams):
            self.figures = state.get("metrics", self.figures)

    def see(self, type: str, fits: Callable[[Any], bool]) -> None:
        """Wait for an event of a type with data that fit."""
        self.person.wait_until(lambda event: self._keeps(event) and event["type"] == type and fits(event["d"]))

    def see_figures(self, fits: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the dashboard shows figures that fit."""
        self.person.wait_until(lambda event: self._keeps(event) and fits(self.figures))

    def _keeps(self, event: dict[str, Any]) -> bool:
        if event["type"] == "metrics.updated":
            self.figures = event["d"]
        return True


class School:
    """A house with people; use as a context manager, which closes their connections. Ids begin with `walk-`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tokens = Tokens(KeyRing([own_key(house.data)]), Now())
        self._roles = dict(ROLES)
        self._doors: dict[str, WebLine] = {}
        self._people: list[Person] = []

    def __enter__(self) -> "School":
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._doors.values():
            line.close()
        for person in self._people:
            person.line.close()

    def ask(self, who: str, method: str, path: str, **body: Any) -> Any:
        """Go through a door as `who` and return what was answered; raises `Refused`."""
        if who not in self._doors:
            self._doors[who] = WebLine(self._house.port)
        answer = self._doors[who].ask(request(method, path, self._token(who), body))
        if answer.status >= 300:
            raise Refused(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        return msgspec.json.decode(answer.body)

    def add(self, id: str, role: str) -> str:
        """Add a person; returns the id."""
        self.ask(HEAD, "POST", "/api/users", id=id, login=id, name=id, role=role)
        self._roles[id] = role
        return id

    def enter(self, who: str) -> Person:
        """Return a connection of `who`."""
        person = Person(self._house.port, self._token(who))
        self._people.append(person)
        return person

    def watch(self, who: str, *streams: str) -> Viewer:
        """Return a client of `who` that follows `streams`."""
        return Viewer(self.enter(who), *streams)

    def _token(self, who: str) -> str:
        return self._tokens.issue(who, who, self._roles[who], ttl_s=_LIFE_S)
