"""What lists answer beside their rows to those who ask for it (`include=`): the people whom the rows name, and how many there are in all.

Names are read with the answer and stand in no row and no event, so that nobody is called by a name of before. Who does not ask
pays nothing. Never here: of whom one may know (`records.directory`), and what is counted (`records.listing`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from homeroom.engine.behaviour import Caller
from homeroom.records.declare import RecordType
from homeroom.records.directory import Directory
from homeroom.records.listing import Listing, ListQuery, people_of
from homeroom.records.named import Named
from homeroom.records.store import Store

PEOPLE, TOTAL = "people", "total"
_PEOPLE_WORDS = "`people`: name and role of those whom the rows name, by id, as far as one may know of them"
IncludePeople = Annotated[str, Meta(pattern=rf"\A(?:{PEOPLE})?\Z", description=_PEOPLE_WORDS, examples=[PEOPLE])]
Include = Annotated[
    str,
    Meta(
        pattern=rf"\A(?:{PEOPLE}|{TOTAL}|{PEOPLE},{TOTAL}|{TOTAL},{PEOPLE})?\Z",
        description=f"what comes beside the rows, joined by commas. {_PEOPLE_WORDS}; `total`: how many rows all pages have, counted up to 10000",
        examples=["people,total"],
    ),
]


@dataclass(frozen=True, slots=True)
class Beside:
    """Finds it. `directory` is `None` where there are only rows: nobody has a name then."""

    store: Store
    directory: Directory | None

    async def of(self, record: RecordType, query: ListQuery, found: Listing, caller: Caller) -> dict[str, Any]:
        """Return the fields of a list's answer beside those that it always has."""
        said: dict[str, Any] = {}
        if PEOPLE in query.include:
            said[PEOPLE] = await named(self.directory, caller, people_of(record, found.items))
        if TOTAL in query.include:
            said[TOTAL] = await self.store.total(record, query, caller)
        return said


async def named(directory: Directory | None, caller: Caller, ids: Iterable[str]) -> dict[str, Named]:
    """Return who those of `ids` are of whom `caller` may know."""
    return {} if directory is None else await directory.names(caller, ids)
