"""A session for its course: who belongs to the course joins it, sees it and is reminded of it; for all others there is none."""

import dataclasses
from typing import Any

import pytest

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Refusal
from homeroom.engine.journal_memory import MemoryJournal
from homeroom.protocol.session_lists import ListSessions, ListUpcoming
from homeroom.protocol.session_words import (
    AdmitEarly,
    Attendees,
    Cancel,
    Change,
    Create,
    End,
    Enroll,
    Expel,
    Join,
    Leave,
    LoseCourse,
    Start,
)
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, EVE, TEACHER
from tests.actors.school import open_school
from tests.actors.sessions import MINUTE, STARTS, WARD_PARENT, new_session, shown

COURSE = "course:cs1"
COURSE_TEACHER = dataclasses.replace(TEACHER, places=frozenset({COURSE}))
MEMBER = dataclasses.replace(ANN, places=frozenset({COURSE, "class:10a"}))
OTHER = dataclasses.replace(BEN, places=frozenset({"course:cs2"}))


def of_course(**plan: Any) -> Driver:
    """Return a session of the teacher for the course, in an hour; Ann and Eve are its students."""
    session = new_session()
    session.members = lambda place: {"ann": "Ann", "eve": "Eve"} if place == COURSE else {}
    session.do(Create("Algebra", STARTS, course="cs1", audience="course", **plan), COURSE_TEACHER)
    return session


def told(session: Driver, kind: str) -> list[str]:
    """Return who got a notice of a type."""
    return [tell.to.removeprefix("inbox:") for tell in session.tells if getattr(tell.command, "type", "") == kind]


def test_members_join_and_for_others_there_is_none() -> None:
    session = of_course()
    session.do(Start(), COURSE_TEACHER)
    assert session.try_do(Join(), MEMBER) == "ok"
    assert session.try_do(Join(), OTHER) == "not_found"
    assert session.try_do(Join(), EVE) == "not_found"  # who no longer belongs to it, whatever was so before
    assert session.try_do(Attendees(), ADMIN) == "ok"


def test_who_was_taken_out_or_put_on_the_list_is_so_whatever_the_course_says() -> None:
    session = of_course()
    session.do(Start(), COURSE_TEACHER)
    session.do(Enroll(("ben",)), COURSE_TEACHER)
    assert session.try_do(Join(), OTHER) == "ok"
    session.do(Expel(("ann",)), COURSE_TEACHER)
    assert session.try_do(Join(), MEMBER) == "forbidden"


def test_the_students_of_the_course_are_reminded_and_told_that_it_is_off() -> None:
    session = of_course()
    session.advance(45 * MINUTE)
    assert told(session, "session.starting_soon") == ["ann", "eve"]
    session.members = lambda place: {"eve": "Eve"}
    session.do(Cancel(), COURSE_TEACHER)
    assert told(session, "session.cancelled") == ["eve"]


@pytest.mark.parametrize(
    ("caller", "plan", "code"),
    [
        (COURSE_TEACHER, {"course": "cs1"}, "ok"),
        (ADMIN, {"course": "cs1"}, "ok"),
        (TEACHER, {"course": "cs1"}, "forbidden"),
        (COURSE_TEACHER, {}, "bad_command"),
    ],
)
def test_a_session_is_made_for_a_course_of_ones_own(caller: Caller, plan: dict[str, Any], code: str) -> None:
    assert new_session().try_do(Create("Algebra", STARTS, audience="course", **plan), caller) == code


def test_it_stays_with_its_course_and_may_be_opened_to_all() -> None:
    session = of_course()
    assert session.try_do(Change(course="cs2"), COURSE_TEACHER) == "conflict"
    assert session.try_do(Change(title="More"), TEACHER) == "ok"
    assert session.try_do(Change(audience="open"), TEACHER) == "ok"
    assert session.try_do(Change(audience="course"), TEACHER) == "forbidden"
    assert session.try_do(Change(course="cs2"), TEACHER) == "ok"


async def test_it_is_in_the_lists_of_the_members_and_of_nobody_else() -> None:
    async with open_school() as school:
        starts = await MemoryJournal(school.store).now() + 60 * MINUTE
        plan = Create("Algebra", starts, course="cs1", audience="course")
        await school.do("session:algebra", plan, COURSE_TEACHER)

        async def seen(caller: Caller) -> list[list[str]]:
            lists = (ListSessions(), ListSessions(course="cs1"))
            pages = [await school.ask("session_list", query, caller) for query in lists]
            pages.append(await school.ask("session_upcoming", ListUpcoming("cs1"), caller))
            return [[card.id for card in page.sessions] for page in pages]

        assert await seen(MEMBER) == [["algebra"]] * 3
        assert await seen(OTHER) == await seen(ANN) == [[]] * 3
        await school.do("session:algebra", Change(audience="listed"), COURSE_TEACHER)
        assert await seen(MEMBER) == [[]] * 3
        with pytest.raises(Refusal, match="not_found"):
            await school.state("session:algebra", MEMBER)


async def test_who_lost_the_course_by_which_they_came_finds_it_no_longer_until_it_is_past() -> None:
    async with open_school() as school:
        starts = await MemoryJournal(school.store).now() + 60 * MINUTE
        for name in ("algebra", "logic"):
            plan = Create(name, starts, course="cs1", audience="course")
            await school.do(f"session:{name}", plan, COURSE_TEACHER)
            await school.do(f"session:{name}", AdmitEarly(), COURSE_TEACHER)
            await school.do(f"session:{name}", Join(), MEMBER)
        family = dataclasses.replace(WARD_PARENT, ward_places=frozenset({("ann", COURSE), ("ann", "class:10a")}))

        async def found(caller: Caller, user: str = "") -> list[str]:
            lists = [await school.ask("session_list", ListSessions(user=user), caller)]
            if not user:
                lists.append(await school.ask("session_list", ListSessions(course="cs1"), caller))
                lists.append(await school.ask("session_upcoming", ListUpcoming("cs1"), caller))
            return sorted({card.id for page in lists for card in page.sessions})

        for member, parent, seen in ((MEMBER, family, ["algebra", "logic"]), (ANN, WARD_PARENT, [])):
            assert await found(member) == await found(parent, "ann") == seen
        await school.do("session:logic", Change(audience="open"), COURSE_TEACHER)
        assert await found(ANN) == await found(WARD_PARENT, "ann") == ["logic"], "open to all by now"
        await school.do("session:logic", Change(audience="course"), COURSE_TEACHER)
        await school.do("session:algebra", Enroll(("ann",)), COURSE_TEACHER)
        assert await found(ANN) == await found(WARD_PARENT, "ann") == ["algebra"], (
            "on its list, whatever the course says"
        )
        await school.do("session:logic", Start(), COURSE_TEACHER)
        assert await found(ANN) == ["algebra"]
        await school.do("session:logic", End(), COURSE_TEACHER)
        assert await found(ANN) == await found(WARD_PARENT, "ann") == ["algebra", "logic"], "their own past"


async def test_who_was_taken_out_of_a_session_finds_it_in_no_list_by_no_way() -> None:
    async with open_school() as school:
        starts = await MemoryJournal(school.store).now() + 60 * MINUTE
        for audience in ("course", "open"):
            plan = Create(audience, starts, course="cs1", audience=audience)
            await school.do(f"session:{audience}", plan, COURSE_TEACHER)
        for query in (ListSessions(course="cs1"), ListSessions(course="cs1", scope="open")):
            assert (await school.ask("session_list", query, MEMBER)).sessions
        for audience in ("course", "open"):
            await school.do(f"session:{audience}", Expel(("ann",)), COURSE_TEACHER)
        for query in (ListSessions(), ListSessions(course="cs1"), ListSessions(scope="open")):
            assert (await school.ask("session_list", query, MEMBER)).sessions == ()
        assert (await school.ask("session_upcoming", ListUpcoming("cs1"), MEMBER)).sessions == ()
        assert len((await school.ask("session_list", ListSessions(scope="open"), BEN)).sessions) == 1


def lose_course(session: Driver, user: str = "ann", course: str = "cs1") -> None:
    """Let the session know that somebody belongs to the course no longer."""
    session.evicted.clear()
    session.do(LoseCourse(user, course), SYSTEM_CALLER)


def test_who_came_by_the_course_is_out_when_it_is_lost() -> None:
    session = of_course()
    session.do(Start(), COURSE_TEACHER)
    session.do(Join(), MEMBER)
    assert session.try_do(Attendees(), ANN) == "not_found", "also before the session has been told"
    lose_course(session)
    assert shown(session).people["ann"].standing == "gone"
    assert session.evicted == ["ann"]
    assert session.try_do(Join(), ANN) == "not_found"
    assert session.try_do(Join(), MEMBER) == "ok", "who belongs to it again"


def test_who_was_there_before_follows_it_no_longer_and_is_not_expected() -> None:
    session = of_course()
    session.do(AdmitEarly(), COURSE_TEACHER)
    session.do(Join(), MEMBER)
    session.do(Leave(), MEMBER)
    session.members = lambda place: {"eve": "Eve"}
    lose_course(session)
    assert session.evicted == ["ann"]
    assert session.try_do(Attendees(), ANN) == "not_found"
    session.do(Cancel(), COURSE_TEACHER)
    assert told(session, "session.cancelled") == ["eve"]


def test_a_further_teacher_of_the_course_who_was_there_early_is_reminded_as_long_as_it_is_theirs() -> None:
    session = of_course()
    colleague = dataclasses.replace(COURSE_TEACHER, user="colleague", name="Colleague")
    session.belongs = lambda person, place: (person, place) == ("colleague", COURSE)
    session.do(AdmitEarly(), COURSE_TEACHER)
    session.do(Join(), colleague)
    session.do(Leave(), colleague)
    session.advance(45 * MINUTE)
    assert told(session, "session.starting_soon") == ["colleague", "ann", "eve"]
    session.belongs = lambda person, place: False
    lose_course(session, "colleague")
    session.advance(10 * MINUTE)
    assert told(session, "session.join_now") == ["ann", "eve"]


def test_who_is_there_for_another_reason_stays() -> None:
    session = of_course()
    session.do(Start(), COURSE_TEACHER)
    session.do(Enroll(("ben",)), COURSE_TEACHER)
    for who in (OTHER, MEMBER):
        session.do(Join(), who)
    for user, course in (("ben", "cs1"), ("ann", "cs2"), ("teacher", "cs1"), ("eve", "cs1")):
        lose_course(session, user, course)
        assert session.evicted == []
    session.do(Change(audience="open"), COURSE_TEACHER)
    lose_course(session)
    assert session.evicted == []
    assert session.try_do(Attendees(), ANN) == "ok", "it is open to all, who has lost the course too"
    assert {"ann", "ben"} <= {user for user, person in shown(session).people.items() if person.standing == "here"}


def test_who_was_there_while_it_was_open_stays_when_it_is_for_its_course() -> None:
    session = new_session()
    session.do(Create("Algebra", STARTS, course="cs1"), COURSE_TEACHER)
    session.do(Start(), COURSE_TEACHER)
    session.do(Join(), ANN)
    session.do(Change(audience="course"), COURSE_TEACHER)
    lose_course(session)
    assert session.try_do(Attendees(), ANN) == "ok"
    session.do(Leave(), ANN)
    session.do(Join(), ANN)
    assert session.try_do(Attendees(), ANN) == "ok", "who comes back has not come by the course either"


@pytest.mark.parametrize("audience", ["open", "listed"])
def test_a_course_stands_with_a_session_only_where_one_belongs_to_it(audience: Any) -> None:
    """What becomes of it is told to the course; a name that no course has is a word like any other."""

    def plan(caller: Caller, course: str) -> str:
        session = new_session()
        session.knows = lambda place: place == COURSE
        made = session.try_do(Create("Algebra", STARTS, course=course, audience=audience), caller)
        assert session.try_do(Change(title="More"), caller) == ("ok" if made == "ok" else "not_found")
        return made

    assert [plan(who, "cs1") for who in (COURSE_TEACHER, ADMIN, TEACHER)] == ["ok", "ok", "forbidden"]
    assert [plan(who, "art") for who in (COURSE_TEACHER, ADMIN, TEACHER)] == ["ok", "ok", "ok"]


def test_a_session_is_not_moved_to_a_course_to_which_one_does_not_belong() -> None:
    session = new_session()
    session.do(Create("Algebra", STARTS), TEACHER)
    session.knows = lambda place: place == COURSE
    assert session.try_do(Change(course="cs1"), TEACHER) == "forbidden"
    assert session.try_do(Change(course="art"), TEACHER) == "ok"
    session.knows = lambda place: True
    assert session.try_do(Change(title="More"), TEACHER) == "ok", "what stands with it already stays"
