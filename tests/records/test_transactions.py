"""What a transaction of records leaves when it fails at any point, when many are at it, and when nobody knows what became of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database, open_database
from homeroom.engine.postgres import Connection, DatabaseError, Disconnected
from homeroom.protocol.inbox import ReadAll
from homeroom.records.chores import Chores
from homeroom.records.commit import BECAME, InDoubt
from homeroom.records.store import RINGS_MAX
from homeroom.records.tail import Ready
from homeroom.records.unit import LOCK, Unit
from tests.conftest import TRIAL
from tests.records.trial import BOSS, NOTE, PAGE, TESS, Comment, Pages, Trial, prepare

SHOW, MAKE = PAGE.actions[0], PAGE.deeds[0]
WRITERS, ROUNDS = 8, 12
COMMIT = "COMMIT"
"""Stands for the statement with which a commit goes, as well."""


@pytest.fixture
async def trial(database: Database) -> Trial:
    await prepare(database)
    return Trial(database)


class Wire:
    """The statements of all connections, each handed to `before` and `after` by its number, counted from one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self.before: Callable[[Connection, str, int], Awaitable[None]] | None = None
        self.after: Callable[[Connection, str, int], Awaitable[None]] | None = None
        self._watching = False
        plain = Connection._execute

        async def execute(connection: Connection, sql: str, args: Any, extra: bool) -> Any:
            if not self._watching:
                return await plain(connection, sql, args, extra)
            self.sent.append(COMMIT if connection.commits else sql)
            said, number = self.sent[-1], len(self.sent)
            if self.before is not None:
                await self.before(connection, said, number)
            result = await plain(connection, sql, args, extra)
            if self.after is not None:
                await self.after(connection, said, number)
            return result

        monkeypatch.setattr(Connection, "_execute", execute)

    async def watch(self, work: Awaitable[Any]) -> Any:
        """Do `work`, watched."""
        self.sent.clear()
        self._watching = True
        try:
            return await work
        finally:
            self._watching = False

    async def aside(self, work: Awaitable[Any]) -> Any:
        """Do `work` unwatched, in the middle of what is watched."""
        self._watching = False
        try:
            return await work
        finally:
            self._watching = True


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


Write = Callable[[Trial, str], Awaitable[Any]]
WRITES: dict[str, Write] = {
    "create": lambda trial, row: trial.page(student_id="ann"),
    "update": lambda trial, row: trial.store.update(PAGE, row, {"title": "New"}, TESS),
    "delete": lambda trial, row: trial.store.delete(PAGE, row, TESS),
    "act": lambda trial, row: trial.store.act(PAGE, SHOW, row, Comment(), TESS),
    "deed": lambda trial, row: trial.store.perform(PAGE, MAKE, Pages(("One", "Two"), "tess"), BOSS),
}
STEPS = {"create": 2, "update": 3, "delete": 5}
"""Round trips: BEGIN goes with the first and COMMIT with the last; a delete looks after what goes with a row as well, here nothing."""


@pytest.mark.parametrize("name", STEPS)
async def test_a_write_that_loses_its_connection_at_any_point_leaves_nothing(
    trial: Trial, wire: Wire, name: str
) -> None:
    made = await trial.page()
    before, published, point = await trial.left(), len(trial.posted), 1

    async def cut(connection: Connection, sql: str, number: int) -> None:
        if number == point:
            sql = "SELECT pg_terminate_backend($1, 2000)"
            await wire.aside(trial.database.fetch(sql, connection.pid))

    wire.before = cut
    while True:
        with pytest.raises(Refusal) as caught:
            await wire.watch(WRITES[name](trial, made["id"]))
        assert caught.value.code == "unavailable"
        assert await trial.left() == before, f"{name} lost its connection at {wire.sent[point - 1]}"
        assert len(trial.posted) == published
        if wire.sent[point - 1] == COMMIT:
            break
        point += 1
    assert point == STEPS[name], "as many round trips as it needs, and no more"
    wire.before = None
    await WRITES[name](trial, made["id"])
    assert len(trial.posted) > published


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_is_cancelled_leaves_nothing_or_is_done_whole(trial: Trial, wire: Wire, name: str) -> None:
    made = await trial.page()
    await trial.store.create(NOTE, {"page_id": made["id"], "text": "10a"}, BOSS)
    before, published, point, done = await trial.left(), len(trial.posted), 1, False
    scope = trio.CancelScope()

    async def cancel(connection: Connection, sql: str, number: int) -> None:
        if number == point:
            scope.cancel()

    wire.before = cancel
    while not done:
        scope = trio.CancelScope()
        with scope:
            await wire.watch(WRITES[name](trial, made["id"]))
        done = wire.sent[point - 1] == COMMIT
        if not done:
            assert await trial.left() == before
            assert len(trial.posted) == published
        point += 1
    assert (await trial.left())["journal"] > before["journal"]
    assert len(trial.posted) > published


async def test_nothing_is_seen_or_published_before_the_commit(trial: Trial, wire: Wire) -> None:
    seen: list[tuple[dict[str, int], int]] = []

    async def look(connection: Connection, sql: str, number: int) -> None:
        seen.append((await wire.aside(trial.left()), len(trial.posted)))

    before = await trial.left()
    wire.before = look
    await wire.watch(trial.page())
    assert [count for count, _ in seen] == [before] * 2
    assert [count for _, count in seen] == [0] * 2
    assert (await trial.left())["pages"] == 1
    assert len(trial.posted) == 3


async def test_a_commit_whose_answer_was_lost_is_found_out(trial: Trial, wire: Wire) -> None:
    async def lose(connection: Connection, sql: str, number: int) -> None:
        if sql == COMMIT:
            connection.abort()
            raise Disconnected("lost on the way back")

    wire.after = lose
    made = await wire.watch(trial.page())
    assert await trial.store.read(PAGE, made["id"], BOSS) == made
    assert [seq for seq, _ in trial.published("user:tess")] == [1]


async def test_what_a_commit_whose_answer_was_lost_has_written_is_found_again(trial: Trial, wire: Wire) -> None:
    async def lose(connection: Connection, sql: str, number: int) -> None:
        if sql == COMMIT:
            connection.abort()
            raise Disconnected("lost on the way back")

    async def make() -> None:
        async with trial.store.unit(BOSS) as unit:
            await unit.insert(PAGE, {"mentor_id": "tess", "title": "x"})
            for turn in range(250):
                unit.post(f"class:{turn % 3}", "page.counted", {"turn": turn})
            unit.tell("inbox:ann", ReadAll())
            unit.tell("inbox:bob", ReadAll())

    await make()
    known, carried = len(trial.posted), [*trial.carried]
    wire.after = lose
    await wire.watch(make())
    for stream in ("user:tess", "class:0", "class:1", "class:2"):
        kept = await trial.journal(stream)
        assert [seq for seq, _ in trial.published(stream)] == [row["seq"] for row in kept]
        assert [event["d"] for _, event in trial.published(stream)] == [row["d"] for row in kept]
    assert len(trial.posted) > known
    numbers = [row["number"] for row in await trial.database.fetch("SELECT number FROM messages ORDER BY number")]
    assert [message.number for message in trial.carried] == numbers
    again = trial.carried[len(carried) :]
    assert [(one.to, one.body) for one in again] == [(one.to, one.body) for one in carried]


async def test_messages_of_a_commit_in_doubt_that_another_server_has_taken_are_not_carried_again(
    trial: Trial, wire: Wire
) -> None:
    async def lose(connection: Connection, sql: str, number: int) -> None:
        if sql == COMMIT:
            async with trial.database.beside(1) as beside:
                await beside.fetch("DELETE FROM messages WHERE target = 'inbox:ann'")
            connection.abort()
            raise Disconnected("lost on the way back")

    async def make() -> None:
        async with trial.store.unit(BOSS) as unit:
            await unit.insert(PAGE, {"mentor_id": "tess", "title": "x"})
            unit.tell("inbox:ann", ReadAll())
            unit.tell("inbox:bob", ReadAll())

    wire.after = lose
    await wire.watch(make())
    assert [seq for seq, _ in trial.published("user:tess")] == [1]
    assert trial.carried == []


async def test_a_commit_that_never_arrived_is_found_out(trial: Trial, wire: Wire) -> None:
    async def lose(connection: Connection, sql: str, number: int) -> None:
        if sql == COMMIT:
            connection.abort()
            raise Disconnected("lost on the way there")

    before = await trial.left()
    wire.before = lose
    with pytest.raises(Refusal) as caught:
        await wire.watch(trial.page())
    assert caught.value.code == "unavailable"
    assert "nothing was done" in caught.value.msg
    assert await trial.left() == before
    assert trial.posted == []


@asynccontextmanager
async def left_in_doubt(database_url: str, wire: Wire, *, arrived: bool) -> AsyncIterator[Trial]:
    """Offer a trial whose first page is in doubt, and whose database does not say what became of it until `wire` lets it."""

    async def lose(connection: Connection, sql: str, number: int) -> None:
        if sql == COMMIT:
            connection.abort()
        if sql in (COMMIT, BECAME):
            raise Disconnected("away")

    wire.before, wire.after = (None, lose) if arrived else (lose, None)
    async with open_database(database_url, replace(TRIAL, timeout_s=0.5)) as database:
        await prepare(database)
        trial = Trial(database)
        with pytest.raises(Refusal) as caught:
            await wire.watch(trial.page(title="First"))
        assert caught.value.code == "unavailable"
        assert "may have happened" in caught.value.msg
        assert trial.posted == []
        assert trial.learned == [InDoubt()]
        with pytest.raises(Refusal) as caught:
            await wire.watch(trial.store.settle())
        assert caught.value.code == "unavailable"
        wire.before = wire.after = None
        yield trial


async def test_what_nobody_could_find_out_in_time_keeps_nobody_else_waiting_and_is_told_when_the_database_is_back(
    database_url: str, wire: Wire
) -> None:
    async with left_in_doubt(database_url, wire, arrived=True) as trial, trio.open_nursery() as nursery:
        chores = Chores(trial.store, trial.clock, Random(1))
        await wire.watch(trial.page(title="Second"))
        assert BECAME not in wire.sent, "whoever comes next does not do it"
        assert titles(trial) == ["Second"]
        assert trial.learned.count(InDoubt()) == 2, "whoever comes next says that the database is there"
        await nursery.start(chores.run)
        with trio.fail_after(20):
            while len(titles(trial)) < 2:
                await wait_all_tasks_blocked(0.005)
        assert titles(trial) == ["First", "Second"]
        trial.posted.clear()
        await trial.store.settle()
        assert trial.posted == [], "it is told once"
        nursery.cancel_scope.cancel()


async def test_of_what_never_arrived_nothing_is_told_when_the_database_is_back(database_url: str, wire: Wire) -> None:
    async with left_in_doubt(database_url, wire, arrived=False) as trial:
        await trial.store.settle()
        assert trial.posted == []
        assert (await trial.left())["journal"] == 0


async def test_a_commit_that_another_server_of_the_database_has_never_seen_was_none(
    trial: Trial, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(connection: Connection, sql: str, number: int) -> None:
        if sql == COMMIT:
            connection.abort()
            raise Disconnected("lost on the way back")

    approach = Ready.approach

    async def ahead(ready: Ready, connection: Connection, number: str) -> str:
        return str(int(await approach(ready, connection, number)) + 1_000_000)

    monkeypatch.setattr(Ready, "approach", ahead)
    wire.after = lose
    with pytest.raises(Refusal) as caught:
        await wire.watch(trial.page())
    assert caught.value.code == "unavailable"
    assert "nothing was done" in caught.value.msg


def titles(trial: Trial) -> list[str]:
    """Return the titles of the pages that Tess was told of, in the order of their events."""
    return [event["d"]["row"]["title"] for _, event in trial.published("user:tess")]


async def test_what_follows_a_unit_comes_after_its_commit_or_not_at_all(trial: Trial) -> None:
    called: list[int] = []
    for fails in (True, False):
        try:
            async with trial.store.unit(BOSS) as unit:
                await unit.insert(PAGE, {"mentor_id": "tess", "title": "x"})
                unit.withdraw("class:10a", ["ann"])
                unit.after(lambda: called.append(len(trial.posted)))
                if fails:
                    raise Refusal("conflict", "not now")
        except Refusal:
            assert (called, trial.withdrawn) == ([], [])
    assert (called, trial.withdrawn) == ([3], [("class:10a", ("ann",))])


async def test_what_was_swallowed_in_a_unit_does_not_become_half_a_commit(trial: Trial) -> None:
    before = await trial.left()
    with pytest.raises(DatabaseError):
        await swallow(trial)
    assert await trial.left() == before
    assert trial.posted == []


async def swallow(trial: Trial) -> None:
    async with trial.store.unit(BOSS) as unit:
        await unit.insert(PAGE, {"mentor_id": "tess", "title": "x"})
        with pytest.raises(Refusal):
            await unit.insert(PAGE, {"mentor_id": "nobody", "title": "x"})


async def test_numbers_have_no_gap_under_many_writers_of_whom_some_fail(database_url: str) -> None:
    async with open_database(database_url, TRIAL, size=WRITERS) as database:
        await prepare(database)
        trial = Trial(database)
        pages = [(await trial.page())["id"] for _ in range(3)]
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for number in range(WRITERS):
                    nursery.start_soon(write_much, trial, number, pages)
        heads = {row["stream"]: row["seq"] for row in await database.fetch("SELECT stream, seq FROM channels")}
        assert {"table:pages", "role:admin", "user:tess", "user:tom", "class:a", "class:b"} <= heads.keys()
        for stream, head in heads.items():
            kept = await trial.journal(stream)
            assert [row["seq"] for row in kept] == list(range(1, head + 1))
            assert [row["at"] for row in kept] == sorted(row["at"] for row in kept)
            assert trial.published(stream) == [
                (row["seq"], {"type": row["type"], "at": row["at"], "by": row["by"], "d": row["d"]}) for row in kept
            ]
        left = await trial.left()
        assert left["pages"] == 3 + WRITERS * ROUNDS * 2 // 3
        assert left["audit_logs"] + WRITERS * ROUNDS * 2 // 3 == left["activity_feed"], (
            "a count is one line for two classes"
        )


async def write_much(trial: Trial, number: int, pages: list[str]) -> None:
    """Write pages, every third time in vain after the numbers were taken, and change those that others change as well."""
    random = Random(number)
    for turn in range(ROUNDS):
        streams = ["class:a", "class:b"] if number % 2 else ["class:b", "class:a"]
        try:
            async with trial.store.unit(BOSS) as unit:
                await unit.insert(PAGE, {"mentor_id": random.choice(["tess", "tom"]), "title": f"{number}/{turn}"})
                for stream in streams:
                    unit.post(stream, "page.counted", {"turn": turn})
                if turn % 3 == 2:
                    unit.post("class:c", "page.\0", {})  # nothing keeps NUL: the tail is refused
        except DatabaseError:
            assert turn % 3 == 2
        await trial.store.update(PAGE, random.choice(pages), {"title": f"{number}-{turn}"}, BOSS)


async def test_no_two_wait_for_each_other_where_a_row_goes_to_which_others_are_being_added(database_url: str) -> None:
    async with open_database(database_url, TRIAL, size=WRITERS) as database:
        await prepare(database)
        trial = Trial(database)
        codes: list[str] = []

        async def attempt(work: Awaitable[Any]) -> None:
            try:
                await work
            except Refusal as refusal:
                codes.append(refusal.code)

        for turn in range(ROUNDS):
            page = await trial.page(id=f"p{turn}")
            async with trio.open_nursery() as nursery:
                for number in range(WRITERS):
                    if number == turn % WRITERS:
                        nursery.start_soon(attempt, trial.store.delete(PAGE, page["id"], BOSS))
                    note = {"page_id": page["id"], "text": f"n{number}"}
                    nursery.start_soon(attempt, trial.store.create(NOTE, note, BOSS))
                    nursery.start_soon(attempt, trial.store.update(PAGE, page["id"], {"title": f"{number}"}, TESS))
        assert set(codes) <= {"bad_command", "not_found"}, "nobody was told to try again"
        left = await trial.left()
        assert (left["pages"], left["notes"]) == (0, 0)
        for row in await database.fetch("SELECT stream, seq FROM channels"):
            assert [event["seq"] for event in await trial.journal(row["stream"])] == list(range(1, row["seq"] + 1))


async def test_keys_of_two_at_the_same_time_give_one_answer(database_url: str) -> None:
    async with open_database(database_url, TRIAL, size=WRITERS) as database:
        await prepare(database)
        trial = Trial(database)
        answers: list[dict[str, Any]] = []

        async def ask() -> None:
            values = {"id": "p1", "mentor_id": "tess", "title": "Once"}
            answers.append(await trial.store.create(PAGE, values, BOSS, key="k"))

        async with trio.open_nursery() as nursery:
            for _ in range(WRITERS):
                nursery.start_soon(ask)
        assert answers == [answers[0]] * WRITERS
        assert (await trial.left())["pages"] == 1
        assert [seq for seq, _ in trial.published("user:tess")] == [1]


async def test_a_key_gives_the_first_answer_and_conflict_for_another_body(trial: Trial) -> None:
    values = {"mentor_id": "tess", "title": "Once"}
    first = await trial.store.create(PAGE, values, BOSS, key="k")
    await trial.store.update(PAGE, first["id"], {"title": "Later"}, BOSS, key="l")
    assert await trial.store.create(PAGE, values, BOSS, key="k") == first
    assert (await trial.store.update(PAGE, first["id"], {"title": "Later"}, BOSS, key="l"))["version"] == 2
    for call in (
        trial.store.create(PAGE, {**values, "title": "Twice"}, BOSS, key="k"),
        trial.store.update(PAGE, first["id"], {"title": "Later"}, BOSS, key="k"),
        trial.store.update(PAGE, first["id"], {"title": "Later"}, BOSS, 2, key="l"),
    ):
        with pytest.raises(Refusal) as caught:
            await call
        assert caught.value.code == "conflict"
    assert (await trial.store.create(PAGE, values, TESS, key="k"))["id"] != first["id"], "keys are each person's own"
    await trial.store.delete(PAGE, first["id"], BOSS, key="m")
    await trial.store.delete(PAGE, first["id"], BOSS, key="m")
    made = await trial.store.perform(PAGE, MAKE, Pages(("One",), "tess"), BOSS, key="n")
    assert await trial.store.perform(PAGE, MAKE, Pages(("One",), "tess"), BOSS, key="n") == made


async def test_what_was_refused_may_be_tried_again_with_its_key(trial: Trial) -> None:
    values = {"id": "p1", "mentor_id": "tess", "title": "Once", "code": "x"}
    other = await trial.page(code="x")
    with pytest.raises(Refusal):
        await trial.store.create(PAGE, values, BOSS, key="k")
    await trial.store.delete(PAGE, other["id"], BOSS)
    assert (await trial.store.create(PAGE, values, BOSS, key="k"))["id"] == "p1"


async def test_old_keys_are_forgotten(trial: Trial) -> None:
    await trial.store.create(PAGE, {"mentor_id": "tess", "title": "Once"}, BOSS, key="old")
    trial.clock.ms += 8 * 86_400_000
    await trial.store.create(PAGE, {"mentor_id": "tess", "title": "Once"}, BOSS, key="new")
    assert await trial.store.repeats.sweep() == 1
    assert [row["key"] for row in await trial.database.fetch("SELECT key FROM record_receipts")] == ["new"]


async def test_units_that_waited_for_each_other_in_a_ring_are_both_done_in_the_end(trial: Trial) -> None:
    names, tries, both = ("north", "south"), list[str](), {name: trio.Event() for name in ("north", "south")}

    async def write(mine: str, other: str) -> None:
        async def work(unit: Unit) -> None:
            tries.append(mine)
            await unit.fetch("SELECT set_config('deadlock_timeout', '20ms', TRUE)")
            await unit.fetch(LOCK, mine)
            both[mine].set()
            await both[other].wait()
            await unit.fetch(LOCK, other)
            await unit.insert(PAGE, {"mentor_id": "tess", "title": mine})

        await trial.store.once(("write", mine), BOSS, mine, work)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for mine, other in (names, names[::-1]):
                nursery.start_soon(write, mine, other)
    assert sorted(row["title"] for row in await trial.database.fetch("SELECT title FROM pages")) == [*names]
    assert 3 <= len(tries) <= 2 * (1 + RINGS_MAX)
    assert (await trial.left())["audit_logs"] == 2


async def test_a_unit_that_is_always_in_a_ring_is_refused_in_the_end(trial: Trial) -> None:
    tries = 0

    async def work(unit: Unit) -> None:
        nonlocal tries
        tries += 1
        await unit.fetch("DO $$ BEGIN RAISE EXCEPTION 'a ring' USING ERRCODE = '40P01'; END $$")

    with pytest.raises(Refusal) as caught:
        await trial.store.once(("write",), BOSS, None, work)
    assert (caught.value.code, tries) == ("overloaded", 1 + RINGS_MAX)
