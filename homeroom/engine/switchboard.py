"""The way to every stream by its address: to an actor, or to a channel. What the doors ask instead of either.

Never here: what either does.
"""

from typing import Any, Protocol

from homeroom.engine.behaviour import Caller
from homeroom.engine.channels import Channels
from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Answer, Cursor, Outlet, Post
from homeroom.engine.words import Page


class Ref(Protocol):
    """A reference to whatever stands behind an address (`ref.ActorRef`, `channel_ref.ChannelRef`)."""

    def tell(self, post: Post) -> None:
        """Hand over a post; never blocks."""

    async def ask(
        self, command: Any, caller: Caller, *, client: str = "", number: int = 0, digest: bytes = b"", arrived: int = 0
    ) -> Answer:
        """Tell a command and wait for its answer."""

    async def read(self, caller: Caller, since: Cursor | None, limit: int) -> Page:
        """Catch up once; raises `Refusal`."""

    async def replay(self, caller: Caller, after: int, limit: int) -> Page:
        """Return events, however long ago; raises `Refusal`."""

    def unwatch(self, outlet: Outlet) -> bool:
        """End a subscription; tells whether there was one."""


class Switchboard:
    """Routes by kind."""

    def __init__(self, engine: Engine, channels: Channels) -> None:
        self._engine, self._channels = engine, channels

    def ref(self, address: str) -> Ref:
        """Return the way to `address`; raises `Refusal("not_found")` for an unknown kind."""
        if address.partition(":")[0] in self._channels.kinds:
            return self._channels.ref(address)
        return self._engine.ref(address)
