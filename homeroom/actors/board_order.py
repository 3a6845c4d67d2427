"""The order of a leaderboard, kept sorted: one entry moves by two searches and two shifts of a list, never by a sort.

With ten thousand entries a change costs some microseconds. What a change would lead to can be asked without making it, as a
decision has to. Never here: people and their names (`board_people`).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct


class Mark(Struct, frozen=True, order=True, gc=False):
    """What an entry is ordered by, the least first: fewer `-points`, then the earlier event, which no two entries share.

    No tuple: ten thousand of those would be looked at by every full garbage collection, which holds up everybody.
    """

    negated: int
    since: int
    user: str


class Order:
    """All entries that are shown, in order. Places count from 0."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self._marks = sorted(marks)

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, mark: Mark) -> None:
        """Put an entry to its place."""
        insort(self._marks, mark)

    def remove(self, mark: Mark) -> None:
        """Take an entry out; one that is not here changes nothing."""
        place = bisect_left(self._marks, mark)
        if self._marks[place : place + 1] == [mark]:
            del self._marks[place]

    def has(self, mark: Mark) -> bool:
        """Tell whether an entry is here."""
        place = bisect_left(self._marks, mark)
        return self._marks[place : place + 1] == [mark]

    def place(self, mark: Mark) -> int:
        """Return how many entries come before `mark`, which need not be here."""
        return bisect_left(self._marks, mark)

    def rank(self, points: int) -> int:
        """Return the rank, 1 for the first, that entries with `points` share."""
        return 1 + bisect_left(self._marks, Mark(-points, -1, ""))

    def part(self, start: int, stop: int) -> list[Mark]:
        """Return the entries of some places."""
        return self._marks[start:stop]

    def after(self, old: Mark | None, new: Mark | None) -> "Change":
        """Return what the order would be if `new` stood there and `old` did not."""
        left = None if old is None else self.place(old)
        came = None if new is None else self.place(new)
        if left is not None and came is not None and left < came:
            came -= 1
        return Change(self._marks, left, came, new)


@dataclass(frozen=True, slots=True)
class Change:
    """An order as it would be: `left` is the place that an entry had, `came` the one that it would have."""

    marks: list[Mark]
    left: int | None
    came: int | None
    new: Mark | None

    def __len__(self) -> int:
        """Return how many entries there would be."""
        return len(self.marks) - (self.left is not None) + (self.came is not None)

    def at(self, place: int) -> Mark | None:
        """Return the entry that would stand at `place`, if any."""
        if place == self.came:
            return self.new
        before = place - (self.came is not None and place > self.came)
        if self.left is not None and before >= self.left:
            before += 1
        return self.marks[before] if before < len(self.marks) else None

    def first(self, count: int) -> list[Mark]:
        """Return the first entries there would be."""
        return [mark for mark in map(self.at, range(count)) if mark is not None]

    def fills(self, window: int) -> Mark | None:
        """Return the entry that would come into view, behind all others, as one fell out of the first `window`."""
        stays = self.came is not None and self.came < window
        if self.left is None or self.left >= window or stays:
            return None
        return self.at(window - 1)

    def touches(self, window: int) -> bool:
        """Tell whether the first `window` entries would be others, or the same with other points."""
        return any(place is not None and place < window for place in (self.left, self.came))
