"""Looks over a message before it is decoded: nesting, number of values, and what is no value of this protocol.

The decoder would build whatever it is given: 64 KiB of empty maps become megabytes, thousands of nested arrays exhaust
the stack. So every message is walked once, without building anything, and refused at the first header that is too much.
Never here: types and fields (`codec`, `verbs`).

Rules: a frame holds at most `nesting` levels of maps and arrays and at most `elements` values (the entries of all its maps
and arrays; keys are not counted). Keys are strings. Numbers are finite. msgpack's extension types do not exist here.
"""

import re
from math import isfinite
from struct import Struct

from homeroom.protocol.errors import RemoteProtocolError

_STR_8, _STR_16, _STR_32 = 0xD9, 0xDA, 0xDB
_FLOATS = {0xCA: Struct(">xf"), 0xCB: Struct(">xd")}
_LENGTH_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4, _STR_8: 1, _STR_16: 2, _STR_32: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


def _fixed_size(byte: int) -> int:
    """Return the whole size of a value whose header alone tells it, or 0."""
    if byte <= 0x7F or byte >= 0xE0 or byte in {0xC0, 0xC2, 0xC3}:
        return 1
    if 0xA0 <= byte <= 0xBF:
        return 1 + (byte & 0x1F)
    return {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}.get(byte, 0)


_SIZE = tuple(map(_fixed_size, range(256)))
_IS_TEXT = tuple(0xA0 <= byte <= 0xBF or _STR_8 <= byte <= _STR_32 for byte in range(256))


def scan_msgpack(data: bytes, start: int, nesting: int, elements: int) -> int:
    """Walk the value that begins at `start` and return where it ends, in one pass and without building anything.

    Raises `RemoteProtocolError` (fatal) when it is cut short or breaks a rule of this file; how far it then walked is
    bounded by `elements`, whatever lengths the headers claim.
    """
    pos, left, in_map, enclosing = start, 1, False, list[tuple[int, bool]]()
    size_of, is_text, budget = _SIZE, _IS_TEXT, elements
    try:
        while True:
            while not left:
                if not enclosing:
                    return _within(data, pos)
                left, in_map = enclosing.pop()
            byte = data[pos]
            if in_map and not left & 1 and not is_text[byte]:
                raise _fatal("a key is not a string")
            left -= 1
            if size := size_of[byte]:
                pos += size
                continue
            pos, count, opens_map = _read_header(data, pos, byte)
            if count < 0:
                continue
            budget -= count
            if budget < 0 or len(enclosing) >= nesting:
                raise _too_much(nesting, elements)
            enclosing.append((left, in_map))
            left, in_map = (2 * count if opens_map else count), opens_map
    except IndexError:
        raise _fatal("the message is cut short") from None


def array_header(data: bytes) -> tuple[int, int] | None:
    """Return (number of items, where the first begins) when `data` is a msgpack array, else `None`."""
    if not data or not (0x90 <= data[0] <= 0x9F or data[0] in {0xDC, 0xDD}):
        return None
    pos, count, _ = _read_header(data, 0, data[0])
    return count, _within(data, pos)


def _read_header(data: bytes, pos: int, byte: int) -> tuple[int, int, bool]:
    """Return where the header's contents begin or its value ends, the entries that follow (-1: none), and if it is a map."""
    if 0x80 <= byte <= 0x9F:
        return pos + 1, byte & 0x0F, byte < 0x90
    if byte in _FLOATS:
        return _skip_float(data, pos, byte), -1, False
    width = _LENGTH_BYTES.get(byte)
    if width is None:
        raise _fatal("extension types and reserved bytes are not part of this protocol")
    begin = pos + 1 + width
    length = int.from_bytes(data[pos + 1 : begin], "big")
    if byte >= 0xDC:
        return begin, length, byte >= 0xDE
    return begin + length, -1, False


def _skip_float(data: bytes, pos: int, byte: int) -> int:
    form = _FLOATS[byte]
    end = _within(data, pos + form.size)
    if not isfinite(form.unpack_from(data, pos)[0]):
        raise _fatal("a number is not finite")
    return end


def _within(data: bytes, pos: int) -> int:
    if pos > len(data):
        raise _fatal("the message is cut short")
    return pos


# Strings, to be passed over, and structure. A string that is never closed is taken to the end in one step: possessive, so
# that no input makes this quadratic.
_JSON_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
_QUOTE, _COMMA = ord('"'), ord(",")
_OPEN = frozenset(b"[{")
_TEXTS_TOGETHER = 2
"""Strings without a bracket or comma between them: a key and its value."""


def scan_json(data: bytes, nesting: int, elements: int, frames: int = 0) -> None:
    """Look over JSON text: `scan_msgpack`'s limits, read from its brackets and commas alone.

    With `frames`, the message may also be an array of so many frames, each of which has these limits for itself.
    Whether it is JSON at all is the decoder's to say. Raises `RemoteProtocolError` (fatal).
    """
    opens = data.count(b"[") + data.count(b"{")
    if opens > nesting or opens + data.count(b",") > min(elements, frames or elements):
        _walk_json(data, nesting, elements, frames)


def _walk_json(data: bytes, nesting: int, elements: int, frames: int) -> None:
    """Walk the structure, building nothing; left as soon as anything is too much, or cannot be JSON: the decoder gets no further."""
    base = 1 if frames and data.lstrip(b" \t\r\n")[:1] == b"[" else 0
    depth, budget, frames_left, texts = 0, elements, frames, 0
    for token in _JSON_TOKENS.finditer(data):
        char = data[token.start()]
        if char == _QUOTE:
            texts += 1
            if texts > _TEXTS_TOGETHER:
                return
            continue
        texts = 0
        if char in _OPEN:
            depth += 1
            budget -= depth > base
        elif char != _COMMA:
            depth -= 1
            if depth < 0:
                return
        elif base and depth == 1:
            frames_left, budget = frames_left - 1, elements
        else:
            budget -= 1
        if budget < 0 or depth > nesting + base or (base and frames_left < 1):
            raise _too_much(nesting, elements)


def _fatal(msg: str) -> RemoteProtocolError:
    return RemoteProtocolError("bad_frame", msg, fatal=True)


def _too_much(nesting: int, elements: int) -> RemoteProtocolError:
    return _fatal(
        f"a frame has at most {nesting} levels and {elements} values, and a message has a bounded number of frames"
    )
