"""BEGIN and COMMIT in the same round trip as the statement that they stand beside, as bytes of the server's protocol. Pure.

The server answers nothing that was sent in one piece before it has read the Sync at its end, and after the first message that fails it
skips the others: a statement whose BEGIN failed is not carried out, nor is a COMMIT whose statement failed.
Never here: sending.
"""

SYNC = b"S\0\0\0\x04"


def within_transaction(call: bytes | memoryview, *, begins: bool = False, commits: bool = False) -> bytes:
    """Return the messages of one call of the driver, which end with a Sync, with BEGIN before and COMMIT after the statement."""
    return b"".join((BEGIN if begins else b"", call[: -len(SYNC)], COMMIT if commits else b"", SYNC))


def _spoken(sql: str) -> bytes:
    """Return a statement without arguments or rows as Parse, Bind and Execute, all of them without a name."""
    text = sql.encode() + b"\0"
    parse = b"P" + (len(text) + 7).to_bytes(4, "big") + b"\0" + text + b"\0\0"
    return parse + b"B\0\0\0\x0c" + 8 * b"\0" + b"E\0\0\0\x09" + 5 * b"\0"


BEGIN, COMMIT = _spoken("BEGIN"), _spoken("COMMIT")
