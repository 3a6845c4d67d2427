"""The class session: a chat with a plan, people who come and go, and a floor. Who may do what, and which part decides it.

Never here: the words (`protocol.session_words`, `protocol.session_floor`), what an event does to the wire state
(`protocol.session_state`), and the parts themselves: `session_plan`, `session_people`, `session_attendance`, `session_floor`,
`session_polls`, `session_notices`, `session_lists`, and the chat.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from homeroom.actors.chat import TYPING_TIMER, Chat, Standing
from homeroom.actors.chat_history import CHAT_TABLES
from homeroom.actors.chat_verbs import chat_verbs
from homeroom.actors.session_attendance import INTERVALS, look_at_attendance, look_at_ledger, project_attendance
from homeroom.actors.session_floor import FLOOR_DECISIONS
from homeroom.actors.session_lists import PEOPLE, SESSION_LISTS, SESSIONS, project_bounds, project_lists
from homeroom.actors.session_memory import SessionMemory, has_lost_course, leads, notice, remember
from homeroom.actors.session_notices import MOVED, REMIND, remind, tell_moves
from homeroom.actors.session_people import PEOPLE_DECISIONS, RETURNS, be_back, give_up
from homeroom.actors.session_plan import LAPSE, OVER, PLAN_DECISIONS, check_not_over, is_for, lapse
from homeroom.actors.session_polls import Polls
from homeroom.actors.session_told import SESSION_TELLS, SESSION_TOLD
from homeroom.actors.their_words import ENDS, STARTS
from homeroom.engine.behaviour import (
    NOTHING,
    Behaviour,
    Caller,
    Context,
    Decision,
    Fact,
    Fired,
    Recall,
    Refusal,
    Row,
    Signal,
)
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import chat as chat_words
from homeroom.protocol import session_floor as floor
from homeroom.protocol import session_words as words
from homeroom.protocol.access import ADMINS, ROLES, STAFF, SYSTEM_ONLY, allow
from homeroom.protocol.chat_state import KEPT
from homeroom.protocol.presence import RoomPresence
from homeroom.protocol.session_state import (
    AttendanceList,
    AttendeeList,
    Entered,
    RosterList,
    SessionState,
    is_in,
    reduce_session,
    show_session,
)
from homeroom.protocol.sheet import Sheet

Decide = Callable[[str, SessionMemory, Any, Context], Decision]


class Session(Behaviour[SessionMemory]):
    """One class session.

    Relations, of which everybody stands in exactly one: `stranger` (to an open session, or one for a course of theirs), `outsider` (to any other, or to none),
    `barred`, `enrolled` (on the list, or in it before), `present` (in it now), `owner`. And besides `guardian`, whose child is one
    of its people or was there, and `attended`, who was there itself: both keep seeing that attendance, also when the session is
    hidden from them since.
    """

    def __init__(self, id: str, state: SessionMemory) -> None:
        super().__init__(id, state)
        self._chat = Chat(f"session:{id}", state.shown.chat, state.chat)
        self._polls = Polls(id, state)

    @classmethod
    def fresh(cls, id: str) -> SessionMemory:
        """Return a session that does not exist yet."""
        return SessionMemory()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return the relation of `caller`, and what it may know of attendance."""
        known = ("guardian",) if any(ward in self.state.ledger or self._knows(ward) for ward in caller.wards) else ()
        attended = ("attended",) if caller.user in self.state.ledger else ()
        return frozenset((self._relation(caller.user, caller.places), *known, *attended))

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such session: to everybody before it is made, to outsiders of a listed one."""
        if not self.state.shown.created:
            return True
        outside = self._relation(caller.user, caller.places) == "outsider" and not any(map(self._knows, caller.wards))
        return outside and caller.role not in ADMINS

    def within_reach(self, caller: Caller) -> Mapping[str, str | Refusal]:
        """Return that whoever may join could be present, and to those who were removed why they may not; once it is over, that."""
        relation, status = self._relation(caller.user, caller.places), self.state.shown.status
        if status not in OVER:
            return _WAYS.get(relation, {})
        return {"present": Refusal("conflict", OVER[status], data={"status": status})} if relation == "enrolled" else {}

    def wake(self, context: Context) -> Decision:
        """Let the polls know that a life begins."""
        return self._polls.wake(context)

    def decide(self, command: Any, context: Context) -> Decision | Recall:
        """Answer a command; each decision says how it may be refused."""
        if isinstance(command, Fired):
            return self._fired(command.key, context)
        if not self.state.shown.created and not isinstance(command, words.Create):
            raise Refusal("not_found", "no such session")
        if isinstance(command, _WHILE_IT_LASTS):
            check_not_over(self.state.shown)
        decide = _DECISIONS.get(type(command))
        own = decide(self.id, self.state, command, context) if decide else self._polls.decide(command, context)
        answer = self._stop_typing(own) if own is not None else self._say(command, context)
        if isinstance(answer, Recall) or not self._is_sign(command):
            return answer
        return be_back(self.state, command, answer, context)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the session."""
        if not self._chat.apply(fact):
            remember(self.state, fact)
            reduce_session(self.state.shown, fact, KEPT)
        notice(self.state, fact)

    def view(self, caller: Caller) -> SessionState:
        """Return the session with its newest messages, the same for everybody who may see it."""
        return show_session(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what is for the journal alone: who is on the list, and who voted in secret."""
        event = fact.event
        if isinstance(event, words.Enrolled | words.Expelled):
            return replace(event, people=None)
        if isinstance(event, floor.PollMarked):
            return replace(event, user=None)
        return self._chat.public(event)

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the event without the words of what was taken back since."""
        event = fact.event
        if isinstance(event, floor.QuestionAsked | floor.QuestionAnswered) and event.id in self.state.withdrawn:
            return replace(event, text="")
        if isinstance(event, words.Enrolled | words.Expelled | floor.PollMarked):
            return self.public(fact)
        return self._chat.show(event)

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of lists, attendance, history and audit."""
        yield from project_lists(fact, self.state)
        yield from project_attendance(fact, self.state)
        yield from self._chat.project(fact)

    def restate(self) -> Iterable[Row]:
        """Return who is bound to a course: those who came by one before that was written down."""
        return project_bounds(self.state)

    def _fired(self, key: str, context: Context) -> Decision:
        if key.startswith(TYPING_TIMER):
            return self._chat.fired(key)
        if key.startswith(REMIND):
            return remind(self.id, self.state, key, context)
        fire = _DEADLINES.get(key)
        return fire(self.id, self.state, context) if fire else self._polls.fired(key, context) or NOTHING

    def _say(self, command: Any, context: Context) -> Decision | Recall:
        """Answer a verb of the chat. Silencing: `not_found` for who is not known here, `forbidden` for the owner."""
        standing = Standing(moderates=leads(self.state, context.caller), staff=context.caller.role in STAFF)
        if isinstance(command, chat_words.Mute):
            self._check_mute(command, context.caller)
        answer = self._chat.decide(command, context, standing)
        if answer is None:
            raise Refusal("bad_command", f"a session does not know {type(command).__name__}")
        return answer

    def _check_mute(self, command: chat_words.Mute, caller: Caller) -> None:
        if self._relation(command.user) not in _KNOWN:
            raise Refusal("not_found", "no such participant")
        if command.user == self.state.shown.owner and caller.role not in ADMINS:
            raise Refusal("forbidden", "the owner cannot be muted")

    def _is_sign(self, command: Any) -> bool:
        """Tell whether a lost person is back by `command`: by a vote only where it is no secret that, and when, the person voted."""
        if isinstance(command, floor.PollVote):
            return command.poll in self.state.shown.polls and not self.state.shown.polls[command.poll].anonymous
        return type(command) in _SIGNS

    def _stop_typing(self, decision: Decision) -> Decision:
        """Return `decision` with the end of the typing of those who go."""
        gone = (event.user for event in decision.events if isinstance(event, words.ParticipantLeft))
        signals: tuple[Signal, ...] = tuple(signal for user in gone for signal in self._chat.stop_typing(user))
        return dataclasses.replace(decision, signals=signals) if signals else decision

    def _relation(self, user: str, places: Collection[str] | None = None) -> str:
        """Return how `user` stands to it, belonging to `places`; without them, of somebody else, how the session knows that person."""
        memory, shown = self.state, self.state.shown
        if not shown.created:
            return "outsider"
        if user == shown.owner:
            return "owner"
        if user in memory.barred or (places is not None and has_lost_course(memory, user, places)):
            kept_out = "barred" if user in memory.barred else "stranger"
            return kept_out if is_for(shown, places or ()) else "outsider"
        if is_in(shown, user):
            return "present"
        if user in memory.roster or user in shown.people:
            return "enrolled"
        return "stranger" if is_for(shown, places or ()) else "outsider"

    def _knows(self, user: str) -> bool:
        memory = self.state
        return user in memory.roster or (user in memory.shown.people and user not in memory.barred)


def _attendance(id: str, memory: SessionMemory, command: words.Attendance, context: Context) -> Decision:
    return look_at_attendance(memory, context.caller, context.now)


def _sheet(id: str, memory: SessionMemory, command: words.AttendanceSheet, context: Context) -> Decision:
    return look_at_ledger(id, memory, context.caller, context.now)


_KNOWN = frozenset({"enrolled", "present", "owner"})
_JOIN = {"present": "join first"}
_REMOVED = "you were removed, and can come back when you are enrolled"
_WAYS: Mapping[str, Mapping[str, str]] = {
    "stranger": _JOIN,
    "enrolled": _JOIN,
    "barred": {"enrolled": _REMOVED, "present": _REMOVED},
}
_WHILE_IT_LASTS = (
    chat_words.Say, chat_words.Edit, chat_words.React, chat_words.Typing, floor.RaiseHand, floor.Ask, floor.Upvote,
    floor.PollOpen, floor.PollVote,
)  # fmt: skip
"""What is over with the session. Reading, moderating, answering questions and the link to the recording go on."""
_DECISIONS: dict[type[Any], Decide] = {
    **PLAN_DECISIONS,
    **PEOPLE_DECISIONS,
    **FLOOR_DECISIONS,
    words.Attendance: _attendance,
    words.AttendanceSheet: _sheet,
}
_DEADLINES: dict[str, Callable[[str, SessionMemory, Context], Decision]] = {
    RETURNS: give_up,
    LAPSE: lapse,
    MOVED: tell_moves,
}

OWNERS = allow(ROLES, "owner") | allow(ADMINS)
PRESENT = allow(ROLES, "present", "owner")
LEADERS = OWNERS | allow(STAFF, "present")
READERS = allow(ROLES, "enrolled", "present", "owner") | allow(ADMINS)
GUESTS = READERS | allow(ROLES, "stranger")
CONCERNED = READERS | allow(ROLES, "attended") | allow(("parent",), "guardian")
ROOT = "/api/live-sessions"
ONE = f"{ROOT}/{{id}}"

PLAN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "duration": "minutes",
        "maxAttendees": "capacity",
        "courseId": "course",
    }
)
"""What other systems call the fields of a plan."""
PLAN_TURNED = (*STARTS, *ENDS)

SESSION = Kind(
    name="session",
    plural="live-sessions",
    behaviour=Session,
    state=SessionMemory,
    verbs=(
        Verb(
            words.Create,
            allow(STAFF) | SYSTEM_ONLY,
            f"POST {ROOT}",
            "control",
            fresh=True,
            words=PLAN_WORDS,
            turned=PLAN_TURNED,
            people=("owner",),
            listed=("people[]",),
        ),
        Verb(
            words.Change, OWNERS, f"PUT {ONE}", "control", also=(f"PATCH {ONE}",), words=PLAN_WORDS, turned=PLAN_TURNED
        ),
        Verb(words.Start, OWNERS, budget="control"),
        Verb(words.End, OWNERS, budget="control"),
        Verb(words.Cancel, OWNERS | SYSTEM_ONLY, budget="control", also=(f"DELETE {ONE}",)),
        Verb(words.AdmitEarly, OWNERS, budget="control"),
        Verb(words.Enroll, OWNERS | SYSTEM_ONLY, budget="control", listed=("people[]",)),
        Verb(words.Expel, OWNERS | SYSTEM_ONLY, budget="control", anybody=("people[]",)),
        Verb(words.HandOver, SYSTEM_ONLY, None, "control"),
        Verb(words.LoseCourse, SYSTEM_ONLY, None, "control"),
        Verb(words.Roster, OWNERS, f"GET {ONE}/roster", "read", RosterList, remembered=False),
        Verb(words.SetRecording, OWNERS, f"PUT {ONE}/recording", "control", words={"recordingUrl": "url"}),
        Verb(words.Join, GUESTS, budget="control", reply=Entered),
        Verb(words.Leave, GUESTS, budget="control"),
        Verb(words.Attendees, READERS, f"GET {ONE}/attendees", "read", AttendeeList, remembered=False),
        Verb(words.Attendance, CONCERNED, f"GET {ONE}/attendance", "read", AttendanceList, remembered=False),
        Verb(words.AttendanceSheet, CONCERNED, f"GET {ONE}/attendance.csv", "read", Sheet, remembered=False),
        Verb(words.Away, SYSTEM_ONLY, None, "beat"),
        Verb(words.Back, SYSTEM_ONLY, None, "beat"),
        Verb(floor.RaiseHand, PRESENT, budget="control"),
        Verb(floor.LowerHand, PRESENT | OWNERS, budget="control", anybody=("user",)),
        Verb(floor.Ask, PRESENT, f"POST {ONE}/questions", reply=floor.Brought),
        Verb(floor.Upvote, PRESENT, f"POST {ONE}/questions/{{question}}/upvote", "control"),
        Verb(floor.AnswerQuestion, LEADERS, f"POST {ONE}/questions/{{question}}/answer", "control"),
        Verb(floor.WithdrawQuestion, PRESENT | OWNERS, f"DELETE {ONE}/questions/{{question}}", "control"),
        Verb(floor.PollOpen, OWNERS, f"POST {ONE}/polls", "control", floor.Brought),
        Verb(floor.PollVote, PRESENT, f"POST {ONE}/polls/{{poll}}/vote", "control", secret=("choices",)),
        Verb(floor.PollClose, OWNERS, f"POST {ONE}/polls/{{poll}}/close", "control"),
        Verb(floor.PollMark, SYSTEM_ONLY, None, "beat"),
        Verb(floor.PollResume, SYSTEM_ONLY, None, "beat"),
        *chat_verbs("live-sessions", PRESENT, OWNERS, READERS),
    ),
    events=(*words.PLAN_EVENTS, *floor.FLOOR_EVENTS, *chat_words.CHAT_EVENTS, RoomPresence),
    watch=READERS,
    calm=chat_words.CALM_CHAT_EVENTS | floor.CALM_FLOOR_EVENTS,
    tables=(SESSIONS, PEOPLE, INTERVALS, *CHAT_TABLES),
    told=SESSION_TOLD,
    tells=SESSION_TELLS,
    view=SessionState,
    lists=SESSION_LISTS,
    replay=True,
    people=lambda state: [user for user in state.people if is_in(state, user)],
    restated=1,
)
"""`poll_vote` keeps its choices secret: the receipt of an anonymous vote says that there was one, and a named vote is an event."""
_SIGNS = frozenset(verb.command for verb in SESSION.verbs if verb.remembered) - {words.Join, floor.PollVote}
"""By what somebody who was lost is back: everything but looking, typing, joining once more, and votes, of which the poll says it."""
