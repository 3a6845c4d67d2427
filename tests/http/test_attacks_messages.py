"""Rows M1 to M13 of the catalogue of attacks, over the whole road: the door answers as promised, and nobody else notices.

What the codec alone makes of each row stands in `tests/protocol/test_attacks.py`.
"""

import struct
from typing import Any

import msgpack
import pytest

from tests.http.alive import alive
from tests.http.harness import LOBBY, open_house
from tests.http.peer import Peer, ws_frame

Row = tuple[str, bytes]


def cmd(arguments: bytes, *, id: bytes = b"\x07", to: bytes = b"\xaaroom:lobby") -> bytes:
    """Return a `say` around raw msgpack."""
    return b"\x85\xa1t\xa3cmd\xa2id" + id + b"\xa2to" + to + b"\xa2do\xa3say\xa1d" + arguments


def text(raw: bytes) -> bytes:
    """Return the arguments `{text: raw}` around raw msgpack."""
    return b"\x81\xa4text" + raw


NO_FRAME: list[Row] = [
    ("m1 nesting 500", b"\x91" * 500 + b"\x90"),
    ("m1 nesting 5000", b"\x91" * 5_000 + b"\x90"),
    ("m1 nesting 60000", b"\x91" * 60_000 + b"\x90"),
    ("m1 nesting in the arguments", cmd(text(b"\x91" * 500 + b"\x90"))),
    ("m2 array of four billion", b"\xdd\xff\xff\xff\xff"),
    ("m2 map of four billion", b"\xdf\xff\xff\xff\xff"),
    ("m2 string of four billion", b"\xdb\xff\xff\xff\xff"),
    ("m2 bytes of four billion", b"\xc6\xff\xff\xff\xff"),
    ("m2 extension of four billion", b"\xc9\xff\xff\xff\xff\x01"),
    ("m3 arrays in arrays", (b"\xdc\xfd\xe8" * 900).ljust(65_000, b"\xc0")),
    ("m4 empty maps", b"\xdc\xff\xf0" + b"\x80" * 65_520),
    ("m6 NaN", cmd(text(b"\xcb\x7f\xf8" + bytes(6)))),
    ("m6 infinity", cmd(text(b"\xcb\x7f\xf0" + bytes(6)))),
    ("m8 an integer as a key", cmd(b"\x82\x01\x01\xa4text\xa1x")),
    ("m8 nil as a key", cmd(b"\x82\xc0\x01\xa4text\xa1x")),
    ("m8 NaN as a key", cmd(b"\x82\xcb\x7f\xf8" + bytes(6) + b"\x01\xa4text\xa1x")),
    ("m8 an array as a key", b"\x81\x91\x01\x02"),
    ("m10 trailing bytes", msgpack.packb({"t": "ping", "n": 1}) + b"\xc0"),
    ("m10 nothing", b""),
    ("m10 the byte that never is", b"\xc1"),
    ("m11 a timestamp of 96 bits", b"\xc7\x0c\xff" + struct.pack(">Iq", 2**32 - 1, 2**62)),
    ("m11 a timestamp of five bytes", b"\xc7\x05\xff12345"),
    ("m11 an unknown extension", b"\xd4\x80\x00"),
]

ANSWERED: list[tuple[str, bytes, set[str]]] = [
    ("m5 bad UTF-8 in a value", cmd(text(b"\xa2\xff\xfe")), {"bad_frame", "bad_command"}),
    ("m5 half a character", cmd(text(b"\xa3\xed\xa0\x80")), {"bad_frame", "bad_command"}),
    ("m5 bad UTF-8 in a key", cmd(b"\x81\xa2\xff\xfe\x01"), {"bad_frame", "bad_command"}),
    ("m6 a float as id", cmd(text(b"\xa1x"), id=b"\xcb\x40\x1c" + bytes(6)), {"bad_frame"}),
    ("m7 an id beyond bigint", cmd(text(b"\xa1x"), id=b"\xcf" + b"\xff" * 8), {"bad_frame"}),
    ("m7 an id beyond every client", cmd(text(b"\xa1x"), id=b"\xcf\x00\x20" + bytes(6)), {"bad_frame"}),
    ("m12 a wrong type", cmd(text(b"\x07")), {"bad_command"}),
    ("m12 a missing argument", cmd(b"\x80"), {"bad_command"}),
    ("m12 an id that is text", cmd(text(b"\xa1x"), id=b"\xa17"), {"bad_frame"}),
    ("m12 an address that is none", cmd(text(b"\xa1x"), to=b"\xa5lobby"), {"bad_frame"}),
    ("m12 a text of 50 KB", cmd(text(b"\xda\xc3\x50" + b"x" * 50_000)), {"bad_command"}),
]


def names(value: Any) -> str:
    """Return a row's name, for the test's id."""
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(("name", "message"), NO_FRAME, ids=names)
async def test_m1_to_m11_what_is_no_frame_is_closed_with_4400_and_nobody_else_notices(
    name: str, message: bytes
) -> None:
    async with open_house() as house, alive(house):
        mallory = await house.member("mallory")
        await mallory.send(ws_frame(message))
        closed = await mallory.wait_closed()
        assert closed.code in {1007, 4400}, name
        await mallory.aclose()


@pytest.mark.parametrize(("name", "message", "codes"), ANSWERED, ids=names)
async def test_m5_to_m12_a_frame_with_wrong_fields_is_answered_and_the_connection_goes_on(
    name: str, message: bytes, codes: set[str]
) -> None:
    async with open_house() as house, alive(house):
        mallory = await house.member("mallory")
        await mallory.send(ws_frame(message))
        answer = await mallory.wait("err")
        assert answer["code"] in codes, name
        assert (await mallory.do(LOBBY, "say", text="I am still here"))["t"] == "ok"
        await mallory.aclose()


async def test_m9_of_duplicate_keys_the_last_is_authorised_and_executed_alike() -> None:
    """Last wins, for the address too: what access is asked for is what is carried out."""
    async with open_house() as house, alive(house):
        mallory = await house.member("mallory")
        twice = b"\x86\xa1t\xa3cmd\xa2id\x08\xa2to\xaaroom:lobby\xa2to\xa9room:none\xa2do\xa3say\xa1d" + text(b"\xa1x")
        await mallory.send(ws_frame(twice))
        assert (await mallory.wait("err"))["code"] in {"not_found", "forbidden"}
        await mallory.aclose()


async def test_m12_an_id_used_for_another_body_is_a_conflict_and_has_no_effect() -> None:
    async with open_house() as house, alive(house):
        mallory = await house.member("mallory")
        first = await _say(mallory, 900, "the first")
        again = await _say(mallory, 900, "the first")
        other = await _say(mallory, 900, "another")
        assert (again["t"], again["again"], again["pos"]) == ("ok", True, first["pos"])
        assert (other["t"], other["code"]) == ("err", "conflict")
        history = await mallory.do(LOBBY, "history")
        assert [message["text"] for message in history["d"]["messages"]] == ["the first"]
        await mallory.aclose()


@pytest.mark.parametrize(
    ("name", "written", "kept"),
    [
        ("markup", "<script>alert(1)</script> &amp; <b>", "<script>alert(1)</script> &amp; <b>"),
        ("a direction override", "abc\u202etxt.exe", "abctxt.exe"),
        ("a zero width space", "pass\u200bword", "password"),
        ("a bell", "ding\x07dong", "dingdong"),
        ("line feeds", "one\ntwo", "one\ntwo"),
    ],
    ids=names,
)
async def test_m13_text_is_kept_as_written_but_for_what_nobody_can_see(name: str, written: str, kept: str) -> None:
    async with open_house() as house, alive(house):
        mallory = await house.member("mallory")
        await mallory.do(LOBBY, "say", text=written)
        history = await mallory.do(LOBBY, "history")
        assert [message["text"] for message in history["d"]["messages"]] == [kept], name
        await mallory.aclose()


@pytest.mark.parametrize(
    "unfit", ["a\x00b", "\u200b\u202e", "x" * 4_001, ""], ids=["nul", "invisible", "long", "empty"]
)
async def test_m13_nul_overlong_and_invisible_texts_are_refused_by_field(unfit: str) -> None:
    async with open_house() as house, alive(house):
        mallory = await house.member("mallory")
        refused = await mallory.do(LOBBY, "say", text=unfit)
        assert (refused["t"], refused["code"]) == ("err", "bad_command")
        assert refused["d"]["field"] == "text"
        await mallory.aclose()


async def _say(peer: Peer, id: int, words: str) -> dict[str, Any]:
    await peer.put({"t": "cmd", "id": id, "to": LOBBY, "do": "say", "d": {"text": words}})
    return await peer.answer(id)
