"""The statement that a tail is, composed of only the parts that are there: each an `unnest` of arrays, or the plain values of a single row.

Few texts come of it (which parts, one row or many), so each is prepared once a connection; a part without rows would cost PostgreSQL
nearly as much as one with some. Rules of this file: the heads are taken in the order of their names, and before the counters, since the
statement itself reads from them. Pure. Never here: what the rows say (`tail`), and sending it.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

TEXTS_KEPT = 500
"""How many composed texts are remembered."""


class Piece(NamedTuple):
    """One part: `sql` with `{}` for its rows, that are `given`; many rows are ordered as it says, and `end` comes last.

    `columns` are those of the rows with their types; what the whole statement reads from it, if anything, is `read`.
    """

    name: str
    columns: Sequence[str]
    sql: str
    order: str = " ORDER BY place"
    end: str = ""
    read: str = ""

    def text(self, place: int, *, many: bool) -> str:
        """Return it for rows whose arguments begin at `$place`."""
        names = ", ".join(column.partition(" ")[0] for column in self.columns)
        kinds = [column.partition(" ")[2] for column in self.columns]
        if many:
            asked = ", ".join(f"${place + n}::{kind}[]" for n, kind in enumerate(kinds))
            rows = f"unnest({asked}) WITH ORDINALITY AS given ({names}, place)"
        else:
            asked = ", ".join(f"${place + n}::{kind}" for n, kind in enumerate(kinds))
            rows = f"(VALUES ({asked})) AS given ({names})"
        return f"{self.name} AS ({self.sql.format(rows)}{self.order if many else ''}{self.end})"


HEADS = Piece(
    "heads",
    ("stream text", "count bigint"),
    "INSERT INTO channels (stream, seq, at) SELECT stream, count, $2::bigint FROM {}",
    ' ORDER BY stream COLLATE "C"',
    " ON CONFLICT (stream) DO UPDATE SET seq = channels.seq + excluded.seq, at = greatest(channels.at, excluded.at)"
    " RETURNING stream, seq, at",
    "SELECT stream, seq, at, NULL::text FROM heads",
)
TOLD = Piece(
    "told",
    ("stream text", "behind bigint", "type text", "body bytea"),
    "INSERT INTO journal (stream, seq, type, at, by, body)"
    " SELECT heads.stream, heads.seq - given.behind, given.type, heads.at, $1::text, given.body"
    ' FROM {} JOIN heads ON heads.stream = given.stream COLLATE "C"',
    "",
)
AUDITED = Piece(
    "audited",
    ("entity text", "id text", "action text", "old text", "new text"),
    "INSERT INTO audit_logs (entity_type, entity_id, action, changed_by, old_value, new_value, at)"
    " SELECT entity, id, action, $1::text, old, new, $2::bigint FROM {}",
)
FED = Piece(
    "fed",
    ("type text", "entity text", "id text", "payload text", "channels text"),
    "INSERT INTO activity_feed (event_type, actor_id, target_type, target_id, payload, channels, at)"
    " SELECT type, $1::text, entity, id, payload, string_to_array(channels, ' '), $2::bigint FROM {}",
)
COUNTED = Piece(
    "counted",
    ("scope text", "name text", "day text", "value bigint"),
    "INSERT INTO counters (scope, name, day, value) SELECT scope, name, day, value FROM {}",
    ' ORDER BY scope COLLATE "C", name COLLATE "C", day COLLATE "C"',
    " ON CONFLICT (scope, name, day) DO UPDATE SET value = counters.value + excluded.value",
)
KEPT = Piece(
    "kept",
    ("key text", "digest bytea", "reply bytea"),
    "INSERT INTO record_receipts (client, key, digest, reply, at) SELECT $1::text, key, digest, reply, $2::bigint FROM {}",
)
SENT = Piece(
    "sent",
    ("source text", "target text", "verb text", "body bytea"),
    "INSERT INTO messages (source, target, verb, body) SELECT source, target, verb, body FROM {}",
    end=" RETURNING number",
    read="SELECT NULL::text, number, 0::bigint, NULL::text FROM sent",
)
PIECES = (HEADS, TOLD, AUDITED, FED, COUNTED, KEPT, SENT)
_NUMBER = (
    "SELECT NULL::text AS stream, 0::bigint AS seq, $2::bigint AS at, pg_current_xact_id()::text AS number"
    " WHERE $1::text IS NOT NULL"
)

Rows = Sequence[Sequence[Any]]


def composed(by: str, at: int, rows: Sequence[Rows]) -> tuple[str, list[Any]]:
    """Return the statement that writes the `rows` of each of `PIECES`, done by somebody at a time (Unix ms), and its arguments.

    It returns the number of the transaction first, then the heads, then the numbers of what was sent.
    """
    args: list[Any] = [by, at]
    for some in rows:
        if some:
            args += some[0] if len(some) == 1 else zip(*some, strict=True)
    return _text(tuple(min(len(some), 2) for some in rows)), args


@lru_cache(maxsize=TEXTS_KEPT)
def _text(shape: tuple[int, ...]) -> str:
    """Return the statement in which each of `PIECES` has no row, one, or more."""
    there = [(piece, rows > 1) for piece, rows in zip(PIECES, shape, strict=True) if rows]
    asides = ", ".join(_texts(there))
    reads = (_NUMBER, *(piece.read for piece, _ in there if piece.read))
    return f"WITH {asides} {' UNION ALL '.join(reads)}"


def _texts(pieces: Sequence[tuple[Piece, bool]]) -> Iterator[str]:
    place = 3  # behind who it was, and when
    for piece, many in pieces:
        yield piece.text(place, many=many)
        place += len(piece.columns)
