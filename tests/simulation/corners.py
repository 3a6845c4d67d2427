"""The corners of the school: what is in each, who follows what there, how it is opened, and the last thing that happens in it.

Rules of this file: addresses and tables; whatever chance decides comes from the `Random` handed in. Never here: what people think
of doing meanwhile (`habits`), and giving the commands (`people`, `school`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from homeroom.engine.behaviour import Caller
from tests.simulation.plan import PEOPLE, ROOMS, TESS, Device, Plan

SESSION = "session:algebra"
EXAM, PROCTOR = "exam:mid", "proctor:mid"
QUEUES = ("queue:tess", "queue:physics")
"""Nobody may stand in both: they are one group."""
HALL_OF = "maths"
GROUP, BOARD = "group:study", "board:all_time.geo"
STUDENTS = tuple(person.user for person in PEOPLE if person.role == "student")
MINUTE_MS = 60_000
FOLLOWED = 0.65
"""The share of streams that a device follows: commands are given elsewhere too."""
QUESTION_IDS = ("capital", "pi", "river")
ITEMS: tuple[Mapping[str, Any], ...] = (
    {
        "question": {
            "id": "capital",
            "kind": "single",
            "text": "The capital of France?",
            "points": 2,
            "options": [{"id": "a", "text": "Lyon"}, {"id": "b", "text": "Paris"}],
        },
        "key": {"correct": ["b"]},
    },
    {
        "question": {"id": "pi", "kind": "numeric", "text": "Pi?", "points": 3},
        "key": {"number": 3.14, "tolerance": 0.1},
    },
    {"question": {"id": "river", "kind": "text", "text": "The river?"}, "key": {"accepted": ["Seine"]}},
)
ESSAY = {"question": {"id": "essay", "kind": "essay", "text": "Why?", "points": 5}}


@dataclass(frozen=True, slots=True)
class Wish:
    """A command that somebody has in mind; `certain`: it cannot but succeed in the end."""

    to: str
    do: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    certain: bool = True


def sitting_of(user: str) -> str:
    """Return the address of a student's sitting."""
    return f"sitting:{EXAM.partition(':')[2]}.{user}"


def streams_of(plan: Plan, device: Device) -> list[str]:
    """Return what a device follows, or tries to: what is its person's own, and most of the rest."""
    person, chance = device.person, plan.chance(f"{device.name} streams")
    own = {f"presence:{person.user}", f"inbox:{person.user}", sitting_of(person.user)}
    return [each for each in _all_of(plan, person) if each in own or chance.random() < FOLLOWED]


def haunts_of(plan: Plan, person: Caller) -> dict[str, int]:
    """Return where `person` turns to, and how often relative to others."""
    others = {f"presence:{other.user}" for other in PEOPLE if other.user != person.user}
    every = (each for each in _all_of(plan, person) if each != PROCTOR and each not in others)
    return {address: _WEIGHTS[address.partition(":")[0]] for address in every}


def _all_of(plan: Plan, person: Caller) -> list[str]:
    """Return what concerns `person`."""
    found = [*ROOMS, f"presence:{person.user}", f"inbox:{person.user}"]
    if person is TESS:
        found += [f"presence:{other.user}" for other in PEOPLE if other is not TESS]
    for corner in plan.corners:
        found += _STREAMS[corner]
        if corner == "exam":
            found += _exam_streams(person)
    return found


def entry_to(stream: str, person: Caller, device: str) -> Wish | None:
    """Return how somebody gets in who may not follow yet."""
    kind = stream.partition(":")[0]
    if kind == "sitting":
        return Wish(stream, "start", {"device": device}) if stream == sitting_of(person.user) else None
    if stream == EXAM and person.user not in STUDENTS:
        return None
    return Wish(stream, "join") if kind in {"room", "session", "group", "exam"} else None


def opening(plan: Plan, now: int, chance: Random) -> list[tuple[str, Wish]]:
    """Return by whom and how everything is made; `now` in Unix ms."""
    lobby, den = ROOMS
    found = [("tess", Wish(lobby, "create", {"title": "Lobby"}))]
    found += [("tess", Wish(den, "create", {"title": "Den", "visibility": "closed"}))]
    found += [("tess", Wish(den, "invite", {"user": user})) for user in STUDENTS]
    for corner in plan.corners:
        found += _OPENINGS[corner](plan, now, chance)
    return found


def closing(plan: Plan) -> list[tuple[str, Wish]]:
    """Return one thing more that happens everywhere, when all is well again.

    Where a second owner wrote, it must be everywhere indeed: the first learns of it only when it writes itself.
    """
    found = [("tess", Wish(room, "say")) for room in ROOMS]
    told = [person.user for person in PEOPLE] if plan.contested else ["ann"]
    if plan.contested:
        found += [(person.user, Wish(f"presence:{person.user}", "show")) for person in PEOPLE]
    found += [("tess", Wish("inbox:tess", "send", {"type": "school.over", "user": user})) for user in told]
    for corner in plan.corners:
        found += _CLOSINGS[corner]
        if corner == "exam" and plan.contested:
            found += [("tess", Wish(sitting_of(user), "say", certain=False)) for user in STUDENTS]
            found += [("tess", Wish(EXAM, do, {"user": "tom"})) for do in ("appoint", "dismiss")]
    return found


# --- lesson


def _open_lesson(plan: Plan, now: int, chance: Random) -> list[tuple[str, Wish]]:
    """Plan a session whose doors open, and of which people are reminded, within the run."""
    create = {
        "title": "Algebra",
        "starts": now + 5 * MINUTE_MS + int(1_000 * chance.uniform(1.0, plan.chaos_s)),
        "capacity": chance.choice((0, 1, 2, 3)),
        "audience": chance.choice(("open", "listed")),
        "people": list(STUDENTS),
    }
    early = [("tess", Wish(SESSION, "admit_early"))] if chance.random() < 0.7 else []
    return [("tess", Wish(SESSION, "create", create)), *early]


# --- exam


def _exam_streams(person: Caller) -> list[str]:
    """Return a student's own sitting; for its teacher all of them, and for staff the progress of all."""
    if person.user in STUDENTS:
        return [sitting_of(person.user)]
    return [PROCTOR, *(sitting_of(user) for user in STUDENTS if person is TESS)]


def _open_exam(plan: Plan, now: int, chance: Random) -> list[tuple[str, Wish]]:
    """Open an exam that closes by itself in the middle of it all, or in which everybody has a minute."""
    closes = now + int(1_000 * chance.uniform(2.0, plan.chaos_s - 1.0))
    create = {
        "title": "Midterm",
        "specialty": "geo",
        "minutes": 1,
        "closes": chance.choice((0, closes, closes)),
        "shuffle_questions": chance.random() < 0.5,
        "shuffle_options": chance.random() < 0.5,
        "release": chance.choice(("by_hand", "at_close")),
        "questions": [*ITEMS, ESSAY] if chance.random() < 0.3 else [*ITEMS],
        "students": [{"id": user, "name": user.title()} for user in STUDENTS],
    }
    return [("tess", Wish(EXAM, "create", create)), ("tess", Wish(EXAM, "publish")), ("tess", Wish(EXAM, "open"))]


# --- office hours


def _open_hours(plan: Plan, now: int, chance: Random) -> list[tuple[str, Wish]]:
    """Open two queues that share their students; one of them lets people drop in at times."""
    found = []
    for queue, owner in zip(QUEUES, ("tess", "ada"), strict=True):
        create = {
            "title": queue,
            "exclusive": HALL_OF,
            "order": chance.choice(("fifo", "fewest_helped", "first_timers")),
            "mode": chance.choice(("queue", "queue", "drop_in")),
            "capacity": chance.choice((2, 100)),
        }
        found += [(owner, Wish(queue, "create", create)), (owner, Wish(queue, "open"))]
    return found


# --- study


def _open_study(plan: Plan, now: int, chance: Random) -> list[tuple[str, Wish]]:
    """Found a group with few places, and let the board begin."""
    create = {
        "name": "Study",
        "max_members": chance.choice((2, 3, 10)),
        "visibility": chance.choice(("public", "public", "private")),
    }
    score = {"user": "ann", "name": "Ann", "points": 3, "source": "quiz:opening"}
    return [("ann", Wish(GROUP, "create", create)), ("tess", Wish(BOARD, "score", score))]


_STREAMS: Mapping[str, tuple[str, ...]] = {
    "lesson": (SESSION,),
    "exam": (EXAM,),
    "hours": QUEUES,
    "study": (GROUP, BOARD),
}
_WEIGHTS = {
    "room": 2, "presence": 1, "inbox": 1, "session": 12, "exam": 3, "sitting": 9, "queue": 5, "group": 7, "board": 4,
}  # fmt: skip
_OPENINGS = {"lesson": _open_lesson, "exam": _open_exam, "hours": _open_hours, "study": _open_study}
_LAST_SCORE = {"user": "ben", "name": "Ben", "points": 1, "source": "quiz:closing"}
_CLOSINGS: Mapping[str, list[tuple[str, Wish]]] = {
    "lesson": [("tess", Wish(SESSION, "say", certain=False))],
    "exam": [("tess", Wish(EXAM, "announce", {"text": "It is over"}, certain=False))],
    "hours": [("tess", Wish(QUEUES[0], "announce", {"text": "Bye"})), ("ada", Wish(QUEUES[1], "announce", {"text": "Bye"}))],
    "study": [("ann", Wish(GROUP, "say", certain=False)), ("tess", Wish(BOARD, "score", _LAST_SCORE))],
}  # fmt: skip
