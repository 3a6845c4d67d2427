"""What people think of doing in sessions, exams, sittings and office hours. See `habits`.

Never here: giving the command (`people`), and what becomes of it (`judge`).
"""

from collections.abc import Mapping
from typing import Any

from tests.simulation import habits
from tests.simulation.corners import QUESTION_IDS
from tests.simulation.habits import CHAT, CHAT_STAFF, Habits, Mind, either, named, nothing

NUMBERS = tuple(str(number) for number in range(1, 12))


def _question(mind: Mind, to: str) -> str:
    return str(mind.some(to, lambda state: state.questions, *NUMBERS))


def _poll(mind: Mind, to: str) -> str:
    return str(mind.some(to, lambda state: state.polls, *NUMBERS))


def _poll_open(mind: Mind, to: str) -> Mapping[str, Any]:
    kind = mind.one_of({}, {"anonymous": True}, {"multiple": True}, {"changeable": True})
    return {"question": "Clear?", "options": ["yes", "no", "partly"], **kind}


def _session_change(mind: Mind, to: str) -> Mapping[str, Any]:
    starts = mind.clock() + mind.one_of(60_000, 302_000, 902_000)
    return dict((mind.one_of(("title", "Topology"), ("capacity", mind.one_of(1, 2, 3)), ("starts", starts)),))


def _next_in_session(mind: Mind, state: Any) -> str:
    """Come in, and vote where one has not."""
    me = mind.who.user
    if me not in state.people:
        return "join"
    return "poll_vote" if any(not poll.closed and me not in poll.votes for poll in state.polls.values()) else ""


SESSION = Habits(
    {
        **CHAT,
        "join": (9, nothing),
        "leave": (5, nothing),
        "raise_hand": (3, nothing),
        "lower_hand": (2, nothing),
        "ask": (5, nothing),
        "upvote": (4, lambda mind, to: {"question": _question(mind, to), "on": mind.one_of(True, True, False)}),
        "withdraw": (2, named("question", _question)),
        "poll_vote": (5, lambda mind, to: {"poll": _poll(mind, to), "choices": mind.one_of([0], [1], [2], [0, 1])}),
        "attendance": (1, nothing),
        "attendees": (1, nothing),
    },
    {
        **CHAT_STAFF,
        "start": (3, nothing),
        "end": (1, nothing),
        "cancel": (1, nothing),
        "admit_early": (3, nothing),
        "enroll": (2, lambda mind, to: {"people": [mind.student(to)]}),
        "expel": (1, lambda mind, to: {"people": [mind.student(to)]}),
        "change": (2, _session_change),
        "set_recording": (1, either("url", "https://example.org/1", "", "http://no")),
        "answer": (3, lambda mind, to: {"question": _question(mind, to), "text": mind.one_of("", "Yes")}),
        "poll_open": (6, _poll_open),
        "poll_close": (2, named("poll", _poll)),
        "roster": (1, nothing),
    },
    _next_in_session,
)

# --- exams

_TIME = lambda mind, to: {"minutes": 1, **mind.one_of({}, {"user": mind.student(to)})}  # noqa: E731 - a row of a table
_ONE = lambda mind, to: mind.one_of({}, {"user": mind.student(to)})  # noqa: E731 - the same

EXAM = Habits(
    {"join": (5, nothing), "leave": (1, nothing)},
    {
        "open": (2, nothing),
        "extend": (2, _TIME),
        "pause": (2, _ONE),
        "resume": (4, _ONE),
        "announce": (3, either("text", "Quiet", "Ten minutes")),
        "close": (1, nothing),
        "release": (2, nothing),
        "appoint": (1, named("user", Mind.fellow)),
        "dismiss": (1, named("user", Mind.fellow)),
        "enroll": (1, lambda mind, to: {"people": [{"id": mind.student(to)}]}),
        "expel": (1, named("user", Mind.student)),
        "edit": (1, either("title", "Final")),
        "students": (1, nothing),
        "sittings": (1, nothing),
        "results": (1, nothing),
        "paper": (1, nothing),
    },
    lambda mind, state: "join" if mind.who.role == "student" and mind.who.user not in state.participants else "",
)
QUESTIONS = (*QUESTION_IDS, "essay")
VALUES: Mapping[str, tuple[Any, ...]] = {
    "capital": ("a", "b", None),
    "pi": (3.14, 2, 0.5),
    "river": ("Seine", "Loire"),
    "essay": ("Because", "Why not"),
    "nope": (1,),
}


def _answer(mind: Mind, to: str) -> Mapping[str, Any]:
    """Change an answer that was seen, at times from an old view of it, or with a value that does not fit."""
    question = mind.one_of(*QUESTIONS[:3], *QUESTIONS[:3], "essay", "nope")
    state = mind.look(to)
    kept = state.answers.get(question) if state is not None else None
    seen = kept.rev if kept is not None else 0
    rev = max(1, seen + mind.one_of(1, 1, 1, 1, 2, 0, -1))
    value = mind.one_of(*VALUES[question]) if mind.chance.random() < 0.95 else mind.one_of(*VALUES["capital"])
    named = {"device": mind.device} if mind.one_of(True, False) else {}
    return {"question": question, "rev": rev, "value": value, **mind.one_of({}, {"expected": seen}), **named}


def _as_device(mind: Mind, to: str) -> Mapping[str, Any]:
    return {"device": mind.device}


SITTING = Habits(
    {
        "start": (4, _as_device),
        "answer": (24, _answer),
        "progress": (3, either("question", *QUESTIONS)),
        "flag": (2, lambda mind, to: {"question": mind.one_of(*QUESTIONS), "on": mind.one_of(True, False)}),
        "submit": (1, _as_device),
        "result": (1, nothing),
        "say": (3, nothing),
        "read": (1, named("upto", Mind.message)),
    },
    {
        "extend": (2, either("minutes", 1)),
        "reopen": (2, either("minutes", 1)),
        "grade": (
            3,
            lambda mind, to: {"question": mind.one_of(*QUESTIONS, "essay"), "points": mind.one_of(0, 1, 2, 9)},
        ),
        "admit_late": (2, either("question", *QUESTIONS)),
        "review": (1, nothing),
        "retract": (1, named("message", Mind.message)),
    },
    lambda mind, state: "start" if state.status != "running" and mind.who.role == "student" else "",
)

# --- office hours


def _entry(mind: Mind, to: str) -> str:
    return str(mind.some(to, lambda state: state.entries, *NUMBERS))


def _entry_or_next(mind: Mind, to: str) -> Mapping[str, Any]:
    return mind.one_of({}, {"entry": _entry(mind, to)})  # type: ignore[no-any-return] # one of two mappings


QUEUE = Habits(
    {
        "join": (12, either("question", "Why?", "", "How?")),
        "leave": (4, nothing),
        "hold": (2, nothing),
        "resume": (3, nothing),
        "mine": (1, nothing),
        "hours": (1, nothing),
    },
    {
        "claim": (3, _entry_or_next),
        "release": (1, named("entry", _entry)),
        "admit": (5, _entry_or_next),
        "skip": (1, named("entry", _entry)),
        "requeue": (2, lambda mind, to: {"entry": _entry(mind, to), "to": mind.one_of("front", "back")}),
        "complete": (4, lambda mind, to: {"entry": _entry(mind, to), "note": mind.one_of("", "Well done")}),
        "note": (1, lambda mind, to: {"entry": _entry(mind, to), "text": "Slow"}),
        "announce": (1, either("text", "Hello")),
        "close": (1, either("dismiss", True, False)),
        "reopen": (2, nothing),
        "edit": (1, either("order", "fifo", "fewest_helped", "first_timers")),
        "entries": (1, nothing),
        "conversations": (1, nothing),
        "statistics": (1, nothing),
        "history": (1, nothing),
    },
    lambda mind, state: "admit" if mind.who.role != "student" and state.line else "",
)

HABITS: Mapping[str, Habits] = {
    "room": habits.ROOM,
    "presence": habits.PRESENCE,
    "inbox": habits.INBOX,
    "group": habits.GROUP,
    "board": habits.BOARD,
    "session": SESSION,
    "exam": EXAM,
    "sitting": SITTING,
    "queue": QUEUE,
}
"""By kind. Halls and the proctors' streams take commands from actors alone: what people do brings these about."""
