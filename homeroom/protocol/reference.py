"""The protocol's reference as Markdown, generated from the types and tables that are in force.

Takes what the kinds are, and the figures in force, as plain values, so that it knows no actor and no setting. Never here: what
no type can say (`guide`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, get_args

import msgspec
from msgspec.structs import FieldInfo, fields

from homeroom.protocol import guide
from homeroom.protocol.access import ANY, ROLES, STAFF, SYSTEM_ROLE, Rule
from homeroom.protocol.channels import CHANNEL_KINDS, Change
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close, may_reconnect
from homeroom.protocol.frames import ClientFrame, Event, Resumed, ServerFrame, Snapshot
from homeroom.protocol.readable import READABLE
from homeroom.protocol.shape import shape_of, structures_in


@dataclass(frozen=True, slots=True)
class VerbEntry:
    """One verb as the reference shows it.

    `rest` is `METHOD /path`, `None` for a verb that has no door from outside, `also` its other names; `reply` is what its answer
    carries, if anything.
    """

    command: type[Any]
    rule: Rule
    rest: str | None
    budget: str
    reply: type[Any] | None
    also: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One list as the reference shows it: its door, the structure of its query, its answer, and who may ask."""

    path: str
    query: type[Any]
    reply: type[Any]
    rule: Rule
    budget: str


@dataclass(frozen=True, slots=True)
class DoorEntry:
    """One door that is no verb's: `METHOD /path`, what it is for, the structure of its body or query (if any), and of its answer.

    `replies`: the answer is the `data` of a verb's reply.
    """

    door: str
    about: str
    asked: type[Any] | None
    reply: Any
    replies: bool = False


@dataclass(frozen=True, slots=True)
class KindEntry:
    """One kind as the reference shows it; `view` is the snapshot that is sent, `looks` are the doors to those who may follow it.

    `ids` says what an id is made of, where it is not just any.
    """

    name: str
    verbs: Sequence[VerbEntry]
    events: Sequence[type[Any]]
    watch: Rule
    view: type[Any]
    lists: Sequence[ListEntry] = ()
    looks: Sequence[str] = ()
    ids: str = ""
    doors: Sequence[DoorEntry] = ()


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """One record type as the reference shows it: the types of its events, and the kinds of the channels they are told on."""

    name: str
    events: Sequence[str]
    channels: Sequence[str]


@dataclass(frozen=True, slots=True)
class LimitEntry:
    """One limit: what is limited, its figure with the unit, and what happens beyond it."""

    what: str
    figure: str
    beyond: str


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """One budget: how many a minute on the average, and how many at once."""

    name: str
    per_minute: float
    at_once: float


def describe_protocol(
    kinds: Iterable[KindEntry],
    limits: Iterable[LimitEntry],
    budgets: Iterable[BudgetEntry],
    records: Iterable[RecordEntry],
) -> str:
    """Return the whole page."""
    parts = [
        *(guide.HEAD, guide.TOKEN, guide.CONNECTION, guide.REQUESTS, guide.STREAMS, _struct(Event), _EVENT_NOTE),
        *(guide.REST, *_frames(), *_figures(limits, budgets), *_codes()),
        *(line for kind in kinds for line in _kind(kind)),
        *_channels(records),
    ]
    return "\n\n".join(parts) + "\n"


_EVENT_NOTE = (
    "Its identity, for deduplication, is stream and number, written `room:physics-1@17`. The events of each kind stand in its\n"
    "chapter: what a table shows there is the `d`. Those that are called ephemeral come in `sig`, all others in `ev`. Of signals\n"
    "about the same thing the newest wins; who subscribes is told the newest ones that still hold."
)


def _frames() -> Iterable[str]:
    yield "## Frames from the client"
    yield from (_frame(frame) for frame in get_args(ClientFrame))
    yield "## Frames from the server"
    yield from (_frame(frame) for frame in get_args(ServerFrame))
    yield "### The `d` of an `ok` to `sub`"
    yield _struct(Resumed, note='`verdict` is `"resumed"`.')
    yield _struct(Snapshot, note='`verdict` is `"snapshot"`.')
    frames = [READABLE.get(frame, frame) for frame in (*get_args(ClientFrame), *get_args(ServerFrame))]
    yield from _structures("the frames", structures_in(frames), known={*frames, Event})


def _frame(frame: type[Any]) -> str:
    return f"### `{tag_of(frame)}`\n\n{_struct(READABLE.get(frame, frame))}"


def _figures(limits: Iterable[LimitEntry], budgets: Iterable[BudgetEntry]) -> Iterable[str]:
    yield guide.LIMITS
    yield _table(("limit", "default", "beyond it"), ((one.what, one.figure, one.beyond) for one in limits))
    yield guide.BUDGETS
    figures = ((f"`{one.name}`", f"{one.per_minute:,g}", f"{one.at_once:,g}") for one in budgets)
    yield _table(("budget", "a minute", "at once"), figures)


def _structures(owner: str, found: Iterable[type[Any]], known: Collection[type[Any]]) -> Iterable[str]:
    """Yield the structures that are not `known` from elsewhere on the page."""
    new = [struct for struct in found if struct not in known]
    if new:
        yield f"### Structures of {owner}"
        yield from (f"#### `{struct.__name__}`\n\n{_struct(struct)}" for struct in new)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _codes() -> Iterable[str]:
    yield "## Errors"
    errors = ((f"`{code}`", str(row.status), row.meaning, _yes(row.retry)) for code, row in ERRORS.items())
    yield _table(("code", "HTTP", "meaning", "the same again may succeed"), errors)
    yield "## Close codes"
    closes = ((str(int(code)), code.name.lower().replace("_", " "), _yes(may_reconnect(code))) for code in Close)
    yield _table(("code", "reason", "come back with the same input"), closes)


def _kind(kind: KindEntry) -> Iterable[str]:
    yield f"## `{kind.name}`"
    looks = f" To the same people: {', '.join(f'`GET {path}`' for path in kind.looks)}." if kind.looks else ""
    made = f" `<id>` is {kind.ids}." if kind.ids else ""
    yield f"Address and stream: `{kind.name}:<id>`.{made} May be followed by {rule_in_words(kind.watch)}.{looks}"
    yield f"### Verbs of `{kind.name}`"
    yield from map(_verb, kind.verbs)
    if kind.lists:
        yield f"### Lists of `{kind.name}`"
        yield from map(_list, kind.lists)
    if kind.doors:
        yield f"### Further doors of `{kind.name}`"
        yield from map(_door, kind.doors)
    yield f"### Events of `{kind.name}`"
    yield from (f"#### `{event.type}`\n\n{_struct(event)}" for event in kind.events)
    yield f"### Snapshot of `{kind.name}`"
    yield f"The `state` of a subscription's `snapshot`: {shape_of(kind.view)}."
    words = [*(verb.command for verb in kind.verbs), *kind.events]
    replies = [verb.reply for verb in kind.verbs if verb.reply is not None] + [one.reply for one in kind.lists]
    replies += [one.reply for one in kind.doors]
    yield from _structures(f"`{kind.name}`", structures_in([kind.view, *replies, *words]), known=words)


def _channels(records: Iterable[RecordEntry]) -> Iterable[str]:
    yield guide.CHANNELS
    rows = ((f"`{one.name}:<id>`", one.id, one.followers, f"`{one.state.__name__}`") for one in CHANNEL_KINDS)
    yield _table(("stream", "id of", "may be followed by", "snapshot"), rows)
    yield f"### The `d` of a record's event\n\n{_struct(Change)}"
    told = ((f"`{one.name}`", _codes_of(one.events), _codes_of(one.channels)) for one in records)
    yield "### Events of records"
    yield _table(("record", "its events", "told on"), told)
    yield "### Signals of channels\n\nEphemeral: `sig` on the stream, the newest wins, and it holds the whole set."
    signals = (
        (f"`{signal.type}`", f"`{one.name}:<id>`", shape_of(signal)) for one in CHANNEL_KINDS for signal in one.signals
    )
    yield _table(("signal", "told on", "its `d`"), signals)
    shown = dict.fromkeys(shape for one in CHANNEL_KINDS for shape in (one.state, *one.signals))
    yield from _structures("channels", structures_in(shown), known=())


def _codes_of(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _verb(verb: VerbEntry) -> str:
    doors = " and ".join(f"`{door}`" for door in (verb.rest, *verb.also) if door)
    rest = f"REST: {doors}." if doors else "No door from outside."
    reply = f"Replies {shape_of(verb.reply)}." if verb.reply is not None else "Replies nothing."
    facts = f"{reply} {rest} Budget: `{verb.budget}`. For {rule_in_words(verb.rule)}."
    return f"#### `{verb.command.do}`\n\n{_struct(verb.command)}\n\n{facts}"


def _list(one: ListEntry) -> str:
    facts = f"Answers {shape_of(one.reply)}. Budget: `{one.budget}`. For {rule_in_words(one.rule)}."
    return f"#### `GET {one.path}`\n\n{_struct(one.query)}\n\n{facts}"


def _door(one: DoorEntry) -> str:
    asked = f"{_struct(one.asked)}\n\n" if one.asked is not None else ""
    answers = "Replies" if one.replies else "Answers"
    return f"#### `{one.door}`\n\n{one.about}\n\n{asked}{answers} {shape_of(one.reply)}."


def _struct(struct: type[Any], note: str = "") -> str:
    """Return a structure's own words and the table of its fields."""
    rows = [(f"`{info.encode_name}`", shape_of(info.type), _default(info)) for info in fields(struct)]
    words = " ".join((getdoc(struct) or "").split())
    table = _table(("field", "is", "default"), rows) if rows else "No fields."
    return f"{words} {note}".strip() + f"\n\n{table}"


def _default(info: FieldInfo) -> str:
    if info.required:
        return ""
    if info.default is msgspec.UNSET:
        return "left out"
    if info.default_factory is not msgspec.NODEFAULT:
        value = info.default_factory()
        return "`{…}`" if isinstance(value, msgspec.Struct) else f"`{msgspec.json.encode(value).decode()}`"
    if isinstance(info.default, msgspec.Raw):
        return "`{}`"
    return f"`{msgspec.json.encode(info.default).decode()}`"


def rule_in_words(rule: Rule) -> str:
    """Return who may, in words: roles with the relations in which they may."""
    by_relations: dict[tuple[str, ...], list[str]] = {}
    for role in (*ROLES, SYSTEM_ROLE):
        relations = sorted(relation for one, relation in rule.pairs if one == role)
        if relations:
            by_relations.setdefault((ANY,) if ANY in relations else tuple(relations), []).append(role)
    parts = [f"{_roles(roles)}{_relations(relations)}" for relations, roles in by_relations.items()]
    return "; ".join(parts) or "nobody"


def _roles(roles: Sequence[str]) -> str:
    """Shorten a list of roles, which is in the order of `ROLES`."""
    if set(ROLES) <= set(roles):
        return "everybody" + (" and the engine" if SYSTEM_ROLE in roles else "")
    names = [role for role in roles if role not in STAFF] if set(STAFF) <= set(roles) else list(roles)
    staff = ["staff"] if len(names) < len(roles) else []
    return ", ".join([*staff, *("the engine" if name == SYSTEM_ROLE else name for name in names)])


def _relations(relations: tuple[str, ...]) -> str:
    return "" if relations == (ANY,) else f" who is {' or '.join(relations)}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
