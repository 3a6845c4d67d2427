"""`docs/event-names.md` agrees with the code: what it calls by our names exists, of actors and of records.

The page carries the names of the sources itself, with their number in its head; the sources are not a part of the tree.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import fields

import homeroom.actors
import homeroom.actors.kinds
import homeroom.records.school
from homeroom.actors.presence import PRESENCE
from homeroom.engine.kind import Verb
from homeroom.http.rest import twin_paths
from homeroom.protocol.channels import CHANNEL_KINDS
from homeroom.protocol.codec import Codec, tag_of
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import ClientFrame, Cmd, Event, ServerFrame
from homeroom.protocol.presence import SetStatus
from homeroom.protocol.session_lists import STATUS_ALIASES
from homeroom.records.declare import RecordType
from homeroom.records.doors import tables_of
from homeroom.records.types import RECORD_TYPES
from tests.actors.driver import Driver
from tests.actors.people import ANN
from tests.docs.protocol_page import page

PAGE = Path(__file__).parents[2] / "docs" / "event-names.md"
KINDS = {kind.name: kind for kind in homeroom.actors.kinds.KINDS}
IDS = {
    "board": "<period>.<specialty>",
    "sitting": "<exam>.<user>",
    "proctor": "<exam>",
    "presence": "<user>",
    "inbox": "<user>",
}
"""What stands behind the colon in the addresses of a kind; of all others `<id>`."""
THING = frozenset({"<id>"})
CHANNELS: Mapping[str, frozenset[str]] = {
    "user": frozenset({"<user>", "<mentor>", "<student>", "<teacher>", "<parent>", "<admin>"}),
    "role": frozenset({"<role>"}),
    "table": tables_of(RECORD_TYPES) | {kind.plural for kind in KINDS.values()} | {"<name>"},
    **dict.fromkeys(("class", "course", "cohort", "reportcard"), THING),
}
"""The streams that belong to no actor, and what may stand behind their colon."""
RECORDS = "Records"
COLUMNS = ["source", "name", "way", "here", "remark"]
GROUPS = {"in": "events", "out": "events", "inner": "events", "channel": "channels", "notice": "notices"}
CLIENT, SERVER = ({tag_of(frame) for frame in get_args(frames)} for frames in (ClientFrame, ServerFrame))
FRAMES = {"in": CLIENT, "channel": {"sub"}, "out": SERVER, "inner": SERVER, "notice": {"ev"}}
"""Which frames may stand for what goes a way."""

Item = tuple[str, ...]
"""What stands for a name, word by word: `("ev", "room.read", "room:<id>")`."""


@dataclass(frozen=True)
class Row:
    """One row of the mapping."""

    section: str
    sources: tuple[str, ...]
    name: str
    way: str
    here: tuple[Item, ...]


def text() -> str:
    return PAGE.read_text("utf-8")


def spans(cell: str) -> tuple[str, ...]:
    """Return the code spans of a cell."""
    return tuple(re.findall(r"`([^`]+)`", cell))


def tables() -> Iterator[tuple[str, list[list[str]]]]:
    """Yield each table of the page with the heading above it: its rows as cells, the columns' names first."""
    for section in re.split(r"^## ", text(), flags=re.MULTILINE):
        for found in re.finditer(r"^\|.*\|\n\|[-|]+\|\n(?:\|.*\|\n)*", section, re.MULTILINE):
            lines = found[0].splitlines()
            yield section.partition("\n")[0], [_cells(line) for line in (lines[0], *lines[2:])]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def table(first: str) -> list[list[str]]:
    """Return the rows of the one table whose first two columns are called so, without the head."""
    (found,) = (rows for _, rows in tables() if " ".join(rows[0][:2]) == first)
    return found[1:]


@cache
def reference() -> str:
    """Return the protocol's reference as the code says it today."""
    return page()


@cache
def mapping() -> tuple[Row, ...]:
    """Return the rows of all tables of names."""
    return tuple(_row(section, cells) for section, rows in tables() if rows[0] == COLUMNS for cells in rows[1:])


def _row(section: str, cells: list[str]) -> Row:
    sources, name, way, here, _ = cells
    return Row(
        section, tuple(sources.split()), name.strip("`"), way, tuple(tuple(item.split()) for item in spans(here))
    )


# --- what is wrong with an item: a text, or `None`


def fault(item: Item) -> str | None:
    """Return what is wrong with an item that is said to exist."""
    frame, *words = item
    if not words:
        return None if frame in (CLIENT | SERVER) - CHECKS.keys() else f"{frame}: no frame that stands alone"
    check = CHECKS.get(frame)
    return check(*words) if check and len(words) in WORDS[frame] else f"{' '.join(item)}: no such form"


def _stream(address: str) -> str | None:
    kind, _, rest = address.partition(":")
    if kind in CHANNELS:
        return None if rest in CHANNELS[kind] else f"{address}: the id of a {kind} is one of {sorted(CHANNELS[kind])}"
    if kind not in KINDS:
        return f"{address}: no such kind"
    wanted = IDS.get(kind, "<id>")
    return None if rest == wanted else f"{address}: the id of a {kind} is {wanted}"


def _verb(do: str, address: str) -> str | None:
    return _stream(address) or (None if _open_verb(do, address) else f"{address} has no verb {do} for clients")


def _answer(do: str, address: str) -> str | None:
    if do == "sub" or _stream(address):
        return _stream(address)
    verb = _open_verb(do, address)
    return None if verb and verb.reply else f"{do} at {address} answers nothing"


def _open_verb(do: str, address: str) -> Verb | None:
    kind = KINDS.get(address.partition(":")[0])
    verb = kind.verb(do) if kind else None
    return verb if kind and verb and twin_paths(kind, verb) else None


def _event(type: str, address: str, notice: str = "") -> str | None:
    wrong = _told(type, address, ephemeral=False)
    if wrong or not notice:
        return wrong
    if type != "inbox.notified":
        return f"{type} brings no notice"
    return None if f'"{notice}"' in actors_text() else f"{notice}: no actor sends such a notice"


def _signal(type: str, address: str) -> str | None:
    return _told(type, address, ephemeral=True)


def _told(type: str, address: str, *, ephemeral: bool) -> str | None:
    if _stream(address):
        return _stream(address)
    kind = KINDS.get(address.partition(":")[0])
    if kind is None:
        told = _signals(address) if ephemeral else _records_told(type, address)
        return None if type in told else f"{address} tells no {type}"
    found = next((event for event in kind.events if event.type == type), None)
    if found is None:
        return f"{address} tells no {type}"
    is_ephemeral = (found.__doc__ or "").startswith("Ephemeral")
    return None if is_ephemeral == ephemeral else f"{type} is {'' if is_ephemeral else 'not '}ephemeral"


def _signals(address: str) -> set[str]:
    """Return the types of the signals on a channel."""
    return {signal.type for one in CHANNEL_KINDS if one.name == address.partition(":")[0] for signal in one.signals}


def _records_told(type: str, address: str) -> set[str]:
    """Return `type` if a record type tells it on that channel: one that declares it, or whose name it has where a deed tells it."""
    kind, _, table = address.partition(":")
    telling = [one for one in RECORD_TYPES if type in declared_events(one)]
    if not telling and f'"{type}"' in records_text():
        telling = [one for one in RECORD_TYPES if one.name == type.partition(".")[0]]
    heard = (channel for one in telling for channel in one.channels if channel.kind == kind)
    return {type for channel in heard if kind != "table" or channel.ids == f"'{table}'"}


def declared_events(record: RecordType) -> set[str]:
    """Return the types of the events that a declaration names."""
    changes = {record.event(change) for change in ("created", "updated", "deleted")}
    return changes | {action.event for action in record.actions}


@cache
def records_text() -> str:
    """Return the code of all record types."""
    folder = Path(homeroom.records.school.__file__).parent
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.py")))


@cache
def actors_text() -> str:
    """Return the code of all actors."""
    folder = Path(homeroom.actors.__file__).parent
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.py")))


CHECKS: Mapping[str, Callable[..., str | None]] = {
    "cmd": _verb,
    "ok": _answer,
    "ev": _event,
    "sig": _signal,
    "sub": _stream,
    "unsub": _stream,
}
WORDS = {"cmd": {2}, "ok": {2}, "ev": {2, 3}, "sig": {2}, "sub": {1}, "unsub": {1}}


# --- the names of the sources


def test_the_page_has_as_many_names_of_each_source_as_its_head_says() -> None:
    counted = Counter((source, GROUPS[row.way]) for row in mapping() for source in row.sources)
    stated = {
        (source, group): int(figure)
        for source, _, *figures in table("source system")
        for group, figure in zip(("events", "channels", "notices"), figures, strict=True)
    }
    assert {key: counted[key] for key in stated} == stated
    assert counted.keys() <= stated.keys()


def test_no_name_of_a_source_stands_twice_for_the_same_way() -> None:
    seen = Counter((source, row.name, row.way) for row in mapping() for source in row.sources)
    assert [key for key, times in seen.items() if times > 1] == []


def test_every_table_is_well_formed() -> None:
    for section, rows in tables():
        assert {len(row) for row in rows} == {len(rows[0])}, section
    assert all(row.sources and row.name and row.here and row.way in GROUPS for row in mapping())
    assert {section for section, rows in tables() if rows[0] == COLUMNS} >= {RECORDS}
    assert sum(line.startswith("|") for line in text().splitlines()) == sum(len(rows) + 1 for _, rows in tables())


def test_what_stands_for_a_name_goes_the_same_way() -> None:
    assert [(row.name, item[0]) for row in mapping() for item in row.here if item[0] not in FRAMES[row.way]] == []


def test_no_old_name_is_taken_for_a_verb_or_a_frame() -> None:
    codec = Codec("json")
    for name in {row.name for row in mapping() if row.way == "in"}:
        for frame in (f'{{"t":"cmd","id":1,"to":"room:x","do":"{name}"}}', f'{{"t":"{name}"}}'):
            (error,) = codec.decode_frames(frame)
            assert isinstance(error, RemoteProtocolError), name
    (known,) = codec.decode_frames('{"t":"cmd","id":1,"to":"room:x","do":"say"}')
    assert isinstance(known, Cmd)


# --- what exists


def test_what_stands_for_each_name_exists() -> None:
    assert [(row.name, fault(item)) for row in mapping() for item in row.here if fault(item)] == []


def test_the_examples_of_the_reading_aid_exist() -> None:
    items = [tuple(span.split()) for short, _ in table("in short is the frame") for span in spans(short)]
    assert {item[0] for item in items} > CHECKS.keys()
    assert [wrong for wrong in map(fault, items) if wrong] == []


@pytest.mark.parametrize(
    "item",
    [
        "wave",
        "sub",
        "sub room:<id> twice",
        "sub ward:<id>",
        "sub sitting:<id>",
        "cmd dance room:<id>",
        "cmd convene room:<id>",
        "ok typing room:<id>",
        "ev exam.opened room:<id>",
        "ev room.typing room:<id>",
        "sig room.read room:<id>",
        "ev inbox.notified inbox:<user> exam.forgotten",
        "ev inbox.read inbox:<user> exam.graded",
        "sub table:lamps",
        "sub class:<user>",
        "cmd say user:<user>",
        "ok say user:<user>",
        "ev class.vanished table:classes",
        "ev class.updated table:terms",
        "ev term.updated cohort:<id>",
        "ev term.activated user:<user>",
        "sig metrics.updated role:<role>",
        "ev metrics.updated user:<user>",
    ],
)
def test_what_does_not_exist_is_found(item: str) -> None:
    assert fault(tuple(item.split()))


def test_every_kind_that_the_sources_know_has_its_names() -> None:
    named = {item[-1].partition(":")[0] for row in mapping() for item in row.here if ":" in item[-1]}
    assert named >= {"room", "session", "exam", "sitting", "queue", "group", "presence", "inbox", "board"}


def test_every_door_on_the_page_is_one() -> None:
    doors = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", text())
    assert doors
    assert [door for door in doors if not re.search(rf"{re.escape(door)}(?![\w/{{-])", reference())] == []


# --- records


def test_the_streams_of_records_are_those_of_the_protocol() -> None:
    assert CHANNELS.keys() == {one.name for one in CHANNEL_KINDS}
    assert not CHANNELS.keys() & KINDS.keys()


def test_the_events_of_records_follow_the_pattern_of_all_events() -> None:
    types = {item[1] for row in mapping() if row.section == RECORDS for item in row.here if item[0] in {"ev", "sig"}}
    assert len(types) > 40
    assert [type_ for type_ in types if not re.fullmatch(r"[a-z]{2,16}\.[a-z_]+ed", type_)] == []


def test_events_that_the_page_names_in_passing_are_told() -> None:
    (section,) = (part for part in re.split(r"^## ", text(), flags=re.MULTILINE) if part.startswith(f"{RECORDS}\n"))
    prose = "\n".join(line for line in section.splitlines() if not line.startswith("|"))
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+ed)`", prose))
    told = {event for record in RECORD_TYPES for event in declared_events(record)}
    assert len(named) > 3
    assert named <= told


# --- the rest of the page


def test_the_envelope_is_told_with_all_its_fields() -> None:
    ours = [span for _, here, _ in table("in B here") for span in spans(here)]
    assert sorted(ours) == sorted(field.encode_name for field in fields(Event))


def test_the_old_words_that_are_taken_are_these() -> None:
    told = {spans(old)[0]: spans(new)[0] for old, new, _ in table("word stands for")}
    own = Driver(PRESENCE, "ann").do(SetStatus("available"), ANN)
    assert told == {**STATUS_ALIASES, "available": own.chosen}
