"""The headers of every answer: what a browser may do with it, who may read it from another origin, and its request's id.

Pure: plain values in and out. Never here: the WebSocket's origins (the gateway checks its own handshake).
"""

import re
from collections.abc import Collection, Iterable, Mapping

from uuid_utils import uuid7

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' {sockets}; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
API_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
COMMON = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
CORS_METHODS = "GET, POST, PUT, PATCH, DELETE"
CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id"
CORS_EXPOSED = "ETag, Retry-After, X-Request-Id"
_REQUEST_ID = re.compile(r"\A[A-Za-z0-9_.\-]{1,64}\Z")
_TOKEN_NAMES = frozenset(
    {"token", "access_token", "refresh_token", "id_token", "jwt", "bearer", "authorization", "auth"}
)
_TOKEN_LOOKS = re.compile(
    r"(?<![A-Za-z0-9_\-])(?:(?!eyJ)[A-Za-z0-9_\-])*+eyJ[A-Za-z0-9_\-]{4,}+\.[A-Za-z0-9_\-]", re.ASCII
)
"""`eyJ`, four more letters, and a dot with something behind it. Looked for once in each run of letters, so that none is read twice."""


def request_id(given: str | None) -> str:
    """Return the caller's own id of the request when it is a harmless word, else a new one."""
    return given if given is not None and _REQUEST_ID.match(given) else uuid7().hex


def holds_token(pairs: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a query carries a token, by its name or by its look: such a request is refused."""
    return any(
        name.lower() in _TOKEN_NAMES or _TOKEN_LOOKS.search(name) or _TOKEN_LOOKS.search(value) for name, value in pairs
    )


def page_headers(host: str) -> Mapping[str, str]:
    """Return the headers of a page of ours: scripts and styles from here only, sockets to `host` only."""
    sockets = f"ws://{host} wss://{host}" if re.match(r"\A[A-Za-z0-9.\-\[\]:]{1,255}\Z", host) else ""
    return {**COMMON, "Content-Security-Policy": PAGE_POLICY.format(sockets=sockets)}


def api_headers() -> Mapping[str, str]:
    """Return the headers of data: nothing may be run, framed or kept."""
    return {**COMMON, "Content-Security-Policy": API_POLICY, "Cache-Control": "no-store"}


def cors_headers(origin: str | None, allowed: Collection[str]) -> Mapping[str, str]:
    """Return what lets a page of a configured origin read the answer; never with cookies, as none exist."""
    if origin is None or origin not in allowed:
        return {"Vary": "Origin"} if allowed else {}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": CORS_EXPOSED}


def preflight_headers(origin: str | None, allowed: Collection[str]) -> Mapping[str, str]:
    """Return the answer to a browser that asks first."""
    headers = dict(cors_headers(origin, allowed))
    if "Access-Control-Allow-Origin" in headers:
        headers |= {
            "Access-Control-Allow-Methods": CORS_METHODS,
            "Access-Control-Allow-Headers": CORS_HEADERS,
            "Access-Control-Max-Age": "600",
        }
    return headers
