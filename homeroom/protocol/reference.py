"""The protocol's reference as Markdown, generated from the types and tables that are in force.

Takes what the kinds are as plain values, so that it knows no actor. Never here: anything said twice; what is written by
hand is only what no type can say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import cleandoc, getdoc
from typing import Any, get_args

import msgspec
from msgspec.structs import FieldInfo, fields

from homeroom.protocol.access import ANY, ROLES, STAFF, SYSTEM_ROLE, Rule
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close, may_reconnect
from homeroom.protocol.frames import LIMITS, ClientFrame, Resumed, ServerFrame, Snapshot
from homeroom.protocol.shape import shape_of


@dataclass(frozen=True, slots=True)
class VerbEntry:
    """One verb as the reference shows it; `rest` is `METHOD /path`, `None` for a verb that has no door from outside."""

    command: type[Any]
    rule: Rule
    rest: str | None
    budget: str


@dataclass(frozen=True, slots=True)
class KindEntry:
    """One kind as the reference shows it."""

    name: str
    verbs: Sequence[VerbEntry]
    events: Sequence[type[Any]]
    watch: Rule
    state: type[Any]


def describe_protocol(kinds: Iterable[KindEntry]) -> str:
    """Return the whole page."""
    parts = [_HEAD, *_frames(), _LIMITS, *_codes(), *(line for kind in kinds for line in _kind(kind))]
    return "\n\n".join(parts) + "\n"


_HEAD = cleandoc(
    """
    # Protocol reference

    Generated from the code, and checked against it: to change this page, change the types and run
    `python -m tests.docs.protocol_page`.

    ## The connection

    `GET /ws` upgrades to a WebSocket with subprotocol `homeroom.v1.msgpack` (binary messages) or `homeroom.v1.json` (text
    messages, the same values). One message carries one frame or an array of frames; a frame is a map whose key `t` names its
    type. Unknown fields are ignored; of a key that stands twice, the last counts; numbers are finite, keys are strings, and
    msgpack's extension types do not exist. The first frame is `hello`, within five seconds; anything else before `welcome`
    is answered by `bye` and 4401. What cannot be decoded, or has no known `t`, is answered by `bye` and 4400; a known frame
    with wrong fields by `err` with `bad_frame` or `bad_command` and its `id`, and the connection goes on. A second `hello`
    is answered by `err` with `conflict`.

    A `cmd` without an answer is sent again with the same `id` on the next connection, and is carried out once. A `sub`
    of a stream that is followed already replaces the subscription. The answer to `auth` holds `{expires}` in its `d`.
    """
)
_LIMITS = "\n".join(
    [
        "## Limits",
        "",
        "The limits in force stand in `welcome.limits`. The defaults:",
        "",
        "| limit | default |",
        "|---|---|",
        *(f"| `{name}` | {value:,} |" for name, value in msgspec.to_builtins(LIMITS).items()),
    ]
)


def _frames() -> Iterable[str]:
    yield "## Frames from the client"
    yield from map(_frame, get_args(ClientFrame))
    yield "## Frames from the server"
    yield from map(_frame, get_args(ServerFrame))
    yield "### The `d` of an `ok` to `sub`"
    yield _struct(Resumed, note='`verdict` is `"resumed"`.')
    yield _struct(Snapshot, note='`verdict` is `"snapshot"`.')


def _frame(frame: type[Any]) -> str:
    return f"### `{tag_of(frame)}`\n\n{_struct(frame)}"


def _codes() -> Iterable[str]:
    rows = [f"| `{code}` | {row.status} | {row.meaning} | {_yes(row.retry)} |" for code, row in ERRORS.items()]
    yield "\n".join(
        ["## Errors", "", "| code | HTTP | meaning | the same again may succeed |", "|---|---|---|---|", *rows]
    )
    closes = [
        f"| {int(code)} | {code.name.lower().replace('_', ' ')} | {_yes(may_reconnect(code))} |" for code in Close
    ]
    yield "\n".join(
        ["## Close codes", "", "| code | reason | come back with the same input |", "|---|---|---|", *closes]
    )


def _kind(kind: KindEntry) -> Iterable[str]:
    yield f"## `{kind.name}`"
    yield f"Address and stream: `{kind.name}:<id>`. May be followed by {rule_in_words(kind.watch)}."
    yield f"### Verbs of `{kind.name}`"
    yield from map(_verb, kind.verbs)
    yield f"### Events of `{kind.name}`"
    yield from (f"#### `{event.type}`\n\n{_struct(event)}" for event in kind.events)
    yield f"### Snapshot of `{kind.name}`"
    yield _struct(kind.state)


def _verb(verb: VerbEntry) -> str:
    rest = f"REST: `{verb.rest}`. " if verb.rest else "No door from outside. "
    return f"#### `{verb.command.do}`\n\n{_struct(verb.command)}\n\n{rest}Budget: `{verb.budget}`. For {rule_in_words(verb.rule)}."


def _struct(struct: type[Any], note: str = "") -> str:
    """Return a structure's own words and the table of its fields."""
    rows = [_field(info) for info in fields(struct)]
    table = ["", "| field | is | default |", "|---|---|---|", *rows] if rows else ["", "No fields."]
    words = " ".join((getdoc(struct) or "").split())
    return "\n".join([f"{words} {note}".strip(), *table])


def _field(info: FieldInfo) -> str:
    return f"| `{info.encode_name}` | {shape_of(info.type)} | {_default(info)} |"


def _default(info: FieldInfo) -> str:
    if info.required:
        return ""
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
