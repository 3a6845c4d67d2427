"""What an actor remembers of commands carried out: the newest numbers in memory, the journal behind them.

Rules of this file: forgetting is always safe, since what is not here is looked up; remembering is not, so everything is
dropped with the actor's state when an append fails. Never here: the looking up (`actor`).
"""

from typing import NamedTuple


class Kept(NamedTuple):
    """What became of one command: its number, a digest of its body, the number of its last event if any, and its stored answer."""

    number: int
    digest: bytes
    seq: int | None
    reply: bytes | None


class _Client:
    """One client's newest number and its most recent receipts, oldest first."""

    __slots__ = ("kept", "newest")

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.kept: tuple[Kept, ...] = ()  # few: a dictionary takes four times the memory, and only repeats look here


class Receipts:
    """The most recently seen clients of one actor, and the most recent receipts of each."""

    __slots__ = ("_clients", "_grown", "_limit", "_per_client", "complete")

    def __init__(self, clients: int, per_client: int, *, complete: bool) -> None:
        self._limit = clients
        self._per_client = per_client
        # The least recently seen first. Both are made when needed, and plain: an `OrderedDict` takes three times the memory.
        self._clients: dict[str, _Client] | None = None
        self._grown: dict[str, None] | None = None  # whose receipts are too many
        self.complete = complete
        """The journal knows no client that is not here: then there is nothing to look up."""

    def __len__(self) -> int:
        return len(self._clients) if self._clients else 0

    def newest(self, client: str) -> int | None:
        """Return the largest number of `client` that was carried out, `None` when that must be looked up."""
        known = self._clients.get(client) if self._clients else None
        if known is None:
            return 0 if self.complete else None
        return known.newest

    def find(self, client: str, number: int) -> Kept | None:
        """Return what became of a command, if that is in memory."""
        known = self._clients.get(client) if self._clients else None
        return next((kept for kept in known.kept if kept.number == number), None) if known else None

    def learn(self, client: str, newest: int) -> None:
        """Take in what a look-up said of a client."""
        self._client(client, newest)

    def remember(self, client: str, kept: Kept) -> None:
        """Note that a command was decided; its receipt stands in the append of this turn."""
        known = self._client(client, 0)
        known.newest = max(known.newest, kept.number)
        known.kept += (kept,)
        if len(known.kept) > self._per_client:
            self._grown = {**(self._grown or {}), client: None}

    def trim(self) -> None:
        """Forget the oldest. Between turns only: what is not durable yet cannot be looked up."""
        while self._grown:
            known = self._clients.get(self._grown.popitem()[0]) if self._clients else None
            if known:
                known.kept = known.kept[-self._per_client :]
                self.complete = False
        while self._clients and len(self._clients) > self._limit:
            del self._clients[next(iter(self._clients))]
            self.complete = False

    def _client(self, client: str, newest: int) -> _Client:
        if self._clients is None:
            self._clients = {}
        known = self._clients.pop(client, None) or _Client(newest)
        self._clients[client] = known
        return known
