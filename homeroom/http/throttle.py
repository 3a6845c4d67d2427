"""How often somebody may try a password: growing waits for an account, for an address, and for both together.

An attempt counts when it begins, so that a thousand at once do not all pass. Failures fade with time. A right password
takes back what this pair of account and address has failed, everywhere, and lifts the pair out of the address's row: one
who guesses slows down strangers at the address, never those who were let in from there before. Pure; never here: passwords.
"""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """After `free` failures each further one doubles the wait, from 1 s up to `most_s`; each `half_s` half are forgotten."""

    free: int
    most_s: int
    half_s: int = 300


@dataclass(slots=True)
class _Slate:
    """`failures` as of `faded_ms`, the end of the last half-life that is over."""

    faded_ms: int
    failures: int = 0
    until_ms: int = 0

    def fade(self, now: int, half_ms: int) -> None:
        """Forget half of the failures for each half-life that is over."""
        halves = max(0, now - self.faded_ms) // half_ms
        self.failures >>= halves
        self.faded_ms += halves * half_ms

    def fail(self, now: int, patience: Patience) -> None:
        """Count a failure, and make the next one wait when they are too many."""
        self.failures += 1
        excess = self.failures - patience.free
        if excess > 0:
            self.until_ms = now + 1000 * min(2 ** min(excess - 1, 20), patience.most_s)


PATIENCE = {"both": Patience(5, 900, 1_800), "account": Patience(20, 60, 1_800), "address": Patience(200, 60)}
"""The rows of one person forget slowly: whoever guesses there gains little by waiting. An address is many people."""


class LoginThrottle:
    """Counts failures; `now` in Unix ms. Remembers at most `capacity` slates, the least recently used goes first.

    As many pairs that were let in are remembered apart: no flood of failures can push them out.
    """

    def __init__(self, patience: dict[str, Patience] | None = None, capacity: int = 20_000) -> None:
        self._patience = PATIENCE if patience is None else patience
        self._slates: OrderedDict[tuple[str, str], _Slate] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._capacity = capacity

    def begin(self, account: str, address: str, now: int) -> int | None:
        """Count an attempt, or return the ms to wait before the next one."""
        keys = _keys(account, address)
        if (account, address) in self._known:
            del keys["address"]
        slates = [(self._slate(row, key, now), self._patience[row]) for row, key in keys.items()]
        wait = max(slate.until_ms for slate, _ in slates) - now
        if wait > 0:
            return wait
        for slate, patience in slates:
            slate.fail(now, patience)
        return None

    def succeeded(self, account: str, address: str) -> None:
        """Take the attempt back, and the failures before it: it was the right password.

        Of the address's row only what this pair put there: an account of one's own is no way to guess others' for nothing.
        """
        keys = _keys(account, address)
        mine = self._slates.pop(("both", keys["both"]), None)
        self._slates.pop(("account", account), None)
        slate = self._slates.get(("address", address))
        if slate is not None and mine is not None and (account, address) not in self._known:
            slate.failures = max(0, slate.failures - mine.failures)
            if slate.failures <= self._patience["address"].free:
                slate.until_ms = 0
        self._remember(account, address)

    def _remember(self, account: str, address: str) -> None:
        self._known[account, address] = None
        self._known.move_to_end((account, address))
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def _slate(self, row: str, key: str, now: int) -> _Slate:
        slate = self._slates.setdefault((row, key), _Slate(now))
        self._slates.move_to_end((row, key))
        if len(self._slates) > self._capacity:
            self._slates.popitem(last=False)
        slate.fade(now, 1000 * self._patience[row].half_s)
        return slate


def _keys(account: str, address: str) -> dict[str, str]:
    """Return the slate of each row."""
    return {"both": f"{address} {account}", "account": account, "address": address}
