"""How long to wait before coming back: full jitter, so that many who fell together do not return together."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds: a delay is drawn between 0 and `first_s`, doubled with each failure up to `most_s`. Attempts have no limit."""

    first_s: float = 0.25
    most_s: float = 30.0

    def delay(self, failures: int, random: Random) -> float:
        """Return the seconds to wait after `failures` failures in a row (1: the first)."""
        ceiling = self.first_s * 2.0 ** min(max(failures - 1, 0), 64)
        return random.uniform(0.0, min(self.most_s, ceiling))
