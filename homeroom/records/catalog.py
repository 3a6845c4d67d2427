"""All record types together: by name, who refers to whom, their statements, and what their constraints mean.

Never here: one transaction (`unit`).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from homeroom.protocol.zones import find_zone
from homeroom.records.declare import RecordType, Reference
from homeroom.records.faults import Faults
from homeroom.records.statements import Texts


class Referrer(NamedTuple):
    """A column of another type that refers to rows of this one."""

    type: RecordType
    column: str
    reference: Reference


class Catalog:
    """What a store knows of its types; `zone`, the school's, says which day a time belongs to where that is counted."""

    def __init__(self, types: Sequence[RecordType], zone: ZoneInfo | None = None) -> None:
        self.zone = zone or find_zone("UTC")
        self.types = {one.name: one for one in types}
        self.texts = Texts()
        self.faults = Faults(types)
        self._referrers: dict[str, list[Referrer]] = defaultdict(list)
        for one in types:
            for column, reference in one.references.items():
                self._referrers[reference.to].append(Referrer(one, column, reference))

    def followers(self, type: RecordType) -> list[Referrer]:
        """Return the columns whose rows go, or are cleared, when one of `type` goes; those that forbid it are left out."""
        return [one for one in self._referrers.get(type.name, ()) if one.reference.on_delete != "restrict"]
