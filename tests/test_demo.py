"""The demo school as a whole: what its actors are told, and the command that loads it, beside a server and without one."""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio

from homeroom import demo
from homeroom.bootstrap import running_inside
from homeroom.config import Config, ConfigError, load_config
from homeroom.demo import Voice, Voices, engine_voices
from homeroom.demo_classes import lively_scenes
from homeroom.demo_scenes import Scene
from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import open_database
from homeroom.house import open_house
from homeroom.records.demo.plan import Plan
from tests.conftest import TRIAL
from tests.test_cli import CommandLine

HEADS = "SELECT stream, max(seq) AS head FROM journal WHERE split_part(stream, ':', 1) = ANY($1::text[]) GROUP BY 1"
TOLD = ["room", "group", "board", "queue", "exam", "session"]


NO_BARS = demo.Bars(int, max)


class Listening:
    """A voice that notes what was refused."""

    def __init__(self, voice: Voice, refused: list[Refusal]) -> None:
        self.voice, self.refused = voice, refused

    async def say(self, by: str, to: str, command: Any) -> Any:
        try:
            return await self.voice.say(by, to, command)
        except Refusal as refusal:
            self.refused.append(refusal)
            raise


def listening(voices: Voices, refused: list[Refusal]) -> Voices:
    @asynccontextmanager
    async def listened(scene: str) -> AsyncIterator[Voice]:
        async with voices(scene) as voice:
            yield Listening(voice, refused)

    return listened


def config_of(database_url: str, home: Path) -> Config:
    environment = {
        "DATABASE_URL": database_url,
        "HOMEROOM_ALLOW_UNSAFE_DATABASE": "true",
        "HOMEROOM_COMMIT_WINDOW_MS": "0",
    }
    return load_config(environment, {"data_dir": str(home)})


async def read_heads(database_url: str) -> dict[str, int]:
    async with open_database(database_url, TRIAL) as database:
        return {row["stream"]: row["head"] for row in await database.fetch(HEADS, TOLD)}


async def test_every_line_of_every_scene_is_said_and_a_second_time_changes_nothing(
    database_url: str, home: Path
) -> None:
    refused: list[Refusal] = []
    async with open_house(config_of(database_url, home)) as house:
        await demo.furnish_people(house)
        async with running_inside(house) as (store, engine):
            await demo.furnish(house, store, listening(engine_voices(engine), refused))
            assert not refused
            tasks = await house.database.fetch("SELECT exam_id, status FROM grading_tasks")
            assert [(row["exam_id"], row["status"]) for row in tasks] == [("demo-past", "open")] * 2
            before = await read_heads(database_url)
            await demo.furnish(house, store, engine_voices(engine))
    assert await read_heads(database_url) == before
    assert {stream.partition(":")[0] for stream in before} == set(TOLD)
    assert before["room:demo-10a"] > 10


async def test_a_school_where_others_are_is_refused_before_anything_is_put_into_it(
    database_url: str, home: Path
) -> None:
    async with open_house(config_of(database_url, home)) as house:
        await house.users.add("ann", "Ann", "student", None, id="ann")

    def never(house: object) -> AbstractAsyncContextManager[demo.Inside]:
        raise AssertionError("nothing is started")

    for load in (
        demo.load_small(config_of(database_url, home), "http://127.0.0.1:1", anyway=False, inside=never),
        demo.load_many(config_of(database_url, home), "http://127.0.0.1:1", Plan, False, inside=never, bars=NO_BARS),
    ):
        with pytest.raises(Refusal, match="'ann' is here"):
            await load
    async with open_database(database_url, TRIAL) as database:
        assert [row["id"] for row in await database.fetch("SELECT id FROM users")] == ["ann"]


async def test_a_server_that_is_not_where_it_is_looked_for_is_told_and_not_worked_around(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "is_served", lambda path: True)

    def never(house: object) -> AbstractAsyncContextManager[demo.Inside]:
        raise AssertionError("nothing is started")

    with pytest.raises(ConfigError, match="say --url"):
        await demo.load_small(load_config({}, {"data_dir": str(home)}), "http://127.0.0.1:1", False, never)


def test_the_small_school_is_loaded_beside_a_running_server(database_url: str, home: Path) -> None:
    homeroom = CommandLine(database_url, home)
    with homeroom.start("serve", "--demo", "--port", "0", stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        loaded = homeroom("demo", "load", "--url", url)
        assert loaded.returncode == 0, loaded.stderr
        assert "homeroom-demo" in loaded.stdout
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(15) == 0
    heads = trio.run(read_heads, database_url)
    assert {stream.partition(":")[0] for stream in heads} == set(TOLD)


async def test_the_first_classes_of_a_large_school_have_something_going_on_and_a_second_load_adds_nothing(
    database_url: str, home: Path
) -> None:
    refused, done, began = list[Refusal](), list[tuple[int, int]](), list[int]()
    bars = demo.Bars(int, lambda played, of: done.append((played, of)))
    plan = partial(Plan, students=9, per_class=4, days=1)

    def of_one_hour(plan: Plan, names: Mapping[str, str], now: int, zone: ZoneInfo) -> Iterator[Scene]:
        began.append(now)
        return lively_scenes(plan, names, began[0], zone)

    async def load() -> None:
        config = config_of(database_url, home)
        await demo.load_many(config, "http://127.0.0.1:1", plan, False, inside=running_inside, bars=bars)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "lively_scenes", of_one_hour)
        patch.setattr(demo, "engine_voices", lambda engine, callers: listening(engine_voices(engine, callers), refused))
        await load()
        assert not refused
        assert done[-1][0] == done[-1][1] == len(done)
        before = await read_heads(database_url)
        await load()
    assert await read_heads(database_url) == before
    for about in ("room:demo-c{}", "group:demo-c{}", "queue:demo-t{}", "exam:demo-c{}", "session:demo-c{}"):
        for number in ("001", "002", "003"):
            assert any(stream.startswith(about.format(number)) for stream in before), (about, number)
    async with open_database(database_url, TRIAL) as database:
        roles = await database.fetch("SELECT DISTINCT role FROM users")
        (soon,) = await database.fetch("SELECT status, enrolled FROM read_exams WHERE stream LIKE 'exam:demo-c001-%'")
    assert {row["role"] for row in roles} == {"super_admin", "admin", "teacher", "student", "parent"}
    assert (soon["status"], soon["enrolled"]) == ("published", 4)


def test_the_large_school_is_loaded_in_the_size_that_is_asked_for(database_url: str, home: Path) -> None:
    homeroom = CommandLine(database_url, home)
    loaded = homeroom("demo", "load", "--size", "large", "--students", "30", "--seed", "7")
    assert loaded.returncode == 0, loaded.stderr
    assert "30 students" in loaded.stdout
    listed = homeroom("user", "list", "--role", "student")
    assert listed.stdout.count("demo-s000") == 2 * 30, "logins and ids"
