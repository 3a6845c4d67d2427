"""When a notice interrupts: the table of reasons by example, and the digest that follows a silence."""

import pytest

from homeroom.actors.inbox import HUSHES_MAX, MUTES_MAX
from homeroom.actors.inbox_memory import BURSTS_MAX
from homeroom.actors.inbox_silence import BURST_MS, HOUR_MS, HOURLY, quiet_until
from homeroom.engine.behaviour import Refusal
from homeroom.protocol.inbox import (
    FOREVER,
    Digested,
    Dismiss,
    Dnd,
    Hush,
    Hushed,
    MarkRead,
    MuteType,
    Notify,
    QuietHours,
    ReadAll,
    SetQuietHours,
    Unhush,
    UnmuteType,
)
from tests.actors.driver import START, Driver
from tests.actors.inboxes import NIGHT, bring, new_inbox, notice
from tests.actors.people import ANN, SYSTEM

URGENT: Notify = notice("fire", "urgent")
EXAM = "sitting:e1.ann"


def whys(inbox: Driver, *commands: Notify) -> list[str]:
    found = bring(inbox, *commands)
    assert all(n.toast == (not n.why) for n in found)
    return [n.why for n in found]


def test_a_burst_of_one_type_is_one_toast_that_counts_the_rest() -> None:
    inbox = new_inbox()
    assert whys(inbox, *[notice()] * 4, notice("room.mention")) == ["", "burst", "burst", "burst", ""]
    assert [n.more for n in inbox.behaviour.view(ANN).notices] == [3, 0, 0, 0, 0]
    assert inbox.behaviour.view(ANN).unread == 5
    inbox.advance(BURST_MS)
    assert whys(inbox, notice(), notice()) == ["", "burst"]
    assert [n.more for n in inbox.behaviour.view(ANN).notices] == [3, 0, 0, 0, 0, 1, 0]


def test_the_one_that_stands_for_a_burst_may_be_gone_already() -> None:
    inbox = new_inbox()
    bring(inbox, notice())
    inbox.do(Dismiss("1"), ANN)
    assert whys(inbox, notice()) == ["burst"]
    assert [n.more for n in inbox.behaviour.view(ANN).notices] == [0]


def test_bursts_are_remembered_for_the_types_of_the_newest_toasts_alone() -> None:
    inbox = new_inbox()
    bring(inbox, *(notice(f"t{number}", "urgent") for number in range(BURSTS_MAX + 1)))
    assert "t0" not in inbox.behaviour.state.bursts
    assert len(inbox.behaviour.state.bursts) == BURSTS_MAX


def test_a_class_of_thirty_events_an_hour_is_eight_toasts_and_thirty_notices() -> None:
    inbox = new_inbox()
    toasts = 0
    for number in range(30):
        inbox.advance(HOUR_MS // 30)
        toasts += whys(inbox, notice(f"class.event_{number}")) == [""]
    assert toasts == HOURLY["normal"] == 8
    assert inbox.behaviour.view(ANN).unread == 30


def test_the_budget_leaves_room_for_what_matters_more() -> None:
    inbox = new_inbox()
    low = whys(inbox, *(notice(f"l{number}", "low") for number in range(5)))
    assert low == ["", "", "", "budget", "budget"]
    normal = whys(inbox, *(notice(f"n{number}") for number in range(7)))
    assert normal == [*[""] * 5, "budget", "budget"]
    high = whys(inbox, *(notice(f"h{number}", "high") for number in range(14)))
    assert high == [*[""] * 12, "budget", "budget"]
    assert whys(inbox, *(notice(f"u{number}", "urgent") for number in range(30))) == [""] * 30
    inbox.advance(HOUR_MS)
    assert whys(inbox, notice("later", "low")) == [""]


def test_a_muted_type_is_kept_and_counted_and_no_toast_until_it_is_unmuted_or_the_time_is_over() -> None:
    inbox = new_inbox()
    inbox.do(MuteType("exam.graded"), ANN)
    inbox.do(MuteType("room.mention", seconds=60), ANN)
    assert whys(inbox, notice(), notice("room.mention"), notice("other")) == ["muted", "muted", ""]
    assert inbox.behaviour.view(ANN).unread == 3
    inbox.advance(60_000)
    assert whys(inbox, notice(), notice("room.mention")) == ["muted", ""]
    inbox.do(UnmuteType("exam.graded"), ANN)
    assert whys(inbox, notice()) == [""]
    assert inbox.events_of(UnmuteType("exam.graded"), ANN) == []
    assert inbox.advance(HOUR_MS) == []


def test_muting_again_changes_the_time_and_the_same_again_changes_nothing() -> None:
    inbox = new_inbox()
    inbox.do(MuteType("a"), ANN)
    assert inbox.events_of(MuteType("a"), ANN) == []
    inbox.do(MuteType("a", seconds=1), ANN)
    assert inbox.behaviour.view(ANN).muted == {"a": START + 1_000}


def test_so_many_types_can_be_muted_and_those_that_are_over_do_not_count() -> None:
    inbox = new_inbox()
    for number in range(MUTES_MAX):
        inbox.do(MuteType(f"t{number}", seconds=1 if number else None), ANN)
    assert inbox.try_do(MuteType("one-more"), ANN) == "full"
    assert inbox.try_do(MuteType("t5"), ANN) == "ok"
    inbox.advance(1_000)
    assert inbox.try_do(MuteType("one-more"), ANN) == "ok"
    assert inbox.behaviour.view(ANN).muted == {"t0": FOREVER, "t5": FOREVER, "one-more": FOREVER}


@pytest.mark.parametrize(
    "command", [Hush(EXAM, NIGHT + HOUR_MS), Dnd(), SetQuietHours("22:00", "07:00", "Europe/London")]
)
def test_urgent_notices_pass_every_silence_and_no_others_do(command: object) -> None:
    inbox = new_inbox()
    inbox.now = NIGHT
    inbox.do(command, SYSTEM if isinstance(command, Hush) else ANN)
    found = whys(inbox, notice("a", "low"), notice("b"), notice("c", "high"), URGENT)
    assert "" not in found[:3]
    assert found[3] == ""


def test_while_somebody_sits_an_exam_notices_wait_and_one_digest_follows() -> None:
    inbox = new_inbox()
    inbox.do(Hush(EXAM, START + HOUR_MS))
    assert whys(inbox, notice("a"), notice("b"), notice("a")) == ["hushed"] * 3
    inbox.do(MarkRead("3"), ANN)
    inbox.advance(1_000)
    events = inbox.events_of(Unhush(EXAM))
    assert events[1] == Digested(2, {"a": 2}, 0, START)
    assert inbox.deadlines == {}
    assert whys(inbox, notice("c")) == [""]
    assert inbox.advance(2 * HOUR_MS) == []


def test_a_hush_that_nobody_takes_back_ends_by_itself() -> None:
    inbox = new_inbox()
    inbox.do(Hush(EXAM, START + HOUR_MS))
    bring(inbox, notice("a"), notice("b"))
    inbox.restart(snapshot_at=inbox.seq)
    assert inbox.advance(HOUR_MS - 1) == []
    assert inbox.advance(1) == [Digested(2, {"a": 1, "b": 1}, 0, START)]
    assert whys(inbox, notice("c")) == [""]


def test_an_exam_that_is_extended_lengthens_the_silence() -> None:
    inbox = new_inbox()
    inbox.do(Hush(EXAM, START + 1_000))
    bring(inbox, notice("a"))
    inbox.do(Hush(EXAM, START + 9_000))
    assert inbox.events_of(Hush(EXAM, START + 9_000)) == []
    assert inbox.advance(8_999) == []
    assert len(inbox.advance(1)) == 1


def test_a_hush_that_is_over_already_or_unknown_changes_nothing() -> None:
    inbox = new_inbox()
    assert inbox.events_of(Hush(EXAM, START)) == []
    assert inbox.events_of(Unhush(EXAM)) == []


def test_those_who_ask_for_silence_are_bounded_and_the_past_does_not_count() -> None:
    inbox = new_inbox()
    for number in range(HUSHES_MAX):
        inbox.do(Hush(f"sitting:exam-{number}.ann", START + 1_000))
    assert inbox.try_do(Hush(EXAM, START + 5_000), SYSTEM) == "full"
    inbox.advance(1_000)
    assert inbox.events_of(Hush(EXAM, START + 5_000)) == [Hushed(EXAM, START + 5_000)]
    assert inbox.behaviour.view(ANN).hushed == {EXAM: START + 5_000}


def test_silences_that_overlap_give_one_digest_at_the_end_of_the_last() -> None:
    inbox = new_inbox()
    inbox.do(Hush(EXAM, START + 10_000))
    bring(inbox, notice("a"))
    inbox.do(Dnd(seconds=60), ANN)
    assert inbox.advance(59_999) == []
    assert inbox.advance(1) == [Digested(1, {"a": 1}, 0, START)]


def test_not_to_be_disturbed_until_further_notice_ends_when_one_says_so() -> None:
    inbox = new_inbox()
    inbox.do(Dnd(), ANN)
    assert inbox.events_of(Dnd(), ANN) == []
    assert whys(inbox, notice()) == ["dnd"]
    assert inbox.advance(100 * HOUR_MS) == []
    events = inbox.events_of(Dnd(on=False), ANN)
    assert events[1] == Digested(1, {"exam.graded": 1}, 0, START)
    assert inbox.events_of(Dnd(on=False), ANN) == []


def test_there_is_no_digest_of_what_was_read_or_dismissed_meanwhile() -> None:
    inbox = new_inbox()
    inbox.do(Dnd(seconds=60), ANN)
    bring(inbox, notice("a"), notice("b"))
    inbox.do(Dismiss("2"), ANN)
    inbox.do(ReadAll(), ANN)
    assert inbox.advance(60_000) == []


def test_quiet_hours_follow_the_clock_of_their_zone_and_end_with_a_digest() -> None:
    inbox = new_inbox()
    inbox.now = NIGHT
    inbox.do(SetQuietHours("23:30", "07:00", "Europe/Berlin"), ANN)
    assert whys(inbox, notice("a")) == ["quiet"]
    inbox.do(SetQuietHours("23:30", "07:00", "Europe/London"), ANN)
    assert isinstance(inbox.events[-1], Digested)
    assert whys(inbox, notice("b")) == [""]
    inbox.advance(30 * 60_000)
    assert whys(inbox, notice("c")) == ["quiet"]
    assert inbox.advance(int(7.5 * HOUR_MS) - 1) == []
    assert inbox.advance(1) == [Digested(1, {"c": 1}, 0, NIGHT + 30 * 60_000)]


def test_quiet_hours_are_taken_away_by_naming_none() -> None:
    inbox = new_inbox()
    inbox.do(SetQuietHours("22:00", "07:00"), ANN)
    assert inbox.events_of(SetQuietHours("22:00", "07:00"), ANN) == []
    inbox.do(SetQuietHours(), ANN)
    assert inbox.behaviour.view(ANN).quiet is None
    assert inbox.events_of(SetQuietHours(), ANN) == []


@pytest.mark.parametrize(
    ("command", "field", "why"),
    [
        (SetQuietHours("22:00"), "end", "it is missing"),
        (SetQuietHours(end="22:00"), "start", "it is missing"),
        (SetQuietHours("22:00", "22:00"), "end", "different times"),
        (SetQuietHours("22:00", "07:00", "Europe/Atlantis"), "zone", "no zone"),
    ],
)
def test_quiet_hours_that_are_none_are_refused_by_name(command: SetQuietHours, field: str, why: str) -> None:
    with pytest.raises(Refusal, match=why) as refused:
        new_inbox().do(command, ANN)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", field)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (
            1_711_846_800_000,
            1_711_861_200_000,
        ),  # 31 March 2024, 02:00 in Berlin by winter time: the night is an hour shorter
        (1_729_985_400_000, 1_730_008_800_000),  # 27 October 2024, 01:30 in Berlin: an hour longer
        (1_711_861_200_000, 0),  # at 07:00 it is over
    ],
)
def test_a_night_in_which_the_clocks_change_ends_at_the_same_local_time(now: int, until: int) -> None:
    assert quiet_until(QuietHours("22:00", "07:00", "Europe/Berlin"), now) == until
