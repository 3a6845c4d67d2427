"""Commands: carried out once, whatever happens to the connection, or refused with the reason."""

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.client import ClientClosed, ClientSettings, Refused
from homeroom.protocol.codec import Format
from homeroom.protocol.frames import Cmd, Err, Sub
from tests.client.conftest import Opens
from tests.client.school import School


@pytest.mark.parametrize("format", ["msgpack", "json"])
async def test_a_call_returns_the_reply_and_where_it_stands(
    autojump_clock: MockClock, school: School, opened: Opens, format: Format
) -> None:
    async with opened(format=format) as client:
        reply = await client.call("room:a", "say", text="hello")
    assert (reply.data, reply.pos, reply.again) == ({"id": "1"}, ("room:a", 1), False)
    assert school.histories["room:a"][0].d == {"text": "hello"}


async def test_arguments_may_be_a_mapping_a_structure_or_fields(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    class Say(msgspec.Struct):
        text: str

    async with opened() as client:
        await client.call("room:a", "say", {"text": "mapping"})
        await client.call("room:a", "say", Say("structure"))
        await client.call("room:a", "say", text="fields")
        await client.call("room:a", "wave")
    assert [event.d["text"] for event in school.histories["room:a"]] == ["mapping", "structure", "fields", "wave"]


async def test_a_refusal_carries_code_text_delay_and_data(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.refuse = lambda frame: Err(frame.id, "rate_limited", "slowly", 700, {"field": "text"})
    async with opened() as client:
        with pytest.raises(Refused) as caught:
            await client.call("room:a", "say", text="x")
    refused = caught.value
    assert (refused.code, refused.msg, refused.retry_ms, refused.data) == (
        "rate_limited",
        "slowly",
        700,
        {"field": "text"},
    )
    assert refused.may_retry


async def test_a_command_whose_answer_was_lost_is_sent_again_and_done_once(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.loses_answers = 1
    async with opened() as client:
        reply = await client.call("room:a", "say", text="once")
    assert reply.again
    assert reply.pos == ("room:a", 1)
    assert len(school.histories["room:a"]) == 1
    assert school.carried_out == {1: 1}
    assert len(school.hellos) == 2


async def test_unanswered_commands_are_sent_again_in_the_order_of_their_ids(
    autojump_clock: MockClock, school: School, opened: Opens, nursery: trio.Nursery
) -> None:
    school.reachable = False
    async with opened() as client, trio.open_nursery() as callers:
        for text in "abcdef":
            callers.start_soon(lambda text: client.call("room:a", "say", text=text), text)
            await wait_all_tasks_blocked()
        school.reachable = True
    assert [event.d["text"] for event in school.histories["room:a"]] == list("abcdef")


async def test_ids_grow_and_begin_where_told(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    async with opened(client_id="tab-1", first_id=41) as client:
        await client.call("room:a", "wave")
        await client.call("room:a", "wave")
    assert sorted(school.carried_out) == [41, 42]
    assert school.hellos[0].client == "tab-1"


async def test_a_client_id_of_before_never_meets_an_id_of_before(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    for _ in range(2):
        async with opened(client_id="tab-1") as client:
            assert not (await client.call("room:a", "wave")).again
    assert len(school.histories["room:a"]) == 2


async def test_a_patient_call_repeats_the_same_command_until_it_succeeds(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    seen: list[int] = []

    def refuse(frame: Cmd | Sub) -> Err | None:
        seen.append(frame.id)
        return Err(frame.id, "unavailable", "later", 2_000) if len(seen) < 4 else None

    school.refuse = refuse
    async with opened() as client:
        began = trio.current_time()
        reply = await client.call_patiently("room:a", "say", text="x")
        assert trio.current_time() - began >= 6.0
    assert reply.pos == ("room:a", 1)
    assert seen == [1, 1, 1, 1]


async def test_a_patient_call_does_not_repeat_what_cannot_succeed(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    school.refuse = lambda frame: Err(frame.id, "forbidden", "no")
    async with opened() as client:
        with pytest.raises(Refused, match="forbidden"):
            await client.call_patiently("room:a", "say", text="x")


async def test_a_command_over_the_limit_is_refused_here_and_the_connection_lives(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    async with opened() as client:
        await client.wait_connected()
        with pytest.raises(Refused, match="too_large"):
            await client.call("room:a", "say", text="x" * 70_000)
        await client.call("room:a", "say", text="short")
    assert len(school.hellos) == 1


async def test_many_calls_at_once_travel_together_and_no_more_than_allowed_are_in_flight(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    settings = ClientSettings(in_flight=10)
    async with opened(settings=settings) as client, trio.open_nursery() as callers:
        school.silent = True
        for number in range(50):
            callers.start_soon(lambda n: client.call("room:a", "say", text=str(n)), number)
        await wait_all_tasks_blocked()
        assert client.statistics()["unanswered"] == 10
        school.silent = False
        school.cut()
    assert sorted(int(event.d["text"]) for event in school.histories["room:a"]) == list(range(50))


async def test_a_call_given_up_is_not_sent_again(autojump_clock: MockClock, school: School, opened: Opens) -> None:
    school.reachable = False
    async with opened() as client:
        with trio.move_on_after(1):
            await client.call("room:a", "say", text="never mind")
        school.reachable = True
        await client.call("room:a", "say", text="this")
    assert [event.d["text"] for event in school.histories["room:a"]] == ["this"]


async def test_calls_end_when_the_client_is_left(
    autojump_clock: MockClock, school: School, opened: Opens, nursery: trio.Nursery
) -> None:
    school.reachable = False
    ends: list[ClientClosed] = []

    async def caller() -> None:
        try:
            await client.call("room:a", "wave")
        except ClientClosed as error:
            ends.append(error)

    async with opened() as client:
        nursery.start_soon(caller)
        await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()
    assert [error.code for error in ends] == [1000]


async def test_what_the_body_raises_comes_out_as_it_is(
    autojump_clock: MockClock, school: School, opened: Opens
) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with opened():
            raise KeyError("mine")
