"""The conversation as a table: every state against every frame, and the ways from state to state."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.protocol.errors import Close, LocalProtocolError, RemoteProtocolError
from homeroom.protocol.frames import Auth, Bye, ClientFrame, Cmd, Err, Hello, Limits, Ping, Sub, Unsub
from homeroom.protocol.session import TABLE, Act, Session, State
from tests.protocol.shapes import plain_client_frames

HELLO = Hello("token", "tab")
OTHERS: list[ClientFrame] = [Auth(1, "token"), Ping(1), Sub(1, "room:a"), Unsub(1, "room:a"), Cmd(1, "room:a", "say")]
NO_FRAME = RemoteProtocolError("bad_frame", "not msgpack", fatal=True)


def opened(limits: Limits | None = None) -> Session:
    session = Session(limits or Limits())
    session.receive(HELLO)
    session.opened()
    return session


def test_the_table_answers_every_frame_in_every_state() -> None:
    for state in State:
        assert set(TABLE[state]) == set(get_args(ClientFrame))


def test_hello_is_authenticated_and_then_the_connection_is_open() -> None:
    session = Session()
    states = [session.state]
    assert session.receive(HELLO) is Act.AUTHENTICATE
    states.append(session.state)
    session.opened()
    assert [*states, session.state] == [State.OPENING, State.GREETED, State.OPEN]


@pytest.mark.parametrize("frame", OTHERS)
def test_a_frame_before_hello_closes_with_4401(frame: ClientFrame) -> None:
    session = Session()
    answer = session.receive(frame)
    assert isinstance(answer, Bye)
    assert answer.code == Close.UNAUTHENTICATED
    assert session.state is State.CLOSING


@pytest.mark.parametrize("frame", [HELLO, *OTHERS])
def test_a_frame_before_welcome_closes_with_4401(frame: ClientFrame) -> None:
    session = Session()
    session.receive(HELLO)
    answer = session.receive(frame)
    assert isinstance(answer, Bye)
    assert answer.code == Close.UNAUTHENTICATED


def test_hello_said_twice_is_refused_and_the_connection_goes_on() -> None:
    session = opened()
    answer = session.receive(HELLO)
    assert isinstance(answer, Err)
    assert (answer.id, answer.code) == (None, "conflict")
    assert session.state is State.OPEN


def test_an_open_connection_takes_every_other_frame() -> None:
    session = opened()
    assert [session.receive(frame) for frame in OTHERS] == [
        Act.RENEW, Act.PONG, Act.SUBSCRIBE, Act.UNSUBSCRIBE, Act.COMMAND,
    ]  # fmt: skip


@pytest.mark.parametrize("state", list(State))
def test_what_is_no_frame_closes_with_4400_unless_it_is_closing_already(state: State) -> None:
    session = Session()
    session.state = state
    answer = session.receive(NO_FRAME)
    if state in {State.CLOSING, State.CLOSED}:
        assert answer is Act.IGNORE
    else:
        assert isinstance(answer, Bye)
        assert (answer.code, answer.msg) == (Close.NOT_A_FRAME, "not msgpack")
        assert session.state is State.CLOSING


def test_a_frame_with_wrong_fields_is_answered_and_the_connection_goes_on() -> None:
    session = opened()
    answer = session.receive(RemoteProtocolError("bad_frame", "Expected", id=7, frame="sub", data={"field": "to"}))
    assert answer == Err(7, "bad_frame", "Expected", d={"field": "to"})
    assert session.state is State.OPEN


def test_a_hello_with_wrong_fields_may_be_said_again_and_anything_else_may_not() -> None:
    session = Session()
    assert isinstance(session.receive(RemoteProtocolError("bad_frame", "x", frame="hello")), Err)
    assert session.receive(HELLO) is Act.AUTHENTICATE
    session = Session()
    answer = session.receive(RemoteProtocolError("bad_frame", "x", frame="cmd"))
    assert isinstance(answer, Bye)
    assert answer.code == Close.UNAUTHENTICATED


def test_a_connection_has_so_many_streams_and_no_more() -> None:
    session = opened(Limits(streams=2))
    assert session.receive(Sub(1, "room:a")) is Act.SUBSCRIBE
    assert session.receive(Sub(2, "room:b")) is Act.SUBSCRIBE
    assert session.receive(Sub(3, "room:a")) is Act.SUBSCRIBE
    answer = session.receive(Sub(4, "room:c"))
    assert isinstance(answer, Err)
    assert (answer.id, answer.code) == (4, "full")
    session.receive(Unsub(5, "room:a"))
    assert session.receive(Sub(6, "room:c")) is Act.SUBSCRIBE
    session.left("room:b")
    assert session.receive(Sub(7, "room:d")) is Act.SUBSCRIBE
    assert session.streams == {"room:c", "room:d"}


def test_closing_is_ours_to_say_once() -> None:
    session = opened()
    assert session.closing()
    assert not session.closing()
    assert all(session.receive(frame) is Act.IGNORE for frame in [HELLO, *OTHERS])
    session.closed()
    assert not session.closing()
    session.closed()
    assert session.streams == set()


@pytest.mark.parametrize("state", [State.OPENING, State.OPEN, State.CLOSING, State.CLOSED])
def test_only_who_was_greeted_is_welcomed(state: State) -> None:
    session = Session()
    session.state = state
    with pytest.raises(LocalProtocolError, match="does not become open"):
        session.opened()


@given(st.lists(plain_client_frames | st.just(NO_FRAME), max_size=12))
def test_no_sequence_of_frames_breaks_the_conversation(frames: list[ClientFrame | RemoteProtocolError]) -> None:
    session, closing = Session(), False
    for frame in frames:
        answer = session.receive(frame)
        assert not closing or answer is Act.IGNORE
        if answer is Act.AUTHENTICATE:
            session.opened()
        closing = closing or isinstance(answer, Bye)
        assert closing == (session.state is State.CLOSING)
