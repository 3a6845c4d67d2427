"""The one table of error and close codes, and this floor's exceptions.

    ProtocolError
    ├── LocalProtocolError    we broke the rule
    └── RemoteProtocolError   they broke the rule: carries the code and text for the answer

The tables are those of the contract's section 5 and 7. Never here: who raises what.
"""

from enum import IntEnum
from typing import Any, NamedTuple


class ErrorRow(NamedTuple):
    """One error code: its HTTP twin, whether sending the same again can succeed, and what it means."""

    status: int
    retry: bool
    meaning: str


ERRORS: dict[str, ErrorRow] = {
    "bad_frame": ErrorRow(400, False, "not a frame: undecodable, unknown, wrong type or over a limit"),
    "bad_command": ErrorRow(400, False, "no such verb, or its arguments are wrong"),
    "unauthenticated": ErrorRow(401, False, "no valid token"),
    "forbidden": ErrorRow(403, False, "not yours to do"),
    "not_found": ErrorRow(404, False, "no such thing"),
    "conflict": ErrorRow(409, False, "not possible in this state"),
    "too_late": ErrorRow(410, False, "the deadline has passed"),
    "full": ErrorRow(409, False, "capacity is reached"),
    "too_large": ErrorRow(413, False, "the body is over the limit"),
    "rate_limited": ErrorRow(429, True, "your budget is used up"),
    "overloaded": ErrorRow(503, True, "the server's budget is used up"),
    "unavailable": ErrorRow(503, True, "the database or the owner is away"),
    "timeout": ErrorRow(503, True, "no answer in time"),
    "internal": ErrorRow(500, True, "our fault; the text holds an incident id"),
}


class Close(IntEnum):
    """Close codes. 44xx: your side must change first; 45xx: come back with cursors."""

    NORMAL = 1000
    PROTOCOL = 1002
    NOT_BINARY = 1003
    BAD_UTF8 = 1007
    POLICY = 1008
    TOO_LARGE = 1009
    NOT_A_FRAME = 4400
    UNAUTHENTICATED = 4401
    REVOKED = 4403
    NO_HELLO = 4408
    FLOOD = 4429
    SLOW_CONSUMER = 4500
    DRAINING = 4501
    INTERNAL = 4502
    HEARTBEAT_MISSED = 4503


def may_reconnect(code: int) -> bool:
    """Tell whether a client closed with `code` may come back with the same input."""
    return 4500 <= code < 4600 or code in {1000, 1001, 1006, 1011, 1012, 1013}


class ProtocolError(Exception):
    """A rule of the protocol was broken."""


class LocalProtocolError(ProtocolError):
    """We broke the rule: a defect of this program."""


class RemoteProtocolError(ProtocolError):
    """They broke the rule.

    `code` is a row of `ERRORS`, `msg` is safe to send, `id` is the frame's id where it had a readable one, `frame` its
    type where that was known, `data` names the wrong field and what is allowed, and `fatal` says that the connection
    cannot go on (close code 4400).
    """

    def __init__(
        self, code: str, msg: str, *, id: int | None = None, fatal: bool = False, frame: str = "", data: Any = None
    ) -> None:
        super().__init__(f"{code}: {msg}")
        self.code, self.msg, self.id, self.fatal, self.frame, self.data = code, msg, id, fatal, frame, data
