"""A reference to an actor: an address and the ways to reach it. It says nothing about where the actor lives.

Never here: finding and activating it (`registry`).
"""

from dataclasses import replace
from typing import Any

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.envelope import Answer, Cursor, Envelope, Outlet, Post
from homeroom.engine.journal import JournalError
from homeroom.engine.registry import Registry
from homeroom.engine.waiter import Waiter
from homeroom.engine.words import Missing, Page, Read, Restate


class ActorRef:
    """One actor, asleep or awake."""

    __slots__ = ("_registry", "address")

    def __init__(self, address: str, registry: Registry) -> None:
        self.address = address
        self._registry = registry

    def tell(self, post: Post) -> None:
        """Hand over a post; never blocks. A full mailbox or a draining engine answers `post.reply` with a refusal at once."""
        self._registry.post(self.address, post)

    async def ask(
        self, command: Any, caller: Caller, *, client: str = "", number: int = 0, digest: bytes = b"", arrived: int = 0
    ) -> Answer:
        """Tell a command and wait for its answer, a `Done` or a `Refusal`. Cancelled: it may be carried out all the same.

        `arrived` is when it came in at the door, Unix ms of the server's clock; 0: now.
        """
        waiter: Waiter[Answer] = Waiter()
        arrived = arrived or self._registry.now()
        self.tell(Envelope(command, caller, waiter.take, client, number, digest, arrived))
        return await waiter.wait()

    async def read(self, caller: Caller, since: Cursor | None, limit: int) -> Page:
        """Catch up once: the state, or up to `limit` events after `since` (less when they are large); raises `Refusal`."""
        return await self._catch_up(Read(caller, since, limit, _ignore))

    async def replay(self, caller: Caller, after: int, limit: int) -> Page:
        """Return up to `limit` events behind number `after` (less when they are large), however long ago; raises `Refusal`."""
        return await self._catch_up(Read(caller, (self._registry.epoch, after), limit, _ignore, far=True))

    async def restate(self) -> Answer:
        """Have the rows written that follow from the actor's state alone, and wait until they are; returns a `Done` or a `Refusal`."""
        waiter: Waiter[Answer] = Waiter()
        self._registry.post(self.address, Restate(waiter.take))
        return await waiter.wait()

    async def _catch_up(self, word: Read) -> Page:
        answer = await self._read(word)
        if isinstance(answer, Missing):
            most = max(word.limit, 1)
            try:
                upto = min(answer.upto, answer.after + most)
                records = await self._registry.journal.read(self.address, answer.after, upto, most)
            except JournalError:
                raise self._registry.unavailable() from None
            answer = await self._read(replace(word, records=records))
        if isinstance(answer, Page):
            return answer
        raise answer if isinstance(answer, Refusal) else self._registry.unavailable()

    def unwatch(self, outlet: Outlet) -> bool:
        """End a subscription, also one whose missed events are still being read; tells whether there was one."""
        return self._registry.unwatch(self.address, outlet)

    async def _read(self, word: Read) -> Page | Missing | Refusal:
        waiter: Waiter[Page | Missing | Refusal] = Waiter()
        self._registry.post(self.address, replace(word, reply=waiter.take))
        return await waiter.wait()


def _ignore(answer: Any) -> None:
    """Stand in for a reply that is filled in later."""
