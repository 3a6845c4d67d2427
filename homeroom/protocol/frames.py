"""The frames of the wire, both ways, as typed structures: contract sections 2 to 5.

A frame is a map whose key `t` names its type. Unknown fields are ignored; a wrong type or a missing field is an error.
Never here: what a frame causes (`session`), and the arguments of verbs and events (one file a kind).
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from homeroom.protocol.ids import AddressText, CommandId, Epoch, Id, Millis, Seq

Token = Annotated[str, Meta(min_length=1, max_length=8192)]
Verb = Annotated[str, Meta(pattern=r"\A[a-z_]{1,32}\Z")]
Cursor = tuple[Epoch, Seq]
EMPTY = Raw(b"")
"""`d` was not sent."""


class _Frame(Struct, frozen=True, tag_field="t", omit_defaults=True):
    """What all frames share: the tag `t`."""


# --- from the client


class Hello(_Frame, tag="hello", frozen=True):
    """The first frame: who is there. `client` scopes command ids and is kept over reconnects."""

    token: Token
    client: Id
    agent: Annotated[str, Meta(max_length=200)] | None = None


class Auth(_Frame, tag="auth", frozen=True):
    """Replaces the token in a running connection; same user, else `forbidden`."""

    id: CommandId
    token: Token


class Ping(_Frame, tag="ping", frozen=True):
    """A sign of life, at least every `heartbeat_ms`."""

    n: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Sub(_Frame, tag="sub", frozen=True):
    """Follow a stream, from a cursor `[epoch, seq]` or from a snapshot."""

    id: CommandId
    to: AddressText
    since: Cursor | None = None


class Unsub(_Frame, tag="unsub", frozen=True):
    """Follow a stream no longer."""

    id: CommandId
    to: AddressText


class Cmd(_Frame, tag="cmd", frozen=True):
    """Do `do` at the actor `to`; `d` is decoded by the verb's own structure."""

    id: CommandId
    to: AddressText
    do: Verb
    d: Raw = EMPTY


ClientFrame = Hello | Auth | Ping | Sub | Unsub | Cmd


# --- from the server


class User(Struct, frozen=True):
    """Whose connection it is."""

    id: str
    name: str
    role: str


class Limits(Struct, frozen=True):
    """The limits in force: bytes a message, levels of nesting, frames an array, subscriptions a connection."""

    message_bytes: int = 65_536
    nesting: int = 16
    frames: int = 256
    elements: int = 2_000
    streams: int = 100


LIMITS = Limits()
"""The default limits."""


class Welcome(_Frame, tag="welcome", frozen=True):
    """The connection is open; `expires` is when the token ends."""

    conn: str
    user: User
    now: Millis
    epoch: Epoch
    heartbeat_ms: int
    limits: Limits
    expires: Millis


class Pong(_Frame, tag="pong", frozen=True):
    """The answer to a ping; `at` holds the newest number of each subscribed stream."""

    n: int
    now: Millis
    at: dict[str, int]


class Ok(_Frame, tag="ok", frozen=True):
    """Done and durable; `pos` is `[stream, seq]` of the last event it caused; `again`: it had been done before."""

    id: int
    d: Any = None
    pos: tuple[str, int] | None = None
    again: bool = False


class Err(_Frame, tag="err", frozen=True):
    """Not done; nothing changed."""

    id: int | None
    code: str
    msg: str
    retry_ms: int | None = None
    d: Any = None


class Resumed(Struct, frozen=True, tag="resumed", tag_field="verdict"):
    """The missed events follow: `count` of them, up to `pos`."""

    count: int
    pos: Cursor


class Snapshot(Struct, frozen=True, tag="snapshot", tag_field="verdict"):
    """The state at `pos`; the events that follow join it without a gap."""

    pos: Cursor
    state: Any


class Ev(_Frame, tag="ev", frozen=True):
    """A batch of durable events; the first has number `seq`."""

    to: str
    seq: int
    e: list[Any]


class Sig(_Frame, tag="sig", frozen=True):
    """Ephemeral events: not numbered, not stored, newest wins."""

    to: str
    e: list[Any]


class Gone(_Frame, tag="gone", frozen=True):
    """The subscription ended."""

    to: str
    code: str


class Bye(_Frame, tag="bye", frozen=True):
    """The server is about to close; `reconnect_ms` spreads clients out in a drain."""

    code: int
    msg: str
    reconnect_ms: int | None = None


ServerFrame = Welcome | Pong | Ok | Err | Ev | Sig | Gone | Bye


class Event(Struct, frozen=True):
    """An event inside `ev` or `sig`: `type` is domain.action, `by` the user id or `"system"`, `d` its data."""

    type: str
    at: int
    by: str
    d: Any


Verdict = Literal["resumed", "snapshot"]
