"""What happens in the actors of the large demo school, scene by scene, around its first classes. Pure data.

As in the small one (`demo_scenes`), a scene that is about a day or some hours has it in its name. Never here: saying it (`demo`),
and who is in which class (`records.demo.plan`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from homeroom.demo_scenes import Line, Scene, answered, begins_soon, midterm, pinned, reacted, slot_of
from homeroom.protocol import chat, exam, group, queue, room
from homeroom.protocol import session_words as session
from homeroom.protocol.zones import local_time
from homeroom.records.demo.people import DEMO_ROOM, DEMO_ROOM_TITLE
from homeroom.records.demo.plan import ClassPlan, Plan
from homeroom.records.demo.school import ADMIN

LIVELY = 3
"""So many classes have something going on; in the others it is quiet."""
CHATTERS, STAFF = 8, 20
"""Students of a class who are in its room, and teachers in the staff room."""
_QUESTIONS = (
    "Why is minus times minus plus?",
    "How do I begin a proof?",
    "I lost my sheet.",
    "Is number 4 a trick?",
)


@dataclass(frozen=True, slots=True)
class _Lively:
    """A class with its people, and how they are called."""

    id: str
    teacher: str
    students: Sequence[str]
    names: Mapping[str, str]


def lively_people(plan: Plan) -> list[str]:
    """Return the ids of all who say something or are spoken of."""
    staff = {ADMIN, *plan.teachers[:STAFF]}
    return sorted(staff.union(*((one.teacher, *one.pupils) for one in _first(plan))))


def lively_scenes(plan: Plan, names: Mapping[str, str], now: int, zone: ZoneInfo) -> Iterator[Scene]:
    """Yield what happens at `now` (Unix ms), by the clocks of `zone`; `names` are those of `lively_people`."""
    slot, soon, today = slot_of(now, zone), begins_soon(now), local_time(now, zone).date()
    yield Scene("large-staff", tuple(_staff_room(plan.teachers[:STAFF])))
    for one in _first(plan):
        lively = _Lively(one.id, one.teacher, one.pupils, names)
        yield Scene(f"large-room-{one.id}", tuple(_class_room(lively)))
        yield Scene(f"large-group-{one.id}", tuple(_group(lively)))
        yield Scene(
            f"large-queue-{one.id}", (Line(one.teacher, f"queue:{one.teacher}", queue.Create(title="Any help")),)
        )
        yield Scene(f"large-queue-{one.id}-{today}", tuple(_line(lively)))
        yield Scene(f"large-exam-{one.id}-{slot}", tuple(_exam(lively, slot, soon)))
        yield Scene(f"large-session-{one.id}-{slot}", tuple(_session(lively, slot, soon)))


def _first(plan: Plan) -> list[ClassPlan]:
    return [plan.of_class(number) for number in range(min(LIVELY, plan.classes))]


def _staff_room(teachers: Sequence[str]) -> Iterator[Line]:
    """Yield the talk of the teachers, and the room that is open to all."""
    to = "room:demo-large-staff"
    yield Line(ADMIN, DEMO_ROOM, room.Create(title=DEMO_ROOM_TITLE))
    yield Line(ADMIN, to, room.Create(title="Staff room", visibility="closed"))
    for teacher in teachers:
        yield Line(ADMIN, to, room.Invite(teacher))
        yield Line(teacher, to, room.Join())
    yield Line(ADMIN, to, chat.Say(text="The entries of this week are in. Who still has some to look at?"), "entries")
    yield Line(teachers[0], to, answered("entries", "I do. Seven, until tomorrow."))
    yield Line(teachers[-1], to, reacted("entries", "🎉"))


def _class_room(lively: _Lively) -> Iterator[Line]:
    to, teacher, students = f"room:{lively.id}", lively.teacher, lively.students[:CHATTERS]
    yield Line(teacher, to, room.Create(title="Our class"))
    for student in students:
        yield Line(student, to, room.Join())
    yield Line(teacher, to, chat.Say(text="Good morning! The trip is on Friday. Who brings a camera?"), "trip")
    yield Line(students[0], to, answered("trip", "I do, my father's old one."))
    yield Line(students[-1], to, reacted("trip", "🎒"))
    yield Line(students[-1], to, chat.Say(text="Is sheet 7 due tomorrow, or the day after?"), "sheet")
    yield Line(teacher, to, answered("sheet", "The day after. But the last two are harder than they look."))
    yield Line(students[0], to, reacted("sheet", "🙏"))
    yield Line(teacher, to, pinned("trip"))


def _group(lively: _Lively) -> Iterator[Line]:
    to, (first, *others) = f"group:{lively.id}", lively.students[:CHATTERS]
    yield Line(first, to, group.Create(name="Sheets together", description="Every Thursday.", specialty="Algebra"))
    for student in others:
        yield Line(student, to, group.Join())
    yield Line(first, to, chat.Say(text="Number 3 drives me mad. Does anybody have it?"), "three")
    for student in others[:1]:
        yield Line(student, to, answered("three", "Put x² aside first, then it falls apart by itself."))


def _line(lively: _Lively) -> Iterator[Line]:
    to = f"queue:{lively.teacher}"
    yield Line(lively.teacher, to, queue.Open())
    for student, question in zip(lively.students, _QUESTIONS, strict=False):
        yield Line(student, to, queue.Join(question=question, topic="Algebra"))


def _exam(lively: _Lively, slot: str, opens: int) -> Iterator[Line]:
    to, people = f"exam:{lively.id}-{slot}", {one: lively.names[one] for one in lively.students if one in lively.names}
    yield Line(lively.teacher, to, midterm(people, opens))
    yield Line(lively.teacher, to, exam.Publish())


def _session(lively: _Lively, slot: str, starts: int) -> Iterator[Line]:
    words = "Bring your sheet and your questions."
    people = tuple(lively.students)
    made = session.Create(title="Maths live", starts=starts, description=words, minutes=45, people=people)
    yield Line(lively.teacher, f"session:{lively.id}-{slot}", made)
