"""The journeys of the records, as `bench.journeys` walks them, once each: what one does by REST is shown to the others.

Never here: how soon on an idle machine (the benchmark judges that).
"""

import pytest

from bench.figures import judged
from bench.journeys import Scale, verdicts, walked
from bench.journeys_school import School
from bench.journeys_walked import JOURNEYS, Walk, Walkers
from tests.e2e.server import Server


def test_each_journey_ends_at_everybody_concerned(server: Server) -> None:
    with School(server) as school:
        delays = walked(Walkers(school, pupils=2, turns=1), Scale(turns=1, pause_s=0))
    assert {name: len(each) for name, each in delays.items()} == dict.fromkeys(JOURNEYS, 1)
    assert [name for name, (delay,) in delays.items() if delay == float("inf")] == []


def test_an_effect_that_nobody_sees_or_sees_late_misses_the_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(verdicts({"in time": [0.2, 0.999], "never": [0.1, float("inf")], "late": [1.0]})) == 1
    assert [line[:4] for line in capsys.readouterr().out.splitlines()] == ["PASS", "FAIL", "FAIL"]


def test_what_is_never_shown_ends_the_wait_without_an_end_of_the_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> None:
        raise TimeoutError

    monkeypatch.setattr("bench.journeys.JOURNEYS", {"silence": lambda walkers, turn: Walk(lambda: None, [silent])})
    walkers = object.__new__(Walkers)
    assert walked(walkers, Scale(turns=2, pause_s=0)) == {"silence": [float("inf")] * 2}
