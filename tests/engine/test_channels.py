"""Channels: streams without an actor are followed, resumed and ended as an actor's are, whoever writes them and in what order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.channel_services import ChannelSettings
from homeroom.engine.envelope import Answer, Envelope, Joined
from homeroom.engine.journal_memory import Fate
from homeroom.engine.settings import DEFAULTS
from tests.engine.channel_trial import CLASS, ChannelHouse
from tests.engine.trial import ADA, BEN, Sink

RESUMED = ("memory", 0)


@pytest.fixture
async def school(nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock) -> ChannelHouse:
    """Return channels on an empty journal."""
    return await ChannelHouse(nursery).start()


async def house_with(nursery: trio.Nursery, **changes: Any) -> ChannelHouse:
    return await ChannelHouse(nursery, engine=replace(DEFAULTS, **changes)).start()


async def settle() -> None:
    """Let the windows of the hub pass, and all errands end."""
    await trio.sleep(0.1)
    await wait_all_tasks_blocked()


async def test_who_subscribes_gets_the_state_and_what_follows_without_a_gap_or_an_overlap(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    school.post(1, 2)
    sink = Sink()
    answer = await school.joined(sink)
    assert (answer.seq, answer.state) == (2, {"total": 3})
    school.post(4)
    school.post(8)
    await settle()
    assert sink.numbers == [3, 4]
    assert school.total(answer, sink) == 15


async def test_an_event_carries_its_type_author_and_data(school: ChannelHouse, autojump_clock: MockClock) -> None:
    sink = Sink()
    await school.joined(sink)
    school.post(5)
    await settle()
    (event,) = sink.events
    assert (event["type"], event["by"], event["d"]) == ("class.added", "eve", {"n": 5})


async def test_who_comes_back_gets_exactly_what_was_missed(school: ChannelHouse, autojump_clock: MockClock) -> None:
    school.post(1, 2, 3)
    sink = Sink()
    answer = await school.joined(sink, ("memory", 1))
    assert (answer.seq, answer.state, answer.count) == (3, None, 2)
    school.post(4)
    await settle()
    assert sink.numbers == [2, 3, 4]


@pytest.mark.parametrize("since", [("another", 1), ("memory", 4)])
async def test_a_cursor_of_another_history_or_of_the_future_gets_a_snapshot(
    school: ChannelHouse, autojump_clock: MockClock, since: tuple[str, int]
) -> None:
    school.post(1, 2, 3)
    answer = await school.joined(Sink(), since)
    assert answer.state == {"total": 6}


async def test_a_cursor_too_far_back_gets_a_snapshot(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, replay_events=3)
    school.post(1, 1, 1, 1)
    assert (await school.joined(Sink(), ("memory", 1))).count == 3
    assert (await school.joined(Sink(), ("memory", 0))).state == {"total": 4}


async def test_a_commit_whose_later_number_comes_first_is_shown_in_order(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sink = Sink()
    await school.joined(sink)
    first, second = school.append(1), school.append(2)
    school.channels.publish(second)
    school.channels.publish(first)
    await settle()
    assert sink.numbers == [1, 2]
    assert [event["d"]["n"] for event in sink.events] == [1, 2]


async def test_a_number_that_is_never_told_is_read_from_the_journal(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sink = Sink()
    await school.joined(sink)
    school.append(1)
    school.post(2)
    await settle()
    assert sink.numbers == [1, 2]


async def test_while_the_journal_is_away_nothing_later_is_shown_before_what_is_missing(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sink = Sink()
    await school.joined(sink)
    school.fates += [("read", Fate(fail="before"))] * 3
    school.append(1)
    school.post(2)
    await wait_all_tasks_blocked()
    assert sink.numbers == []
    await trio.sleep(2)
    assert sink.numbers == [1, 2]


async def test_more_that_came_too_early_than_there_is_room_for_is_left_to_the_journal(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, page_bytes=200)
    sink = Sink()
    await school.joined(sink)
    first, *rest = [school.append(number) for number in range(1, 31)]
    for posted in [*rest, first]:
        school.channels.publish(posted)
    await settle()
    assert sink.numbers == list(range(1, 31))


async def test_what_is_posted_while_the_door_looks_follows_the_snapshot(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    school.post(1)
    school.door.hold = trio.Event()
    sink = Sink()
    waiter = school.watching(sink)
    await wait_all_tasks_blocked()
    school.fates += [("read", Fate(fail="before"))] * 50  # nothing of it has to be read again
    school.post(2)
    school.post(4)
    school.door.hold.set()
    answer = await waiter.wait()
    assert isinstance(answer, Joined)
    await settle()
    assert (answer.seq, sink.numbers) == (1, [2, 3])
    assert school.total(answer, sink) == 7


async def test_who_joins_others_gets_nothing_twice_though_the_others_are_behind(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    early, late = Sink(), Sink("ben")
    await school.joined(early)
    unheard = school.append(1)
    answer = await school.joined(late, caller=BEN)
    assert (answer.seq, answer.state) == (1, {"total": 1})
    school.channels.publish(unheard)
    school.post(2)
    await settle()
    assert (early.numbers, late.numbers) == ([1, 2], [2])


async def test_a_snapshot_is_refused_when_what_the_others_must_see_first_cannot_be_read(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    await school.joined(Sink())
    school.append(1)
    school.fates += [("read", Fate(fail="before"))] * 50
    answer = await school.watch(Sink("ben"), caller=BEN)
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.retry_ms) == ("unavailable", 500)


async def test_one_far_behind_is_fed_from_the_journal_as_fast_as_it_reads_and_then_follows(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, page_events=10, ring=4)
    for number in range(1, 51):
        school.post(number)
    sink = Sink()
    sink.room = trio.Event()
    answer = await school.joined(sink, ("memory", 0))
    assert (answer.count, sink.numbers) == (50, [])
    school.post(51)
    await settle()
    assert sink.numbers == []
    sink.room.set()
    await settle()
    school.post(52)
    await settle()
    assert sink.numbers == list(range(1, 53))
    assert sink.waits >= 5


async def test_a_feeder_waits_out_a_journal_that_is_away(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, ring=2)
    school.post(1, 2, 3, 4, 5)
    school.fates += [("read", Fate(fail="before"))] * 2
    sink = Sink()
    await school.joined(sink, ("memory", 0))
    await trio.sleep(2)
    assert sink.numbers == [1, 2, 3, 4, 5]


async def test_one_who_is_cut_off_while_being_fed_leaves_nothing_behind(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, ring=2)
    school.post(1, 2, 3, 4, 5)
    sink = Sink()
    sink.room = trio.Event()
    await school.joined(sink, ("memory", 0))
    sink.closed = True
    sink.room.set()
    await settle()
    assert school.channels.statistics()["channels"] == school.channels.statistics()["subscriptions"] == 0


@pytest.mark.parametrize("code", ["forbidden", "not_found", "unavailable"])
async def test_what_the_door_refuses_is_refused(school: ChannelHouse, autojump_clock: MockClock, code: str) -> None:
    school.door.shut["ada"] = code
    answer = await school.watch(Sink())
    assert isinstance(answer, Refusal)
    assert answer.code == code
    await settle()
    assert school.channels.statistics()["channels"] == 0


async def test_a_withdrawal_ends_the_subscription_with_gone_behind_what_was_shown(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    ada, ben = Sink(), Sink("ben")
    await school.joined(ada)
    await school.joined(ben, caller=BEN)
    school.post(1)
    school.channels.withdraw(CLASS, ["ada"])
    school.post(2)
    await settle()
    assert ada.numbers == [1]
    assert ada.frames[-1] == {"t": "gone", "to": CLASS, "code": "forbidden"}
    assert (ben.numbers, ben.of("gone")) == ([1, 2], [])


async def test_a_withdrawal_ends_one_who_is_being_fed(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, ring=2)
    school.post(1, 2, 3, 4, 5)
    sink = Sink()
    sink.room = trio.Event()
    await school.joined(sink, ("memory", 0))
    school.channels.withdraw(CLASS, ["ada"])
    sink.room.set()
    await settle()
    assert [frame["t"] for frame in sink.frames] == ["gone"]


async def test_a_withdrawal_while_the_door_looks_has_it_look_again(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    school.door.hold = trio.Event()
    waiter = school.watching(Sink())
    await wait_all_tasks_blocked()
    school.door.shut["ada"] = "not_found"
    school.channels.withdraw(CLASS, ["ada"])
    school.door.hold.set()
    answer = await waiter.wait()
    assert isinstance(answer, Refusal)
    assert (answer.code, school.door.looks) == ("not_found", 2)


@pytest.mark.parametrize("code", ["forbidden", "not_found"])
async def test_access_that_another_server_took_away_ends_within_five_seconds(
    school: ChannelHouse, autojump_clock: MockClock, code: str
) -> None:
    ada, ben = Sink(), Sink("ben")
    await school.joined(ada)
    await school.joined(ben, caller=BEN)
    school.door.shut["ada"] = code
    await trio.sleep(5)
    assert ada.of("gone") == [{"t": "gone", "to": CLASS, "code": code}]
    assert ben.of("gone") == []


async def test_of_more_followers_than_are_looked_at_in_one_go_each_is_looked_at_again(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sinks = [Sink(f"u{n}") for n in range(1_100)]
    for sink in sinks:
        await school.joined(sink, caller=Caller(sink.user, "student"))
    school.door.shut |= {"u0": "forbidden", "u600": "forbidden", "u1099": "forbidden"}
    await trio.sleep(5)
    assert [sink.user for sink in sinks if sink.of("gone")] == ["u0", "u600", "u1099"]


async def test_what_another_server_has_appended_is_shown_within_five_seconds(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sink = Sink()
    await school.joined(sink)
    school.append(1, 2)
    await trio.sleep(5)
    assert sink.numbers == [1, 2]


async def test_a_database_that_is_away_while_it_looks_again_is_asked_the_next_time(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sink = Sink()
    await school.joined(sink)
    school.fates.append(("heads", Fate(fail="before")))
    school.append(1)
    await trio.sleep(5)
    assert sink.numbers == [1]


async def test_a_long_poll_that_follows_past_the_channels_hears_of_events(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    school.post(1)
    poll = Sink()
    school.hub.subscribe(CLASS, poll, 1)
    school.post(2)
    await settle()
    assert poll.numbers == [2]
    school.append(3)
    await trio.sleep(3)
    assert poll.numbers == [2, 3]
    assert school.channels.statistics()["channels"] == 0
    await school.joined(Sink("ben"), caller=BEN)
    school.post(4)
    await settle()
    assert poll.numbers == [2, 3, 4]


async def test_a_long_poll_hears_of_what_a_newcomer_has_seen_already(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    poll = Sink()
    school.hub.subscribe(CLASS, poll, 0)
    school.append(1)
    await school.joined(Sink("ben"), caller=BEN)
    await settle()
    assert poll.numbers == [1]


async def test_one_that_is_given_up_while_it_is_fed_is_fed_no_longer(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, ring=2)
    school.post(1, 2, 3, 4, 5)
    before = trio.lowlevel.current_statistics().tasks_living
    sink = Sink()
    sink.room = trio.Event()
    await school.joined(sink, ("memory", 0))
    assert school.channels.ref(CLASS).unwatch(sink)
    await wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert school.channels.statistics()["channels"] == 0


async def test_a_subscription_that_is_given_up_hears_nothing_more(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sink = Sink()
    await school.joined(sink)
    ref = school.channels.ref(CLASS)
    assert ref.unwatch(sink)
    assert not ref.unwatch(sink)
    school.post(1)
    await settle()
    assert sink.frames == []
    assert school.channels.statistics()["channels"] == 0


async def test_one_that_is_given_up_before_its_answer_is_answered_and_never_joined(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    school.door.hold = trio.Event()
    sink = Sink()
    waiter = school.watching(sink)
    await wait_all_tasks_blocked()
    assert school.channels.ref(CLASS).unwatch(sink)
    school.door.hold.set()
    await waiter.wait()
    school.post(1)
    await settle()
    assert sink.frames == []
    assert school.hub.watchers(CLASS) == 0


async def test_the_same_outlet_subscribing_again_has_one_subscription(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    sink = Sink()
    await school.joined(sink)
    await school.joined(sink)
    school.post(1)
    await settle()
    assert sink.numbers == [1]
    assert school.channels.statistics()["subscriptions"] == 1


async def test_a_command_is_refused(school: ChannelHouse, autojump_clock: MockClock) -> None:
    answers: list[Answer] = []
    school.channels.ref(CLASS).tell(Envelope(object(), ADA, answers.append))
    answers.append(await school.channels.ref(CLASS).ask(object(), ADA))
    assert [(answer.code, answer.msg) for answer in answers if isinstance(answer, Refusal)] == [
        ("bad_command", "a class has no verbs")
    ] * 2


@pytest.mark.parametrize("address", ["room:lobby", "class:", "class"])
async def test_an_address_of_another_kind_is_not_found(
    school: ChannelHouse, autojump_clock: MockClock, address: str
) -> None:
    with pytest.raises(Refusal, match="not_found"):
        school.channels.ref(address)


async def test_catching_up_once_gives_the_state_or_the_events_behind_a_cursor(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await house_with(nursery, replay_events=3)
    school.post(1, 2, 4, 8, 16)
    ref = school.channels.ref(CLASS)
    page = await ref.read(ADA, None, 10)
    assert (page.seq, page.state, page.more) == (5, {"total": 31}, False)
    page = await ref.read(ADA, ("memory", 3), 1)
    assert (page.seq, len(page.events), page.more) == (4, 1, True)
    assert (await ref.read(ADA, ("memory", 5), 10)).events == []
    assert (await ref.read(ADA, ("memory", 1), 10)).state == {"total": 31}
    far = await ref.replay(ADA, 0, 10)
    assert (far.seq, len(far.events), far.state) == (5, 5, None)
    school.door.shut["ada"] = "not_found"
    with pytest.raises(Refusal, match="not_found"):
        await ref.read(ADA, ("memory", 3), 1)


async def test_a_page_is_bounded_in_bytes(nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock) -> None:
    school = await house_with(nursery, page_bytes=100)
    school.post(*range(20))
    page = await school.channels.ref(CLASS).read(ADA, ("memory", 0), 20)
    assert 1 <= len(page.events) < 20
    assert page.more


async def test_reading_while_the_journal_is_away_is_unavailable(
    school: ChannelHouse, autojump_clock: MockClock
) -> None:
    school.post(1)
    school.fates.append(("read", Fate(fail="before")))
    with pytest.raises(Refusal, match="unavailable"):
        await school.channels.ref(CLASS).read(ADA, ("memory", 0), 1)


async def test_too_many_who_wait_to_be_looked_at_are_told_to_come_back(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    school = await ChannelHouse(nursery, ChannelSettings(looks=1, waiting=2)).start()
    school.door.hold = trio.Event()
    waiting = [school.watching(Sink(f"u{n}"), caller=Caller(f"u{n}", "student")) for n in range(4)]
    await wait_all_tasks_blocked()
    school.door.hold.set()
    answers = [await waiter.wait() for waiter in waiting]
    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert codes == ["overloaded"]


async def test_a_defect_of_the_door_is_told_with_an_incident_and_harms_nobody_else(
    school: ChannelHouse, logs: list[Any], autojump_clock: MockClock
) -> None:
    ben = Sink("ben")
    await school.joined(ben, caller=BEN)
    school.door.broken = RuntimeError("a defect")
    answer = await school.watch(Sink())
    assert isinstance(answer, Refusal)
    assert answer.code == "internal"
    assert any(entry["event"] == "crashed" for entry in logs)
    school.post(1)
    await settle()
    assert ben.numbers == [1]


@pytest.mark.parametrize("when", ["looking", "stopped"])
async def test_a_stop_answers_whoever_waits(school: ChannelHouse, autojump_clock: MockClock, when: str) -> None:
    school.door.hold = trio.Event()
    waiter = school.watching(Sink()) if when == "looking" else None
    await wait_all_tasks_blocked()
    school.scope.cancel()
    await wait_all_tasks_blocked()
    answer = await (waiter or school.watching(Sink())).wait()
    assert isinstance(answer, Refusal)
    assert answer.code == "unavailable"


@pytest.mark.parametrize("order", [sorted, lambda posts: sorted(posts, reverse=True)], ids=["forward", "backward"])
async def test_eight_writers_leave_no_gap_whatever_the_order_in_which_they_are_heard_of(
    school: ChannelHouse, autojump_clock: MockClock, order: Callable[[list[int]], list[int]]
) -> None:
    sinks = [Sink() for _ in range(3)]
    answers = [await school.joined(sink) for sink in sinks]
    posts = [school.append(number) for number in range(8)]
    for place in order(list(range(8))):
        school.channels.publish(posts[place])
    await settle()
    for answer, sink in zip(answers, sinks, strict=True):
        assert sink.numbers == list(range(1, 9))
        assert school.total(answer, sink) == 28
