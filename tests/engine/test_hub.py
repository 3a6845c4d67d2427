"""The hub: who gets what, in which order, and how long it may wait."""

from collections.abc import Sequence
from math import inf

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.hub import FRAME_BYTES, Hub, Windows


class Plain:
    """An encoder whose frames can be read."""

    def delta(self, stream: str, seq: int, events: Sequence[bytes]) -> bytes:
        return f"ev {stream} {seq} ".encode() + b",".join(events)

    def signals(self, stream: str, events: Sequence[bytes]) -> bytes:
        return f"sig {stream} ".encode() + b",".join(events)

    def gone(self, stream: str, code: str) -> bytes:
        return f"gone {stream} {code}".encode()


class Sink:
    def __init__(self, user: str = "s-1", format: str = "plain") -> None:
        self.format, self.user, self.closed = format, user, False
        self.frames: list[bytes] = []
        self.times: list[float] = []

    def push(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.times.append(trio.current_time())

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()


@pytest.fixture
async def hub(nursery: trio.Nursery) -> Hub:
    hub = Hub({"plain": Plain(), "other": Plain()})
    await nursery.start(hub.run)
    return hub


def follower(hub: Hub, stream: str = "room:a", seq: int = 0, user: str = "s-1", format: str = "plain") -> Sink:
    sink = Sink(user, format)
    hub.subscribe(stream, sink, seq)
    return sink


async def test_first_event_of_a_quiet_stream_is_sent_at_once(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    hub.publish("room:a", 1, [b"a"])
    assert sink.frames == [b"ev room:a 1 a"]


async def test_a_busy_stream_sends_one_batch_at_the_end_of_the_window(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    begun = trio.current_time()
    for seq in range(1, 6):
        hub.publish("room:a", seq, [b"%d" % seq])
    await trio.sleep(1)
    assert sink.frames == [b"ev room:a 1 1", b"ev room:a 2 2,3,4,5"]
    assert sink.times[1] - begun == pytest.approx(0.020)


async def test_no_event_waits_longer_than_the_window_and_none_is_lost(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    sent: dict[int, float] = {}
    for seq in range(1, 101):
        sent[seq] = trio.current_time()
        hub.publish("room:a", seq, [b"%d" % seq])
        await trio.sleep(0.003)
    await trio.sleep(1)
    arrived: list[int] = []
    for frame, at in zip(sink.frames, sink.times, strict=True):
        numbers = [int(text) for text in frame.split(b" ")[3].split(b",")]
        assert all(at - sent[number] <= 0.0201 for number in numbers)
        arrived += numbers
    assert arrived == list(range(1, 101))
    assert len(sink.frames) < 20


async def test_calm_events_wait_longer_and_a_direct_one_takes_them_along_in_order(
    hub: Hub, autojump_clock: MockClock
) -> None:
    sink = follower(hub)
    hub.publish("room:a", 1, [b"a"], calm=True)
    hub.publish("room:a", 2, [b"b"], calm=True)
    await trio.sleep(0.1)
    assert sink.frames == [b"ev room:a 1 a"]
    hub.publish("room:a", 3, [b"c"])
    assert sink.frames[1:] == [b"ev room:a 2 b,c"]


async def test_calm_events_alone_are_sent_after_a_quarter_second(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    begun = trio.current_time()
    hub.publish("room:a", 1, [b"a"], calm=True)
    hub.publish("room:a", 2, [b"b"], calm=True)
    await trio.sleep(1)
    assert sink.times[1] - begun == pytest.approx(0.250)


async def test_numbers_published_before_are_left_out(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    hub.publish("room:a", 1, [b"a", b"b"])
    hub.publish("room:a", 1, [b"a", b"b", b"c"])
    hub.publish("room:a", 2, [b"b", b"c"])
    await trio.sleep(1)
    assert sink.frames == [b"ev room:a 1 a,b", b"ev room:a 3 c"]


async def test_a_frame_is_encoded_once_a_format_and_shared_by_all_its_receivers(
    hub: Hub, autojump_clock: MockClock
) -> None:
    one, two, other = follower(hub), follower(hub, user="s-2"), follower(hub, format="other")
    hub.publish("room:a", 1, [b"a"])
    assert one.frames[0] is two.frames[0]
    assert other.frames == one.frames
    assert hub.statistics()["frames"] == 2
    assert hub.statistics()["deliveries"] == 3


async def test_a_newcomer_gets_exactly_what_follows_what_it_was_given(hub: Hub, autojump_clock: MockClock) -> None:
    first = follower(hub)
    hub.publish("room:a", 1, [b"a"])
    hub.publish("room:a", 2, [b"b"])
    late = follower(hub, seq=2)
    assert first.frames == [b"ev room:a 1 a", b"ev room:a 2 b"]
    hub.publish("room:a", 3, [b"c"])
    await trio.sleep(1)
    assert late.frames == [b"ev room:a 3 c"]


async def test_newest_counts_only_what_the_followers_were_given(hub: Hub, autojump_clock: MockClock) -> None:
    follower(hub, seq=5)
    assert hub.newest("room:a") == 5
    hub.publish("room:a", 6, [b"a"])
    hub.publish("room:a", 7, [b"b"])
    assert hub.newest("room:a") == 6
    await trio.sleep(1)
    assert hub.newest("room:a") == 7
    assert hub.newest("room:b") == 0


async def test_of_several_signals_of_one_key_the_newest_wins(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    for n in range(5):
        hub.signal("room:a", "k", b"%d" % n)
        hub.signal("room:a", "l", b"x%d" % n)
    await trio.sleep(1)
    assert sink.frames == [b"sig room:a 0", b"sig room:a x4,4"]
    assert sink.times[1] - sink.times[0] == pytest.approx(0.250)


async def test_retained_signals_are_given_to_those_who_come_later_until_dropped(
    hub: Hub, autojump_clock: MockClock
) -> None:
    hub.signal("room:a", "p:1", b"one", retain=True)
    hub.signal("room:a", "p:2", b"two", retain=True)
    hub.signal("room:a", "typing", b"no", retain=False)
    assert follower(hub).frames == [b"sig room:a one,two"]
    hub.signal("room:a", "p:1", b"left", drop=True)
    assert follower(hub).frames == [b"sig room:a two"]
    hub.signal("room:a", "p:2", b"left", drop=True)
    assert follower(hub).frames == []


async def test_ending_sends_gone_after_what_waits_and_nothing_later(hub: Hub, autojump_clock: MockClock) -> None:
    ended: list[tuple[str, object]] = []
    hub.when_ended(lambda stream, outlet: ended.append((stream, outlet)))
    out, stays = follower(hub, user="s-1"), follower(hub, user="s-2")
    hub.publish("room:a", 1, [b"a"])
    hub.publish("room:a", 2, [b"b"])
    hub.end_for("room:a", {"s-1"}, "forbidden")
    hub.publish("room:a", 3, [b"c"])
    await trio.sleep(1)
    assert out.frames == [b"ev room:a 1 a", b"ev room:a 2 b", b"gone room:a forbidden"]
    assert stays.frames == [b"ev room:a 1 a", b"ev room:a 2 b", b"ev room:a 3 c"]
    assert not hub.follows("room:a", out)
    assert ended == [("room:a", out)]
    hub.end("room:a", None, "not_found")
    assert stays.frames[-1] == b"gone room:a not_found"
    assert list(hub) == []


async def test_an_outlet_that_is_still_being_fed_is_ended_by_name(hub: Hub) -> None:
    fed = Sink()
    hub.end("room:a", fed, "forbidden")
    hub.end("room:a", None, "forbidden")
    assert fed.frames == [b"gone room:a forbidden"]


async def test_what_a_stream_retains_outlives_its_followers_and_it_counts_as_one_stream(hub: Hub) -> None:
    hub.signal("room:a", "p:1", b"one", retain=True)
    assert (list(hub), hub.statistics()["streams"]) == (["room:a"], 1)
    sink = follower(hub)
    assert (list(hub), hub.statistics()["streams"]) == (["room:a"], 1)
    hub.forget(sink)
    assert (list(hub), hub.retained("room:a"), hub.watchers("room:a")) == (["room:a"], {"p:1": b"one"}, 0)
    hub.signal("room:a", "p:1", b"left", retain=True, drop=True)
    assert (list(hub), hub.retained("room:a"), hub.statistics()["streams"]) == ([], {}, 0)


async def test_a_forgotten_outlet_leaves_nothing_behind(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    hub.subscribe("room:b", sink, 0)
    hub.publish("room:a", 1, [b"a"])
    hub.publish("room:a", 2, [b"b"])
    hub.forget(sink)
    await trio.sleep(1)
    assert sink.frames == [b"ev room:a 1 a"]
    assert hub.watchers("room:a") == 0
    assert list(hub) == []
    hub.forget(sink)


async def test_an_outlet_that_joins_twice_is_given_everything_once(hub: Hub) -> None:
    sink = follower(hub)
    hub.subscribe("room:a", sink, 0)
    hub.publish("room:a", 1, [b"a"])
    assert sink.frames == [b"ev room:a 1 a"]
    hub.forget(sink)
    assert hub.watchers("room:a") == 0


async def test_unsubscribe_tells_whether_there_was_anything_to_end(hub: Hub) -> None:
    sink = follower(hub)
    assert hub.unsubscribe("room:a", sink)
    assert not hub.unsubscribe("room:a", sink)
    assert not hub.unsubscribe("room:b", sink)


async def test_a_closed_outlet_that_a_feeder_joins_late_is_not_taken_in(hub: Hub) -> None:
    sink = Sink()
    sink.closed = True
    hub.subscribe("room:a", sink, 0)
    assert hub.watchers("room:a") == 0
    assert list(hub) == []


async def test_a_batch_that_has_grown_large_does_not_wait(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    hub.publish("room:a", 1, [b"a"])
    hub.publish("room:a", 2, [b"x" * FRAME_BYTES])
    assert len(sink.frames) == 2


def flush_late(hub: Hub, by: float) -> None:
    """Run the flusher by hand, so much later than due."""
    due = hub._next_due()
    if due != inf:
        hub._flush_due(due + by)


async def test_windows_widen_while_the_loop_is_late_and_narrow_again() -> None:
    hub = Hub({"plain": Plain()}, Windows(direct_ms=20, late_ms=50))
    follower(hub)
    for seq in range(1, 40, 2):
        hub.publish("room:a", seq, [b"a"])
        hub.publish("room:a", seq + 1, [b"b"])
        flush_late(hub, 0.2)
    assert hub.statistics()["direct_window_ms"] == 2000
    assert hub.statistics()["calm_window_ms"] == 2000
    for seq in range(41, 141, 2):
        hub.publish("room:a", seq, [b"a"])
        hub.publish("room:a", seq + 1, [b"b"])
        flush_late(hub, 0.001)
    assert hub.statistics()["direct_window_ms"] == 20


async def test_flush_sends_all_that_waits(hub: Hub, autojump_clock: MockClock) -> None:
    sink = follower(hub)
    for n in (1, 2):
        hub.publish("room:a", n, [b"%d" % n])
        hub.signal("room:a", "k", b"%d" % n)
    hub.flush()
    assert sink.frames[-2:] == [b"ev room:a 2 2", b"sig room:a 2"]
    await wait_all_tasks_blocked()
    assert hub.statistics()["waiting"] == 0
