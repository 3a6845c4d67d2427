"""People whom commands name: every verb says where, nobody is put anywhere who is not there, and nobody learns of it who may not."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from msgspec import inspect
from trio.testing import MockClock

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.errors import unavailable
from homeroom.engine.journal_memory import START_MS
from homeroom.engine.kind import Kind, Verb
from homeroom.engine.named import NOBODY, people_in
from homeroom.protocol import exam as exams
from homeroom.protocol import group as groups
from homeroom.protocol import inbox as inboxes
from homeroom.protocol import queue as queues
from homeroom.protocol import room as rooms
from homeroom.protocol import session_words as sessions
from homeroom.protocol.access import SYSTEM_ONLY
from homeroom.protocol.board import Score
from homeroom.protocol.chat import Say
from tests.actors.exams import PI
from tests.actors.people import ANN, BEN, COLLEAGUE, EVERYONE, PARENT, TEACHER
from tests.actors.school import School, open_school

THINGS = frozenset(
    {
        *("conn", "course", "device", "exclusive", "group", "question", "session", "type", "value[]"),
        *("question.id", "question.options[].id", "key.correct[]"),
        *("questions[].question.id", "questions[].question.options[].id", "questions[].key.correct[]"),
    }
)
"""The places of ids that are no person's."""
IDS, NO_IDS = ("ann", "A.n-n_9"), ("a b", "a:b", "a/b")
ROOM, EXAM = "room:closed", "exam:mid"
SOON = START_MS + 86_400_000


class People:
    """Who is at the school, who has `left` it and as what, and how often it was asked who is there."""

    def __init__(self) -> None:
        self.there = {person.user for person in EVERYONE}
        self.left: dict[str, str] = {}
        self.asked: list[Collection[str]] = []
        self.away = False

    async def strangers(self, ids: Collection[str]) -> Mapping[str, str]:
        self.asked.append(ids)
        if self.away:
            raise unavailable(1_000)
        return {one: self.left.get(one, NOBODY) for one in {*ids} - self.there}


@pytest.fixture
def people() -> People:
    return People()


async def refusal_of(school: School, to: str, command: Any, caller: Caller) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await school.do(to, command, caller)
    return refused.value


def places_of(info: inspect.Type, place: str = "") -> Iterator[str]:
    """Yield the places in a command where an id can stand."""
    match info:
        case inspect.StructType():
            for field in info.fields:
                yield from places_of(field.type, f"{place}.{field.encode_name}" if place else field.encode_name)
        case inspect.ListType() | inspect.VarTupleType():
            yield from places_of(info.item_type, f"{place}[]")
        case inspect.DictType():
            yield from places_of(info.key_type, f"{place}{{}}")
            yield from places_of(info.value_type, f"{place}{{}}")
        case inspect.UnionType():
            for one in info.types:
                yield from places_of(one, place)
        case inspect.Metadata():
            yield from places_of(info.type, place)
        case inspect.StrType() if info.pattern and _takes_ids(info.pattern):
            yield place


def _takes_ids(pattern: str) -> bool:
    return all(re.search(pattern, text) for text in IDS) and not any(re.search(pattern, text) for text in NO_IDS)


def unsaid(verb: Verb) -> set[str]:
    """Return where a verb takes ids of which its row does not say whether they are people's."""
    return {*places_of(inspect.type_info(verb.command))} - THINGS - {*verb.people, *verb.listed, *verb.anybody}


VERBS = [(kind, verb) for kind in KINDS for verb in kind.verbs if verb.rule != SYSTEM_ONLY]


@pytest.mark.parametrize(("kind", "verb"), VERBS, ids=[f"{kind.name}-{verb.command.do}" for kind, verb in VERBS])
def test_every_verb_says_where_it_names_people_who_have_to_be_there(kind: Kind, verb: Verb) -> None:
    assert unsaid(verb) == set()
    said = [*verb.people, *verb.listed, *verb.anybody]
    assert len(said) == len({*said})
    assert {*said} - {"{id}"} <= {*places_of(inspect.type_info(verb.command))}


def test_a_verb_that_forgets_to_say_it_is_found() -> None:
    (invite,) = [verb for kind, verb in VERBS if verb.command is rooms.Invite]
    assert unsaid(replace(invite, people=())) == {"user"}
    (enroll,) = [verb for kind, verb in VERBS if verb.command is exams.Enroll]
    assert unsaid(replace(enroll, listed=())) == {"people[].id"}


def test_people_are_found_where_the_row_says_and_nowhere_else() -> None:
    plan = sessions.Create("Talk", 1, owner="", people=("ann", "ben"))
    assert [*people_in(("owner", "people[]", "{id}"), plan, "x")] == [
        ("people[0]", "ann"), ("people[1]", "ben"), ("id", "x"),
    ]  # fmt: skip
    assert [*people_in(("people[].id",), exams.Enroll((exams.Person("a"), exams.Person("b"))), "x")] == [
        ("people[0].id", "a"), ("people[1].id", "b"),
    ]  # fmt: skip
    assert [*people_in(("user",), inboxes.Send("a.b", "Hello"), "x")] == []


NAMING: tuple[tuple[str, Any, Any, str], ...] = (
    ("room:r", rooms.Create("R", "closed"), rooms.Invite("nobody"), "user"),
    ("group:g", groups.Create("G"), groups.Invite("nobody"), "user"),
    ("queue:teacher", queues.Create("Q", "listed"), queues.Enlist(("ann", "nobody")), "users[1]"),
    ("queue:teacher", queues.Create("Q"), queues.Appoint("nobody"), "user"),
    ("session:s", sessions.Create("S", SOON), sessions.Enroll(("ann", "nobody")), "people[1]"),
    ("session:s", None, sessions.Create("S", SOON, people=("nobody",)), "people[0]"),
    (
        "exam:e",
        exams.Create("E", minutes=30),
        exams.Enroll((exams.Person("ann"), exams.Person("nobody"))),
        "people[1].id",
    ),
    ("exam:e", exams.Create("E", minutes=30), exams.Appoint("nobody"), "user"),
    ("exam:e", None, exams.Create("E", minutes=30, students=(exams.Person("nobody"),)), "students[0].id"),
    ("inbox:teacher", None, inboxes.Send("a.b", "Hello", user="nobody"), "user"),
    ("inbox:nobody", None, inboxes.Send("a.b", "Hello"), "id"),
    ("board:weekly.all", None, Score("nobody", "No Body", 1, "quiz"), "user"),
)


@pytest.mark.parametrize("naming", NAMING, ids=[f"{to.partition(':')[0]}-{done.do}" for to, _, done, _ in NAMING])
async def test_nobody_is_put_anywhere_who_is_not_there(
    people: People, autojump_clock: MockClock, naming: tuple[str, Any, Any, str]
) -> None:
    to, first, command, field = naming
    async with open_school(strangers=people.strangers) as school:
        if first is not None:
            await school.do(to, first, TEACHER)
        refused = await refusal_of(school, to, command, TEACHER)
        assert (refused.code, refused.msg) == ("bad_command", f"{field}: there is no 'nobody'")
        assert refused.data == {"field": field, "allowed": "the id of a person"}
        people.there.add("nobody")
        await school.do(to, command, TEACHER)


LISTS = [naming for naming in NAMING if "[" in naming[3]]


@pytest.mark.parametrize("naming", NAMING, ids=[f"{to.partition(':')[0]}-{done.do}" for to, _, done, _ in NAMING])
async def test_who_has_left_the_school_is_put_on_no_list_of_students_and_is_named_elsewhere_as_before(
    people: People, autojump_clock: MockClock, naming: tuple[str, Any, Any, str]
) -> None:
    to, first, command, field = naming
    people.left["nobody"] = "graduated"
    async with open_school(strangers=people.strangers) as school:
        if first is not None:
            await school.do(to, first, TEACHER)
        if naming not in LISTS:
            await school.do(to, command, TEACHER)
            return
        refused = await refusal_of(school, to, command, TEACHER)
        assert (refused.code, refused.msg) == ("bad_command", f"{field}: 'nobody' is graduated")
        assert refused.data == {"field": field, "allowed": "the id of a student who is at the school"}


async def test_who_has_left_is_named_in_one_answer_with_who_never_was(
    people: People, autojump_clock: MockClock
) -> None:
    people.there.remove("ben")
    people.left["ben"] = "withdrawn"
    async with open_school(strangers=people.strangers) as school:
        await school.do(EXAM, exams.Create("Mid", minutes=30), TEACHER)
        listed = tuple(exams.Person(user) for user in ("ben", "ann", "typo"))
        refused = await refusal_of(school, EXAM, exams.Enroll(listed), TEACHER)
        assert [(one["field"], one["wrong"]) for one in refused.data["errors"]] == [
            ("people[2].id", "there is no 'typo'"), ("people[0].id", "'ben' is withdrawn"),
        ]  # fmt: skip
        assert len(people.asked) == 1


async def test_all_who_are_not_there_are_named_in_one_answer_after_one_question(
    people: People, autojump_clock: MockClock
) -> None:
    async with open_school(strangers=people.strangers) as school:
        await school.do(EXAM, exams.Create("Mid", minutes=30, questions=(PI,)), TEACHER)
        listed = tuple(exams.Person(user) for user in ("typo", "ann", "slip", "ben"))
        refused = await refusal_of(school, EXAM, exams.Enroll(listed), TEACHER)
        assert refused.msg == "people[0].id: there is no 'typo'"
        assert [(one["field"], one["wrong"]) for one in refused.data["errors"]] == [
            ("people[0].id", "there is no 'typo'"), ("people[2].id", "there is no 'slip'"),
        ]  # fmt: skip
        assert people.asked == [{"typo", "ann", "slip", "ben"}]
        many = tuple(exams.Person(f"typo-{number}") for number in range(30))
        refused = await refusal_of(school, EXAM, exams.Enroll(many), TEACHER)
        assert len(refused.data["errors"]) == 20


async def test_who_may_not_is_told_that_and_learns_of_nobody(people: People, autojump_clock: MockClock) -> None:
    async with open_school(strangers=people.strangers) as school:
        await school.do(ROOM, rooms.Create("Closed", "closed"), TEACHER)
        await school.do("room:open", rooms.Create("Open"), TEACHER)
        await school.do("room:open", rooms.Join(), ANN)
        await school.do(EXAM, exams.Create("Mid", minutes=30), TEACHER)
        for user in ("nobody", "ben"):
            enroll = exams.Enroll((exams.Person(user),))
            told = [
                await refusal_of(school, ROOM, rooms.Invite(user), ANN),
                await refusal_of(school, "room:open", rooms.Invite(user), ANN),
                await refusal_of(school, EXAM, enroll, ANN),
                await refusal_of(school, EXAM, enroll, COLLEAGUE),
                await refusal_of(school, "inbox:ann", inboxes.Send("a.b", "Hello", user=user), ANN),
                await refusal_of(school, f"inbox:{user}", inboxes.Send("a.b", "Hello"), PARENT),
                await refusal_of(school, "board:weekly.all", Score(user, "N", 1, "quiz"), ANN),
            ]
            codes = [refusal.code for refusal in told]
            assert codes == [
                "not_found", "forbidden", "not_found", "not_found", "forbidden", "forbidden", "forbidden",
            ], user  # fmt: skip
        assert people.asked == []


async def test_what_the_thing_itself_refuses_is_said_before_who_is_not_there(
    people: People, autojump_clock: MockClock
) -> None:
    async with open_school(strangers=people.strangers) as school:
        await school.do("session:s", sessions.Create("S", SOON), TEACHER)
        another = sessions.Create("S", SOON, owner="nobody")
        assert (await refusal_of(school, "session:t", another, TEACHER)).code == "forbidden"
        await school.do("session:s", sessions.Cancel(), TEACHER)
        assert (await refusal_of(school, "session:s", sessions.Enroll(("nobody",)), TEACHER)).code == "conflict"
        assert people.asked == []


async def test_a_command_sent_again_answers_as_the_first_time_whoever_has_left_since(
    people: People, autojump_clock: MockClock
) -> None:
    async with open_school(strangers=people.strangers) as school:
        await school.do(EXAM, exams.Create("Mid", minutes=30), TEACHER)
        ref, enroll = school.engine.ref(EXAM), exams.Enroll((exams.Person("ann"),))
        first = await ref.ask(enroll, TEACHER, client="teacher/c", number=1, digest=b"d")
        people.there.remove("ann")
        again = await ref.ask(enroll, TEACHER, client="teacher/c", number=1, digest=b"d")
        assert not isinstance(first, Refusal)
        assert not isinstance(again, Refusal)
        assert (again.seq, again.again) == (first.seq, True)
        assert len(people.asked) == 1


async def test_whoever_has_left_is_taken_out_and_named_to_be_silenced_as_before(
    people: People, autojump_clock: MockClock
) -> None:
    async with open_school(strangers=people.strangers) as school:
        await school.do(EXAM, exams.Create("Mid", minutes=30, students=(exams.Person("ann"),)), TEACHER)
        await school.do(EXAM, exams.Appoint("colleague"), TEACHER)
        await school.do("queue:teacher", queues.Create("Q", "listed"), TEACHER)
        await school.do("queue:teacher", queues.Enlist(("ann",)), TEACHER)
        await school.do(ROOM, rooms.Create("Closed", "closed"), TEACHER)
        await school.do(ROOM, rooms.Invite("ann"), TEACHER)
        people.there -= {"ann", "colleague"}
        people.asked.clear()
        await school.do(EXAM, exams.Expel("ann"), TEACHER)
        await school.do(EXAM, exams.Dismiss("colleague"), TEACHER)
        await school.do("queue:teacher", queues.Strike(("ann",)), TEACHER)
        await school.do(ROOM, rooms.Remove("ann"), TEACHER)
        assert people.asked == []


async def test_talk_asks_nobody_who_is_there_and_neither_do_other_actors(
    people: People, autojump_clock: MockClock
) -> None:
    async with open_school(strangers=people.strangers) as school:
        await school.do("room:open", rooms.Create("Open"), TEACHER)
        await school.do("room:open", Say("Hello @nobody", mentions=("nobody",)), TEACHER)
        await school.do("session:s", sessions.Create("S", SOON, owner="gone", people=("gone",)))
        await school.do("board:weekly.all", Score("gone", "Gone", 1, "quiz"))
        assert people.asked == []


async def test_who_asks_is_there_and_need_not_be_looked_for(people: People, autojump_clock: MockClock) -> None:
    async with open_school(strangers=people.strangers) as school:
        guest = Caller("guest", "teacher", "Guest")
        await school.do("inbox:guest", inboxes.Send("a.b", "Note to self"), guest)
        await school.do("session:s", sessions.Create("S", SOON, owner="guest"), guest)
        assert people.asked == []


async def test_while_nobody_can_be_asked_nothing_is_done_and_all_else_goes_on(
    people: People, autojump_clock: MockClock
) -> None:
    async with open_school(strangers=people.strangers) as school:
        await school.do("room:open", rooms.Create("Open"), TEACHER)
        people.away = True
        refused = await refusal_of(school, "room:open", rooms.Invite("ben"), TEACHER)
        assert (refused.code, refused.retry_ms) == ("unavailable", 1_000)
        await school.do("room:open", rooms.Join(), BEN)
        people.away = False
        await school.do("room:open", rooms.Invite("ann"), TEACHER)
        assert (await school.state("room:open", TEACHER))["invited"].keys() == {"ann"}
