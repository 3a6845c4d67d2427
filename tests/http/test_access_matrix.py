"""Every verb and every stream × every role × every relation, through real commands, REST and subscriptions alike (Z1 to Z3).

What must come out is made from the declarations (the kinds' rows); these in turn are held against the lines written by hand
in `access_lines`. A refusal must be `not_found` where the thing is hidden, else `forbidden`, and must leave no trace.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec
import pytest
import trio

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Behaviour, Caller, Context, Decision, Fact, Refusal, Rule
from homeroom.engine.envelope import Joined, Watch
from homeroom.engine.kind import Kind, Verb
from homeroom.http.app import all_routes
from homeroom.http.metrics import Metrics
from homeroom.http.rest import makes_id, twin_paths
from homeroom.http.roster import roster_path
from homeroom.http.things import has_looks, replay_path, thing_path
from homeroom.protocol.access import ADMINS, ANY, ROLES, STAFF, SYSTEM_ROLE, allow
from tests.http import access_lines
from tests.http.access_lines import BOSS, DOORS, IDS, ONLY, SYSTEM, WARD, Person
from tests.http.diary import (
    DIARY,
    DIARY_EXAMPLES,
    DIARY_HIDDEN,
    DIARY_LINES,
    DIARY_LISTS,
    DIARY_OUTCOMES,
    DIARY_STAGE,
)
from tests.http.rest_school import Reply, School

REGISTER = "/api/auth/register"
SETS = {"admins": ADMINS, "staff": STAFF, "people": ROLES, **{role: (role,) for role in ROLES}}
TRIED: tuple[Kind, ...] = (*KINDS, DIARY)
"""All kinds, and one of the tests' own that has every sort of door."""
LINES = {**access_lines.LINES, "diary": DIARY_LINES}
LISTS = {**access_lines.LISTS, **DIARY_LISTS}
STAGES = {**access_lines.STAGES, "diary": DIARY_STAGE}
HIDDEN = {**access_lines.HIDDEN, **DIARY_HIDDEN}
EXAMPLES = {**access_lines.EXAMPLES, **DIARY_EXAMPLES}
OUTCOMES = {**access_lines.OUTCOMES, **DIARY_OUTCOMES}
STAGED = [kind for kind in TRIED if kind.name in STAGES]


def in_set(words: str, role: str) -> bool:
    """Tell whether a role is one of some roles and sets of them."""
    return any(role in SETS[word] for word in words.split())


KIND_BY_KIND = pytest.mark.parametrize("kind", STAGED, ids=lambda kind: kind.name)
"""One school for all roles, whose people and things have names of their own: making its doors is most of what a small school costs."""


def relations_of(kind: Kind, role: str) -> list[str]:
    """Return the relations to a thing of a kind in which a person of a role can stand."""
    return [relation for relation in STAGES[kind.name][1] if in_set(ONLY.get(relation, "people"), role)]


def permitted_by_line(line: str, role: str, relation: str) -> bool:
    """Read a line: words are relations for every role, sets of roles for every relation, or `roles:relation`."""
    for word in line.replace("|", " ").split():
        roles, _, wanted = word.rpartition(":")
        if roles:
            if role in SETS[roles] and relation == wanted:
                return True
        elif role in SETS[word] if word in SETS else relation == word:
            return True
    return False


def tried_as(role: str) -> Person:
    """Return the person who is tried in a role."""
    return f"pat-{role}", role


def make_caller(role: str, relation: str) -> Caller:
    """Return the person who is tried."""
    return Caller(*tried_as(role), "Pat", wards_in(relation))


def wards_in(relation: str) -> frozenset[str]:
    return frozenset({WARD} if relation in ONLY else ())


async def open_school(nursery: trio.Nursery) -> School:
    """Return a school of all kinds."""
    return await School(kinds=TRIED).open(nursery)


def each_cell(school: School, kind: Kind) -> Iterator[tuple[str, str, Caller, Iterator[str]]]:
    """Yield roles and relations with the caller who stands in each and ids of fresh things, and give the person the ward it needs."""
    for role in ROLES:
        for relation in relations_of(kind, role):
            caller = make_caller(role, relation)
            school.wards[caller.user] = wards_in(relation)
            yield role, relation, caller, numbered(kind, tried_as(role), relation)


class Thing:
    """A thing in whose relation the person stands: staged anew for each try, but for those that follow a refusal.

    What was refused must have changed nothing, so the thing is as good as new; one that has changed shows in the next outcome.
    """

    def __init__(self, school: School, kind: Kind, relation: str, person: Person, ids: Iterator[str]) -> None:
        self._school, self._stage = school, STAGES[kind.name][0]
        self._relation, self._person, self._ids = relation, person, ids
        self._now: tuple[str, str] | None = None

    async def untouched(self) -> tuple[str, str]:
        """Return the id of the thing, and that of a message in it."""
        if self._now is None:
            name = next(self._ids)
            self._now = name, await self._stage(self._school, name, self._relation, self._person)
        return self._now

    def tried(self, outcome: str) -> None:
        """Note how a try has ended."""
        if outcome == "ok":
            self._now = None


def example(verb: Verb, message: str = "1") -> dict[str, Any]:
    """Return arguments that a verb takes; `EXAMPLES` has them for every verb that needs some."""
    given = EXAMPLES.get(verb.command, EXAMPLES.get(verb.command.do, {}))
    return {name: message if value == "$message" else value for name, value in given.items()}


def expected(rule: Rule, school_outcome: str, caller: Caller, relation: str, hidden: bool) -> str:
    """Return the outcome that a rule declares."""
    if rule.permits(caller.role, (relation,)):
        return school_outcome
    return "not_found" if hidden else "forbidden"


def hidden(kind: Kind, role: str, relation: str) -> bool:
    """Tell whether the thing must not be known to exist."""
    return in_set(HIDDEN.get((kind.name, relation), ""), role)


async def knock(school: School, door: tuple[str, str], id: str, given: dict[str, Any], person: Person) -> Reply:
    """Go to the door of a verb with its arguments: in the path, and the others in the query or the body."""
    method, pattern = door
    rest = {name: value for name, value in given.items() if f"{{{name}}}" not in pattern}
    path = pattern.format(id=id, **given)
    if method == "GET":
        return await school.call("GET", f"{path}?{urlencode(rest)}" if rest else path, person)
    return await school.call(method, path, person, body=given)


class Ear:
    """An outlet that hears what is sent to it."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.format = "json"
        self.closed = False
        self.heard: list[bytes] = []

    def push(self, frame: bytes) -> None:
        self.heard.append(frame)

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()


async def watch(school: School, address: str, caller: Caller, ear: Ear) -> str:
    """Subscribe as the gateway does, and return the outcome."""
    answers: list[Joined | Refusal] = []
    answered = trio.Event()

    def take(answer: Joined | Refusal) -> None:
        answers.append(answer)
        answered.set()

    school.engine.ref(address).tell(Watch(ear, caller, None, take))
    await answered.wait()
    return answers[0].code if isinstance(answers[0], Refusal) else "ok"


def length(school: School, address: str) -> int:
    """Return how many durable events a stream has."""
    return len(school.journal.store.peek(address).records)


async def attempt(school: School, address: str, command: Any, caller: Caller) -> str:
    answer = await school.engine.ref(address).ask(command, caller)
    return answer.code if isinstance(answer, Refusal) else "ok"


def numbered(kind: Kind, person: Person, relation: str) -> Iterator[str]:
    """Yield fresh ids; of one's own there is only one, one's own."""
    number = 0
    while True:
        number += 1
        name = person[0] if relation == "self" else f"{relation}-{person[1]}-{number}"
        yield IDS.get((kind.name, relation), "{}").format(name)


@pytest.mark.parametrize("kind", TRIED, ids=lambda kind: kind.name)
def test_every_verb_and_relation_of_a_kind_has_a_line_that_says_the_same(kind: Kind) -> None:
    words = {relation for rule in rules(kind).values() for _, relation in getattr(rule, "pairs", ())} - {ANY}
    if kind.name not in STAGES:
        assert not words, (
            f"the kind {kind.name} knows {sorted(words)}: put people into these relations in `access_lines`"
        )
        return
    relations = STAGES[kind.name][1]
    assert words <= set(relations)
    assert set(LINES[kind.name]) == set(rules(kind))
    for name, rule in rules(kind).items():
        line = LINES[kind.name][name]
        for role in ROLES:
            for relation in relations:
                assert rule.permits(role, (relation,)) == permitted_by_line(line, role, relation), (
                    name,
                    role,
                    relation,
                )


def rules(kind: Kind) -> dict[str, Rule]:
    return {"(watch)": kind.watch} | {verb.command.do: verb.rule for verb in kind.verbs}


def test_every_list_has_a_line_that_says_the_same() -> None:
    lists = [listing for kind in TRIED for listing in kind.lists]
    assert {listing.path for listing in lists} == set(LISTS)
    for listing in lists:
        for role in ROLES:
            assert listing.rule.permits(role, ()) == in_set(LISTS[listing.path], role), (listing.path, role)


def test_a_verb_that_is_the_systems_alone_has_no_door() -> None:
    for kind in TRIED:
        for verb in kind.verbs:
            if not any(verb.rule.permits(role, (ANY, "self")) for role in ROLES) and kind.name in LINES:
                assert (LINES[kind.name][verb.command.do] == SYSTEM) == (verb.rest is None)


@KIND_BY_KIND
async def test_every_verb_ends_as_declared(nursery: trio.Nursery, kind: Kind) -> None:
    school = await open_school(nursery)
    for role, relation, caller, ids in each_cell(school, kind):
        thing = Thing(school, kind, relation, tried_as(role), ids)
        for verb in kind.verbs:
            name, message = await thing.untouched()
            address, command = f"{kind.name}:{name}", msgspec.convert(example(verb, message), verb.command)
            wanted = declared(kind, verb, caller, relation)
            before = length(school, address)
            assert await attempt(school, address, command, caller) == wanted, (role, relation, verb.command.do)
            if wanted != "ok":
                assert length(school, address) == before, (role, relation, verb.command.do)
            thing.tried(wanted)


def declared(kind: Kind, verb: Verb, caller: Caller, relation: str) -> str:
    """Return the outcome that a verb's row declares for somebody in a relation."""
    fine = OUTCOMES.get((kind.name, verb.command.do, relation), "ok")
    return expected(verb.rule, fine, caller, relation, not verb.fresh and hidden(kind, caller.role, relation))


@KIND_BY_KIND
async def test_every_rest_twin_ends_as_its_verb_by_every_name(nursery: trio.Nursery, kind: Kind) -> None:
    school = await open_school(nursery)
    for role, relation, caller, ids in each_cell(school, kind):
        person = tried_as(role)
        thing = Thing(school, kind, relation, person, ids)
        for verb in kind.verbs:
            for door in twin_paths(kind, verb):
                if "{id}" not in door[1] and (makes_id(verb, door[1]) or relation != "self"):
                    continue  # to a new thing, see the test after this one; or only to what is one's own
                name, message = await thing.untouched()
                wanted, before = declared(kind, verb, caller, relation), length(school, f"{kind.name}:{name}")
                reply = await knock(school, door, name, example(verb, message), person)
                assert reply.code == wanted, (role, relation, verb.command.do, reply.body)
                if wanted != "ok":
                    assert length(school, f"{kind.name}:{name}") == before, (role, relation, verb.command.do)
                thing.tried(wanted)


@pytest.mark.parametrize("role", ROLES)
async def test_every_door_to_a_new_thing_opens_to_those_who_may_make_one(nursery: trio.Nursery, role: str) -> None:
    school, caller = await open_school(nursery), make_caller(role, "")
    for kind in TRIED:
        blank = kind.behaviour("new", kind.behaviour.fresh("new"))
        for verb in kind.verbs:
            for door in twin_paths(kind, verb):
                if not makes_id(verb, door[1]):
                    continue
                reply = await knock(school, door, "", example(verb), ("pat", role))
                if verb.rule.permits(role, blank.relations(caller)):
                    assert (reply.status, reply.code) == (201, "ok"), (kind.name, reply.body)
                    assert length(school, f"{kind.name}:{reply.body['id']}") > 0
                else:
                    assert reply.code == "forbidden", kind.name
                    assert f"is not for a {role}" in reply.body["detail"]


@KIND_BY_KIND
async def test_every_stream_opens_as_declared_to_subscribers_readers_and_sync_alike(
    nursery: trio.Nursery, kind: Kind
) -> None:
    school, stage = await open_school(nursery), STAGES[kind.name][0]
    for role, relation, caller, ids in each_cell(school, kind):
        person, name, ear = tried_as(role), next(ids), Ear(caller.user)
        address = f"{kind.name}:{name}"
        await stage(school, name, relation, person)
        wanted = expected(kind.watch, "ok", caller, relation, hidden(kind, role, relation))
        assert await watch(school, address, caller, ear) == wanted, (role, relation)
        answer = (await school.call("GET", f"/api/realtime/sync?streams={address}&since=0", person)).body
        stream = answer["streams"][address]
        assert stream.get("code", "ok") == wanted, (role, relation)
        assert ("events" in stream) == (wanted == "ok"), (role, relation)
        for path in looks(kind):
            reply = await school.call("GET", path.format(id=name, address=address), person)
            assert reply.code == wanted, (role, relation, path)
        if wanted != "ok":
            assert ear.heard == [], (role, relation)
            assert school.hub.watchers(address) == 0, (role, relation)


def looks(kind: Kind) -> list[str]:
    """Return the paths at which a thing may be looked at by those who may subscribe to it."""
    taken = {path for verb in kind.verbs for method, path in twin_paths(kind, verb) if method == "GET"}
    found = [thing_path(kind), *([replay_path(kind)] if kind.replay else [])] if has_looks(kind) else []
    rosters = ["/api/presence/of/{address}", roster_path(kind)] if kind.people is not None else []
    return [path for path in (*found, *rosters) if path not in taken]


@pytest.mark.parametrize("role", ROLES)
async def test_z1_what_is_hidden_cannot_be_told_from_what_is_not_there(nursery: trio.Nursery, role: str) -> None:
    school = await open_school(nursery)
    for kind in STAGED:
        blank = kind.behaviour("nowhere", kind.behaviour.fresh("nowhere"))
        for relation in STAGES[kind.name][1]:
            if not hidden(kind, role, relation):
                continue
            await STAGES[kind.name][0](school, f"hidden-{relation}", relation, ("pat", role))
            doors = [
                (door, example(verb))
                for verb in kind.verbs
                if not verb.rule.permits(role, blank.relations(make_caller(role, "")))  # who may make it, makes it
                if not verb.rule.permits(role, (relation,))  # what is one's own stays so, hidden as the thing may be
                if not verb.fresh  # whose role makes none is told so, there and nowhere alike
                for door in twin_paths(kind, verb)
                if "{id}" in door[1]
            ]
            for door, given in [*doors, *((("GET", path), {}) for path in looks(kind))]:
                there, nowhere = [
                    await knock(school, (door[0], with_address(door[1], kind, name)), name, given, ("pat", role))
                    for name in (f"hidden-{relation}", "nowhere")
                ]
                assert (there.status, nowhere.status) == (404, 404), door
                for reply in (there, nowhere):
                    del reply.body["instance"]
                assert there.body == nowhere.body


def with_address(path: str, kind: Kind, name: str) -> str:
    return path.replace("{address}", f"{kind.name}:{name}")


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_not_do_a_thing_makes_nobody_hear_of_it(nursery: trio.Nursery, role: str) -> None:
    school = await open_school(nursery)
    await STAGES["room"][0](school, "r", "stranger", ("pat", role))
    ear, caller = Ear(BOSS[0]), Caller("pat", role, "Pat")
    assert await watch(school, "room:r", Caller(*BOSS), ear) == "ok"
    ear.heard.clear()
    for verb in next(kind for kind in KINDS if kind.name == "room").verbs:
        if not verb.rule.permits(role, ("stranger",)):
            command = msgspec.convert(example(verb, "6"), verb.command)
            assert await attempt(school, "room:r", command, caller) == "forbidden"
    school.hub.flush()
    assert ear.heard == []


class Ring(msgspec.Struct, frozen=True):
    """Ring the bell."""

    do: ClassVar[str] = "ring"
    times: int = 1


class Mend(msgspec.Struct, frozen=True):
    """Mend the bell."""

    do: ClassVar[str] = "mend"


class Rung(msgspec.Struct, frozen=True):
    """The bell was rung."""

    type: ClassVar[str] = "bell.rung"


class Bell(Behaviour[int]):
    """A kind as somebody might add it, without a word about it anywhere else."""

    @classmethod
    def fresh(cls, id: str) -> int:
        return 0

    def relations(self, caller: Caller) -> frozenset[str]:
        return frozenset()

    def decide(self, command: Any, context: Context) -> Decision:
        return Decision((Rung(),))

    def apply(self, fact: Fact) -> None:
        self.state += 1

    def view(self, caller: Caller) -> int:
        return self.state


BELL = Kind(
    "bell", "bells", Bell, int, (Verb(Ring, allow(ROLES)), Verb(Mend, allow(STAFF))), (Rung,), watch=allow(STAFF)
)


@pytest.mark.parametrize(
    "kind", [BELL, *(kind for kind in KINDS if kind.name not in STAGES)], ids=lambda kind: kind.name
)
@pytest.mark.parametrize("role", ROLES)
async def test_a_kind_that_was_only_added_to_the_table_ends_as_declared(
    nursery: trio.Nursery, kind: Kind, role: str
) -> None:
    school = await School(kinds=(kind,)).open(nursery)
    for verb in kind.verbs:
        command = msgspec.convert(example(verb), verb.command)
        outcomes = {await attempt(school, f"{kind.name}:thing", command, Caller("pat", role, "Pat"))}
        for door in twin_paths(kind, verb):
            outcomes.add((await knock(school, door, "thing", example(verb), ("pat", role))).code)
        if verb.rule.permits(role, ()):
            assert not outcomes & {"forbidden", "internal"}, verb.command.do
        else:
            assert outcomes <= {"forbidden", "not_found"}, verb.command.do
    seen = await watch(school, f"{kind.name}:thing", Caller("pat", role, "Pat"), Ear("pat"))
    assert seen == "ok" if kind.watch.permits(role, ()) else seen in {"forbidden", "not_found"}


async def test_z2_a_role_claimed_in_a_body_or_a_header_counts_for_nothing(nursery: trio.Nursery) -> None:
    school = await open_school(nursery)
    await STAGES["room"][0](school, "r", "member", ("pat", "student"))
    claims = {"role": "super_admin", "by": "boss", "caller": {"role": "system"}}
    headers = {"X-Role": "super_admin", "X-User": "boss", "X-Forwarded-User": "boss"}
    for path in ("/api/rooms/r/remove", "/api/rooms/r/mute"):
        for claim, value in claims.items():
            refused = await school.call("POST", path, ("pat", "student"), body={"user": "bob", claim: value})
            assert (refused.code, refused.body["d"]["field"]) == ("bad_command", claim)
        reply = await school.call("POST", path, ("pat", "student"), body={"user": "bob"}, headers=headers)
        assert reply.code == "forbidden"
    promote = {"user": "pat", "role": "owner"}
    assert (await school.call("POST", "/api/rooms/r/promote", ("pat", "student"), body=promote)).code == "forbidden"


async def test_no_token_carries_the_systems_voice(nursery: trio.Nursery) -> None:
    school = await open_school(nursery)
    reply = await school.call("PUT", "/api/rooms/r", ("system", SYSTEM_ROLE), body={"title": "x"})
    assert (reply.status, reply.code) == (401, "unauthenticated")


async def test_every_list_opens_to_those_on_its_line_alone(nursery: trio.Nursery) -> None:
    school = await open_school(nursery)
    for path, line in LISTS.items():
        for role in (None, *ROLES):
            filled = "/".join("x" if part[:1] == "{" else part for part in path.split("/"))
            reply = await school.call("GET", filled, ("pat", role) if role else None)
            if role is not None and in_set(line, role):
                assert reply.status not in {401, 403, 404, 500}, (path, role, reply.body)
            else:
                assert reply.status == (401 if role is None else 403), (path, role)


async def test_every_other_door_opens_to_those_on_its_line_alone(nursery: trio.Nursery) -> None:
    school = await open_school(nursery)
    made = {door for kind in TRIED for door in doors_of(kind)}
    others = [route for route in all_routes(school.parts, Metrics({})) if (route.method, route.path) not in made]
    assert {f"{route.method} {route.path}" for route in others} == set(DOORS)
    for route in others:
        who, path = DOORS[f"{route.method} {route.path}"]
        if route.path == REGISTER:
            continue  # it looks at the body first: see the test after this one
        for role in (None, *ROLES):
            body: Any = {} if route.body is not None else None
            reply = await school.call(route.method, path or route.path, ("pat", role) if role else None, body=body)
            if who == "anybody" or (role is not None and role in SETS[who]):
                assert reply.status not in {401, 403, 404, 500}, (route.path, role, reply.body)
            else:
                assert reply.status == (401 if role is None else 403), (route.path, role)


def doors_of(kind: Kind) -> Iterable[tuple[str, str]]:
    """Return the doors that follow from a kind's row, each of which has a test above."""
    for verb in kind.verbs:
        yield from twin_paths(kind, verb)
    for path in (*(listing.path for listing in kind.lists), *looks(kind)):
        yield "GET", path


async def test_people_are_added_by_admins_alone_and_never_above_themselves(nursery: trio.Nursery) -> None:
    school = await open_school(nursery)
    for role in (None, *ROLES):
        for wanted in ROLES:
            if role == "super_admin" or (role == "admin" and wanted != "super_admin"):
                continue
            body = {"login": "new", "name": "New", "password": "long enough", "role": wanted}
            reply = await school.call("POST", REGISTER, ("pat", role) if role else None, body=body)
            assert (reply.status, reply.code) == (403, "forbidden"), (role, wanted)
