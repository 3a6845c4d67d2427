"""The composition root: the only file that knows all parts. It makes them, joins them, and ends them in order.

Never here: what any part does. A decision that is more than "which part gets which" belongs into a part.
"""

import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from random import SystemRandom
from typing import Any

import structlog
import structlog.tracebacks
import trio

from homeroom import demo
from homeroom.actors.kinds import KINDS
from homeroom.config import Config, ConfigError
from homeroom.dashboards import ensure_counted, make_dashboards, reading
from homeroom.demo import Inside
from homeroom.engine.behaviour import Refusal
from homeroom.engine.claim import Claim
from homeroom.engine.database import Database
from homeroom.engine.engine import Engine
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.hub import Hub, Windows
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.kind import Kind
from homeroom.engine.migrate import MigrationError, pending, read_migrations
from homeroom.engine.restating import Restating
from homeroom.engine.switchboard import Switchboard
from homeroom.first_admin import NOBODY_YET, first_admin, is_led
from homeroom.house import MIGRATIONS, House, claim_data, open_house, version
from homeroom.http.app import AppParts, Demo, make_app
from homeroom.http.authentication import Authentication, UserAnswer
from homeroom.http.budgets import Budgets
from homeroom.http.gateway import Gateway, GatewayParts
from homeroom.http.hypercorn_guard import HttpServer
from homeroom.http.listener import Listener, ListenerSettings
from homeroom.http.news import News
from homeroom.http.origins import Origins
from homeroom.http.place_roster import PlaceParts
from homeroom.http.sync import PollFrames, Sync
from homeroom.http.throttle import LoginThrottle
from homeroom.http.websocket_frames import WebSocketFrames
from homeroom.protocol.access import SYSTEM_ONLY
from homeroom.protocol.asyncapi import describe_websocket
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from homeroom.protocol.verbs import VerbTable
from homeroom.recordkeeping import make_channels, make_reception, make_store, record_parts, table_names
from homeroom.records.chores import Chores
from homeroom.records.demo import DEMO_PASSWORD, DEMO_PEOPLE
from homeroom.records.directory import Directory
from homeroom.records.logins import Logins
from homeroom.records.reads import Reads
from homeroom.records.store import Store
from homeroom.records.users import Users
from homeroom.server import Server, Serving, revoker
from homeroom.tuning import budget_settings, engine_settings, gateway_settings, web_settings

log = structlog.get_logger(__name__)


async def serve(config: Config, *, on_ready: Callable[[Serving], None], progress: Callable[[str], None]) -> None:
    """Run the server until SIGINT or SIGTERM; `on_ready` is called when the doors are open."""
    check_port(config)
    async with claim_data(config) as claim:  # while it waits for a command, a signal just ends it
        await _serve(config, claim, on_ready, progress)
    log.info("stopped")


async def _serve(
    config: Config, claim: Claim | None, on_ready: Callable[[Serving], None], progress: Callable[[str], None]
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        progress("starting the database")
        async with open_house(config, claim=claim) as house, trio.open_nursery() as nursery:
            progress("opening the doors")
            server = await build_server(house, KINDS)
            port = await server.start(nursery, house)
            gc.freeze()  # what is here now stays: a full collection that looked at it all would hold up everybody for 50 ms
            led = await is_led(house.database)
            on_ready(Serving(config.host, port, led))
            if config.demo and config.demo_size == "small":
                nursery.start_soon(demo.furnish_beside, house, Inside(server.store, server.engine))
            log.info("serving", host=config.host, port=port, version=version())
            if not led:
                log.warning(NOBODY_YET, make=first_admin(config))
            received = await anext(aiter(signals))
            log.info("stopping", signal=signal.Signals(received).name)
            await server.stop(config.stop_grace_s)
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def running_inside(house: House) -> AsyncIterator[Inside]:
    """Run what a server runs, without doors: for a command on a school that no server is open for."""
    async with trio.open_nursery() as nursery:
        server = await build_server(house, KINDS)
        await server.start_inside(nursery, house)
        yield Inside(server.store, server.engine)
        await server.engine.drain()
        nursery.cancel_scope.cancel()


def check_port(config: Config) -> None:
    """Raise `ConfigError` for an address that cannot be had, before anything is started or migrated."""
    try:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((config.host, config.port))
    except OSError as error:
        reason = f"port {config.port} is in use" if error.errno == errno.EADDRINUSE else str(error)
        raise ConfigError(f"{config.host}: {reason}; say --port N or HOMEROOM_PORT=N") from None


async def build_server(house: House, kinds: Sequence[Kind]) -> Server:
    """Join all parts; nothing runs yet."""
    config, wire = house.config, StoredWire()
    verbs = VerbTable(verb_types(kinds), inner_verbs(kinds))
    hub = Hub(_encoders(), Windows(config.direct_window_ms, config.calm_window_ms))
    random = SystemRandom()
    dashboards = make_dashboards(house, kinds, hub, wire, lambda: reading(gateway, engine))
    journal = PostgresJournal(
        house.database, CommitSettings(linger_ms=config.commit_window_ms), wrote=dashboards.pulse.wrote
    )
    await journal.ensure_tables(table for kind in kinds for table in kind.tables)
    await ensure_counted(house)
    channels = make_channels(house, kinds, journal, hub, dashboards)
    engine = Engine(
        kinds,
        journal,
        wire,
        hub,
        clock=house.clock,
        random=random,
        settings=engine_settings(config),
        guardians=house.wards.guardians_of,
        members=house.places.students_of,
        knows=house.places.knows,
        belongs=house.places.has,
        strangers=Directory(Reads(house.database)).strangers,
        beyond=dict.fromkeys(channels.kinds, channels.deliver),
    )
    switchboard = Switchboard(engine, channels)
    budgets = Budgets(trio.current_time, budget_settings(config))
    gateway = Gateway(
        GatewayParts(
            actors=switchboard,
            hub=hub,
            kinds=kinds,
            verbs=verbs,
            authenticate=house.tokens.authenticate,
            budgets=budgets,
            clock=house.clock,
            random=random,
            epoch=await journal.epoch(),
            origins=Origins(config.allowed_origins),
            company=journal.company,
        ),
        gateway_settings(config),
    )
    logins = Logins(house.database, house.clock, config.refresh_ttl_s)
    sync = Sync(
        switchboard.ref,
        hub,
        journal,
        wire,
        take=budgets.take,
        check=house.tokens.check,
        clock=house.clock,
        table=table_names(kinds).name_of,
    )
    revoke = revoker(gateway, sync)
    news = News(house.revocations, house.wards, revoke)
    learners: list[Callable[[object], None]] = [news.learn, house.places.learn]
    store = make_store(house, wire, channels, engine, dashboards.learn(partial(_learn, learners)))
    reception = await make_reception(house, store, wire, hub)
    chores = Chores(store, house.clock, random)
    learners.append(chores.learn)
    app = make_app(
        AppParts(
            engine=engine,
            ref=switchboard.ref,
            wire=wire,
            kinds=kinds,
            verbs=verbs,
            budgets=budgets,
            authentication=_authentication(house, logins, store, revoke),
            sync=sync,
            present=lambda: gateway.present,
            known=journal.known,
            random=random,
            static=files("homeroom.http") / "static",
            docs=files("homeroom.http") / "docs_page",
            asyncapi=partial(describe_websocket, kinds, version()),
            settings=web_settings(config),
            records=record_parts(house, store, reception, dashboards),
            places=PlaceParts(house.places.members_of, switchboard.ref),
            statistics={
                "engine": engine.statistics,
                "channels": channels.statistics,
                "uploads": reception.statistics,
                "gateway": gateway.statistics,
                "listener": lambda: listener.statistics(),  # noqa: PLW0108 - made after the application
                "http": lambda: pages.statistics(),  # noqa: PLW0108 - the same
                "database": house.database.statistics,
                "records": house.records.statistics,
            },
            probes={"database": journal.now, "migrations": partial(_check_migrations, house.database)},
            demo=_demo() if config.demo else None,
        )
    )
    pages = HttpServer(app)
    listener = Listener(
        gateway, pages, ListenerSettings(config.host, config.port, per_address=config.connections_per_ip)
    )
    return Server(
        journal,
        store,
        hub,
        channels,
        dashboards,
        engine,
        Restating(house.database, kinds, engine.ref),
        logins,
        store.repeats,
        chores,
        reception,
        sync,
        gateway,
        pages,
        listener,
    )


def _learn(learners: Sequence[Callable[[object], None]], news: object) -> None:
    """Tell all parts of this server what it is to know at once."""
    for learn in learners:
        learn(news)


def verb_types(kinds: Sequence[Kind]) -> dict[str, dict[str, type[Any]]]:
    """Return kind → verb → the structure of its arguments."""
    return {kind.name: {verb.command.do: verb.command for verb in kind.verbs} for kind in kinds}


def inner_verbs(kinds: Sequence[Kind]) -> dict[str, frozenset[str]]:
    """Return kind → the verbs that only the engine itself may use."""
    return {kind.name: frozenset(verb.command.do for verb in kind.verbs if verb.rule == SYSTEM_ONLY) for kind in kinds}


def _encoders() -> dict[str, Any]:
    """Return what makes a broadcast's bytes, for each format in which somebody may follow a stream."""
    return {
        "msgpack": WebSocketFrames("msgpack", MsgpackFrames()),
        "json": WebSocketFrames("json", JsonFrames()),
        "poll": PollFrames(),
    }


def _authentication(
    house: House, logins: Logins, store: Store, revoke: Callable[[str, str | None], object]
) -> Authentication:
    return Authentication(
        users=Users(house.database, house.clock, store),
        logins=logins,
        passwords=house.passwords,
        tokens=house.tokens,
        throttle=LoginThrottle(),
        revocations=house.revocations,
        revoke=revoke,
        clock=house.clock,
        self_registration=house.config.self_registration,
    )


async def _check_migrations(database: Database) -> None:
    """Raise `Refusal` while the schema is not this version's: another version of the server may have been here."""
    rows = await database.fetch("SELECT name, checksum FROM migrations")
    try:
        to_come = pending(read_migrations(MIGRATIONS), {row["name"]: row["checksum"] for row in rows})
    except MigrationError as error:
        raise Refusal("unavailable", str(error)) from error
    if to_come:
        raise Refusal("unavailable", "migrations are to be carried out")


def _demo() -> Demo:
    return Demo(tuple(UserAnswer(person.id, person.name, person.role) for person in DEMO_PEOPLE), DEMO_PASSWORD)
