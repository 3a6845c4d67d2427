"""The doors of the audit: who changed a thing, or anything, when and how, newest first.

Never here: who may see which values (the audit asks for it), and what is written there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from homeroom.http.include import IncludePeople, named
from homeroom.http.looking_back import End, Start, enumerated, other_words, said_in
from homeroom.http.rest import Desk
from homeroom.http.routes import Call, Handler, Out, Route
from homeroom.http.spellings import respell
from homeroom.http.time_span import check_span
from homeroom.protocol.ids import Id
from homeroom.protocol.paging import After, PageLimit
from homeroom.protocol.rest_json import read_query
from homeroom.records.audit import AuditQuery, AuditReader, Changes
from homeroom.records.directory import Directory
from homeroom.records.schema import USER

_ERRORS = ("forbidden", "rate_limited", "overloaded", "unavailable", "timeout")
Deed = Annotated[str, Meta(pattern=r"\A[a-z_]{1,60}\Z", description="what was done, such as updated")]


class OfOne(Struct, frozen=True, kw_only=True):
    """Who changed a thing: its type and its id, and which page."""

    entity_type: str
    entity_id: Id
    limit: PageLimit = 50
    after: After = ""
    include: IncludePeople = ""


class OfAll(Struct, frozen=True, kw_only=True):
    """Which changes. `start` and `end` (also `from` and `to`): Unix ms, both inclusive; `changed_by` is also `actor_id`."""

    entity_type: str | UnsetType = UNSET
    entity_id: Id | UnsetType = UNSET
    changed_by: Id | UnsetType = UNSET
    action: Deed | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    end: End | UnsetType = UNSET
    limit: PageLimit = 50
    after: After = ""
    include: IncludePeople = ""


_OTHER = other_words(OfAll)
_TYPE_WORDS = "the type of a record, in the singular or the plural"


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """The desk. `directory` tells the names of people."""

    desk: Desk
    audit: AuditReader
    directory: Directory | None

    def routes(self) -> Iterable[Route]:
        """Yield the doors."""
        yield self._route(
            "/api/audit-logs", "audit", "Who changed what, when and how, over all things: for admins.", self._search,
            query=self._told(OfAll, action=(self.audit.actions, "what was done")), errors=_ERRORS, spellings=_OTHER,
        )  # fmt: skip
        yield self._route(
            "/api/audit-logs/{entity_type}/{entity_id}", "audit_logs",
            "Who changed a thing that the reader may see, when and how; the values are for admins.", self._read,
            query=self._told(OfOne), errors=("not_found", *_ERRORS),
        )  # fmt: skip

    def _route(self, path: str, name: str, summary: str, handler: Handler, **more: Any) -> Route:
        return Route("GET", path, name, summary, handler, "activity", reply=Changes, raw=True, **more)

    async def _search(self, call: Call) -> Out:
        """Answer a page of the changes of all things."""
        self.desk.spend(call.person, "read")
        query: OfAll = self._asked(respell(call.query, _OTHER), OfAll)
        asked = AuditQuery(**said_in(query, AuditQuery))
        self.audit.check_action(asked.action)
        check_span(asked.start, asked.end)
        found = await self.audit.search(asked, call.person.caller)
        return Out(await self._with_people(found, call) if query.include else found)

    async def _read(self, call: Call) -> Out:
        """Answer a page of the changes of one thing."""
        self.desk.spend(call.person, "read")
        query: OfOne = self._asked({**call.query, **call.path}, OfOne)
        entity = (query.entity_type, query.entity_id)
        found = await self.audit.page(entity, call.person.caller, query.limit, query.after)
        return Out(await self._with_people(found, call) if query.include else found)

    def _asked(self, given: Mapping[str, str], type: Any) -> Any:
        """Return a query, with its type in the singular; raises `bad_command` for a type that there is not."""
        values = dict(given)
        if "entity_type" in values:
            values["entity_type"] = self.audit.type_of(values["entity_type"])
        return read_query(values, type)

    def _told(self, query: type[Struct], **words: Any) -> type[Struct]:
        """Return a query for the description, with the words that there are."""
        return enumerated(query, f"Audit{query.__name__}", {"entity_type": (self.audit.types, _TYPE_WORDS), **words})

    async def _with_people(self, changes: Changes, call: Call) -> Changes:
        """Return the page with the names of those who changed something, and of the users that were changed."""
        changed = {one.entity_id for one in changes.items if one.entity_type == USER}
        ids = {one.changed_by for one in changes.items} | changed
        return replace(changes, people=await named(self.directory, call.person.caller, ids))
