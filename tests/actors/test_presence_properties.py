"""Random lives of a person: state + events equals a fresh view, nobody hidden is seen, nobody is present for ever.

And sessions know who is here, whatever the face: the last word that each was told is true.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.presence import BEATS_MS, GRACE_MS, PRESENCE
from homeroom.actors.presence_quiet import LOOK_MS, QUIET
from homeroom.engine.behaviour import Caller
from homeroom.protocol.inbox import Hush
from homeroom.protocol.presence import (
    Beat,
    Connected,
    Disconnected,
    Disengage,
    Engage,
    Enter,
    Exit,
    Hide,
    Mine,
    Privacy,
    RoomPresence,
    SetStatus,
    Show,
    reduce_presence,
)
from tests.actors.driver import Driver, stored
from tests.actors.people import ANN, SYSTEM, TEACHER

conns = st.sampled_from(["c1", "c2", "c3"])
rooms = st.sampled_from(["physics", "group:chess"])
sessions = st.sampled_from(["session:maths", "session:art"])
actors = st.sampled_from(["session:maths", "sitting:mid.ann"])
asked = st.sampled_from([None, "online", "away", "busy", "dnd", "offline", "available"])
BY_SYSTEM: st.SearchStrategy[Any] = st.one_of(
    st.builds(Connected, conn=conns),
    st.builds(Disconnected, conn=conns),
    st.builds(Beat, active=st.booleans(), conn=st.none() | conns),
    st.builds(Enter, room=rooms),
    st.builds(Exit, room=rooms),
    st.builds(Engage, by=actors, activity=st.sampled_from(["Taking an exam", "In a live session"])),
    st.builds(Disengage, by=actors),
)
BY_HERSELF: st.SearchStrategy[Any] = st.one_of(
    st.builds(SetStatus, status=asked, activity=st.sampled_from([None, "", "Quiz"])),
    st.builds(Beat, active=st.booleans()),
    st.just(Hide()),
    st.just(Show()),
    st.builds(Privacy, activity=st.sampled_from(["shown", "hidden"])),
)


def lives(by_system: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Return histories of what is said to the presence, the pauses before it, and what happens to its server."""
    said = by_system.map(lambda command: (command, SYSTEM)) | BY_HERSELF.map(lambda command: (command, ANN))
    pauses, fates = (
        st.sampled_from([0, 1_000, 19_000, 64_000, 300_000]),
        st.sampled_from(["", "", "", "start", "reload"]),
    )
    return st.lists(st.tuples(said, pauses, fates), max_size=60)


STEPS = lives(BY_SYSTEM)
ATTENDING = lives(BY_SYSTEM | st.builds(Enter, room=sessions) | st.builds(Exit, room=sessions))


def live(ann: Driver, step: tuple[tuple[Any, Caller], int, str]) -> None:
    (command, caller), pause, fate = step
    ann.advance(pause)
    if fate:
        ann.restart(start=fate == "start", snapshot_at=ann.seq or None)
    ann.do(command, caller)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_state_and_events_equal_a_fresh_view_and_the_row_and_the_rooms_agree(steps: list[Any]) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    followers = [ann.follow(ANN), ann.follow(TEACHER)]
    for step in steps:
        live(ann, step)
        face = stored(ann.behaviour.view(TEACHER))
        for follower in followers:
            assert follower.state == face
        if row := ann.rows.get(("presence", "ann")):
            assert (row["status"], row["activity"], row["last_seen"]) == (face.status, face.activity, face.last_heard)
        newest = {s.stream: s.event.status for s in ann.signals if isinstance(s.event, RoomPresence)}
        for place in ann.behaviour.state.rooms:
            assert newest.get(place if ":" in place else f"room:{place}", "offline") == face.status
        assert (face.status == "offline") == ("lost" not in ann.deadlines)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_hidden_look_offline_and_replay_equals_snapshot_and_tail(steps: list[Any]) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    for step in steps:
        live(ann, step)
        if ann.behaviour.state.own.hidden:
            assert ann.behaviour.view(TEACHER).status == "offline"
    assert ann.rebuild().state == stored(ann.behaviour.state)
    assert "own=Own" not in repr(ann.replay(TEACHER))
    for middle in range(1, ann.seq + 1):
        assert ann.rebuild(middle).state == stored(ann.behaviour.state)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nobody_without_connection_and_beats_is_present_for_long(steps: list[Any]) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    for step in steps:
        live(ann, step)
    for conn in ("c1", "c2", "c3"):
        ann.do(Disconnected(conn))
    ann.advance(max(GRACE_MS, BEATS_MS))
    assert ann.behaviour.view(TEACHER).status == "offline"
    ann.restart()
    assert ann.advance(BEATS_MS) == []


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whoever_is_connected_is_shown_as_chosen(steps: list[Any]) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    for step in steps:
        live(ann, step)
    ann.do(Connected("c9"))
    ann.do(Show(), ANN)
    assert ann.behaviour.view(TEACHER).status == ann.do(Mine(), ANN).chosen


HIDDEN = STEPS.map(lambda steps: [step for step in steps if not isinstance(step[0][0], Show | Privacy)])
MEMBERSHIP = (Enter, Exit, Disengage)
"""What other actors tell, of the hidden as of everybody; the only thing that also happens to who does nothing."""


@settings(max_examples=300, deadline=None)
@given(STEPS, HIDDEN)
def test_nothing_tells_somebody_who_hides_from_somebody_who_went_away_and_does_nothing(
    before: list[Any], meanwhile: list[Any]
) -> None:
    ann, away = (Driver(PRESENCE, "ann", reduce_presence) for _ in range(2))
    for someone in (ann, away):
        for step in before:
            live(someone, step)
        someone.do(Hide(), ANN)
        someone.follow(TEACHER)
    for (command, caller), pause, fate in meanwhile:
        live(ann, ((command, caller), pause, fate))
        away.advance(pause)
        if isinstance(command, MEMBERSHIP):
            away.do(command, caller)
        assert outside(ann) == outside(away)
        assert ann.behaviour.state == away.behaviour.state
    assert {**ann.deadlines, QUIET: 0} == {**away.deadlines, QUIET: 0} == {QUIET: 0}, (
        "only the inbox may be looked after"
    )


def outside(ann: Driver) -> Any:
    """Return all there is to see from outside, the numbers and times of the events included; an inbox is its owner's alone."""
    tells = [tell for tell in ann.tells if tell.to != "inbox:ann"]
    facts = [(fact.seq, fact.at, fact.by, ann.behaviour.public(fact)) for fact in ann.facts]
    return ann.behaviour.view(TEACHER), ann.followers, facts, ann.replay(TEACHER), ann.signals, ann.rows, tells


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_the_inbox_is_silent_while_its_person_is_here_with_dnd_and_at_the_latest_soon_after_a_crash(
    steps: list[Any],
) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    for step in steps:
        live(ann, step)
    ann.do(Connected("last"))
    ann.advance(LOOK_MS)
    silent = False
    for told in ann.tells:
        silent = isinstance(told.command, Hush) if told.to == "inbox:ann" else silent
    assert silent == (ann.do(Mine(), ANN).chosen == "dnd")


@settings(max_examples=200, deadline=None)
@given(STEPS, STEPS)
def test_the_owner_is_told_what_was_chosen_while_hidden_and_showing_keeps_it(
    before: list[Any], meanwhile: list[Any]
) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    for step in before:
        live(ann, step)
    ann.do(Hide(), ANN)
    told = ann.do(Mine(), ANN)
    chosen, activity = told.chosen, told.activity
    for (command, caller), pause, _ in meanwhile:
        ann.advance(pause)
        if isinstance(command, Show):
            continue
        ann.do(command, caller)
        if isinstance(command, SetStatus):
            chosen = {None: chosen, "available": "online"}.get(command.status, command.status)
            activity = activity if command.activity is None else command.activity
        told = ann.do(Mine(), ANN)
        assert (told.chosen, told.activity, told.hidden, told.shown) == (chosen, activity, True, "offline")
    ann.do(Show(), ANN)
    ann.restart(start=False)
    told = ann.do(Mine(), ANN)
    assert (told.chosen, told.activity, told.hidden) == (chosen, activity, False)


@settings(max_examples=300, deadline=None)
@given(ATTENDING)
def test_the_last_word_that_a_session_was_told_is_true(steps: list[Any]) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    for step in steps:
        live(ann, step)
        if isinstance(step[0][0], Enter):
            ann.tells = [tell for tell in ann.tells if tell.to != step[0][0].room]  # who joins is counted as here
    ann.advance(max(GRACE_MS, BEATS_MS))
    here = ann.do(Mine(), ANN).connections > 0
    last = {tell.to: tell.command.do for tell in ann.tells}
    for place in ann.behaviour.state.rooms:
        if place.startswith("session:"):
            assert (last.get(place, "back") == "back") == here


@settings(max_examples=150, deadline=None)
@given(ATTENDING)
def test_whoever_a_session_counts_as_here_is_looked_after_by_the_next_start(steps: list[Any]) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    for step in steps:
        live(ann, step)
    for conn in ("c1", "c2", "c3"):
        ann.do(Disconnected(conn))
    ann.restart()
    ann.tells.clear()
    ann.advance(max(GRACE_MS, BEATS_MS))
    assert ann.behaviour.view(TEACHER).status == "offline"
    assert "lost" not in ann.deadlines
    ann.restart()
    assert ann.rebuild().state == stored(ann.behaviour.state)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_activity_shown_is_the_newest_engagement_or_the_choice_and_nothing_for_the_discreet(
    steps: list[Any],
) -> None:
    ann = Driver(PRESENCE, "ann", reduce_presence)
    engaged: dict[str, str] = {}
    for (command, caller), pause, _ in steps:
        ann.advance(pause)
        ann.do(command, caller)
        if isinstance(command, Engage | Disengage) and engaged.get(command.by) != getattr(command, "activity", None):
            engaged.pop(command.by, None)
        if isinstance(command, Engage):
            engaged.pop(command.by, None)
            engaged[command.by] = command.activity
        own, face = ann.do(Mine(), ANN), ann.behaviour.view(TEACHER)
        assert own.doing == (list(engaged.values()) or [""])[-1]
        assert face.activity == ("" if own.discreet or face.status == "offline" else own.doing or own.activity)
