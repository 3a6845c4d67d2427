"""The store of a simulated school: what a journal keeps, and how often each message between actors was carried out.

Never here: judging (`judge`).
"""

from collections import Counter
from collections.abc import Sequence

from homeroom.engine.journal import Append, Message
from homeroom.engine.journal_memory import MemoryStore


class WatchedStore(MemoryStore):
    """The store of all lives of the server."""

    def __init__(self, epoch: str) -> None:
        super().__init__(epoch)
        self.sent: dict[int, Message] = {}
        """All messages ever sent from one actor to another, by number."""
        self.carried: Counter[int] = Counter()
        """How often each was written down as carried out: more than once is in order, as long as it has no second effect."""
        self.doubled: list[int] = []
        """Messages that were passed on once more when they came a second time."""

    def write(self, unit: Append) -> Sequence[Message]:
        """Carry out `unit` wholly, and note its messages.

        What has events has a receipt, which no second one gets past; what has none is found here, when it stands alone.
        """
        known = bool(unit.consumed) and all(self.carried[number] for number in unit.consumed)
        sent = super().write(unit)
        if known and unit.tells and not (unit.records or unit.receipts or unit.disarm):
            self.doubled += unit.consumed
        self.sent.update({message.number: message for message in sent})
        self.carried.update(unit.consumed)
        return sent
