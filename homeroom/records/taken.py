"""A row that cannot be written because another has the values that only one may have. Never here: finding out which (`in_the_way`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from homeroom.records.declare import RecordType
from homeroom.records.in_the_way import InTheWay


class Taken(InTheWay):
    """`conflict`: another row of `type` agrees in `fields` with one of `rows`, the JSON of those that were to be written."""

    shown = ("title", "status", "active")
    before_names = " by "

    def __init__(self, type: RecordType, fields: Sequence[str], rows: str) -> None:
        msg = f"{' and '.join(fields)}: taken already"
        super().__init__(msg, {"fields": list(fields)}, type, _same(type, fields), rows)

    def name_of(self, record: Mapping[str, Any]) -> str:
        """Return what it is, and whether it is over: then that one may begin again instead."""
        standing = record.get("status") or ("not active" if record.get("active") is False else "")
        return f"{self.owner.name.replace('_', ' ')} {record['id']!r}{f' ({standing})' if standing else ''}"


def _same(type: RecordType, fields: Sequence[str]) -> str:
    """Return what tells that a row `r` agrees in `fields` with one of the JSON `$2`, and is another one unless it is the id itself."""
    same = [f"r.{name} = g.{name}" for name in fields] + ([] if "id" in fields else ["r.id <> g.id"])
    given = f"json_populate_recordset(NULL::{type.plural}, $2::text::json) AS g"
    return f"EXISTS (SELECT FROM {given} WHERE {' AND '.join(same)})"
