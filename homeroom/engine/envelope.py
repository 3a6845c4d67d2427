"""What stands in a mailbox: a command with its sender and the way back, or a word of the engine itself.

Never here: who puts it there (`ref`) and what is done with it (`actor`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from homeroom.engine.behaviour import Caller, Refusal

Cursor = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Done:
    """Carried out and durable; `seq` is the last event it caused, `again`: it had been carried out before.

    `encoded` is the reply's stored bytes (an `again`), else `reply` is the structure.
    """

    reply: Any = None
    seq: int | None = None
    again: bool = False
    encoded: bytes | None = None


Answer = Done | Refusal
Reply = Callable[[Answer], None]
"""Called exactly once, in the event loop, and must not block nor raise."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command on its way. `client` is `user/client` and `number` the command's id (0: not to be remembered).

    `digest` is of the verb and the arguments' bytes. `arrived` is Unix ms at the door. `message` is the number of the
    durable message this is, 0 if it is none.
    """

    command: Any
    caller: Caller
    reply: Reply
    client: str = ""
    number: int = 0
    digest: bytes = b""
    arrived: int = 0
    message: int = 0


class Outlet(Protocol):
    """Where a subscriber's frames go: bounded, never blocking. Implemented by the gateway's outbox and the long poll."""

    format: str
    """Which encoding it takes: a key of the hub's encoders."""

    user: str
    """Whose it is, so that a withdrawn access ends it."""

    closed: bool
    """Nobody takes its frames any more; the hub takes no closed outlet in, however late a feeder joins it."""

    def push(self, frame: bytes) -> None:
        """Take a finished frame; shared with all other receivers, so never changed. Cuts itself off when full."""

    async def wait_room(self) -> None:
        """Wait until another page of missed events may be pushed; raises `trio.ClosedResourceError` when cut off."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to `Watch`, given in the actor's turn.

    `state` is the snapshot, or `None` when resumed; `count` of missed events up to `seq` follow by themselves.
    """

    epoch: str
    seq: int
    state: Any = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """Subscribe `outlet`: checked, answered and joined to the stream in one turn, so nothing is missed or doubled.

    In that turn, in this order: `reply(Joined)` is called, the missed events are pushed, later ones follow through the hub.
    """

    outlet: Outlet
    caller: Caller
    since: Cursor | None
    reply: Callable[[Joined | Refusal], None]


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline or timer of the actor has come; `due` is the armed time, to recognise one that was moved meanwhile."""

    key: str
    due: int | None


Post = Envelope | Watch | Due
