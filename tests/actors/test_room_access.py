"""Who may: every verb of the room for every role in every relation, against a table written down by hand."""

from collections.abc import Callable

import pytest

from homeroom.actors.room import ROOM
from homeroom.engine.behaviour import Caller
from homeroom.protocol.access import ROLES
from homeroom.protocol.room import Create, Invite, Join, Promote, Remove
from tests.actors.driver import Driver
from tests.actors.people import SYSTEM
from tests.actors.rooms import new_room

TEACHER = Caller("founder", "teacher", "Founder")
RELATIONS: dict[str, Callable[[Driver, Caller], object]] = {
    "stranger": lambda room, who: None,
    "barred": lambda room, who: (room.do(Join(), who), room.do(Remove(who.user), TEACHER)),
    "invited": lambda room, who: room.do(Invite(who.user), TEACHER),
    "member": lambda room, who: room.do(Join(), who),
    "moderator": lambda room, who: (room.do(Join(), who), room.do(Promote(who.user, "moderator"), TEACHER)),
    "owner": lambda room, who: (room.do(Join(), who), room.do(Promote(who.user, "owner"), TEACHER)),
}
MEMBER = {"member", "moderator", "owner"}
MODERATOR = {"moderator", "owner"}
GUEST = {"stranger", "invited"} | MEMBER
NOBODY: set[str] = set()
STAFF, ADMINS = {"super_admin", "admin", "teacher"}, {"super_admin", "admin"}
# verb -> (the relations in which anybody may, the roles that may in any relation)
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "create": (NOBODY, STAFF),
    "join": (GUEST, ADMINS),
    "leave": (GUEST, ADMINS),
    "invite": (MODERATOR, ADMINS),
    "remove": (MODERATOR, ADMINS),
    "promote": ({"owner"}, ADMINS),
    "convene": (NOBODY, NOBODY),
    "disband": (NOBODY, NOBODY),
    "release": (NOBODY, NOBODY),
    "say": (MEMBER, NOBODY),
    "edit": (MEMBER, NOBODY),
    "retract": (MEMBER, ADMINS),
    "react": (MEMBER, NOBODY),
    "typing": (MEMBER, NOBODY),
    "read": (MEMBER, NOBODY),
    "unread": (MEMBER, NOBODY),
    "history": (MEMBER, ADMINS),
    "audit": (MODERATOR, ADMINS),
    "pin": (MODERATOR, ADMINS),
    "unpin": (MODERATOR, ADMINS),
    "set_mode": (MODERATOR, ADMINS),
    "slow_mode": (MODERATOR, ADMINS),
    "mute": (MODERATOR, ADMINS),
    "unmute": (MODERATOR, ADMINS),
}


def place(relation: str, role: str) -> tuple[Driver, Caller]:
    """Return an open room and a person of `role` who stands in `relation` to it."""
    room, who = new_room(), Caller("who", role, "Who")
    room.do(Create("Physics"), TEACHER)
    RELATIONS[relation](room, who)
    return room, who


def test_the_table_names_every_verb() -> None:
    assert {verb.command.do for verb in ROOM.verbs} == ALLOWED.keys()


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_in_each_relation_may_exactly_what_the_table_says(role: str, relation: str) -> None:
    room, who = place(relation, role)
    relations = room.behaviour.relations(who)
    assert relations == {relation}
    for verb in ROOM.verbs:
        allowed, roles = ALLOWED[verb.command.do]
        assert verb.rule.permits(role, relations) == (relation in allowed or role in roles), verb.command.do


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("role", ROLES)
def test_only_members_and_admins_may_follow(role: str, relation: str) -> None:
    room, who = place(relation, role)
    assert ROOM.watch.permits(role, room.behaviour.relations(who)) == (relation in MEMBER or role in ADMINS)


@pytest.mark.parametrize("role", ROLES)
def test_an_outsider_of_a_closed_room_may_nothing_and_does_not_find_it_unless_admin(role: str) -> None:
    room, who = new_room(), Caller("who", role, "Who")
    room.do(Create("Staff", "closed"), TEACHER)
    assert room.behaviour.relations(who) == {"outsider"}
    assert room.behaviour.hidden(who) == (role not in ADMINS)
    for verb in ROOM.verbs:
        assert verb.rule.permits(role, {"outsider"}) == (role in ALLOWED[verb.command.do][1]), verb.command.do


def test_the_system_may_make_and_end_rooms_and_take_people_out_and_nothing_else() -> None:
    permitted = {verb.command.do for verb in ROOM.verbs if verb.rule.permits(SYSTEM.role, {"stranger", "outsider"})}
    assert permitted == {"create", "convene", "disband", "release"}
