"""The memory that answers of catch-up take: how much fits into one, and how much one person's unread ones hold.

Pure. Never here: what an answer says, and when it has been sent.
"""


class AnswerBudget:
    """The bytes of one answer. The first piece always fits; `full` from the first one on that does not."""

    __slots__ = ("_limit", "full", "spent")

    def __init__(self, limit: int) -> None:
        self._limit, self.spent, self.full = limit, 0, False

    def take(self, piece: bytes) -> bool:
        """Take the room of `piece` and tell whether there was some."""
        if self.full or (self.spent and self.spent + len(piece) > self._limit):
            self.full = True
            return False
        self.spent += len(piece)
        return True


class HeldBytes:
    """The bytes of one answer that count against a person's share of the memory."""

    __slots__ = ("_all", "_user", "bytes")

    def __init__(self, all_held: dict[str, int], user: str) -> None:
        self._all, self._user, self.bytes = all_held, user, 0

    def hold(self, count: int) -> None:
        """Hold so many bytes from now on, instead of those so far."""
        left = self._all.get(self._user, 0) + count - self.bytes
        self.bytes = count
        if left:
            self._all[self._user] = left
        else:
            self._all.pop(self._user, None)

    def release(self) -> None:
        """Hold nothing any more: the answer has been read, or nobody reads it."""
        self.hold(0)
