"""A clock for what is written down: no two things happen at one moment."""


class SteppingClock:
    """A clock that goes on by a second at each look."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now(self) -> int:
        self.ms += 1_000
        return self.ms
