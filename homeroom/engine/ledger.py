"""Exactly once, for one actor: what became of a command, from memory or from the journal.

Rules of this file: a command is new only when memory and journal together say so. Messages between actors follow the same
rule, with the sending stream as client; those consumed in an append in doubt are settled when the actor is loaded again.
Never here: deciding a command, and writing its receipt (`turn`).
"""

from homeroom.engine.envelope import Answer, Done, Envelope
from homeroom.engine.errors import AnotherBefore
from homeroom.engine.receipts import Kept, Receipts
from homeroom.engine.services import Services


class Ledger:
    """Receipts in memory with the journal behind them."""

    __slots__ = ("_address", "_doubted", "_empty", "_receipts", "_services", "_settled")

    def __init__(self, address: str, services: Services) -> None:
        self._address = address
        self._services = services
        self._receipts: Receipts | None = None  # made with the first command: most actors in memory only show
        self._empty = False
        self._doubted: list[int] | None = None
        self._settled: set[int] | None = None

    async def find(self, envelope: Envelope, discreet: bytes = b"") -> Answer | None:
        """Return the first answer of a command carried out before (`conflict` if it was another), `None` for a new one.

        `discreet`, where there is one, is the digest that stands in the receipt of a command with secrets instead of the whole one.
        Raises `JournalError` when the journal must be asked and does not answer.
        """
        if envelope.message and self._settled and envelope.message in self._settled:
            return Done(again=True)
        receipts, client, number = self._known(), envelope.client, envelope.number
        newest = receipts.newest(client)
        if newest is None:
            newest = await self._services.journal.newest_command(self._address, client)
            receipts.learn(client, newest)
        if number > newest:
            return None
        kept = receipts.find(client, number)
        if kept is None and not receipts.complete:
            kept = await self._fetch(client, number)
        if kept is None:
            return None
        if kept.digest != envelope.digest and not (discreet and kept.digest == discreet):
            return AnotherBefore(number)
        self._services.counters.again += 1
        return Done(seq=kept.seq, again=True, encoded=kept.reply)

    def remember(self, envelope: Envelope, seq: int | None, stored: bytes | None) -> None:
        """Note a command decided in this turn: number of its last event, and its stored reply."""
        self._known().remember(envelope.client, Kept(envelope.number, envelope.digest, seq, stored))

    def trim(self) -> None:
        """Forget what is too much, now that the turn is durable."""
        if self._receipts is not None:
            self._receipts.trim()

    def begin(self, *, empty: bool) -> None:
        """Forget all: a life ended, and what is in memory may not be durable. `empty`: the journal knows no command."""
        self._receipts = None
        self._empty = empty

    def doubt(self, messages: list[int]) -> None:
        """Note that an append is in doubt that consumed `messages`."""
        self._doubted = [*(self._doubted or ()), *messages]

    async def settle(self) -> None:
        """Read back what became of messages in doubt, sent ones included; raises `JournalError`."""
        if self._doubted is None:
            return
        await self._services.courier.refresh()
        if self._doubted:
            waiting = {message.number for message in await self._services.journal.messages()}
            self._settled = {*(self._settled or ()), *(set(self._doubted) - waiting)} or None
        self._doubted = None

    def _known(self) -> Receipts:
        if self._receipts is None:
            settings = self._services.settings
            self._receipts = Receipts(settings.receipt_clients, settings.receipts_per_client, complete=self._empty)
        return self._receipts

    async def _fetch(self, client: str, number: int) -> Kept | None:
        found = await self._services.journal.receipt(self._address, client, number)
        return Kept(number, found[0].digest, found[1], found[0].reply) if found else None
