"""The dashboards put together: the figures, who is told of them, and what this server is doing. A part of the composition root.

Never here: what is counted and read (`records`), and when parts are started (`bootstrap`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import trio

from homeroom.engine.engine import Engine
from homeroom.engine.hub import Hub
from homeroom.engine.kind import Kind
from homeroom.engine.wire import Wire
from homeroom.house import House
from homeroom.http.gateway import Gateway
from homeroom.protocol.zones import find_zone
from homeroom.records.figures import FigureReader
from homeroom.records.pulse import Pulse
from homeroom.records.recount import Recount
from homeroom.records.tallies import Touched
from homeroom.records.types import RECORD_TYPES
from homeroom.records.vitals import Reading, Vitals

EXAM_TABLES = frozenset({"exams", "exam_people", "sittings"})
"""The read models that figures of exams come from."""
INBOX_TABLES = frozenset({"inboxes"})
"""The one that unread notices are counted in."""


@dataclass(frozen=True, slots=True)
class Dashboards:
    """What reads figures, and what tells them."""

    figures: FigureReader
    pulse: Pulse

    def learn(self, others: Callable[[object], None]) -> Callable[[object], None]:
        """Return what takes what a store has committed: what was touched is for us, the rest for `others`."""

        def learn(news: object) -> None:
            if isinstance(news, Touched):
                self.pulse.touched(news)
            else:
                others(news)

        return learn


def reading(gateway: Gateway, engine: Engine) -> Reading:
    """Return what this server is doing."""
    doors, pace = gateway.statistics(), engine.pace()
    return Reading(
        doors["connections"], doors["users"], pace["actors"], pace["events"], pace["commands"], pace["deliveries"]
    )


def make_dashboards(
    house: House, kinds: Iterable[Kind], hub: Hub, wire: Wire, look: Callable[[], Reading]
) -> Dashboards:
    """Join the parts; `look` tells what this server is doing."""
    zone = find_zone(house.config.zone)
    vitals = Vitals(look, trio.current_time)
    tables = {table.name for kind in kinds for table in kind.tables}
    figures = FigureReader(
        house.database,
        house.clock,
        zone,
        system=vitals.look,
        exams=tables >= EXAM_TABLES,
        inboxes=tables >= INBOX_TABLES,
    )
    return Dashboards(figures, Pulse(house.database, figures, hub, wire=wire, clock=house.clock, zone=zone))


async def ensure_counted(house: House) -> None:
    """Have all rows counted, if they were not or otherwise; before anybody writes. Raises `DatabaseError`."""
    await Recount(RECORD_TYPES, find_zone(house.config.zone)).ensure(house.database)
