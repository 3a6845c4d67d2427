"""What dashboards show: one set of figures a reader, by role. It stands in the snapshot of `user:<id>`, and `metrics.updated` tells it anew.

Never here: how they are kept (`records.tallies`), and for whom which.
"""

from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType

from homeroom.protocol.ids import Id


class EntryFigures(Struct, frozen=True):
    """Entries by status; `total` is all of them."""

    total: int = 0
    pending: int = 0
    approved: int = 0
    rejected: int = 0
    changes_requested: int = 0


class AttendanceFigures(Struct, frozen=True):
    """Marks of attendance."""

    present: int = 0
    late: int = 0
    absent: int = 0
    excused: int = 0


class TeacherFigures(Struct, frozen=True):
    """Of a teacher or mentor.

    `active_students`: one's mentees and the students of one's classes, each once, but none whose record says withdrawn or graduated;
    `mentees` of them. `entries`: those of one's mentees. `gradings_open`: answers that wait for a look of one's own; `sittings_waiting`:
    sittings of one's exams that are submitted and not graded. `tasks_open`: tasks one gave that are not done. `attendance_today`: of
    one's classes. `schedules_today`: one's slots that begin today and are not cancelled.
    """

    active_students: int
    mentees: int
    entries: EntryFigures
    attendance_today: AttendanceFigures
    gradings_open: int
    sittings_waiting: int
    tasks_open: int
    schedules_today: int


class StudentFigures(Struct, frozen=True):
    """Of a student. `attendance`: in the active term, or of all days while none is active; `schedules_today`: those of the classes too."""

    entries: EntryFigures
    tasks_open: int
    attendance: AttendanceFigures
    schedules_today: int


class ChildFigures(Struct, frozen=True):
    """Of a parent's child."""

    id: Id
    name: str
    figures: StudentFigures


class ParentFigures(Struct, frozen=True):
    """Of a parent: each child, by id."""

    children: tuple[ChildFigures, ...] = ()


class UserFigures(Struct, frozen=True):
    """How many people may come in, by role."""

    super_admin: int = 0
    admin: int = 0
    teacher: int = 0
    student: int = 0
    parent: int = 0


class SystemFigures(Struct, frozen=True):
    """A server now: open connections and the people behind them, actors in memory, and what happened a second, of late."""

    connections: int = 0
    people: int = 0
    actors: int = 0
    events_per_s: float = 0
    commands_per_s: float = 0
    deliveries_per_s: float = 0


class SchoolFigures(Struct, frozen=True):
    """Of the whole school. `active_students`: all students but those whose record says withdrawn or graduated; `applications_waiting`: those not decided."""

    users: UserFigures
    active_students: int
    classes: int
    courses: int
    attendance_today: AttendanceFigures
    entries_pending: int
    exams_published: int
    exams_open: int
    applications_waiting: int
    system: SystemFigures


class Figures(Struct, frozen=True, omit_defaults=True):
    """The figures of one reader, as they are told: one of the four, by role, and `unread`, the notices in one's inbox that are not read.

    `today` is the day that counts as such, in the school's zone.
    """

    today: str
    unread: int
    teacher: TeacherFigures | UnsetType = UNSET
    student: StudentFigures | UnsetType = UNSET
    parent: ParentFigures | UnsetType = UNSET
    school: SchoolFigures | UnsetType = UNSET

    type: ClassVar[str] = "metrics.updated"
