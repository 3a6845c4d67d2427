"""A large school, thought out by a seed: who is in it, class by class, and what each class has. Pure: rows, and no database.

The same seed and day give the same school; ids are the same for every seed. Never here: putting it into tables (`large`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from homeroom.protocol.access import ADMINS
from homeroom.protocol.zones import clock_moment, find_zone
from homeroom.records.declare import RecordType
from homeroom.records.demo.days import LESSON_MIN, LESSONS, school_days
from homeroom.records.demo.names import person_name
from homeroom.records.demo.people import DEMO_PEOPLE
from homeroom.records.demo.school import term_of
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT
from homeroom.records.school.entries import ENTRY
from homeroom.records.school.guardianships import GUARDIANSHIP
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.terms import TERM
from homeroom.records.school.users import USER

Rows = Sequence[Mapping[str, Any]]
SUBJECTS = ("mathematics", "languages", "biology", "geography", "music", "sports")
TOPICS = (
    "A walk along the river",
    "How bread is made",
    "My favourite proof",
    "The longest night",
    "A letter to the mayor",
)
_SEEN = ("present",) * 17 + ("late", "absent", "excused")
_STATUSES = ("approved", "approved", "approved", "rejected", "changes_requested", "pending", "pending")


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a school is: so many students, classes of `per_class`, attendance of the last `days` school days until `today`.

    `zone` is the one by whose clocks lessons begin.
    """

    today: date
    students: int = 5_000
    seed: int = 1
    per_class: int = 25
    days: int = 5
    zone: ZoneInfo = field(default_factory=lambda: find_zone("UTC"))

    @property
    def classes(self) -> int:
        """Return how many classes that makes; each has a teacher of its own."""
        return -(-self.students // self.per_class)

    @property
    def courses(self) -> int:
        """Return how many courses there are."""
        return max(2, self.classes // 4)

    @property
    def teachers(self) -> list[str]:
        """Return the ids of all teachers."""
        return [_teacher(number) for number in range(self.classes)]

    def staff(self) -> Iterator[tuple[RecordType, Rows]]:
        """Yield what is there before any class: those who lead the school, teachers, the term, subjects and courses."""
        random = Random(f"{self.seed} staff")  # noqa: S311 - the same on every machine, no secret
        term, title, first, last = term_of(self.today)
        teachers = [_person(teacher, "teacher", random) for teacher in self.teachers]
        yield USER, [{"login": one.id, **one._asdict()} for one in DEMO_PEOPLE if one.role in ADMINS]
        yield from ((USER, teachers[start : start + 100]) for start in range(0, self.classes, 100))
        yield TERM, [{"id": term, "title": title, "starts_on": first.isoformat(), "ends_on": last.isoformat()}]
        yield SUBJECT, [{"id": f"demo-{code}", "code": f"demo-{code}", "title": code.title()} for code in SUBJECTS]
        yield COURSE, [self._course(number) for number in range(self.courses)]

    def of_class(self, number: int) -> "ClassPlan":
        """Return what one class has; classes are counted from 0."""
        first = number * self.per_class
        return ClassPlan(self, number, tuple(range(first, min(first + self.per_class, self.students))))

    def _course(self, number: int) -> dict[str, Any]:
        code = _course(number)
        teacher = _teacher(number * 3 % self.classes)
        return {"id": code, "code": code, "title": f"Course {number + 1}", "teacher_id": teacher}


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """One class with its students, by their numbers in the school."""

    plan: Plan
    number: int
    students: Sequence[int]

    @property
    def id(self) -> str:
        """Return the id of the class."""
        return f"demo-c{self.number + 1:03}"

    @property
    def teacher(self) -> str:
        """Return the id of the class's own teacher, who is everybody's mentor in it."""
        return _teacher(self.number)

    @property
    def pupils(self) -> tuple[str, ...]:
        """Return the ids of its students."""
        return tuple(_student(n) for n in self.students)

    def rows(self) -> Iterator[tuple[RecordType, Rows]]:
        """Yield its rows, each type after those that it refers to; memberships come before the students whose home they are."""
        random = Random(f"{self.plan.seed} class {self.number}")  # noqa: S311 - the same on every machine, no secret
        grade = 5 + self.number % 8
        title = f"{grade}{'abcdefghijklmnopqrstuvwxyz'[self.number // 8 % 26]}"
        yield USER, [_person(_student(n), "student", random) for n in self.students]
        yield USER, [_person(parent, "parent", random) for parent in sorted({parent for parent, _ in self._links()})]
        yield GUARDIANSHIP, [self._link(parent, ward) for parent, ward in self._links()]
        yield CLASS, [{"id": self.id, "title": title, "grade": str(grade), "term_id": term_of(self.plan.today)[0]}]
        yield CLASS_MEMBERSHIP, [self._member(self.teacher, "teacher"), *self._members()]
        yield TEACHING, [self._teaching(place, code) for place, code in enumerate(SUBJECTS)]
        yield MENTORSHIP, [self._mentorship(n) for n in self.students]
        yield STUDENT, [self._student(n, grade, random) for n in self.students]
        yield ENROLMENT, [row for n in self.students for row in self._enrolments(n, random)]
        yield ENTRY, [self._entry(n, place, random) for n in self.students for place in range(2)]
        yield SCHEDULE, list(self._lessons())
        yield ANNOUNCEMENT, [self._trip()]

    def attendance(self) -> Iterator[tuple[RecordType, Rows]]:
        """Yield who was there, a day at a time; the class's teacher says so."""
        random = Random(f"{self.plan.seed} attendance {self.number}")  # noqa: S311 - the same on every machine, no secret
        for _, day in zip(range(self.plan.days), school_days(self.plan.today), strict=False):
            seen = {"class_id": self.id, "date": day.isoformat()}
            yield (
                ATTENDANCE,
                [
                    {**seen, "id": f"{_student(n)}-{day}", "student_id": _student(n), "status": random.choice(_SEEN)}
                    for n in self.students
                ],
            )

    def reviews(self) -> dict[str, str]:
        """Return what the mentor makes of the entries: id -> status; those that wait are left out."""
        random = Random(f"{self.plan.seed} reviews {self.number}")  # noqa: S311 - the same on every machine, no secret
        made = {_entry(n, place): random.choice(_STATUSES) for n in self.students for place in range(2)}
        return {entry: status for entry, status in made.items() if status != "pending"}

    def _lessons(self) -> Iterator[dict[str, Any]]:
        """Yield the lessons of the class with its own teacher: two a day this week, and today."""
        monday, zone = self.plan.today - timedelta(days=self.plan.today.weekday()), self.plan.zone
        for day in sorted({self.plan.today, *(monday + timedelta(days=n) for n in range(5))}):
            for place, clock in enumerate(LESSONS[:2]):
                start, subject = clock_moment(day, clock, zone), SUBJECTS[(day.weekday() + place) % len(SUBJECTS)]
                times = {"start_at": start, "end_at": start + LESSON_MIN * 60_000, "zone": zone.key or "UTC"}
                what = {"mentor_id": self.teacher, "class_id": self.id, "is_group_session": True}
                yield {"id": f"{self.id}-{day}-{place + 1}", "title": subject.title(), **what, **times}

    def _trip(self) -> dict[str, Any]:
        words = {"title": "Class trip", "body": "<p>Bring good shoes, and something to eat.</p>"}
        return {"id": f"{self.id}-trip", "author_id": self.teacher, "class_id": self.id, **words}

    def _links(self) -> Iterator[tuple[str, str]]:
        """Yield parents with children: every fourth child has the parent of the one before, every third has two."""
        for n in self.students:
            sibling = n % 4 == 3 and n - 1 in self.students
            yield _parent(n - 1 if sibling else n), _student(n)
            if n % 3 == 0:
                yield f"{_parent(n)}-2", _student(n)

    def _link(self, parent: str, ward: str) -> dict[str, Any]:
        return {"id": f"{ward}-{parent}", "guardian_id": parent, "ward_id": ward}

    def _member(self, user: str, part: str) -> dict[str, Any]:
        return {"id": f"{self.id}-{user}", "class_id": self.id, "user_id": user, "part": part}

    def _members(self) -> Iterator[dict[str, Any]]:
        return (self._member(_student(n), "student") for n in self.students)

    def _teaching(self, place: int, code: str) -> dict[str, Any]:
        teacher = _teacher((self.number + place * 7) % self.plan.classes)
        what = {"class_id": self.id, "subject_id": f"demo-{code}", "teacher_id": teacher}
        return {"id": f"{self.id}-{code}", **what}

    def _mentorship(self, n: int) -> dict[str, Any]:
        return {"id": f"{_student(n)}-mentor", "mentor_id": self.teacher, "student_id": _student(n)}

    def _student(self, n: int, grade: int, random: Random) -> dict[str, Any]:
        born = date(self.plan.today.year - grade - 6, random.randint(1, 12), random.randint(1, 28))
        student = {"id": _student(n), "user_id": _student(n), "number": f"demo-{n + 1:05}"}
        return {**student, "class_id": self.id, "birth_date": born.isoformat()}

    def _enrolments(self, n: int, random: Random) -> Iterator[dict[str, Any]]:
        for number in sorted(random.sample(range(self.plan.courses), 2)):
            course = _course(number)
            yield {"id": f"{_student(n)}-{course}", "course_id": course, "user_id": _student(n)}

    def _entry(self, n: int, place: int, random: Random) -> dict[str, Any]:
        title = random.choice(TOPICS)
        body = f"{title}: what I saw, what I asked, and what I still want to know."
        return {"id": _entry(n, place), "student_id": _student(n), "title": title, "body": body}


def _person(id: str, role: str, random: Random) -> dict[str, Any]:
    return {"id": id, "login": id, "name": person_name(random), "role": role}


def _teacher(number: int) -> str:
    return f"demo-t{number + 1:03}"


def _student(n: int) -> str:
    return f"demo-s{n + 1:05}"


def _parent(n: int) -> str:
    return f"demo-p{n + 1:05}"


def _course(number: int) -> str:
    return f"demo-course-{number + 1:03}"


def _entry(n: int, place: int) -> str:
    return f"{_student(n)}-entry-{place + 1}"
