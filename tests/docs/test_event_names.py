"""`docs/event-names.md` agrees with the code: what it calls by our names exists, and what it says is to come does not yet.

The page carries the names of the sources itself, with their number in its head; the sources are not a part of the tree. When
the first record is declared, `KINDS` here gets the records' streams too, and the rows move out of the section of records.
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
from homeroom.actors.presence import PRESENCE
from homeroom.engine.behaviour import Kind, Verb
from homeroom.http.rest import twin_paths
from homeroom.protocol.codec import Codec, tag_of
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import ClientFrame, Cmd, Event, ServerFrame
from homeroom.protocol.presence import SetStatus
from homeroom.protocol.session_lists import STATUS_ALIASES
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
RECORD_STREAMS = {"user", "class", "course", "cohort", "role", "table", "reportcard"}
RECORDS = "To come with the records"
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


def rows_here(*, to_come: bool) -> list[Row]:
    """Return the rows of what exists, or of what is to come with the records."""
    return [row for row in mapping() if (row.section == RECORDS) == to_come]


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
    kind = _kind(address)
    verb = kind.verb(do)
    return verb if verb and twin_paths(kind, verb) else None


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
    found = next((event for event in _kind(address).events if event.type == type), None)
    if found is None:
        return f"{address} tells no {type}"
    is_ephemeral = (found.__doc__ or "").startswith("Ephemeral")
    return None if is_ephemeral == ephemeral else f"{type} is {'' if is_ephemeral else 'not '}ephemeral"


def _kind(address: str) -> Kind:
    return KINDS[address.partition(":")[0]]


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
    assert [(row.name, fault(item)) for row in rows_here(to_come=False) for item in row.here if fault(item)] == []


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
    ],
)
def test_what_does_not_exist_is_found(item: str) -> None:
    assert fault(tuple(item.split()))


def test_every_kind_that_the_sources_know_has_its_names() -> None:
    named = {item[-1].partition(":")[0] for row in rows_here(to_come=False) for item in row.here if ":" in item[-1]}
    assert named >= {"room", "session", "exam", "sitting", "queue", "group", "presence", "inbox", "board"}


def test_every_door_on_the_page_is_one() -> None:
    doors = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", text())
    assert doors
    assert [door for door in doors if not re.search(rf"{re.escape(door)}(?![\w/{{-])", reference())] == []


# --- what is to come


def test_a_name_of_the_records_is_to_come_only_as_long_as_it_does_not_exist() -> None:
    existing = {event.type for kind in KINDS.values() for event in kind.events}
    for frame, *types, address in (item for row in rows_here(to_come=True) for item in row.here):
        stream = address.partition(":")[0]
        assert (frame, len(types)) in {("ev", 1), ("sig", 1), ("sub", 0)}
        assert stream in RECORD_STREAMS - KINDS.keys(), f"{address} exists: its rows belong above"
        assert not existing & set(types), f"{types} exists: its row belongs above"
        for name in (f"## `{stream}`", *(f"#### `{type_}`" for type_ in types)):
            assert f"\n{name}\n" not in reference(), f"{name} is in the reference: its rows belong above"


def test_the_names_to_come_follow_the_pattern_of_all_events() -> None:
    types = {item[1] for row in rows_here(to_come=True) for item in row.here if item[0] in {"ev", "sig"}}
    assert [type_ for type_ in types if not re.fullmatch(r"[a-z]{2,16}\.[a-z_]+ed", type_)] == []


# --- the rest of the page


def test_the_envelope_is_told_with_all_its_fields() -> None:
    ours = [span for _, here, _ in table("in B here") for span in spans(here)]
    assert sorted(ours) == sorted(field.encode_name for field in fields(Event))


def test_the_old_words_that_are_taken_are_these() -> None:
    told = {spans(old)[0]: spans(new)[0] for old, new, _ in table("word stands for")}
    own = Driver(PRESENCE, "ann").do(SetStatus("available"), ANN)
    assert told == {**STATUS_ALIASES, "available": own.chosen}
