"""Every record type × operation × role × relation, through the real doors and PostgreSQL (Z1 to Z3).

What must come out is made from the declarations, whose relations are asked one by one; the declarations in turn are held against
the lines written by hand in `record_lines`. A refusal is `not_found` where the row is hidden, else `forbidden`, and leaves no
trace: whoever may change a row is found out by a version that it never had.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import msgspec
import pytest
import trio

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import open_database
from homeroom.http.app import all_routes
from homeroom.http.metrics import Metrics
from homeroom.http.record_shapes import shapes_of
from homeroom.protocol.access import ANY, NOBODY, ROLES, Rule
from homeroom.records.access import role_may
from homeroom.records.declare import Action, Deed, RecordType
from homeroom.records.doors import THINGS
from homeroom.records.memberships import MEMBERSHIPS
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL
from tests.http.record_lines import RECORD_LINES
from tests.http.record_school import Person, RecordSchool, open_record_school
from tests.http.record_world import SIDES, base_row, build_world, relations_to
from tests.http.samples import sample_body
from tests.http.test_access_matrix import permitted_by_line

NEVER = {"If-Match": '"999999999"'}
PEOPLE: list[Person] = [(f"{side}-{role}", role) for side in SIDES for role in ROLES]


async def _build(dsn: str) -> None:
    async with open_database(dsn, TRIAL) as database:
        await build_world(database, RECORD_TYPES)


@pytest.fixture(scope="module")
def world_url(new_database: Callable[[], str]) -> str:
    """Return the DSN of a school that has one of everything."""
    dsn = new_database()
    trio.run(_build, dsn)
    return dsn


@pytest.fixture
async def world(world_url: str) -> AsyncIterator[RecordSchool]:
    """Return the school."""
    async with open_record_school(world_url, RECORD_TYPES) as school:
        yield school


def rules(record: RecordType) -> dict[str, Rule]:
    """Return the rules of a type by the names of what they are for."""
    operations = {"read": record.read, "create": record.create, "update": record.update, "delete": record.delete}
    actions = {action.name: action.rule for action in record.actions}
    deeds = {f"{deed.name}*": deed.rule for deed in record.deeds}
    columns = {f"{name}=": rule for name, rule in record.settable.items()} | {
        f"{name}?": rule for name, rule in record.hidden.items()
    }
    return {**operations, **actions, **deeds, **columns}


def test_every_record_type_has_lines() -> None:
    assert {record.name for record in RECORD_TYPES} == set(RECORD_LINES)


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.name)
def test_every_rule_of_a_record_type_has_a_line_that_says_the_same(record: RecordType) -> None:
    lines = RECORD_LINES[record.name]
    assert set(lines) == set(rules(record))
    for name, rule in rules(record).items():
        for role in ROLES:
            for relation in (*record.relations, ""):
                assert rule.permits(role, (relation,)) == permitted_by_line(lines[name], role, relation), (
                    name,
                    role,
                    relation,
                )


async def test_somebody_stands_in_every_relation_that_a_rule_speaks_of(world: RecordSchool) -> None:
    for record in RECORD_TYPES:
        for user, role in PEOPLE[: len(ROLES)]:
            narrow = [rule for rule in rules(record).values() if (role, ANY) not in rule.pairs]
            spoken = {name for rule in narrow for who, name in rule.pairs if who == role}
            found = await relations_to(world.database, record, user)
            assert spoken <= frozenset().union(*found.values()), (record.name, role)
            assert not spoken or any(not spoken & relations for relations in found.values()), (record.name, role)


@pytest.mark.parametrize("role", ROLES)
async def test_every_operation_on_a_row_ends_as_declared(world: RecordSchool, role: str) -> None:
    person = (f"pat-{role}", role)
    for record in RECORD_TYPES:
        for name, relations in _one_of_each(await relations_to(world.database, record, person[0])):
            sees = record.read.permits(role, relations)
            read = await world.call("GET", f"{record.door}/{name}", person)
            assert read.code == ("ok" if sees else "not_found"), (record.name, name, relations)
            if sees:
                unseen = {name for name, rule in record.hidden.items() if not rule.permits(role, relations)}
                assert set(read.body) == set(record.columns) - unseen, (record.name, name)
            for what, (rule, method, path, body) in _writes(record, name).items():
                reply = await world.call(method, path, person, body=body, headers=NEVER)
                wanted = "conflict" if rule.permits(role, relations) else "forbidden" if sees else "not_found"
                assert reply.code == wanted, (record.name, what, name, relations, reply.body)


@pytest.mark.parametrize("role", ROLES)
async def test_every_list_holds_the_rows_that_may_be_read_and_no_other(world: RecordSchool, role: str) -> None:
    person = (f"pat-{role}", role)
    for record in RECORD_TYPES:
        relations = await relations_to(world.database, record, person[0])
        wanted = [name for name, found in relations.items() if record.read.permits(role, found)]
        for path in (record.door, *record.also):
            reply = await world.call("GET", f"{path}?limit=100&fields=id", person)
            assert sorted(row["id"] for row in reply.body["items"]) == sorted(wanted), (record.name, path)


@pytest.mark.parametrize("role", ROLES)
async def test_a_row_is_made_by_those_alone_who_may(world: RecordSchool, role: str) -> None:
    caller = Caller(f"pat-{role}", role)
    for record in RECORD_TYPES:
        for side in SIDES:
            values = _new_values(record, side)
            outcome, relations = await _made(world, record, values, caller)
            if record.create.permits(role, relations):
                assert outcome not in {"forbidden", "not_found"}, (record.name, side, relations)
            else:
                unsaid = {"conflict"} if record.by_hand else set()  # such a table has columns of its own, unknown here
                assert outcome in {"forbidden", *unsaid}, (record.name, side, relations, outcome)


@pytest.mark.parametrize("role", ROLES)
async def test_who_has_no_right_is_told_so_before_what_is_wrong_with_a_body(world: RecordSchool, role: str) -> None:
    person, wrong = (f"pat-{role}", role), {"no_such_field": 1}
    for record in RECORD_TYPES:
        if record.name == "user":  # people have doors of their own
            continue
        if not role_may(record.create, role):
            assert (await world.call("POST", record.door, person, body=wrong)).code == "forbidden", record.name
        for name, relations in _one_of_each(await relations_to(world.database, record, person[0])):
            sees = record.read.permits(role, relations)
            for what, (rule, method, path, body) in _writes(record, name).items():
                if body is None or rule.permits(role, relations):
                    continue
                reply = await world.call(method, path, person, body=wrong)
                assert reply.code == ("forbidden" if sees else "not_found"), (record.name, what, name)


@pytest.mark.parametrize("role", ROLES)
async def test_every_deed_is_for_the_roles_of_its_line(world: RecordSchool, role: str) -> None:
    for record in RECORD_TYPES:
        for deed in record.deeds:
            for door in (deed.door, *deed.also):
                method, _, path = door.partition(" ")
                body, filled = sample_body(deed.body), re.sub(r"\{\w+\}", "nothing", path)
                sent = {name: value for name, value in body.items() if f"{{{name}}}" not in path}
                reply = await world.call(method, filled, (f"oth-{role}", role), body=sent)
                if not any(who == role for who, _ in deed.rule.pairs):
                    assert reply.code == "forbidden", (record.name, deed.name)
                else:
                    assert reply.code not in {"ok", "internal", "unauthenticated"}, (record.name, deed.name, reply.body)


async def test_a_deed_whose_body_says_another_thing_than_its_path_is_refused(world: RecordSchool) -> None:
    found = [(deed, re.search(r"\{(\w+)\}", deed.door)) for record in RECORD_TYPES for deed in record.deeds]
    placed = [(deed, place[1]) for deed, place in found if place is not None]
    assert placed
    for deed, name in placed:
        method, _, path = deed.door.partition(" ")
        body = {**sample_body(deed.body), name: "another"}
        reply = await world.call(
            method, path.replace(f"{{{name}}}", "one"), ("oth-super_admin", "super_admin"), body=body
        )
        assert (reply.code, reply.body["d"]["field"]) == ("bad_command", name), deed.name


async def test_every_door_of_the_records_follows_from_a_declaration_or_has_tests_of_its_own(
    world: RecordSchool,
) -> None:
    made = {door for record in RECORD_TYPES for door in _doors(record)}
    tagged = {record.plural for record in RECORD_TYPES} | {"activity"}
    others = {
        (route.method, route.path) for route in all_routes(world.school.parts, Metrics({})) if route.tag in tagged
    } - made
    assert others == {
        ("GET", "/api/activity-feed"),
        ("GET", "/api/audit-logs"),
        ("GET", "/api/audit-logs/{entity_type}/{entity_id}"),
        ("PUT", "/api/users/{id}/password"),
    }


def _doors(record: RecordType) -> Iterator[tuple[str, str]]:
    for path in (record.door, *record.also):
        yield from (("GET", path), ("POST", path))
        yield from ((method, f"{path}/{{id}}") for method in ("GET", "PUT", "PATCH", "DELETE"))
    things: tuple[Action | Deed, ...] = (*record.actions, *record.deeds)
    for thing in things:
        for door in (thing.door, *thing.also):
            method, _, path = door.partition(" ")
            yield method, path


async def test_the_feed_shows_what_was_told_on_the_streams_that_one_may_follow(world: RecordSchool) -> None:
    assert set(MEMBERSHIPS) == set(THINGS)
    for kind, thing in THINGS.items():
        followed = f"SELECT r.id FROM {thing.table} r WHERE {thing.granted}"  # noqa: S608 - constants
        for user, _ in PEOPLE:
            both = [sql.replace(":me", "$1::text") for sql in (followed, MEMBERSHIPS[kind])]
            here, there = [{row[0] for row in await world.database.fetch(sql, user)} for sql in both]
            assert here == there, (kind, user)


class _TakenBackError(Exception):
    """Ends a trial that leaves nothing."""


def _one_of_each(relations: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, frozenset[str]]]:
    """Return one row for each set of relations in which somebody stands to rows."""
    rows = {found: name for name, found in relations.items()}
    return iter([(name, found) for found, name in rows.items()])


def _writes(record: RecordType, id: str) -> dict[str, tuple[Rule, str, str, Any]]:
    """Return each change of a row by its name: its rule, method, path and a body that fits."""
    whole = shapes_of(record).whole
    given = {name: value for name, value in base_row(record, id.split("-")[1]).items() if name not in record.settable}
    change = {name: given[name] for name in whole.__struct_encode_fields__ if name in given}
    found: dict[str, tuple[Rule, str, str, Any]] = {}
    for number, path in enumerate((record.door, *record.also)):
        if record.update != NOBODY:
            found[f"put {number}"] = (record.update, "PUT", f"{path}/{id}", change)
            found[f"patch {number}"] = (record.update, "PATCH", f"{path}/{id}", {})
        found[f"delete {number}"] = (record.delete, "DELETE", f"{path}/{id}", None)
    for action in record.actions:
        for door in (action.door, *action.also):
            method, _, path = door.partition(" ")
            body = sample_body(action.body) if action.body is not None else {}
            found[door] = (action.rule, method, path.replace("{id}", id), body)
    return found


def _new_values(record: RecordType, side: str) -> dict[str, Any]:
    """Return what a client sends for a row that is not there yet."""
    row = base_row(record, side)
    files = {name for name, reference in record.references.items() if reference.to == "upload"}  # of one's own alone
    names = {column.name for column in record.writable(create=True)} - record.settable.keys() - {"id"} - files
    single = {name for names in record.unique for name in names}
    return {name: _anew(record, name, row[name]) if name in single else row[name] for name in names}


def _anew(record: RecordType, name: str, value: Any) -> Any:
    """Return another value for a column in which no two rows agree."""
    if name in record.mine or name in record.references or record.columns[name].kind != "text":
        return value
    return f"{value}-new" if not record.columns[name].words and record.columns[name].style != "date" else value


async def _made(
    world: RecordSchool, record: RecordType, values: dict[str, Any], caller: Caller
) -> tuple[str, frozenset[str]]:
    """Try to make a row, and return how that ended and how the caller would stand to it; nothing of it stays."""
    ours = {name: caller.user for name in record.mine if name not in values}
    wanted = ", ".join(
        f"({text.replace(':me', '$2::text')}) IS TRUE AS {name}" for name, text in record.relations.items()
    )
    sql = (
        f"SELECT $2::text AS me{', ' * bool(wanted)}{wanted} "  # noqa: S608 - declared
        f"FROM json_populate_record(NULL::{record.plural}, $1::text::json) AS r"
    )
    row = {**base_row(record, "pat"), **values, **ours, "id": "trial"}
    (found,) = await world.database.fetch(sql, msgspec.json.encode(row).decode(), caller.user)
    relations = frozenset(name for name in record.relations if found[name])
    try:
        async with world.store.unit(caller) as unit:
            await unit.insert(record, values)
            raise _TakenBackError
    except _TakenBackError:
        return "ok", relations
    except Refusal as refusal:
        return refusal.code, relations
