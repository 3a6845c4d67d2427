"""Random lives of a person: state + events equals a fresh view, nobody hidden is seen, nobody is present for ever."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.presence import BEATS_MS, GRACE_MS, PRESENCE
from homeroom.engine.behaviour import Caller
from homeroom.protocol.presence import (
    Beat,
    Connected,
    Disconnected,
    Enter,
    Exit,
    Hide,
    RoomPresence,
    SetStatus,
    Show,
    reduce_presence,
)
from tests.actors.driver import Driver, stored
from tests.actors.people import ANN, SYSTEM, TEACHER

conns = st.sampled_from(["c1", "c2", "c3"])
rooms = st.sampled_from(["physics", "chess"])
asked = st.sampled_from([None, "online", "away", "busy", "dnd", "offline", "available"])
BY_SYSTEM: st.SearchStrategy[Any] = st.one_of(
    st.builds(Connected, conn=conns),
    st.builds(Disconnected, conn=conns),
    st.builds(Beat, active=st.booleans(), conn=st.none() | conns),
    st.builds(Enter, room=rooms),
    st.builds(Exit, room=rooms),
)
BY_HERSELF: st.SearchStrategy[Any] = st.one_of(
    st.builds(SetStatus, status=asked, activity=st.sampled_from([None, "", "Quiz"])),
    st.builds(Beat, active=st.booleans()),
    st.just(Hide()),
    st.just(Show()),
)
STEPS = st.lists(
    st.tuples(
        BY_SYSTEM.map(lambda command: (command, SYSTEM)) | BY_HERSELF.map(lambda command: (command, ANN)),
        st.sampled_from([0, 1_000, 19_000, 64_000, 300_000]),
        st.sampled_from(["", "", "", "start", "reload"]),
    ),
    max_size=60,
)


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
        for room in ann.behaviour.state.rooms:
            assert newest.get(f"room:{room}", "offline") == face.status
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
    chosen = ann.behaviour.state.own.chosen
    assert ann.behaviour.view(TEACHER).status == chosen
