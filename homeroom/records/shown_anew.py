"""Which records came to be told where they were not told just before: published again, widened, moved back, given more time.

Whoever reads such a record now may not have been allowed to all the while, and what it said before may have been taken out of it in
between. Never here: what of past events is shown (`past`).
"""

from collections.abc import Iterable

from homeroom.records.declare import RecordType, Unit
from homeroom.records.rows import Kept

_NOTE = """INSERT INTO shown_anew (type, id, version, at) SELECT $1, id, version, $4 FROM unnest($2::text[], $3::bigint[]) AS given (id, version)
ON CONFLICT (type, id) DO UPDATE SET version = excluded.version, at = excluded.at"""


async def note_shown_anew(unit: Unit, type: RecordType, pairs: Iterable[tuple[Kept, Kept]]) -> None:
    """Note those of the rows of one type, before and after a write, that are told with all they hold on a stream where they were not."""
    anew = [new for old, new in pairs if not new.rows <= old.rows]
    if anew:
        await unit.execute(_NOTE, type.name, [new.id for new in anew], [new.version for new in anew], unit.now)
