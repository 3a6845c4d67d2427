"""The demo school put together: its people, its records and what happens in its actors, in a running server or beside one.

Whatever is there already stays as it is; so it may be done at every start. Never here: what the school has (`records.demo`,
`demo_scenes`, `demo_classes`), and how a server is built (`bootstrap`).
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog
import trio

from homeroom.client import Client, Refused, open_client
from homeroom.config import Config, ConfigError
from homeroom.demo_classes import lively_people, lively_scenes
from homeroom.demo_scenes import Scene, scenes
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.claim import is_served
from homeroom.engine.engine import Engine
from homeroom.house import COMPLAINTS, House, open_house
from homeroom.http.tokens import Tokens
from homeroom.protocol.room import Create
from homeroom.protocol.stored import StoredWire
from homeroom.protocol.zones import find_zone, local_time
from homeroom.records.demo import (
    DEMO_PASSWORD,
    DEMO_PEOPLE,
    DEMO_ROOM,
    DEMO_ROOM_TITLE,
    add_demo_people,
    link_demo_families,
)
from homeroom.records.demo.furnish import furnish_gradings, furnish_school
from homeroom.records.demo.large import load_large
from homeroom.records.demo.people import CALLERS, check_demo
from homeroom.records.demo.plan import Plan
from homeroom.records.demo.wishes import AWAY
from homeroom.records.quiet import quiet_store
from homeroom.records.store import Store

log = structlog.get_logger(__name__)

PATIENCE_S = 60.0
"""How long a running server may take for one scene."""


class Voice(Protocol):
    """By which the people of one scene speak."""

    async def say(self, by: str, to: str, command: Any) -> Any:
        """Have a person say a command to an actor; returns the reply as builtin types, raises `Refusal`."""


Voices = Callable[[str], AbstractAsyncContextManager[Voice]]
"""Makes the voice of a scene by its name: what was said in a scene of that name before has its old answer, and no effect again."""


class Inside(NamedTuple):
    """What of a server is needed here: where records go, and the actors."""

    store: Store
    engine: Engine


Inner = Callable[[House], AbstractAsyncContextManager[Inside]]
"""Runs what a server runs, without doors."""
Callers = Mapping[str, Caller]
"""As whom people speak, by id."""


# --- at the start of a server


async def furnish_people(house: House) -> None:
    """Add the people and their families; who is there already stays as they are."""
    await add_demo_people(house.users, house.passwords)
    await link_demo_families(house.guardians)


async def furnish_room(engine: Engine) -> None:
    """Add the room, if it is not there already."""
    answer = await engine.ref(DEMO_ROOM).ask(Create(title=DEMO_ROOM_TITLE), CALLERS[DEMO_PEOPLE[0].id])
    if isinstance(answer, Refusal) and answer.code != "conflict":
        raise answer


async def furnish_beside(house: House, inside: Inside) -> None:
    """Furnish a server whose doors are open; what does not succeed now is left for the next start."""
    try:
        await furnish(house, inside.store, engine_voices(inside.engine))
    except (*COMPLAINTS, trio.TooSlowError) as error:
        log.warning("the demo school is not complete; the next start goes on", error=str(error))
    else:
        log.info("the demo school is furnished")


async def furnish(house: House, store: Store, voices: Voices) -> None:
    """Give the people their school; raises `Refusal` when the database or the actors are away, `ClientError` for the server."""
    now, zone = house.clock.now(), find_zone(house.config.zone)
    await furnish_school(store, now, zone)
    for scene in scenes(now, zone):
        with trio.fail_after(PATIENCE_S):
            async with voices(scene.name) as voice:
                await _play(scene, voice)
    await furnish_gradings(store)


async def _enliven(
    house: House, plan: Plan, callers: Callers, voices: Voices, played: Callable[[int, int], object]
) -> None:
    """Let the first classes of the large school have something going on; raises as `furnish`."""
    names = {person: caller.name for person, caller in callers.items()}
    found = list(lively_scenes(plan, names, house.clock.now(), plan.zone))
    for number, scene in enumerate(found, 1):
        with trio.fail_after(PATIENCE_S):
            async with voices(scene.name) as voice:
                await _play(scene, voice)
        played(number, len(found))


async def _callers(house: House, plan: Plan) -> Callers:
    """Return as whom the large school acts: those who are there still, as they are called now."""
    people = [await house.users.find(person) for person in lively_people(plan)]
    return {one.id: Caller(one.id, one.role, one.name) for one in people if one is not None and one.active}


async def _play(scene: Scene, voice: Voice) -> None:
    """Say the lines of a scene; one that is refused is left out, as the thing has gone on meanwhile."""
    said: dict[str, Any] = {}
    for line in scene.lines:
        command = line.command(said) if callable(line.command) else line.command
        if command is None:
            continue
        try:
            said[line.name] = await voice.say(line.by, line.to, command)
        except Refusal as refusal:
            if refusal.code in AWAY:
                raise
            log.debug("left out of the demo", scene=scene.name, to=line.to, do=command.do, why=refusal.msg)


# --- by a command


async def load_small(config: Config, url: str, anyway: bool, inside: Inner) -> None:
    """Furnish the small school: by the server at `url` when one runs on this school, else by its parts, run for as long.

    Raises `Refusal` for a school that is no demo, unless `anyway`, and `ConfigError` when a server runs elsewhere.
    """
    beside = await _runs(config, url)
    async with open_house(config) as house:
        if not anyway:
            await check_demo(house.database)
        await furnish_people(house)
        if beside:
            store = quiet_store(house.database, house.clock, find_zone(config.zone))
            await furnish(house, store, socket_voices(url, house.tokens))
            return
        async with inside(house) as (store, engine):
            await furnish(house, store, engine_voices(engine))


class Bars(NamedTuple):
    """What is told how far a large load has come: so many students more, and so many of so many scenes."""

    students: Callable[[int], object]
    scenes: Callable[[int, int], object]


async def load_many(
    config: Config, url: str, plan: Callable[[date], Plan], anyway: bool, *, inside: Inner, bars: Bars
) -> None:
    """Put the large school of `plan`, made for today, into the database, and let its first classes have something going on.

    A running server goes on meanwhile, and has what goes on said to it. Raises as `load_small`.
    """
    zone, beside = find_zone(config.zone), await _runs(config, url)
    async with open_house(config) as house:
        if not anyway:
            await check_demo(house.database)
        password = await house.passwords.hash(DEMO_PASSWORD)
        store, today = quiet_store(house.database, house.clock, zone), local_time(house.clock.now(), zone).date()
        whole = replace(plan(today), zone=zone)
        await load_large(store, whole, password, bars.students)
        callers = await _callers(house, whole)
        if beside:
            await _enliven(house, whole, callers, socket_voices(url, house.tokens, callers), bars.scenes)
            return
        async with inside(house) as (_, engine):
            await _enliven(house, whole, callers, engine_voices(engine, callers), bars.scenes)


async def _runs(config: Config, url: str) -> bool:
    """Tell whether a server runs on this school, at `url`."""
    if config.database_url is None and not is_served(config.data_path):
        return False
    host, _, port = url.rpartition("://")[2].partition("/")[0].rpartition(":")
    try:
        with trio.fail_after(5):
            await (await trio.open_tcp_stream(host.strip("[]"), int(port))).aclose()
    except (OSError, ValueError, trio.TooSlowError):
        if config.database_url is None:
            raise ConfigError(f"a server runs on {config.data_path}, but not at {url}: say --url") from None
        return False
    return True


# --- voices


class EngineVoice:
    """The people of one scene, speaking to the actors of this process."""

    def __init__(self, engine: Engine, scene: str, callers: Callers) -> None:
        self._engine, self._scene, self._callers, self._wire = engine, scene, callers, StoredWire()
        self._said: Counter[str] = Counter()

    async def say(self, by: str, to: str, command: Any) -> Any:
        """Ask the actor, as the command of that person's client for this scene."""
        self._said[by] += 1
        client, number = f"{by}/demo-{self._scene}", self._said[by]
        caller = _caller(self._callers, by)
        answer = await self._engine.ref(to).ask(command, caller, client=client, number=number)
        if isinstance(answer, Refusal):
            raise answer
        return msgspec.to_builtins(answer.reply) if answer.encoded is None else self._wire.decode_plain(answer.encoded)


def engine_voices(engine: Engine, callers: Callers = CALLERS) -> Voices:
    """Return the voices for actors of this process."""

    @asynccontextmanager
    async def voices(scene: str) -> AsyncIterator[Voice]:
        yield EngineVoice(engine, scene, callers)

    return voices


class SocketVoice:
    """The people of one scene, each with a connection to a running server."""

    def __init__(self, url: str, tokens: Tokens, scene: str, callers: Callers, stack: AsyncExitStack) -> None:
        self._url, self._tokens, self._scene, self._callers, self._stack = url, tokens, scene, callers, stack
        self._clients: dict[str, Client] = {}

    async def say(self, by: str, to: str, command: Any) -> Any:
        """Call the server; ids of a scene's client are the same each time."""
        client = self._clients.get(by) or await self._come_in(by)
        arguments: Mapping[str, Any] = msgspec.to_builtins(command)
        try:
            return (await client.call_patiently(to, command.do, arguments)).data
        except Refused as refused:
            raise Refusal(refused.code, str(refused)) from None

    async def _come_in(self, by: str) -> Client:
        caller, name = _caller(self._callers, by), f"demo-{self._scene}"
        token = self._tokens.issue(caller.user, caller.name, caller.role, ttl_s=PATIENCE_S * 2)
        client = await self._stack.enter_async_context(open_client(self._url, token, client_id=name, first_id=1))
        self._clients[by] = client
        return client


def socket_voices(url: str, tokens: Tokens, callers: Callers = CALLERS) -> Voices:
    """Return the voices for a server that runs at `url`."""

    @asynccontextmanager
    async def voices(scene: str) -> AsyncIterator[Voice]:
        async with AsyncExitStack() as stack:
            yield SocketVoice(url, tokens, scene, callers, stack)

    return voices


def _caller(callers: Callers, by: str) -> Caller:
    """Return as whom a person speaks; raises `not_found` for somebody who is there no more."""
    if by not in callers:
        raise Refusal("not_found", f"{by} is not there any more")
    return callers[by]
