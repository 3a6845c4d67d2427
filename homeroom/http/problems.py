"""Errors as RFC 9457 problem documents: every refusal, and everything the framework itself says no to.

Never here: a trace, a query string or a body of the caller's. Which error means what stands in `protocol.errors`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from uuid_utils import uuid7
from werkzeug.exceptions import HTTPException

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.errors import ERRORS, RemoteProtocolError
from homeroom.protocol.rest_json import encode_json

PROBLEM_TYPE = "application/problem+json"
STATUS_CODES = {
    400: "bad_command",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "bad_command",
    408: "timeout",
    409: "conflict",
    410: "too_late",
    413: "too_large",
    414: "too_large",
    415: "bad_frame",
    429: "rate_limited",
    431: "too_large",
    503: "unavailable",
}
"""The code that an HTTP status of the framework's own carries; 4xx not named here are `bad_command`."""

WORDS = {
    404: "there is nothing at this address; all doors stand in /openapi.json, to look at in /docs",
    405: "this method is not for this address; `Allow` names those that are",
    408: "the body did not arrive in time",
    413: "the body is over the limit",
}
TITLES = {
    "bad_frame": "the body cannot be read as what it should be, or is over a limit",
    "bad_command": "a field or parameter is wrong",
    "not_found": "there is no such thing, or not for you",
    "conflict": "not possible as things are",
    "unavailable": "the database is away",
}
"""What a code means over HTTP, where the protocol's own words are of frames and verbs."""
RETRY_MS = 1_000
"""How long to wait when an error that may pass does not say so itself."""


class Problem(Struct, frozen=True):
    """A problem document. `code` is the error's name in the protocol, `status` its HTTP twin, `instance` the request's id."""

    title: str
    status: int
    code: str
    detail: str
    instance: str
    type: str = "about:blank"
    retry_ms: int | UnsetType = UNSET
    d: Any = UNSET

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers that belong to it: when to come back, and how to say who one is."""
        headers = {}
        if self.retry_ms is not UNSET:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_ms / 1000)))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def title_of(code: str) -> str:
    """Return what a code means over HTTP."""
    return TITLES.get(code) or ERRORS[code].meaning


def make_problem(
    code: str, detail: str, instance: str, *, status: int | None = None, retry_ms: int | None = None, data: Any = None
) -> Problem:
    """Return the document for an error of the protocol; one that may pass always says when to come back."""
    row = ERRORS.get(code, ERRORS["internal"])
    if retry_ms is None and row.retry:
        retry_ms = RETRY_MS
    return Problem(
        title=title_of(code if code in ERRORS else "internal"),
        status=status or row.status,
        code=code,
        detail=detail,
        instance=instance,
        retry_ms=UNSET if retry_ms is None else retry_ms,
        d=UNSET if data is None else data,
    )


def from_refusal(refusal: Refusal, instance: str) -> Problem:
    """Return the document for what an actor, a budget or a check said."""
    return make_problem(refusal.code, refusal.msg, instance, retry_ms=refusal.retry_ms, data=refusal.data)


def from_protocol_error(error: RemoteProtocolError, instance: str) -> Problem:
    """Return the document for what could not be decoded."""
    return make_problem(error.code, error.msg, instance, data=error.data)


def from_http(error: HTTPException, instance: str) -> Problem:
    """Return the document for what the framework refused; its own words may quote the request, so ours stand here."""
    status = error.code or 500
    code = STATUS_CODES.get(status, "bad_command" if status < 500 else "internal")
    return make_problem(code, WORDS.get(status, error.name.lower()), instance, status=status)


def from_unfit_type(taken: Sequence[str], instance: str) -> Problem:
    """Return the document for a body of a type that the door does not take: it takes JSON, and those of `taken`."""
    *others, last = ("application/json", *taken)
    allowed = f"{', '.join(others)} or {last}" if others else last
    data = {"field": "Content-Type", "allowed": allowed}
    return make_problem("bad_frame", f"send Content-Type: {allowed}", instance, status=415, data=data)


def incident() -> str:
    """Return a new incident id."""
    return uuid7().hex


def for_connection(status: int, detail: str, retry_s: int | None = None) -> bytes:
    """Return the document of a connection that ends before any door is reached, as it is sent."""
    retry_ms = None if retry_s is None else retry_s * 1000
    code = STATUS_CODES.get(status, "bad_command")
    return encode_json(make_problem(code, detail, incident(), status=status, retry_ms=retry_ms))


def from_crash(incident_id: str, instance: str) -> Problem:
    """Return the document for a defect of ours; the log knows more under the incident id."""
    return make_problem("internal", f"incident {incident_id}", instance)
