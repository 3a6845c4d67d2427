"""The journeys: what one person does by REST, and what others must be shown of it on streams that they follow.

A class with its teacher, who is also the mentor of a student; the student's parent; two sessions of administrators. Every turn of a
journey does something new: another student, slot, sitting, person, or another mark. Never here: clocks (`journeys`).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from bench.journeys_school import ADMIN, HEAD, School, Viewer

TEACHER, STUDENT, PARENT, CLASS, EXAM = "walk-teacher", "walk-student", "walk-parent", "walk-class", "walk-exam"
HOUR_MS = 3_600_000
_FIRST_TO_COME_MS, _FIRST_OVER_MS = 2_000_000_000_000, 1_000_000_000_000
"""Days of the slots that are assigned, and of those that are completed: these must have begun."""
_MARKS = ("absent", "present")


class Walk(NamedTuple):
    """One turn: what is done, and what is seen then, in any order."""

    do: Callable[[], Any]
    sights: Sequence[Callable[[], None]]


class Walkers:
    """Those who walk; made once for a school of `pupils` in the class and so many `turns`."""

    def __init__(self, school: School, pupils: int, turns: int) -> None:
        self.school = school
        self.pupils = [STUDENT, *(f"walk-pupil-{number}" for number in range(1, pupils))]
        self._settle()
        self._open_exam(turns)
        self.teacher = school.watch(TEACHER, f"user:{TEACHER}")
        self.student = school.watch(STUDENT, f"user:{STUDENT}", f"inbox:{STUDENT}")
        self.parent = school.watch(PARENT, f"user:{PARENT}")
        self.admins = [school.watch(who, "role:admin") for who in (ADMIN, HEAD)]

    def _settle(self) -> None:
        ask = self.school.ask
        for who, role in ((TEACHER, "teacher"), (PARENT, "parent"), *((pupil, "student") for pupil in self.pupils)):
            self.school.add(who, role)
        ask(ADMIN, "POST", "/api/classes", id=CLASS, title="Those who walk")
        ask(ADMIN, "POST", "/api/class-memberships", class_id=CLASS, user_id=TEACHER, part="teacher")
        ask(ADMIN, "POST", f"/api/classes/{CLASS}/enrol", students=self.pupils)
        ask(ADMIN, "POST", "/api/mentorships", mentor_id=TEACHER, student_id=STUDENT)
        ask(ADMIN, "POST", "/api/guardians", guardian_id=PARENT, ward_id=STUDENT)

    def _open_exam(self, turns: int) -> None:
        """Open an exam that a person has to mark, with a student for each turn."""
        sitters = [{"id": self.school.add(f"walk-sitter-{turn}", "student")} for turn in range(turns)]
        essay = {"question": {"id": "why", "kind": "essay", "text": "Why?", "points": 5}}
        with self.school.enter(TEACHER) as teacher:
            teacher.do(f"exam:{EXAM}", "create", title="Levers", questions=[essay], students=sitters)
            teacher.do(f"exam:{EXAM}", "publish")
            teacher.do(f"exam:{EXAM}", "open")

    # --- the journeys

    def register(self, turn: int) -> Walk:
        """Register a student: the mentor's dashboard counts one more."""
        student = self.school.add(f"walk-new-{turn}", "student")
        more = self._more(self.teacher, "teacher", "active_students")
        body = {"user_id": student, "number": f"W{turn}", "mentor_id": TEACHER}
        return Walk(lambda: self.school.ask(ADMIN, "POST", "/api/students/register", **body), [more])

    def write(self, turn: int) -> Walk:
        """Write an entry: the mentor's dashboard counts one more that waits."""
        body = {"title": f"Entry {turn}", "body": "What I learned this week."}
        more = self._more(self.teacher, "teacher", "entries", "pending")
        return Walk(lambda: self.school.ask(STUDENT, "POST", "/api/entries", **body), [more])

    def assign(self, turn: int) -> Walk:
        """Assign a slot: the student has a notice of it."""
        slot = self._slot(turn, "Assigned", _FIRST_TO_COME_MS)

        def is_mine(d: Any) -> bool:
            notice = d["notice"]
            return bool(notice["type"] == "schedule.assigned" and notice["title"] == slot["title"])

        return Walk(
            lambda: self.school.ask(TEACHER, "POST", "/api/schedules", **slot),
            [lambda: self.student.see("inbox.notified", is_mine)],
        )

    def complete(self, turn: int) -> Walk:
        """Say that a slot is completed: the dashboards of student and mentor show it."""
        slot = self.school.ask(TEACHER, "POST", "/api/schedules", **self._slot(turn, "Completed", _FIRST_OVER_MS))

        def done(d: Any) -> bool:
            return bool(d["id"] == slot["id"] and d["row"]["status"] == "completed")

        path = f"/api/schedules/{slot['id']}/status"
        return Walk(
            lambda: self.school.ask(STUDENT, "PATCH", path, status="completed"),
            [
                lambda: self.student.see("schedule.status_changed", done),
                lambda: self.teacher.see("schedule.status_changed", done),
            ],
        )

    def submit(self, turn: int) -> Walk:
        """Submit an exam: the teacher's dashboard counts one more sitting that waits to be marked."""
        sitter = f"walk-sitter-{turn}"
        sitting = f"sitting:{EXAM}.{sitter}"
        with self.school.enter(sitter) as person:
            person.do(f"exam:{EXAM}", "join")
            person.follow(sitting)
            if person.do(sitting, "start")["status"] != "running":
                person.wait_event("sitting.started")
            person.do(sitting, "answer", question="why", rev=1, value="Because of the fulcrum.")
        more = self._more(self.teacher, "teacher", "sittings_waiting")
        return Walk(lambda: self.school.ask(sitter, "POST", f"/api/sittings/{EXAM}.{sitter}/submit"), [more])

    def admit(self, turn: int) -> Walk:
        """Add a person: the lists in two administrators' sessions have one more row."""
        body = {"id": f"walk-person-{turn}", "login": f"walk-person-{turn}", "name": "New Here", "role": "parent"}

        def listed(d: Any) -> bool:
            return bool(d["row"]["login"] == body["login"])

        return Walk(
            lambda: self.school.ask(HEAD, "POST", "/api/users", **body),
            [lambda admin=admin: admin.see("user.created", listed) for admin in self.admins],  # type: ignore[misc]
        )

    def mark(self, turn: int) -> Walk:
        """Mark the attendance of the class: the parent's dashboard counts it."""
        status = _MARKS[turn % len(_MARKS)]
        marks = [{"student_id": pupil, "status": status} for pupil in self.pupils]
        body = {"class_id": CLASS, "date": self.parent.figures["today"], "marks": marks}
        before = _attendance(self.parent.figures).get(status, 0)

        def counted() -> None:
            self.parent.see_figures(lambda figures: _attendance(figures).get(status, 0) == before + 1)

        return Walk(lambda: self.school.ask(TEACHER, "POST", "/api/attendance/mark", **body), [counted])

    def _more(self, viewer: Viewer, *path: str) -> Callable[[], None]:
        """Return what waits until a figure is one more than now."""
        before = _figure(viewer.figures, path)
        return lambda: viewer.see_figures(lambda figures: _figure(figures, path) == before + 1)

    def _slot(self, turn: int, title: str, first: int) -> dict[str, Any]:
        start = first + 24 * turn * HOUR_MS
        return {
            "mentor_id": TEACHER, "student_id": STUDENT, "title": f"{title} {turn}", "start_at": start, "end_at": start + HOUR_MS,
        }  # fmt: skip


JOURNEYS: Mapping[str, Callable[[Walkers, int], Walk]] = MappingProxyType(
    {
        "a student is registered → the mentor's count": Walkers.register,
        "a new entry → the mentor's count": Walkers.write,
        "a slot is assigned → the student's notice": Walkers.assign,
        "a slot is completed → both dashboards": Walkers.complete,
        "an exam is submitted → the teacher's dashboard": Walkers.submit,
        "a person is added → lists in two sessions": Walkers.admit,
        "attendance is marked → the parent's dashboard": Walkers.mark,
    }
)


def _figure(figures: Any, path: Sequence[str]) -> int:
    found: Any = figures
    for name in path:
        found = found.get(name, 0)
    return int(found)


def _attendance(figures: Any) -> dict[str, int]:
    (child,) = (child for child in figures["parent"]["children"] if child["id"] == STUDENT)
    found: dict[str, int] = child["figures"]["attendance"]
    return found
