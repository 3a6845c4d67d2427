"""Who may do what, written down a second time by hand: one line for each verb, stream and door of the kinds there are.

A line names roles and relations (`owner`: that relation in every role; `staff`: those roles in every relation;
`parent:guardian`: both); `test_access_matrix` holds the declarations and the real outcomes against it. Adding a verb,
a relation or a door to one of these kinds without a line here fails the test.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import convert

from homeroom.engine.journal_memory import START_MS
from homeroom.protocol import exam, exam_messages, group, queue, session_floor, sitting
from homeroom.protocol import session_words as session
from homeroom.protocol.access import STAFF
from homeroom.protocol.board import Choose, Score
from homeroom.protocol.chat import Say
from homeroom.protocol.inbox import MarkRead, MuteType, Send, UnmuteType
from homeroom.protocol.presence import SetStatus
from homeroom.protocol.room import Create, Invite, Join, Promote, Release, Remove
from tests.http.rest_school import School

Person = tuple[str, str]
BOSS: Person = ("boss", "teacher")
"""Made what is on the stage, and is never the one who is tried."""
BYSTANDER: Person = ("bob", "student")
SYSTEM = "system"
"""Nobody from outside: no role of a token may."""

QUEUE_RELATIONS = ("stranger", "outsider", "listed", "assistant", "owner")
GUESTS_OF_A_GROUP = "student:stranger staff:stranger student:invited staff:invited member people:admin | admins"
OWNERS_OF_AN_EXAM = "staff:owner | admins"
WATCHERS_OF_AN_EXAM = "staff:owner staff:proctor | admins"
PROCTORS_OF_A_SITTING = "staff:proctor | admins"
KNOWN_TO_A_SESSION = "enrolled present owner | admins"

LINES: dict[str, dict[str, str]] = {
    "room": {
        "(watch)": "member moderator owner | admins",
        "create": "staff",
        "join": "stranger invited member moderator owner | admins",
        "leave": "stranger invited member moderator owner | admins",
        "invite": "moderator owner | admins",
        "remove": "moderator owner | admins",
        "promote": "owner | admins",
        "convene": SYSTEM,
        "disband": SYSTEM,
        "release": SYSTEM,
        "say": "member moderator owner",
        "edit": "member moderator owner",
        "retract": "member moderator owner | admins",
        "react": "member moderator owner",
        "typing": "member moderator owner",
        "read": "member moderator owner",
        "unread": "member moderator owner",
        "history": "member moderator owner | admins",
        "audit": "moderator owner | admins",
        "pin": "moderator owner | admins",
        "unpin": "moderator owner | admins",
        "set_mode": "moderator owner | admins",
        "slow_mode": "moderator owner | admins",
        "mute": "moderator owner | admins",
        "unmute": "moderator owner | admins",
    },
    "queue": {
        "(watch)": "owner assistant student:stranger student:listed teacher:stranger teacher:listed | admins",
        "create": "staff",
        **dict.fromkeys(("edit", "appoint", "retire", "enlist", "strike", "schedule"), "owner | admins"),
        **dict.fromkeys(("open", "close", "reopen", "announce"), "owner assistant | admins"),
        **dict.fromkeys(("join", "leave", "hold", "resume", "mine"), "student:stranger student:listed"),
        "hours": "owner assistant student:stranger student:listed teacher:stranger teacher:listed | admins",
        **dict.fromkeys(
            ("claim", "release", "admit", "skip", "requeue", "complete", "note"), "owner assistant | admins"
        ),
        **dict.fromkeys(("entries", "conversations", "statistics", "helped", "history"), "owner assistant | admins"),
        **dict.fromkeys(("granted", "denied", "elsewhere", "stirred"), SYSTEM),
    },
    "presence": {
        "(watch)": "self | staff",
        "set": "self",
        "beat": "self",
        "hide": "self",
        "show": "self",
        "mine": "self",
        "connected": SYSTEM,
        "disconnected": SYSTEM,
        "enter": SYSTEM,
        "exit": SYSTEM,
        "engage": SYSTEM,
        "disengage": SYSTEM,
        "privacy": "self",
    },
    "group": {
        "(watch)": "member people:admin | admins",
        "create": "student staff",
        "change": "people:admin | admins",
        "delete": "people:admin | admins",
        "join": GUESTS_OF_A_GROUP,
        "leave": GUESTS_OF_A_GROUP,
        "invite": "member people:admin | admins",
        "accept": GUESTS_OF_A_GROUP,
        "decline": f"{GUESTS_OF_A_GROUP} parent:invited",
        "promote": "people:admin | admins",
        "remove": "people:admin | admins",
        "schedule": "member people:admin",
        "call_off": "people:admin | admins",
        "look": GUESTS_OF_A_GROUP,
        "members": "member people:admin | admins",
        "activity": "member people:admin | admins",
        "say": "member people:admin",
        "edit": "member people:admin",
        "retract": "member people:admin | admins",
        "react": "member people:admin",
        "typing": "member people:admin",
        "read": "member people:admin",
        "unread": "member people:admin",
        "history": "member people:admin | admins",
        "audit": "people:admin | admins",
        "pin": "people:admin | admins",
        "unpin": "people:admin | admins",
        "set_mode": "people:admin | admins",
        "slow_mode": "people:admin | admins",
        "mute": "people:admin | admins",
        "unmute": "people:admin | admins",
    },
    "session": {
        "(watch)": KNOWN_TO_A_SESSION,
        "create": "staff",
        "change": "owner | admins",
        "start": "owner | admins",
        "end": "owner | admins",
        "cancel": "owner | admins",
        "admit_early": "owner | admins",
        "enroll": "owner | admins",
        "expel": "owner | admins",
        "hand_over": SYSTEM,
        "lose_course": SYSTEM,
        "roster": "owner | admins",
        "set_recording": "owner | admins",
        "join": f"stranger {KNOWN_TO_A_SESSION}",
        "leave": f"stranger {KNOWN_TO_A_SESSION}",
        "attendees": KNOWN_TO_A_SESSION,
        "attendance": f"attended {KNOWN_TO_A_SESSION} | parent:guardian",
        "attendance_sheet": f"attended {KNOWN_TO_A_SESSION} | parent:guardian",
        "away": SYSTEM,
        "back": SYSTEM,
        "raise_hand": "present owner",
        "lower_hand": "present owner | admins",
        "ask": "present owner",
        "upvote": "present owner",
        "answer": "staff:present owner | admins",
        "withdraw": "present owner | admins",
        "poll_open": "owner | admins",
        "poll_vote": "present owner",
        "poll_close": "owner | admins",
        "poll_mark": SYSTEM,
        "poll_resume": SYSTEM,
        "say": "present owner",
        "edit": "present owner",
        "retract": "present owner | admins",
        "react": "present owner",
        "typing": "present owner",
        "read": "present owner",
        "unread": "present owner",
        "history": KNOWN_TO_A_SESSION,
        "audit": "owner | admins",
        "pin": "owner | admins",
        "unpin": "owner | admins",
        "set_mode": "owner | admins",
        "slow_mode": "owner | admins",
        "mute": "owner | admins",
        "unmute": "owner | admins",
    },
    "inbox": {
        "(watch)": "self",
        "send": "self | staff",
        "read": "self",
        "read_all": "self",
        "dismiss": "self",
        "list": "self",
        "mute": "self",
        "unmute": "self",
        "quiet_hours": "self",
        "dnd": "self",
        "notify": SYSTEM,
        "take_back": SYSTEM,
        "hush": SYSTEM,
        "unhush": SYSTEM,
    },
    "exam": {
        "(watch)": f"examinee | {WATCHERS_OF_AN_EXAM}",
        "create": "staff",
        **dict.fromkeys(("edit", "delete", "put_question", "remove_question", "publish", "release"), OWNERS_OF_AN_EXAM),
        **dict.fromkeys(("enroll", "expel", "appoint", "dismiss"), OWNERS_OF_AN_EXAM),
        **dict.fromkeys(("open", "close", "extend", "pause", "resume", "announce"), WATCHERS_OF_AN_EXAM),
        **dict.fromkeys(("paper", "students", "sittings", "results"), WATCHERS_OF_AN_EXAM),
        "join": "examinee",
        "leave": "examinee",
        "call": SYSTEM,
        "report": SYSTEM,
    },
    "sitting": {
        "(watch)": f"examinee informed | {PROCTORS_OF_A_SITTING}",
        **dict.fromkeys(("start", "answer", "progress", "flag", "submit"), "examinee"),
        "result": f"examinee informed guardian | {PROCTORS_OF_A_SITTING}",
        **dict.fromkeys(("extend", "reopen", "grade", "admit_late", "review"), PROCTORS_OF_A_SITTING),
        **dict.fromkeys(("say", "edit", "react", "typing", "read", "unread"), "examinee | staff:proctor"),
        "retract": f"examinee | {PROCTORS_OF_A_SITTING}",
        "history": f"examinee informed | {PROCTORS_OF_A_SITTING}",
        **dict.fromkeys(("audit", "pin", "unpin", "set_mode", "slow_mode", "mute", "unmute"), PROCTORS_OF_A_SITTING),
        **dict.fromkeys(
            ("prepare", "unlock", "decline", "prolong", "hold", "go_on", "finish", "show_result", "staff"), SYSTEM
        ),
    },
    "proctor": {
        "(watch)": PROCTORS_OF_A_SITTING,
        "staff": SYSTEM,
    },
    "board": {
        "(watch)": "known",
        "score": "staff",
        "recompute": "admins",
        "configure": "admins",
        "opt_out": "known",
        "opt_in": "known",
        "alias": "known",
        "list": "known",
        "standing": "known",
        "choose": SYSTEM,
    },
}

POLL, QUESTION = "3", "7"
"""The numbers of the events that bring them on the stage of a session."""
RELATIONS_TO_AN_EXAM = ("owner", "proctor", "examinee", "outsider")
RELATIONS_TO_A_SESSION = ("stranger", "outsider", "barred", "enrolled", "present", "owner", "guardian", "attended")

EXAMPLES: dict[str | type[Any], dict[str, Any]] = {
    "create": {"title": "Room"},
    "invite": {"user": "carl"},
    "remove": {"user": "bob"},
    "promote": {"user": "bob", "role": "moderator"},
    "say": {"text": "hello"},
    "edit": {"message": "$message", "text": "hello again"},
    "retract": {"message": "$message"},
    "react": {"message": "$message", "emoji": "👍"},
    "read": {"upto": "$message"},
    "pin": {"message": "$message"},
    "unpin": {"message": "$message"},
    "set_mode": {"mode": "moderated"},
    "slow_mode": {"seconds": 5},
    "mute": {"user": "bob"},
    "unmute": {"user": "bob"},
    "set": {"status": "busy"},
    "connected": {"conn": "c1"},
    "disconnected": {"conn": "c1"},
    "enter": {"room": "r1"},
    "exit": {"room": "r1"},
    "engage": {"by": "session:s1", "activity": "In a live session"},
    "disengage": {"by": "session:s1"},
    group.Create: {"name": "Group"},
    group.Change: {"description": "Mondays"},
    group.Promote: {"user": "bob"},
    group.Schedule: {"title": "Sheet 3", "starts": START_MS + 3_600_000},
    group.CallOff: {"session": "s1"},
    session.Create: {"title": "Algebra", "starts": START_MS + 3_600_000},
    session.Change: {"title": "Algebra 2"},
    session.Enroll: {"people": ["carl"]},
    session.Expel: {"people": ["carl"]},
    "set_recording": {"url": "https://example.org/recording"},
    session.HandOver: {"owner": "bob"},
    session.Away: {"user": "bob", "at": START_MS},
    session.Back: {"user": "bob", "at": START_MS},
    session.LoseCourse: {"user": "bob", "course": "cs1"},
    session_floor.Ask: {"text": "Why?"},
    session_floor.Upvote: {"question": QUESTION},
    session_floor.AnswerQuestion: {"question": QUESTION, "text": "Because."},
    session_floor.WithdrawQuestion: {"question": QUESTION},
    "poll_open": {"question": "Clear?", "options": ["yes", "no"]},
    "poll_vote": {"poll": POLL, "choices": [0]},
    "poll_close": {"poll": POLL},
    "poll_mark": {"poll": POLL, "user": "bob", "ballot": f"ballot.{POLL}.0.0"},
    "poll_resume": {"word": "word"},
    "privacy": {"activity": "hidden"},
    "convene": {"title": "Talk", "people": [{"id": "carl"}]},
    queue.Edit: {"title": "Geometry"},
    "appoint": {"user": "carl"},
    "retire": {"user": "helga"},
    "enlist": {"users": ["carl"]},
    "strike": {"users": ["carl"]},
    queue.Schedule: {"hours": [{"weekday": 1, "start": "09:00", "end": "10:00", "zone": "Europe/Berlin"}]},
    queue.Announce: {"text": "Back in five minutes"},
    "release": {"entry": "1"},
    Release: {"user": "bob"},
    "admit": {"entry": "1"},
    "skip": {"entry": "1"},
    "requeue": {"entry": "1"},
    "complete": {"entries": ["1"]},
    "note": {"entry": "1", "text": "was here before"},
    "granted": {"entry": "1"},
    "elsewhere": {"term": 1},
    "denied": {"entry": "1", "queue": "q2"},
    "stirred": {"room": "r1"},
    **{verb: {"board": "weekly.all"} for verb in ("meet", "prefer")},
    "enrol": {"queue": "q1", "term": 1},
    "withdraw": {"queue": "q1"},
    **{verb: {"queue": "q1", "student": "bob", "entry": "1"} for verb in ("take", "give_up")},
    exam.Edit: {"title": "Algebra"},
    exam.PutQuestion: {"question": {"id": "q2", "kind": "essay", "text": "Why?"}},
    exam.RemoveQuestion: {"question": "q1"},
    exam.Enroll: {"people": [{"id": "carl"}]},
    exam.Expel: {"user": "bob"},
    exam.Dismiss: {"user": "carl"},
    exam.Extend: {"minutes": 5},
    exam.Announce: {"text": "Ten minutes left"},
    exam.Release: {},
    exam_messages.Call: {"user": "bob"},
    exam_messages.Report: {"user": "bob", "status": "running"},
    sitting.SaveAnswer: {"question": "q1", "rev": 1, "value": "Because."},
    sitting.Progress: {"question": "q1"},
    sitting.Flag: {"question": "q1"},
    sitting.ExtendSitting: {"minutes": 5},
    sitting.Reopen: {"minutes": 5},
    sitting.Grade: {"question": "q1", "points": 1},
    sitting.AdmitLate: {"question": "q1"},
    exam_messages.Prepare: {"exam": "e1", "user": "bob", "title": "Midterm", "minutes": 5, "paper": {}},
    exam_messages.Decline: {"code": "conflict", "msg": "no"},
    exam_messages.Prolong: {"minutes": 5, "at": START_MS},
    exam_messages.HoldClock: {"whose": "exam"},
    exam_messages.GoOn: {"whose": "exam"},
    exam_messages.Finish: {"reason": "closed", "at": START_MS},
    exam_messages.SetStaff: {"staff": ["boss"], "title": "Midterm"},
    "send": {"type": "exam.starting", "title": "Your exam starts in 5 minutes"},
    MarkRead: {"notification": "$message"},
    "dismiss": {"notification": "$message"},
    MuteType: {"type": "exam.starting"},
    UnmuteType: {"type": "exam.starting"},
    "quiet_hours": {"start": "22:00", "end": "07:00", "zone": "Europe/Berlin"},
    "notify": {"type": "exam.starting", "title": "Your exam starts in 5 minutes"},
    "take_back": {"url": "/tasks/t1", "types": ["task.assigned"]},
    "hush": {"by": "sitting:e1.pat", "until": 2_000_000_000_000},
    "unhush": {"by": "sitting:e1.pat"},
    "score": {"user": "bob", "name": "Bob", "points": 5, "source": "quiz:1"},
    "configure": {"zone": "Europe/Berlin"},
    "alias": {"alias": "Fox"},
    "choose": {"user": "bob", "out": True},
}
"""Arguments by verb, where it needs any; by the command's class, where another kind has a verb of the same name.

`$message` stands for a message of whoever is tried, else of the maker.
"""

OUTCOMES: dict[tuple[str, str, str], str] = {
    **{("room", "create", relation): "conflict" for relation in (
        "stranger", "outsider", "barred", "invited", "member", "moderator", "owner")},
    **{("group", "create", relation): "conflict" for relation in (
        "stranger", "outsider", "barred", "invited", "member", "admin")},
    **{("group", "accept", relation): "conflict" for relation in ("stranger", "outsider", "barred")},
    **{("group", "call_off", relation): "not_found" for relation in (
        "stranger", "outsider", "barred", "invited", "member", "admin")},
    ("room", "leave", "owner"): "conflict",
    **{("session", verb, relation): "conflict" for verb in ("create", "end") for relation in RELATIONS_TO_A_SESSION},
    **{("session", "upvote", relation): "conflict" for relation in ("present", "owner")},
    **{("queue", verb, relation): "conflict" for verb in ("create", "requeue", "complete") for relation in QUEUE_RELATIONS},
    **{("board", verb, "unknown"): "not_found" for verb in ("score", "recompute", "configure")},
    **{("exam", verb, relation): "conflict" for relation in RELATIONS_TO_AN_EXAM for verb in (
        "create", "edit", "delete", "put_question", "remove_question", "release")},
    **{("sitting", verb, relation): "conflict" for relation in ("examinee", "proctor", "outsider", "guardian")
       for verb in ("result", "reopen", "grade", "admit_late")},
    ("sitting", "mute", "examinee"): "not_found",
}  # fmt: skip
"""What somebody who may gets where that is not `ok`: by kind, verb and relation."""

DOORS: dict[str, tuple[str, str]] = {
    "POST /api/auth/login": ("anybody", ""),
    "POST /api/auth/refresh": ("anybody", ""),
    "POST /api/auth/logout": ("people", ""),
    "POST /api/auth/register": ("admins", ""),
    "GET /api/auth/me": ("people", ""),
    "GET /api/presence/online": ("people", ""),
    "GET /api/presence/user/{user}": ("staff", "/api/presence/user/somebody"),
    "POST /api/presence/bulk": ("people", ""),
    "POST /api/exams/{exam}/submit": ("people", "/api/exams/none/submit"),
    "POST /api/office-hours/join-queue": ("people", ""),
    "PUT /api/presence/activity": ("people", ""),
    "GET /api/realtime/sync": ("people", ""),
    "GET /api/realtime/stats": ("admins", ""),
    "GET /healthz": ("anybody", ""),
    "GET /readyz": ("anybody", ""),
    "GET /health": ("anybody", ""),
    "GET /metrics": ("anybody", ""),
    "GET /openapi.json": ("anybody", ""),
    "GET /asyncapi.json": ("anybody", ""),
}
"""Who gets through each door that is no verb's: `anybody`, `people` (with a token), or roles; and the path to try, if another."""

LISTS: dict[str, str] = {
    "/api/live-sessions": "people",
    "/api/live-sessions/course/{course}": "people",
    "/api/live-sessions/instructor/my-sessions": "people",
    "/api/exams": "people",
    "/api/sittings": "people",
    "/api/office-hours": "people",
    "/api/office-hours/mine": "people",
    "/api/study-groups": "student staff",
    "/api/study-groups/search": "student staff",
    "/api/study-groups/course/{course}": "student staff",
}
"""Who may ask for each list, by its path: roles and the names of sets of them."""

HIDDEN: dict[tuple[str, str], str] = {
    ("room", "outsider"): "teacher student parent",
    ("group", "outsider"): "teacher student parent",
    **{("session", relation): "teacher student parent" for relation in ("outsider", "attended")},
    ("board", "unknown"): "people",
    **{(kind, "outsider"): "teacher student parent" for kind in ("exam", "sitting", "proctor")},
    ("queue", "outsider"): "teacher student parent",
}
"""Where a thing must not be known to exist: by kind and relation, for which roles and sets of them."""

ONLY: dict[str, str] = {
    "guardian": "parent",
    "informed": "parent",
}
"""Relations that some roles alone can stand in: nobody of another one is put there. Whoever is a guardian has the ward `WARD`."""
WARD = "walt"

Stage = Callable[[School, str, str, Person], Awaitable[str]]
"""Puts a person into a relation to a fresh actor with the given id, and returns the id of a message there, or ""."""


async def stage_room(school: School, id: str, relation: str, person: Person) -> str:
    """Make a room in which `person` stands in `relation`, Bob is a member, and there is a message."""
    address = f"room:{id}"
    closed = relation in {"outsider", "invited"}
    await school.do(address, Create("Room", "closed" if closed else "open"), BOSS)
    await school.do_all(address, (Invite(BYSTANDER[0]), BOSS), (Join(), BYSTANDER))
    author = BOSS
    if relation in {"barred", "member", "moderator", "owner"}:
        await school.do(address, Join(), person)
        author = person
    message: str = (await school.do(address, Say("first"), author)).reply.id
    if relation == "barred":
        await school.do(address, Remove(person[0]), BOSS)
    elif relation == "invited":
        await school.do(address, Invite(person[0]), BOSS)
    elif relation in {"moderator", "owner"}:
        await school.do(address, convert({"user": person[0], "role": relation}, Promote), BOSS)
    return message


async def stage_group(school: School, id: str, relation: str, person: Person) -> str:
    """Make a group in which `person` stands in `relation` (parents as well, who could not join), Bob is a member, and there is a message."""
    address, who = f"group:{id}", (person[0], "student")
    closed = relation in {"outsider", "invited"}
    await school.do(address, group.Create("Group", visibility="private" if closed else "public"), BOSS)
    await school.do_all(address, (group.Invite(BYSTANDER[0]), BOSS), (group.Accept(), BYSTANDER))
    author = BOSS
    if relation in {"barred", "member", "admin"}:
        await school.do(address, group.Join(), who)
        author = who
    message: str = (await school.do(address, Say("first"), author)).reply.id
    if relation == "barred":
        await school.do(address, group.Remove(person[0]), BOSS)
    elif relation == "invited":
        await school.do(address, group.Invite(person[0]), BOSS)
    elif relation == "admin":
        await school.do(address, group.Promote(person[0]), BOSS)
    return message


async def stage_queue(school: School, id: str, relation: str, person: Person) -> str:
    """Make an open queue in which `person` stands in `relation`, Bob waits first, and the person, if it may join, behind him."""
    address, listed = f"queue:{id}", relation in {"listed", "outsider"}
    maker = (person[0] if relation == "owner" else BOSS[0], "admin")
    await school.do(address, queue.Create("Queue", "listed" if listed else "open"), maker)
    on_list = (BYSTANDER[0], person[0]) if relation == "listed" else (BYSTANDER[0],)
    steps = [(queue.Enlist(on_list), maker), (queue.Appoint("helga"), maker), (queue.Open(), maker)]
    await school.do_all(address, *steps, (queue.Join("why?"), BYSTANDER))
    if relation == "assistant":
        await school.do(address, queue.Appoint(person[0]), maker)
    elif person[1] == "student" and relation in {"stranger", "listed"}:
        await school.do(address, queue.Join(), person)
    return ""


async def stage_session(school: School, id: str, relation: str, person: Person) -> str:
    """Make a session in which `person` stands in `relation`, with Bob in it, a poll, a question and a message of `person` or the maker."""
    address, owner = f"session:{id}", person if relation == "owner" else BOSS
    inside, system = relation in {"present", "owner"}, (SYSTEM, SYSTEM)
    audience = "listed" if relation in {"outsider", "guardian", "attended"} else "open"
    plan = {"title": "Algebra", "starts": START_MS + 3_600_000, "audience": audience, "owner": owner[0]}
    listed = {"guardian": (WARD,), **dict.fromkeys(("enrolled", "present", "attended"), (person[0],))}.get(relation, ())
    author = person if inside else BOSS
    await school.do(address, convert(plan, session.Create), system)
    await school.do_all(
        address,
        (session.AdmitEarly(), owner),
        (session_floor.PollOpen("Clear?", ("yes", "no")), owner),
        (session.Enroll((BYSTANDER[0], *listed)), owner),
        (session.Join(), BYSTANDER),
        (session.Join(), author),
        (session_floor.Ask("Why?"), author),
    )
    message: str = (await school.do(address, Say("first"), author)).reply.id
    if relation == "attended":
        await school.do(address, session.Join(), person)
    if relation in {"barred", "attended"}:
        await school.do(address, session.Expel((person[0],)), owner)
    return message


async def stage_presence(school: School, id: str, relation: str, person: Person) -> str:
    """Have a person be here, who is the one who is tried or another."""
    await school.do(f"presence:{id}", SetStatus("online"), (id, person[1]))
    return ""


async def stage_inbox(school: School, id: str, relation: str, person: Person) -> str:
    """Have a notice in the inbox of the one who is tried, or of another."""
    sent = await school.do(f"inbox:{id}", Send("exam.starting", "Your exam starts"), BOSS)
    notice: str = sent.reply.id
    return notice


async def stage_board(school: School, id: str, relation: str, person: Person) -> str:
    """Have points on a board, or an id that names none."""
    if relation == "known":
        await school.do(f"board:{id}", Choose("bob", "Owl"), (SYSTEM, SYSTEM))
        await school.do(f"board:{id}", Score("bob", "Bob", 3, "quiz:0"), BOSS)
    return ""


async def stage_exam(school: School, id: str, relation: str, person: Person) -> str:
    """Make an open exam with a question, Bob on its list, in which `person` stands in `relation`."""
    address, owner = f"exam:{id}", (person[0], "teacher") if relation == "owner" else BOSS
    listed = [{"id": BYSTANDER[0]}, *([{"id": person[0]}] if relation == "examinee" else [])]
    question = {"question": {"id": "q1", "kind": "essay", "text": "Why?"}}
    plan = {"title": "Midterm", "questions": [question], "students": listed}
    await school.do_all(
        address,
        (convert(plan, exam.Create), owner),
        *([(exam.Appoint(person[0]), owner)] if relation == "proctor" else []),
        (exam.Publish(), owner),
        (exam.Open(), owner),
        (exam.Join(), BYSTANDER),
    )
    return ""


async def stage_sitting(school: School, id: str, relation: str, person: Person) -> str:
    """Make a sitting that runs, of `person`, its ward, or Bob; with a message of `person` or of the maker; `informed`: with its result."""
    address, of_ward = f"sitting:{id}", relation in {"guardian", "informed"}
    student = WARD if of_ward else person[0] if relation == "examinee" else BYSTANDER[0]
    staff = [BOSS[0], *([person[0]] if relation == "proctor" else [])]
    paper = {"questions": [{"id": "q1", "kind": "essay", "text": "Why?"}]}
    plan = {"exam": "e1", "user": student, "title": "Midterm", "minutes": 60, "paper": paper, "staff": staff}
    writer = person if relation == "examinee" else (student, "student")
    author = person if relation == "examinee" or (relation == "proctor" and person[1] in STAFF) else BOSS
    await school.do(address, convert({**plan, "opened": True}, exam_messages.Prepare))
    await school.do(address, sitting.Start(), writer)
    message: str = (await school.do(address, Say("first"), author)).reply.id
    if relation == "informed":
        await school.do(address, sitting.Submit(), writer)
        await school.do(address, exam_messages.ShowResult())
    return message


async def stage_proctor(school: School, id: str, relation: str, person: Person) -> str:
    """Have an exam watched over by the maker, and by `person` if it does."""
    staff = (BOSS[0], *([person[0]] if relation == "proctor" else []))
    await school.do(f"proctor:{id}", exam_messages.SetStaff(staff, "Midterm"))
    return ""


STAGES: dict[str, tuple[Stage, tuple[str, ...]]] = {
    "room": (stage_room, ("stranger", "outsider", "barred", "invited", "member", "moderator", "owner")),
    "presence": (stage_presence, ("self", "other")),
    "group": (stage_group, ("stranger", "outsider", "barred", "invited", "member", "admin")),
    "queue": (stage_queue, QUEUE_RELATIONS),
    "session": (stage_session, RELATIONS_TO_A_SESSION),
    "inbox": (stage_inbox, ("self", "other")),
    "board": (stage_board, ("known", "unknown")),
    "exam": (stage_exam, RELATIONS_TO_AN_EXAM),
    "sitting": (stage_sitting, ("examinee", "proctor", "outsider", "guardian", "informed")),
    "proctor": (stage_proctor, ("proctor", "outsider")),
}

IDS: dict[tuple[str, str], str] = {("board", "known"): "weekly.{}"}
"""What an id of a kind looks like in a relation, where any text will not do."""

CHANNELS: dict[str, dict[str, str]] = {
    "class": {
        "stranger": "admins",
        "teacher": "staff",
        "teaching": "staff",
        "student": "admins student",
        "guardian": "admins",
    },
    "course": {
        "stranger": "admins",
        "owner": "staff",
        "enrolled": "admins student",
        "assistant": "staff student",
        "withdrawn": "admins",
        "guardian": "admins",
    },
    "cohort": {"stranger": "admins", "mentor": "staff student", "member": "admins student", "guardian": "admins"},
    "reportcard": {
        "stranger": "admins",
        "own_draft": "admins",
        "own_published": "admins student",
        "guardian_of_draft": "admins",
        "guardian_of_published": "admins parent",
        "teacher": "staff",
        "classmate": "admins",
    },
    "user": {"self": "people", "stranger": "", "guardian": ""},
    "role": {"admin": "admins", **{role: role for role in ("super_admin", "teacher", "student", "parent")}},
    "table": {"records": "admins", "kinds": "admins", "alias": "admins", "people": "admins"},
}
"""The channels of the records: relation to who may follow; of `role` and `table`, which one it is. Nobody else may."""
