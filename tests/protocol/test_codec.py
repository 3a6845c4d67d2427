"""The codec: what is said arrives as it was said, and what was never said is refused and costs nothing."""

import tracemalloc
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.protocol.codec import CODECS, Codec
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import Cmd, Ev, Event, Limits, Ok, Ping, Sub, Unsub
from tests.protocol.shapes import BOTH, JSON, MSGPACK, maps, message, plain_client_frames, server_frames, taken

both = pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.format)


def only(codec: Codec, data: bytes | str, limits: Limits | None = None) -> Any:
    """Decode a message that holds one frame."""
    (frame,) = codec.decode_frames(data, limits or Limits())
    return frame


@both
@given(frame=plain_client_frames)
def test_every_frame_of_a_client_arrives_as_it_was_sent(codec: Codec, frame: Any) -> None:
    decoded = only(codec, message(codec, codec.encode(frame)))
    if isinstance(frame, Cmd):
        assert (decoded.id, decoded.to, decoded.do, bytes(decoded.d)) == (frame.id, frame.to, frame.do, b"")
    else:
        assert decoded == frame


@both
@given(arguments=maps)
def test_the_arguments_of_a_command_arrive_as_they_were_sent(codec: Codec, arguments: dict[str, Any]) -> None:
    sent = Cmd(7, "room:a", "say", codec.arguments(arguments))
    decoded = only(codec, message(codec, codec.encode(sent)))
    read = msgspec.json.decode if codec.is_text else msgspec.msgpack.decode
    assert read(bytes(decoded.d)) == arguments


@both
@given(frame=server_frames)
def test_every_frame_of_the_server_arrives_as_it_was_sent(codec: Codec, frame: Any) -> None:
    (decoded,) = codec.decode_server_frames(message(codec, codec.encode(frame)))
    assert msgspec.to_builtins(decoded) == msgspec.to_builtins(frame)
    assert type(decoded) is type(frame)


@given(frame=server_frames)
def test_both_formats_say_the_same(frame: Any) -> None:
    assert msgspec.json.decode(JSON.encode(frame)) == msgspec.msgpack.decode(MSGPACK.encode(frame))


@both
@given(frames=st.lists(plain_client_frames, min_size=1, max_size=8))
def test_an_array_of_frames_arrives_in_order(codec: Codec, frames: list[Any]) -> None:
    joined = codec.join([codec.encode(frame) for frame in frames])
    assert [type(one) for one in codec.decode_frames(message(codec, joined))] == [type(one) for one in frames]


@both
@settings(max_examples=400)
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_with_the_protocols_own_error(codec: Codec, data: bytes) -> None:
    frames = taken(codec, data)
    assert all(not isinstance(one, RemoteProtocolError) or one.code == "bad_frame" for one in frames)


@given(text=st.text(max_size=200))
def test_arbitrary_text_is_refused_with_the_protocols_own_error(text: str) -> None:
    assert all(not isinstance(one, RemoteProtocolError) or one.code == "bad_frame" for one in taken(JSON, text))


@both
@settings(max_examples=300)
@given(value=st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=3), lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["t", "id", "to", "do", "d", "n"]), s)))  # fmt: skip
def test_well_formed_nonsense_is_refused_with_the_protocols_own_error(codec: Codec, value: Any) -> None:
    encoded = msgspec.json.encode(value) if codec.is_text else msgspec.msgpack.encode(value)
    assert all(not isinstance(one, RemoteProtocolError) or one.code == "bad_frame" for one in taken(codec, encoded))


@settings(max_examples=200)
@given(frame=plain_client_frames, position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_frame_with_one_byte_changed_never_breaks_anything(frame: Any, position: int, byte: int) -> None:
    data = bytearray(MSGPACK.encode(frame))
    data[position % len(data)] = byte
    assert len(taken(MSGPACK, bytes(data))) <= 1


@settings(max_examples=100, deadline=None)
@given(head=st.binary(min_size=1, max_size=12), repeats=st.integers(1, 5_000))
def test_no_repeated_pattern_takes_more_than_a_mebibyte(head: bytes, repeats: int) -> None:
    data = (head * repeats)[:65_536]
    for codec in BOTH:
        tracemalloc.start()
        try:
            taken(codec, data)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 2**20


@both
def test_a_known_frame_with_wrong_fields_is_answered_with_its_id_and_the_others_are_taken(codec: Codec) -> None:
    parts = [codec.encode(Ping(1)), codec.arguments({"t": "sub", "id": 7, "to": "nonsense"}), codec.encode(Ping(2))]
    first, error, last = codec.decode_frames(message(codec, codec.join([bytes(part) for part in parts])))
    assert (first, last) == (Ping(1), Ping(2))
    assert isinstance(error, RemoteProtocolError)
    assert (error.code, error.id, error.frame, error.fatal) == ("bad_frame", 7, "sub", False)
    assert "$.to" in error.msg


@both
@pytest.mark.parametrize("id", [0, -1, 2**53, 1.5, "7", None, [7]])
def test_an_id_that_is_none_is_not_repeated_in_the_answer(codec: Codec, id: Any) -> None:
    error = only(codec, bytes(codec.arguments({"t": "unsub", "id": id, "to": "room:a"})))
    assert isinstance(error, RemoteProtocolError)
    assert error.id is None
    assert not error.fatal


@both
@pytest.mark.parametrize("frame", [{}, {"t": "nonsense"}, {"t": 5}, {"t": None}, {"t": "welcome"}, {"id": 1}])
def test_a_map_without_a_known_type_is_no_frame(codec: Codec, frame: dict[str, Any]) -> None:
    error = only(codec, bytes(codec.arguments(frame)))
    assert isinstance(error, RemoteProtocolError)
    assert error.fatal


@both
def test_what_follows_something_that_is_no_frame_is_not_looked_at(codec: Codec) -> None:
    joined = codec.join([codec.encode(Ping(1)), bytes(codec.arguments({"t": "?"})), codec.encode(Ping(2))])
    frames = codec.decode_frames(message(codec, joined))
    assert frames[0] == Ping(1)
    assert len(frames) == 2
    assert isinstance(frames[1], RemoteProtocolError)


@both
def test_unknown_fields_are_ignored(codec: Codec) -> None:
    assert only(codec, bytes(codec.arguments({"t": "ping", "n": 1, "later": {"x": [1, 2]}}))) == Ping(1)


@both
def test_an_empty_array_holds_no_frames(codec: Codec) -> None:
    assert codec.decode_frames(b"[]" if codec.is_text else b"\x90") == []


@both
def test_the_limits_in_force_are_those_handed_in(codec: Codec) -> None:
    limits = Limits(message_bytes=200, nesting=3, frames=2, elements=7)
    fits = codec.encode(Cmd(1, "room:a", "say", codec.arguments({"a": [1]})))
    assert isinstance(only(codec, fits, limits), Cmd)
    for refused in (
        codec.encode(Cmd(1, "room:a", "say", codec.arguments({"a": [[1]]}))),
        codec.encode(Cmd(1, "room:a", "say", codec.arguments({"a": [1, 2, 3]}))),
        codec.encode(Cmd(1, "room:a", "say", codec.arguments({"a": "x" * 200}))),
        codec.join([codec.encode(Ping(n)) for n in range(3)]),
    ):
        with pytest.raises(RemoteProtocolError):
            codec.decode_frames(refused, limits)


@both
def test_as_many_frames_as_allowed_may_come_at_once_each_with_its_own_limits(codec: Codec) -> None:
    frame = codec.encode(Cmd(1, "room:a", "say", codec.arguments({str(n): n for n in range(20)})))
    assert len(codec.decode_frames(message(codec, codec.join([frame] * 256)))) == 256
    with pytest.raises(RemoteProtocolError, match="frames"):
        codec.decode_frames(message(codec, codec.join([frame] * 257)))


def test_msgpack_takes_no_text() -> None:
    with pytest.raises(RemoteProtocolError, match="text where binary"):
        MSGPACK.decode_frames('{"t":"ping","n":1}')


def test_brackets_and_commas_inside_json_strings_do_not_count() -> None:
    text = '[[[[{{{{,,,,\\"[[[' * 300
    frame = only(JSON, f'{{"t":"cmd","id":1,"to":"room:a","do":"say","d":{{"text":"{text}"}}}}')
    assert isinstance(frame, Cmd)


def test_a_json_string_that_never_ends_is_refused_in_linear_time() -> None:
    data = b'{"t":"' + b'\\"' * 32_000
    (error,) = taken(JSON, data)
    assert isinstance(error, RemoteProtocolError)
    assert error.fatal


def test_codecs_are_known_by_their_subprotocols_the_preferred_one_first() -> None:
    assert list(CODECS) == ["homeroom.v1.msgpack", "homeroom.v1.json"]


@both
def test_a_stored_answer_stands_inside_a_frame_as_if_it_were_new(codec: Codec) -> None:
    stored = msgspec.msgpack.encode({"id": "17"})
    assert codec.encode(Ok(3, codec.embed(stored), again=True)) == codec.encode(Ok(3, {"id": "17"}, again=True))
    assert codec.embed(None) is None


@both
@pytest.mark.parametrize("data", [b"", b"\xc1", b"nonsense", b"{}", b"\x80", b"[5]"])
def test_what_no_server_says_is_refused_by_the_client_too(codec: Codec, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        codec.decode_server_frames(data)


def test_the_independent_implementation_reads_what_we_write_and_we_read_what_it_writes() -> None:
    frame = Ev("room:a", 3, [Event("room.joined", 5, "ann", {"user": "ann", "role": "member"})])
    plain = msgpack.unpackb(MSGPACK.encode(frame))
    assert plain["e"][0]["d"] == {"user": "ann", "role": "member"}
    assert only(MSGPACK, msgpack.packb({"to": "room:a", "since": ["e", 4], "id": 9, "t": "sub"})) == Sub(
        9, "room:a", ("e", 4)
    )
    assert only(MSGPACK, msgpack.packb({"to": "room:a", "id": 9, "t": "unsub"})) == Unsub(9, "room:a")
