"""The doors of calendars: the day of a list of schedules, one's private link, and the calendar that it reads.

The link is a capability and no token: whoever has it reads one calendar, no more, until it is revoked. It stands in the
path because calendar programs can send nothing else; routes are logged by their pattern, so no line and no label ever
holds it. Never here: what a calendar shows (`records.feeds`) and how it is written (`records.calendar`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from msgspec import UNSET, Struct, UnsetType, defstruct

from homeroom.engine.behaviour import Refusal
from homeroom.http.ranges import is_known
from homeroom.http.rest import Desk, Take, key_of
from homeroom.http.routes import Call, Handler, Nothing, Out, Route
from homeroom.protocol.hours import Zone
from homeroom.protocol.ids import spell_id
from homeroom.protocol.rest_json import read_query
from homeroom.protocol.zones import UnknownZone, day_window, find_zone
from homeroom.records.calendar import ICS_TYPE
from homeroom.records.columns import Day
from homeroom.records.feeds import Feeds
from homeroom.records.school.schedule_slot import LATEST_MS

LIST_NAME = "schedule_list"
"""The name of the route whose lists have days."""
SUFFIX = ".ics"
_KNOWN = {304: "it is the one that the program has (`If-None-Match`)"}
READ = "read"
BY_LINK, BY_ADDRESS = "calendar", "calendars"
"""The budgets: of one link, and of what an address tries in vain: who guesses takes nothing from those who have a link there."""
Derive = Callable[[str, str], bytes]


class CalendarLink(Struct, frozen=True):
    """One's private link: the path under which calendar programs read it. It is told this once, and can be revoked.

    `url` is all of it, where the server knows its public address.
    """

    path: str
    url: str | UnsetType = UNSET


class CalendarLinkThere(Struct, frozen=True):
    """That there is a link, and since when (Unix ms). What it is, is known to whom it was told alone."""

    made_at: int


@dataclass(frozen=True, slots=True)
class CalendarDoors:
    """The doors to `feeds`. `desk` keeps the budgets; `public_url` is the server's own address, empty if it does not know it.

    `derive(purpose, text)` gives the 16 octets of a link that comes with a key: a repeat gets the same one, although nobody keeps it.
    """

    feeds: Feeds
    desk: Desk
    derive: Derive
    public_url: str = ""

    def routes(self) -> Iterator[Route]:
        """Yield the doors."""
        passing = ("rate_limited", "overloaded", "unavailable", "timeout")
        yield Route(
            "GET", "/api/schedules/feed", "calendar_link",
            "Whether one has a private link to one's calendar.", self._tell, "schedules",
            reply=CalendarLinkThere, errors=("not_found", *passing),
        )  # fmt: skip
        yield Route(
            "POST", "/api/schedules/feed", "calendar_link_renew",
            "One's private link to one's calendar, anew: the one before ends.", self._renew, "schedules",
            reply=CalendarLink, errors=("forbidden", "bad_command", "conflict", *passing), status=201, keyed=True,
        )  # fmt: skip
        yield Route(
            "DELETE", "/api/schedules/feed", "calendar_link_revoke",
            "End one's private link.", self._revoke, "schedules",
            reply=Nothing, errors=("forbidden", "not_found", *passing),
        )  # fmt: skip
        yield Route(
            "GET", "/api/calendars/{link}", "calendar",
            "The calendar that a private link reads, `<secret>.ics`: for calendar programs, without a bearer.", self._read,
            "schedules", reply=str, errors=("not_found", *passing), bearer="ignored", mimetype=ICS_TYPE, also=_KNOWN,
        )  # fmt: skip

    async def _renew(self, call: Call) -> Out:
        self.desk.spend(call.person, "write")
        user, key = call.person.id, key_of(call)
        if key is None:
            secret = await self.feeds.renew(user)
        else:
            secret = spell_id(self.derive("calendar link", f"{user} {key}"))
            await self.feeds.renew_once(user, key, secret)
        path = f"/api/calendars/{secret}{SUFFIX}"
        return Out(CalendarLink(path, f"{self.public_url}{path}" if self.public_url else UNSET), 201)

    async def _tell(self, call: Call) -> Out:
        self.desk.spend(call.person, READ)
        return Out(CalendarLinkThere(await self.feeds.made_at(call.person.id)))

    async def _revoke(self, call: Call) -> Out:
        self.desk.spend(call.person, "write")
        await self.feeds.revoke(call.person.id)
        return Out(Nothing())

    async def _read(self, call: Call) -> Out:
        try:
            reader = await self.feeds.find(call.path["link"].removesuffix(SUFFIX))
        except Refusal:
            _take(self.desk.take, call.address, BY_ADDRESS)
            raise
        _take(self.desk.take, reader.id, BY_LINK)
        if "If-None-Match" in call.headers and is_known(call.headers, tag := await self.feeds.tag(reader)):
            return Out(b"", 304, _headers(tag), ICS_TYPE)
        tag, text = await self.feeds.write(reader)
        return Out(text, headers=_headers(tag), mimetype=ICS_TYPE)


def _headers(tag: str) -> Mapping[str, str]:
    said = {"Cache-Control": "private, max-age=300", "Content-Disposition": 'inline; filename="schedules.ics"'}
    return {**said, "ETag": f'"{tag}"'}


def _take(take: Take, who: str, budget: str) -> None:
    wait = take(who, budget)
    if wait is not None:
        raise Refusal("rate_limited", "a calendar is read now and then", retry_ms=wait)


# --- lists of one day


class DayQuery(Struct, frozen=True, kw_only=True):
    """Which day: what overlaps it in `zone`, be it 23, 24 or 25 hours long."""

    date: Day | UnsetType = UNSET
    zone: Zone | UnsetType = UNSET


def with_days(route: Route, zone: str) -> Route:
    """Return the door of a list of slots, which takes `date` and `zone` too; `zone` is the school's own, for when none is said."""
    if route.name != LIST_NAME:
        return route

    async def handler(call: Call) -> Out:
        return await inner(replace(call, query=_translated(call.query, zone)))

    inner: Handler = route.handler
    query = defstruct(
        f"Day{route.query.__name__ if route.query else ''}",
        [(name, Day | UnsetType if name == "date" else Zone | UnsetType, UNSET) for name in DayQuery.__struct_fields__],
        bases=(route.query,) if route.query else (),
        namespace={"__doc__": f"{(route.query or DayQuery).__doc__} `date` is a day in `zone`: what overlaps it."},
        frozen=True,
        kw_only=True,
    )
    return replace(route, query=query, handler=handler)


def _translated(query: Mapping[str, str], zone: str) -> Mapping[str, str]:
    """Return a query with the bounds that its day means; raises `bad_command` for a day or zone that there is not."""
    asked = {name: query[name] for name in DayQuery.__struct_fields__ if name in query}
    if not asked:
        return query
    day = read_query(asked, DayQuery)
    if day.date is UNSET:
        raise _unfit("date", "the day that `zone` is said for")
    start, end = _window(day.date, zone if day.zone is UNSET else day.zone)
    bounds = {"start_at_to": _bound(end - 1), "end_at_from": _bound(start + 1)}
    rest = {name: value for name, value in query.items() if name not in asked}
    for name in bounds:
        if name in rest:
            raise _unfit(name, "a day or bounds, not both")
    return {"sort": "start_at", **rest, **bounds}


def _bound(moment: int) -> str:
    return str(max(0, min(moment, LATEST_MS)))


def _window(day: str, zone: str) -> tuple[int, int]:
    try:
        return day_window(date.fromisoformat(day), find_zone(zone))
    except UnknownZone:
        raise _unfit("zone", "an IANA zone") from None
    except (ValueError, OverflowError):
        raise _unfit("date", "a day, YYYY-MM-DD") from None


def _unfit(field: str, allowed: str) -> Refusal:
    return Refusal("bad_command", f"{field}: {allowed}", data={"field": field, "allowed": allowed})
