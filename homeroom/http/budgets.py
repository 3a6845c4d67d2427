"""How much somebody may do: token buckets, one a person (or address) and purpose.

The buckets of a person are shared by all of that person's tabs and by REST. Never here: what a request costs the server
(`frame_meter` counts frames and bytes of one connection).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` on the average, `burst` at once."""

    per_second: float
    burst: float


class Bucket:
    """What is left of one rate at one time; full when made."""

    __slots__ = ("_at", "_left", "rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._left = rate.burst
        self._at = now

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take `amount` and return 0, or take nothing and return the seconds until it would be there."""
        left = self.left(now)
        self._at = now
        if left < amount:
            self._left = left
            return (amount - left) / self.rate.per_second
        self._left = left - amount
        return 0.0

    def left(self, now: float) -> float:
        """Return what could be taken."""
        return min(self.rate.burst, self._left + (now - self._at) * self.rate.per_second)

    def full(self, now: float) -> bool:
        """Tell whether forgetting this bucket would change nothing."""
        return self.left(now) >= self.rate.burst


DEFAULT_RATES: Mapping[str, Rate] = {
    "chat": Rate(1.0, 60),
    "typing": Rate(2.0, 20),
    "read": Rate(5.0, 60),
    "write": Rate(10.0, 200),
    "calendar": Rate(0.1, 10),
    "calendars": Rate(20.0, 400),
    "beat": Rate(1.0, 20),
    "control": Rate(2.0, 60),
    "answer": Rate(20.0, 400),
    "subscribe": Rate(20.0, 400),
}


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """The rates by the name of the budget. A budget that is not named here has the rate of `chat`."""

    rates: Mapping[str, Rate] = field(default_factory=lambda: DEFAULT_RATES)

    def __post_init__(self) -> None:
        if "chat" not in self.rates:
            raise ValueError("the budget `chat` needs a rate: it stands for all that have none of their own")


class Budgets:
    """All buckets in use. `time` is monotonic, in seconds."""

    SWEEP_AT = 1024
    """Buckets between two sweeps of those that have filled up again."""

    def __init__(self, time: Callable[[], float], settings: BudgetSettings = BudgetSettings()) -> None:
        self._time = time
        self._rates = settings.rates
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._sweep_at = self.SWEEP_AT
        self.refused = 0

    def take(self, user: str, budget: str, amount: float = 1.0) -> int | None:
        """Take `amount` from what `user` may do; returns `None` when it is granted, else the ms until it would be."""
        now = self._time()
        bucket = self._buckets.get((user, budget))
        if bucket is None:
            bucket = self._add(user, budget, now)
        wait = bucket.take(now, amount)
        if not wait:
            return None
        self.refused += 1
        return ceil(wait * 1000)

    def statistics(self) -> Mapping[str, float]:
        """Return the figures: buckets in use, refusals since the start."""
        return {"buckets": len(self._buckets), "refused": self.refused}

    def _add(self, user: str, budget: str, now: float) -> Bucket:
        if len(self._buckets) >= self._sweep_at:
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.full(now)}
            self._sweep_at = max(self.SWEEP_AT, 2 * len(self._buckets))
        rate = self._rates.get(budget) or self._rates["chat"]
        bucket = self._buckets[user, budget] = Bucket(rate, now)
        return bucket
