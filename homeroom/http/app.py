"""The HTTP application, put together: which doors there are. One function, given all parts.

Never here: what a request goes through (`pipeline`), and how parts are made (the composition root).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources.abc import Traversable
from random import Random
from typing import Any

from msgspec import Struct

from homeroom.engine.engine import Engine
from homeroom.engine.kind import Kind
from homeroom.engine.switchboard import Ref
from homeroom.engine.wire import Wire
from homeroom.http.activity import ActivityDesk
from homeroom.http.audit import AuditDesk
from homeroom.http.authentication import Authentication, UserAnswer
from homeroom.http.budgets import Budgets
from homeroom.http.calendar import CalendarDoors, with_days
from homeroom.http.dashboard import DashboardDesk
from homeroom.http.documents import Documents
from homeroom.http.door_words import tag_words
from homeroom.http.health import Health, Probe
from homeroom.http.join_queue import KIND as QUEUE
from homeroom.http.join_queue import JoinQueueDoor
from homeroom.http.listing import LookUp, listing_routes
from homeroom.http.metrics import Metrics, Statistics
from homeroom.http.openapi import describe
from homeroom.http.own_sitting import KIND as SITTING
from homeroom.http.own_sitting import OwnSitting
from homeroom.http.pages import Pages
from homeroom.http.people import PeopleDoors
from homeroom.http.pipeline import App, WebSettings, build_app
from homeroom.http.place_roster import PlaceParts, PlaceRoster
from homeroom.http.presence import KIND as PRESENCE
from homeroom.http.presence import Known, PresenceDesk
from homeroom.http.records import record_routes
from homeroom.http.rest import Desk, twin_routes
from homeroom.http.roster import Roster
from homeroom.http.routes import Route, check_doors
from homeroom.http.sync import Sync
from homeroom.http.things import thing_routes
from homeroom.http.uploads import UploadDoors
from homeroom.protocol.verbs import VerbTable
from homeroom.records.activity import Activity
from homeroom.records.audit import AuditReader
from homeroom.records.directory import Directory
from homeroom.records.feeds import Feeds
from homeroom.records.figures import FigureReader
from homeroom.records.files.reception import Reception
from homeroom.records.store import Store
from homeroom.records.vocabulary import Thing, Vocabulary


class Demo(Struct, frozen=True):
    """The demo school: its people, and the password they share. Shown to everybody; never on a public address."""

    people: tuple[UserAnswer, ...]
    password: str


@dataclass(frozen=True, slots=True)
class RecordParts:
    """What keeps the records, and what tells of their changes. `reception` takes files in, `None` where none are taken; `feeds` are the
    private links of calendars, `None` where there are none; `directory` finds people by
    name, `None` where there are only rows; `zone` is the school's own, for days that are asked for without one;
    `public_url` is how links to this server begin, empty where nobody has said.
    """

    store: Store
    activity: Activity
    audit: AuditReader
    reception: Reception | None = None
    feeds: Feeds | None = None
    directory: Directory | None = None
    zone: str = "UTC"
    public_url: str = ""
    figures: FigureReader | None = None


@dataclass(frozen=True, slots=True)
class AppParts:
    """All that the application is made of.

    `ref` is the way to every stream, of an actor or of records. `present()` names the people who have a connection, `known` those of some streams that have a history; `random` makes ids that
    nobody can guess; `records` and `places` are `None` where none are kept; `statistics` are read at each scrape, by part; `probes` are asked by `/readyz`; `asyncapi` makes the
    document, once it is asked for; `demo` is `None` outside the demo.
    """

    engine: Engine
    ref: Callable[[str], Ref]
    wire: Wire
    kinds: Sequence[Kind]
    verbs: VerbTable
    budgets: Budgets
    authentication: Authentication
    sync: Sync
    present: Callable[[], Iterable[str]]
    known: Known
    random: Random
    static: Traversable
    docs: Traversable
    asyncapi: Callable[[], Mapping[str, Any]]
    settings: WebSettings = field(default_factory=WebSettings)
    records: RecordParts | None = None
    places: PlaceParts | None = None
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    demo: Demo | None = None


def make_app(parts: AppParts) -> App:
    """Return the application that serves all doors of `parts`."""
    metrics = Metrics({**parts.statistics, "sync": parts.sync.statistics, "budgets": parts.budgets.statistics})
    routes = all_routes(parts, metrics)
    pages = Pages(parts.static, parts.docs)
    identify, now = parts.authentication.tokens.authenticate, parts.authentication.clock.now
    return build_app(routes, pages.register, identify, metrics, parts.settings, now=now)


def all_routes(parts: AppParts, metrics: Metrics) -> list[Route]:
    """Return the table of all doors, their own description included."""
    settings, documents = parts.settings, Documents()
    take, timeout_s = parts.budgets.take, settings.answer_timeout_s
    desk = Desk(parts.ref, parts.verbs, parts.wire, take, parts.random, timeout_s)
    routes = [
        *parts.authentication.routes(),
        *kind_routes(parts.kinds, desk, parts.engine.look_up),
        *_presence_routes(parts, desk),
        *(route for kind in parts.kinds if kind.name == SITTING for route in OwnSitting(desk, kind).routes()),
        *(route for kind in parts.kinds if kind.name == QUEUE for route in JoinQueueDoor(desk, kind).routes()),
        *_record_routes(parts, desk),
        *parts.sync.routes(),
        *Health(parts.probes, metrics, settings.version, settings.metrics_token).routes(),
        documents.door("/asyncapi.json", "asyncapi", "This server's WebSocket side, as AsyncAPI.", parts.asyncapi),
    ]
    if parts.demo is not None:
        routes.append(
            documents.door("/api/demo", "demo", "The people of the demo, and their password.", lambda: parts.demo)
        )
    check_doors(routes)
    return [*routes, _openapi(routes, documents, parts)]


def kind_routes(kinds: Sequence[Kind], desk: Desk, look_up: LookUp) -> list[Route]:
    """Return the doors that follow from the rows of the kinds: verbs, lists, and what can be looked at as it is or was."""
    named = [*twin_routes(kinds, desk), *listing_routes(kinds, desk, look_up)]
    return [*named, *thing_routes(kinds, desk, {(route.method, route.pattern) for route in named})]


def _presence_routes(parts: AppParts, desk: Desk) -> Iterable[Route]:
    for kind in parts.kinds:
        if kind.name == PRESENCE:
            presences = PresenceDesk(desk, kind, partial(_here, parts), parts.known)
            yield from presences.routes()
            if parts.places is not None:
                yield from PlaceRoster(parts.places, presences).routes()
            yield from Roster(desk, parts.kinds, parts.engine.retained).routes()


def _here(parts: AppParts) -> Iterable[str]:
    """Return who may be here: those with a connection, then those whose presence is awake, as it is while heartbeats come over REST."""
    return dict.fromkeys((*parts.present(), *parts.engine.awake(PRESENCE)))


def _record_routes(parts: AppParts, desk: Desk) -> Iterable[Route]:
    records = parts.records
    if records is not None:
        uploads = UploadDoors(records.reception, records.store, desk).routes() if records.reception else []
        people = (
            PeopleDoors(parts.authentication, records.store, records.directory, desk).routes()
            if records.directory
            else ()
        )
        special = [*uploads, *people]
        taken = {(route.method, route.pattern) for route in special}
        yield from special
        made = record_routes(records.store, desk, records.directory)
        own = (route for route in made if (route.method, route.pattern) not in taken)
        yield from (with_days(route, records.zone) for route in own)
        yield from (
            CalendarDoors(records.feeds, desk, parts.authentication.tokens.derive, records.public_url).routes()
            if records.feeds
            else ()
        )
        yield from ActivityDesk(desk, records.activity, records.directory, _words(parts, records)).routes()
        yield from AuditDesk(desk, records.audit, records.directory).routes()
        yield from DashboardDesk(desk, records.figures).routes() if records.figures else ()


def _words(parts: AppParts, records: RecordParts) -> Vocabulary:
    """Return the words of all that the feed tells of: records, and things of kinds that tell channels."""
    things = (Thing(kind.name, kind.plural, kind.tells) for kind in parts.kinds if kind.tells)
    return Vocabulary(records.store.catalog.types.values(), things)


def _openapi(routes: Sequence[Route], documents: Documents, parts: AppParts) -> Route:
    """Return the door of the description, which describes itself too."""
    chapters = tag_words(parts.records.store.catalog.types.values() if parts.records else ())
    door: Route = documents.door(
        "/openapi.json", "openapi", "This server's REST doors, as OpenAPI.",
        lambda: describe([*routes, door], parts.settings.version, chapters),
    )  # fmt: skip
    return door
