"""Study groups in the real engine, with presences, inboxes and sessions: what only the joint can break."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from homeroom.actors.group_rows import find_public, list_mine
from homeroom.actors.presence import GRACE_MS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.chat import Say
from homeroom.protocol.group import Change, Create, Delete, Invite, Join, Leave, Promote, Schedule
from homeroom.protocol.group_lists import FindGroups, MyGroups
from homeroom.protocol.presence import Connected, Disconnected, Engage, Hide
from homeroom.protocol.session_words import Join as JoinSession
from homeroom.protocol.session_words import Start
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE
from tests.actors.school import Onlooker, School, open_school

GROUP = "group:algebra"


async def open_group(school: School, **given: Any) -> None:
    await school.do(GROUP, Create("Algebra", **given), ANN)
    await school.do(GROUP, Join(), BEN)


async def names(school: School, lookup: Any) -> list[str]:
    await trio.sleep(1)
    return [card.name for card in (await school.engine.look_up(lookup)).groups]


async def test_members_see_each_others_presence_and_activity_through_the_group(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_group(school)
        ben = Onlooker(BEN)
        await school.watch(GROUP, ben)
        await school.do("presence:ann", Connected("c1"))
        await school.do("presence:ann", Engage("session:maths", "In a live session"))
        await trio.sleep(1)
        type_, data = ben.events(GROUP, "sig")[-1]
        assert (type_, data["user"], data["status"], data["activity"]) == (
            "room.presence", "ann", "online", "In a live session",
        )  # fmt: skip
        await school.do("presence:ann", Hide(), ANN)
        await trio.sleep(1)
        assert ben.events(GROUP, "sig")[-1][1]["status"] == "offline"
        late = Onlooker(ADMIN)
        await school.watch(GROUP, late)
        await trio.sleep(1)
        assert late.events(GROUP, "sig") == []


async def test_who_left_is_seen_in_the_group_no_more(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_group(school)
        await school.do("presence:ben", Connected("c1"))
        await trio.sleep(1)
        await school.do(GROUP, Leave(), BEN)
        await trio.sleep(1)
        ann = Onlooker(ANN)
        await school.watch(GROUP, ann)
        await school.do("presence:ben", Disconnected("c1"))
        await trio.sleep(GRACE_MS / 1_000 + 1)
        assert ann.events(GROUP, "sig") == []


async def test_a_deleted_group_lets_go_of_everybody_after_its_last_event_and_keeps_its_history(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_group(school)
        await school.do(GROUP, Say("hello"), BEN)
        onlookers = [Onlooker(ANN), Onlooker(BEN)]
        for onlooker in onlookers:
            await school.watch(GROUP, onlooker)
        await school.do(GROUP, Delete(), ANN)
        await trio.sleep(1)
        for onlooker in onlookers:
            assert onlooker.events(GROUP)[-1] == ("group.deleted", {"reason": "deleted"})
            assert onlooker.frames[-1] == {"t": "gone", "to": GROUP, "code": "forbidden"}
        for who in (ANN, BEN, EVE):
            with pytest.raises(Refusal, match="not_found"):
                await school.watch(GROUP, Onlooker(who))
            with pytest.raises(Refusal, match="not_found"):
                await school.do(GROUP, Join(), who)
        assert [record.type for record in school.store.peek(GROUP).records][-2:] == [
            "room.message_posted",
            "group.deleted",
        ]
        assert await names(school, find_public(FindGroups(), EVE)) == []
        assert await names(school, list_mine(MyGroups(), ANN)) == []


async def test_an_invitation_arrives_in_the_inbox(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await school.do(GROUP, Create("Algebra", visibility="private"), ANN)
        eve = Onlooker(EVE)
        await school.watch("inbox:eve", eve)
        await school.do(GROUP, Invite("eve"), ANN)
        await trio.sleep(1)
        assert "Invitation to Algebra" in repr(eve.events("inbox:eve"))
        await school.do(GROUP, Join(), EVE)


# --- lists


async def test_public_groups_are_found_by_course_specialty_and_words_and_private_ones_by_their_members_alone(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        made = {
            "one": Create("Linear Algebra", "Vectors on Mondays", "math-1", "Algebra"),
            "two": Create("Number theory", "primes", "math-1", "Numbers"),
            "three": Create("Secret Algebra", "hush", "math-1", "Algebra", visibility="private"),
            "four": Create("Topology", "", "math-2", "Shapes"),
        }
        for name, create in made.items():
            await school.do(f"group:{name}", create, ANN)
            await trio.sleep(60)
        for query, found in (
            (FindGroups(), ["Topology", "Number theory", "Linear Algebra"]),
            (FindGroups(course="math-1"), ["Number theory", "Linear Algebra"]),
            (FindGroups(specialty="algebra"), ["Linear Algebra"]),
            (FindGroups(text="MONDAYS"), ["Linear Algebra"]),
            (FindGroups(text="prime", course="math-1"), ["Number theory"]),
            (FindGroups(text="100%"), []),
            (FindGroups(course="math-3"), []),
        ):
            assert await names(school, find_public(query, EVE)) == found, query
        assert await names(school, list_mine(MyGroups(), ANN)) == [
            "Topology", "Secret Algebra", "Number theory", "Linear Algebra",
        ]  # fmt: skip
        assert await names(school, list_mine(MyGroups(), EVE)) == []


async def test_a_card_tells_members_limit_and_last_activity_and_pages_go_on_where_the_last_one_ended(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        for number in range(5):
            await school.do(f"group:g{number}", Create(f"Group {number}", max_members=3), ANN)
            await trio.sleep(60)
        await school.do("group:g1", Join(), BEN)
        await school.do("group:g1", Say("hello"), BEN)
        await trio.sleep(1)
        found, after = [], ""
        while True:
            page = await school.engine.look_up(list_mine(MyGroups(limit=2, after=after), ANN))
            found += page.groups
            after = page.after
            if not after:
                break
        assert [card.id for card in found] == ["g1", "g4", "g3", "g2", "g0"]
        assert (found[0].members, found[0].max_members) == (2, 3)
        assert found[0].last_at > found[0].created
        assert found[1].last_at == found[1].created


async def test_lists_follow_what_the_group_says_of_itself_and_who_is_in_it(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_group(school)
        await school.do(GROUP, Change(name="Topology", visibility="private"), ANN)
        assert await names(school, find_public(FindGroups(), EVE)) == []
        assert await names(school, list_mine(MyGroups(), BEN)) == ["Topology"]
        await school.do(GROUP, Leave(), BEN)
        assert await names(school, list_mine(MyGroups(), BEN)) == []


# --- sessions


async def plan(school: School, who: Caller) -> str:
    """Plan a session that begins a second after the group was made."""
    made: int = (await school.state(GROUP, who))["created"]
    planned = await school.do(GROUP, Schedule("Sheet 3", made + 1_000), who)
    return f"session:{planned.session}"


async def enter(school: School, session: str, who: Caller) -> None:
    await school.do(f"presence:{who.user}", Connected(f"c-{who.user}"))
    await school.do(session, JoinSession(), who)
    await trio.sleep(1)


async def test_a_planned_session_takes_the_members_also_those_who_joined_later_and_nobody_else(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_group(school)
        session = await plan(school, BEN)
        await school.do(GROUP, Join(), EVE)
        await trio.sleep(1)
        with pytest.raises(Refusal, match="not_found"):
            await school.do(session, JoinSession(), COLLEAGUE)
        await school.do(session, Start(), BEN)
        for who in (ANN, EVE):
            await enter(school, session, who)
        state = await school.state(session, BEN)
        assert (state["title"], state["owner"], set(state["people"])) == ("Sheet 3", "ben", {"ann", "eve"})
        await school.do(GROUP, Leave(), EVE)
        await trio.sleep(1)
        with pytest.raises(Refusal):
            await school.do(session, JoinSession(), EVE)


@pytest.mark.parametrize("hides", [False, True])
async def test_a_session_learns_from_the_presence_who_is_gone_and_who_came_back_hidden_or_not(
    hides: bool, autojump_clock: MockClock
) -> None:
    async with open_school() as school:
        await open_group(school)
        session = await plan(school, ANN)
        await trio.sleep(2)
        await school.do(session, Start(), ANN)
        await enter(school, session, BEN)
        if hides:
            await school.do("presence:ben", Hide(), BEN)
        await school.do("presence:ben", Disconnected("c-ben"))
        await trio.sleep(GRACE_MS / 1_000 + 1)
        assert (await school.state(session, ANN))["people"]["ben"]["standing"] == "lost"
        await school.do("presence:ben", Connected("c2"))
        await trio.sleep(1)
        assert (await school.state(session, ANN))["people"]["ben"]["standing"] == "here"
    async with open_school(school.store) as again:
        await trio.sleep(GRACE_MS / 1_000 + 1)
        assert (await again.state(session, ANN))["people"]["ben"]["standing"] != "here"


async def test_a_group_survives_a_restart_as_it_was(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_group(school)
        await school.do(GROUP, Promote("ben"), ANN)
        await school.do(GROUP, Say("hello"), BEN)
        before = await school.state(GROUP, BEN)
    async with open_school(school.store) as again:
        assert await again.state(GROUP, BEN) == before
