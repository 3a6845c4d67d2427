"""The words of a class session: what is taken, what is refused before any actor sees it, and what an event does as a client sees it."""

from typing import Any

import msgspec
import pytest

from homeroom.actors.session import SESSION
from homeroom.protocol.chat_state import Happened
from homeroom.protocol.session_floor import (
    Ask,
    HandRaised,
    PollClosed,
    PollCounted,
    PollMarked,
    PollOpen,
    PollOpened,
    PollVote,
    PollVoted,
    QuestionAsked,
    QuestionUpvoted,
    QuestionWithdrawn,
)
from homeroom.protocol.session_lists import ListSessions
from homeroom.protocol.session_state import (
    Participant,
    SessionState,
    first_faces,
    reduce_session,
    seats_taken,
    show_session,
)
from homeroom.protocol.session_words import (
    Cancelled,
    Change,
    Create,
    Created,
    Ended,
    Enroll,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    SetRecording,
    Started,
)


def after(*events: Any) -> SessionState:
    state = SessionState()
    for seq, event in enumerate(events, 1):
        reduce_session(state, Happened(seq, seq * 10, "ann", event))
    return state


PLANNED = Created("Algebra", 1_000, 2_000, "teacher")


@pytest.mark.parametrize(
    ("command", "given"),
    [
        (Create, {"title": "", "starts": 1}),
        (Create, {"title": "x" * 201, "starts": 1}),
        (Create, {"title": "x", "starts": -1}),
        (Create, {"title": "x", "starts": 1.5}),
        (Create, {"title": "x", "starts": 1, "minutes": 0}),
        (Create, {"title": "x", "starts": 1, "minutes": 1_441}),
        (Create, {"title": "x", "starts": 1, "capacity": 1_001}),
        (Create, {"title": "x", "starts": 1, "audience": "secret"}),
        (Create, {"title": "x", "starts": 1, "course": "a b"}),
        (Create, {"title": "x", "starts": 1, "materials": [{"title": "x", "url": "javascript:alert(1)"}]}),
        (Create, {"title": "x", "starts": 1, "people": ["a"] * 501}),
        (Change, {"description": "x" * 2_001}),
        (Enroll, {"people": []}),
        (SetRecording, {"url": "http://example.org/r"}),
        (SetRecording, {"url": "https://example.org/" + "x" * 500}),
        (SetRecording, {"url": "https://example.org/\n"}),
        (Ask, {"text": "x" * 501}),
        (PollOpen, {"question": "x", "options": ["one"]}),
        (PollOpen, {"question": "x", "options": [str(number) for number in range(21)]}),
        (PollVote, {"poll": "3", "choices": []}),
        (PollVote, {"poll": "x", "choices": [0]}),
        (PollVote, {"poll": "3", "choices": [20]}),
        (ListSessions, {"status": "over"}),
        (ListSessions, {"limit": 101}),
    ],
)
def test_arguments_out_of_bounds_are_no_command(command: type[Any], given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, command)


def test_every_verb_of_a_session_has_a_name_of_its_own() -> None:
    names = [verb.command.do for verb in SESSION.verbs]
    assert sorted(set(names)) == sorted(names)


def test_who_is_lost_keeps_its_seat_until_it_has_left() -> None:
    came = (PLANNED, ParticipantJoined("ann", "student", "Ann"), ParticipantLost("ann", 25))
    assert (after(*came).people["ann"].standing, seats_taken(after(*came))) == ("lost", 1)
    assert after(*came, ParticipantReturned("ann")).people["ann"] == Participant("student", "Ann", 20, 20)
    assert seats_taken(after(*came, ParticipantLeft("ann", "lost"))) == 0


def test_the_owner_needs_no_seat() -> None:
    assert (
        seats_taken(after(PLANNED, ParticipantJoined("teacher", "teacher"), ParticipantJoined("ann", "student"))) == 1
    )


def test_when_it_is_over_nobody_is_in_it_and_no_hand_is_up() -> None:
    for over in (Ended(), Cancelled()):
        state = after(PLANNED, Started(), ParticipantJoined("ann", "student"), HandRaised("ann"), over)
        assert (state.people["ann"].standing, state.hands, state.ended) == ("gone", [], 50)


def test_who_comes_again_keeps_the_time_when_it_first_came_and_what_it_has_not_read() -> None:
    state = after(
        PLANNED,
        ParticipantJoined("ann", "student"),
        ParticipantLeft("ann", "left"),
        ParticipantJoined("ann", "student"),
    )
    assert (state.people["ann"].joined, state.people["ann"].since) == (20, 40)
    assert list(state.chat.reads) == ["ann"]


def test_a_card_shows_those_who_came_first_and_are_still_there() -> None:
    joined = [ParticipantJoined(f"s{number}", "student") for number in range(8)]
    state = after(PLANNED, *joined, ParticipantLeft("s1", "left"))
    assert [user for user, _ in first_faces(state)] == ["s0", "s2", "s3", "s4", "s5"]


def test_a_client_counts_the_voters_of_a_secret_poll_without_knowing_them() -> None:
    opened = (PLANNED, PollOpened("2", "Clear?", ("yes", "no"), anonymous=True), PollMarked("2"), PollMarked("2"))
    assert (after(*opened).polls["2"].voters, after(*opened).polls["2"].counts) == (2, ())
    told = after(*opened, PollClosed("2"), PollCounted("2", 3, (1, 2))).polls["2"]
    assert (told.voters, told.counts, told.counted, told.closed) == (3, (1, 2), True, 50)


def test_an_event_about_what_is_not_there_or_not_known_changes_nothing() -> None:
    before = msgspec.msgpack.encode(after(PLANNED))
    lost = (QuestionUpvoted("9", "ann"), QuestionWithdrawn("9"), PollVoted("9", "ann", (0,)), PollMarked("9"))
    gone = (PollClosed("9"), PollCounted("9", 1), ParticipantLeft("ann", "left"), object())
    assert msgspec.msgpack.encode(after(PLANNED, *lost, *gone)) == before


def test_a_shown_session_does_not_change_with_the_one_it_shows() -> None:
    state = after(PLANNED, ParticipantJoined("ann", "student"), QuestionAsked("3", "Why?"))
    shown = show_session(state)
    before = msgspec.msgpack.encode(shown)
    later = (HandRaised("ann"), QuestionUpvoted("3", "ben"), PollOpened("6", "Clear?", ("yes", "no")), Ended())
    for event in later:
        reduce_session(state, Happened(9, 9, "ann", event))
    assert msgspec.msgpack.encode(shown) == before
