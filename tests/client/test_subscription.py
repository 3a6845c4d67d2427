"""Following a stream: snapshot and events join, absences are resumed, holes healed, slow readers laid aside."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.client import ClientClosed, ClientSettings, Event, Gone, Item, Refused, Resumed, Signal, Snapshot
from homeroom.protocol.errors import LocalProtocolError
from homeroom.protocol.frames import Err, Ev
from homeroom.protocol.frames import Event as WireEvent
from tests.client.conftest import Opens
from tests.client.school import School

ROOM = "room:a"


async def take(items: Any, count: int) -> list[Item]:
    """Return the next `count` items."""
    return [await anext(items) for _ in range(count)]


def event(seq: int, text: str) -> Event:
    return Event(ROOM, seq, "room.message_posted", 999 + seq, "ann", {"text": text})


def texts(state: list[str], item: Item) -> list[str]:
    """Fold an item into the list of texts: the reducer that a client of a room would write."""
    match item:
        case Snapshot():
            return list(item.state["texts"])
        case Event():
            return [*state, item.d["text"]]
        case _:
            return state


async def test_a_subscription_begins_with_a_snapshot_and_goes_on_with_events(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.say(ROOM, "before")
    async with opened() as client:
        room = client.subscribe(ROOM)
        assert await take(room, 1) == [Snapshot(ROOM, "e1", 1, {"texts": ["before"]})]
        await client.call(ROOM, "say", text="after")
        assert await take(room, 1) == [event(2, "after")]
        assert room.cursor == ("e1", 2)


def test_an_event_names_itself() -> None:
    assert event(17, "x").name == "room:a@17"


async def test_a_cursor_of_another_time_is_resumed(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    for text in "abc":
        school.say(ROOM, text)
    async with opened() as client:
        room = client.subscribe(ROOM, since=("e1", 1))
        assert await take(room, 3) == [Resumed(ROOM, "e1", 3, 2), event(2, "b"), event(3, "c")]


async def test_a_cursor_of_another_history_gets_a_snapshot(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.say(ROOM, "new")
    async with opened() as client:
        assert await take(client.subscribe(ROOM, since=("e0", 99)), 1) == [Snapshot(ROOM, "e1", 1, {"texts": ["new"]})]


async def test_an_absence_is_resumed_without_a_hole(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.say(ROOM, "1")
        await take(room, 1)
        school.cut()
        await client.wait_status(lambda status: status.phase == "reconnecting")
        school.say(ROOM, "2")
        school.say(ROOM, "3")
        assert await take(room, 3) == [Resumed(ROOM, "e1", 3, 2), event(2, "2"), event(3, "3")]
        school.say(ROOM, "4")
        assert await take(room, 1) == [event(4, "4")]
    assert school.subs[1].since == ("e1", 1)


async def test_an_absence_with_unread_items_is_resumed_from_the_last_that_arrived(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await client.wait_connected()
        await wait_all_tasks_blocked()
        school.say(ROOM, "unread")
        await wait_all_tasks_blocked()
        school.cut()
        await client.wait_status(lambda status: status.phase == "reconnecting")
        await client.wait_connected()
        school.say(ROOM, "later")
        items = await take(room, 4)
        assert [item.seq for item in items if isinstance(item, Event)] == [1, 2]
    assert school.subs[1].since == ("e1", 1)


async def test_a_replaced_history_comes_as_a_snapshot(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.epoch = "e2"
        school.say(ROOM, "restored")
        assert await take(room, 1) == [event(1, "restored")]
        school.cut()
        assert await take(room, 1) == [Snapshot(ROOM, "e2", 1, {"texts": ["restored"]})]


async def test_events_that_came_already_are_skipped(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.say(ROOM, "1")
        school.broadcast(ROOM, Ev(ROOM, 1, [WireEvent("room.message_posted", 1_000, "ann", {"text": "1"})]))
        school.say(ROOM, "2")
        assert await take(room, 2) == [event(1, "1"), event(2, "2")]


async def test_a_hole_in_the_numbers_is_healed_from_the_cursor(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.loses_events = True
        school.say(ROOM, "lost")
        school.loses_events = False
        school.say(ROOM, "seen")
        assert await take(room, 3) == [Resumed(ROOM, "e1", 2, 2), event(1, "lost"), event(2, "seen")]
    assert len(school.hellos) == 1


async def test_a_hole_at_the_end_is_found_by_the_pong_and_healed(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.loses_events = True
        school.say(ROOM, "lost")
        began = trio.current_time()
        assert await take(room, 2) == [Resumed(ROOM, "e1", 1, 1), event(1, "lost")]
        assert trio.current_time() - began <= 31.0


async def test_an_event_held_back_by_the_servers_window_is_no_hole(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        await trio.sleep(26.9)
        school.loses_events = True
        school.say(ROOM, "coalesced")
        await trio.sleep(2)
        school.broadcast(ROOM, Ev(ROOM, 1, list(school.histories[ROOM])))
        await trio.sleep(20)
        assert await take(room, 1) == [event(1, "coalesced")]
    assert len(school.subs) == 1


async def test_a_hole_that_does_not_heal_ends_in_a_snapshot(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.histories[ROOM] = []
        for _ in range(4):
            school.broadcast(ROOM, Ev(ROOM, 9, [WireEvent("room.message_posted", 1, "ann", {"text": "?"})]))
            await wait_all_tasks_blocked()
    assert [sub.since for sub in school.subs] == [None, ("e1", 0), ("e1", 0), ("e1", 0), None]


async def test_signals_pass_and_are_not_numbered(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.lines[0].signal(ROOM, {"user": "ben", "typing": True})
        assert await take(room, 1) == [Signal(ROOM, "room.typing", 1, "ben", {"user": "ben", "typing": True})]
        assert room.cursor == ("e1", 0)


async def test_a_subscription_that_ended_says_gone_and_stops(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.lines[0].gone(ROOM, "forbidden")
        assert [item async for item in room] == [Gone(ROOM, "forbidden")]
        again = client.subscribe(ROOM)
        assert isinstance(await anext(again), Snapshot)


async def test_a_refused_subscription_raises(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    school.refuse = lambda frame: Err(frame.id, "not_found", "no such address")
    async with opened() as client:
        with pytest.raises(Refused, match="not_found"):
            await anext(client.subscribe(ROOM))


async def test_a_subscription_refused_for_now_is_asked_for_again(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.refuse = lambda frame: Err(frame.id, "unavailable", "later", 4_000) if len(school.subs) < 3 else None
    async with opened() as client:
        assert isinstance(await anext(client.subscribe(ROOM)), Snapshot)
        assert trio.current_time() >= 8.0


async def test_a_second_subscription_of_a_stream_is_our_mistake(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        client.subscribe(ROOM)
        with pytest.raises(LocalProtocolError, match="followed already"):
            client.subscribe(ROOM)


async def test_a_closed_subscription_gives_what_it_has_and_stops(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.say(ROOM, "buffered")
        await wait_all_tasks_blocked()
        room.close()
        await wait_all_tasks_blocked()
        assert [item async for item in room] == [event(1, "buffered")]
        assert school.lines[0].session.streams == set()


async def test_a_subscription_ends_with_the_client(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened() as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.bye(4403, "revoked")
        with pytest.raises(ClientClosed, match="4403: revoked"):
            await anext(room)


async def test_a_slow_reader_is_laid_aside_in_bounded_memory_and_misses_nothing(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened(settings=ClientSettings(buffer=16)) as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        for number in range(200):
            await client.call(ROOM, "say", text=str(number))
            assert client.statistics()["streams"][ROOM]["buffered"] <= 16
        assert client.statistics()["streams"][ROOM]["standing"] == "aside"
        assert school.lines[0].session.streams == set()
        seen: list[Event] = []
        while len(seen) < 200:
            item = await anext(room)
            if isinstance(item, Event):
                seen.append(item)
        assert [one.seq for one in seen] == list(range(1, 201))
        assert [one.d["text"] for one in seen] == [str(number) for number in range(200)]


async def test_more_missed_events_than_the_buffer_holds_are_taken_and_do_not_go_round_in_circles(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened(settings=ClientSettings(buffer=4)) as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        school.cut()
        await client.wait_status(lambda status: status.phase == "reconnecting")
        for number in range(100):
            school.say(ROOM, str(number))
        items = await take(room, 101)
        assert [item.seq for item in items if isinstance(item, Event)] == list(range(1, 101))
    assert len(school.subs) <= 3


async def test_a_reader_that_never_reads_costs_bounded_memory_over_many_reconnects(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened(settings=ClientSettings(buffer=16)) as client:
        room = client.subscribe(ROOM)
        for number in range(60):
            await client.wait_connected()
            school.epoch = f"e{number}" if number % 2 else school.epoch
            await client.call(ROOM, "say", text=str(number))
            school.cut()
            await client.wait_status(lambda status: status.phase == "reconnecting")
        assert room.statistics()["buffered"] <= 17


async def test_signals_without_room_are_dropped(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened(settings=ClientSettings(buffer=4)) as client:
        room = client.subscribe(ROOM)
        await take(room, 1)
        for number in range(50):
            school.lines[0].signal(ROOM, {"n": number})
        await wait_all_tasks_blocked()
        assert room.statistics() == {"buffered": 4, "capacity": 4, "standing": "live"}


async def test_a_fold_yields_the_state_after_every_item(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.say(ROOM, "a")
    async with opened() as client:
        states = client.subscribe(ROOM).fold(texts, list[str]())
        assert await anext(states) == ["a"]
        school.say(ROOM, "b")
        assert await anext(states) == ["a", "b"]
        school.cut()
        await client.wait_status(lambda status: status.phase == "reconnecting")
        school.say(ROOM, "c")
        assert await anext(states) == ["a", "b"]
        assert await anext(states) == ["a", "b", "c"]
        assert states.state == ["a", "b", "c"]
