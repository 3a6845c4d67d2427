"""Lists of class sessions, asked of the real read models: who sees which, in which order, page by page."""

from typing import Any

import msgspec
import pytest

from homeroom.actors.session_lists import SESSION_LISTS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.journal_memory import MemoryJournal
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.session_lists import Face, ListOwned, ListSessions, ListUpcoming, SessionList
from homeroom.protocol.session_words import (
    AdmitEarly,
    Cancel,
    Change,
    Create,
    Enroll,
    Expel,
    Join,
    Leave,
    SetRecording,
    Start,
)
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, TEACHER
from tests.actors.school import School, open_school
from tests.actors.sessions import WARD_PARENT

HOUR = 3_600_000


async def ask(school: School, query: Any, caller: Caller) -> SessionList:
    """Return a page of the list that `query` belongs to."""
    listing = next(listing for listing in SESSION_LISTS if listing.query is type(query))
    answer = await school.engine.look_up(listing.ask(query, caller))
    assert isinstance(answer, SessionList)
    return answer


def ids(page: SessionList) -> list[str]:
    return [card.id for card in page.sessions]


async def open_year(school: School) -> int:
    """Plan five sessions, in the order of their starts, of which one is for Ann alone; returns the start of the first."""
    first: int = await MemoryJournal(school.store).now() + HOUR
    plans: dict[str, tuple[Caller, dict[str, Any]]] = {
        "one": (TEACHER, {"course": "algebra"}),
        "two": (TEACHER, {"course": "algebra", "audience": "listed", "people": ("ann",)}),
        "three": (COLLEAGUE, {"course": "algebra"}),
        "four": (COLLEAGUE, {"course": "history"}),
        "five": (TEACHER, {"course": "algebra"}),
    }
    for number, (name, (owner, plan)) in enumerate(plans.items()):
        await school.do(f"session:{name}", Create(name, first + number * HOUR, **plan), owner)
    await school.do("session:five", Cancel(), TEACHER)
    await school.do("session:four", Start(), COLLEAGUE)
    await school.do("session:four", Join(), ANN)
    return first


async def test_a_course_lists_what_is_planned_the_next_first_and_hides_what_is_for_others() -> None:
    async with open_school() as school:
        await open_year(school)
        assert ids(await ask(school, ListUpcoming("algebra"), EVE)) == ["one", "three"]
        assert ids(await ask(school, ListUpcoming("algebra", scope="mine"), ANN)) == ["two"]
        assert ids(await ask(school, ListUpcoming("algebra", scope="mine"), EVE)) == []
        assert ids(await ask(school, ListUpcoming("algebra"), ANN)) == ["one", "two", "three"]
        assert ids(await ask(school, ListUpcoming("algebra", scope="open"), ANN)) == ["one", "three"]
        assert ids(await ask(school, ListSessions(course="algebra"), EVE)) == ["five", "three", "one"]
        assert ids(await ask(school, ListSessions(course="algebra"), ANN)) == ["five", "three", "two", "one"]


async def test_a_session_that_is_listed_later_leaves_the_course_of_all_but_its_people() -> None:
    async with open_school() as school:
        await open_year(school)
        await school.do("session:one", Change(audience="listed"), TEACHER)
        assert ids(await ask(school, ListUpcoming("algebra"), EVE)) == ["three"]
        assert ids(await ask(school, ListUpcoming("algebra"), TEACHER)) == ["one", "two", "three"]
        await school.do("session:one", Change(audience="open"), TEACHER)
        assert ids(await ask(school, ListUpcoming("algebra"), EVE)) == ["one", "three"]


async def test_a_parent_lists_what_a_child_sees_and_nobody_elses() -> None:
    async with open_school() as school:
        await open_year(school)
        assert ids(await ask(school, ListSessions(user="ann"), WARD_PARENT)) == ["four", "two"]
        assert ids(await ask(school, ListSessions(user="ann", course="algebra"), WARD_PARENT)) == ["two"]
        assert ids(await ask(school, ListSessions(), WARD_PARENT)) == []
        for caller in (WARD_PARENT, TEACHER):
            with pytest.raises(Refusal, match="not_found"):
                await ask(school, ListSessions(user="ben"), caller)


async def test_without_a_course_everybody_sees_its_own_and_admins_all() -> None:
    async with open_school() as school:
        await open_year(school)
        assert ids(await ask(school, ListSessions(), ANN)) == ["four", "two"]
        assert ids(await ask(school, ListSessions(), TEACHER)) == ["five", "two", "one"]
        assert ids(await ask(school, ListSessions(), ADMIN)) == ["five", "four", "three", "two", "one"]
        assert ids(await ask(school, ListSessions(scope="open"), BEN)) == ["five", "four", "three", "one"]
        with pytest.raises(Refusal, match="forbidden"):
            await ask(school, ListSessions(scope="all"), TEACHER)


async def test_the_words_of_other_systems_for_a_status_are_understood() -> None:
    async with open_school() as school:
        await open_year(school)
        for status, found in (("active", "four"), ("live", "four"), ("canceled", "five"), ("cancelled", "five")):
            query = msgspec.convert({"status": status, "scope": "open"}, ListSessions)
            assert ids(await ask(school, query, BEN)) == [found]
        assert ids(await ask(school, ListOwned(), COLLEAGUE)) == ["four", "three"]
        assert ids(await ask(school, ListOwned(status="active"), COLLEAGUE)) == ["four"]
        assert ids(await ask(school, ListOwned(), ANN)) == []


async def test_a_list_is_read_page_by_page_to_its_end() -> None:
    async with open_school() as school:
        await open_year(school)
        seen: list[str] = []
        after = ""
        for _ in range(3):
            page = await ask(school, ListSessions(limit=2, after=after), ADMIN)
            seen, after = [*seen, *ids(page)], page.after
        assert seen == ["five", "four", "three", "two", "one"]
        assert after == ""
        with pytest.raises(RemoteProtocolError):
            await ask(school, ListSessions(after="nonsense"), ADMIN)


async def test_who_is_expelled_does_not_see_it_any_more_and_who_is_enrolled_does() -> None:
    async with open_school() as school:
        await open_year(school)
        await school.do("session:two", Expel(("ann",)), TEACHER)
        await school.do("session:two", Enroll(("eve",)), TEACHER)
        assert ids(await ask(school, ListSessions(), ANN)) == ["four"]
        assert ids(await ask(school, ListSessions(), EVE)) == ["two"]


async def test_a_card_shows_the_first_five_faces_and_how_many_are_in_it() -> None:
    async with open_school() as school:
        first = await open_year(school)
        await school.do("session:one", AdmitEarly(), TEACHER)
        for number in range(6):
            await school.do("session:one", Join(), Caller(f"s{number}", "student", f"Student\n{number}"))
        await school.do("session:one", Leave(), Caller("s1", "student"))
        await school.do("session:one", SetRecording("https://example.org/r"), TEACHER)
        card = (await ask(school, ListOwned(), TEACHER)).sessions[-1]
        assert (card.id, card.title, card.starts, card.inside, card.recording) == (
            "one",
            "one",
            first,
            5,
            "https://example.org/r",
        )
        assert card.faces == tuple(Face(f"s{number}", f"Student {number}") for number in (0, 2, 3, 4, 5))
        assert (card.owner, card.owner_name, card.status, card.started) == ("teacher", "Tia Teacher", "scheduled", 0)
