"""Random histories of a class session.

State + events equals a fresh view for everybody who follows from any moment on, live or resumed; replay equals snapshot + tail; two
people at once never break what must hold.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.session import SESSION
from homeroom.engine.behaviour import Caller
from homeroom.protocol import chat as words
from homeroom.protocol import session_floor as floor
from homeroom.protocol.session_state import SessionState, seats_taken
from homeroom.protocol.session_words import (
    AdmitEarly,
    Attendees,
    Away,
    Back,
    Cancel,
    Change,
    End,
    Enroll,
    Expel,
    Join,
    Leave,
    SetRecording,
    Start,
)
from tests.actors.driver import Driver, stored
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, SYSTEM, TEACHER
from tests.actors.sessions import STARTS, deliver, planned, shown

PEOPLE = (TEACHER, ADMIN, COLLEAGUE, ANN, BEN, EVE)
users = st.sampled_from(["ann", "ben", "eve", "colleague"])
several = st.lists(users, min_size=1, max_size=2).map(tuple)
ids = st.integers(1, 40).map(str)
choices = st.lists(st.integers(0, 2), min_size=1, max_size=2).map(tuple)
LASTING: tuple[st.SearchStrategy[Any], ...] = (
    st.just(Join()),
    st.just(Join()),
    st.just(Leave()),
    st.builds(Enroll, several),
    st.builds(Expel, several),
    st.builds(Change, title=st.none() | st.just("Other"), capacity=st.none() | st.integers(0, 3)),
    st.builds(Change, starts=st.integers(0, 3).map(lambda hours: STARTS + hours * 3_600_000)),
    st.builds(Change, audience=st.sampled_from(["open", "listed"])),
    st.just(AdmitEarly()),
    st.builds(SetRecording, st.sampled_from(["", "https://example.org/r"])),
    st.just(floor.RaiseHand()),
    st.builds(floor.LowerHand, st.none() | users),
    st.just(floor.Ask("a secret")),
    st.builds(floor.Upvote, ids, st.booleans()),
    st.builds(floor.AnswerQuestion, ids, st.sampled_from(["", "a secret"])),
    st.builds(floor.WithdrawQuestion, ids),
    st.builds(
        floor.PollOpen,
        st.just("Clear?"),
        st.just(("yes", "no", "partly")),
        multiple=st.booleans(),
        anonymous=st.booleans(),
        changeable=st.booleans(),
    ),
    st.builds(floor.PollVote, ids, choices),
    st.builds(floor.PollVote, ids, choices),
    st.builds(floor.PollClose, ids),
    st.builds(words.Say, st.just("hello")),
    st.builds(words.Mute, users),
    st.builds(words.SetMode, st.sampled_from(["open", "moderated", "announce"])),
)
COURSE = st.sampled_from([Start(), Start(), Cancel(), End()])
PRESENCE = st.builds(Away, users, st.integers(0, 90_000)) | st.builds(Back, users, st.integers(0, 90_000))
STEPS = st.lists(
    st.tuples(
        st.one_of(*LASTING, *LASTING, PRESENCE, COURSE),
        st.sampled_from(PEOPLE),
        st.sampled_from([0, 0, 1_000, 45_000, 600_000]),
        st.booleans(),
    ),
    min_size=5,
    max_size=70,
)


def begin() -> Driver:
    """Return a planned session that people can join, with some in it."""
    session = planned()
    session.do(AdmitEarly(), TEACHER)
    for who in (ANN, BEN):
        session.do(Join(), who)
    return session


def step(session: Driver, command: Any, who: Caller, pause: int, carried: bool) -> str:
    """Let time pass and something happen; what a presence says, it says of a time that has passed."""
    session.advance(pause)
    if isinstance(command, Away | Back):
        command, who = type(command)(command.user, session.now - command.at), SYSTEM
    verdict = session.try_do(command, who)
    if carried:
        deliver(session)
    return verdict


def check(session: Driver) -> None:
    """Hold what must hold after every command."""
    memory = session.behaviour.state
    state: SessionState = memory.shown
    over = state.status in ("ended", "cancelled")
    assert not state.capacity or seats_taken(state) <= state.capacity
    inside = {user for user, one in state.people.items() if one.standing != "gone"}
    assert not (over and inside)
    assert set(state.hands) <= inside | {"teacher"} | ({"admin"} if ADMIN.user in state.people else set())
    assert len(set(state.hands)) == len(state.hands)
    assert memory.ledger.keys() == state.people.keys()
    assert not memory.roster.keys() & memory.barred.keys()
    assert state.enrolled == len(memory.roster)
    for user, one in state.people.items():
        assert (one.standing == "here") == (not memory.ledger[user].left)
    for poll in state.polls.values():
        if not poll.anonymous:
            assert not poll.votes or len(poll.votes) == poll.voters
            assert poll.multiple or sum(poll.counts) == poll.voters
        elif not poll.counted:
            assert (poll.counts, poll.votes) == ((), {})
    for question in state.questions.values():
        assert len(set(question.upvoters)) == len(question.upvoters)
        assert question.by not in question.upvoters


@settings(max_examples=200, deadline=None)
@given(STEPS, st.data())
def test_state_and_events_equal_a_fresh_view_for_everybody(steps: list[Any], data: st.DataObject) -> None:
    session = begin()
    joins_at = data.draw(st.integers(0, len(steps)))
    followers = [session.follow(TEACHER), session.follow(ADMIN)]
    for index, (command, who, pause, carried) in enumerate(steps):
        if index == joins_at:
            followers += [session.follow(one) for one in (TEACHER, ADMIN, ANN) if watches(session, one)]
        step(session, command, who, pause, carried)
        check(session)
    for follower in followers:
        if follower in session.followers:
            assert follower.state == stored(session.behaviour.view(follower.caller))


def watches(session: Driver, who: Caller) -> bool:
    return SESSION.watch.permits(who.role, session.behaviour.relations(who))


@settings(max_examples=150, deadline=None)
@given(STEPS, st.data())
def test_a_resumed_follower_sees_what_a_fresh_one_sees_and_nothing_withdrawn(
    steps: list[Any], data: st.DataObject
) -> None:
    session = begin()
    left_at = data.draw(st.integers(0, len(steps) - 1))
    follower, since = session.follow(ADMIN), session.seq
    for index, (command, who, pause, carried) in enumerate(steps):
        if index == left_at:
            follower, since = session.follow(ADMIN), session.seq
            session.followers.clear()
        step(session, command, who, pause, carried)
    for fact in session.replay(ADMIN, since):
        follower.take(fact)
    assert follower.state == stored(session.behaviour.view(ADMIN))
    withdrawn = set(session.behaviour.state.withdrawn)
    for fact in session.replay(ADMIN):
        event = fact.event
        if isinstance(event, floor.QuestionAsked | floor.QuestionAnswered) and event.id in withdrawn:
            assert event.text == ""
        assert getattr(event, "people", None) is None
        assert not isinstance(event, floor.PollMarked) or event.user is None


@settings(max_examples=150, deadline=None)
@given(STEPS, st.data())
def test_replay_equals_snapshot_and_tail_equals_live(steps: list[Any], data: st.DataObject) -> None:
    session = begin()
    for command, who, pause, carried in steps:
        step(session, command, who, pause, carried)
    state = stored(session.behaviour.state)
    assert session.rebuild().state == state
    assert session.rebuild(data.draw(st.integers(1, session.seq))).state == state


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_a_command_carried_out_again_right_away_changes_nothing_more(steps: list[Any]) -> None:
    session = begin()
    plan = (Join, Leave, Enroll, Expel, Change, AdmitEarly, SetRecording, Start, End, Cancel)
    again = (
        *plan,
        floor.RaiseHand,
        floor.LowerHand,
        floor.Upvote,
        floor.AnswerQuestion,
        floor.WithdrawQuestion,
        floor.PollClose,
    )
    for command, who, pause, carried in steps:
        if step(session, command, who, pause, carried) == "ok" and isinstance(command, again):
            before = session.seq
            session.try_do(command, who)
            assert session.seq == before


TWO = st.lists(
    st.tuples(
        st.sampled_from([Join(), Join(), Leave(), floor.RaiseHand(), floor.LowerHand(), floor.PollVote("$poll", (0,))]),
        st.sampled_from([ANN, BEN]),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(TWO)
def test_two_people_at_once_share_one_seat_one_vote_each_and_one_place_in_the_line(steps: list[Any]) -> None:
    session = planned(capacity=1)
    session.do(Start(), TEACHER)
    poll = session.do(floor.PollOpen("Clear?", ("yes", "no")), TEACHER).id
    voted: set[str] = set()
    for command, who in steps:
        is_vote = isinstance(command, floor.PollVote)
        asked = floor.PollVote(poll, (0,)) if is_vote else command
        inside = {user for user, one in shown(session).people.items() if one.standing != "gone"}
        verdict = session.try_do(asked, who)
        if isinstance(command, Join):
            assert verdict == ("full" if inside - {who.user} else "ok")
        elif is_vote and who.user in inside:
            assert verdict == ("conflict" if who.user in voted else "ok")
            voted.add(who.user)
        check(session)
    assert shown(session).polls[poll].voters == len(voted)
    assert session.do(Attendees(), TEACHER).inside <= 1


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_row_of_the_list_says_what_the_session_shows(steps: list[Any]) -> None:
    session = begin()
    for command, who, pause, carried in steps:
        step(session, command, who, pause, carried)
    state, row = shown(session), session.rows["sessions",]
    for field in ("title", "status", "audience", "starts", "ends", "started", "ended", "capacity", "recording"):
        assert row[field] == getattr(state, field)
    assert row["inside"] == sum(1 for one in state.people.values() if one.standing != "gone")
    people = {key[1] for key, cells in session.rows.items() if key[0] == "session_people" and cells["active"]}
    memory = session.behaviour.state
    everyone = {""} if state.audience == "open" else set()
    assert people == {"teacher"} | everyone | memory.roster.keys() | (state.people.keys() - memory.barred.keys())
