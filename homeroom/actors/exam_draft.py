"""An exam before it is published: its settings, its questions with their keys; and who is listed and who watches over it, at any time.

Never here: what happens once it is published (`exam_run`), and the students' part (`exam_seats`).
"""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from msgspec.structs import asdict, replace

from homeroom.actors.exam_memory import Hall
from homeroom.actors.fitting import fit_name, fit_text
from homeroom.actors.own_course import check_own_course
from homeroom.engine.behaviour import NOTHING, Context, Decision, Refusal, Tell
from homeroom.protocol import exam as verbs
from homeroom.protocol.exam import STAFF_MAX, STUDENTS_MAX, Person, Settings
from homeroom.protocol.exam_events import (
    Appointed,
    Created,
    Deleted,
    Dismissed,
    Edited,
    Ended,
    Enrolled,
    Expelled,
    Left,
    QuestionPut,
    QuestionRemoved,
)
from homeroom.protocol.exam_messages import Finish, SetStaff
from homeroom.protocol.exam_paper import PAPER_MAX, QUESTIONS_MAX, Item, Key, Question, weigh
from homeroom.protocol.grading import normalise
from homeroom.protocol.inbox import Notify

ID_MAX = 64


def create(hall: Hall, command: verbs.Create, context: Context) -> Decision:
    """`conflict` when the exam exists, or did; `bad_command` for an unfit question, id or time, `full` for too long a paper.

    `forbidden` for a course to which the caller does not belong.
    """
    if hall.shown.settings is not None:
        raise Refusal("conflict", "the exam exists" if hall.exists else "there was an exam of this id")
    if "." in hall.id:
        raise _unfit("id", "no dot in an exam's id: ids of sittings begin with it")
    settings = _fit_settings(Settings(**{name: getattr(command, name) for name in Settings.__struct_fields__}))
    check_own_course(settings.course, context)
    _check_to_come(command.closes, context.now)
    caller = context.caller
    owner = "" if caller.role == "system" else caller.user
    seed = command.seed or context.random.getrandbits(52)
    created = Created(settings, owner, caller.name[:200] if owner else "", seed)
    puts = _put_all(command.questions)
    enrolled = _enrol(hall, command.students, context)
    watch = _tell_proctors(hall, settings.title, (owner,) if owner else ())
    return Decision((created, *puts, *enrolled), tells=watch)


def edit(hall: Hall, command: verbs.Edit, context: Context) -> Decision:
    """`conflict` once it is published, `bad_command` for times that are none, `forbidden` as `create`; what changes nothing is nothing."""
    _check_draft(hall)
    _check_to_come(command.closes, context.now)
    changes = {name: value for name, value in asdict(command).items() if value is not None}
    settings = _fit_settings(replace(hall.settings, **changes))
    if settings.course != hall.settings.course:
        check_own_course(settings.course, context)
    return NOTHING if settings == hall.settings else Decision((Edited(settings),))


def delete(hall: Hall, command: verbs.Delete, context: Context) -> Decision:
    """`conflict` once it is published."""
    if hall.shown.status != "draft":
        raise Refusal("conflict", "the exam is published: close it instead")
    return Decision((Deleted(),), tells=_tell_proctors(hall, hall.settings.title, ()), evict=hall.staff)


def put_question(hall: Hall, command: verbs.PutQuestion, context: Context) -> Decision:
    """`conflict` once it is published, `bad_command` for a key that does not fit, `full` for too long a paper."""
    _check_draft(hall)
    item = _fit_item(Item(command.question, command.key))
    items = {**hall.memory.items, item.question.id: item}
    if hall.memory.items.get(item.question.id) == item:
        return NOTHING
    _check_room(items.values())
    return Decision((_put(item, items.values()),))


def remove_question(hall: Hall, command: verbs.RemoveQuestion, context: Context) -> Decision:
    """`conflict` once it is published, `not_found` for a question that is not there."""
    _check_draft(hall)
    if command.question not in hall.memory.items:
        raise Refusal("not_found", "no such question")
    rest = [item for id_, item in hall.memory.items.items() if id_ != command.question]
    return Decision((QuestionRemoved(len(rest), _points(rest), command.question),))


# --- who is listed


def enroll(hall: Hall, command: verbs.Enroll, context: Context) -> Decision:
    """`conflict` once it is closed, `full` at `STUDENTS_MAX`, `bad_command` for an id too long; who is listed stays so.

    Of a course also `forbidden`, for who does not belong to it, and `bad_command` when the exam has none.
    """
    if hall.shown.status == "closed":
        raise Refusal("conflict", "the exam is closed")
    if not command.people and not command.course:
        raise _unfit("people", "one at least, or the course")
    course = _of_course(hall, context) if command.course else ()
    enrolled = _enrol(hall, (*command.people, *course), context)
    if hall.shown.status == "draft":
        return Decision(enrolled)
    users = [event.user for event in enrolled]
    return Decision((*enrolled, *_ended(hall, users)), tells=hall.notify(users, announce_exam(hall)))


def expel(hall: Hall, command: verbs.Expel, context: Context) -> Decision:
    """`not_found` for who is not listed. A sitting that has begun ends with what is saved."""
    seat = hall.memory.seats.get(command.user)
    if seat is None:
        raise Refusal("not_found", "no such student in this exam")
    expelled = Expelled(len(hall.memory.seats) - 1, command.user)
    here = hall.shown.participants
    left = (Left(command.user, len(here) - 1),) if command.user in here else ()
    tells = hall.tell([command.user], Finish("expelled", context.now)) if seat.status != "listed" else ()
    timers = hall.look_again(context.now) if seat.held else ()
    return Decision((*left, expelled), tells=tells, timers=timers, evict=(command.user,))


def announce_exam(hall: Hall) -> Notify:
    """Return the notice that tells a student of an exam."""
    title = f"Exam: {hall.settings.title}"[:200]
    return Notify(
        "exam.published", title, data={"exam": hall.id}, url=f"/exams/{hall.id}", key=f"exam:{hall.id}.published"
    )


def _enrol(hall: Hall, people: Iterable[Person], context: Context) -> tuple[Enrolled, ...]:
    """Return an event for each who is not listed yet, each once; who comes without a name has the one that the school knows."""
    news = {person.id: person.name for person in people if person.id not in hall.memory.seats}
    count = len(hall.memory.seats)
    if count + len(news) > STUDENTS_MAX:
        raise Refusal("full", f"an exam lists {STUDENTS_MAX} students")
    for user in news:
        if len(hall.id) + 1 + len(user) > ID_MAX:
            raise _unfit("people", f"exam's and student's id have {ID_MAX - 1} characters together at the most")
    named = {user: name or context.members(f"user:{user}").get(user, "") for user, name in news.items()}
    return tuple(
        Enrolled(count + place, user, _fit_person(name)) for place, (user, name) in enumerate(named.items(), 1)
    )


def _of_course(hall: Hall, context: Context) -> tuple[Person, ...]:
    """Return the students of the exam's course."""
    course = hall.settings.course
    if not course:
        raise _unfit("course", "the exam is of none")
    check_own_course(course, context, known=True)
    return tuple(Person(user, name) for user, name in context.members(f"course:{course}").items())


def _ended(hall: Hall, users: Iterable[str]) -> tuple[Ended, ...]:
    """Return an event for each who is listed again and wrote when taken off: that ended the sitting, whose report was not heard."""
    former, submitted = hall.memory.former, hall.shown.submitted
    back = [user for user in users if user in former and former[user].status == "running"]
    return tuple(Ended(submitted + place, user) for place, user in enumerate(back, 1))


# --- who watches over it


def appoint(hall: Hall, command: verbs.Appoint, context: Context) -> Decision:
    """`full` at `STAFF_MAX`, `conflict` for a listed student; who watches already is nothing."""
    if command.user in hall.staff:
        return NOTHING
    if command.user in hall.memory.seats:
        raise Refusal("conflict", "a student of the exam cannot watch over it")
    if len(hall.shown.proctors) >= STAFF_MAX:
        raise Refusal("full", f"{STAFF_MAX} watch over the exam already")
    return Decision(
        (Appointed(command.user, _fit_person(command.name)),), tells=_tell_staff(hall, (*hall.staff, command.user))
    )


def dismiss(hall: Hall, command: verbs.Dismiss, context: Context) -> Decision:
    """Who does not watch is nothing; the owner stays."""
    if command.user not in hall.shown.proctors:
        return NOTHING
    staff = tuple(user for user in hall.staff if user != command.user)
    return Decision((Dismissed(command.user),), tells=_tell_staff(hall, staff), evict=(command.user,))


def _tell_staff(hall: Hall, staff: tuple[str, ...]) -> tuple[Tell, ...]:
    title = hall.settings.title
    return (*hall.tell(hall.prepared(), SetStaff(staff, title)), *_tell_proctors(hall, title, staff))


def _tell_proctors(hall: Hall, title: str, staff: tuple[str, ...]) -> tuple[Tell, ...]:
    return (Tell(f"proctor:{hall.id}", SetStaff(staff, title)),)


# --- what fits


def _check_draft(hall: Hall) -> None:
    if hall.shown.status != "draft":
        raise Refusal("conflict", "the exam is published: it cannot be changed any more")


def _fit_person(name: str) -> str:
    return fit_name("name", name) if name else ""


def _fit_settings(settings: Settings) -> Settings:
    if settings.opens and settings.closes and settings.closes <= settings.opens:
        raise _unfit("closes", "a time after `opens`, or 0")
    description = fit_text("description", settings.description) if settings.description else ""
    return replace(settings, title=fit_name("title", settings.title), description=description)


def _check_to_come(closes: int | None, now: int) -> None:
    if closes and closes <= now:
        raise _unfit("closes", "a time to come, or 0")


def _put_all(items: Iterable[Item]) -> tuple[QuestionPut, ...]:
    """Return an event for each question; raises `bad_command` for one that is there twice."""
    fit: dict[str, Item] = {}
    events = []
    for item in map(_fit_item, items):
        if item.question.id in fit:
            raise _unfit("questions", f"each id once: {item.question.id} is there twice")
        fit[item.question.id] = item
        events.append(_put(item, fit.values()))
    _check_room(fit.values())
    return tuple(events)


def _put(item: Item, every: Iterable[Item]) -> QuestionPut:
    known = list(every)
    return QuestionPut(len(known), _points(known), item.question, item.key)


def _points(items: Iterable[Item]) -> int:
    return sum(item.question.points for item in items)


def _check_room(items: Iterable[Item]) -> None:
    known = list(items)
    if len(known) > QUESTIONS_MAX or weigh(known) > PAPER_MAX:
        raise Refusal("full", f"a paper holds {QUESTIONS_MAX} questions and {PAPER_MAX} characters")


def _fit_item(item: Item) -> Item:
    """Return the question with clean texts and a key of its kind's form; raises `bad_command`."""
    question, key = item.question, item.key
    options = tuple(replace(option, text=fit_text("question.options", option.text)) for option in question.options)
    fit = replace(question, text=fit_text("question.text", question.text), options=options)
    if len({option.id for option in options}) != len(options) or bool(options) != (fit.kind in {"single", "multiple"}):
        raise _unfit(
            "question.options", "for `single` and `multiple`, each with an id of its own; none for other kinds"
        )
    allowed = _KEYS[fit.kind](fit, key)
    if allowed is not None:
        raise _unfit("key", allowed)
    return Item(fit, _as_stored(key))


def _as_stored(key: Key) -> Key:
    """Return the key with numbers of the type that they have when they are read again."""
    return replace(key, number=None if key.number is None else float(key.number), tolerance=float(key.tolerance))


def _unfit(field: str, allowed: str) -> Refusal:
    return Refusal("bad_command", f"{field}: {allowed}", data={"field": field, "allowed": allowed})


def _single_key(question: Question, key: Key) -> str | None:
    known = {option.id for option in question.options}
    fits = len(known) > 1 and len(key.correct) > 0 and known.issuperset(key.correct)
    return None if fits else "`correct` names one or more of at least two options"


def _multiple_key(question: Question, key: Key) -> str | None:
    twice = len(set(key.correct)) != len(key.correct)
    return "`correct` names each option once" if twice else _single_key(question, key)


def _numeric_key(question: Question, key: Key) -> str | None:
    fits = key.number is not None and isfinite(key.number) and isfinite(key.tolerance)
    return None if fits else "`number`, and a `tolerance` of 0 or more, both finite"


def _text_key(question: Question, key: Key) -> str | None:
    fits = len(key.accepted) > 0 and all(normalise(text, key) and "\0" not in text for text in key.accepted)
    return None if fits else "`accepted`: one or more texts with something visible"


def _no_key(question: Question, key: Key) -> str | None:
    return None if key == Key() else "none: people judge an essay"


_KEYS: dict[str, Callable[[Question, Key], Any]] = {
    "single": _single_key,
    "multiple": _multiple_key,
    "numeric": _numeric_key,
    "text": _text_key,
    "essay": _no_key,
}
