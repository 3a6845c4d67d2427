"""One student's sitting of an exam: who may look and speak, and which part decides what.

It is an actor of its own, so that a whole class can submit in the same second (E7), and so that each has one sequence of records, which
is its timeline. Its id is `<exam>.<user>`; it asks the exam for its paper when its student starts before the exam sent it.
Never here: the clock (`sitting_clock`), answers (`sitting_answers`), marks (`sitting_marks`), the words (`protocol.sitting`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import msgspec.structs

from homeroom.actors import sitting_answers as answers
from homeroom.actors import sitting_clock as clock
from homeroom.actors import sitting_marks as marks
from homeroom.actors.chat import TYPING_TIMER, Chat, Standing
from homeroom.actors.chat_history import CHAT_TABLES
from homeroom.actors.chat_verbs import chat_verbs
from homeroom.actors.exam_told import SITTING_TELLS, SITTING_TOLD
from homeroom.actors.sitting_memory import Place, SittingMemory, remember
from homeroom.actors.sitting_rows import OWN_SITTINGS, SITTINGS, project_sitting
from homeroom.engine.behaviour import (
    NOTHING,
    Behaviour,
    Caller,
    Consult,
    Context,
    Decision,
    Fact,
    Fired,
    Recall,
    Refusal,
    Row,
)
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import chat as words
from homeroom.protocol import exam_messages as messages
from homeroom.protocol import sitting as verbs
from homeroom.protocol.access import ADMINS, ROLES, STAFF, SYSTEM_ONLY, allow
from homeroom.protocol.chat_state import KEPT
from homeroom.protocol.exam_paper import arrange
from homeroom.protocol.sitting_chain import chained
from homeroom.protocol.sitting_events import CALM_SITTING_EVENTS, SITTING_EVENTS, SITTING_SECRETS, Started
from homeroom.protocol.sitting_state import SittingState, reduce_sitting, show_sitting

UNKNOWN = "no such thing, or not for you to know"


class Sitting(Behaviour[SittingMemory]):
    """One sitting.

    Relations: `examinee`, whose it is; `guardian`, who stands for the examinee, and `informed` the same once the result is released;
    `proctor`, staff of the exam; `outsider`. Everybody stands in exactly one.
    """

    def __init__(self, id: str, state: SittingMemory) -> None:
        super().__init__(id, state)
        self._place = Place(f"sitting:{id}", state)
        self._chat = Chat(f"sitting:{id}", state.shown.chat, state.chat)

    @classmethod
    def fresh(cls, id: str) -> SittingMemory:
        """Return a sitting that nobody asked for yet."""
        return SittingMemory()

    @property
    def student(self) -> str:
        """Return whose sitting this is; before the paper is here, the id tells."""
        return self.state.shown.user or self.id.partition(".")[2]

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return the one relation of `caller`."""
        return frozenset((self._relation(caller),))

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such sitting: to outsiders, and before there is a paper to all but the student."""
        relation = self._relation(caller)
        if not self.state.shown.exam:
            return relation != "examinee"
        return relation == "outsider" and caller.role not in ADMINS

    def decide(self, command: Any, context: Context) -> Decision | Recall | Consult:
        """Answer a command; each decision says how it may be refused. Its events get their place in the chain."""
        answer = self._decide(command, context)
        if not isinstance(answer, Decision) or not answer.events:
            return answer
        events = chained(self._place.head, context.seq, context.now, context.caller.user, answer.events)
        return replace(answer, events=events)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the sitting: what is shown by what is sent, the rest by what is stored."""
        if not self._chat.apply(fact):
            reduce_sitting(self.state.shown, self._before_it_is_sent(fact), KEPT)
        remember(self.state, self._place.address, fact)

    def view(self, caller: Caller) -> SittingState:
        """Return the sitting, the same for everybody who may see it: never a key or mark before the release."""
        return show_sitting(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what is for the journal alone."""
        shown = self._chat.public(fact.event)
        return shown if shown is not fact.event else self._veil(fact.event)

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the same for a replay, without the words of messages retracted since; a release does not open the past."""
        shown = self._chat.show(fact.event)
        return shown if shown is not fact.event else self._veil(fact.event)

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of the chat's history and of the list of sittings."""
        yield from self._chat.project(fact)
        yield from project_sitting(self.state, fact)

    def wake(self, context: Context) -> Decision:
        """Show the proctors again how far the student is."""
        return Decision(signals=self._place.signal("running")) if self._place.runs else NOTHING

    def _decide(self, command: Any, context: Context) -> Decision | Recall | Consult:
        if isinstance(command, Fired):
            return self._fired(command, context)
        decide = _DECISIONS.get(type(command))
        if not self.state.shown.exam and type(command) not in _BEFORE:
            return self._decide_unprepared(command, context)
        if decide is not None:
            return decide(self._place, command, context)
        return self._talk(command, context)

    def _decide_unprepared(self, command: Any, context: Context) -> Decision:
        """Answer where there is no paper: messages of the exam are of no concern, and what people ask for is not there."""
        if context.caller.role == "system":
            return NOTHING
        raise Refusal("conflict" if type(command) in _STUDENTS else "not_found", "the sitting has not started")

    def _fired(self, command: Fired, context: Context) -> Decision:
        if command.key == clock.DEADLINE:
            return clock.fired(self._place, context)
        return self._chat.fired(command.key) if command.key.startswith(TYPING_TIMER) else NOTHING

    def _talk(self, command: Any, context: Context) -> Decision | Recall:
        """Answer a verb of the chat between the student and the staff; only the student can be silenced."""
        if isinstance(command, words.Mute) and command.user != self.student:
            raise Refusal("not_found", "no such student here")
        answer = self._chat.decide(command, context, self._standing(context.caller))
        if answer is None:
            raise Refusal("bad_command", f"a sitting does not know {type(command).__name__}")
        return answer

    def _veil(self, event: Any) -> Any:
        """Return an event of the sitting without hash and secrets; the paper's questions come with the start."""
        hidden: Mapping[str, Any] = SITTING_SECRETS.get(type(event), {})
        if "prev" in event.__struct_fields__:
            hidden = {**hidden, "prev": ""}
        if isinstance(event, Started):
            hidden = {**hidden, "questions": arrange(self.state.paper, self.state.shown.user)}
        return msgspec.structs.replace(event, **hidden) if hidden else event

    def _before_it_is_sent(self, fact: Fact) -> Fact:
        return Fact(fact.seq, fact.at, fact.by, self._veil(fact.event))

    def _relation(self, caller: Caller) -> str:
        if caller.user == self.student:
            return "examinee"
        if self.student in caller.wards:
            return "informed" if self.state.shown.result else "guardian"
        return "proctor" if caller.user in self.state.staff else "outsider"

    def _standing(self, caller: Caller) -> Standing:
        watches = caller.role in STAFF
        return Standing(moderates=watches, staff=watches)


_DECISIONS: dict[type[Any], Callable[[Place, Any, Context], Decision | Consult]] = {
    verbs.Start: clock.start,
    verbs.SaveAnswer: answers.save,
    verbs.Progress: answers.progress,
    verbs.Flag: answers.flag,
    verbs.Submit: clock.submit,
    verbs.AskResult: marks.ask_result,
    verbs.ExtendSitting: clock.extend,
    verbs.Reopen: clock.reopen,
    verbs.Grade: marks.grade_by_hand,
    verbs.AdmitLate: marks.admit_late,
    verbs.Review: marks.review,
    messages.Prepare: clock.prepare,
    messages.Unlock: clock.unlock,
    messages.Decline: clock.decline,
    messages.Prolong: clock.prolong,
    messages.HoldClock: clock.hold,
    messages.GoOn: clock.go_on,
    messages.Finish: clock.finish,
    messages.ShowResult: marks.show_result,
    messages.SetStaff: clock.change_staff,
}
_BEFORE = frozenset({verbs.Start, messages.Prepare, messages.Decline})
"""What is decided before there is a paper as well."""
_STUDENTS = frozenset({verbs.SaveAnswer, verbs.Progress, verbs.Flag, verbs.Submit, verbs.AskResult})

STUDENT = allow(ROLES, "examinee")
PROCTORS = allow(STAFF, "proctor") | allow(ADMINS)
TALKERS = STUDENT | allow(STAFF, "proctor")
READERS = STUDENT | PROCTORS | allow(ROLES, "informed")
FAMILY = READERS | allow(ROLES, "guardian")
_ROOT = "/api/sittings/{id}"
_WORDS = MappingProxyType({"answer": "value", "questionId": "question"})
"""What other systems call the parts of an answer."""

SITTING = Kind(
    name="sitting",
    plural="sittings",
    behaviour=Sitting,
    state=SittingMemory,
    verbs=(
        Verb(verbs.Start, STUDENT, budget="control", reply=verbs.StartAnswer),
        Verb(
            verbs.SaveAnswer,
            STUDENT,
            f"PUT {_ROOT}/answers/{{question}}",
            "answer",
            verbs.SaveReply,
            also=(f"POST {_ROOT}/answer",),
            words=_WORDS,
        ),
        Verb(verbs.Progress, STUDENT, budget="answer"),
        Verb(verbs.Flag, STUDENT, f"PUT {_ROOT}/flags/{{question}}", "answer"),
        Verb(verbs.Submit, STUDENT, budget="answer", reply=verbs.SubmitReply),
        Verb(verbs.AskResult, FAMILY, f"GET {_ROOT}/result", "read", verbs.Result, remembered=False),
        Verb(verbs.ExtendSitting, PROCTORS, budget="control"),
        Verb(verbs.Reopen, PROCTORS, budget="control"),
        Verb(verbs.Grade, PROCTORS, f"PUT {_ROOT}/marks/{{question}}", "control"),
        Verb(verbs.AdmitLate, PROCTORS, f"POST {_ROOT}/late/{{question}}/admit", "control"),
        Verb(verbs.Review, PROCTORS, f"GET {_ROOT}/review", "read", verbs.ReviewAnswer, remembered=False),
        *chat_verbs("sittings", TALKERS, PROCTORS, READERS),
        *(
            Verb(command, SYSTEM_ONLY, None, "control")
            for command in (
                messages.Prepare,
                messages.Unlock,
                messages.Decline,
                messages.Prolong,
                messages.HoldClock,
                messages.GoOn,
                messages.Finish,
                messages.ShowResult,
                messages.SetStaff,
            )
        ),
    ),
    events=SITTING_EVENTS,
    watch=READERS,
    calm=CALM_SITTING_EVENTS | words.CALM_CHAT_EVENTS,
    tables=(*CHAT_TABLES, SITTINGS),
    told=SITTING_TOLD,
    tells=SITTING_TELLS,
    view=SittingState,
    ids="the id of the exam, a dot, and that of the student",
    lists=(OWN_SITTINGS,),
    replay=True,
)
