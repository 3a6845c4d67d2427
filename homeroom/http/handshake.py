"""Whether a WebSocket handshake may go on: judged from the request's head alone, before anything is built for it.

Never here: bytes on a socket, and the 101 itself (trio-websocket writes it).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl

from homeroom.http.headers import holds_token
from homeroom.http.origins import Origins
from homeroom.http.problems import PROBLEM_TYPE, for_connection
from homeroom.http.request_head import BadHead, RequestHead

PATH = "/ws"
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==\Z")
_REASONS = {400: "Bad Request", 403: "Forbidden", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Refused:
    """The handshake fails with this status; `retry_s` becomes `Retry-After`."""

    status: int
    reason: str
    retry_s: int | None = None


@dataclass(frozen=True, slots=True)
class Handshake:
    """A handshake that may go on: the subprotocol agreed on, the request's bytes, and what came behind them.

    All that is kept of the request: a connection lives long, and there are many.
    """

    subprotocol: str
    raw: bytes
    rest: bytes


def judge_handshake(head: RequestHead, origins: Origins, subprotocols: Collection[str]) -> Handshake | Refused:
    """Agree on a subprotocol (the first of the client's that we speak), or say why not."""
    try:
        if wrong := _find_wrong(head):
            return Refused(400, wrong)
        if not origins.permits(head.one("origin"), head.one("host")):
            return Refused(403, "this origin is not allowed")
    except BadHead as error:
        return Refused(400, str(error))
    agreed = next((name for name in head.tokens("sec-websocket-protocol") if name in subprotocols), None)
    if agreed is None:
        return Refused(400, "no common subprotocol; there are " + ", ".join(sorted(subprotocols)))
    return Handshake(agreed, head.raw, head.rest)


def refusal_answer(refused: Refused) -> bytes:
    """Return the whole HTTP answer, after which the connection is closed."""
    body = for_connection(refused.status, refused.reason, refused.retry_s)
    lines = [
        f"HTTP/1.1 {refused.status} {_REASONS[refused.status]}",
        f"Content-Type: {PROBLEM_TYPE}",
        "X-Content-Type-Options: nosniff",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if refused.retry_s is not None:
        lines.append(f"Retry-After: {refused.retry_s}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _find_wrong(head: RequestHead) -> str | None:
    """Return what no correct client would send."""
    checks = (
        (head.path == PATH, f"a WebSocket is at {PATH} only"),
        (head.method == "GET" and head.version == "1.1", "a WebSocket is opened by GET and HTTP/1.1"),
        (
            head.upgrades and "upgrade" in (word.lower() for word in head.tokens("connection")),
            "no upgrade is asked for",
        ),
        (head.one("sec-websocket-version") == "13", "the WebSocket version is 13"),
        (_KEY.match(head.one("sec-websocket-key") or "") is not None, "the key of the handshake is malformed"),
        (bool(head.one("host")), "the host is missing"),
        (not head.all("content-length") and not head.all("transfer-encoding"), "a handshake has no body"),
        (not holds_token(parse_qsl(head.query, keep_blank_values=True)), "a token never travels in a URL"),
    )
    return next((reason for right, reason in checks if not right), None)
