"""The session of a study group, whose owner may be a student: it stays with the group, and ends with it."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.behaviour import SYSTEM_CALLER, Refusal
from homeroom.engine.journal_memory import MemoryJournal
from homeroom.protocol import group as groups
from homeroom.protocol.chat import History, Say
from homeroom.protocol.inbox import Notify
from homeroom.protocol.session_words import (
    Cancel,
    Cancelled,
    Change,
    Changed,
    Create,
    End,
    Ended,
    Enroll,
    Enrolled,
    Expel,
    Expelled,
    HandedOver,
    HandOver,
    Join,
    ParticipantLeft,
    Start,
)
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, EVE, TEACHER
from tests.actors.school import open_school
from tests.actors.sessions import STARTS, new_session, notices, shown

GROUP = "group:algebra"
HOUR = 3_600_000


def of_a_group() -> Driver:
    """Return the session that Ann, a student, planned for her group, with Ben."""
    session = new_session()
    session.do(
        Create(
            "Sheet 3", STARTS, course="math-1", audience="listed", owner="ann", owner_name="Ann", people=("ben",),
            group="algebra",
        )
    )  # fmt: skip
    session.tells.clear()
    return session


def test_the_session_names_its_group_and_only_the_system_gives_one() -> None:
    assert shown(of_a_group()).group == "algebra"
    with pytest.raises(Refusal, match="forbidden") as refused:
        new_session().do(Create("Mine", STARTS, group="algebra"), TEACHER)
    assert refused.value.data == {"field": "group"}


@pytest.mark.parametrize(("field", "value"), [("audience", "open"), ("course", "math-2"), ("course", "")])
def test_its_owner_neither_opens_it_to_all_nor_puts_it_under_another_course(field: str, value: str) -> None:
    session = of_a_group()
    change: dict[str, Any] = {field: value}
    with pytest.raises(Refusal, match="forbidden") as refused:
        session.do(Change(title="Exam", **change), ANN)
    assert refused.value.data == {"field": field}
    assert shown(session).title == "Sheet 3", "nothing of it was changed"
    assert isinstance(session.events_of(Change(**change), ADMIN)[0], Changed)


def test_its_owner_changes_the_rest_also_naming_what_is_so_already() -> None:
    session = of_a_group()
    session.do(Change(title="Sheet 4", audience="listed", course="math-1"), ANN)
    assert (shown(session).title, shown(session).audience) == ("Sheet 4", "listed")


def test_its_owner_enrolls_nobody_and_the_group_and_admins_of_the_school_do() -> None:
    session = of_a_group()
    for who in ("stranger", "ben"):
        assert session.try_do(Enroll((who,)), ANN) == "forbidden"
    session.do(Expel(("ben",)), ANN)
    assert session.try_do(Enroll(("ben",)), ANN) == "forbidden", "also not back whom it took off"
    assert notices(session) == []
    assert session.events_of(Enroll(("ben",))) == [Enrolled(1, ("ben",))]
    assert session.events_of(Enroll(("eve",)), ADMIN) == [Enrolled(2, ("eve",))]


def test_with_its_group_a_planned_session_is_cancelled_and_its_owner_is_told_as_well() -> None:
    session = of_a_group()
    gone = Cancel("the study group was deleted")
    assert session.events_of(gone) == [Cancelled(gone.reason)]
    told = {tell.to: tell.command.message for tell in session.tells if isinstance(tell.command, Notify)}
    assert told == dict.fromkeys(("inbox:ann", "inbox:ben"), "Sheet 3: the study group was deleted")
    assert session.deadlines == {}
    assert session.events_of(gone) == []
    assert session.try_do(Join(), BEN) == "conflict"


def test_with_its_group_a_live_session_ends_and_one_that_has_ended_stays_so() -> None:
    session = of_a_group()
    session.do(Start(), ANN)
    session.do(Join(), BEN)
    assert session.events_of(Cancel("the study group was deleted"), SYSTEM_CALLER) == [Ended()]
    assert shown(session).people["ben"].standing == "gone"
    assert session.events_of(Cancel("the study group was deleted"), SYSTEM_CALLER) == []


def test_a_live_session_goes_over_to_an_admin_when_its_planner_is_removed_and_the_planner_is_out_of_it() -> None:
    session = of_a_group()
    session.do(Start(), ANN)
    session.do(Join(), ANN)
    session.do(Join(), BEN)
    handed = session.events_of(HandOver("ben", "Ben"))
    assert handed == [HandedOver("ben", "Ben"), Expelled(1, ("ann",)), ParticipantLeft("ann", "removed")]
    assert session.evicted == ["ann"]
    assert session.rows["session_people", "ann"]["active"] is False
    assert session.rows["sessions",]["owner"] == "ben"
    for command in (Say("still here"), End(), Join(), Start()):
        assert session.try_do(command, ANN) == "not_found"
    assert session.events_of(HandOver("ben", "Ben")) == []
    assert session.try_do(End(), BEN) == "ok"


def test_a_planned_session_goes_over_as_well_and_one_that_is_over_stays_with_who_had_it() -> None:
    session = of_a_group()
    assert session.events_of(HandOver("ben", "Ben")) == [HandedOver("ben", "Ben"), Expelled(1, ("ann",))]
    session.do(Enroll(("ann",)))
    session.do(Start(), BEN)
    session.do(Join(), ANN)
    session.do(End(), BEN)
    for late in (HandOver("eve", "Eve"), Expel(("ann",))):
        assert session.events_of(late) == []
    assert session.try_do(History(), ANN) == "ok"


async def test_members_of_a_deleted_group_cannot_join_its_session_any_more(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        starts = await MemoryJournal(school.store).now() + HOUR
        await school.do(GROUP, groups.Create("Algebra", visibility="public"), ANN)
        await school.do(GROUP, groups.Join(), BEN)
        session = f"session:{(await school.do(GROUP, groups.Schedule('Sheet 3', starts), BEN)).session}"
        await trio.sleep(1)
        for strange in (Enroll(("eve",)), Change(audience="open")):
            with pytest.raises(Refusal, match="forbidden"):
                await school.do(session, strange, BEN)
        with pytest.raises(Refusal, match="not_found"):
            await school.do(session, Join(), EVE)
        await school.do(GROUP, groups.Delete(), ANN)
        await trio.sleep(1)
        assert (await school.state(session, ANN))["status"] == "cancelled"
        with pytest.raises(Refusal, match="conflict"):
            await school.do(session, Join(), ANN)
