"""What an actor is, seen from the actor's side: with `kind`, all of the engine that actors import.

An actor decides and applies; it never performs. Everything it wants done — events to be kept, signals, messages to other
actors, deadlines, look-ups — is a returned value. Time, randomness and the caller come in with the `Context`.
Never here: trio, a clock, a codec, a database.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Generic, Protocol, TypeVar

StateT = TypeVar("StateT")
SYSTEM = "system"


class Rule(Protocol):
    """Who may: a set of (role, relation) pairs (`protocol.access.Rule`)."""

    def permits(self, role: str, relations: Iterable[str], /) -> bool:
        """Tell whether somebody of `role`, standing in `relations` to this actor, may."""


class Event(Protocol):
    """A typed structure whose class names its wire type, `domain.action` in the past tense."""

    type: ClassVar[str]


class Command(Protocol):
    """A typed structure whose class names its verb."""

    do: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The engine's own voice has user and role `"system"`; `wards` are the children whom a parent stands for.

    `places` are the classes, courses and cohorts to which the person belongs, by their addresses; `ward_places` those to which the
    wards belong, each as `(child, place)`.
    """

    user: str
    role: str
    name: str = ""
    wards: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    ward_places: frozenset[tuple[str, str]] = frozenset()


SYSTEM_CALLER = Caller(SYSTEM, SYSTEM, SYSTEM)

Guardians = Callable[[str], Sequence[str]]
"""Returns who stands for a person (the parents of a child), always in the same order."""


Members = Callable[[str], Mapping[str, str]]
"""Returns the students who belong to a place (`course:cs1`) by id, each with the name known of them, always in the same order."""


Belongs = Callable[[str, str], bool]
"""Tells whether a person belongs to a place, as whatever: `("ann", "course:cs1")`."""


Knows = Callable[[str], bool]
"""Tells whether there is such a place (`course:cs1`): somebody belongs to it, as whatever."""


def nowhere(place: str) -> bool:
    """Return that there is no such place: the `Knows` of an engine that was told of none."""
    return False


def belongs_nowhere(person: str, place: str) -> bool:
    """Return that nobody belongs anywhere: the `Belongs` of an engine that was told of none."""
    return False


def nobody_there(place: str) -> Mapping[str, str]:
    """Return that nobody belongs to `place`: the `Members` of an engine that was told of none."""
    return {}


def nobody(user: str) -> tuple[str, ...]:
    """Return that nobody stands for `user`: the `Guardians` of an engine that was told of none."""
    return ()


@dataclass(frozen=True, slots=True)
class Fact:
    """An event that happened: its number in the stream, server time in ms, who caused it, and the event itself."""

    seq: int
    at: int
    by: str
    event: Any


@dataclass(slots=True)
class Context:
    """What comes in with a command.

    `now` in Unix ms; `arrived`, of the same clock, when the command came in at the door: what a deadline is judged by. `seq` is the number that the first event of this decision will get; `recalled` holds the facts that
    an earlier answer of `Recall` asked for (`None` for a number that is no event); `found` is what an earlier `Consult` found. `guardians` tells who stands for a person
    now, `members` who learns at a place (at a person's own, `user:ann`, that person, by name), `belongs` whether somebody belongs there, `knows` whether there is such a place: for decisions alone, which keep what they made of it, since it changes without an event.
    """

    now: int
    caller: Caller
    seq: int
    random: Random
    recalled: Mapping[int, Fact | None] = field(default_factory=dict)
    found: Any = None
    arrived: int = 0
    guardians: Guardians = nobody
    members: Members = nobody_there
    knows: Knows = nowhere
    belongs: Belongs = belongs_nowhere

    def __post_init__(self) -> None:
        """Let what did not come in at a door have arrived now."""
        if not self.arrived:
            self.arrived = self.now


class Refusal(Exception):
    """They broke the rule, or it cannot be now: nothing changes when it is raised, and the caller gets `code` and `msg`.

    `data` names the field and what is allowed; `retry_ms` when sending the same again can succeed.
    """

    def __init__(self, code: str, msg: str, *, retry_ms: int | None = None, data: Any = None) -> None:
        super().__init__(f"{code}: {msg}")
        self.code, self.msg, self.retry_ms, self.data = code, msg, retry_ms, data


@dataclass(frozen=True, slots=True)
class Recall:
    """Asked instead of a decision: fetch these numbered events of this stream, then decide again with them."""

    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """An ephemeral event on any stream: newest wins per `key`, not numbered, not stored.

    `retain` keeps the newest value for those who subscribe later; `drop` forgets a retained value after sending it.
    """

    stream: str
    key: str
    event: Any
    retain: bool = False
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """A durable message to another actor: written with the events that caused it, carried out exactly once."""

    to: str
    command: Any


@dataclass(frozen=True, slots=True)
class At:
    """Arm (or move) the durable deadline `key` to `due` Unix ms; `due=None` means when the actor's owner starts anew.

    It comes back as `Fired`, also when the actor slept or the server was down at that moment.
    """

    key: str
    due: int | None


@dataclass(frozen=True, slots=True)
class Disarm:
    """Forget the durable deadline `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class After:
    """Arm (or move) a timer of this life only, `ms` from now: for what is not durable anyway (typing)."""

    key: str
    ms: int


@dataclass(frozen=True, slots=True)
class Fired:
    """The command by which a deadline or timer comes back; `do` is never a verb of the wire."""

    key: str
    do: ClassVar[str] = "(fired)"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question to a read model of this stream, answered after the decision and outside the actor's turn.

    Rows of `table` whose `stream` is this one and whose columns equal `where`, with `below[0] < below[1]` and
    `above[0] > above[1]` where given, ordered by `order` and then by stream (descending unless `ascending`), at most `limit`.
    `into` turns the rows into the reply.

    With `everywhere` the rows of all streams count (each carries its `stream`), and these narrow them further: `contains`, a
    text that a column contains in any case; `within`, another table and what its rows of the same stream equal (of a
    tuple, any value), one of which there must be; `without`, the same of which there must be none; `beyond`, the order's value and the stream of the last row that was seen already (so of a stream no
    two rows of equal order may be asked for). No value (`None`) counts as larger than every other.
    """

    table: str
    into: Callable[[list[Mapping[str, Any]]], Any]
    order: str
    limit: int
    where: Mapping[str, Any] = field(default_factory=dict)
    below: tuple[str, Any] | None = None
    above: tuple[str, Any] | None = None
    ascending: bool = False
    everywhere: bool = False
    contains: Mapping[str, str] = field(default_factory=dict)
    within: tuple[str, Mapping[str, Any]] | None = None
    without: tuple[str, Mapping[str, Any]] | None = None
    beyond: tuple[Any, str] | None = None


@dataclass(frozen=True, slots=True)
class Consult:
    """Asked instead of a decision: look up rows of another actor's stream, then decide again with what they say as `context.found`.

    For refusing at once what needs no message, and keeping nothing of it. `into` makes something other than `None` of the rows. They are as they
    were last written down, and can change before the decision is kept: what has to be certain, the other actor decides (`Tell`).
    """

    stream: str
    lookup: Lookup


@dataclass(frozen=True, slots=True)
class Row:
    """A change of a read model, written in the transaction of its event: upsert by `key`, setting `values` only.

    `stream` is added to the key by the engine.
    """

    table: str
    key: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command causes. `reply` is the `d` of the answer; a `lookup`, if any, makes the reply instead.

    `evict` names users who may no longer follow this stream: after these events were published to them as well, and before
    any later one is, each of their subscriptions ends with `gone`, code `forbidden`. `refusal` is the answer instead of a reply, for
    what is refused and kept all the same (a late save): the rest happens as decided, and the command sent again is refused alike.
    """

    events: tuple[Any, ...] = ()
    reply: Any = None
    signals: tuple[Signal, ...] = ()
    tells: tuple[Tell, ...] = ()
    timers: tuple[At | Disarm | After, ...] = ()
    lookup: Lookup | None = None
    evict: tuple[str, ...] = ()
    refusal: Refusal | None = None


NOTHING = Decision()


class Behaviour(ABC, Generic[StateT]):
    """One live thing of a school: plain and synchronous, one instance an actor.

    Its life: (1) made with its id and either the fresh state or a snapshot's; (2) `apply` for each later event of the
    journal; (3) `wake`; (4) `decide`, and `apply` for each event decided, again and again; (5) dropped without notice.
    `decide` never changes `state`; only `apply` does, and it depends on nothing but the state and the fact.
    Attributes beside `state` are volatile: gone after a restart, and never read by `apply`.
    """

    def __init__(self, id: str, state: StateT) -> None:
        self.id = id
        self.state = state

    @classmethod
    @abstractmethod
    def fresh(cls, id: str) -> StateT:
        """Return the state of an actor to which nothing has happened."""

    @abstractmethod
    def relations(self, caller: Caller) -> frozenset[str]:
        """Return what `caller` is to this actor: the words that its rules speak of."""

    @abstractmethod
    def decide(self, command: Any, context: Context) -> "Decision | Recall | Consult":
        """Answer a permitted command, changing nothing; raises `Refusal`."""

    @abstractmethod
    def apply(self, fact: Fact) -> None:
        """Let what happened change the state."""

    @abstractmethod
    def view(self, caller: Caller) -> Any:
        """Return the structure that a subscriber gets as snapshot; state + later events equals a later view."""

    def hidden(self, caller: Caller) -> bool:
        """Tell whether this thing does not exist as far as `caller` may know: refusals then say `not_found`."""
        return False

    def within_reach(self, caller: Caller) -> Mapping[str, str | Refusal]:
        """Return the relations that `caller` could come to stand in alone, each with the words how; refusals then say so.

        With a `Refusal`, for a relation that nobody can stand in (any more), that is the answer instead, whether this is hidden or not.
        """
        return {}

    def public(self, fact: Fact) -> Any:
        """Return the event as everybody may see it when it has become durable; what is stored stays as decided.

        The same object unless the event holds something for the journal alone (the text that a retraction took away).
        """
        return fact.event

    def signer(self, fact: Fact) -> str:
        """Return who is shown as the author of an event, live and replayed; `"system"` where its `by` would tell what nobody may know."""
        return fact.by

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the event as it may be shown when it is replayed to `caller` (deleted content stays deleted)."""
        return self.public(fact)

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of the read models that `fact` causes; called after `apply`."""
        return ()

    def restate(self) -> Iterable[Row]:
        """Return rows of read models that follow from the state alone: those that earlier releases did not write (`Kind.restated`)."""
        return ()

    def wake(self, context: Context) -> Decision:
        """Return what is to be done once an activation, before the first command: signals, timers and messages, never events."""
        return NOTHING
