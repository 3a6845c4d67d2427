"""The door of the audit: who changed a thing, when and how, newest first.

Never here: who may see which values (the audit asks for it), and what is written there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct

from homeroom.http.activity import Kind
from homeroom.http.rest import Desk
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.ids import Id
from homeroom.protocol.paging import After, PageLimit
from homeroom.protocol.rest_json import read_query
from homeroom.records.audit import AuditReader, Changes


class AuditQuery(Struct, frozen=True, kw_only=True):
    """Who changed a thing: its type and its id, and which page."""

    entity_type: Kind
    entity_id: Id
    limit: PageLimit = 50
    after: After = ""


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """The desk."""

    desk: Desk
    audit: AuditReader

    def routes(self) -> Iterable[Route]:
        """Return the door."""
        return (
            Route(
                "GET",
                "/api/audit-logs/{entity_type}/{entity_id}",
                "audit_logs",
                "Who changed a thing that the reader may see, when and how; the values are for admins.",
                self.read,
                "activity",
                query=AuditQuery,
                reply=Changes,
                errors=("not_found", "rate_limited", "overloaded", "unavailable", "timeout"),
                raw=True,
            ),
        )

    async def read(self, call: Call) -> Out:
        """Answer a page of changes."""
        self.desk.spend(call.person, "read")
        query = read_query({**call.query, **call.path}, AuditQuery)
        entity = (query.entity_type, query.entity_id)
        return Out(await self.audit.page(entity, call.person.caller, query.limit, query.after))
