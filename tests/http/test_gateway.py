"""One connection's conversation with the real engine behind it."""

from dataclasses import replace

import msgpack
import pytest
import structlog
import trio
import trio.testing
from trio_websocket import WebSocketConnection

from homeroom.engine.behaviour import Caller
from homeroom.engine.envelope import Done, Envelope
from homeroom.engine.settings import EngineSettings
from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.http.gateway import GatewaySettings
from homeroom.http.identity import Identity
from homeroom.protocol.presence import Mine
from tests.http.alive import alive, until
from tests.http.harness import DEN, LOBBY, START_MS, House, believe, open_house
from tests.http.peer import JSON, PING, TEXT, upgrade_request, ws_frame

QUICK = GatewaySettings(hello_s=0.3, sweep_s=0.05)


async def test_welcome_says_who_where_and_within_which_limits() -> None:
    async with open_house() as house:
        peer = await house.connect()
        welcome = await peer.hello("ann/teacher")
        assert welcome["user"] == {"id": "ann", "name": "Ann", "role": "teacher"}
        assert welcome["epoch"] == "memory"
        assert welcome["heartbeat_ms"] == 30_000
        assert welcome["limits"] == {
            "message_bytes": 65_536, "nesting": 16, "frames": 256, "elements": 2_000, "streams": 100,
        }  # fmt: skip
        assert welcome["expires"] == 2**50
        assert START_MS <= welcome["now"] < START_MS + 60_000


async def test_what_one_says_the_others_see_and_the_sender_gets_its_answer() -> None:
    async with open_house() as house:
        ann, ben = await house.member("ann"), await house.member("ben", client="c-2")
        answer = await ann.do(LOBBY, "say", text="hello")
        assert answer["t"] == "ok"
        seen = await ben.wait("ev")
        assert seen["to"] == LOBBY
        assert [answer["pos"][0], seen["e"][-1]["type"]] == [LOBBY, "room.message_posted"]
        assert seen["seq"] + len(seen["e"]) - 1 == answer["pos"][1]
        assert seen["e"][-1]["d"]["text"] == "hello"


async def test_a_command_sent_again_gets_its_first_answer() -> None:
    async with open_house() as house:
        ann = await house.member("ann")
        first = await ann.do(LOBBY, "say", text="once")
        ann.numbers -= 1
        second = await ann.do(LOBBY, "say", text="once")
        assert second == first | {"again": True}
        ann.numbers -= 1
        assert (await ann.do(LOBBY, "say", text="other"))["code"] == "conflict"


async def test_json_says_the_same_values_as_text() -> None:
    async with open_house() as house:
        peer = await house.connect(sec_websocket_protocol=JSON)
        await peer.send(ws_frame(b'{"t":"hello","token":"ann","client":"c"}', TEXT))
        opcode, payload = await peer.read_frame()
        assert opcode == TEXT
        assert payload.startswith(b'{"t":"welcome"')
        await peer.send(ws_frame(b'[{"t":"cmd","id":1,"to":"room:lobby","do":"join"}]', TEXT))
        assert b'"t":"ok","id":1' in (await peer.read_frame())[1]
        await peer.send(ws_frame(b'{"t":"sub","id":2,"to":"room:lobby"}', TEXT))
        assert b'"verdict":"snapshot"' in (await peer.read_frame())[1]
        await peer.send(ws_frame(b'{"t":"cmd","id":3,"to":"room:lobby","do":"say","d":{"text":"hi"}}', TEXT))
        seen = [await peer.read_frame() for _ in range(2)]
        assert {opcode for opcode, _ in seen} == {TEXT}
        assert any(b'"type":"room.message_posted"' in payload for _, payload in seen)


async def test_an_array_of_frames_is_carried_out_in_order() -> None:
    async with open_house() as house:
        ann = await house.member("ann")
        await ann.put([{"t": "cmd", "id": n, "to": LOBBY, "do": "say", "d": {"text": f"{n}"}} for n in range(10, 110)])
        answers = [await ann.answer(n) for n in range(10, 110)]
        positions = [answer["pos"][1] for answer in answers]
        assert positions == list(range(positions[0], positions[0] + 100))


async def test_fragments_and_pings_between_whole_messages_change_nothing_about_the_order() -> None:
    async with open_house() as house:
        ann = await house.enter("ann")
        await ann.do(LOBBY, "join")
        data = b""
        for n in range(10, 40):
            message = msgpack.packb(
                {"t": "cmd", "id": n, "to": LOBBY, "do": "say", "d": {"text": "x" * (n * 400 % 4000 + 1)}}
            )
            if n % 3:
                data += ws_frame(message)
            else:
                data += ws_frame(message[:7], fin=False) + ws_frame(b"", PING) + ws_frame(message[7:], 0)
        for start in range(0, len(data), 777):
            await ann.send(data[start : start + 777])
            await trio.lowlevel.checkpoint()
        positions = [(await ann.answer(n))["pos"][1] for n in range(10, 40)]
        assert positions == list(range(positions[0], positions[0] + 30))


async def test_a_whole_message_never_overtakes_a_fragmented_one_that_is_still_being_carried_out() -> None:
    gate = trio.Event()

    async def slowly(token: str) -> Identity:
        if token == "second":
            await gate.wait()
        return Identity("ann", "Ann", "student", 2**50)

    async with open_house(authenticate=slowly) as house:
        ann = await house.enter("first")
        renewal = msgpack.packb({"t": "auth", "id": 50, "token": "second"})
        await ann.send(ws_frame(renewal[:5], fin=False) + ws_frame(renewal[5:], 0))
        await trio.testing.wait_all_tasks_blocked(0.02)
        await ann.put({"t": "ping", "n": 1})
        await trio.testing.wait_all_tasks_blocked(0.02)
        gate.set()
        assert [(await ann.receive())["t"] for _ in range(2)] == ["ok", "pong"]


async def test_a_defect_of_ours_ends_one_connection_with_4502_and_an_incident_in_the_log() -> None:
    async def broken(token: str) -> Identity:
        if token == "boom":
            raise ZeroDivisionError("planted")
        return await believe(token)

    async with open_house(authenticate=broken) as house:
        ben = await house.enter("ben")
        for way in ("hello", "auth"):
            ann = await (house.connect() if way == "hello" else house.enter("ann"))
            with structlog.testing.capture_logs() as entries:
                hello = {"t": "hello", "token": "boom", "client": "c"}
                await ann.put(hello if way == "hello" else {"t": "auth", "id": 1, "token": "boom"})
                closed = await ann.wait_closed()
            assert closed.code == 4502
            assert closed.bye is not None
            assert closed.bye["msg"] == f"incident {entries[0]['incident']}"
            assert [entry["event"] for entry in entries] == ["connection failed"]
        assert (await ben.ping())["t"] == "pong"


async def test_whatever_trio_websocket_raises_ends_one_connection_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house() as house:
        ben = await house.enter("ben")
        real, boom = WebSocketConnection._reader_task, trio.Event()

        async def broken(self: WebSocketConnection) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(real, self)
                await boom.wait()
                raise ZeroDivisionError("planted")

        async with alive(house):
            monkeypatch.setattr(WebSocketConnection, "_reader_task", broken)
            ann = await house.enter("ann")
            boom.set()
            await ann.wait_end()
            for peer in (ann, ben):
                await peer.aclose()
        assert house.gateway.statistics()["faults"] == {"ZeroDivisionError": 1}


async def test_a_frame_that_arrives_with_the_handshake_is_not_lost() -> None:
    async with open_house() as house:
        peer = await house.dial()
        hello = ws_frame(msgpack.packb({"t": "hello", "token": "ann", "client": "c"}))
        await peer.send(upgrade_request() + hello)
        assert (await peer.read_http())[0] == 101
        assert (await peer.wait("welcome"))["user"]["id"] == "ann"


async def test_pong_tells_the_newest_number_of_each_followed_stream() -> None:
    async with open_house() as house:
        ann = await house.member("ann")
        await ann.do(DEN, "join")
        await ann.ask("sub", to=DEN)
        said = await ann.do(LOBBY, "say", text="hello")
        await ann.wait("ev") if not ann.others else None
        at = (await ann.ping())["at"]
        assert at[LOBBY] == said["pos"][1]
        assert set(at) == {LOBBY, DEN}
        assert (await ann.ask("unsub", to=DEN))["t"] == "ok"
        assert set((await ann.ping())["at"]) == {LOBBY}


async def test_frame_before_hello_is_4401() -> None:
    async with open_house() as house, alive(house):
        peer = await house.connect()
        await peer.put({"t": "ping", "n": 1})
        closed = await peer.wait_closed()
        assert (closed.code, closed.bye and closed.bye["code"]) == (4401, 4401)
        await peer.aclose()


async def test_a_bad_token_is_4401() -> None:
    async with open_house() as house, alive(house):
        peer = await house.connect()
        await peer.put({"t": "hello", "token": "bad", "client": "c"})
        assert (await peer.wait_closed()).code == 4401
        await peer.aclose()


async def test_a_token_that_expires_in_the_middle_is_4401_and_a_renewed_one_goes_on() -> None:
    async with open_house(gateway=QUICK) as house:
        soon = START_MS + 1_000
        dies, lives = await house.enter(f"ann/student/{soon}"), await house.enter(f"ben/student/{soon}")
        assert (await lives.ask("auth", token="ann"))["code"] == "forbidden"
        assert (await lives.ask("auth", token="bad"))["code"] == "unauthenticated"
        assert (await lives.ask("auth", token="ben"))["d"] == {"expires": 2**50}
        with trio.fail_after(5):
            assert (await dies.wait_closed()).code == 4401
        assert (await lives.ping())["n"]


async def test_no_command_is_carried_out_after_the_token_has_expired() -> None:
    async with open_house(gateway=replace(QUICK, sweep_s=60)) as house:
        ann = await house.enter(f"ann/student/{house.clock.now() + 100}")
        await trio.sleep_until(trio.current_time() + 0.15)
        await ann.put({"t": "cmd", "id": 1, "to": LOBBY, "do": "join"})
        assert (await ann.wait_closed()).code == 4401
        assert not ann.others


async def test_unknown_addresses_and_verbs_are_answered_and_the_connection_goes_on() -> None:
    async with open_house() as house:
        ann = await house.enter("ann")
        assert (await ann.do("nokind:x", "say"))["code"] == "not_found"
        assert (await ann.ask("sub", to="nokind:x"))["code"] == "not_found"
        assert (await ann.do(LOBBY, "dance"))["code"] == "bad_command"
        assert (await ann.do("room:nowhere", "say", text="x"))["code"] == "not_found"
        assert (await ann.do(LOBBY, "retract"))["d"]["field"] == "message"
        assert (await ann.do("Room:lobby", "say", text="x"))["code"] == "bad_frame"
        assert (await ann.ping())["t"] == "pong"


async def test_a_used_up_budget_is_rate_limited_with_a_time_and_leaves_others_alone() -> None:
    rates = BudgetSettings({"chat": Rate(1, 3), "control": Rate(1e6, 1e6), "subscribe": Rate(1e6, 1e6)})
    async with open_house(budgets=rates) as house:
        ann, ben = await house.member("ann"), await house.member("ben")
        tab = await house.enter("ann", "c-2")
        codes = [(await ann.do(LOBBY, "say", text="x")).get("code") for _ in range(4)]
        assert codes == [None, None, None, "rate_limited"]
        refused = await tab.do(LOBBY, "say", text="x")
        assert refused["code"] == "rate_limited"
        assert 0 < refused["retry_ms"] <= 1000
        assert (await ben.do(LOBBY, "say", text="x"))["t"] == "ok"


async def test_a_full_mailbox_answers_overloaded_with_a_time() -> None:
    async with open_house(engine=EngineSettings(mailbox=5)) as house:
        ann = await house.enter("ann")
        await ann.do(LOBBY, "join")
        await ann.put([{"t": "cmd", "id": n, "to": LOBBY, "do": "say", "d": {"text": "x"}} for n in range(10, 110)])
        answers = [frame for frame in [await ann.receive() for _ in range(100)] if frame["t"] in {"ok", "err"}]
        refused = [answer for answer in answers if answer["t"] == "err"]
        assert refused
        assert {answer["code"] for answer in refused} == {"overloaded"}
        assert all(answer["retry_ms"] > 0 for answer in refused)
        assert (await ann.do(LOBBY, "say", text="y"))["t"] == "ok"


async def test_revoking_closes_a_person_or_one_login_with_4403() -> None:
    async with open_house() as house:
        ann, ben = await house.enter("ann"), await house.enter("ben")
        assert house.gateway.revoke("ann", "another login") == 0
        assert house.gateway.revoke("ann", "login-of-ann") == 1
        assert (await ann.wait_closed()).code == 4403
        assert (await ben.ping())["t"] == "pong"
        assert house.gateway.revoke("ben") == 1
        assert (await ben.wait_closed()).code == 4403


async def test_whoever_is_removed_from_a_room_is_told_gone_and_sees_no_more() -> None:
    async with open_house() as house:
        teacher, ann = await house.member("t-1/teacher"), await house.member("ann")
        assert (await teacher.do(LOBBY, "remove", user="ann"))["t"] == "ok"
        assert (await ann.wait("gone"))["to"] == LOBBY
        await teacher.do(LOBBY, "say", text="secret")
        assert (await ann.ping())["at"] == {}
        assert not [frame for frame in ann.others if "secret" in str(frame)]


async def known(house: House, user: str) -> int:
    """Return how many connections the presence of `user` knows."""
    answer = await house.engine.ref(f"presence:{user}").ask(Mine(), Caller(user, "student", user))
    assert isinstance(answer, Done)
    return int(answer.reply.connections)


async def test_presence_follows_the_connections_of_a_person() -> None:
    async with open_house() as house:
        first, second = await house.enter("ann", "c-1"), await house.enter("ann", "c-2")
        assert await known(house, "ann") == 2
        await first.aclose()
        await until(lambda: house.gateway.statistics()["connections"] == 1)
        assert await known(house, "ann") == 1
        second.reset()
        await until(lambda: house.gateway.present == ())
        assert await known(house, "ann") == 0


async def test_presence_hears_of_a_connection_although_its_mailbox_was_full() -> None:
    houses: list[House] = []

    async def believe_while_it_is_full(token: str) -> Identity:
        identity = await believe(token)
        for _ in range(3):
            houses[0].engine.ref("presence:ann").tell(Envelope(Mine(), identity.caller, lambda _: None))
        return identity

    async with open_house(engine=EngineSettings(mailbox=1), authenticate=believe_while_it_is_full) as house:
        houses.append(house)
        await house.enter("ann")
        assert house.gateway.statistics()["presence_told_again"] >= 1
        with trio.fail_after(5):
            while not await knows_one(house):
                await trio.lowlevel.checkpoint()


async def knows_one(house: House) -> bool:
    answer = await house.engine.ref("presence:ann").ask(Mine(), Caller("ann", "student", "Ann"))
    return isinstance(answer, Done) and answer.reply.connections == 1


async def test_each_person_has_at_most_ten_connections() -> None:
    async with open_house() as house:
        tabs = [await house.enter("ann", f"c-{n}") for n in range(10)]
        late = await house.connect()
        await late.put({"t": "hello", "token": "ann", "client": "c-x"})
        assert (await late.wait_closed()).code == 4429
        assert (await house.enter("ben")).others == []
        await tabs[0].aclose()
        await until(lambda: house.gateway.statistics()["connections"] == 10)
        assert (await house.enter("ann", "c-y")).others == []


async def test_a_silent_client_is_pinged_and_then_closed_with_4503() -> None:
    times = replace(QUICK, ping_after_s=0.2, silent_s=0.6)
    async with open_house(gateway=times) as house:
        silent, answering = await house.enter("ann"), await house.enter("ben")
        opcodes = list[int]()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answering.wait, "never")
            with trio.fail_after(3):
                while 8 not in opcodes:
                    opcode, payload = await silent.read_frame()
                    opcodes.append(opcode)
            nursery.cancel_scope.cancel()
        assert opcodes[0] == 9
        assert int.from_bytes(payload[:2], "big") == 4503
        assert (await answering.ping())["t"] == "pong"


@pytest.mark.parametrize("behaviour", ["reads", "never reads"])
async def test_a_drain_says_bye_with_a_spread_time_and_ends(behaviour: str) -> None:
    async with open_house(gateway=replace(QUICK, close_s=0.3)) as house:
        peers = [await house.enter(f"u-{n}") for n in range(20)]
        await house.listener.stop()
        if behaviour == "reads":
            ends = [await peer.wait_closed() for peer in peers]
            assert {end.code for end in ends} == {4501}
            waits = {end.bye["reconnect_ms"] for end in ends if end.bye}
            assert len(waits) > 10
            assert max(waits) <= 5_000
        assert house.gateway.statistics()["connections"] == 0
