"""What a record type is: its fields, relations, rules, channels, events, indexes and actions, said once.

From a declaration come the tables (`schema`), who may what (`access`), the REST doors and their description, the audit,
the activity and the events. One that cannot hold is refused when it is made. Never here: SQL of reading and writing, and
the types of the school (`school/`).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct

from homeroom.engine.behaviour import Caller, Command
from homeroom.protocol.access import Rule
from homeroom.records.columns import BASE, Column, Row, columns_of
from homeroom.records.declare_faults import WORD, faults
from homeroom.records.derived import Derived
from homeroom.records.lens import Lens
from homeroom.records.notice import Notice
from homeroom.records.place import Place
from homeroom.records.search import words_in
from homeroom.records.tallies import Count, Tally

Shape = Literal["row", "ids"]

SEARCH = "words"
"""The filter by which texts are searched."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where changes of a row are told: streams of one kind.

    `ids` is SQL: an expression over the row `r`, or, with `many`, a query of one column that may use `r`. NULL is no
    stream. `shape` "ids" tells id, operation and version only, for streams whose readers may not see the row.
    """

    kind: str
    ids: str
    shape: Shape = "row"
    many: bool = False


def table(name: str = "") -> Channel:
    """Return the stream of the whole table, for admins: never with rows. `name` where it is not the type's plural."""
    return Channel("table", f"'{name}'" if name else "", "ids")


def to(kind: str, ids: str, shape: Shape = "row") -> Channel:
    """Return the stream of one thing: `ids` is a column, or an expression over `r`."""
    return Channel(kind, f"r.{ids}" if WORD.match(ids) else ids, shape)


def role(*names: str, shape: Shape = "row") -> Channel:
    """Return the streams of roles."""
    return Channel("role", "VALUES " + ", ".join(f"('{name}')" for name in names), shape, many=True)


def each(kind: str, query: str, shape: Shape = "row") -> Channel:
    """Return the streams of all that `query` finds."""
    return Channel(kind, query, shape, many=True)


@dataclass(frozen=True, slots=True)
class Reference:
    """That a column holds the id of a row of another type, `user` for a person; `role` is the one the person must have."""

    to: str
    role: str | None = None
    on_delete: Literal["restrict", "cascade", "clear"] = "restrict"
    first: bool = False
    """Whether the person is held before such a row is when it changes: another role of theirs ends it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is decided, in Unix ms, and for whom."""

    now: int
    caller: Caller


class Unit(Protocol):
    """One transaction, as deeds and `before` hooks see it: each write is checked for the caller, audited and told.

    Rows come as the structures of their types. All of it raises `Refusal`, which takes everything back.
    """

    @property
    def caller(self) -> Caller:
        """Return for whom it is done."""

    @property
    def now(self) -> int:
        """Return the time of the whole unit, Unix ms."""

    @property
    def zone(self) -> ZoneInfo:
        """Return the school's zone."""

    @property
    def today(self) -> date:
        """Return the day that it is then, by the clocks of the school."""

    async def insert(self, type: "RecordType", values: Mapping[str, Any]) -> Any:
        """Add a row; an `id` among `values` is taken where the type says `own_id`."""

    async def insert_many(self, type: "RecordType", rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Add rows, many by one statement."""

    async def update(self, type: "RecordType", id: str, changes: Mapping[str, Any], event: str | None = None) -> Any:
        """Change columns; `event` is told instead of the type's own."""

    async def delete(self, type: "RecordType", id: str) -> None:
        """Remove a row."""

    async def update_many(
        self, type: "RecordType", changes: Mapping[str, Mapping[str, Any]], event: str | None = None
    ) -> list[Any]:
        """Change rows by their ids, many by one statement."""

    async def delete_many(self, type: "RecordType", ids: Sequence[str]) -> None:
        """Remove rows, many by one statement."""

    async def get(self, type: "RecordType", id: str) -> Any:
        """Return a row that the caller may read, held until the end; raises `not_found`."""

    async def get_many(
        self, type: "RecordType", ids: Sequence[str], to: Literal["read", "update", "delete"] = "read"
    ) -> list[Any]:
        """Return rows that the caller may read, change or remove, held until the end."""

    async def permit(self, type: "RecordType", values: Mapping[str, Any]) -> None:
        """Raise `forbidden` unless the caller may create a row of `values`; a deed asks it before it tells anything."""

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Run a statement that reads; nothing is checked."""

    async def execute(self, sql: str, *args: Any) -> None:
        """Run a statement that writes beside the records; nothing is checked, and nobody is told."""

    async def lock(self, name: str) -> None:
        """Let units with the same `name` come one by one, until the end."""

    def post(self, stream: str, event_type: str, body: Mapping[str, Any]) -> None:
        """Tell one event more."""

    def count(self, count: Count, by: int) -> None:
        """Add to a counter of what no row counts for by itself (`RecordType.counts`)."""

    def withdraw(self, stream: str, users: Iterable[str]) -> None:
        """End these people's subscriptions to `stream` after the commit."""

    def after(self, call: Callable[[], None]) -> None:
        """Have `call` run after the commit."""

    def news(self, news: object) -> None:
        """Have this server know of `news` after the commit, without waiting until it asks."""

    def tell(self, address: str, command: Command) -> None:
        """Send an actor a durable message: it is carried out exactly once, when this transaction is committed."""

    async def notify(self, type: "RecordType", notice: Notice, rows: Sequence[Any]) -> None:
        """Put a notice of each row into the inboxes of those whom it is for."""


Check = Callable[[Any, Moment], None]
"""Pure rules over more than one field of the row to be; raises `Refusal`."""
Before = Callable[[Unit, Any, Any], Awaitable[None]]
"""Rules that need other rows: (unit, row before or `None`, row to be or `None`), in the transaction, before the write."""
Together = Callable[[Unit, Sequence[tuple[Any, Any]]], Awaitable[None]]
"""As `After`, for all rows that one statement wrote: (unit, rows before and rows that are now), and before theirs."""
After = Before
"""What follows for other rows, and rules whose answer is only for those who may write: the same arguments, after the write."""
Fill = Callable[[Any, Any, Moment], Mapping[str, Any]]
"""(row before or `None`, row to be, moment) to the server's own columns of a create or an update; pure; raises `Refusal`."""
Change = Callable[[Any, Any, Moment], Mapping[str, Any]]
"""(row, body or `None`, moment) to the columns that change; pure; raises `Refusal`."""


@dataclass(frozen=True, slots=True)
class Action:
    """One change of one row beside create, update and delete. The doors hold `{id}`."""

    name: str
    door: str
    event: str
    rule: Rule
    change: Change
    body: type[Struct] | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done to many rows at once; `rule` is asked for the role alone, the unit asks for each row.

    `made` gives the path of the one thing that it makes, from its reply: 201 then, with that as `Location`. `asked` are fields of the
    body that may stand in the query instead. `text`, a content type and a field: a body of that type is what stands in that field.
    """

    name: str
    door: str
    rule: Rule
    body: type[Struct]
    reply: Any
    perform: Callable[[Unit, Any], Awaitable[Any]]
    also: tuple[str, ...] = ()
    made: Callable[[Any], str] | None = None
    asked: tuple[str, ...] = ()
    text: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RecordType:
    """A record type. Raises `ValueError` for a declaration that cannot hold: none without channels, no unknown name.

    read, create, update, delete    who may, by role and relation; a column of `settable` or `hidden` has a narrower rule
    relations                       relation -> SQL predicate over the row `r`, with `:me` for the caller's id
    wants                           relation -> what whoever lacks it is told, with `{columns}` that they sent or see
    made_by_server                  columns that no client sets
    mine                            columns that hold the creator's id when a create leaves them out (or may not name them)
    derived                         columns that mean something when a client leaves them out: what follows from the rest, or the school's zone
    fill                            the server's columns in a create or an update by a client; actions say their own
    hidden                          columns that only some may see: never in events
    rich                            texts with markup, sanitised on the way in; all others are plain
    filters, sorts                  columns; numbers and days are filtered by `_from` and `_to` as well
    lenses                          column of `filters` -> what is asked instead of equality
    searches                        further filters: text -> SQL predicate over `r` with `:value`
    searched                        columns of text in which `words=` looks, by an index of theirs
    unique                          columns no two rows agree in: a second one is a `conflict` that names them
    words                           change -> type of its event, where it is not `<name>.<change>`
    tells                           types of events that its deeds and hooks tell, beside those of its changes and actions
    aliases                         further names of columns, and of fields of its deeds, on the way in: `{"start_time": "start_at"}`
    spellings                       further words of an enumeration: `{"status": {"canceled": "cancelled"}}`
    own_id                          whoever creates one may choose its id
    by_hand                         its table, or view, is made by a migration of its own
    farewell                        SQL assignments, with `:now`, that a delete makes: the row stays for those that name it, and its
                                    relations say that nobody may read it any more
    tallies                         the counters that its rows add to
    counts, counted                 what keeps counters that depend on rows of other types too, asked before `together`; and the SQL query
                                    (scope, name, day, value) of all that it keeps, said by one of those types
    path, also                      the list's door where it is not `/api/<plural>`, and further ones (`/api/reportcards`)
    """

    name: str
    plural: str
    row: type[Row]
    channels: tuple[Channel, ...]
    read: Rule
    create: Rule
    update: Rule
    delete: Rule
    relations: Mapping[str, str] = field(default_factory=dict)
    wants: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Reference] = field(default_factory=dict)
    made_by_server: frozenset[str] = frozenset()
    settable: Mapping[str, Rule] = field(default_factory=dict)
    hidden: Mapping[str, Rule] = field(default_factory=dict)
    rich: frozenset[str] = frozenset()
    filters: tuple[str, ...] = ()
    lenses: Mapping[str, Lens] = field(default_factory=dict)
    searches: Mapping[str, str] = field(default_factory=dict)
    searched: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    checks: Check | None = None
    before: Before | None = None
    after: After | None = None
    together: Together | None = None
    fill: Fill | None = None
    mine: frozenset[str] = frozenset()
    derived: Mapping[str, Derived] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    deeds: tuple[Deed, ...] = ()
    notices: tuple[Notice, ...] = ()
    place: Place | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    tells: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    own_id: bool = False
    by_hand: bool = False
    farewell: str = ""
    path: str = ""
    also: tuple[str, ...] = ()
    tallies: tuple[Tally, ...] = ()
    counts: Together | None = None
    counted: str = ""
    columns: Mapping[str, Column] = field(init=False)
    """All columns by name, those of `Row` first."""

    def __post_init__(self) -> None:
        """Read the columns off the row, name the table's stream, and check everything."""
        object.__setattr__(self, "columns", MappingProxyType(columns_of(self.row)))
        named = (Channel("table", f"'{self.plural}'", "ids") if not one.ids else one for one in self.channels)
        object.__setattr__(self, "channels", tuple(named))
        if self.searched:
            object.__setattr__(self, "searches", {SEARCH: words_in(self.searched), **self.searches})
        for fault in faults(self):
            msg = f"record type {self.name!r}: {fault}"
            raise ValueError(msg)

    @property
    def door(self) -> str:
        """Return the path of its list, `/api/report-cards`."""
        return f"/api/{self.path or self.plural.replace('_', '-')}"

    def event(self, change: str) -> str:
        """Return the type of the event of a `change`: created, updated or deleted."""
        return self.words.get(change, f"{self.name}.{change}")

    def own_columns(self) -> Iterator[Column]:
        """Yield the columns that are not those of every record."""
        return (column for name, column in self.columns.items() if name not in BASE)

    def whose(self, caller: Caller) -> dict[str, str]:
        """Return the columns that name `caller` where nobody else is said: none that is for people of another role."""
        wanted = {name: self.references[name].role for name in self.mine if name in self.references}
        return {name: caller.user for name in self.mine if wanted.get(name) in {None, caller.role}}

    def writable(self, *, create: bool) -> tuple[Column, ...]:
        """Return the columns a client may name in a create, or in an update."""
        own = tuple(column for column in self.own_columns() if column.name not in self.made_by_server)
        return (self.columns["id"], *own) if create and self.own_id else own
