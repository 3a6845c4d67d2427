"""Study groups by example: making, finding out, coming and going, inviting, leading, ending."""

from typing import Any

import pytest

from homeroom.actors.group_kind import GROUP
from homeroom.engine.behaviour import Refusal, Tell
from homeroom.protocol.chat import History, Mute, Say, SetMode
from homeroom.protocol.group import (
    BARRED_MAX,
    INVITED_MAX,
    MEMBERS_MAX,
    Accept,
    Activity,
    Change,
    Create,
    Decline,
    Delete,
    GroupCard,
    GroupChanged,
    GroupCreated,
    GroupDeleted,
    GroupInvited,
    GroupJoined,
    GroupLeft,
    GroupRoleChanged,
    InvitationEnded,
    Invite,
    Join,
    Leave,
    Look,
    Members,
    Promote,
    Remove,
    Schedule,
)
from homeroom.protocol.inbox import Notify
from homeroom.protocol.presence import Enter, Exit
from homeroom.protocol.stored import StoredWire
from tests.actors.driver import START, Driver
from tests.actors.groups import new_group, private_group, public_group
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, PARENT, SUPER, SYSTEM, TEACHER


def refusal(group: Driver, command: Any, caller: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        group.do(command, caller)
    return refused.value


# --- making


def test_the_maker_of_a_group_is_its_first_admin_and_its_presence_is_told() -> None:
    group = new_group()
    made = Create("  Linear \n Algebra ", "Sheets\nand exams", "math-1", "Algebra", 4, "private")
    assert group.events_of(made, ANN) == [
        GroupCreated("Linear Algebra", 4, "private", "Sheets\nand exams", "math-1", "Algebra"),
        GroupJoined("ann", "admin", "Ann"),
    ]
    assert group.tells == [Tell("presence:ann", Enter("group:algebra"))]


def test_a_group_of_which_nothing_else_is_said_is_public_and_takes_ten() -> None:
    group = new_group()
    group.do(Create("Algebra"), TEACHER)
    assert group.do(Look(), EVE) == GroupCard("algebra", "Algebra", "", "", "", "public", 1, 10, START, START)


def test_students_and_staff_make_groups_and_parents_do_not() -> None:
    for caller in (ANN, TEACHER, ADMIN, SUPER):
        assert new_group().try_do(Create("Algebra"), caller) == "ok"
    assert new_group().try_do(Create("Algebra"), PARENT) == "not_found"


def test_a_group_is_made_once() -> None:
    assert refusal(public_group(), Create("Again"), EVE).code == "conflict"


@pytest.mark.parametrize("field", ["name", "specialty", "description"])
def test_texts_without_anything_visible_are_refused_by_name(field: str) -> None:
    given = {"name": "Algebra", field: " \u200b "}
    refused = refusal(new_group(), Create(**given), ANN)  # type: ignore[arg-type] # from the table
    assert (refused.code, refused.data["field"]) == ("bad_command", field)


@pytest.mark.parametrize("command", [Join(), Leave(), Say("hi"), Invite("ann"), Delete(), Look(), Members()])
def test_a_group_that_was_never_made_does_not_exist_for_anybody(command: Any) -> None:
    for caller in (ANN, TEACHER, ADMIN, SUPER):
        assert new_group().try_do(command, caller) == "not_found"


# --- what it says of itself


def test_an_admin_changes_what_the_group_says_and_the_rest_stays() -> None:
    group = public_group(course="math-1", specialty="Algebra")
    assert group.events_of(Change(description="Mondays", max_members=3), ANN) == [
        GroupChanged("Algebra", 3, "public", "Mondays", "math-1", "Algebra")
    ]
    assert group.events_of(Change(course=""), ADMIN) == [GroupChanged("Algebra", 3, "public", "Mondays", "", "Algebra")]
    assert group.events_of(Change(description=""), ANN) == [GroupChanged("Algebra", 3, "public", "", "", "Algebra")]
    assert group.try_do(Change(name="Mine"), BEN) == "forbidden"


def test_changing_to_what_is_so_already_is_nothing() -> None:
    group = public_group()
    assert group.events_of(Change(), ANN) == []
    assert group.events_of(Change(name="Algebra", visibility="public"), ANN) == []


def test_a_limit_below_the_number_of_members_is_a_conflict() -> None:
    group = public_group()
    assert group.try_do(Change(max_members=1), ANN) == "conflict"
    assert group.try_do(Change(max_members=2), ANN) == "ok"


def test_a_name_cannot_be_edited_away() -> None:
    assert refusal(public_group(), Change(name="\u200b"), ANN).data["field"] == "name"


# --- coming and going


def test_everybody_joins_a_public_group_and_its_presence_is_told() -> None:
    group = public_group()
    assert group.events_of(Join(), EVE) == [GroupJoined("eve", "member", "Eve")]
    assert group.tells[-1] == Tell("presence:eve", Enter("group:algebra"))
    assert group.behaviour.relations(EVE) == {"member"}
    assert group.events_of(Join(), EVE) == []


def test_a_full_group_takes_nobody_more() -> None:
    group = public_group(max_members=2)
    assert group.try_do(Join(), EVE) == "full"
    assert group.try_do(Join(), BEN) == "ok"
    group.do(Leave(), BEN)
    assert group.try_do(Join(), EVE) == "ok"


def test_a_full_group_takes_nobody_by_invitation_either() -> None:
    group = public_group(max_members=2)
    group.do(Invite("eve"), ANN)
    assert group.try_do(Accept(), EVE) == "full"
    group.do(Change(max_members=3), ANN)
    assert group.try_do(Accept(), EVE) == "ok"


def test_who_leaves_stops_seeing_and_its_presence_is_told() -> None:
    group = public_group()
    follower = group.follow(BEN)
    assert group.events_of(Leave(), BEN) == [GroupLeft("ben", "left")]
    assert group.evicted == ["ben"]
    assert group.tells[-1] == Tell("presence:ben", Exit("group:algebra"))
    group.do(Say("without Ben"), ANN)
    assert follower.state.chat.messages == []
    with pytest.raises(Refusal, match="forbidden"):
        group.follow(BEN)


def test_leaving_without_being_a_member_is_nothing() -> None:
    assert public_group().events_of(Leave(), EVE) == []


def test_the_last_admin_leaves_only_after_making_another_one() -> None:
    group = public_group()
    assert group.try_do(Leave(), ANN) == "conflict"
    group.do(Promote("ben"), ANN)
    assert group.events_of(Leave(), ANN) == [GroupLeft("ann", "left")]


def test_with_its_last_member_the_group_ends() -> None:
    group = public_group()
    group.do(Leave(), BEN)
    assert group.events_of(Leave(), ANN) == [GroupLeft("ann", "left"), GroupDeleted("empty")]
    for caller in (ANN, BEN, EVE):
        assert group.try_do(Join(), caller) == "not_found"


# --- invitations


def test_a_private_group_does_not_exist_for_outsiders_until_they_are_invited() -> None:
    group = private_group()
    for command in (Join(), Accept(), Look(), Members(), Say("let me in"), Delete()):
        assert group.try_do(command, COLLEAGUE) == "not_found"
        assert group.behaviour.hidden(COLLEAGUE)
    assert group.try_do(Look(), EVE) == "ok"
    assert group.try_do(Members(), EVE) == "forbidden"
    assert group.try_do(Say("not yet in"), EVE) == "forbidden"
    assert group.events_of(Accept(), EVE) == [GroupJoined("eve", "member", "Eve")]
    assert group.behaviour.state.shown.invited == {}


def test_the_invited_is_told_by_its_inbox_who_invites_it_to_what() -> None:
    group = public_group()
    assert group.events_of(Invite("eve"), BEN) == [GroupInvited("eve")]
    assert group.tells[-1] == Tell(
        "inbox:eve",
        Notify(
            "group.invited", "Invitation to Algebra", "Ben invites you to the study group Algebra.",
            {"group": "algebra", "by": "ben"}, url="/study-groups/algebra", key=f"group:algebra@{group.seq}",
        ),
    )  # fmt: skip


def test_inviting_oneself_is_a_conflict_for_members_and_school_admins_alike() -> None:
    group = public_group()
    for who in (ANN, BEN, ADMIN):
        assert group.try_do(Invite(who.user), who) == "conflict"


def test_inviting_a_member_or_an_invited_person_is_nothing() -> None:
    group = private_group()
    told = len(group.tells)
    assert group.events_of(Invite("ben"), ANN) == []
    assert group.events_of(Invite("eve"), ANN) == []
    assert len(group.tells) == told


def test_invitations_are_bounded() -> None:
    group = public_group()
    group.behaviour.state.shown.invited.update({f"u{number}": 1 for number in range(INVITED_MAX)})
    assert group.try_do(Invite("eve"), ANN) == "full"


def test_declining_ends_the_invitation_and_a_second_time_is_nothing() -> None:
    group = private_group()
    assert group.events_of(Decline(), EVE) == [InvitationEnded("eve", "declined")]
    assert group.try_do(Accept(), EVE) == "not_found"
    assert public_group().events_of(Decline(), EVE) == []


def test_accepting_without_an_invitation_is_a_conflict_and_as_a_member_nothing() -> None:
    group = public_group()
    assert group.try_do(Accept(), EVE) == "conflict"
    assert group.events_of(Accept(), BEN) == []


def test_removing_takes_an_invitation_back() -> None:
    group = private_group()
    assert group.events_of(Remove("eve"), ANN) == [InvitationEnded("eve", "withdrawn")]
    assert group.try_do(Accept(), EVE) == "not_found"


# --- leading


def test_a_removed_member_comes_back_by_an_admins_invitation_only() -> None:
    group = public_group()
    group.do(Join(), EVE)
    assert group.events_of(Remove("ben"), ANN) == [GroupLeft("ben", "removed")]
    assert group.evicted == ["ben"]
    assert group.try_do(Join(), BEN) == "forbidden"
    assert group.try_do(Invite("ben"), EVE) == "forbidden"
    assert group.events_of(Remove("ben"), ANN) == []
    group.do(Invite("ben"), ANN)
    assert group.try_do(Join(), BEN) == "ok"


def test_a_member_removed_from_a_private_group_finds_it_gone() -> None:
    group = private_group()
    group.do(Remove("ben"), ANN)
    assert group.try_do(Join(), BEN) == "not_found"


def test_the_removed_are_remembered_up_to_a_bound() -> None:
    group = public_group()
    barred = group.behaviour.state.shown.barred
    barred.update({f"u{number}": 1 for number in range(BARRED_MAX)})
    group.do(Remove("ben"), ANN)
    assert len(barred) == BARRED_MAX
    assert "ben" in barred
    assert "u0" not in barred


def test_removing_is_refused_by_name() -> None:
    group = public_group()
    group.do(Join(), EVE)
    group.do(Promote("eve"), ANN)
    assert group.try_do(Remove("ghost"), ANN) == "not_found"
    assert group.try_do(Remove("ann"), ANN) == "conflict"
    assert group.try_do(Remove("eve"), ANN) == "forbidden"
    assert group.try_do(Remove("ann"), BEN) == "forbidden"
    assert group.try_do(Remove("eve"), ADMIN) == "ok"
    assert group.try_do(Remove("ann"), ADMIN) == "conflict"


def test_promoting_and_demoting_leaves_an_admin() -> None:
    group = public_group()
    assert group.events_of(Promote("ben"), ANN) == [GroupRoleChanged("ben", "admin")]
    assert group.events_of(Promote("ben"), ANN) == []
    assert group.events_of(Promote("ann", "member"), ANN) == [GroupRoleChanged("ann", "member")]
    assert group.try_do(Promote("ben", "member"), BEN) == "conflict"
    assert group.try_do(Promote("ghost"), BEN) == "not_found"
    assert group.try_do(Promote("ann"), ANN) == "forbidden"


def test_an_admin_moderates_and_announces_and_silences_members_alone() -> None:
    group = public_group()
    assert group.try_do(Mute("ben"), ANN) == "ok"
    assert group.try_do(Say("hm"), BEN) == "forbidden"
    assert group.try_do(Mute("ghost"), ANN) == "not_found"
    assert group.try_do(Mute("ann"), ANN) == "forbidden"
    group.do(SetMode("announce"), ANN)
    assert group.try_do(Say("Monday at six"), ANN) == "ok"


# --- ending


def test_deleting_ends_the_group_for_all_and_nobody_finds_it_any_more() -> None:
    group = private_group()
    group.do(Say("hello"), BEN)
    group.tells.clear()
    assert group.events_of(Delete(), ANN) == [GroupDeleted("deleted")]
    assert group.evicted == ["ann", "ben"]
    assert group.tells == [Tell(f"presence:{user}", Exit("group:algebra")) for user in ("ann", "ben")]
    for caller in (ANN, BEN, EVE, COLLEAGUE):
        assert group.behaviour.hidden(caller)
        for command in (Join(), Say("hi"), Look(), Delete(), History()):
            assert group.try_do(command, caller) == "not_found"


def test_the_schools_admins_read_what_was_said_in_a_deleted_group_and_change_nothing() -> None:
    group = public_group()
    group.do(Say("hello"), BEN)
    group.do(Delete(), ADMIN)
    assert [message.text for message in group.do(History(), ADMIN).messages] == ["hello"]
    assert group.follow(ADMIN).state.deleted == START
    assert group.events_of(Delete(), ADMIN) == []
    for command in (Join(), Change(name="Back"), Invite("eve"), Remove("ben"), Mute("ben")):
        assert group.try_do(command, ADMIN) == "conflict"


def test_a_deleted_group_is_not_made_again() -> None:
    group = public_group()
    group.do(Delete(), ANN)
    assert group.try_do(Create("Again"), ANN) == "conflict"


def test_who_is_no_admin_does_not_delete() -> None:
    group = public_group()
    for caller in (BEN, EVE, TEACHER, PARENT):
        assert group.try_do(Delete(), caller) == "forbidden"


# --- questions and bounds


def test_members_are_listed_with_their_part_the_longest_here_first() -> None:
    group = public_group()
    group.now += 60_000
    group.do(Join(), EVE)
    listed = group.do(Members(), BEN).members
    assert [(entry.user, entry.role, entry.name, entry.since) for entry in listed] == [
        ("ann", "admin", "Ann", START),
        ("ben", "member", "Ben", START),
        ("eve", "member", "Eve", START + 60_000),
    ]


def test_only_members_and_the_schools_admins_see_inside() -> None:
    group = public_group()
    for command in (Members(), Activity(), History()):
        for caller, verdict in ((BEN, "ok"), (ADMIN, "ok"), (EVE, "forbidden"), (TEACHER, "forbidden")):
            assert group.try_do(command, caller) == verdict


def test_the_system_is_asked_to_do_nothing_here() -> None:
    for relation in ("stranger", "member", "admin", "outsider"):
        assert not any(verb.rule.permits(SYSTEM.role, {relation}) for verb in GROUP.verbs)


def test_every_verb_and_event_has_a_name_of_its_own() -> None:
    verbs = [verb.command.do for verb in GROUP.verbs]
    types = [event.type for event in GROUP.events]
    assert len(set(verbs)) == len(verbs)
    assert len(set(types)) == len(types)


def test_a_group_with_all_that_it_may_hold_is_still_a_small_snapshot() -> None:
    group = new_group()
    group.do(Create("A" * 100, "d" * 2_000, max_members=MEMBERS_MAX), ANN)
    state = group.behaviour.state.shown
    member = state.members["ann"]
    state.members.update({f"{'m' * 60}{number}": member for number in range(MEMBERS_MAX - 1)})
    for several in (state.invited, state.barred):
        several.update({f"{'i' * 60}{number}": START for number in range(500)})
    for number in range(10):
        group.do(Schedule("t" * 200, START + number * 1_000), ANN)
    for _ in range(210):
        group.now += 1_000
        group.do(Say("🙂" * 200), ANN)
    assert len(StoredWire().encode(group.behaviour.state)) < 1_000_000


def test_a_parent_who_is_invited_is_told_for_whom_groups_are_and_can_decline() -> None:
    group = private_group()
    group.do(Invite("parent"), ANN)
    for command in (Accept(), Join()):
        assert group.try_do(command, PARENT) == "forbidden"
    assert group.behaviour.within_reach(PARENT) == {"member": "study groups are for students and staff"}
    assert group.events_of(Decline(), PARENT) == [InvitationEnded("parent", "declined")]
    assert group.try_do(Decline(), PARENT) == "not_found", "who is not invited any more knows of no private group"
