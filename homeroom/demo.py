"""The demo school put together: its people, its records and what happens in its actors, in a running server or beside one.

Whatever is there already stays as it is; so it may be done at every start. Never here: what the school has (`records.demo`,
`demo_scenes`), and how a server is built (`bootstrap`).
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
from homeroom.demo_scenes import Scene, scenes
from homeroom.engine.behaviour import Refusal
from homeroom.engine.embedded import running_dsn
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


async def load_small(
    config: Config, url: str, anyway: bool, inside: Callable[[House], AbstractAsyncContextManager[Inside]]
) -> None:
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


async def load_many(
    config: Config, plan: Callable[[date], Plan], anyway: bool, advance: Callable[[int], object]
) -> None:
    """Put the large school of `plan`, made for today, into the database; a running server goes on meanwhile.

    Raises `Refusal` for a school that is no demo, unless `anyway`.
    """
    zone = find_zone(config.zone)
    async with open_house(config) as house:
        if not anyway:
            await check_demo(house.database)
        password = await house.passwords.hash(DEMO_PASSWORD)
        store, today = quiet_store(house.database, house.clock, zone), local_time(house.clock.now(), zone).date()
        await load_large(store, replace(plan(today), zone=zone), password, advance)


async def _runs(config: Config, url: str) -> bool:
    """Tell whether a server runs on this school, at `url`."""
    if config.database_url is None and running_dsn(config.data_path) is None:
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

    def __init__(self, engine: Engine, scene: str) -> None:
        self._engine, self._scene, self._wire = engine, scene, StoredWire()
        self._said: Counter[str] = Counter()

    async def say(self, by: str, to: str, command: Any) -> Any:
        """Ask the actor, as the command of that person's client for this scene."""
        self._said[by] += 1
        client, number = f"{by}/demo-{self._scene}", self._said[by]
        answer = await self._engine.ref(to).ask(command, CALLERS[by], client=client, number=number)
        if isinstance(answer, Refusal):
            raise answer
        return msgspec.to_builtins(answer.reply) if answer.encoded is None else self._wire.decode_plain(answer.encoded)


def engine_voices(engine: Engine) -> Voices:
    """Return the voices for actors of this process."""

    @asynccontextmanager
    async def voices(scene: str) -> AsyncIterator[Voice]:
        yield EngineVoice(engine, scene)

    return voices


class SocketVoice:
    """The people of one scene, each with a connection to a running server."""

    def __init__(self, url: str, tokens: Tokens, scene: str, stack: AsyncExitStack) -> None:
        self._url, self._tokens, self._scene, self._stack = url, tokens, scene, stack
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
        caller, name = CALLERS[by], f"demo-{self._scene}"
        token = self._tokens.issue(caller.user, caller.name, caller.role, ttl_s=PATIENCE_S * 2)
        client = await self._stack.enter_async_context(open_client(self._url, token, client_id=name, first_id=1))
        self._clients[by] = client
        return client


def socket_voices(url: str, tokens: Tokens) -> Voices:
    """Return the voices for a server that runs at `url`."""

    @asynccontextmanager
    async def voices(scene: str) -> AsyncIterator[Voice]:
        async with AsyncExitStack() as stack:
            yield SocketVoice(url, tokens, scene, stack)

    return voices
