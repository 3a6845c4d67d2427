"""Rows M1 to M12 of the catalogue of attacks: each is refused, builds nothing large, and leaves the codec as it was."""

import struct
import tracemalloc
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

import msgpack
import msgspec
import pytest

from homeroom.protocol.codec import Codec
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import Cmd, Ping
from homeroom.protocol.ids import CommandId
from homeroom.protocol.verbs import VerbTable, command_digest
from tests.protocol.shapes import BOTH, JSON, MSGPACK, taken

SIXTY_FOUR_KIB = 65_536


class Say(msgspec.Struct, frozen=True):
    """A verb with arguments of every bounded sort."""

    do: ClassVar[str] = "say"
    text: Annotated[str, msgspec.Meta(max_length=20)]
    n: CommandId = 1
    weight: float = 0.0


VERBS = VerbTable({"room": {"say": Say}})


def judge(data: bytes, codec: Codec = MSGPACK) -> list[Any]:
    """Decode an attack: whatever comes of it, it takes less than a mebibyte, and the codec goes on working."""
    tracemalloc.start()
    try:
        return taken(codec, data)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20
        assert codec.decode_frames(codec.encode(Ping(1))) == [Ping(1)]


def assert_no_frame(data: bytes, codec: Codec = MSGPACK) -> None:
    """Check that nothing of `data` is taken and the connection ends with 4400."""
    (error,) = judge(data, codec)
    assert isinstance(error, RemoteProtocolError)
    assert error.fatal


def in_cmd(arguments: bytes) -> bytes:
    """Return a command around raw msgpack arguments."""
    return b"\x85\xa1t\xa3cmd\xa2id\x01\xa2to\xa6room:a\xa2do\xa3say\xa1d" + arguments


def in_json_cmd(arguments: str) -> bytes:
    return f'{{"t":"cmd","id":1,"to":"room:a","do":"say","d":{arguments}}}'.encode()


def assert_bad_command(codec: Codec, message: bytes) -> RemoteProtocolError:
    """Check that the frame is taken and its arguments are not."""
    (frame,) = judge(message, codec)
    assert isinstance(frame, Cmd)
    with pytest.raises(RemoteProtocolError) as caught:
        VERBS.decode(codec.format, "room", "say", frame.d)
    assert caught.value.code == "bad_command"
    return caught.value


@pytest.mark.parametrize("depth", [500, 5_000, 60_000])
@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\xdc\x00\x01", b"\xdf\x00\x00\x00\x01\xa1a"])
def test_m1_nesting_is_refused_long_before_the_stack_ends(depth: int, opening: bytes) -> None:
    depth = min(depth, 65_000 // len(opening))
    assert_no_frame(opening * depth + b"\xc0")
    assert_no_frame(in_cmd(opening * min(depth, 65_000 // len(opening)) + b"\xc0"))


@pytest.mark.parametrize("depth", [500, 5_000, 30_000])
def test_m1_json_nesting_is_refused_too(depth: int) -> None:
    assert_no_frame(b"[" * depth + b"]" * depth, JSON)
    assert_no_frame(in_json_cmd("[" * depth + "]" * depth), JSON)
    assert_no_frame(in_json_cmd('{"a":' * (depth // 3)), JSON)


def test_m1_sixteen_levels_are_taken_and_seventeen_are_not() -> None:
    assert isinstance(judge(in_cmd(b"\x91" * 15 + b"\xc0"))[0], Cmd)
    assert_no_frame(in_cmd(b"\x91" * 16 + b"\xc0"))
    assert isinstance(judge(in_json_cmd("[" * 15 + "]" * 15), JSON)[0], Cmd)
    assert_no_frame(in_json_cmd("[" * 16 + "]" * 16), JSON)


@pytest.mark.parametrize(
    "header", [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"], ids=["array", "map", "str", "bin", "ext"]
)
@pytest.mark.parametrize("length", [2**32 - 1, 2**31, 2**24])
def test_m2_a_claimed_length_of_gigabytes_allocates_nothing(header: bytes, length: int) -> None:
    attack = header + struct.pack(">I", length)
    assert_no_frame(attack)
    assert_no_frame(attack + b"\x00" * 60_000)
    assert_no_frame(in_cmd(attack))


def test_m3_arrays_of_sixty_five_thousand_inside_each_other_are_refused() -> None:
    for times in (500, 1_000):
        nested = (b"\xdc\xfd\xe8" * times).ljust(SIXTY_FOUR_KIB - 64, b"\x90")
        assert_no_frame(nested)
        assert_no_frame(in_cmd(nested))


def test_m4_sixty_five_thousand_empty_maps_are_refused() -> None:
    maps = b"\xdc\xff\xf0" + b"\x80" * 65_520
    assert_no_frame(maps)
    assert_no_frame(in_cmd(b"\xdc\xff\x00" + b"\x80" * 0xFF00))
    assert_no_frame(b"[" + b",".join([b"{}"] * 21_000) + b"]", JSON)
    assert_no_frame(in_json_cmd("[" + ",".join(["{}"] * 21_000) + "]"), JSON)


def test_m4_as_many_values_as_allowed_are_taken() -> None:
    assert isinstance(judge(in_cmd(b"\xdc" + struct.pack(">H", 1_995) + b"\x80" * 1_995))[0], Cmd)
    assert_no_frame(in_cmd(b"\xdc" + struct.pack(">H", 1_996) + b"\x80" * 1_996))


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"])
def test_m5_bad_utf8_in_a_value_or_key_is_a_bad_frame(bad: bytes) -> None:
    short = bytes([0xA0 | len(bad)]) + bad
    assert_bad_command(MSGPACK, in_cmd(b"\x81\xa4text" + short))
    assert_bad_command(MSGPACK, in_cmd(b"\x81" + short + b"\x01"))
    (error,) = judge(b"\x83\xa1t\xa5unsub\xa2id\x07\xa2to" + short)
    assert (error.code, error.id, error.fatal) == ("bad_frame", 7, False)
    assert_no_frame(b"\x82\xa1t" + short + b"\xa1n\x01")


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff x"', '"\\ud800\\u0041"'])
def test_m5_half_a_surrogate_in_json_is_refused(text: str) -> None:
    frames = judge(in_json_cmd(f'{{"text":{text}}}'), JSON)
    if isinstance(frames[0], Cmd):
        assert_bad_command(JSON, in_json_cmd(f'{{"text":{text}}}'))
    assert_no_frame(b'{"t":"ping","n":1,"x":"\xff"', JSON)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_m6_numbers_that_are_not_finite_are_refused_anywhere(number: float) -> None:
    for packed in (struct.pack(">Bd", 0xCB, number), struct.pack(">Bf", 0xCA, number)):
        assert_no_frame(in_cmd(b"\x81\xa6weight" + packed))
        assert_no_frame(b"\x83\xa1t\xa4ping\xa1n\x01\xa1x\x91" + packed)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_m6_json_knows_no_numbers_that_are_not_finite(number: str) -> None:
    (frame,) = judge(in_json_cmd(f'{{"text":"x","weight":{number}}}'), JSON)
    if isinstance(frame, Cmd):
        assert_bad_command(JSON, in_json_cmd(f'{{"text":"x","weight":{number}}}'))
    else:
        assert frame.fatal or frame.id == 1


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.format)
def test_m6_a_float_is_no_integer(codec: Codec) -> None:
    (error,) = judge(bytes(codec.arguments({"t": "unsub", "id": 1.0, "to": "room:a"})), codec)
    assert error.code == "bad_frame"
    assert_bad_command(codec, codec.encode(Cmd(1, "room:a", "say", codec.arguments({"text": "x", "n": 1.5}))))


@pytest.mark.parametrize("number", [2**53, 2**63, 2**64 - 1, 0, -1])
@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.format)
def test_m7_an_integer_out_of_range_never_reaches_a_column(codec: Codec, number: int) -> None:
    (error,) = judge(bytes(codec.arguments({"t": "unsub", "id": number, "to": "room:a"})), codec)
    assert (error.code, error.id) == ("bad_frame", None)
    assert_bad_command(codec, codec.encode(Cmd(1, "room:a", "say", codec.arguments({"text": "x", "n": number}))))


def test_m7_an_integer_of_fifty_thousand_digits_is_refused() -> None:
    (error,) = judge(b'{"t":"ping","n":' + b"9" * 50_000 + b"}", JSON)
    assert isinstance(error, RemoteProtocolError)


@pytest.mark.parametrize(
    "key", [b"\x01", b"\xc0", b"\x90", b"\x80", b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", b"\xc3", b"\xc4\x01t"]
)
def test_m8_keys_that_are_no_strings_are_refused(key: bytes) -> None:
    assert_no_frame(b"\x83\xa1t\xa4ping\xa1n\x01" + key + b"\x01")
    assert_no_frame(in_cmd(b"\x81" + key + b"\x01"))
    assert_no_frame(b"\x83\xa1t\xa4ping\xa1n\x01\xa1x\x81" + key + b"\x01")


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.format)
def test_m9_of_a_key_that_stands_twice_the_last_one_counts_for_everybody(codec: Codec) -> None:
    twice: dict[str, bytes] = {
        "msgpack": in_cmd(b"\x82\xa4text\xa3one\xa4text\xa3two"),
        "json": in_json_cmd('{"text":"one","text":"two"}'),
    }
    (frame,) = judge(twice[codec.format], codec)
    assert VERBS.decode(codec.format, "room", "say", frame.d) == Say("two")
    to = {
        "msgpack": b"\x84\xa1t\xa5unsub\xa2id\x01\xa2to\xa6room:a\xa2to\xa6room:b",
        "json": b'{"t":"unsub","id":1,"to":"room:a","to":"room:b"}',
    }
    (frame,) = judge(to[codec.format], codec)
    assert frame.to == "room:b"


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.format)
def test_m9_a_type_that_stands_twice_is_refused_unless_both_are_the_same(codec: Codec) -> None:
    data = {"msgpack": b"\x83\xa1t\xa4ping\xa1n\x01\xa1t\xa5unsub", "json": b'{"t":"ping","n":1,"t":"unsub"}'}
    (error,) = judge(data[codec.format], codec)
    assert isinstance(error, RemoteProtocolError)


def test_m10_trailing_bytes_nothing_and_the_reserved_byte_are_refused() -> None:
    ping = MSGPACK.encode(Ping(1))
    for data in (ping + b"\x00", ping + ping, b"", b"\xc1", b"\x81\xa1t\xc1", ping[:-1], b"\x92" + ping):
        assert_no_frame(data)
    for data in (b'{"t":"ping","n":1}x', b'{"t":"ping","n":1}{}', b"", b"   ", b'{"t":"ping","n":1', b"\xef\xbb\xbf{}"):
        assert_no_frame(data, JSON)


def timestamps_and_other_extensions() -> Iterable[bytes]:
    yield msgpack.packb(msgpack.ExtType(-1 & 0x7F, b"\x00" * 4))
    yield b"\xd6\xff" + b"\xff" * 4
    yield b"\xd7\xff" + b"\xff" * 8
    yield b"\xc7\x0c\xff" + struct.pack(">Iq", 2**32 - 1, 2**63 - 1)
    yield b"\xc7\x05\xff" + b"\x00" * 5
    yield b"\xd4\x80\x00"
    yield b"\xd5\x01\x00\x00"
    yield b"\xd8\x05" + b"\x00" * 16
    yield b"\xc8\x00\x01\x07\x00"
    yield b"\xc9\x00\x00\x00\x01\x07\x00"


@pytest.mark.parametrize("extension", tuple(timestamps_and_other_extensions()))
def test_m11_extension_types_do_not_exist(extension: bytes) -> None:
    assert_no_frame(extension)
    assert_no_frame(in_cmd(b"\x81\xa4text" + extension))
    assert_no_frame(b"\x83\xa1t\xa4ping\xa1n\x01\xa1x" + extension)


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.format)
def test_m12_wrong_commands_are_answered_by_their_name(codec: Codec) -> None:
    with pytest.raises(RemoteProtocolError, match="bad_command") as unknown:
        VERBS.decode(codec.format, "room", "explode", codec.arguments({}))
    assert unknown.value.data == {"field": "do", "allowed": "say"}
    with pytest.raises(RemoteProtocolError, match="not_found"):
        VERBS.decode(codec.format, "volcano", "say", codec.arguments({}))
    for arguments, field, allowed in (
        ({"text": 5}, "text", "text, "),
        ({"text": "x" * 21}, "text", "text, "),
        ([], "d", "map"),
        ({"text": "", "n": "1"}, "n", "integer"),
    ):
        error = assert_bad_command(codec, codec.encode(Cmd(1, "room:a", "say", codec.arguments(arguments))))
        assert error.data["field"] == field
        assert error.data["allowed"].startswith(allowed)
    assert VERBS.decode(codec.format, "room", "say", codec.arguments({"text": "x", "other": 1})) == Say("x")


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.format)
def test_m12_a_missing_or_enormous_id_is_a_bad_frame(codec: Codec) -> None:
    for frame in (
        {"t": "cmd", "to": "room:a", "do": "say"},
        {"t": "cmd", "id": "9" * 60_000, "to": "room:a", "do": "say"},
    ):
        (error,) = judge(bytes(codec.arguments(frame)), codec)
        assert (error.code, error.frame, error.id, error.fatal) == ("bad_frame", "cmd", None, False)
    (error,) = judge(bytes(codec.arguments({"t": "unsub", "id": 1, "to": "room:a" * 180_000})), codec)
    assert error.fatal


def test_m12_the_same_id_with_another_body_has_another_digest() -> None:
    digests = {
        command_digest(do, command) for do, command in [("say", Say("a")), ("say", Say("b")), ("edit", Say("a"))]
    }
    assert len(digests) == 3
    assert command_digest("say", Say("a")) == command_digest(
        "say", VERBS.decode("json", "room", "say", b'{"text":"a"}')
    )
