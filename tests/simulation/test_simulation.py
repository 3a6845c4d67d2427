"""Three hundred schools, each with disasters of its own; every promise is checked at every step (`judge`, `follower`).

A failure tells its seed; `python -m tests.simulation.replay SEED` runs that seed again and prints all that happened, byte for
byte the same. `python -m tests.simulation.replay 1-5000` looks further than there is time for here.
"""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from homeroom.engine.settings import EngineSettings
from tests.simulation.plan import DISASTERS, Disaster, Plan, draw_plan
from tests.simulation.school import simulate

GROUP = 15
GROUPS = 20
REACHED_BY_ALL = (
    "acknowledged", "again", "crashes", "restarts", "reloads", "doubts", "feeds", "snapshots", "sleeps",
    "room.message_posted", "room.convened", "presence.changed", "inbox.notified", "inbox.hushed",
    "session.participant_joined", "session.participant_lost", "exam.sitting_began", "exam.sitting_ended",
    "sitting.answer_saved", "sitting.submitted", "sitting.graded", "ended by the deadline", "proctor.staff_set",
    "hall.taken", "queue.confirmed", "queue.admitted", "group.joined", "board.scored", "board.entry_changed",
)  # fmt: skip
"""What a group of seeds must have gone through, or it has shown nothing: of the server's lives, and of each kind."""
REACHED_IN: dict[str, tuple[str, ...]] = {
    "lesson": (
        "session.participant_left", "session.hand_raised", "session.question_asked", "session.poll_opened", "session.poll_voted",
        "session.reminded", "room.message_edited", "room.message_retracted",
    ),
    "exam": (
        "ended by a deadline missed", "sitting.late_answer_kept", "sitting.taken_over", "sitting.progressed", "sitting.extended", "exam.closed", "exam.announced",
    ),
    "hours": ("hall.given_up", "queue.left", "queue.completed", "queue.held", "queue.group_noted", "room.disbanded"),
    "study": ("group.left", "group.invited", "board.entry_changed", "inbox.read", "inbox.digested"),
}  # fmt: skip
"""What a corner must see of its life when the server is killed again and again, and people hardly rest."""
REACHED_BY: dict[str, tuple[str, ...]] = {
    "cut": ("closed 1006",),
    "cut all": ("closed 1006",),
    "swallow": ("closed 4503",),
    "stall": ("closed 4500",),
    "outage": ("reloads", "unsure"),
    "storm": ("doubts", "reloads"),
    "slow": ("acknowledged",),
    "kill": ("killed",),
    "drain": ("closed 4501",),
    "sabotage": ("crashes", "restarts"),
    "rival": ("superseded",),
    "vandal": ("closed 4400",),
    "crowd": ("overloads",),
    "poison": ("poisoned",),
    "repeat": ("repeated", "forged"),
}
"""What each disaster must bring about, or it does not strike."""
LASTING_S = {"stall": 12.0}
"""How long a disaster must last to be felt: longer than an outbox's patience."""


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_promise_holds_whatever_strikes(group: int) -> None:
    reached: Counter[str] = Counter()
    for seed in range(group * GROUP, (group + 1) * GROUP):
        outcome = simulate(seed)
        assert not outcome.blames, outcome.report()
        reached.update(outcome.counts)
        reached.update(outcome.reach)
    assert not [name for name in REACHED_BY_ALL if not reached[name]]


@pytest.mark.parametrize("what", sorted(set(DISASTERS)))
def test_each_disaster_strikes_and_is_survived(what: str) -> None:
    reached: Counter[str] = Counter()
    for seed in range(3):
        outcome = simulate(seed, only(what, seed))
        assert not outcome.blames, outcome.report()
        reached.update(outcome.counts)
        reached.update(outcome.reach)
        if all(reached[name] for name in REACHED_BY[what]):
            return
    pytest.fail(f"{what} reached only {dict(reached)}")


@pytest.mark.parametrize("corner", sorted(REACHED_IN))
def test_each_corner_lives_on_though_the_server_is_killed(corner: str) -> None:
    reached: Counter[str] = Counter()
    for seed in range(8):
        plan = only("kill", seed)
        devices = tuple(replace(device, pause_s=0.3) for device in plan.devices)
        kills = tuple(replace(disaster, seconds=8.0) for disaster in plan.disasters)
        plan = replace(plan, corners=(corner,), devices=devices, disasters=kills, engine=EngineSettings())
        outcome = simulate(seed, plan)
        assert not outcome.blames, outcome.report()
        reached.update(outcome.reach)
        if all(reached[name] for name in REACHED_IN[corner]):
            return
    pytest.fail(f"{corner} never reached {[name for name in REACHED_IN[corner] if not reached[name]]}")


def test_a_reader_that_stalls_holds_up_nobody_else() -> None:
    """Nobody is patient here: a patient caller comes back after the pause that a room in slow mode asks for, and that is no delay."""
    cut = 0
    for seed in range(4):
        plan = only("stall", seed)
        stall = plan.disasters[0]
        devices = tuple(replace(device, patient=0.0) for device in plan.devices)
        outcome = simulate(seed, replace(plan, devices=devices, disasters=(stall,)))
        stalled = devices[stall.whom % len(devices)].name
        cut += outcome.reach["closed 4500"]
        waited_s = {name: seconds for name, seconds in outcome.slowest_s.items() if name != stalled}
        assert max(waited_s.values()) < 1.0, outcome.report()
        assert outcome.slowest_s[stalled] > 1.0, "whoever stalls waits"
    assert cut, "nobody stalled for long enough to be cut"


def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    first, second = simulate(7), simulate(7)
    assert first.trace.lines == second.trace.lines
    assert first.trace.digest() == second.trace.digest()
    assert len(first.trace.lines) > 300


def test_another_process_with_other_hashes_gives_the_same_trace() -> None:
    digests = [digest_in_process(8, hash_seed) for hash_seed in ("1", "2")]
    assert digests == [simulate(8).trace.digest()] * 2


def test_other_seeds_give_other_traces() -> None:
    assert len({simulate(seed).trace.digest() for seed in range(900, 904)}) == 4


def only(what: str, seed: int) -> Plan:
    """Return a plan with one kind of disaster, in a house with small rooms."""
    plan = draw_plan(seed)
    seconds = LASTING_S.get(what, 2.5)
    disasters = tuple(Disaster(2.0 + 3.0 * number, what, seconds, seed + number) for number in range(3))
    return replace(plan, engine=EngineSettings(mailbox=8, sweep_s=2.0), disasters=disasters, chaos_s=10.0)


def digest_in_process(seed: int, hash_seed: str) -> str:
    """Return the digest of a seed's trace as another process finds it."""
    code = f"from tests.simulation.school import simulate; print(simulate({seed}).trace.digest())"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()
