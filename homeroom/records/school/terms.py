"""Terms of the school year: one at a time is active."""

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, EVERYBODY, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Day, Row, Title
from homeroom.records.declare import Deed, Moment, RecordType, Unit, role, table
from homeroom.records.tallies import Tally

_BY_ADMINS = allow(ADMINS)


class Term(Row, frozen=True, kw_only=True):
    """A term, from `starts_on` to `ends_on`, both included."""

    title: Title
    starts_on: Day
    ends_on: Day
    active: bool = False


class ActivateTerm(Struct, frozen=True):
    """Make this term the active one; the one before is active no longer."""

    term_id: Id


def _check(term: Term, moment: Moment) -> None:
    if term.ends_on < term.starts_on:
        raise Refusal("bad_command", "a term ends on or after its first day", data={"field": "ends_on"})


async def _activate(unit: Unit, body: ActivateTerm) -> Term:
    await unit.lock("terms.active")
    term: Term = await unit.get(TERM, body.term_id)
    if term.active:
        raise Refusal("conflict", "this term is the active one already")
    for row in await unit.fetch("SELECT id FROM terms WHERE active ORDER BY id"):
        await unit.update(TERM, row["id"], {"active": False})
    activated: Term = await unit.update(TERM, term.id, {"active": True}, "term.activated")
    return activated


TERM = RecordType(
    name="term",
    plural="terms",
    row=Term,
    channels=(table(), table("academic_terms"), role("admin")),
    read=EVERYBODY,
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    made_by_server=frozenset({"active"}),
    filters=("active", "starts_on", "ends_on"),
    sorts=("starts_on", "title", "created_at"),
    indexes=(("starts_on",),),
    tallies=(Tally("active", {"terms": ""}, when={"active": (True,)}),),
    checks=_check,
    tells=("term.activated",),
    deeds=(Deed("activate", "POST /api/terms/{term_id}/activate", _BY_ADMINS, ActivateTerm, Term, _activate),),
    also=("/api/academic-terms",),
)
