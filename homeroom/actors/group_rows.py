"""The read models of study groups, and the lists that are read from them.

Two tables: `study_groups` holds one row a group, `study_group_people` who is a member of which. A private group is found by its
members alone. Never here: members online, and what is in a group's chat (`chat_history`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from homeroom.actors.group_figures import Figures
from homeroom.engine.behaviour import Caller, Fact, Lookup, Row
from homeroom.engine.kind import Listing, Table
from homeroom.protocol.access import STAFF, allow
from homeroom.protocol.group import (
    GroupCard,
    GroupChanged,
    GroupCreated,
    GroupDeleted,
    GroupJoined,
    GroupLeft,
    GroupRoleChanged,
)
from homeroom.protocol.group_lists import FindGroups, GroupPage, MyGroups
from homeroom.protocol.group_state import GroupState
from homeroom.protocol.paging import cut_page, decode_after

GROUPS = Table(
    "study_groups",
    (),
    {
        "name": "text", "description": "text", "course": "text", "specialty": "text", "words": "text", "visibility": "text",
        "members": "integer", "max_members": "integer", "created": "bigint", "last_at": "bigint", "active": "boolean",
    },
    indexes=(("active", "visibility", "last_at"), ("active", "visibility", "course", "last_at")),
)  # fmt: skip
PEOPLE = Table(
    "study_group_people",
    ("person",),
    {"person": "text", "role": "text", "active": "boolean"},
    indexes=(("person", "active"),),
)
GROUP_TABLES = (GROUPS, PEOPLE)
LEARNING = ("student", *STAFF)
"""Who makes groups, finds them and joins them: not parents."""
LEARNERS = allow(LEARNING)


def project_group(fact: Fact, state: GroupState, figures: Figures) -> Iterable[Row]:
    """Return the changes of both tables that `fact` causes; `state` and `figures` are those after it."""
    for project in _PROJECTIONS.get(type(fact.event), ()):
        yield project(fact, state)
    if figures.listed == fact.at:
        yield Row(GROUPS.name, {}, {"last_at": figures.last})


def _describe(fact: Fact, state: GroupState) -> Row:
    values = {
        "name": state.name, "description": state.description, "course": state.course, "specialty": state.specialty,
        "words": f"{state.name}\n{state.description}\n{state.specialty}", "visibility": state.visibility,
        "max_members": state.max_members, "created": state.created, "active": not state.deleted,
    }  # fmt: skip
    return Row(GROUPS.name, {}, values)


def _begin(fact: Fact, state: GroupState) -> Row:
    return Row(GROUPS.name, {}, {"members": 0, "last_at": fact.at})


def _number(fact: Fact, state: GroupState) -> Row:
    return Row(GROUPS.name, {}, {"members": len(state.members)})


def _person(fact: Fact, state: GroupState) -> Row:
    user = fact.event.user
    member = state.members.get(user)
    values = {"role": member.role, "active": True} if member else {"active": False}
    return Row(PEOPLE.name, {"person": user}, values)


_PROJECTIONS: Mapping[type[Any], Sequence[Callable[[Fact, GroupState], Row]]] = {
    GroupCreated: (_describe, _begin),
    GroupChanged: (_describe,),
    GroupDeleted: (_describe,),
    GroupJoined: (_number, _person),
    GroupLeft: (_number, _person),
    GroupRoleChanged: (_person,),
}


def list_mine(query: MyGroups, caller: Caller) -> Lookup:
    """Return the question for the groups that `caller` is a member of."""
    mine = (PEOPLE.name, {"person": caller.user, "active": True})
    return _ask(query, {"active": True}, within=mine)


def find_public(query: FindGroups, caller: Caller) -> Lookup:
    """Return the question for public groups."""
    where = {"active": True, "visibility": "public"} | ({"course": query.course} if query.course else {})
    wanted = {"specialty": query.specialty, "words": query.text}
    return _ask(query, where, contains={column: text for column, text in wanted.items() if text})


def _ask(query: MyGroups | FindGroups, where: Mapping[str, Any], **narrowed: Any) -> Lookup:
    """Return the question for one page; one row more than asked for tells whether there is a next one."""

    def into(rows: list[Mapping[str, Any]]) -> GroupPage:
        kept, after = cut_page(rows, query.limit, "last_at")
        return GroupPage(tuple(_read_card(row) for row in kept), after)

    beyond = decode_after(query.after, int)
    return Lookup(GROUPS.name, into, "last_at", query.limit + 1, where, everywhere=True, beyond=beyond, **narrowed)


def _read_card(row: Mapping[str, Any]) -> GroupCard:
    return GroupCard(
        id=row["stream"].partition(":")[2],
        name=row["name"],
        description=row["description"],
        course=row["course"],
        specialty=row["specialty"],
        visibility=row["visibility"],
        members=row["members"],
        max_members=row["max_members"],
        created=row["created"],
        last_at=row["last_at"],
    )


GROUP_LISTS = (
    Listing("/api/study-groups", "group_mine", MyGroups, GroupPage, list_mine, LEARNERS),
    Listing("/api/study-groups/search", "group_search", FindGroups, GroupPage, find_public, LEARNERS),
    Listing("/api/study-groups/course/{course}", "group_course", FindGroups, GroupPage, find_public, LEARNERS),
)
