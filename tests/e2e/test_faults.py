"""PostgreSQL is frozen, killed, full, or forgets to answer while people talk: nothing untrue is said, and all goes on by itself.

Each test prints when the fault came and the counts of what was lost, doubled, missing.
"""

import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest
import trio
import trio_asyncio

from bench import processes
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres
from tests.conftest import quick_folder
from tests.e2e.server import ROLES, Server, signal_all
from tests.e2e.voices import Choir, choir
from tests.http.peer import Peer

SPEAKERS = ("demo-teacher-1", "demo-teacher-2", "demo-student-1", "demo-student-2", "demo-student-3")
ANSWER_S = 3.0
"""Within this a command is answered, whatever the database does."""
MAILBOX = 64
DICE = Random(4)
BACK_S = 5.0
"""Within this everything goes on when the database is back."""
UNDER_WAY_S = 0.5
"""What was durable when the fault came may still be shown for so long."""


class Outside:
    """A server of the school, and beside it the PostgreSQL that it was given: ours to freeze and to kill."""

    def __init__(self, folder: Path, furnished: Path) -> None:
        shutil.copytree(furnished / "postgres", folder / "postgres")
        self.postgres = EmbeddedPostgres(folder, UNSAFE)
        self.postgres.start()
        mailbox = {"HOMEROOM_MAILBOX_POSTS": str(MAILBOX)}
        self.server = Server(mailbox, database=self.postgres.dsn, planted=True)
        self.server.open()

    def close(self) -> None:
        """End both."""
        self.thaw()
        self.server.close()
        self.postgres.stop()

    def freeze(self) -> None:
        """Stop every process of the database where it stands."""
        signal_all(processes.descendants(self.postgres.pid), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        signal_all(processes.descendants(self.postgres.pid) if self.postgres.pid else (), signal.SIGCONT)

    def kill(self) -> None:
        """Kill every process of the database."""
        signal_all(processes.descendants(self.postgres.pid), signal.SIGKILL)
        assert self.postgres.wait(5)

    async def sql(self, *statements: str) -> None:
        """Carry out statements beside the program."""
        async with trio_asyncio.open_loop():
            connection = await trio_asyncio.aio_as_trio(asyncpg.connect)(self.postgres.dsn)
            for statement in statements:
                await trio_asyncio.aio_as_trio(connection.execute)(statement)
            await trio_asyncio.aio_as_trio(connection.close)()


@pytest.fixture(scope="module")
def outside(furnished: Path) -> Iterator[Outside]:
    """One school for the tests of this file; each has a room of its own."""
    with quick_folder() as folder:
        made = Outside(folder, furnished)
        try:
            yield made
        finally:
            made.close()


@asynccontextmanager
async def frozen(outside: Outside) -> AsyncIterator[None]:
    """Freeze the database for the time of the block."""
    outside.freeze()
    try:
        yield
    finally:
        outside.thaw()


async def examine(talk: Choir, title: str) -> None:
    """Compare the books: nothing lost, doubled, missing, untrue; print the counts."""
    findings = await talk.examine(title)
    assert findings.breaches() == {}
    assert findings.acknowledged > len(SPEAKERS)
    assert talk.server.complaints() == []


def refused_in_time(talk: Choir, begun: float, ended: float) -> float:
    """Check that everything said during the fault was refused, truly and in time; returns the longest wait."""
    answers = talk.heard(begun, ended)
    assert {heard.code for heard in answers if heard.at < ended} == {"unavailable"}
    assert all(heard.frame["retry_ms"] > 0 for heard in answers if heard.code != "ok")
    slowest = max(heard.seconds for heard in talk.heard(0.0))
    assert slowest <= ANSWER_S, f"an answer took {slowest:.2f} s"
    return slowest


async def test_a_frozen_database_is_refused_within_three_seconds_and_everything_goes_on_when_it_thaws(
    outside: Outside,
) -> None:
    room = await outside.server.make_room("frozen")
    async with choir(outside.server, room, SPEAKERS) as talk:
        await talk.wait_answered(trio.current_time())
        async with frozen(outside):
            begun = talk.fault()
            await talk.wait_answered(begun, "unavailable")
            await ask_over_http(outside.server, room)
            await strangers_are_refused_too(outside.server, room)
            await trio.sleep_until(begun + 6.0)
            shown = talk.shown(begun + UNDER_WAY_S, trio.current_time())
            thawed = trio.current_time()
        back = await talk.wait_answered(thawed)
        slowest = refused_in_time(talk, begun + UNDER_WAY_S, thawed)
        assert shown == 0, "something was shown that no database has"
        assert back - thawed < BACK_S
        await examine(
            talk, f"frozen for {thawed - begun:.1f} s, slowest answer {slowest:.2f} s, back after {back - thawed:.2f} s"
        )


async def ask_over_http(server: Server, room: str) -> None:
    """Ask the HTTP doors while the database is away: alive, not ready, and refused with a time to come again."""
    bearer = {"Authorization": f"Bearer {server.token('demo-student-4')}"}
    base = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=base, timeout=ANSWER_S) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        path = f"/api/rooms/{room.partition(':')[2]}/messages"
        answer = await http.post(path, json={"text": "hello"}, headers=bearer)
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["code"] == "unavailable"


async def strangers_are_refused_too(server: Server, room: str) -> None:
    """Come in while the database is away: welcome needs none, what needs one is refused in time."""
    began = trio.current_time()
    with trio.fail_after(ANSWER_S + 1):
        peer = await server.enter("demo-student-5", "stranger")
        for answer in (await peer.ask("sub", to=room), await peer.do(room, "say", text="hello?")):
            assert (answer["t"], answer.get("code")) == ("err", "unavailable"), answer
            assert answer["retry_ms"] > 0
        asleep = await peer.do("room:never-seen", "join")
        assert (asleep["t"], asleep.get("code")) == ("err", "unavailable"), asleep
    assert trio.current_time() - began <= ANSWER_S
    await peer.aclose()


async def test_many_newcomers_in_one_breath_are_all_answered_within_three_seconds_while_the_database_is_frozen(
    outside: Outside,
) -> None:
    room = await outside.server.make_room("newcomers")
    await trio.to_thread.run_sync(outside.server.kill)
    await trio.to_thread.run_sync(outside.server.open)  # now nothing is known but what the database is asked
    people = [await outside.server.enter(user, f"newcomer-of-{user}") for user in ROLES]
    answers: list[tuple[float, str]] = []
    assert (await people[0].do(room, "join"))["t"] == "ok"

    async with frozen(outside):
        begun = trio.current_time()

        async def say(number: int) -> None:
            answer = await people[number].do(room, "say", text="all at once")
            answers.append((trio.current_time() - begun, answer.get("code", "ok")))

        async with trio.open_nursery() as nursery:
            for number in range(1, len(people)):
                nursery.start_soon(say, number)
    print(f"\n{len(answers)} newcomers, answered after {min(answers)[0]:.2f} to {max(answers)[0]:.2f} s")  # noqa: T201
    assert {code for _, code in answers} == {"unavailable"}
    assert max(answers)[0] <= ANSWER_S
    for peer in people:
        await peer.aclose()


async def test_a_killed_database_that_stays_away_is_refused_at_once_and_everything_goes_on_when_it_is_back(
    outside: Outside,
) -> None:
    room = await outside.server.make_room("killed")
    async with choir(outside.server, room, SPEAKERS) as talk:
        await talk.wait_answered(trio.current_time())
        begun = talk.fault()
        await trio.to_thread.run_sync(outside.kill)
        await talk.wait_answered(begun + UNDER_WAY_S, "unavailable")
        await trio.sleep_until(begun + 3)
        ended = trio.current_time()
        assert talk.shown(begun + UNDER_WAY_S, ended) == 0
        await trio.to_thread.run_sync(outside.postgres.start)
        started = trio.current_time()
        back = await talk.wait_answered(started)
        slowest = refused_in_time(talk, begun + UNDER_WAY_S, ended)
        assert back - started < BACK_S
        await examine(
            talk, f"gone for {started - begun:.1f} s, slowest answer {slowest:.2f} s, back after {back - started:.2f} s"
        )


async def test_a_commit_whose_answer_was_lost_is_found_again_and_done_once(outside: Outside) -> None:
    room = await outside.server.make_room("doubt")
    async with choir(outside.server, room, SPEAKERS[:3]) as talk:
        await talk.wait_answered(trio.current_time())
        for _ in range(3):
            outside.server.fuse.write_text("answer lost")
            begun = talk.fault()
            await talk.voices[0].until(lambda: not outside.server.fuse.exists())
            back = await talk.wait_answered(trio.current_time())
            assert back - begun < BACK_S
        await talk.finish()
        assert talk.again() > 0, "some command was told to be unsure, and was done"
        findings = await talk.examine("three answers lost")
    assert findings.breaches() == {}


async def patiently(peer: Peer, t: str, **fields: object) -> dict[str, Any]:
    """Ask, and again when told to, for at most five seconds; returns the `ok`."""
    with trio.fail_after(BACK_S):
        while (answer := await peer.ask(t, **fields))["t"] != "ok":
            assert answer.get("retry_ms"), answer
            await trio.sleep(answer["retry_ms"] / 1000 * DICE.uniform(0.5, 1.5))  # out of step with the others
    return answer


async def test_a_full_disk_is_refused_and_everything_goes_on_when_there_is_room_again(outside: Outside) -> None:
    room = await outside.server.make_room("full")
    full = f"""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END$$;
    CREATE TRIGGER full_disk BEFORE INSERT ON journal FOR EACH ROW WHEN (new.stream = '{room}') EXECUTE FUNCTION full_disk()"""
    async with choir(outside.server, room, SPEAKERS) as talk:
        await talk.wait_answered(trio.current_time())
        reader = await outside.server.enter("demo-student-6", "reader")
        assert (await reader.do(room, "join"))["t"] == "ok"
        await outside.sql(full)
        begun = talk.fault()
        await talk.wait_answered(begun, "unavailable")
        assert (await patiently(reader, "sub", to=room))["d"]["verdict"] == "snapshot", "reading goes on"
        await outside.sql("DROP FUNCTION full_disk CASCADE")
        freed = trio.current_time()
        back = await talk.wait_answered(freed)
        assert back - freed < BACK_S
        assert max(heard.seconds for heard in talk.heard(begun)) <= ANSWER_S
        await examine(talk, f"disk full for {freed - begun:.1f} s, back after {back - freed:.2f} s")
        await reader.aclose()


async def test_a_full_disk_under_the_log_ends_nobody(outside: Outside) -> None:
    server = outside.server
    room = await server.make_room("silent")
    async with choir(server, room, SPEAKERS[:2]) as talk:
        await trio.to_thread.run_sync(server.kill)
        talk.fault()
        server.lose_log()
        await trio.to_thread.run_sync(server.open)
        server.fuse.write_text("answer lost")  # something to complain of
        await talk.voices[0].until(lambda: not server.fuse.exists())
        await talk.wait_answered(trio.current_time())
        server.ask_to_end()
        ended = await trio.to_thread.run_sync(server.wait_end)
        talk.fault()
        await trio.to_thread.run_sync(server.open)
        findings = await talk.examine("killed, then asked to end without a log", resumes=2 * len(talk.voices))
    assert ended.code == 0
    assert findings.breaches() == {}


async def test_a_full_mailbox_answers_overloaded_and_others_notice_nothing(outside: Outside) -> None:
    room, other = await outside.server.make_room("crowded"), await outside.server.make_room("elsewhere")
    peer, bystander = [await outside.server.enter(f"demo-student-{n}", "crowd") for n in (1, 2)]
    for address in (room, other):
        assert (await peer.do(address, "join"))["t"] == (await bystander.do(address, "join"))["t"] == "ok"
    numbers = range(100, 300)
    async with frozen(outside):  # so that nothing is taken out of the mailbox meanwhile
        await peer.put([_say(room, number) for number in numbers])
        first = await peer.receive()
        assert (first["t"], first.get("code")) == ("err", "overloaded"), first
        assert (await bystander.ping())["t"] == "pong"
    answers = [first, *[await peer.receive() for _ in numbers[1:]]]
    refused = [answer for answer in answers if answer["t"] == "err"]
    assert {answer["code"] for answer in refused} == {"overloaded"}
    assert all(answer["retry_ms"] > 0 for answer in refused)
    assert (await bystander.do(other, "say", text="here"))["t"] == "ok"
    done = [answer for answer in answers if answer["t"] == "ok"]
    for answer in refused:
        await peer.put(_say(room, answer["id"]))
        done.append(await peer.answer(answer["id"]))
    places = {answer["pos"][1] for answer in done if answer["t"] == "ok"}
    print(f"\n200 at once: {len(refused)} overloaded, then all done: {len(places)} places")  # noqa: T201 - the counts
    assert len(places) == len(numbers)
    await peer.aclose()
    await bystander.aclose()


def _say(room: str, number: int) -> dict[str, object]:
    return {"t": "cmd", "id": number, "to": room, "do": "say", "d": {"text": f"word {number}"}}
