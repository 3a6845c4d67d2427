"""The real door in this process: listener, gateway, hub, engine and the memory journal, on a port of its own.

Tokens are plain words here: `ann`, `ann/teacher`, `ann/student/2000` (expires at that server time in ms); the real ones
have tests of their own.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import trio
from quart import request
from quart_trio import QuartTrio

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.engine import Engine
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import MemoryJournal
from homeroom.engine.kind import Kind
from homeroom.engine.settings import EngineSettings
from homeroom.http.budgets import Budgets, BudgetSettings, Rate
from homeroom.http.gateway import Gateway, GatewayParts, GatewaySettings
from homeroom.http.hypercorn_guard import HttpServer, HttpSettings
from homeroom.http.identity import Authenticate, Identity
from homeroom.http.listener import Listener, ListenerSettings
from homeroom.http.origins import Origins
from homeroom.http.pipeline import App
from homeroom.http.websocket_frames import WebSocketFrames
from homeroom.protocol.room import Create
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from homeroom.protocol.verbs import VerbTable
from tests.http.peer import Peer, dial

PATIENCE_S = 180.0
"""A test that takes longer waits for something that does not come, on the slowest of machines."""
START_MS = 1_700_000_000_000
LOBBY, DEN = "room:lobby", "room:den"
GENEROUS = BudgetSettings({"chat": Rate(1e6, 1e6)})
MANY = ListenerSettings(port=0, per_address=100_000, accepts=Rate(1e6, 1e6), all_accepts=Rate(1e6, 1e6))


async def believe(token: str) -> Identity:
    """Take a token at its word: `user[/role[/expires]]`; `bad…` is none."""
    user, _, rest = token.partition("/")
    role, _, expires = rest.partition("/")
    if user.startswith("bad"):
        raise Refusal("unauthenticated", "the token is not valid")
    await trio.lowlevel.checkpoint()
    return Identity(user, user.title(), role or "student", int(expires or 2**50), family=f"login-of-{user}")


def hello_app() -> QuartTrio:
    """Return a small application for what goes to Hypercorn."""
    app = App("hello", static_folder=None)

    @app.get("/")
    async def hello() -> str:
        return "hello"

    @app.get("/slow")
    async def slow() -> str:
        await trio.Event().wait()
        return "never"

    @app.get("/large")
    async def large() -> bytes:
        return b"x" * 10_000_000

    @app.post("/echo")
    async def echo() -> bytes:
        data: bytes = await request.get_data()  # type: ignore[assignment] # bytes unless text is asked for
        return data

    return app


@dataclass
class House:
    """What runs, and where."""

    port: int
    engine: Engine
    journal: MemoryJournal
    hub: Hub
    gateway: Gateway
    listener: Listener
    pages: HttpServer
    clock: TrioClock
    peers: list[Peer] = field(default_factory=list)
    """Clients that are closed with the house."""

    async def dial(self, **options: Any) -> Peer:
        """Return a client that has said nothing."""
        peer = await dial(self.port, **options)
        self.peers.append(peer)
        return peer

    async def connect(self, *, receive_buffer: int | None = None, **headers: str | None) -> Peer:
        """Return a client that has shaken hands only."""
        peer = await self.dial(receive_buffer=receive_buffer)
        await peer.shake_hands(**headers)
        return peer

    async def enter(self, user: str, client: str = "c-1", **options: Any) -> Peer:
        """Return a client that has said hello."""
        peer = await self.connect(**options)
        await peer.hello(user, client)
        return peer

    async def member(self, user: str, room: str = LOBBY, client: str = "c-1", **options: Any) -> Peer:
        """Return a client that has joined a room and follows it."""
        peer = await self.enter(user, client, **options)
        assert (await peer.do(room, "join"))["t"] == "ok"
        assert (await peer.ask("sub", to=room))["t"] == "ok"
        return peer


@dataclass(frozen=True)
class Choices:
    """What a test wants to be different."""

    gateway: GatewaySettings = GatewaySettings()  # noqa: RUF009 - frozen
    listener: ListenerSettings = MANY
    http: HttpSettings = HttpSettings()  # noqa: RUF009 - frozen
    engine: EngineSettings = EngineSettings()  # noqa: RUF009 - frozen
    budgets: BudgetSettings = GENEROUS
    origins: Sequence[str] = ()
    kinds: Sequence[Kind] = KINDS
    authenticate: Authenticate = believe


@asynccontextmanager
async def open_house(choices: Choices = Choices(), **different: Any) -> AsyncIterator[House]:
    """Run a house with two open rooms; `different` are fields of `Choices`."""
    choices = replace(choices, **different)
    wire, journal, clock = StoredWire(), MemoryJournal(), TrioClock(START_MS)
    encoders = {
        "msgpack": WebSocketFrames("msgpack", MsgpackFrames()),
        "json": WebSocketFrames("json", JsonFrames()),
    }
    hub = Hub(encoders)
    engine = Engine(choices.kinds, journal, wire, hub, clock=clock, random=Random(7), settings=choices.engine)
    verbs = VerbTable({kind.name: {verb.command.do: verb.command for verb in kind.verbs} for kind in choices.kinds})
    parts = GatewayParts(
        actors=engine,
        hub=hub,
        kinds=choices.kinds,
        verbs=verbs,
        authenticate=choices.authenticate,
        budgets=Budgets(trio.current_time, choices.budgets),
        clock=clock,
        random=Random(8),
        epoch=await journal.epoch(),
        origins=Origins(choices.origins),
    )
    gateway = Gateway(parts, choices.gateway)
    pages = HttpServer(hello_app(), choices.http)
    listener = Listener(gateway, pages, choices.listener)
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as cellar:
            await journal.ensure_tables(table for kind in choices.kinds for table in kind.tables)
            await cellar.start(hub.run)
            await cellar.start(engine.run)
            for room in (LOBBY, DEN):
                await engine.ref(room).ask(Create(title=room), Caller("t-1", "teacher", "Teacher"))
            async with trio.open_nursery() as nursery:
                await nursery.start(gateway.run)
                await nursery.start(pages.run)
                port = await nursery.start(listener.run)
                house = House(port, engine, journal, hub, gateway, listener, pages, clock)
                try:
                    yield house
                finally:
                    with trio.CancelScope(shield=True):
                        for peer in house.peers:
                            await peer.aclose()
                nursery.cancel_scope.cancel()
            cellar.cancel_scope.cancel()
