"""How often somebody may try a password: growing waits for an account, for an address, and for both together.

An attempt counts when it begins, so that a thousand at once do not all pass. Success wipes the account's slate, not the
address's. Many pupils share one address: its row is the most patient. Pure; never here: passwords.
"""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """After `free` failures in a row each further one doubles the wait, from 1 s up to `most_s`."""

    free: int
    most_s: int


@dataclass(slots=True)
class _Slate:
    failures: int = 0
    until_ms: int = 0


PATIENCE = {"both": Patience(5, 900), "account": Patience(20, 60), "address": Patience(200, 300)}


class LoginThrottle:
    """Counts failures; `now` in Unix ms. Remembers at most `capacity` slates, the least recently used goes first."""

    def __init__(self, patience: dict[str, Patience] | None = None, capacity: int = 20_000) -> None:
        self._patience = PATIENCE if patience is None else patience
        self._slates: OrderedDict[tuple[str, str], _Slate] = OrderedDict()
        self._capacity = capacity

    def begin(self, account: str, address: str, now: int) -> int | None:
        """Count an attempt, or return the ms to wait before the next one."""
        slates = [(self._slate(row, key), self._patience[row]) for row, key in _keys(account, address)]
        wait = max(slate.until_ms for slate, _ in slates) - now
        if wait > 0:
            return wait
        for slate, patience in slates:
            slate.failures += 1
            excess = slate.failures - patience.free
            if excess > 0:
                slate.until_ms = now + 1000 * min(2 ** min(excess - 1, 20), patience.most_s)
        return None

    def succeeded(self, account: str, address: str) -> None:
        """Take the attempt back: it was the right password."""
        for row, key in _keys(account, address):
            if row == "address":
                slate = self._slate(row, key)
                slate.failures = max(0, slate.failures - 1)
            else:
                self._slates.pop((row, key), None)

    def _slate(self, row: str, key: str) -> _Slate:
        slate = self._slates.setdefault((row, key), _Slate())
        self._slates.move_to_end((row, key))
        if len(self._slates) > self._capacity:
            self._slates.popitem(last=False)
        return slate


def _keys(account: str, address: str) -> tuple[tuple[str, str], ...]:
    return ("both", f"{address} {account}"), ("account", account), ("address", address)
