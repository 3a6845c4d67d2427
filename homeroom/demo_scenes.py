"""What happens in the demo school's actors, scene by scene: who says what to whom. Pure data.

A scene has a name, and each of its lines a place in it: that is how a line that was said already is known and not said again.
Scenes that are about a day or a week have it in their names. Never here: saying it (`demo`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from homeroom.protocol import board, chat, exam, group, inbox, queue, room
from homeroom.protocol import session_words as session
from homeroom.protocol.exam_paper import Item, Key, Option, Question
from homeroom.protocol.zones import local_time
from homeroom.records.demo.school import (
    ADMIN,
    CLASS_OF,
    CLASSES,
    PAST_EXAM,
    PAST_QUESTION,
    PAULA,
    PETER,
    STUDENTS,
    TARA,
    THEO,
)

MINUTE_MS = 60_000
SOON_MS = 15 * MINUTE_MS
EVERY_MS = 5 * MINUTE_MS
EXAM_MS = 120 * MINUTE_MS
SLOT_HOURS = 4
"""So many hours of a day share one exam and one session that are about to begin."""
Replies = Mapping[str, Any]
Later = Callable[[Replies], Any]
ANN, BEN, EVE, DAN, FAY, GIL = STUDENTS
_NAMES = {student: f"Student {n}" for n, student in enumerate(STUDENTS, 1)}


@dataclass(frozen=True, slots=True)
class Line:
    """A command of one person to one actor. A function makes it of earlier replies by their names, or says with `None` that it falls away."""

    by: str
    to: str
    command: Any
    name: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Lines in their order."""

    name: str
    lines: tuple[Line, ...]


def scenes(now: int, zone: ZoneInfo) -> Iterator[Scene]:
    """Yield what happens in the demo school at `now` (Unix ms), by the clocks of `zone`."""
    local, slot, soon = local_time(now, zone), slot_of(now, zone), begins_soon(now)
    yield Scene("class-room", tuple(_class_room()))
    yield Scene("staff-room", tuple(_staff_room()))
    yield Scene("group", tuple(_group()))
    yield Scene("boards", tuple(_scores("board:all_time.all", "board:all_time.maths", source="demo:start", least=20)))
    yield Scene(f"week-{_week(local)}", tuple(_week_scores(_week(local))))
    yield Scene("notices", tuple(_notices()))
    yield Scene("queue", (Line(TARA, f"queue:{TARA}", queue.Create(title="Maths help")), *_helpers()))
    yield Scene(f"queue-{local.date()}", tuple(_line()))
    yield Scene("exam-past", tuple(_past_exam()))
    yield Scene(f"exam-{slot}", tuple(_exam(f"demo-{slot}", soon)))
    yield Scene(f"session-{slot}", tuple(_session(f"demo-{slot}", soon)))


def slot_of(now: int, zone: ZoneInfo) -> str:
    """Return what the hours around `now` (Unix ms) are called, that share what is about to begin."""
    local = local_time(now, zone)
    return f"{local.date()}-{local.hour // SLOT_HOURS}"


def begins_soon(now: int) -> int:
    """Return when begins what is about to begin at `now`, both Unix ms."""
    return -(-(now + SOON_MS) // EVERY_MS) * EVERY_MS


def _week(local: datetime) -> str:
    year, week, _ = local.isocalendar()
    return f"{year}-w{week:02}"


def reacted(name: str, emoji: str) -> Later:
    """Return what says an emoji to an earlier line, if that was said."""
    return lambda said: chat.React(message=said[name]["id"], emoji=emoji) if name in said else None


def answered(name: str, text: str) -> Later:
    """Return what says `text` to an earlier line, if that was said."""
    return lambda said: chat.Say(text=text, reply_to=said[name]["id"]) if name in said else None


def pinned(name: str) -> Later:
    """Return what pins an earlier line, if that was said."""
    return lambda said: chat.Pin(message=said[name]["id"]) if name in said else None


def _class_room() -> Iterator[Line]:
    to = "room:demo-10a"
    yield Line(TARA, to, room.Create(title="Class 10a"))
    for student in STUDENTS:
        if CLASS_OF[student] == "demo-10a":
            yield Line(student, to, room.Join())
    yield Line(TARA, to, chat.Say(text="Good morning! The trip is on Friday. Who brings a camera?"), "trip")
    yield Line(ANN, to, answered("trip", "I do, my father's old one."))
    yield Line(BEN, to, reacted("trip", "🎒"))
    yield Line(EVE, to, chat.Say(text="Is sheet 7 due tomorrow, or the day after?"), "sheet")
    yield Line(TARA, to, answered("sheet", "The day after. But the last two are harder than they look."))
    yield Line(ANN, to, reacted("sheet", "🙏"))
    yield Line(TARA, to, pinned("trip"))


def _staff_room() -> Iterator[Line]:
    to = "room:demo-staff"
    yield Line(ADMIN, to, room.Create(title="Staff room", visibility="closed"))
    for teacher in CLASSES.values():
        yield Line(ADMIN, to, room.Invite(teacher))
        yield Line(teacher, to, room.Join())
    yield Line(ADMIN, to, chat.Say(text="The report cards of 10a are out. Thank you, Tara!"), "cards")
    yield Line(TARA, to, reacted("cards", "🎉"))
    yield Line(THEO, to, chat.Say(text="Those of 10b follow this week."))


def _group() -> Iterator[Line]:
    to = "group:demo-algebra"
    about = "Sheets together, every Thursday."
    yield Line(ANN, to, group.Create(name="Algebra together", description=about, specialty="Algebra"))
    yield Line(BEN, to, group.Join())
    yield Line(DAN, to, group.Join())
    yield Line(ANN, to, group.Invite(EVE))
    yield Line(ANN, to, chat.Say(text="Number 3 drives me mad. Does anybody have it?"), "three")
    yield Line(DAN, to, answered("three", "Put x² aside first, then it falls apart by itself."))
    yield Line(BEN, to, reacted("three", "😅"))


def _scores(*boards: str, source: str, least: int) -> Iterator[Line]:
    for to in boards:
        for place, student in enumerate(STUDENTS):
            name = f"Student {place + 1}"
            yield Line(TARA, to, board.Score(student, name, least + (place * 37 + len(source)) % 60, source))


def _week_scores(week: str) -> Iterator[Line]:
    yield from _scores("board:weekly.all", "board:monthly.all", source=f"demo:{week}", least=5)


def _notices() -> Iterator[Line]:
    for student in STUDENTS:
        words = inbox.Send(
            "class.trip", "The class trip is on Friday", "Bring good shoes.", {"class": CLASS_OF[student]}
        )
        yield Line(CLASSES[CLASS_OF[student]], f"inbox:{student}", words)
    for parent in (PAULA, PETER):
        words = inbox.Send("school.evening", "Parents' evening", "On the first Monday of next month, at seven.")
        yield Line(ADMIN, f"inbox:{parent}", words)
    for teacher in CLASSES.values():
        yield Line(
            ADMIN, f"inbox:{teacher}", inbox.Send("school.reports", "Report cards", "Please finish them this week.")
        )


def _helpers() -> Iterator[Line]:
    yield Line(TARA, f"queue:{TARA}", queue.Appoint(THEO, "Theo Teacher"))


def _line() -> Iterator[Line]:
    to = f"queue:{TARA}"
    yield Line(TARA, to, queue.Open())
    yield Line(BEN, to, queue.Join(question="Why is minus times minus plus?", topic="Algebra"))
    yield Line(FAY, to, queue.Join(question="How do I begin a proof?", topic="Geometry"))
    yield Line(GIL, to, queue.Join(question="I lost my sheet.", topic=""))


def _exam(id: str, opens: int) -> Iterator[Line]:
    to = f"exam:{id}"
    yield Line(TARA, to, midterm(_NAMES, opens, course="demo-maths"))
    yield Line(TARA, to, exam.Appoint(THEO, "Theo Teacher"))
    yield Line(TARA, to, exam.Publish())


def midterm(people: Mapping[str, str], opens: int, course: str = "") -> exam.Create:
    """Return the making of an exam that opens then (Unix ms), for `people`, id -> name."""
    return exam.Create(
        title="Midterm",
        course=course,
        opens=opens,
        closes=opens + EXAM_MS,
        minutes=45,
        shuffle_questions=True,
        shuffle_options=True,
        release="at_close",
        reveal=True,
        questions=_PAPER,
        students=_listed(people),
    )


def _listed(people: Mapping[str, str]) -> tuple[exam.Person, ...]:
    return tuple(exam.Person(person, name) for person, name in people.items())


def _past_exam() -> Iterator[Line]:
    """Yield an exam that was written on paper: of its answers some still wait to be looked at."""
    to = f"exam:{PAST_EXAM}"
    people = _listed(_NAMES)
    essay = Item(Question(PAST_QUESTION, "essay", "Name three causes of the industrial age, and weigh them.", 5))
    words = "Written on paper, and read in afterwards."
    yield Line(THEO, to, exam.Create(title="An essay", description=words, questions=(essay,), students=people))
    yield Line(THEO, to, exam.Appoint(TARA, "Tara Teacher"))
    for command in (exam.Publish(), exam.Open(), exam.Close()):
        yield Line(THEO, to, command)


def _session(id: str, starts: int) -> Iterator[Line]:
    words = "Bring your sheet and your questions."
    made = session.Create(title="Maths live", starts=starts, description=words, minutes=45, people=STUDENTS[:3])
    yield Line(TARA, f"session:{id}", made)


def _options(*texts: str) -> tuple[Option, ...]:
    return tuple(Option(letter, text) for letter, text in zip("abcd", texts, strict=False))


_PAPER = (
    Item(
        Question("sum", "single", "What is 3/4 + 1/8?", 2, _options("4/12", "7/8", "1", "5/8")),
        Key(correct=("b",)),
    ),
    Item(
        Question("primes", "multiple", "Which of these are prime?", 3, _options("11", "21", "31", "51")),
        Key(correct=("a", "c"), partial=True),
    ),
    Item(Question("root", "numeric", "The square root of two, to two places?", 2), Key(number=1.41, tolerance=0.01)),
    Item(
        Question("name", "text", "What is the longest side of a right triangle called?", 1),
        Key(accepted=("hypotenuse",)),
    ),
    Item(Question("proof", "essay", "Why is there no largest prime?", 4)),
)
