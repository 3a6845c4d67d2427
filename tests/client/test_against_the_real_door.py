"""The client against the real listener, gateway, engine and rooms, over sockets of this machine."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio

from homeroom.client import (
    Backoff,
    Client,
    ClientClosed,
    ClientSettings,
    Event,
    Gone,
    Item,
    Refused,
    Snapshot,
    open_client,
)
from homeroom.client.catchup import catch_up, fetch_with_urllib
from homeroom.client.dial import parse_target
from homeroom.protocol.chat import Say
from homeroom.protocol.chat_state import SHOWN
from homeroom.protocol.codec import Format
from homeroom.protocol.errors import Close
from homeroom.protocol.room import Create, Join
from tests.http.harness import LOBBY, House, open_house
from tests.http.rest_school import School

EAGER = ClientSettings(backoff=Backoff(0.01, 0.05))


class Wire(trio.abc.Stream):
    """A connection that can be cut: at once, or as soon as something more has been sent."""

    def __init__(self, inner: trio.SocketStream) -> None:
        self.inner = inner
        self.cuts_after_send = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.inner.send_all(data)
        if self.cuts_after_send:
            await self.inner.send_eof()
            await self.aclose()

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self.inner.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self.inner.aclose()


class Line:
    """The way of one client to a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.wires: list[Wire] = []

    async def dial(self) -> trio.abc.Stream:
        self.wires.append(Wire(await trio.open_tcp_stream("127.0.0.1", self.house.port)))
        return self.wires[-1]

    def open(self, token: str, settings: ClientSettings = EAGER, **options: Any) -> AbstractAsyncContextManager[Client]:
        url = f"ws://127.0.0.1:{self.house.port}/ws"
        return open_client(url, token, dial=self.dial, random=Random(1), settings=settings, **options)

    async def cut(self) -> None:
        await self.wires[-1].aclose()


def shown(state: list[str], item: Item) -> list[str]:
    """Fold an item into the texts that stand in a room."""
    if isinstance(item, Snapshot):
        return [message["text"] for message in item.state["chat"]["messages"]]
    if isinstance(item, Event) and item.type == "room.message_posted":
        return [*state, item.d["text"]]
    return state


@pytest.mark.parametrize("format", ["msgpack", "json"])
async def test_two_people_talk(format: Format) -> None:
    async with open_house() as house, Line(house).open("ann", format=format) as ann:
        await ann.call(LOBBY, "join")
        async with Line(house).open("ben", format=format) as ben:
            await ben.call(LOBBY, "join")
            room = ben.subscribe(LOBBY)
            snapshot = await anext(room)
            assert isinstance(snapshot, Snapshot)
            assert set(snapshot.state["members"]) >= {"ann", "ben"}
            reply = await ann.call(LOBBY, "say", Say("hello <b>"))
            async for item in room:
                if isinstance(item, Event):
                    break
            assert isinstance(item, Event)
            assert (item.d["text"], item.by, item.name) == ("hello <b>", "ann", f"{LOBBY}@{reply.data['id']}")
            assert reply.pos == (LOBBY, item.seq)


async def test_answers_lost_on_the_way_never_double_a_message() -> None:
    async with open_house() as house:
        line = Line(house)
        async with line.open("ann") as ann:
            await ann.call(LOBBY, "join")
            repeated = 0
            for number in range(30):
                line.wires[-1].cuts_after_send = number % 3 == 0
                repeated += (await ann.call(LOBBY, "say", text=str(number))).again
            texts = await anext(ann.subscribe(LOBBY).fold(shown, list[str]()))
    assert texts == [str(number) for number in range(30)]
    assert len(line.wires) == 11
    assert repeated > 0


async def test_a_follower_that_is_cut_off_again_and_again_sees_what_a_newcomer_sees() -> None:
    async with open_house() as house:
        line = Line(house)
        async with Line(house).open("ann") as ann, line.open("ben") as ben:
            await ann.call(LOBBY, "join")
            await ben.call(LOBBY, "join")
            states = ben.subscribe(LOBBY).fold(shown, list[str]())
            assert await anext(states) == []  # a place to go on from: without one each try begins anew
            for number in range(60):
                await ann.call(LOBBY, "say", text=str(number))
                if number % 7 == 0:
                    await ben.wait_connected()  # so that each cut is one
                    await line.cut()
            async for state in states:
                if state and state[-1] == "59":
                    break
            assert state == [str(number) for number in range(60)]
            assert await anext(ann.subscribe(LOBBY).fold(shown, list[str]())) == state[-SHOWN:]
    assert len(line.wires) > 3


async def test_a_reader_that_is_slow_for_a_while_misses_nothing() -> None:
    async with open_house() as house, Line(house).open("ann") as ann:
        await ann.call(LOBBY, "join")
        async with Line(house).open("ben", ClientSettings(buffer=8)) as ben:
            await ben.call(LOBBY, "join")
            room = ben.subscribe(LOBBY)
            await anext(room)
            async with trio.open_nursery() as talkers:
                for number in range(100):
                    talkers.start_soon(partial(ann.call, LOBBY, "say", text=str(number)))
            await ben.wait_connected()
            seen: list[int] = []
            while len(seen) < 100:
                item = await anext(room)
                if isinstance(item, Event) and item.type == "room.message_posted":
                    seen.append(item.seq)
            assert seen == list(range(seen[0], seen[0] + 100))


async def test_refusals_arrive_with_their_codes() -> None:
    async with open_house() as house, Line(house).open("ann") as ann:
        for address, verb, code in (
            (LOBBY, "explode", "bad_command"),
            ("volcano:a", "say", "not_found"),
            ("room:nowhere", "join", "not_found"),
            (LOBBY, "say", "forbidden"),
        ):
            with pytest.raises(Refused) as caught:
                await ann.call(address, verb, text="x")
            assert caught.value.code == code
        with pytest.raises(Refused, match="not_found"):
            await anext(ann.subscribe("room:nowhere"))


async def test_a_member_that_is_removed_is_told_so() -> None:
    async with open_house() as house, Line(house).open("ann") as ann, Line(house).open("t-1/teacher") as teacher:
        await teacher.call("room:closed", "create", title="Closed")
        await teacher.call("room:closed", "invite", user="ann")
        await ann.call("room:closed", "join")
        room = ann.subscribe("room:closed")
        await anext(room)
        await teacher.call("room:closed", "remove", user="ann")
        items = [item async for item in room]
    assert isinstance(items[-1], Gone)


async def test_a_bad_token_closes_the_client_and_a_better_one_opens_it() -> None:
    async with open_house() as house:
        async with Line(house).open("bad") as nobody:
            with pytest.raises(ClientClosed) as caught:
                await nobody.call(LOBBY, "join")
            assert caught.value.code == Close.UNAUTHENTICATED
        async with Line(house).open("ann") as ann:
            assert (await ann.wait_connected()).user.id == "ann"
            assert isinstance(await ann.replace_token("ann/student/2000000000000"), dict)
            with pytest.raises(Refused, match="forbidden"):
                await ann.replace_token("ben")


async def test_a_revoked_login_stays_away() -> None:
    async with open_house() as house:
        line = Line(house)
        async with line.open("ann") as ann:
            await ann.wait_connected()
            house.gateway.revoke("ann")
            status = await ann.wait_status(lambda status: status.phase == "closed")
    assert status.code == Close.REVOKED
    assert len(line.wires) == 1


async def test_a_drained_gateway_says_when_to_come_back() -> None:
    async with open_house() as house, Line(house).open("ann") as ann:
        await ann.wait_connected()
        await house.gateway.drain()
        status = await ann.wait_status(lambda status: status.phase == "reconnecting")
    assert status.code == Close.DRAINING


async def test_a_door_that_is_not_a_websocket_closes_the_client() -> None:
    async with open_house() as house:
        url = f"ws://127.0.0.1:{house.port}/nowhere"
        async with open_client(url, "ann", settings=EAGER) as client:
            with pytest.raises(ClientClosed) as caught:
                await client.wait_connected()
    assert caught.value.code in {400, 404}


async def test_the_real_dial_reaches_the_house_and_reports_who_is_not_there() -> None:
    async with open_house() as house:
        target = parse_target(f"ws://127.0.0.1:{house.port}/ws")
        async with open_client(f"{target.http}/ws", "ann") as client:
            assert (await client.wait_connected()).user.id == "ann"
    with pytest.raises(OSError, match=r"."):
        await target.dial()


async def test_the_standard_librarys_fetch_brings_bodies_and_os_errors() -> None:
    async with open_house() as house:
        assert await fetch_with_urllib(f"http://127.0.0.1:{house.port}/", {}) == b"hello"
        with pytest.raises(OSError, match="404"):
            await fetch_with_urllib(f"http://127.0.0.1:{house.port}/nothing", {"Authorization": "Bearer ann"})


async def test_the_real_desk_for_catching_up_is_understood(nursery: trio.Nursery) -> None:
    school, ann = await School().open(nursery), ("ann", "student")

    async def fetch(url: str, headers: Mapping[str, str]) -> bytes:
        parts = urlsplit(url)
        client = school.app.test_client()
        response = await client.get(f"{parts.path}?{parts.query}", headers=dict(headers))
        body: bytes = await response.get_data(as_text=False)
        return body

    await school.do_all("room:a", (Create("room:a"), ("tess", "teacher")), (Join(), ann))
    token = school.bearer(*ann)["Authorization"].removeprefix("Bearer ")
    first = await catch_up(fetch, "http://x", token, ["room:a", "room:hidden"], None)
    assert (first.streams["room:a"].verdict, first.streams["room:hidden"].verdict) == ("snapshot", "refused")
    await school.do("room:a", Say("one"), ann)
    second = await catch_up(fetch, "http://x", token, ["room:a"], first.cursor)
    caught = second.streams["room:a"]
    assert (caught.verdict, caught.seq, caught.pos[1]) == ("resumed", first.streams["room:a"].pos[1] + 1, caught.seq)
    assert caught.events[0]["d"]["text"] == "one"
