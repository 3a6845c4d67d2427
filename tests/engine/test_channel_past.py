"""What is past is shown as the door shows it now, and costs those nothing who follow already."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from tests.engine.channel_trial import CLASS, ChannelHouse
from tests.engine.test_channels import house_with, settle
from tests.engine.trial import ADA, BEN, Sink

BEGINNING = ("memory", 0)
SMALL = {"page_events": 2, "ring": 2}
"""So that the past is read from the journal."""


def shown(sink: Sink) -> list[int | None]:
    """Return what the events hold, `None` for one of which it was left out."""
    return [event["d"].get("n") for event in sink.events]


async def looked_at(nursery: trio.Nursery) -> tuple[ChannelHouse, Sink, trio.Event]:
    """Return a school with two events, somebody who has asked for them, and what ends the look at whether they may be shown."""
    school, sink, reviewed = await house_with(nursery), Sink(), trio.Event()
    school.post(1, 2)
    school.door.reviewing = reviewed
    await school.joined(sink, BEGINNING)
    await wait_all_tasks_blocked()
    return school, sink, reviewed


@pytest.mark.parametrize("settings", [{}, SMALL], ids=["kept in mind", "from the journal"])
async def test_what_was_taken_back_is_left_out_of_the_past_and_no_number_with_it(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock, settings: dict[str, Any]
) -> None:
    school = await house_with(nursery, **settings)
    school.post(1, 2, 3, 4, 5)
    school.door.taken_back = {2, 5}
    sink = Sink()
    answer = await school.joined(sink, BEGINNING)
    await settle()
    school.post(2)
    await settle()
    assert (answer.count, sink.numbers, shown(sink)) == (5, [1, 2, 3, 4, 5, 6], [1, None, 3, 4, None, 2])


async def test_who_reads_once_or_again_from_a_number_is_shown_the_same_past(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery)
    school.post(1, 2, 3)
    school.door.taken_back = {2}
    ref = school.channels.ref(CLASS)
    for page in (await ref.read(ADA, BEGINNING, 10), await ref.replay(ADA, 0, 10)):
        assert [school.wire.decode_plain(event)["d"] for event in page.events] == [{"n": 1}, {}, {"n": 3}]


async def test_nobody_asks_about_the_past_of_whoever_has_seen_all_of_it(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery)
    school.post(1, 2)
    await school.joined(Sink(), ("memory", 2))
    await school.joined(Sink("ben"), caller=BEN)
    school.post(3)
    await settle()
    assert school.door.reviews == 0


async def test_what_comes_while_the_past_is_looked_at_follows_it_as_it_does_for_everybody(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school, sink, reviewed = await looked_at(nursery)
    school.post(3)
    school.post(4)
    await settle()
    assert sink.numbers == []
    reviewed.set()
    await settle()
    school.post(5)
    await settle()
    assert (sink.numbers, school.door.reviews) == ([1, 2, 3, 4, 5], 1)


async def test_a_withdrawal_while_the_past_is_looked_at_shows_nothing_of_it(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school, sink, reviewed = await looked_at(nursery)
    school.channels.withdraw(CLASS, ["ada"])
    reviewed.set()
    await settle()
    assert [frame["t"] for frame in sink.frames] == ["gone"]


async def test_while_nobody_can_tell_a_follower_waits_and_a_reader_is_refused(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery)
    school.post(1, 2)
    school.door.failing = 3
    with pytest.raises(Refusal, match="unavailable"):
        await school.channels.ref(CLASS).read(ADA, BEGINNING, 10)
    sink = Sink()
    await school.joined(sink, BEGINNING)
    await settle()
    await trio.sleep(2)
    assert (sink.numbers, school.door.failing) == ([1, 2], 0)
