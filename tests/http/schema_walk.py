"""A walk over every door of `/openapi.json`: what schemathesis makes of the description, sent by everybody, held against the description.

`python -m tests.http.schema_walk --examples 100` is the long walk; the suite takes a short one. Every case is sent by a person of each
role and by nobody, so that each is made once. Never here: the school that is knocked at (`schema_school`).
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

import requests
import schemathesis.openapi
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from homeroom.engine.database import open_database
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres
from homeroom.engine.migrate import migrate
from homeroom.house import MIGRATIONS
from homeroom.protocol.access import ROLES
from homeroom.records.schema import USER
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL, quick_folder, run_sql
from tests.http.schema_school import SchemaSchool, open_schema_school

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SEED = 20_260_901
CALLERS: tuple[str | None, ...] = (*(f"pat-{role}" for role in ROLES), None)
LINE_MAX = 8_000
ROWS = 3
"""Of so many rows of a type, one is asked for: of some that are, some go."""

Operation = Any
Case = Any
Change = Callable[[Case, int], None]


@dataclass
class Walk:
    """One walk. `found`: what is wrong, by door; `statuses`: door → how often which status came.

    `right` and `wrong` are how many cases a door gets that fit its description, and that do not; `spoilt` how many that would fit but
    for one text, which holds what cannot be kept. With `everybody` each case is sent by each of `CALLERS`; else by one, in turn: so six
    cases come from six people.
    """

    school: SchemaSchool
    right: int
    wrong: int
    spoilt: int = 0
    everybody: bool = True
    seed: int = SEED
    turn: int = 0
    found: dict[str, list[str]] = field(default_factory=dict)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)

    def all_doors(self, only: str = "") -> None:
        """Try every door whose name `only` is a part of, deletions last."""
        document = without_pairs(self.school.must("pat-admin", "GET /openapi.json"))
        schema = schemathesis.openapi.from_dict(document)
        schema.config.generation.update(with_security_parameters=False)
        known = known_ids(self.school)
        with requests.Session() as session:
            for operation in sorted(map(_described, schema.get_all_operations()), key=_late):
                if re.search(only, operation.label):
                    self._try(operation, known, session)

    def told(self) -> str:
        """Return what is wrong, to be read."""
        return "".join(f"\n{label}\n" + "".join(f"  {note}\n" for note in notes) for label, notes in self.found.items())

    def _try(self, operation: Operation, known: Mapping[str, Sequence[str]], session: requests.Session) -> None:
        right, wrong = (
            operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        )

        def knock(case: Case, pick: int, change: Change = left_alone) -> None:
            place(case, known, pick)
            change(case, pick)
            if fits_a_head(case):
                self._send(case, session)

        self._draw(right, self.right, knock)
        self._draw(wrong, self.wrong, knock)
        if self.spoilt:
            self._draw(right, self.spoilt, partial(knock, change=spoil))

    def _draw(self, cases: st.SearchStrategy[Case], most: int, knock: Callable[[Case, int], None]) -> None:
        """Knock with so many cases at the most; with none where there is nothing of the sort."""

        @seeded(self.seed)
        @settings(
            max_examples=most,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, pick=st.integers(0, 10_000))
        def drawn(case: Case, pick: int) -> None:
            knock(case, pick)

        with suppress(Unsatisfiable):  # nothing that is wrong can be said there
            drawn()

    def _send(self, case: Case, session: requests.Session) -> None:
        self.turn += 1
        for caller in CALLERS if self.everybody else (CALLERS[self.turn % len(CALLERS)],):
            response = case.call(base_url=self.school.url, session=session, headers=self.school.bearer(caller))
            label = case.operation.label
            self.statuses.setdefault(label, Counter())[response.status_code] += 1
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as failures:
                for failure in failures.exceptions:
                    self._note(label, f"{caller}: {failure.title}: {failure.message}\n    {_curl(case)}\n")

    def _note(self, label: str, wrong: str) -> None:
        notes = self.found.setdefault(label, [])
        if len(notes) < 5:
            notes.append(wrong)


def without_pairs(value: Any) -> Any:
    """Return a description whose tuples are lists of any of their parts.

    schemathesis turns `prefixItems` into the `items` of older drafts inside the schemas that it also validates with, by the newer rules.
    """
    if isinstance(value, list):
        return [without_pairs(one) for one in value]
    if not isinstance(value, dict):
        return value
    changed = {name: without_pairs(one) for name, one in value.items()}
    if isinstance(changed.get("prefixItems"), list):
        changed["items"] = {"anyOf": changed.pop("prefixItems")}
    return changed


def _described(found: Any) -> Operation:
    """Return an operation; raises what is wrong with its description."""
    return found.ok() if isinstance(found, Ok) else _raise(found.err())


def _raise(error: Exception) -> Any:
    raise error


def _late(operation: Operation) -> tuple[bool, str]:
    return operation.method == "delete", ""


def fits_a_head(case: Case) -> bool:
    """Tell whether a request reaches the doors: a longer line is no HTTP to the server, and refused before any of them."""
    return (
        len(case.as_transport_kwargs(base_url="http://x")["url"]) + len(urlencode(case.query or {}, doseq=True))
        < LINE_MAX
    )


def _curl(case: Case) -> str:
    return f"{case.method} {case.formatted_path} ?{case.query} {str(case.body)[:300]}"


def known_ids(school: SchemaSchool) -> Mapping[str, Sequence[str]]:
    """Return ids of things that there are, by the beginning of the doors to them and by the names of fields that hold such ids."""
    ids: dict[str, Sequence[str]] = {}
    for record in RECORD_TYPES:
        rows = [f"{record.name}-{side}-{number}" for side in ("pat", "oth") for number in range(ROWS)]
        ids |= dict.fromkeys((f"{path}/{{id}}" for path in (record.door, *record.also)), rows)
        for name, reference in record.references.items():
            people = reference.to == USER
            ids[name] = [f"pat-{reference.role or 'student'}"] if people else [f"{reference.to}-pat-0"]
    made = {f"/api/{plural}/{{id}}": [name] for plural, name in school.made.items()}
    return {**ids, **made, "user": ["pat-student"]}


def place(case: Case, known: Mapping[str, Sequence[str]], pick: int) -> None:
    """Put ids of things that there are where any id stands, in most cases."""
    if pick % 5 == 4:
        return
    path = case.operation.path
    for name in case.path_parameters or {}:
        found = next((ids for door, ids in known.items() if path.startswith(door)), known.get(name))
        if found:
            case.path_parameters[name] = found[pick % len(found)]
    if isinstance(case.body, dict):
        for name in case.body.keys() & known.keys():
            if isinstance(case.body[name], str):
                case.body[name] = known[name][pick % len(known[name])]


def left_alone(case: Case, pick: int) -> None:
    """Change nothing."""


def spoil(case: Case, pick: int) -> None:
    """Put NUL into one of the texts of a case; half a character, which cannot be kept either, is none to schemathesis."""
    places = [found for part in (case.body, case.query, case.path_parameters) for found in texts_in(part)]
    if places:
        inside, name = places[pick % len(places)]
        at = pick % (len(inside[name]) + 1)
        inside[name] = inside[name][:at] + "\0" + inside[name][at + 1 :]


def texts_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where texts are in a value: what each is in, and under which name or number."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inside in [*pairs]:
        if isinstance(inside, str):
            yield value, name
        yield from texts_in(inside)


@dataclass(frozen=True)
class Order:
    """What the long walk is to do."""

    examples: int
    turns: bool
    seed: int
    only: str


def main(order: Order) -> int:
    """Take the long walk and print what is wrong; returns the exit code."""
    with quick_folder() as folder:
        server = EmbeddedPostgres(folder, UNSAFE)
        server.start()
        try:
            trio.run(run_sql, server.dsn, "CREATE DATABASE walked")
            trio.run(_migrate, server.dsn_of("walked"))
            with open_schema_school(server.dsn_of("walked")) as school:
                walk = Walk(
                    school, order.examples, max(1, order.examples // 2), order.examples, not order.turns, order.seed
                )
                walk.all_doors(order.only)
                return report(walk)
        finally:
            server.stop()


async def _migrate(dsn: str) -> None:
    async with open_database(dsn, TRIAL) as database:
        await migrate(database, MIGRATIONS)


def report(walk: Walk) -> int:
    """Print what was found; returns 1 for anything."""
    out = sys.stdout.write
    out(walk.told())
    total: Counter[int] = sum(walk.statuses.values(), Counter())
    out(f"{len(walk.statuses)} doors, {sum(total.values())} requests, by status: {dict(sorted(total.items()))}\n")
    for line in walk.school.server.complaints():
        out(f"{line}\n")
    return int(bool(walk.found or walk.school.server.complaints()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--turns", action="store_true", help="each case by one person, not by everybody")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="")
    sys.exit(main(Order(**vars(parser.parse_args()))))
