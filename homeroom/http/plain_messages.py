"""The short way for what nearly everything is: a chunk of bytes that holds whole, unfragmented, masked data frames only.

Sans-IO. Whatever is not exactly that — a control frame, a fragment, a cut, anything wrong — is left to trio-websocket, which
knows the whole of RFC 6455 and costs three times as much. Never here: limits (`frame_meter` has judged the bytes already).
"""

from homeroom.http.websocket_frames import FIN, TEXT

_MASKED = 0x80
_EXTENDED = {126: 2, 127: 8}


def plain_messages(data: bytes | bytearray, opcode: int) -> list[bytes] | None:
    """Return the unmasked messages that `data` consists of, all of kind `opcode`; `None` if it is anything else.

    Text is UTF-8, or `None` is returned.
    """
    messages: list[bytes] = []
    pos, end = 0, len(data)
    while pos < end:
        if end - pos < 6 or data[pos] != FIN | opcode or not data[pos + 1] & _MASKED:
            return None
        size = data[pos + 1] & 0x7F
        start = pos + 2
        if size > 125:
            start += _EXTENDED[size]
            size = int.from_bytes(data[pos + 2 : start], "big")
        pos = start + 4 + size
        if pos > end:
            return None
        messages.append(_unmask(data[start : start + 4], data[start + 4 : pos]))
    return messages if opcode != TEXT or all(map(_is_text, messages)) else None


def _unmask(mask: bytes | bytearray, payload: bytes | bytearray) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
