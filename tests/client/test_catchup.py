"""While no socket can be had: catching up over HTTP, every 30 seconds, from the fifth failure."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import trio
from trio.testing import MockClock

from homeroom.client import Event, Resumed, Snapshot
from homeroom.client.catchup import catch_up
from tests.client.conftest import Opens
from tests.client.school import School

ROOM = "room:a"


class Desk:
    """Stands for the server's HTTP door: answers from the school's histories, and remembers what was asked."""

    def __init__(self, school: School, page: int = 100) -> None:
        self.school, self.page = school, page
        self.asked: list[tuple[float, dict[str, list[str]], str]] = []
        self.fails = False

    async def fetch(self, url: str, headers: Mapping[str, str]) -> bytes:
        await trio.lowlevel.checkpoint()
        query = parse_qs(urlsplit(url).query)
        self.asked.append((trio.current_time(), query, headers["Authorization"]))
        if self.fails:
            raise OSError("no network")
        since = msgspec.json.decode(query["since"][0]) if "since" in query else {}
        streams = {name: self._one(name, since.get(name)) for name in query["streams"][0].split(",")}
        places = {name: one["pos"][1] for name, one in streams.items()}
        more = any(places[name] < len(self.school.histories.get(name, [])) for name in places)
        return msgspec.json.encode({"cursor": msgspec.json.encode(places).decode(), "streams": streams, "more": more})

    def _one(self, name: str, since: int | None) -> dict[str, Any]:
        history = self.school.histories.get(name, [])
        if since is None:
            texts = [event.d["text"] for event in history]
            return {"verdict": "snapshot", "pos": ["e1", len(history)], "state": {"texts": texts}}
        events = history[since : since + self.page]
        return {"verdict": "resumed", "pos": ["e1", since + len(events)], "seq": since + 1, "events": events}


async def test_after_five_failures_streams_are_caught_up_over_http(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    desk = Desk(school)
    async with opened(fetch=desk.fetch) as client:
        room = client.subscribe(ROOM)
        assert isinstance(await anext(room), Snapshot)
        school.reachable = False
        school.cut()
        await client.wait_status(lambda status: status.phase == "reconnecting")
        school.say(ROOM, "first")
        status = await client.wait_status(lambda status: status.polling)
        assert status.failures >= 5
        assert await anext(room) == Snapshot(ROOM, "e1", 1, {"texts": ["first"]})
        school.say(ROOM, "second")
        school.say(ROOM, "third")
        assert [item.seq for item in (await anext(room), await anext(room)) if isinstance(item, Event)] == [2, 3]
        school.reachable = True
        await client.wait_connected()
        assert not client.status.polling
        asked = len(desk.asked)
        school.say(ROOM, "fourth")
        assert isinstance(await anext(room), Resumed)
        item = await anext(room)
        assert isinstance(item, Event)
        assert item.seq == 4
        await trio.sleep(100)
        assert len(desk.asked) == asked
    times = [time for time, _, _ in desk.asked]
    assert all(later - earlier == pytest.approx(30.0) for earlier, later in pairwise(times))
    assert {token for _, _, token in desk.asked} == {"Bearer good"}


async def test_pages_are_fetched_until_there_is_no_more(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    desk = Desk(school, page=3)
    async with opened(fetch=desk.fetch) as client:
        room = client.subscribe(ROOM)
        await anext(room)
        school.reachable = False
        school.cut()
        await client.wait_status(lambda status: status.polling)
        await trio.sleep(31)
        for number in range(10):
            school.say(ROOM, str(number))
        assert [item.seq for item in [await anext(room) for _ in range(10)] if isinstance(item, Event)] == list(
            range(1, 11)
        )


async def test_catching_up_that_fails_is_tried_again(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    desk = Desk(school)
    desk.fails = True
    async with opened(fetch=desk.fetch) as client:
        room = client.subscribe(ROOM)
        await anext(room)
        school.reachable = False
        school.cut()
        await client.wait_status(lambda status: status.polling)
        await trio.sleep(100)
        assert len(desk.asked) >= 3
        desk.fails = False
        school.say(ROOM, "x")
        assert isinstance(await anext(room), Snapshot)


async def test_a_stream_refused_over_http_stays_as_it_is(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async def fetch(url: str, headers: Mapping[str, str]) -> bytes:
        await trio.lowlevel.checkpoint()
        return (
            b'{"cursor":"c","streams":{"room:a":{"verdict":"refused","code":"unavailable","msg":"later"}},"more":false}'
        )

    async with opened(fetch=fetch) as client:
        room = client.subscribe(ROOM)
        await anext(room)
        school.reachable = False
        school.cut()
        await client.wait_status(lambda status: status.polling)
        await trio.sleep(100)
        assert room.statistics() == {"buffered": 0, "capacity": 1_024, "standing": "wanted"}


async def test_an_answer_that_is_none_is_a_value_error() -> None:
    async def fetch(url: str, headers: Mapping[str, str]) -> bytes:
        await trio.lowlevel.checkpoint()
        return b"<html>"

    with pytest.raises(ValueError, match="malformed"):
        await catch_up(fetch, "http://x", "t", [ROOM], None)
