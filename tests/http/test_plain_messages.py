"""The short way says the same as the whole of the WebSocket protocol, or nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, TextMessage

from homeroom.http.plain_messages import plain_messages
from tests.http.peer import BINARY, CLOSE, PING, TEXT, ws_frame


def read_slowly(data: bytes) -> list[bytes] | None:
    """Return the messages as wsproto reads them; `None` when there is anything else."""
    connection = Connection(ConnectionType.SERVER)
    connection.receive_data(data)
    messages = list[bytes]()
    for event in connection.events():
        if not isinstance(event, BytesMessage | TextMessage) or not event.message_finished:
            return None
        messages.append(event.data.encode() if isinstance(event, TextMessage) else bytes(event.data))
    return messages


FRAME = st.builds(
    ws_frame,
    st.binary(max_size=300) | st.integers(65_530, 65_540).map(lambda size: b"x" * size),
    st.sampled_from([BINARY] * 5 + [TEXT, 0, PING, CLOSE, 3]),
    fin=st.sampled_from([True] * 6 + [False]),
    masked=st.sampled_from([True] * 9 + [False]),
    rsv=st.sampled_from([0] * 9 + [4]),
)


@given(st.lists(FRAME, max_size=5), st.integers(0, 3), st.sampled_from([BINARY, TEXT]))
@example([ws_frame(b"")], 0, BINARY)
@example([ws_frame(b"\xff", TEXT)], 0, TEXT)
def test_what_goes_the_short_way_is_what_the_long_way_would_have_given(
    frames: list[bytes], cut: int, opcode: int
) -> None:
    data = b"".join(frames)
    data = data[: len(data) - cut]
    messages = plain_messages(data, opcode)
    if messages is not None:
        assert messages == read_slowly(data)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 65_535, 65_536])
def test_whole_messages_of_every_size_go_the_short_way(size: int) -> None:
    message = bytes(n % 251 for n in range(size))
    assert plain_messages(ws_frame(message) * 2, BINARY) == [message] * 2


@pytest.mark.parametrize(
    "data",
    [
        ws_frame(b"abc", TEXT),
        ws_frame(b"abc", fin=False),
        ws_frame(b"abc", masked=False),
        ws_frame(b"abc", rsv=4),
        ws_frame(b"", PING),
        ws_frame(b"abc")[:-1],
        ws_frame(b"abc") + b"\x82",
        ws_frame(b"x" * 200)[:5],
        ws_frame(b"abc", length=2**63),
    ],
)
def test_anything_else_is_left_to_the_long_way(data: bytes) -> None:
    assert plain_messages(data, BINARY) is None


def test_text_that_is_no_utf8_is_left_to_the_long_way() -> None:
    assert plain_messages(ws_frame(b"\xff", TEXT), TEXT) is None
    assert plain_messages(ws_frame("é".encode(), TEXT), TEXT) == ["é".encode()]
