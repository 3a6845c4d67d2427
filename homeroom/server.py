"""The running server: its parts in the order in which they start, and how they end. A part of the composition root.

Never here: how the parts are made and joined (`bootstrap`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from homeroom import demo
from homeroom.actors.session_lists import look_up_of_course
from homeroom.dashboards import Dashboards
from homeroom.engine.channels import Channels
from homeroom.engine.engine import Engine
from homeroom.engine.hub import Hub
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.restating import Restating
from homeroom.house import House
from homeroom.http.gateway import Gateway
from homeroom.http.hypercorn_guard import HttpServer
from homeroom.http.listener import Listener
from homeroom.http.lost_courses import LostCourses
from homeroom.http.sync import Sync
from homeroom.records.chores import Chores
from homeroom.records.files.reception import Reception
from homeroom.records.logins import Logins
from homeroom.records.placements import Placements
from homeroom.records.repeats import Repeats
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES


@dataclass(frozen=True, slots=True)
class Serving:
    """What is told when the doors are open. `led`: there is somebody who can look after the school."""

    host: str
    port: int
    led: bool = True

    @property
    def url(self) -> str:
        """Return the address for a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Server:
    """The running parts, in the order in which they were started."""

    journal: PostgresJournal
    store: Store
    hub: Hub
    channels: Channels
    dashboards: Dashboards
    engine: Engine
    restating: Restating
    logins: Logins
    repeats: Repeats
    chores: Chores
    reception: Reception
    sync: Sync
    gateway: Gateway
    pages: HttpServer
    listener: Listener

    async def start(self, nursery: trio.Nursery, house: House) -> int:
        """Start all parts; returns the port. Families come first: a deadline that waited for this start may have news for parents."""
        if house.config.demo:
            await demo.furnish_people(house)
        await self.start_inside(nursery, house)
        if house.config.demo:
            await demo.furnish_room(self.engine)
        port: int = await nursery.start(self.listener.run)
        return port

    async def start_inside(self, nursery: trio.Nursery, house: House) -> None:
        """Start all parts but the doors."""
        revoke = revoker(self.gateway, self.sync)
        await nursery.start(house.wards.follow, house.guardians.changed_since, revoke)
        lost_courses = LostCourses(self.engine, look_up_of_course, self.hub.watchers)
        house.places.when_left(lost_courses.lost)
        await nursery.start(house.places.follow, Placements(house.database, RECORD_TYPES).changed_since)
        pulse = self.dashboards.pulse
        for part in (self.journal, self.hub, self.channels, pulse, self.engine, self.gateway, self.pages):
            await nursery.start(part.run)
        nursery.start_soon(lost_courses.run)
        await nursery.start(house.revocations.follow, self.logins.ended_since, revoke)
        nursery.start_soon(self.logins.run)
        nursery.start_soon(self.repeats.run)
        await nursery.start(self.chores.run)
        await nursery.start(self.reception.run)
        nursery.start_soon(self.restating.run)

    async def stop(self, grace_s: float) -> None:
        """End in order: no new work, goodbye to the clients, the last turns, within `grace_s`."""
        self.sync.stop()
        with trio.move_on_after(grace_s):
            await self.listener.stop(grace_s * 0.6)
            await self.engine.drain()


def revoker(gateway: Gateway, sync: Sync) -> Callable[[str, str | None], None]:
    """Return what ends all that outlives a request: connections and long polls, of a person or of one login."""

    def revoke(user: str, family: str | None) -> None:
        gateway.revoke(user, family)
        sync.revoke(user, family)

    return revoke
