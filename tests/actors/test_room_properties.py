"""Random histories of a room, with windows so small that every rule about them is met.

State + events equals a fresh view for everybody who follows from any moment on, live or resumed; replay equals snapshot + tail;
and what must never be, is not.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors import chat as chat_module
from homeroom.actors import chat_memory as memory_module
from homeroom.actors import room as room_module
from homeroom.actors.room import ROOM
from homeroom.engine.behaviour import Caller
from homeroom.protocol import chat as words
from homeroom.protocol.access import STAFF
from homeroom.protocol.chat_state import is_muted, unread
from homeroom.protocol.room import (
    Create,
    Invite,
    Join,
    Leave,
    Promote,
    Remove,
    RoomState,
    reduce_room,
    show_room,
)
from tests.actors.driver import Driver, Follower, stored
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, TEACHER

HELD, SEEN = 6, 3
PEOPLE = (TEACHER, COLLEAGUE, ANN, BEN, EVE, ADMIN)
users = st.sampled_from([person.user for person in PEOPLE])
ids = st.integers(1, 60).map(str)
texts = st.sampled_from(["hi", "a secret", "<b>", "🙂"])
COMMANDS: st.SearchStrategy[Any] = st.one_of(
    st.builds(words.Say, text=texts, reply_to=st.none() | ids, mentions=st.lists(users, max_size=2).map(tuple)),
    st.builds(words.Say, text=texts),
    st.builds(words.Edit, message=ids, text=texts),
    st.builds(words.Retract, message=ids, reason=st.none() | texts),
    st.builds(words.React, message=ids, emoji=st.sampled_from(["👍", "🎉"]), on=st.booleans()),
    st.builds(words.Read, upto=ids),
    st.builds(words.Pin, message=ids),
    st.builds(words.Unpin, message=ids),
    st.builds(words.Typing, typing=st.booleans()),
    st.builds(words.SetMode, mode=st.sampled_from(["open", "open", "moderated", "announce"])),
    st.builds(words.SlowMode, seconds=st.sampled_from([0, 0, 5])),
    st.builds(words.Mute, user=users, seconds=st.sampled_from([1, 60])),
    st.builds(words.Unmute, user=users),
    st.builds(Promote, user=users, role=st.sampled_from(["member", "moderator", "owner"])),
    st.builds(Remove, user=users),
    st.builds(Invite, user=users),
    st.just(Join()),
    st.just(Leave()),
)
STEPS = st.lists(st.tuples(COMMANDS, st.sampled_from(PEOPLE), st.integers(0, 3_000)), min_size=5, max_size=80)


@pytest.fixture(autouse=True)
def _small_windows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_module, "KEPT", HELD)
        patch.setattr(room_module, "KEPT", HELD)
        patch.setattr(room_module, "show_room", partial(show_room, window=SEEN))
        yield


def begin(visibility: Any) -> Driver:
    """Return a room with most people in it and more messages than its window holds."""
    room = Driver(ROOM, "physics", partial(reduce_room, window=SEEN))
    room.do(Create("Physics", visibility), TEACHER)
    for person in (ANN, BEN, EVE):
        room.do(Invite(person.user), TEACHER)
        room.do(Join(), person)
    for number in range(HELD + 2):
        room.do(words.Say(f"old {number}"), (ANN, BEN)[number % 2])
    return room


def check(room: Driver) -> None:
    """Hold what must hold after every command."""
    state: RoomState = room.behaviour.state.shown
    chat = state.chat
    newest = chat.messages[-1].id
    assert [message.n for message in chat.messages] == list(
        range(chat.posted - len(chat.messages) + 1, chat.posted + 1)
    )
    assert len(chat.messages) == HELD
    assert chat.reads.keys() == state.members.keys()
    assert not state.members.keys() & (state.invited.keys() | state.barred.keys())
    assert [user for user, member in state.members.items() if member.role == "owner"] == [state.owner] * bool(
        state.owner
    )
    for user, receipt in chat.reads.items():
        assert int(receipt.upto) <= int(newest)
        assert 0 <= unread(chat, user) <= chat.posted
    for message in chat.messages:
        for reactors in message.reactions.values():
            assert len(set(reactors)) == len(reactors) > 0
        if message.retracted:
            assert (message.text, message.file, message.mentions, message.reactions) == ("", None, (), {})
            assert message.id not in chat.pins
    assert len(set(chat.pins)) == len(chat.pins)


def may_post(room: Driver, caller: Caller) -> bool:
    """Tell by the words of the contract whether `caller` may post, slow mode aside."""
    state: RoomState = room.behaviour.state.shown
    member = state.members.get(caller.user)
    if member is None or is_muted(state.chat, caller.user, room.now):
        return False
    moderates = member.role != "member" or caller is ADMIN
    return {"open": True, "moderated": moderates or caller.role in STAFF, "announce": caller.role in STAFF}[
        state.chat.mode
    ]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["open", "closed"]), STEPS, st.data())
def test_state_and_events_equal_a_fresh_view_for_everybody(
    visibility: str, steps: list[Any], data: st.DataObject
) -> None:
    room = begin(visibility)
    joins_at = data.draw(st.integers(0, len(steps)))
    followers = [follow(room, TEACHER), follow(room, ADMIN)]
    for index, (command, caller, pause) in enumerate(steps):
        room.advance(pause)
        if index == joins_at:
            followers += [follow(room, who) for who in (TEACHER, ADMIN, ANN) if watches(room, who)]
        expected = may_post(room, caller)
        verdict = room.try_do(command, caller)
        if isinstance(command, words.Say):
            answers = {"ok", "rate_limited"} | ({"not_found"} if command.reply_to else set())
            assert verdict in (answers if expected else {"forbidden", "not_found"})
        check(room)
    for follower in followers:
        if follower in room.followers:
            assert follower.state == stored(room.behaviour.view(follower.caller))


def watches(room: Driver, who: Caller) -> bool:
    return ROOM.watch.permits(who.role, room.behaviour.relations(who))


def follow(room: Driver, who: Caller) -> Follower:
    return room.follow(who)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.data())
def test_a_resumed_follower_sees_what_a_fresh_one_sees_and_nothing_retracted(
    steps: list[Any], data: st.DataObject
) -> None:
    room = begin("open")
    left_at = data.draw(st.integers(0, len(steps)))
    follower, since = follow(room, ADMIN), room.seq
    for index, (command, caller, pause) in enumerate(steps):
        room.advance(pause)
        if index == left_at:
            follower, since = follow(room, ADMIN), room.seq
            room.followers.clear()
        room.try_do(command, caller)
    if left_at == len(steps):
        room.followers.clear()
        follower, since = follow(room, ADMIN), room.seq
    elif follower in room.followers:
        room.followers.clear()
    for fact in room.replay(ADMIN, since):
        follower.take(fact)
    assert follower.state == stored(room.behaviour.view(ADMIN))
    retracted = {fact.event.id for fact in room.facts if isinstance(fact.event, words.MessageRetracted)}
    for fact in room.replay(ADMIN):
        if isinstance(fact.event, words.MessagePosted | words.MessageEdited) and fact.event.id in retracted:
            assert fact.event.text == ""
        if isinstance(fact.event, words.MessageRetracted | words.MessageEdited):
            assert fact.event.was is None


@settings(max_examples=150, deadline=None)
@given(STEPS, st.data())
def test_replay_equals_snapshot_and_tail_equals_live(steps: list[Any], data: st.DataObject) -> None:
    room = begin("open")
    for command, caller, pause in steps:
        room.advance(pause)
        room.try_do(command, caller)
    live = stored(room.behaviour.state)
    assert room.rebuild().state == live
    assert room.rebuild(data.draw(st.integers(1, room.seq))).state == live


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_the_history_holds_every_message_as_the_window_does(steps: list[Any]) -> None:
    room = begin("open")
    for command, caller, pause in steps:
        room.advance(pause)
        room.try_do(command, caller)
    chat = room.behaviour.state.shown.chat
    messages = room.do(words.History(limit=100), ADMIN).messages
    assert [message.n for message in messages] == list(range(max(chat.posted - 99, 1), chat.posted + 1))
    assert list(messages[-HELD:]) == chat.messages
    assert "secret" not in repr([message for message in messages if message.retracted])


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_a_command_carried_out_again_right_away_changes_nothing_more(steps: list[Any]) -> None:
    room = begin("open")
    again = (
        words.Read,
        words.Pin,
        words.Unpin,
        words.React,
        words.SetMode,
        words.SlowMode,
        words.Unmute,
        Join,
        Leave,
        Invite,
    )
    for command, caller, pause in steps:
        room.advance(pause)
        if room.try_do(command, caller) == "ok" and isinstance(command, again):
            before = room.seq
            room.try_do(command, caller)
            assert room.seq == before


REVISIONS = st.lists(
    st.tuples(
        st.integers(0, HELD + 7),
        st.none() | st.sampled_from(["AAA", "BBB", "AAA"]),
        st.sampled_from(["", "", "", "another message", "restart"]),
    ),
    max_size=60,
)
"""Which message of the room becomes which text (none: it is retracted), and what happens before that."""


@settings(max_examples=200, deadline=None)
@given(REVISIONS, st.sampled_from([1, 3, 10_000]))
def test_edits_and_retractions_in_and_outside_the_window_tell_what_a_list_of_all_messages_tells(
    revisions: list[Any], remembered: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_module, "EDITED_MAX", remembered)
        room = begin("open")
        texts = {fact.event.id: fact.event.text for fact in room.facts if isinstance(fact.event, words.MessagePosted)}
        for place, text, before in revisions:
            if before == "another message":
                texts[room.do(words.Say("AAA"), ANN).id] = "AAA"
            elif before == "restart":
                room.restart(snapshot_at=room.seq)
            revise(room, texts, list(texts)[place % len(texts)], text, bounded=remembered < 10_000)
        history = room.do(words.History(limit=100), ADMIN).messages
        assert {message.id: message.text for message in history} == texts
        assert len(room.behaviour.state.chat.edited) <= remembered


def revise(room: Driver, texts: dict[str, str], message: str, text: str | None, *, bounded: bool) -> None:
    """Edit or retract a message as its author, and hold the answer against `texts`, where the retracted have none."""
    author = {"ann": ANN, "ben": BEN}[room.facts[int(message) - 1].by]
    before, seq = texts[message], room.seq
    verdict = room.try_do(words.Retract(message) if text is None else words.Edit(message, text), author)
    if verdict == "too_late":
        assert bounded
        assert message not in [held.id for held in room.behaviour.state.shown.chat.messages]
    elif not before:
        assert (verdict, room.seq) == ("ok" if text is None else "conflict", seq)
    elif text == before:
        assert (verdict, room.seq) == ("ok", seq)
    else:
        assert verdict == "ok"
        assert [event.was for event in room.events[seq:]] == [before]
        assert room.rows["room_audit", room.seq]["before"] == before
        texts[message] = text or ""
