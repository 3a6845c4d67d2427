"""A reference to a channel: the same ways as those to an actor, for a stream that takes no commands.

Never here: who may follow (`channel_door`), and the subscriptions (`channels`).
"""

from typing import TYPE_CHECKING, Any

from homeroom.engine.behaviour import Caller
from homeroom.engine.envelope import Answer, Cursor, Outlet, Post
from homeroom.engine.waiter import Waiter
from homeroom.engine.words import Page

if TYPE_CHECKING:
    from homeroom.engine.channels import Channels


class ChannelRef:
    """One channel, whether anybody follows it or not."""

    __slots__ = ("_channels", "address")

    def __init__(self, address: str, channels: "Channels") -> None:
        self.address = address
        self._channels = channels

    def tell(self, post: Post) -> None:
        """Hand over a post; never blocks. A command is refused at once: `bad_command`."""
        self._channels.post(self.address, post)

    async def ask(
        self, command: Any, caller: Caller, *, client: str = "", number: int = 0, digest: bytes = b"", arrived: int = 0
    ) -> Answer:
        """Return the refusal that any command gets."""
        waiter: Waiter[Answer] = Waiter()
        self._channels.refuse_command(self.address, waiter.take)
        return await waiter.wait()

    async def read(self, caller: Caller, since: Cursor | None, limit: int) -> Page:
        """Catch up once: the state, or up to `limit` events after `since` (less when they are large); raises `Refusal`."""
        return await self._channels.read(self.address, caller, since, limit)

    async def replay(self, caller: Caller, after: int, limit: int) -> Page:
        """Return up to `limit` events behind number `after` (less when they are large), however long ago; raises `Refusal`."""
        return await self._channels.read(self.address, caller, after, limit)

    def unwatch(self, outlet: Outlet) -> bool:
        """End a subscription, also one whose missed events are still being read; tells whether there was one."""
        return self._channels.unwatch(self.address, outlet)
