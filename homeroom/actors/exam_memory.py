"""What an exam remembers, shown and unshown, and the place from which its decisions are made.

Never here: decisions (`exam_draft`, `exam_run`, `exam_seats`), and what is shown (`protocol.exam_state`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.engine.behaviour import At, Fact, Refusal, Tell
from homeroom.protocol.exam import Seat, Settings
from homeroom.protocol.exam_events import (
    Began,
    Created,
    Ended,
    Enrolled,
    Expelled,
    Granted,
    Held,
    Joined,
    QuestionPut,
    QuestionRemoved,
)
from homeroom.protocol.exam_messages import Prepare
from homeroom.protocol.exam_paper import Item, Paper, Shuffle
from homeroom.protocol.exam_state import ExamState
from homeroom.protocol.inbox import Notify
from homeroom.protocol.sitting import GRACE_MS

OPEN, CLOSE, REMIND = "open", "close", "remind"
"""The exam's deadlines."""


class ExamMemory(Struct):
    """The durable state: what is shown, the seed of the shuffle, the questions with their keys, and the listed students.

    `former`: the seats of those who were taken off the list after they had begun; who is listed again has that sitting, and no other.
    `again`: who writes although the exam is closed, since staff reopened the sitting.
    """

    shown: ExamState = field(default_factory=ExamState)
    seed: int = 0
    items: dict[str, Item] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    former: dict[str, Seat] = field(default_factory=dict)
    again: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hall:
    """One exam as its decisions see it: its id, and what it remembers. Nothing here changes anything."""

    id: str
    memory: ExamMemory

    @property
    def shown(self) -> ExamState:
        """Return what followers see."""
        return self.memory.shown

    @property
    def exists(self) -> bool:
        """Tell whether there is an exam: it was made, and not deleted since."""
        return self.shown.settings is not None and self.shown.status != "deleted"

    @property
    def settings(self) -> Settings:
        """Return how the exam is held; raises `not_found` when there is none."""
        settings = self.shown.settings
        if settings is None:
            raise Refusal("not_found", "no such exam")
        return settings

    @property
    def staff(self) -> tuple[str, ...]:
        """Return who watches over the exam."""
        owner = (self.shown.owner,) if self.shown.owner else ()
        return (*owner, *self.shown.proctors)

    def sitting(self, user: str) -> str:
        """Return the address of a student's sitting."""
        return f"sitting:{self.id}.{user}"

    def prepared(self) -> list[str]:
        """Return the students whose sitting has its paper."""
        return [user for user, seat in self.memory.seats.items() if seat.status != "listed"]

    def tell(self, users: Iterable[str], command: Any) -> tuple[Tell, ...]:
        """Return a message to the sittings of `users`."""
        return tuple(Tell(self.sitting(user), command) for user in users)

    def notify(self, users: Iterable[str], notice: Notify) -> tuple[Tell, ...]:
        """Return a notice to `users`."""
        return tuple(Tell(f"inbox:{user}", notice) for user in users)

    def ends(self, now: int) -> int:
        """Return when the exam closes by itself: with the last student's time and its grace; 0: by hand, or while clocks stand."""
        state, seats = self.shown, self.memory.seats.values()
        running = [seat for seat in seats if seat.status == "running"]
        if not state.closes or state.paused or any(seat.held for seat in running):
            return 0
        extra = max((seat.extra for seat in seats), default=0)
        return max(state.closes + extra * 60_000, *(seat.closes for seat in running), 0) + GRACE_MS

    def look_again(self, now: int, closes: int = 0) -> tuple[At, ...]:
        """Return the deadline to look again whether the exam closes: after one that ends at `closes`, and after the last there is."""
        state = self.shown
        if not state.closes or state.paused or state.status not in {"published", "open"}:
            return ()
        return (At(CLOSE, max(self.ends(now), closes + GRACE_MS, now)),)

    def paper(self) -> Paper:
        """Return the paper with its keys."""
        settings, items = self.settings, self.memory.items
        return Paper(
            tuple(item.question for item in items.values()),
            {id_: item.key for id_, item in items.items()},
            Shuffle(self.memory.seed, settings.shuffle_questions, settings.shuffle_options),
        )

    def preparation(self, user: str, name: str, now: int) -> Prepare:
        """Return what a student's sitting needs; while the exam is paused, its window moves by what it has been so far."""
        settings, state, seat = self.settings, self.shown, self.memory.seats[user]
        stood = now - state.paused if state.paused else 0
        return Prepare(
            exam=self.id,
            user=user,
            title=settings.title,
            minutes=settings.minutes + state.extra + seat.extra,
            paper=self.paper(),
            name=name or seat.name,
            specialty=settings.specialty,
            window=state.closes + seat.extra * 60_000 + stood if state.closes else 0,
            opened=state.status == "open",
            held=bool(state.paused),
            reveal=settings.reveal,
            ranked=settings.ranked,
            staff=self.staff,
        )


def remember(memory: ExamMemory, fact: Fact) -> None:
    """Let `fact`, as it is stored, change what is remembered beside the shown state."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(memory, fact.event)
    _notice_again(memory, fact.event)


def _notice_again(memory: ExamMemory, event: Any) -> None:
    if isinstance(event, Began) and memory.shown.status == "closed" and event.user in memory.seats:
        memory.again[event.user] = None
    elif isinstance(event, Ended | Expelled):
        memory.again.pop(event.user, None)


def _created(memory: ExamMemory, e: Created) -> None:
    memory.seed = e.seed


def _put(memory: ExamMemory, e: QuestionPut) -> None:
    if e.question is not None and e.key is not None:
        memory.items[e.question.id] = Item(e.question, e.key)


def _removed(memory: ExamMemory, e: QuestionRemoved) -> None:
    memory.items.pop(e.question, None)


def _enrolled(memory: ExamMemory, e: Enrolled) -> None:
    former = memory.former.pop(e.user, Seat())
    memory.seats[e.user] = replace(former, name=e.name or former.name)


def _expelled(memory: ExamMemory, e: Expelled) -> None:
    seat = memory.seats.pop(e.user, None)
    if seat is not None and seat.begun:
        memory.former[e.user] = seat


def _joined(seat: Seat, e: Joined) -> Seat:
    return replace(seat, name=e.name or seat.name, status="prepared" if seat.status == "listed" else seat.status)


def _granted(seat: Seat, e: Granted) -> Seat:
    return replace(seat, extra=seat.extra + e.minutes)


def _held(seat: Seat, e: Held) -> Seat:
    return replace(seat, held=e.on)


def _began(seat: Seat, e: Began) -> Seat:
    return replace(seat, status="running", closes=e.closes, begun=True)


def _ended(seat: Seat, e: Ended) -> Seat:
    return replace(seat, status="submitted", held=False)


def _on_seat(change: Callable[[Seat, Any], Seat]) -> Callable[[ExamMemory, Any], None]:
    """Return what changes the seat that an event is about, of a student who is still listed."""

    def apply(memory: ExamMemory, event: Any) -> None:
        seat = memory.seats.get(event.user)
        if seat is not None:
            memory.seats[event.user] = change(seat, event)

    return apply


_CHANGES: dict[type[Any], Callable[[ExamMemory, Any], None]] = {
    Created: _created,
    QuestionPut: _put,
    QuestionRemoved: _removed,
    Enrolled: _enrolled,
    Expelled: _expelled,
    Joined: _on_seat(_joined),
    Granted: _on_seat(_granted),
    Held: _on_seat(_held),
    Began: _on_seat(_began),
    Ended: _on_seat(_ended),
}
