"""The records put together: what keeps them, what takes files in, and the channels on which they are told. A part of the composition root.

Never here: what is kept and told (`records`), and when parts are started (`bootstrap`).
"""

from collections.abc import Callable, Sequence
from random import SystemRandom

import trio

from homeroom.dashboards import Dashboards
from homeroom.engine.channel_log_postgres import PostgresChannelLog
from homeroom.engine.channels import Channels
from homeroom.engine.engine import Engine
from homeroom.engine.hub import Hub
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.kind import Kind
from homeroom.house import House, open_files
from homeroom.http.app import RecordParts
from homeroom.protocol.announce import Announce
from homeroom.protocol.stored import StoredWire
from homeroom.protocol.zones import find_zone
from homeroom.records.activity import Activity
from homeroom.records.audit import AuditReader
from homeroom.records.directory import Directory
from homeroom.records.doors import Doors, tables_of
from homeroom.records.feeds import Feeds
from homeroom.records.files.reception import Reception
from homeroom.records.memberships import MEMBERSHIPS
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from homeroom.records.vocabulary import TableNames, Thing
from homeroom.tuning import engine_settings, upload_settings


def make_store(
    house: House, wire: StoredWire, channels: Channels, engine: Engine, learn: Callable[[object], None]
) -> Store:
    """Return what keeps the records; their events go to the channels, and what they tell actors to the engine, once they are durable."""
    return Store(
        house.records,
        house.clock,
        wire,
        RECORD_TYPES,
        publish=channels.publish_all,
        withdraw=channels.withdraw,
        learn=learn,
        carry=engine.carry,
        random=SystemRandom(),
        zone=find_zone(house.config.zone),
        each=house.config.record_writes_each,
    )


async def make_reception(house: House, store: Store, wire: StoredWire, hub: Hub) -> Reception:
    """Return what takes files in. Raises `OSError` for a directory that cannot be made."""
    files = await trio.to_thread.run_sync(open_files, house.config)
    limits = upload_settings(house.config)
    return Reception(store, house.records, files, house.clock, wire, SystemRandom(), hub.signal, limits)


def record_parts(house: House, store: Store, reception: Reception, dashboards: Dashboards) -> RecordParts:
    """Return what the doors of the records need."""
    return RecordParts(
        store,
        Activity(store.reads, MEMBERSHIPS),
        AuditReader(store.reads, store.catalog),
        reception,
        feeds=Feeds(house.records, house.clock, SystemRandom()),
        zone=house.config.zone,
        public_url=house.config.public_url,
        directory=Directory(store.reads),
        figures=dashboards.figures,
    )


def make_channels(
    house: House, kinds: Sequence[Kind], journal: PostgresJournal, hub: Hub, dashboards: Dashboards
) -> Channels:
    """Return the streams without an actor; the things of each kind have a table's stream as the records have."""
    doors = Doors(house.database, _tables(kinds), dashboards.figures)
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
        engine=engine_settings(house.config),
        listener=dashboards.pulse,
        hears=lambda stream: not stream.startswith("course:") or house.places.knows(stream),
    )


def table_names(kinds: Sequence[Kind]) -> TableNames:
    """Return the names of the tables that may be followed, by every word for them."""
    return TableNames(_tables(kinds), RECORD_TYPES, (Thing(kind.name, kind.plural, kind.tells) for kind in kinds))


def _tables(kinds: Sequence[Kind]) -> frozenset[str]:
    """Return the names of the tables that may be followed: those of records, and one for the things of each kind."""
    return tables_of(RECORD_TYPES) | {kind.plural for kind in kinds}
