"""Random histories of a study group: never over its limit, never without an admin, and everybody who follows sees the same.

State + events equals a fresh view for whoever follows from any moment on, live or resumed; replay equals snapshot + tail; the
lists, the presences and the figures agree with the state.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors import group as group_module
from homeroom.actors.group_figures import DAY_MS, week_of
from homeroom.actors.group_kind import GROUP
from homeroom.engine.behaviour import Caller
from homeroom.protocol import chat
from homeroom.protocol.access import ADMINS
from homeroom.protocol.group import (
    Accept,
    Activity,
    Change,
    Create,
    Decline,
    Delete,
    GroupDeleted,
    Invite,
    Join,
    Leave,
    Look,
    Members,
    Promote,
    Remove,
    Schedule,
    SessionScheduled,
)
from homeroom.protocol.group_state import GroupState, admins_of, reduce_group, show_group
from homeroom.protocol.presence import Enter, Exit
from tests.actors.driver import START, Driver, Follower, stored
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, PARENT, TEACHER

HELD, SEEN = 6, 3
PEOPLE = (ANN, BEN, EVE, COLLEAGUE, PARENT, ADMIN)
users = st.sampled_from([person.user for person in PEOPLE])
ids = st.integers(1, 60).map(str)
texts = st.sampled_from(["hi", "a secret", "🙂"])
limits = st.integers(1, 5)
visibilities = st.sampled_from(["public", "private"])
COMMANDS: st.SearchStrategy[Any] = st.one_of(
    st.builds(chat.Say, text=texts),
    st.builds(chat.Say, text=texts),
    st.builds(chat.Edit, message=ids, text=texts),
    st.builds(chat.Retract, message=ids),
    st.builds(chat.React, message=ids, emoji=st.sampled_from(["👍", "🎉"]), on=st.booleans()),
    st.builds(chat.Read, upto=ids),
    st.builds(chat.Pin, message=ids),
    st.builds(chat.Unpin, message=ids),
    st.builds(chat.Typing, typing=st.booleans()),
    st.builds(chat.SetMode, mode=st.sampled_from(["open", "moderated", "announce"])),
    st.builds(chat.SlowMode, seconds=st.sampled_from([0, 5])),
    st.builds(chat.Mute, user=users, seconds=st.sampled_from([1, 60])),
    st.builds(chat.Unmute, user=users),
    st.builds(
        Change,
        name=st.none() | st.sampled_from(["Algebra", "Topology"]),
        max_members=st.none() | limits,
        visibility=st.none() | visibilities,
    ),
    st.builds(Promote, user=users, role=st.sampled_from(["member", "admin"])),
    st.builds(Remove, user=users),
    st.builds(Invite, user=users),
    st.builds(Schedule, title=st.just("Sheet"), starts=st.just(START + DAY_MS), minutes=st.sampled_from([5, 480])),
    st.just(Join()),
    st.just(Join()),
    st.just(Accept()),
    st.just(Decline()),
    st.just(Leave()),
    st.just(Look()),
    st.just(Members()),
)
PAUSES = st.sampled_from([0, 0, 1_000, 61_000, DAY_MS])
STEPS = st.lists(st.tuples(COMMANDS, st.sampled_from(PEOPLE), PAUSES), min_size=5, max_size=80)
BEGINNINGS = st.tuples(visibilities, limits)


@pytest.fixture(autouse=True)
def _small_windows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_module, "KEPT", HELD)
        patch.setattr(group_module, "show_group", partial(show_group, window=SEEN))
        yield


def begin(beginning: tuple[Any, int]) -> Driver:
    """Return a group of Ann's with as many of the others invited and in it as fit."""
    group = Driver(GROUP, "algebra", partial(reduce_group, window=SEEN))
    group.do(Create("Algebra", visibility=beginning[0], max_members=beginning[1]), ANN)
    for person in (BEN, EVE):
        group.do(Invite(person.user), ANN)
        group.try_do(Accept(), person)
    return group


def shown(group: Driver) -> GroupState:
    state: GroupState = group.behaviour.state.shown
    return state


def check(group: Driver) -> None:
    """Hold what must hold after every command."""
    state = shown(group)
    assert len(state.members) <= state.max_members
    if state.deleted:
        assert state.invited == {}
    else:
        assert admins_of(state)
    assert not state.members.keys() & (state.invited.keys() | state.barred.keys())
    assert not state.invited.keys() & state.barred.keys()
    assert state.chat.reads.keys() == state.members.keys()
    check_rows(group, state)
    check_presences(group, state)


def check_rows(group: Driver, state: GroupState) -> None:
    row = group.rows["study_groups",]
    assert (row["name"], row["visibility"], row["members"], row["max_members"], row["active"]) == (
        state.name,
        state.visibility,
        len(state.members),
        state.max_members,
        not state.deleted,
    )
    assert row["words"].startswith(state.name)
    listed = {
        key[1]: row["role"] for key, row in group.rows.items() if key[0] == "study_group_people" and row["active"]
    }
    assert listed == {user: member.role for user, member in state.members.items()}


def check_presences(group: Driver, state: GroupState) -> None:
    last: dict[str, Any] = {}
    for tell in group.tells:
        if tell.to.startswith("presence:"):
            last[tell.to.removeprefix("presence:")] = tell.command
    inside = {user for user, command in last.items() if command == Enter("group:algebra")}
    assert set(last.values()) <= {Enter("group:algebra"), Exit("group:algebra")}
    assert inside == (set() if state.deleted else state.members.keys())


def follow(group: Driver, who: Caller) -> list[Follower]:
    permitted = GROUP.watch.permits(who.role, group.behaviour.relations(who))
    return [group.follow(who)] if permitted else []


@settings(max_examples=200, deadline=None)
@given(BEGINNINGS, STEPS, st.data())
def test_state_and_events_equal_a_fresh_view_and_every_invariant_holds(
    beginning: Any, steps: list[Any], data: st.DataObject
) -> None:
    group = begin(beginning)
    joins_at, ends_at = (data.draw(st.integers(0, len(steps))) for _ in range(2))
    followers = [*follow(group, ANN), *follow(group, ADMIN)]
    for index, (command, caller, pause) in enumerate(steps):
        group.advance(pause)
        if index == joins_at:
            followers += [one for who in PEOPLE for one in follow(group, who)]
        if index == ends_at and data.draw(st.booleans()):
            group.try_do(Delete(), ADMIN)
        group.try_do(command, caller)
        check(group)
    for follower in followers:
        if follower in group.followers:
            assert follower.state == stored(group.behaviour.view(follower.caller))


@settings(max_examples=150, deadline=None)
@given(BEGINNINGS, STEPS, st.data())
def test_replay_equals_snapshot_and_tail_equals_live_also_for_a_resumed_follower(
    beginning: Any, steps: list[Any], data: st.DataObject
) -> None:
    group = begin(beginning)
    (resumed,), since = follow(group, ADMIN), group.seq
    group.followers.clear()
    for command, caller, pause in steps:
        group.advance(pause)
        group.try_do(command, caller)
    live = stored(group.behaviour.state)
    assert group.rebuild().state == live
    assert group.rebuild(data.draw(st.integers(1, group.seq))).state == live
    for fact in group.replay(ADMIN, since):
        resumed.take(fact)
    assert resumed.state == stored(group.behaviour.view(ADMIN))


@settings(max_examples=150, deadline=None)
@given(BEGINNINGS, STEPS)
def test_nobody_outside_a_private_or_deleted_group_learns_anything_of_it(beginning: Any, steps: list[Any]) -> None:
    group = begin(beginning)
    for command, caller, pause in steps:
        group.advance(pause)
        state, before = shown(group), group.seq
        inside = not state.deleted and (caller.user in state.members or caller.user in state.invited)
        closed = state.visibility == "private" or bool(state.deleted)
        verdict = group.try_do(command, caller)
        if closed and not inside and caller.role not in ADMINS:
            assert (verdict, group.seq) == ("not_found", before)


@settings(max_examples=150, deadline=None)
@given(BEGINNINGS, STEPS)
def test_a_command_carried_out_again_right_away_changes_nothing_more(beginning: Any, steps: list[Any]) -> None:
    group = begin(beginning)
    again = (Change, Join, Accept, Decline, Leave, Invite, Promote, Remove)
    for command, caller, pause in steps:
        group.advance(pause)
        if group.try_do(command, caller) == "ok" and isinstance(command, again):
            before = group.seq
            group.try_do(command, caller)
            assert group.seq == before


@settings(max_examples=150, deadline=None)
@given(BEGINNINGS, STEPS)
def test_the_figures_are_what_counting_the_events_gives(beginning: Any, steps: list[Any]) -> None:
    group = begin(beginning)
    for command, caller, pause in steps:
        group.advance(pause)
        group.try_do(command, caller)
    messages, active = defaultdict[int, int](int), defaultdict[int, set[str]](set)
    for fact in group.facts:
        if isinstance(fact.event, chat.MessagePosted | chat.ReactionChanged | SessionScheduled):
            messages[week_of(fact.at)] += isinstance(fact.event, chat.MessagePosted)
            active[week_of(fact.at)].add(fact.by)
    figures = group.do(Activity(), ADMIN)
    counted = [(week, messages[week], len(active[week])) for week in sorted(active, reverse=True)]
    assert [(week.start, week.messages, week.active) for week in figures.weeks] == counted[:12]
    assert figures.messages == sum(messages.values())


TWO = st.lists(
    st.tuples(
        st.sampled_from(
            [Join(), Leave(), Accept(), Promote("ben"), Promote("ann", "member"), Remove("ben"), Invite("ben")]
        ),
        st.sampled_from([ANN, BEN]),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(TWO)
def test_two_people_at_once_never_leave_the_group_without_an_admin_or_over_its_limit(steps: list[Any]) -> None:
    group = Driver(GROUP, "algebra", partial(reduce_group, window=SEEN))
    group.do(Create("Algebra", max_members=2), ANN)
    for command, caller in steps:
        group.try_do(command, caller)
        check(group)
        ended = any(isinstance(event, GroupDeleted) for event in group.events)
        assert ended == bool(shown(group).deleted) == (not shown(group).members)


@settings(max_examples=50, deadline=None)
@given(st.permutations([ANN, BEN, EVE, COLLEAGUE, TEACHER]))
def test_of_several_who_want_the_last_places_the_first_get_them(order: list[Caller]) -> None:
    group = Driver(GROUP, "algebra", partial(reduce_group, window=SEEN))
    group.do(Create("Algebra", max_members=3), ADMIN)
    verdicts = [group.try_do(Join(), who) for who in order]
    assert verdicts == ["ok", "ok", "full", "full", "full"]
    assert list(shown(group).members) == ["admin", *(who.user for who in order[:2])]
