"""What every HTTP request goes through: the table of routes registered with Quart-Trio.

A request: (1) gets its id; (2) is refused when its URL carries a token; (3) its bearer is checked; (4) body and query become
structures; (5) the route's handler answers; (6) the answer gets its headers, a line in the log and a count.
Never here: what a route does, and which routes there are (`app`). No other file but `pages` knows Quart.
"""

import re
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any, cast

import structlog
import trio
from quart import Request, Response, g, request
from quart.routing import QuartRule
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from homeroom.engine.behaviour import Refusal
from homeroom.engine.journal import Unavailable
from homeroom.engine.postgres import Disconnected
from homeroom.http.headers import api_headers, cors_headers, holds_token, preflight_headers, request_id
from homeroom.http.identity import Authenticate, Identity
from homeroom.http.metrics import Metrics
from homeroom.http.pages import PAGE_PATHS
from homeroom.http.problems import (
    PROBLEM_TYPE,
    Problem,
    from_crash,
    from_http,
    from_protocol_error,
    from_refusal,
    incident,
    make_problem,
)
from homeroom.http.request_body import PacedRequest, body_of
from homeroom.http.routes import Call, Out, Route
from homeroom.http.spellings import respell
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.rest_json import encode_json, read_query, read_values
from homeroom.protocol.verbs import decode_object

log = structlog.get_logger(__name__)
ROUTINE = frozenset({*PAGE_PATHS, "/healthz", "/readyz", "/health", "/metrics"})
_PLACE = re.compile(r"<(?:path:)?(\w+)>")
Register = Callable[[QuartTrio], None]


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the application may be told. Sizes in bytes, times in seconds.

    `cors_origins`: pages of these origins may read the answers; `metrics_token`: `/metrics` wants it as bearer;
    `self_registration`: whoever comes may become a student.
    """

    version: str = "0"
    body_bytes: int = 65_536
    body_timeout_s: float = 10.0
    answer_timeout_s: float = 5.0
    cors_origins: frozenset[str] = frozenset()
    metrics_token: str | None = None
    self_registration: bool = False


ENDS = "homeroom.ends"
"""Where a request's scope keeps what is undone when its answer has been sent."""


class _Connection(TrioASGIHTTPConnection):
    """One request: lets the end of its answer through, and undoes then what its handler left in `Call.ends`.

    Hypercorn reports the disconnect from inside the last `send`, and quart-trio then cancels the request, that send
    included: without this shield idle and `Connection: close` connections are never closed.
    """

    async def __call__(self, receive: Any, send: Any) -> None:
        async def shielded(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._body.let_go()
            with trio.CancelScope(shield=True):
                await send(message)

        with ExitStack() as ends:
            cast("dict[str, Any]", self.scope)[ENDS] = ends
            await super().__call__(receive, shielded)

    def _create_request_from_scope(self, send: Any) -> Request:
        request = super()._create_request_from_scope(send)
        self._body = body_of(request)
        return request

    async def handle_messages(self, nursery: trio.Nursery, request: Request, receive: Any) -> None:  # type: ignore[override] # as quart-trio's own
        """Take the request's body at its reader's pace; a client that goes takes the request with it."""
        body = body_of(request)
        while (message := await receive())["type"] == "http.request":
            body.append(message.get("body", b""))
            if not message.get("more_body", False):
                body.set_complete()
            await body.wait_wanted()
        nursery.cancel_scope.cancel()


class _Rule(QuartRule):
    """A rule that is good for matching alone until a URL is made of it, which nobody does: preparing that is most of a rule's making."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        def build(self: _Rule, **values: Any) -> tuple[str, str]:
            return QuartRule._compile_builder(self, append_unknown)(self, **values)

        return build


class App(QuartTrio):
    """Quart-Trio whose connections end, without a folder of its own."""

    asgi_http_class = _Connection
    request_class = PacedRequest
    url_rule_class = _Rule  # type: ignore[assignment] # Quart says the same of its own


def build_app(
    routes: Iterable[Route],
    pages: Register,
    authenticate: Authenticate,
    metrics: Metrics,
    settings: WebSettings,
    *,
    now: Callable[[], int],
) -> App:
    """Return the application that serves `routes` and `pages`; `now` is the server's clock, Unix ms."""
    app = App("homeroom", static_folder=None)
    routes = tuple(routes)
    app.config["MAX_CONTENT_LENGTH"] = max(settings.body_bytes, *(route.body_bytes for route in routes), 0)
    app.config["BODY_TIMEOUT"] = settings.body_timeout_s
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.merge_slashes = False
    pages(app)
    for route in routes:
        _register(app, route, authenticate, now, route.body_bytes or settings.body_bytes)
    _install_errors(app)
    _install_frame(app, metrics, settings)
    return app


def _register(app: App, route: Route, authenticate: Authenticate, now: Callable[[], int], most: int) -> None:
    """Register a door, whose bodies have `most` bytes."""

    async def endpoint(**path: str) -> Response:
        who = await _who(route, authenticate)
        with ExitStack() as here:  # for a caller that is no connection and has no scope of its own
            ends = cast("dict[str, Any]", request.scope).get(ENDS, here)
            call = await _read_call(route, path, who, ends, most)
            # not when its head came: a body that dribbles in over a deadline is late
            return _respond(await route.handler(replace(call, arrived=now())))

    rule = route.path.replace("{", "<").replace("}", ">")
    app.add_url_rule(rule, f"{route.method} {route.path}", endpoint, methods=[route.method])


async def _who(route: Route, authenticate: Authenticate) -> Identity | None:
    """Return who asks, as far as the route wants to know."""
    if route.bearer == "ignored" or ("Authorization" not in request.headers and route.bearer != "needed"):
        return None
    try:
        token = _bearer()
        if not token:
            raise Refusal("unauthenticated", "this needs `Authorization: Bearer`")
        return await authenticate(token)
    except Refusal:
        if route.bearer == "lenient":
            return None
        raise


def _bearer() -> str:
    """Return what was sent as bearer, empty for none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _read_call(route: Route, path: dict[str, str], who: Identity | None, ends: ExitStack, most: int) -> Call:
    text = {name: values[-1] for name, values in request.args.lists()}
    _check_names(route, text)
    query: Any = text
    if route.query is not None and not route.raw:
        query = read_query(text, route.query)
    body: Any = body_of(request).pieces() if route.streamed else b""
    if route.body is not None:
        body = await _read_bytes(most)
        if not route.raw:
            body = read_values(respell(decode_object(body), route.words), route.body)
    client = request.scope.get("client")
    address = client[0] if client else ""
    key = request.headers.get("Idempotency-Key")
    match = request.headers.get("If-Match")
    return Call(
        g.request_id,
        who,
        path,
        query,
        body,
        address,
        key,
        _bearer(),
        ends,
        match=match,
        headers=cast("Any", request.headers),
    )


def _check_names(route: Route, names: Iterable[str]) -> None:
    """Refuse a parameter that the door does not know: `limt=3` would be as good as none, and nobody would be told.

    Doors that neither take a query nor ask who one is (health, figures, documents) overlook what proxies and monitors add.
    """
    if route.query is None and route.bearer == "ignored":
        return
    known = route.parameters
    for name in names:
        if name not in known and name not in route.spellings:
            allowed = "one of " + ", ".join(known) if known else "no parameters"
            raise Refusal(
                "bad_command", f"{name[:64]}: no such parameter", data={"field": name[:64], "allowed": allowed}
            )


async def _read_bytes(most: int) -> bytes:
    """Return the body; only JSON is taken, and only up to `most` bytes (413) and in time (408)."""
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge
    body: bytes = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    if len(body) > most:
        raise RequestEntityTooLarge
    if body and request.mimetype != "application/json":
        raise UnfitType
    return body


class UnfitType(HTTPException):
    """The body is of a type that is not JSON, or does not say that it is."""

    code = 415


def _respond(out: Out) -> Response:
    finished = isinstance(out.value, (bytes, AsyncGenerator))
    response = Response(out.value if finished else encode_json(out.value), out.status, content_type=out.mimetype)
    if isinstance(out.value, AsyncGenerator):
        response.timeout = None  # the server bounds each piece of it (`hypercorn_guard`)
    response.headers.extend(out.headers)
    return response


def _respond_problem(problem: Problem) -> Response:
    g.code = problem.code
    response = Response(encode_json(problem), problem.status, mimetype=PROBLEM_TYPE)
    response.headers.extend(problem.headers)
    return response


def _install_errors(app: App) -> None:
    async def refused(error: Refusal) -> Response:
        return _respond_problem(from_refusal(error, _id()))

    async def undecodable(error: RemoteProtocolError) -> Response:
        return _respond_problem(from_protocol_error(error, _id()))

    async def away(error: Exception) -> Response:
        log.warning("database away", route=_route(), error=str(error))
        return _respond_problem(make_problem("unavailable", "the database is away", _id()))

    async def framework(error: HTTPException) -> Response:
        response = _respond_problem(from_http(error, _id()))
        with suppress(AttributeError):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]  # only a 405 has them
        return response

    async def crashed(error: Exception) -> Response:
        incident_id = incident()
        log.error("request crashed", incident=incident_id, route=_route(), exc_info=error)
        return _respond_problem(from_crash(incident_id, _id()))

    app.register_error_handler(Refusal, refused)
    app.register_error_handler(RemoteProtocolError, undecodable)
    app.register_error_handler(Disconnected, away)
    app.register_error_handler(Unavailable, away)
    app.register_error_handler(HTTPException, framework)
    app.register_error_handler(Exception, crashed)


def _install_frame(app: App, metrics: Metrics, settings: WebSettings) -> None:
    async def before() -> Response | None:
        g.request_id = request_id(request.headers.get("X-Request-Id"))
        g.began = time.perf_counter()
        if holds_token(request.args.items(multi=True)):
            raise Refusal("bad_command", "a token never travels in a URL: send `Authorization: Bearer`")
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            headers = preflight_headers(request.headers.get("Origin"), settings.cors_origins)
            return Response(b"", 204, dict(headers))
        return None

    async def after(response: Response) -> Response:
        response.headers["X-Request-Id"] = _id()
        for name, value in api_headers().items():
            response.headers.setdefault(name, value)
        for name, value in cors_headers(request.headers.get("Origin"), settings.cors_origins).items():
            response.headers[name] = value
        seconds = time.perf_counter() - g.get("began", time.perf_counter())
        metrics.observe(request.method, _route(), response.status_code, seconds)
        told = log.debug if _is_routine(response.status_code) else log.info
        told(
            "request",
            method=request.method,
            route=_route(),
            status=response.status_code,
            code=g.get("code"),
            request=_id(),
        )
        return response

    app.before_request(before)
    app.after_request(after)


def _id() -> str:
    """Return the request's id; one is made when the error came before the first step."""
    if "request_id" not in g:
        g.request_id = request_id(None)
    return str(g.request_id)


def _route() -> str:
    """Return the door's pattern, never the path as it was sent: nobody's secret gets into the log or a label."""
    rule = request.url_rule
    return _PLACE.sub(r"{\1}", rule.rule) if rule is not None else "(none)"


def _is_routine(status: int) -> bool:
    """Tell whether a request is one of those that come all day and tell nothing: our own files, and monitors that are content."""
    return status < 400 and _route() in ROUTINE
