"""The figures of dashboards as their readers may see them: sums of counters over the scopes in which each reader stands.

Whose student, class or child somebody is, is asked anew each time, so that no membership needs a sum of its own; what happened is
in the counters. Of exams and inboxes, which are actors, the read models are asked by index. Never here: when somebody is told (`pulse`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.postgres import DatabaseError
from homeroom.protocol.access import ADMINS
from homeroom.protocol.dashboard import (
    AttendanceFigures,
    ChildFigures,
    EntryFigures,
    Figures,
    ParentFigures,
    SchoolFigures,
    StudentFigures,
    SystemFigures,
    TeacherFigures,
    UserFigures,
)
from homeroom.records.tallies import day_of

RETRY_MS = 500
FigureT = TypeVar("FigureT", EntryFigures, AttendanceFigures, UserFigures)
Sums = Mapping[str, int]
_ENTRIES = "c.name LIKE 'entries\\_%' AND c.day = ''"
_PRESENCE = "('attendance_present', 'attendance_late', 'attendance_absent', 'attendance_excused')"


class Reader(NamedTuple):
    """Whose figures are wanted, and in which role."""

    id: str
    role: str


class FigureReader:
    """What reads them. `zone` says what is today; `system` tells of this server; `exams`, `inboxes`: whether there are read models of them.

    Raises `Refusal` `unavailable` when the database is away.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        zone: ZoneInfo,
        *,
        system: Callable[[], SystemFigures] = SystemFigures,
        exams: bool = False,
        inboxes: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._system = system
        self._exams = exams
        self._inboxes = inboxes

    def today(self) -> str:
        """Return the day, in the school's zone."""
        return day_of(self._clock.now(), self._zone).isoformat()

    async def of(self, readers: Iterable[Reader]) -> dict[str, Figures]:
        """Return the figures of each reader, by id."""
        by_role: dict[str, list[str]] = defaultdict(list)
        for reader in readers:
            by_role["school" if reader.role in ADMINS else reader.role].append(reader.id)
        unread = await self._unread([one for ids in by_role.values() for one in ids])
        found: dict[str, Figures] = {}
        for role, ids in by_role.items():
            read = await _READ[role](self, ids, self.today())
            found |= {one: replace(figures, unread=unread.get(one, 0)) for one, figures in read.items()}
        return found

    async def _unread(self, ids: Sequence[str]) -> dict[str, int]:
        if not self._inboxes:
            return {}
        return {row["id"]: row["value"] for row in await self._fetch(_UNREAD, [f"inbox:{one}" for one in ids])}

    async def _teachers(self, ids: Sequence[str], today: str) -> dict[str, Figures]:
        sums = _by_owner(await self._fetch(_TEACHERS, ids, today))
        if self._exams:
            for row in await self._fetch(_WAITING, ids):
                sums[row["id"]]["sittings_waiting"] = row["value"]
        return {one: Figures(today, 0, teacher=_teacher(sums[one])) for one in ids}

    async def _students(self, ids: Sequence[str], today: str) -> dict[str, Figures]:
        sums = _by_owner(await self._fetch(_STUDENTS, ids, today))
        return {one: Figures(today, 0, student=_student(sums[one])) for one in ids}

    async def _parents(self, ids: Sequence[str], today: str) -> dict[str, Figures]:
        links = await self._fetch(_CHILDREN, ids)
        sums = _by_owner(await self._fetch(_STUDENTS, sorted({link["ward"] for link in links}), today))
        children: dict[str, list[ChildFigures]] = defaultdict(list)
        for link in links:
            children[link["guardian"]].append(ChildFigures(link["ward"], link["name"], _student(sums[link["ward"]])))
        return {one: Figures(today, 0, parent=ParentFigures(tuple(children[one]))) for one in ids}

    async def _school(self, ids: Sequence[str], today: str) -> dict[str, Figures]:
        sums = {row["name"]: row["value"] for row in await self._fetch(_SCHOOL, today)}
        exams = {row["status"]: row["value"] for row in await self._fetch(_EXAMS)} if self._exams else {}
        figures = Figures(today, 0, school=_school(sums, exams, self._system()))
        return dict.fromkeys(ids, figures)

    async def _fetch(self, sql: str, *args: Any) -> list[Any]:
        try:
            return await self._database.fetch(sql, *args)
        except DatabaseError:
            raise Refusal("unavailable", "the database is away", retry_ms=RETRY_MS) from None


_READ: Mapping[str, Callable[[FigureReader, Sequence[str], str], Any]] = {
    "teacher": FigureReader._teachers,
    "student": FigureReader._students,
    "parent": FigureReader._parents,
    "school": FigureReader._school,
}


def _by_owner(rows: Iterable[Any]) -> dict[str, dict[str, int]]:
    """Return whose figures stand in rows of `id`, `name` and `value`, those of one name added."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        sums[row["id"]][row["name"]] += row["value"]
    return sums


def _named(type: type[FigureT], sums: Sums, prefix: str, **more: int) -> FigureT:
    return type(**{name: sums.get(f"{prefix}_{name}", 0) for name in type.__struct_fields__} | more)


def _entries(sums: Sums) -> EntryFigures:
    total = sum(value for name, value in sums.items() if name.startswith("entries_"))
    return _named(EntryFigures, sums, "entries", total=total)


def _teacher(sums: Sums) -> TeacherFigures:
    return TeacherFigures(
        active_students=sums.get("active_students", 0),
        mentees=sums.get("mentees", 0),
        entries=_entries(sums),
        attendance_today=_named(AttendanceFigures, sums, "attendance"),
        gradings_open=sums.get("gradings_open", 0),
        sittings_waiting=sums.get("sittings_waiting", 0),
        tasks_open=sums.get("tasks_open", 0),
        schedules_today=sums.get("schedules", 0),
    )


def _student(sums: Sums) -> StudentFigures:
    return StudentFigures(
        entries=_entries(sums),
        tasks_open=sums.get("tasks_open", 0),
        attendance=_named(AttendanceFigures, sums, "attendance"),
        schedules_today=sums.get("schedules", 0),
    )


def _school(sums: Sums, exams: Sums, system: SystemFigures) -> SchoolFigures:
    return SchoolFigures(
        users=_named(UserFigures, sums, "users"),
        active_students=sums.get("active_students", 0),
        classes=sums.get("classes", 0),
        courses=sums.get("courses", 0),
        attendance_today=_named(AttendanceFigures, sums, "attendance"),
        entries_pending=sums.get("entries_pending", 0),
        exams_published=exams.get("published", 0),
        exams_open=exams.get("open", 0),
        applications_waiting=sums.get("applications_waiting", 0),
        system=system,
    )


_TEACHERS = f"""WITH me AS (SELECT id FROM unnest($1::text[]) AS asked (id)),
mentees AS (SELECT m.mentor_id AS id, m.student_id AS student FROM me JOIN mentorships m ON m.mentor_id = me.id AND m.active),
taught AS (SELECT t.user_id AS id, t.class_id AS class FROM me JOIN class_memberships t ON t.user_id = me.id AND t.part = 'teacher'
UNION SELECT t.teacher_id, t.class_id FROM me JOIN teachings t ON t.teacher_id = me.id),
students AS (SELECT id, student FROM mentees
UNION SELECT taught.id, s.user_id FROM taught JOIN class_memberships s ON s.class_id = taught.class AND s.part = 'student')
SELECT me.id, c.name, c.value FROM me JOIN counters c ON c.scope = 'mentor:' || me.id
AND (c.name IN ('mentees', 'tasks_open', 'gradings_open') AND c.day = '' OR c.name = 'schedules' AND c.day = $2)
UNION ALL SELECT m.id, c.name, sum(c.value)::bigint FROM mentees m JOIN counters c ON c.scope = 'student:' || m.student AND {_ENTRIES}
GROUP BY 1, 2
UNION ALL SELECT s.id, c.name, sum(c.value)::bigint FROM students s JOIN counters c ON c.scope = 'student:' || s.student
AND c.name = 'active_students' AND c.day = '' GROUP BY 1, 2
UNION ALL SELECT t.id, c.name, sum(c.value)::bigint FROM taught t JOIN counters c ON c.scope = 'class:' || t.class
AND c.name IN {_PRESENCE} AND c.day = $2 GROUP BY 1, 2"""  # noqa: S608 - constants
_STUDENTS = f"""WITH me AS (SELECT id FROM unnest($1::text[]) AS asked (id)),
term AS (SELECT min(starts_on) AS starts, max(ends_on) AS ends FROM terms WHERE active),
slots AS (SELECT id, 'student:' || id AS scope FROM me
UNION ALL SELECT me.id, 'class:' || m.class_id FROM me JOIN class_memberships m ON m.user_id = me.id AND m.part = 'student')
SELECT me.id, c.name, c.value FROM me JOIN counters c ON c.scope = 'student:' || me.id
AND (c.name = 'tasks_open' AND c.day = '' OR {_ENTRIES})
UNION ALL SELECT me.id, c.name, sum(c.value)::bigint FROM me CROSS JOIN term JOIN counters c ON c.scope = 'student:' || me.id
AND c.name IN {_PRESENCE} AND c.day BETWEEN coalesce(term.starts, '') AND coalesce(term.ends, '9999-12-31') GROUP BY 1, 2
UNION ALL SELECT s.id, c.name, sum(c.value)::bigint FROM slots s JOIN counters c ON c.scope = s.scope AND c.name = 'schedules'
AND c.day = $2 GROUP BY 1, 2"""  # noqa: S608 - constants
_CHILDREN = """SELECT g.guardian, g.ward, u.name FROM guardians g JOIN users u ON u.id = g.ward
WHERE g.guardian = ANY($1::text[]) AND g.active ORDER BY g.guardian, g.ward"""
_SCHOOL = "SELECT name, value FROM counters WHERE scope = 'school' AND day IN ('', $1::text)"
_UNREAD = "SELECT person AS id, unread AS value FROM read_inboxes WHERE stream = ANY($1::text[])"
_EXAMS = "SELECT status, count(*) AS value FROM read_exams WHERE status IN ('published', 'open') GROUP BY status"
_WAITING = """SELECT p.person AS id, count(*) AS value FROM read_exam_people p
JOIN read_sittings s ON s.exam = substr(p.stream, length('exam:') + 1) AND s.status = 'submitted' AND s.score IS NULL
WHERE p.person = ANY($1::text[]) AND p.active AND p.staff GROUP BY p.person"""
