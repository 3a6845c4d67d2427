"""A class list as CSV: every line is checked before any is carried out, and one that is wrong stops all of them.

The first line names the columns; one of `user_id`, `login`, `number` says who it is (of several, all say the same), others are passed over. Never here:
making people who do not exist yet, and reading other tables.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct
from msgspec.structs import replace

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.ids import Id
from homeroom.records.breath import Breath, batched
from homeroom.records.csv_rows import CsvRow, count_lines, read_rows
from homeroom.records.declare import RecordType, Unit
from homeroom.records.school.people import LEFT_AS

CSV_MAX, LINES_MAX, FAULTS_TOLD = 200_000, 2_000, 20
LINES_SENT_MAX = 2 * LINES_MAX
"""Lines of a list with the blank ones, and those within quotes."""
TOGETHER = 200
"""People who are looked up by one statement."""
KEYS = ("user_id", "login", "number")
CSV_WORDS = (
    "comma, semicolon or tab; the first line names the columns, of which one is `user_id`, `login` or `number` (that of the student) and "
    "says who it is; others are passed over. Where there are several of these, none of them names another person"
)
Names = tuple[tuple[str, str], ...]
"""How a line names a person: columns of `KEYS`, the first of which counts, with their values."""
Status = Literal["enrolled", "would_enrol", "already", "wrong"]


class ClassList(Struct, frozen=True):
    """Enrol the students of a list as CSV, all of them or none; with `dry_run` it is only checked."""

    class_id: Id
    csv: Annotated[str, Meta(min_length=1, max_length=CSV_MAX, description=CSV_WORDS)]
    dry_run: bool = False


class ListLine(Struct, frozen=True, omit_defaults=True):
    """What becomes of a line (the first one after the names is 2), or with `dry_run` would: `fault` says why nothing."""

    line: int
    status: Status
    user_id: str = ""
    fault: str = ""


class ClassListReport(Struct, frozen=True):
    """The list, line by line; `done` unless it was only checked. `enrolled` are those who are, or would be, new in the class."""

    done: bool
    enrolled: int
    already: int
    wrong: int
    lines: tuple[ListLine, ...]


class Listed(NamedTuple):
    """A line as it was sent: its number, whom it names, and a fault or nothing."""

    line: int
    names: Names
    fault: str


async def import_class_list(unit: Unit, body: ClassList, membership: RecordType) -> ClassListReport:
    """Enrol all students of the list, or none; raises `bad_command` that names the lines that are wrong."""
    lines = await _read(unit, body)
    wrong = [line for line in lines if line.status == "wrong"]
    if wrong and not body.dry_run:
        raise _refusal(wrong)
    new = sorted(line.user_id for line in lines if line.status == "enrolled")
    rows = [{"class_id": body.class_id, "user_id": student, "part": "student"} for student in new]
    await unit.insert_many(membership, rows)
    count = [line.status for line in lines].count
    fresh = count("enrolled") + count("would_enrol")
    return ClassListReport(not body.dry_run, fresh, count("already"), count("wrong"), tuple(lines))


def _refusal(wrong: Sequence[ListLine]) -> Refusal:
    first = wrong[0]
    told = [{"line": line.line, "fault": line.fault} for line in wrong[:FAULTS_TOLD]]
    data = {"field": "csv", "line": first.line, "lines": told, "allowed": "a list of which every line fits"}
    return Refusal("bad_command", f"line {first.line}: {first.fault}; nothing was imported", data=data)


async def _read(unit: Unit, body: ClassList) -> list[ListLine]:
    rows = await parse_list(body.csv)
    people = await _people(unit, rows, body.class_id)
    seen: set[str] = set()
    breath, lines = Breath(), list[ListLine]()
    for row in rows:
        line = _line(row, people, seen)
        lines.append(_tried(line) if body.dry_run else line)
        await breath.taken()
    return lines


async def _people(unit: Unit, rows: Sequence[Listed], class_id: str) -> dict[tuple[str, str], Any]:
    """Return whom the names in a list name, by column and value."""
    people: dict[tuple[str, str], Any] = {}
    for some in batched(rows, TOGETHER):
        for key in KEYS:
            values = [value for row in some for column, value in row.names if column == key]
            found = await unit.fetch(_FIND[key], values, class_id) if values else ()
            people |= {(key, row["key"]): row for row in found}
    return people


def _tried(line: ListLine) -> ListLine:
    """Return what is said of a line that is only checked."""
    return replace(line, status="would_enrol") if line.status == "enrolled" else line


def _line(row: Listed, people: Mapping[tuple[str, str], Any], seen: set[str]) -> ListLine:
    person = people.get(row.names[0]) if row.names else None
    fault = row.fault or _two(row.names, people) or _fault(row.names[0][1], person, seen)
    if fault or person is None:
        return ListLine(row.line, "wrong", fault=fault)
    seen.add(person["id"])
    return ListLine(row.line, "already" if person["already"] else "enrolled", person["id"])


def _two(names: Names, people: Mapping[tuple[str, str], Any]) -> str:
    """Return what is wrong with a line of which two values name two people; one that names nobody is passed over behind one that does."""
    known = [(column, value, people[column, value]["id"]) for column, value in names if (column, value) in people]
    other = next((one for one in known if one[2] != known[0][2]), None)
    if other is None:
        return ""
    return f"{known[0][0]} {known[0][1]!r} and {other[0]} {other[1]!r} are two people"


def _fault(value: str, person: Any, seen: set[str]) -> str:
    if person is None:
        return f"there is nobody with {value!r}"
    if person["role"] != "student":
        return f"{value!r} is a {person['role']}, not a student"
    if person["left_as"]:
        return f"{value!r} is {person['left_as']}: an admin makes the student's record active first"
    return f"{value!r} stands in the list twice" if person["id"] in seen else ""


async def parse_list(text: str) -> list[Listed]:
    """Return the lines of a list, each with the values by which people are found.

    Raises `bad_command` for a list without such a column, or with two of one name, without lines, or with more than `LINES_MAX`.
    """
    if count_lines(text) > LINES_SENT_MAX:
        raise _unfit(f"a list has 1 to {LINES_MAX} lines, and with the blank ones at most {LINES_SENT_MAX}")
    breath, rows = Breath(), await read_rows(text)
    names = [name.strip().lower() for name in rows[0].cells] if rows else []
    keys = _keys(names)
    if not 1 <= len(rows) - 1 <= LINES_MAX:
        raise _unfit(f"a list has 1 to {LINES_MAX} lines")
    values: list[Listed] = []
    for row in rows[1:]:
        values.append(_listed(row, names, keys))
        await breath.taken()
    return values


def _keys(names: list[str]) -> list[str]:
    """Return the columns by which people are found: of two of one name nobody could say which is meant."""
    twice = next((name for name in KEYS if names.count(name) > 1), None)
    if twice is not None:
        raise _unfit(f"the first line names the column {twice} once")
    keys = [name for name in KEYS if name in names]
    if not keys:
        raise _unfit(f"the first line names one of the columns {', '.join(KEYS)}")
    return keys


def _listed(row: CsvRow, names: list[str], keys: list[str]) -> Listed:
    number, cells, fault = row
    if fault or len(cells) != len(names):
        return Listed(number, (), fault or f"{len(cells)} values instead of {len(names)}")
    said = tuple((key, value) for key in keys if (value := _value(key, cells[names.index(key)])))
    return Listed(number, said, "" if said else f"no {' or '.join(keys)}")


def _value(key: str, cell: str) -> str:
    value = cell.replace("\0", "").strip()
    return value.lower() if key == "login" else value


def _unfit(allowed: str) -> Refusal:
    return Refusal("bad_command", f"csv: {allowed}", data={"field": "csv", "allowed": allowed})


_MEMBER = "EXISTS (SELECT FROM class_memberships m WHERE m.class_id = $2 AND m.user_id = u.id) AS already"
_PERSON = f"u.id, u.role, {LEFT_AS}, {_MEMBER}"
_FIND: Mapping[str, str] = {
    "user_id": f"SELECT u.id AS key, {_PERSON} FROM users u WHERE u.id = ANY($1::text[]) AND u.deleted_at IS NULL",
    "login": f"SELECT u.login AS key, {_PERSON} FROM users u WHERE u.login = ANY($1::text[]) AND u.deleted_at IS NULL",
    "number": f"SELECT s.number AS key, {_PERSON} FROM students s JOIN users u ON u.id = s.user_id"
    " WHERE s.number = ANY($1::text[]) AND u.deleted_at IS NULL",
}
