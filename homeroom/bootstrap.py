"""The composition root: the only file that knows all parts. It makes them, joins them, and ends them in order.

Never here: what any part does. A decision that is more than "which part gets which" belongs into a part.
"""

import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from homeroom.dashboards import Dashboards, ensure_counted, make_dashboards, reading
from homeroom.demo import Inside
from homeroom.engine.behaviour import Kind, Refusal
from homeroom.engine.channel_log_postgres import PostgresChannelLog
from homeroom.engine.channels import Channels
from homeroom.engine.database import Database
from homeroom.engine.engine import Engine
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.hub import Hub, Windows
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.migrate import MigrationError, pending, read_migrations
from homeroom.engine.settings import EngineSettings
from homeroom.engine.switchboard import Switchboard
from homeroom.house import MIGRATIONS, House, open_files, open_house, version
from homeroom.http.app import AppParts, Demo, RecordParts, make_app
from homeroom.http.authentication import Authentication, UserAnswer
from homeroom.http.budgets import DEFAULT_RATES, Budgets, BudgetSettings, Rate
from homeroom.http.frame_meter import MeterSettings
from homeroom.http.gateway import Gateway, GatewayParts, GatewaySettings
from homeroom.http.hypercorn_guard import HttpServer
from homeroom.http.listener import Listener, ListenerSettings
from homeroom.http.news import News
from homeroom.http.origins import Origins
from homeroom.http.outbox import OutboxSettings
from homeroom.http.pipeline import WebSettings
from homeroom.http.place_roster import PlaceParts
from homeroom.http.sync import PollFrames, Sync
from homeroom.http.throttle import LoginThrottle
from homeroom.http.websocket_frames import WebSocketFrames
from homeroom.protocol.access import SYSTEM_ONLY
from homeroom.protocol.announce import Announce
from homeroom.protocol.asyncapi import describe_websocket
from homeroom.protocol.frames import Limits
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from homeroom.protocol.verbs import VerbTable
from homeroom.protocol.zones import find_zone
from homeroom.records.activity import Activity
from homeroom.records.audit import AuditReader
from homeroom.records.chores import Chores
from homeroom.records.demo import DEMO_PASSWORD, DEMO_PEOPLE
from homeroom.records.directory import Directory
from homeroom.records.doors import Doors, tables_of
from homeroom.records.feeds import Feeds
from homeroom.records.files.reception import Reception, UploadSettings
from homeroom.records.logins import Logins
from homeroom.records.memberships import MEMBERSHIPS
from homeroom.records.placements import Placements
from homeroom.records.repeats import Repeats
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from homeroom.records.users import Users

log = structlog.get_logger(__name__)


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
    store: Store
    hub: Hub
    channels: Channels
    dashboards: Dashboards
    engine: Engine
    logins: Logins
    repeats: Repeats
    chores: Chores
    reception: Reception
    sync: Sync
    gateway: Gateway
    pages: HttpServer
    listener: Listener

    async def start(self, nursery: trio.Nursery, house: House) -> int:
        """Start all parts; returns the port. Families come first: a deadline that waited for this start may have news for parents."""
        if house.config.demo:
            await demo.furnish_people(house)
        await self.start_inside(nursery, house)
        if house.config.demo:
            await demo.furnish_room(self.engine)
        port: int = await nursery.start(self.listener.run)
        return port

    async def start_inside(self, nursery: trio.Nursery, house: House) -> None:
        """Start all parts but the doors."""
        revoke = _revoker(self.gateway, self.sync)
        await nursery.start(house.wards.follow, house.guardians.changed_since, revoke)
        await nursery.start(house.places.follow, Placements(house.database, RECORD_TYPES).changed_since)
        pulse = self.dashboards.pulse
        for part in (self.journal, self.hub, self.channels, pulse, self.engine, self.gateway, self.pages):
            await nursery.start(part.run)
        await nursery.start(house.revocations.follow, self.logins.ended_since, revoke)
        nursery.start_soon(self.logins.run)
        nursery.start_soon(self.repeats.run)
        await nursery.start(self.chores.run)
        await nursery.start(self.reception.run)

    async def stop(self, grace_s: float) -> None:
        """End in order: no new work, goodbye to the clients, the last turns, within `grace_s`."""
        self.sync.stop()
        with trio.move_on_after(grace_s):
            await self.listener.stop(grace_s * 0.6)
            await self.engine.drain()


async def serve(config: Config, *, on_ready: Callable[[Serving], None], progress: Callable[[str], None]) -> None:
    """Run the server until SIGINT or SIGTERM; `on_ready` is called when the doors are open."""
    check_port(config)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        progress("starting the database")
        async with open_house(config, beside=False) as house, trio.open_nursery() as nursery:
            progress("opening the doors")
            server = await build_server(house, KINDS)
            port = await server.start(nursery, house)
            gc.freeze()  # what is here now stays: a full collection that looked at it all would hold up everybody for 50 ms
            on_ready(Serving(config.host, port))
            if config.demo and config.demo_size == "small":
                nursery.start_soon(demo.furnish_beside, house, Inside(server.store, server.engine))
            log.info("serving", host=config.host, port=port, version=version())
            received = await anext(aiter(signals))
            log.info("stopping", signal=signal.Signals(received).name)
            await server.stop(config.stop_grace_s)
            nursery.cancel_scope.cancel()
    log.info("stopped")


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
    channels = _channels(house, kinds, journal, hub, dashboards)
    engine = Engine(
        kinds,
        journal,
        wire,
        hub,
        clock=house.clock,
        random=random,
        settings=_engine_settings(config),
        guardians=house.wards.guardians_of,
        members=house.places.students_of,
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
    sync = Sync(switchboard.ref, hub, journal, wire, take=budgets.take, check=house.tokens.check, clock=house.clock)
    revoke = _revoker(gateway, sync)
    news = News(house.revocations, house.wards, revoke)
    learners: list[Callable[[object], None]] = [news.learn, house.places.learn]
    records = await _records(house, wire, channels, hub, dashboards, partial(_learn, learners), engine, random)
    chores = Chores(records.store, house.clock, random)
    learners.append(chores.learn)
    repeats, reception = records.store.repeats, records.reception
    assert reception is not None, "made right here"  # noqa: S101 - said by _records
    app = make_app(
        AppParts(
            engine=engine,
            ref=switchboard.ref,
            wire=wire,
            kinds=kinds,
            verbs=verbs,
            budgets=budgets,
            authentication=_authentication(house, logins, records.store, revoke),
            sync=sync,
            present=lambda: gateway.present,
            known=journal.known,
            random=random,
            static=files("homeroom.http") / "static",
            docs=files("homeroom.http") / "docs_page",
            asyncapi=describe_websocket(kinds, version()),
            settings=_web_settings(config),
            records=records,
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
        records.store,
        hub,
        channels,
        dashboards,
        engine,
        logins,
        repeats,
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


def upload_settings(config: Config) -> UploadSettings:
    """Return the limits of files."""
    return UploadSettings(
        file_bytes=config.upload_bytes,
        person_bytes=config.upload_bytes_per_person,
        types=frozenset(config.upload_types),
    )


async def _records(  # noqa: PLR0917 - each part once
    house: House,
    wire: StoredWire,
    channels: Channels,
    hub: Hub,
    dashboards: Dashboards,
    learn: Callable[[object], None],
    engine: Engine,
    random: SystemRandom,
) -> RecordParts:
    """Return what keeps the records; their events go to the channels once they are durable."""
    store = Store(
        house.records,
        house.clock,
        wire,
        RECORD_TYPES,
        publish=channels.publish_all,
        withdraw=channels.withdraw,
        learn=dashboards.learn(learn),
        carry=engine.carry,
        random=random,
        zone=find_zone(house.config.zone),
    )
    activity, audit = Activity(house.records, MEMBERSHIPS), AuditReader(house.records, store.catalog)
    feeds = Feeds(house.records, house.clock, random)
    files = await trio.to_thread.run_sync(open_files, house.config)
    reception = Reception(
        store, house.records, files, house.clock, wire, random, hub.signal, upload_settings(house.config)
    )
    return RecordParts(
        store,
        activity,
        audit,
        reception,
        feeds=feeds,
        zone=house.config.zone,
        directory=Directory(house.records),
        figures=dashboards.figures,
    )


def _channels(
    house: House, kinds: Sequence[Kind], journal: PostgresJournal, hub: Hub, dashboards: Dashboards
) -> Channels:
    """Return the streams without an actor; the things of each kind have a table's stream as the records have."""
    tables = tables_of(RECORD_TYPES) | {kind.plural for kind in kinds}
    doors = Doors(house.database, tables, dashboards.figures)
    return Channels(
        doors.kinds,
        PostgresChannelLog(house.database),
        doors,
        journal,
        StoredWire(),
        hub=hub,
        announce=Announce,
        clock=house.clock,
        random=SystemRandom(),
        engine=_engine_settings(house.config),
        listener=dashboards.pulse,
    )


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


def _revoker(gateway: Gateway, sync: Sync) -> Callable[[str, str | None], None]:
    """Return what ends all that outlives a request: connections and long polls, of a person or of one login."""

    def revoke(user: str, family: str | None) -> None:
        gateway.revoke(user, family)
        sync.revoke(user, family)

    return revoke


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


def _engine_settings(config: Config) -> EngineSettings:
    return EngineSettings(mailbox=config.mailbox_posts, snapshot_events=config.snapshot_every)


def budget_settings(config: Config) -> BudgetSettings:
    """Return the rates: a minute's worth may come at once."""
    per_minute = {
        "chat": config.chat_per_minute,
        "typing": config.typing_per_minute,
        "control": config.control_per_minute,
        "read": config.read_per_minute,
        "write": config.write_per_minute,
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


def gateway_settings(config: Config) -> GatewaySettings:
    """Return what a connection may do."""
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
