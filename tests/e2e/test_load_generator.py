"""The load generator's own ears: what it counts is what was on the wire, however the wire cut it up."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.dialects import Homeroom, SocketIo, text_of
from bench.fanout import schedule
from bench.websocket import BINARY, PING, TEXT, frame, split


def _from_server(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def _heard_in_steps(sent: list[tuple[int, bytes]], step: int) -> tuple[list[tuple[int, bytes]], bytes]:
    wire = b"".join(_from_server(*one) for one in sent)
    heard, rest = [], b""
    for at in range(0, len(wire), step):
        frames, rest = split(rest + wire[at : at + step])
        heard += frames
    return heard, rest


_PAYLOADS = st.sampled_from([0, 1, 125, 126, 500]).map(bytes)


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), _PAYLOADS), max_size=8), st.integers(1, 600))
def test_frames_are_found_whole_and_in_order_however_they_arrive(sent: list[tuple[int, bytes]], step: int) -> None:
    assert _heard_in_steps(sent, step) == (sent, b"")


@pytest.mark.parametrize("size", [65_535, 65_536, 200_000])
def test_a_long_frame_is_found_too(size: int) -> None:
    sent = [(BINARY, bytes(size)), (TEXT, b"after it")]
    assert _heard_in_steps(sent, 4_096) == (sent, b"")


@pytest.mark.parametrize("wire", [b"\x01\x00", b"\xc1\x00", b"\x81\x80\0\0\0\0", b"\x81\xff" + b"\0" * 12])
def test_a_fragmented_compressed_or_masked_frame_is_refused(wire: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|masks"):
        split(wire)


@pytest.mark.parametrize("size", [0, 125, 126, 60_000])
def test_a_client_frame_is_masked_and_holds_its_payload(size: int) -> None:
    wire = frame(BINARY, b"x" * size)
    assert wire[0] == 0x80 | BINARY
    assert wire[1] & 0x80
    assert wire.endswith(b"\0\0\0\0" + b"x" * size)


def _posted(number: int) -> dict[str, object]:
    return {
        "type": "room.message_posted",
        "at": 1,
        "by": "a",
        "d": {"id": "1", "text": text_of(number), "kind": "text"},
    }


def test_every_message_of_a_batch_is_counted_under_its_position() -> None:
    other = {"type": "room.joined", "at": 1, "by": "a", "d": {"user": "a", "role": "student"}}
    batch = {"t": "ev", "to": "room:a", "seq": 7, "e": [_posted(3), other, _posted(4)]}
    again = {"t": "ev", "to": "room:a", "seq": 10, "e": [_posted(5)]}
    frames = [batch, {"t": "ok", "id": 1}, {"t": "err", "id": 2, "code": "full", "msg": "no"}, again]
    heard = Homeroom("room:a", ["token"]).hear(msgspec.msgpack.encode(frames))
    assert heard.messages == ((7, 3), (9, 4), (10, 5))
    assert heard.answered == 1
    assert heard.refused == ("full: no",)


def test_a_goodbye_is_no_silence() -> None:
    with pytest.raises(ValueError, match="4501"):
        Homeroom("room:a", ["token"]).hear(msgspec.msgpack.encode({"t": "bye", "code": 4501, "msg": "draining"}))


def test_socket_io_is_heard_with_the_same_ears() -> None:
    dialect = SocketIo()
    payload = f'42["message",{{"id":"12","at":1,"by":"member","text":"{text_of(9)}"}}]'.encode()
    assert dialect.hear(payload).messages == ((12, 9),)
    assert dialect.hear(b'431[{"id":"12"}]').answered == 1
    assert dialect.hear(b"2").reply == b"3"


def test_a_message_is_as_long_as_the_figures_say() -> None:
    assert len(text_of(17).encode()) == 180


@pytest.mark.parametrize("arrivals", ["random", "even"])
def test_the_schedule_is_the_same_for_everybody_who_is_measured(arrivals: str) -> None:
    first, second = (schedule(100, 10.0, arrivals, seed=1) for _ in range(2))
    assert first == second == sorted(first)
    assert 850 < len(first) < 1150
    assert first[0] >= 0
    assert first[-1] < 10
