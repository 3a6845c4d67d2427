"""How long to wait before coming back: full jitter, so that many who fell together do not return together."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds: a delay is drawn between 0 and a ceiling. Attempts have no limit.

    The ceiling is `first_s`, doubled with each failure up to `soon_s`: a server that starts again is back within seconds, and so is
    everybody else. After `soon` failures this is no restart, and it doubles on, up to `most_s`.
    """

    first_s: float = 0.25
    soon_s: float = 2.0
    soon: int = 10
    most_s: float = 30.0

    def delay(self, failures: int, random: Random) -> float:
        """Return the seconds to wait after `failures` failures in a row (1: the first)."""
        return random.uniform(0.0, self._ceiling_s(max(failures, 1)))

    def _ceiling_s(self, failures: int) -> float:
        if failures <= self.soon:
            return float(min(self.soon_s, self.first_s * 2.0 ** (failures - 1)))
        return float(min(self.most_s, self.soon_s * 2.0 ** min(failures - self.soon, 64)))
