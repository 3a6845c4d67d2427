"""The store of a program beside the servers: what it writes is told by the tables, and servers find it there.

Never here: the server's own store (the composition root).
"""

from collections.abc import Sequence
from random import SystemRandom
from zoneinfo import ZoneInfo

from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.posted import Posted
from homeroom.protocol.stored import StoredWire
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES


def quiet_store(database: Database, clock: Clock, zone: ZoneInfo | None = None) -> Store:
    """Return a store of all record types whose events nobody in this process follows; `zone` is the school's, UTC if none is said."""
    return Store(database, clock, StoredWire(), RECORD_TYPES, publish=_tell_nobody, random=SystemRandom(), zone=zone)


def _tell_nobody(posted: Sequence[Posted]) -> None:
    """Do nothing: whoever follows a stream heals the hole by its numbers."""
