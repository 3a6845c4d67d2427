"""What administrators see of the server: levels as they are, and rates over the time since the look before."""

from homeroom.protocol.dashboard import SystemFigures
from homeroom.records.vitals import Reading, Vitals


class Parts:
    """Counts and a clock, moved by hand."""

    def __init__(self) -> None:
        self.at = 100.0
        self.total = 0

    def read(self) -> Reading:
        return Reading(3, 2, 5, self.total, self.total * 2, self.total * 10)


def test_rates_are_those_since_the_look_before() -> None:
    parts = Parts()
    vitals = Vitals(parts.read, lambda: parts.at)
    parts.at, parts.total = 110.0, 100
    assert vitals.look() == SystemFigures(3, 2, 5, 10.0, 20.0, 100.0)
    parts.at, parts.total = 115.0, 105
    assert vitals.look() == SystemFigures(3, 2, 5, 1.0, 2.0, 10.0)


def test_looks_within_a_second_share_one_measure() -> None:
    parts = Parts()
    vitals = Vitals(parts.read, lambda: parts.at)
    parts.at, parts.total = 102.0, 10
    first = vitals.look()
    parts.at, parts.total = 102.5, 1_000
    assert vitals.look() == first
