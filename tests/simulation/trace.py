"""What happened in a simulated school, line by line with its simulated time: the same for the same seed, byte for byte.

Rules of this file: a line holds nothing that differs between two runs of one seed (no object ids, no incident of a set's
order, no masked bytes). Never here: judging.
"""

from hashlib import blake2b

import trio

MOST_LINES = 200_000
"""More than any run needs: a program that spins without time going on fails instead of hanging."""


class Trace:
    """The lines so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, who: str, what: str) -> None:
        """Add a line; raises `RuntimeError` when there are far too many."""
        self.lines.append(f"{trio.current_time():12.6f} {who:<12} {what}")
        if len(self.lines) > MOST_LINES:
            raise RuntimeError("the simulation spins")

    def digest(self) -> str:
        """Return a digest of all lines."""
        return blake2b("\n".join(self.lines).encode(), digest_size=16).hexdigest()

    def tail(self, count: int) -> str:
        """Return the newest lines."""
        return "\n".join(self.lines[-count:])
