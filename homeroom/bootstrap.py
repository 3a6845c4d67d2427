"""The composition root: the only file that knows all parts. It makes them, joins them, and ends them in order.

Never here: what any part does. A decision that is more than "which part gets which" belongs into a part.
"""

import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version as installed_version
from importlib.resources import files
from pathlib import Path
from random import SystemRandom
from typing import Any

import structlog
import structlog.tracebacks
import trio

from homeroom.actors.kinds import KINDS
from homeroom.config import Config, ConfigError
from homeroom.engine.behaviour import Caller, Kind, Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import EmbeddedError, open_embedded, running_dsn
from homeroom.engine.engine import Engine
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.hub import Hub, Windows
from homeroom.engine.journal import JournalError
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.migrate import MigrationError, pending, read_migrations
from homeroom.engine.migrate import migrate as carry_out_migrations
from homeroom.engine.postgres import DatabaseError, PostgresSettings
from homeroom.engine.settings import EngineSettings
from homeroom.http.app import AppParts, Demo, make_app
from homeroom.http.authentication import Authentication, UserAnswer
from homeroom.http.budgets import DEFAULT_RATES, Budgets, BudgetSettings, Rate
from homeroom.http.frame_meter import MeterSettings
from homeroom.http.gateway import Gateway, GatewayParts, GatewaySettings
from homeroom.http.hypercorn_guard import HttpServer
from homeroom.http.keys import KeyRing, UnfitKey, load_keys, own_key
from homeroom.http.listener import Listener, ListenerSettings
from homeroom.http.origins import Origins
from homeroom.http.outbox import OutboxSettings
from homeroom.http.pipeline import WebSettings
from homeroom.http.revocations import Revocations
from homeroom.http.sync import PollFrames, Sync
from homeroom.http.throttle import LoginThrottle
from homeroom.http.tokens import TokenRules, Tokens
from homeroom.http.websocket_frames import WebSocketFrames
from homeroom.protocol.asyncapi import describe_websocket
from homeroom.protocol.frames import Limits
from homeroom.protocol.room import Create
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from homeroom.protocol.verbs import VerbTable
from homeroom.records.demo import DEMO_PASSWORD, DEMO_PEOPLE, DEMO_ROOM, DEMO_ROOM_TITLE, add_demo_people
from homeroom.records.logins import Logins
from homeroom.records.passwords import Passwords
from homeroom.records.users import Users

log = structlog.get_logger(__name__)

MIGRATIONS = files("homeroom.records") / "migrations"
COMPLAINTS = (ConfigError, DatabaseError, EmbeddedError, JournalError, MigrationError, Refusal, UnfitKey, OSError)
"""What a person can mend: told in one line, without a traceback."""


def version() -> str:
    """Return the version of the installed package."""
    return installed_version("homeroom")


# --- the house: what every command needs


@dataclass(frozen=True, slots=True)
class House:
    """The parts that are there without a server: the database, its people, and the keys."""

    config: Config
    database: Database
    clock: TrioClock
    users: Users
    passwords: Passwords
    revocations: Revocations
    tokens: Tokens


@asynccontextmanager
async def open_dsn(config: Config, *, beside: bool = True) -> AsyncIterator[str]:
    """Offer where the database is: the given one, else the embedded one of the data directory.

    `beside`: share the embedded one of a running server. A server itself does not: two servers on one directory would
    write the same streams, so the second one is refused with `DataDirectoryInUse`.
    """
    found = config.database_url or (running_dsn(config.data_path) if beside else None)
    if found:
        yield found
        return
    async with open_embedded(config.data_path) as server:
        yield server.dsn


@asynccontextmanager
async def open_house(config: Config, *, beside: bool = True) -> AsyncIterator[House]:
    """Open the migrated database and the keys; `beside` as in `open_dsn`."""
    prepare_data_path(config.data_path)
    async with (
        open_dsn(config, beside=beside) as dsn,
        open_database(dsn, _postgres_settings(config)) as database,
    ):
        await carry_out_migrations(database, MIGRATIONS)
        yield await _furnish(config, database)


async def _furnish(config: Config, database: Database) -> House:
    clock = TrioClock(await PostgresJournal(database).now())
    revocations = Revocations(clock)
    rules = TokenRules(config.token_issuer, config.token_audience, config.access_ttl_s)
    tokens = Tokens(load_key_ring(config), clock, rules, revocations.is_revoked)
    return House(config, database, clock, Users(database, clock), Passwords(), revocations, tokens)


def prepare_data_path(path: Path) -> None:
    """Make the data directory, for its owner only: it holds the database and the secret that signs tokens."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def load_key_ring(config: Config) -> KeyRing:
    """Return the configured keys, else the directory's own one."""
    return load_keys(Path(config.token_keys)) if config.token_keys else KeyRing([own_key(config.data_path)])


def _postgres_settings(config: Config) -> PostgresSettings:
    return PostgresSettings(allow_unsafe=config.allow_unsafe_database)


# --- the server


@dataclass(frozen=True, slots=True)
class Serving:
    """What is told when the doors are open."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return the address for a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Server:
    """The running parts, in the order in which they were started."""

    journal: PostgresJournal
    hub: Hub
    engine: Engine
    logins: Logins
    sync: Sync
    gateway: Gateway
    pages: HttpServer
    listener: Listener

    async def start(self, nursery: trio.Nursery, house: House) -> int:
        """Start all parts; returns the port."""
        for part in (self.journal.run, self.hub.run, self.engine.run, self.gateway.run, self.pages.run):
            await nursery.start(part)
        await nursery.start(house.revocations.follow, self.logins.ended_since, self.gateway.revoke)
        nursery.start_soon(self.logins.run)
        if house.config.demo:
            await _furnish_demo(house, self.engine)
        port: int = await nursery.start(self.listener.run)
        return port

    async def stop(self, grace_s: float) -> None:
        """End in order: no new work, goodbye to the clients, the last turns, within `grace_s`."""
        self.sync.stop()
        with trio.move_on_after(grace_s):
            await self.listener.stop(grace_s * 0.6)
            await self.engine.drain()


async def serve(config: Config, *, on_ready: Callable[[Serving], None], progress: Callable[[str], None]) -> None:
    """Run the server until SIGINT or SIGTERM; `on_ready` is called when the doors are open."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        progress("starting the database")
        async with open_house(config, beside=False) as house, trio.open_nursery() as nursery:
            progress("opening the doors")
            server = await build_server(house, KINDS)
            port = await server.start(nursery, house)
            on_ready(Serving(config.host, port))
            log.info("serving", host=config.host, port=port, version=version())
            received = await anext(aiter(signals))
            log.info("stopping", signal=signal.Signals(received).name)
            await server.stop(config.stop_grace_s)
            nursery.cancel_scope.cancel()
    log.info("stopped")


async def build_server(house: House, kinds: Sequence[Kind]) -> Server:
    """Join all parts; nothing runs yet."""
    config, wire = house.config, StoredWire()
    verbs = VerbTable(verb_types(kinds))
    journal = PostgresJournal(house.database, CommitSettings(linger_ms=config.commit_window_ms))
    await journal.ensure_tables(table for kind in kinds for table in kind.tables)
    hub = Hub(_encoders(), Windows(config.direct_window_ms, config.calm_window_ms))
    random = SystemRandom()
    engine = Engine(kinds, journal, wire, hub, clock=house.clock, random=random, settings=_engine_settings(config))
    budgets = Budgets(trio.current_time, _budget_settings(config))
    gateway = Gateway(
        GatewayParts(
            actors=engine,
            hub=hub,
            kinds=kinds,
            verbs=verbs,
            authenticate=house.tokens.authenticate,
            budgets=budgets,
            clock=house.clock,
            random=random,
            epoch=await journal.epoch(),
            origins=Origins(config.allowed_origins),
        ),
        _gateway_settings(config),
    )
    logins = Logins(house.database, house.clock, config.refresh_ttl_s)
    sync = Sync(engine, hub, journal, wire, take=budgets.take)
    app = make_app(
        AppParts(
            engine=engine,
            wire=wire,
            kinds=kinds,
            verbs=verbs,
            budgets=budgets,
            authentication=_authentication(house, logins, gateway),
            sync=sync,
            present=lambda: gateway.present,
            static=files("homeroom.http") / "static",
            docs=files("homeroom.http") / "docs_page",
            asyncapi=describe_websocket(verb_types(kinds), {kind.name: kind.events for kind in kinds}, version()),
            settings=_web_settings(config),
            statistics={
                "engine": engine.statistics,
                "gateway": gateway.statistics,
                "database": house.database.statistics,
            },
            probes={"database": journal.now, "migrations": partial(_check_migrations, house.database)},
            demo=_demo() if config.demo else None,
        )
    )
    pages = HttpServer(app)
    listener = Listener(
        gateway, pages, ListenerSettings(config.host, config.port, per_address=config.connections_per_ip)
    )
    return Server(journal, hub, engine, logins, sync, gateway, pages, listener)


def verb_types(kinds: Sequence[Kind]) -> dict[str, dict[str, type[Any]]]:
    """Return kind → verb → the structure of its arguments."""
    return {kind.name: {verb.command.do: verb.command for verb in kind.verbs} for kind in kinds}


def _encoders() -> dict[str, Any]:
    """Return what makes a broadcast's bytes, for each format in which somebody may follow a stream."""
    return {
        "msgpack": WebSocketFrames("msgpack", MsgpackFrames()),
        "json": WebSocketFrames("json", JsonFrames()),
        "poll": PollFrames(),
    }


def _authentication(house: House, logins: Logins, gateway: Gateway) -> Authentication:
    return Authentication(
        users=house.users,
        logins=logins,
        passwords=house.passwords,
        tokens=house.tokens,
        throttle=LoginThrottle(),
        revocations=house.revocations,
        revoke=gateway.revoke,
        clock=house.clock,
        self_registration=house.config.self_registration,
    )


def _engine_settings(config: Config) -> EngineSettings:
    return EngineSettings(mailbox=config.mailbox_posts, snapshot_events=config.snapshot_every)


def _budget_settings(config: Config) -> BudgetSettings:
    """Return the rates: a minute's worth may come at once."""
    per_minute = {
        "chat": config.chat_per_minute,
        "typing": config.typing_per_minute,
        "control": config.control_per_minute,
    }
    return BudgetSettings({**DEFAULT_RATES, **{name: Rate(n / 60, float(n)) for name, n in per_minute.items()}})


def _web_settings(config: Config) -> WebSettings:
    origins = frozenset(config.allowed_origins)
    return WebSettings(version=version(), cors_origins=origins, metrics_token=config.metrics_token)


async def _check_migrations(database: Database) -> None:
    """Raise `Refusal` while the schema is not this version's: another version of the server may have been here."""
    rows = await database.fetch("SELECT name, checksum FROM migrations")
    try:
        to_come = pending(read_migrations(MIGRATIONS), {row["name"]: row["checksum"] for row in rows})
    except MigrationError as error:
        raise Refusal("unavailable", str(error)) from error
    if to_come:
        raise Refusal("unavailable", "migrations are to be carried out")


def _gateway_settings(config: Config) -> GatewaySettings:
    frames, octets = float(config.frames_per_second), float(config.bytes_per_second)
    return GatewaySettings(
        limits=Limits(streams=config.streams_per_connection),
        meter=MeterSettings(frames=Rate(frames, frames * 5), bytes=Rate(octets, octets * 4)),
        outbox=OutboxSettings(bytes=config.outbox_bytes),
        heartbeat_ms=config.heartbeat_ms,
        per_user=config.connections_per_user,
    )


# --- the demo school


def _demo() -> Demo:
    return Demo(tuple(UserAnswer(person.id, person.name, person.role) for person in DEMO_PEOPLE), DEMO_PASSWORD)


async def _furnish_demo(house: House, engine: Engine) -> None:
    """Add the people and the room; what is there already stays as it is."""
    await add_demo_people(house.users, house.passwords)
    owner = DEMO_PEOPLE[0]
    answer = await engine.ref(DEMO_ROOM).ask(Create(title=DEMO_ROOM_TITLE), Caller(owner.id, owner.role, owner.name))
    if isinstance(answer, Refusal) and answer.code != "conflict":
        raise answer


# --- what the command line asks for without a server


async def migrate(config: Config) -> Sequence[str]:
    """Carry out the migrations that are new; returns their names."""
    prepare_data_path(config.data_path)
    async with open_dsn(config) as dsn, open_database(dsn, _postgres_settings(config)) as database:
        return await carry_out_migrations(database, MIGRATIONS)


async def add_user(config: Config, login: str, name: str, role: str, password: str) -> None:
    """Add a person whose id is the login; raises `Refusal` for a taken login or unfit words."""
    async with open_house(config) as house:
        await house.users.add(login, name, role, await house.passwords.hash(password), id=login)


async def create_token(config: Config, login: str, ttl_s: float) -> str:
    """Return an access token for a person who exists; raises `Refusal`."""
    async with open_house(config) as house:
        found = await house.users.find_login(login)
        person = found[0] if found else await house.users.find(login)
        if person is None or not person.active:
            raise Refusal("not_found", f"there is nobody with the login {login!r}; `homeroom user add` adds people")
        return house.tokens.issue(person.id, person.name, person.role, ttl_s=ttl_s)


async def check_token(config: Config, token: str) -> Mapping[str, str]:
    """Return whom a token speaks for and until when, by this directory's keys; raises `Refusal`."""
    prepare_data_path(config.data_path)
    clock = TrioClock(int(datetime.now(UTC).timestamp() * 1000))
    rules = TokenRules(config.token_issuer, config.token_audience, config.access_ttl_s)
    who = await Tokens(load_key_ring(config), clock, rules).authenticate(token)
    expires = datetime.fromtimestamp(who.expires / 1000, UTC).isoformat()
    return {"user": who.id, "name": who.name, "role": who.role, "expires": expires}


def set_up_logging(config: Config) -> None:
    """Write log lines to standard error: for people on a terminal, as JSON elsewhere."""
    level = getattr(logging, config.log_level.upper())
    as_json = config.log_format == "json" or (config.log_format == "auto" and not sys.stderr.isatty())
    # Local variables stay out of tracebacks: they hold tokens and passwords.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = structlog.processors.JSONRenderer() if as_json else plain
    traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    exceptions = [traceback] if as_json else []
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
