"""What a sitting remembers, shown and unshown, and the place from which its decisions are made.

Never here: decisions (`sitting_clock`, `sitting_answers`, `sitting_marks`), and what is shown (`protocol.sitting_state`).
"""

from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

from homeroom.actors.chat_memory import ChatMemory
from homeroom.engine.behaviour import Fact, Signal, Tell
from homeroom.protocol.exam_messages import Report
from homeroom.protocol.exam_paper import Paper, Question, find_question
from homeroom.protocol.grading import Mark
from homeroom.protocol.inbox import Hush, Unhush
from homeroom.protocol.presence import Disengage, Engage
from homeroom.protocol.sitting import GRACE_MS
from homeroom.protocol.sitting_chain import genesis, link_of
from homeroom.protocol.sitting_events import (
    AnswerSaved,
    ClockWentOn,
    Declined,
    Graded,
    LateKept,
    Locked,
    Prepared,
    ReleaseOrdered,
    Reopened,
    Requested,
    SittingProgress,
    StaffChanged,
    Started,
    TakenOver,
)
from homeroom.protocol.sitting_state import SittingState, answered

ACTIVITY = "Taking an exam"
PAUSE_HUSH_MS = 86_400_000
"""How long a paused sitting keeps its student's inbox silent, at the most."""


class SittingMemory(Struct):
    """The durable state. `head` is the hash of the newest record; `wanted`: the student waits to start, on `device`.

    `staff` may watch over it; `kept` counts late values kept; `ordered`: the result is to be released when it is complete;
    `touched` are questions answered since their mark, if any, was given; `taken_over`: a second device wrote; `ran`: when the clock last
    began to run, Unix ms.
    """

    shown: SittingState = field(default_factory=SittingState)
    chat: ChatMemory = field(default_factory=ChatMemory)
    paper: Paper = field(default_factory=Paper)
    specialty: str = ""
    reveal: bool = False
    ranked: bool = True
    staff: tuple[str, ...] = ()
    marks: dict[str, Mark] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    ordered: bool = False
    wanted: bool = False
    device: str = ""
    taken_over: bool = False
    kept: int = 0
    ran: int = 0
    head: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """One sitting as its decisions see it: its address, and what it remembers. Nothing here changes anything."""

    address: str
    memory: SittingMemory

    @property
    def shown(self) -> SittingState:
        """Return what followers see."""
        return self.memory.shown

    @property
    def head(self) -> str:
        """Return the hash that the next record carries."""
        return self.memory.head or genesis(self.address)

    @property
    def runs(self) -> bool:
        """Tell whether the student writes."""
        return self.shown.status == "running"

    def question(self, id: str) -> Question | None:
        """Return a question of the paper."""
        return find_question(self.memory.paper.questions, id)

    def tell_exam(self, status: Any, closes: int = 0) -> Tell:
        """Return the report to the exam."""
        return Tell(f"exam:{self.shown.exam}", Report(self.shown.user, status, closes))

    def silence(self, until: int, user: str = "") -> tuple[Tell, ...]:
        """Return what keeps the student's inbox quiet and tells that it sits an exam; `user` before the paper is here."""
        user = user or self.shown.user
        return (
            Tell(f"inbox:{user}", Hush(self.address, until)),
            Tell(f"presence:{user}", Engage(self.address, ACTIVITY)),
        )

    def hush(self, closes: int) -> Tell:
        """Return what keeps the inbox quiet until another deadline."""
        return Tell(f"inbox:{self.shown.user}", Hush(self.address, closes + GRACE_MS))

    def end_silence(self) -> tuple[Tell, ...]:
        """Return what ends that."""
        user = self.shown.user
        return Tell(f"inbox:{user}", Unhush(self.address)), Tell(f"presence:{user}", Disengage(self.address))

    def signal(self, status: str, **changes: Any) -> tuple[Signal, ...]:
        """Return how far the student is, for the proctors; what has ended is told and forgotten."""
        state = self.shown
        told: dict[str, Any] = {"current": state.current, "closes": state.closes, **changes}
        if "answered" not in told:  # a save tells it itself: a hundred answers need not be counted twice
            told["answered"] = answered(state)
        event = SittingProgress(state.user, status, state.name, questions=len(self.memory.paper.questions), **told)
        runs = status == "running"
        return (Signal(f"proctor:{state.exam}", f"seat:{state.user}", event, retain=runs, drop=not runs),)


def remember(memory: SittingMemory, address: str, fact: Fact) -> None:
    """Let `fact`, as it is stored, change what is remembered beside the shown state."""
    memory.head = link_of(memory.head or genesis(address), fact)
    memory.ran = fact.at if isinstance(fact.event, Started | ClockWentOn | Reopened) else memory.ran
    event = fact.event
    match event:
        case Prepared():
            memory.paper = event.paper or Paper()
            memory.specialty, memory.reveal, memory.staff = event.specialty, event.reveal, event.staff
            memory.ranked = event.ranked
        case StaffChanged():
            memory.staff = event.staff
        case Requested():
            memory.wanted, memory.device = True, event.device
        case Started() | Declined() | Locked():
            memory.wanted = False
        case TakenOver():
            memory.taken_over = True
        case AnswerSaved():
            memory.touched[event.question] = None
        case LateKept():
            memory.kept += 1
        case Graded():
            memory.marks.update(event.marks)
            memory.touched = {each: None for each in memory.touched if each not in event.marks}
        case ReleaseOrdered():
            memory.ordered = True
