"""Readers who watch are told their figures when those may have changed: `metrics.updated` on `user:<id>`, the newest wins.

    Touched scopes (after a commit) ─┐
    rows of exams and inboxes ───────┤
    an event on one's own stream ────┼─► marked ─► whose are they? ─► read ─► other than last told? ─► hub.signal
    somebody begins to watch ────────┤
    midnight in the school's zone ───┘

Rules of this file: nothing is read while nothing happens, but what an administrator who watches sees of the server; the first change
is told at once, and those of the next `WINDOW_S` together. Never here: what the figures are (`figures`), and the frames (the hub).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog
import trio

from homeroom.engine.behaviour import Caller, Refusal, Row
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.hub import Hub
from homeroom.engine.postgres import DatabaseError
from homeroom.engine.wire import Wire
from homeroom.protocol.access import ADMINS
from homeroom.protocol.dashboard import Figures
from homeroom.protocol.zones import day_window
from homeroom.records.figures import FigureReader, Reader
from homeroom.records.tallies import SCHOOL, Touched, day_of

log = structlog.get_logger(__name__)

WINDOW_S = 0.25
RETRY_S = 0.5
SYSTEM_S = 5.0
"""How often administrators who watch are told of the server, which changes without anybody's doing."""
CHUNK = 200
"""Readers whose figures are read at a time."""
KEY = "metrics"
_STREAM = "user:"
_PARTS = {"student": 0, "mentor": 1, "class": 2, "exam": 3}
_BY_ROLE: Mapping[str, frozenset[str]] = {SCHOOL: frozenset(ADMINS), "terms": frozenset({"student", "parent"})}
"""Scopes that are of everybody in these roles."""


class Pulse:
    """What tells them. Made once, run once; what it is told from outside never waits."""

    def __init__(
        self, database: Database, reader: FigureReader, hub: Hub, *, wire: Wire, clock: Clock, zone: ZoneInfo
    ) -> None:
        self._database = database
        self._reader = reader
        self._hub = hub
        self._wire = wire
        self._clock = clock
        self._zone = zone
        self._roles: dict[str, str] = {}  # those who watch, until it is noticed that they do no longer
        self._told: dict[str, bytes] = {}
        self._readers: set[str] = set()
        self._scopes: set[str] = set()
        self._wake = trio.Event()

    # --- what may have changed figures

    def touched(self, touched: Touched) -> None:
        """Hear of the scopes that a committed transaction touched."""
        self._mark(scopes=touched.scopes)

    def joined(self, stream: str, caller: Caller) -> None:
        """Hear that somebody watches a stream from now on: whatever they were shown before, they are told once more."""
        if stream.startswith(_STREAM):
            self._roles[caller.user] = caller.role
            self._told.pop(caller.user, None)
            self._mark(readers=(caller.user,))

    def published(self, stream: str) -> None:
        """Hear of a durable event: one on a reader's own stream is of something that concerns the reader."""
        if stream.startswith(_STREAM):
            self._mark(readers=(stream.removeprefix(_STREAM),))

    def wrote(self, rows: Iterable[Row]) -> None:
        """Hear of rows of read models that are durable."""
        for row in rows:
            if row.table == "exams":
                self._mark(scopes=(SCHOOL,))
            elif row.table == "sittings" and "exam" in row.values:
                self._mark(scopes=(f"exam:{row.values['exam']}",))
            elif row.table == "inboxes":
                self._mark(readers=(row.values["person"],))

    # --- telling

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell, for ever; while the database is away what is marked stays so."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._wait_midnights)
            nursery.start_soon(self._look_at_system)
            task_status.started()
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                await self._tell_marked()
                await trio.sleep(WINDOW_S)

    async def _tell_marked(self) -> None:
        readers, scopes = self._readers, self._scopes
        self._readers, self._scopes = set(), set()
        try:
            readers |= await self._readers_of(scopes)
            await self._tell(sorted(reader for reader in readers if self._watches(reader)))
        except (DatabaseError, Refusal) as error:
            log.info("figures could not be told", error=str(error))
            await trio.sleep(RETRY_S)
            self._mark(readers, scopes)

    async def _tell(self, readers: Sequence[str]) -> None:
        for start in range(0, len(readers), CHUNK):
            asked = [Reader(one, self._roles[one]) for one in readers[start : start + CHUNK]]
            for reader, figures in (await self._reader.of(asked)).items():
                self._push(reader, figures)

    def _push(self, id: str, figures: Figures) -> None:
        body = self._wire.encode(figures)
        if self._told.get(id) != body and self._watches(id):
            self._told[id] = body
            self._hub.signal(_STREAM + id, KEY, self._wire.event(Figures.type, self._clock.now(), "system", body))

    async def _readers_of(self, scopes: Iterable[str]) -> set[str]:
        """Return who of those who watch may see figures of the scopes."""
        parts: tuple[list[str], ...] = ([], [], [], [])
        found: set[str] = set()
        for scope in scopes:
            kind, _, name = scope.partition(":")
            if kind in _BY_ROLE:
                found.update(user for user, role in self._roles.items() if role in _BY_ROLE[kind])
            elif kind in _PARTS:
                parts[_PARTS[kind]].append(name)
        *others, exams = parts
        if self._roles and any(others):
            found.update(row["id"] for row in await self._database.fetch(_CONCERNED, *others))
        if self._roles and exams:
            found.update(
                row["person"] for row in await self._database.fetch(_WATCH_OVER, [f"exam:{name}" for name in exams])
            )
        return found

    def _watches(self, id: str) -> bool:
        """Tell whether somebody watches; who does no longer is forgotten."""
        if id in self._roles and self._hub.watchers(_STREAM + id):
            return True
        self._roles.pop(id, None)
        self._told.pop(id, None)
        return False

    # --- what happens by the clock

    async def _wait_midnights(self) -> None:
        while True:
            now = self._clock.now()
            midnight = day_window(day_of(now, self._zone) + timedelta(days=1), self._zone)[0]
            await trio.sleep((midnight - now) / 1000)
            if self._clock.now() >= midnight:
                self._mark(readers=self._roles)

    async def _look_at_system(self) -> None:
        while True:
            await trio.sleep(SYSTEM_S)
            watching = [one for one in [*self._roles] if self._watches(one)]
            self._mark(readers=[one for one in watching if self._roles[one] in ADMINS])

    def _mark(self, readers: Iterable[str] = (), scopes: Iterable[str] = ()) -> None:
        before = len(self._readers) + len(self._scopes)
        if self._roles:  # else nobody watches, and whoever begins to is told everything
            self._readers.update(readers)
            self._scopes.update(scopes)
        if len(self._readers) + len(self._scopes) > before:
            self._wake.set()


_CONCERNED = """SELECT id FROM unnest($1::text[] || $2::text[]) AS named (id)
UNION SELECT m.mentor_id FROM mentorships m WHERE m.student_id = ANY($1::text[]) AND m.active
UNION SELECT g.guardian FROM guardians g WHERE g.ward = ANY($1::text[]) AND g.active
UNION SELECT m.user_id FROM class_memberships m WHERE m.class_id = ANY($3::text[])
UNION SELECT t.teacher_id FROM teachings t WHERE t.class_id = ANY($3::text[])
UNION SELECT g.guardian FROM class_memberships m JOIN guardians g ON g.ward = m.user_id AND g.active WHERE m.class_id = ANY($3::text[])
UNION SELECT t.user_id FROM class_memberships m JOIN class_memberships t ON t.class_id = m.class_id AND t.part = 'teacher'
WHERE m.user_id = ANY($1::text[]) AND m.part = 'student'
UNION SELECT t.teacher_id FROM class_memberships m JOIN teachings t ON t.class_id = m.class_id
WHERE m.user_id = ANY($1::text[]) AND m.part = 'student'"""
"""Those whose dashboards show figures of students ($1), mentors ($2) and classes ($3)."""
_WATCH_OVER = "SELECT p.person FROM read_exam_people p WHERE p.stream = ANY($1::text[]) AND p.active AND p.staff"
