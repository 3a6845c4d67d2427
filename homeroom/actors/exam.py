"""The exam: who may look and act, and which part decides what.

It holds what is common: the paper, the list of students, the times, what was announced. What one student does is an actor of its own
(`sitting`), so that nobody waits for anybody; the two tell each other by durable messages.
Never here: drafts (`exam_draft`), opening, closing and time (`exam_run`), the students' part (`exam_seats`), the words (`protocol.exam`).
"""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from homeroom.actors import exam_draft as draft
from homeroom.actors import exam_run as run
from homeroom.actors import exam_seats as seats
from homeroom.actors.exam_memory import ExamMemory, Hall, remember
from homeroom.actors.exam_rows import EXAM_LIST, EXAM_TABLES, project_exam, restate_exam
from homeroom.actors.exam_told import EXAM_TELLS, EXAM_TOLD
from homeroom.actors.sitting_rows import SITTINGS
from homeroom.actors.their_words import CLOSES, COURSE_WORDS, OPENS
from homeroom.engine.behaviour import NOTHING, Behaviour, Caller, Context, Decision, Fact, Fired, Refusal, Row
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import exam as verbs
from homeroom.protocol import exam_messages as messages
from homeroom.protocol.access import ADMINS, ROLES, STAFF, SYSTEM_ONLY, allow
from homeroom.protocol.exam_events import CALM_EXAM_EVENTS, EXAM_EVENTS, SECRETS, Created, Edited
from homeroom.protocol.exam_state import ExamState, reduce_exam, show_exam
from homeroom.protocol.sheet import Sheet


class Exam(Behaviour[ExamMemory]):
    """One exam.

    Relations: `owner`, who made it; `proctor`, staff appointed to watch over it; `examinee`, who is listed, from when it is published;
    `outsider`. Everybody stands in exactly one.
    """

    def __init__(self, id: str, state: ExamMemory) -> None:
        super().__init__(id, state)
        self._hall = Hall(id, state)

    @classmethod
    def fresh(cls, id: str) -> ExamMemory:
        """Return an exam that does not exist yet."""
        return ExamMemory()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return the one relation of `caller`."""
        return frozenset((self._relation(caller.user),))

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such exam: to everybody before it is made and when it was deleted, and to outsiders."""
        if not self._hall.exists:
            return True
        return caller.role not in ADMINS and self._relation(caller.user) == "outsider"

    def decide(self, command: Any, context: Context) -> Decision:
        """Answer a command; each decision says how it may be refused."""
        if isinstance(command, Fired):
            return run.fired(self._hall, command, context)
        if not self._hall.exists and type(command) not in _BEFORE:
            if context.caller.role == "system":
                return NOTHING
            raise Refusal("not_found", seats.NO_EXAM)
        return _DECISIONS[type(command)](self._hall, command, context)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the exam: what is shown by what is sent, the rest by what is stored."""
        reduce_exam(self.state.shown, Fact(fact.seq, fact.at, fact.by, self.public(fact)))
        remember(self.state, fact)

    def view(self, caller: Caller) -> ExamState:
        """Return the exam in counts, the same for everybody who may see it: never a question."""
        return show_exam(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what is for the journal alone."""
        secrets = SECRETS.get(type(fact.event))
        return replace(fact.event, **secrets) if secrets else fact.event

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the same for a replay; to those who sit the exam a draft is shown as it was published, and never what stood there before."""
        event = self.public(fact)
        if not isinstance(event, (Created, Edited)) or caller.role in ADMINS:
            return event
        return replace(event, settings=self._hall.settings) if self._relation(caller.user) == "examinee" else event

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of the lists."""
        return project_exam(self.state, fact)

    def restate(self) -> Iterable[Row]:
        """Return what exams of earlier releases have not written down."""
        return restate_exam(self.state)

    def _relation(self, user: str) -> str:
        state = self.state.shown
        if not self._hall.exists:
            return "outsider"
        if state.owner and user == state.owner:
            return "owner"
        if user in state.proctors:
            return "proctor"
        return "examinee" if user in self.state.seats and state.status != "draft" else "outsider"


_DECISIONS: dict[type[Any], Callable[[Hall, Any, Context], Decision]] = {
    verbs.Create: draft.create,
    verbs.Edit: draft.edit,
    verbs.Delete: draft.delete,
    verbs.PutQuestion: draft.put_question,
    verbs.RemoveQuestion: draft.remove_question,
    verbs.Enroll: draft.enroll,
    verbs.Expel: draft.expel,
    verbs.Appoint: draft.appoint,
    verbs.Dismiss: draft.dismiss,
    verbs.Publish: run.publish,
    verbs.Open: run.open_exam,
    verbs.Close: run.close_exam,
    verbs.Extend: run.extend,
    verbs.Pause: run.pause,
    verbs.Resume: run.resume,
    verbs.Announce: run.announce,
    verbs.Release: run.release,
    verbs.Join: seats.join,
    verbs.Leave: seats.leave,
    verbs.AskPaper: seats.ask_paper,
    verbs.AskStudents: seats.ask_students,
    verbs.AskSittings: seats.ask_sittings,
    verbs.AskResults: seats.ask_results,
    messages.Call: seats.call,
    messages.Report: seats.report,
}
_BEFORE = frozenset({verbs.Create, messages.Call})
"""What is decided before the exam exists as well."""

OWNER = allow(STAFF, "owner") | allow(ADMINS)
WATCHERS = allow(STAFF, "owner", "proctor") | allow(ADMINS)
STUDENT = allow(ROLES, "examinee")
READERS = WATCHERS | STUDENT
_ROOT = "/api/exams/{id}"
_WORDS = MappingProxyType({**COURSE_WORDS, "duration": "minutes"})
"""What other systems call the fields of an exam."""

EXAM = Kind(
    name="exam",
    plural="exams",
    behaviour=Exam,
    state=ExamMemory,
    verbs=(
        Verb(
            verbs.Create,
            allow(STAFF) | SYSTEM_ONLY,
            "POST /api/exams",
            "control",
            also=(f"PUT {_ROOT}",),
            fresh=True,
            words=_WORDS,
            turned=(OPENS, CLOSES),
            listed=("students[].id",),
        ),
        Verb(verbs.Edit, OWNER, f"PATCH {_ROOT}", "control", words=_WORDS, turned=(OPENS, CLOSES)),
        Verb(verbs.Delete, OWNER, f"DELETE {_ROOT}", "control"),
        Verb(verbs.PutQuestion, OWNER, f"POST {_ROOT}/questions", "control"),
        Verb(verbs.RemoveQuestion, OWNER, f"DELETE {_ROOT}/questions/{{question}}", "control"),
        Verb(verbs.Enroll, OWNER, f"POST {_ROOT}/students", "control", listed=("people[].id",)),
        Verb(verbs.Expel, OWNER, f"DELETE {_ROOT}/students/{{user}}", "control", anybody=("user",)),
        Verb(verbs.Appoint, OWNER, f"PUT {_ROOT}/proctors/{{user}}", "control", people=("user",)),
        Verb(verbs.Dismiss, OWNER, f"DELETE {_ROOT}/proctors/{{user}}", "control", anybody=("user",)),
        Verb(verbs.Publish, OWNER, budget="control"),
        Verb(verbs.Open, WATCHERS, budget="control"),
        Verb(verbs.Close, WATCHERS, budget="control"),
        Verb(verbs.Extend, WATCHERS, budget="control", anybody=("user",)),
        Verb(verbs.Pause, WATCHERS, budget="control", anybody=("user",)),
        Verb(verbs.Resume, WATCHERS, budget="control", anybody=("user",)),
        Verb(verbs.Announce, WATCHERS, f"POST {_ROOT}/announcements", "control"),
        Verb(verbs.Release, OWNER, budget="control"),
        Verb(verbs.Join, STUDENT, budget="control", reply=verbs.Admission),
        Verb(verbs.Leave, STUDENT, budget="control"),
        Verb(verbs.AskPaper, WATCHERS, f"GET {_ROOT}/paper", "read", verbs.PaperAnswer, remembered=False),
        Verb(verbs.AskStudents, WATCHERS, f"GET {_ROOT}/students", "read", verbs.StudentsAnswer, remembered=False),
        Verb(verbs.AskSittings, WATCHERS, f"GET {_ROOT}/sittings", "read", verbs.SittingsPage, remembered=False),
        Verb(
            verbs.AskResults, WATCHERS, f"GET {_ROOT}/results", "read", Sheet, False, also=(f"GET {_ROOT}/results.csv",)
        ),
        Verb(messages.Call, SYSTEM_ONLY, None, "control"),
        Verb(messages.Report, SYSTEM_ONLY, None, "control"),
    ),
    events=EXAM_EVENTS,
    watch=READERS,
    calm=CALM_EXAM_EVENTS,
    tables=(*EXAM_TABLES, SITTINGS),
    told=EXAM_TOLD,
    tells=EXAM_TELLS,
    view=ExamState,
    lists=(EXAM_LIST,),
    replay=True,
    restated=1,
)
