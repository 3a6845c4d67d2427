"""What every HTTP request goes through: the table of routes registered with Quart-Trio.

A request: (1) gets its id; (2) is refused when its URL carries a token; (3) its bearer is checked; (4) body and query become
structures; (5) the route's handler answers; (6) the answer gets its headers, a line in the log and a count.
Never here: what a route does, and which routes there are (`app`). No other file but `pages`, `request_body`
and `rules` knows Quart.
"""

import re
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

import structlog
import trio
from quart import Response, request
from quart.utils import encode_headers
from quart.wrappers.response import DataBody
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
    from_unfit_type,
    incident,
    make_problem,
)
from homeroom.http.request_body import PacedBody, PacedRequest, body_of
from homeroom.http.routes import Call, Out, Route
from homeroom.http.rules import Rule
from homeroom.http.spellings import respell_body
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.rest_json import encode_json, read_query, read_values
from homeroom.protocol.verbs import decode_object
from homeroom.records.faults import gave_way

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


class Asked(PacedRequest):
    """A request with what becomes known of it on its way: its id, when it began (monotonic, seconds), the code of what was refused.

    `said` are its headers by their names in small letters, the first of each: a plain map, since each is asked for and few are there.
    """

    id = ""
    began = 0.0
    code: str | None = None

    def __init__(self, *args: Any, **words: Any) -> None:
        super().__init__(*args, **words)
        self.said = {name.lower(): value for name, value in reversed([*self.headers])}
        self.id, self.began = request_id(self.said.get("x-request-id")), time.perf_counter()


def asked() -> Asked:
    """Return the request that is being answered."""
    return cast("Any", request)._get_current_object()  # type: ignore[no-any-return] # a proxy, looked through once


class _Connection(TrioASGIHTTPConnection):
    """One request, in the one task that the server has begun for it; undoes in the end what its handler left in `Call.ends`.

    It need not look out for the client's going: the server ends the tasks of a connection with it (`hypercorn_guard`). What is sent is
    shielded, as Hypercorn reports an end from inside the last `send`: idle and `Connection: close` connections would never be closed.
    """

    async def __call__(self, receive: Any, send: Any) -> None:
        asked = self._create_request_from_scope(send)
        body = body_of(asked)
        body.comes_by(receive)
        with ExitStack() as ends:
            cast("dict[str, Any]", self.scope)[ENDS] = ends
            response = await self.app.handle_request(asked)
            if body.complete or not body.announced:
                await self._answer(send, response)
            else:
                await self._answer_beside(body, send, response)

    async def _answer_beside(self, body: PacedBody, send: Any, response: Any) -> None:
        """Answer a client that is still sending, and take what it sends: it might look for the answer only then."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(body.let_go)
            await self._answer(send, response)
            nursery.cancel_scope.cancel()

    async def _answer(self, send: Any, response: Any) -> None:
        body = response.response
        if not isinstance(body, DataBody):
            await self._send_response(partial(_send_shielded, send), response)
            return
        with trio.CancelScope(shield=True):
            headers = encode_headers(response.headers)
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            await send({"type": "http.response.body", "body": body.data[body.begin : body.end], "more_body": False})


async def _send_shielded(send: Any, message: Any) -> None:
    with trio.CancelScope(shield=True):
        await send(message)


class App(QuartTrio):
    """Quart-Trio whose connections end, without a folder of its own, and without the steps that none of our requests needs.

    All functions that are registered are `async`. With a `frame`, requests go through that instead of hooks, no signals are sent, and
    every endpoint returns a `Response`.
    """

    asgi_http_class = _Connection
    request_class = Asked
    frame: "_Frame | None" = None
    url_rule_class = Rule  # type: ignore[assignment] # Quart says the same of its own

    def ensure_async(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return what is awaited already."""
        return func

    async def full_dispatch_request(self, request_context: Any = None) -> Any:
        """Return the answer to a request, whatever comes."""
        frame, asked = self.frame, request_context.request
        if frame is None:
            return await super().full_dispatch_request(request_context)
        try:
            response: Any = frame.before(asked) or await self.dispatch_request(request_context)
        except (Exception, BaseExceptionGroup) as error:
            response = await self.handle_user_exception(error)
        return frame.after(asked, response)


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
    app.frame = _Frame(metrics, settings.cors_origins)
    return app


def _register(app: App, route: Route, authenticate: Authenticate, now: Callable[[], int], most: int) -> None:
    """Register a door, whose bodies have `most` bytes."""

    async def endpoint(**path: str) -> Response:
        request, came = asked(), now()
        bearer = _bearer(request)
        ask = partial(_who, route, authenticate, request, bearer)
        who = await ask()
        with ExitStack() as here:  # for a caller that is no connection and has no scope of its own
            ends = cast("dict[str, Any]", request.scope).get(ENDS, here)
            query = _query(route, request)
            body = await _read_body(route, request, most)
            # `arrived`: not when its head came, since a body that dribbles in over a deadline is late
            arrived = now()
            if arrived != came:  # a login that ended while the body came does nothing any more
                who = await ask()
            call = Call(
                request.id, who, path, query, body, (request.scope.get("client") or ("",))[0],
                request.said.get("idempotency-key"), bearer, ends, arrived,
                match=request.said.get("if-match"), headers=cast("Any", request.headers), ask=ask,
            )  # fmt: skip
            return _respond(await route.handler(call))

    rule = route.path.replace("{", "<").replace("}", ">")
    app.add_url_rule(rule, f"{route.method} {route.path}", endpoint, methods=[route.method])


async def _who(route: Route, authenticate: Authenticate, request: Asked, bearer: str) -> Identity | None:
    """Return who asks, as far as the route wants to know."""
    if route.bearer == "ignored" or (route.bearer != "needed" and "authorization" not in request.said):
        return None
    try:
        if not bearer:
            raise Refusal("unauthenticated", "this needs `Authorization: Bearer`")
        return await authenticate(bearer)
    except Refusal:
        if route.bearer == "lenient":
            return None
        raise


def _bearer(request: Asked) -> str:
    """Return what was sent as bearer, empty for none."""
    scheme, _, token = request.said.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _query(route: Route, request: Asked) -> Any:
    """Return the query as the route wants it: its structure, or text by name."""
    said = dict(request.args.lists()) if request.query_string else {}
    _check_names(route, said)
    text = {name: values[-1] for name, values in said.items()}
    return text if route.query is None or route.raw else read_query(text, route.query)


async def _read_body(route: Route, request: Asked, most: int) -> Any:
    """Return the body as the route wants it: its structure, all of its bytes, or a way to its pieces."""
    if route.streamed and route.body is None:
        return body_of(request).pieces()
    if route.body is None:
        return b""
    body = await _read_bytes(request, most, route.takes)
    return body if route.raw else read_values(respell_body(decode_object(body), route.body, route.words), route.body)


def _check_names(route: Route, said: Mapping[str, Sequence[str]]) -> None:
    """Refuse a parameter that the door does not know, or that is given twice: one would be as good as none, and nobody would be told.

    Doors that neither take a query nor ask who one is (health, figures, documents) overlook what proxies and monitors add.
    """
    if route.query is None and route.bearer == "ignored":
        return
    known = route.parameters
    for name, values in said.items():
        if name not in known and name not in route.spellings:
            allowed = "one of " + ", ".join(known) if known else "no parameters"
            raise Refusal(
                "bad_command", f"{name[:64]}: no such parameter", data={"field": name[:64], "allowed": allowed}
            )
        if len(values) > 1:
            allowed = f"{name}, once: several values, where it takes them, are joined by commas"
            raise Refusal("bad_command", f"{name}: given twice", data={"field": name, "allowed": allowed})


async def _read_bytes(request: Asked, most: int, takes: Sequence[str]) -> bytes:
    """Return the body; only JSON and what the door `takes` is taken, and only up to `most` bytes (413) and in time (408)."""
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge
    body: bytes = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    if len(body) > most:
        raise RequestEntityTooLarge
    if body and request.mimetype != "application/json" and request.mimetype not in takes:
        raise UnfitType(takes)
    return body


class UnfitType(HTTPException):
    """The body is of a type that is neither JSON nor one of those that the door `takes`, or does not say that it is."""

    code = 415

    def __init__(self, takes: Sequence[str]) -> None:
        super().__init__()
        self.takes = takes


def _respond(out: Out) -> Response:
    if isinstance(out.value, Problem):
        asked().code = out.value.code
    finished = isinstance(out.value, (bytes, AsyncGenerator))
    response = Response(out.value if finished else encode_json(out.value), out.status, content_type=out.mimetype)
    if isinstance(out.value, AsyncGenerator):
        response.timeout = None  # the server bounds each piece of it (`hypercorn_guard`)
    response.headers.extend(out.headers)
    return response


def _respond_problem(problem: Problem) -> Response:
    asked().code = problem.code
    response = Response(encode_json(problem), problem.status, mimetype=PROBLEM_TYPE)
    response.headers.extend(problem.headers)
    return response


def _install_errors(app: App) -> None:
    async def refused(error: Refusal | RemoteProtocolError) -> Response:
        told = from_refusal(error, asked().id) if isinstance(error, Refusal) else from_protocol_error(error, asked().id)
        return _respond_problem(told)

    async def away(error: Exception) -> Response:
        log.warning("database away", route=_route(asked()), error=str(error))
        return _respond_problem(make_problem("unavailable", "the database is away", asked().id))

    async def unfit(error: UnfitType) -> Response:
        return _respond_problem(from_unfit_type(error.takes, asked().id))

    async def framework(error: HTTPException) -> Response:
        response = _respond_problem(from_http(error, asked().id))
        with suppress(AttributeError):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]  # only a 405 has them
        return response

    async def crashed(error: Exception) -> Response:
        if gave_way(error):
            return await away(error)
        incident_id = incident()
        log.error("request crashed", incident=incident_id, route=_route(asked()), exc_info=error)
        return _respond_problem(from_crash(incident_id, asked().id))

    app.register_error_handler(Refusal, refused)
    app.register_error_handler(RemoteProtocolError, refused)
    app.register_error_handler(Disconnected, away)
    app.register_error_handler(Unavailable, away)
    app.register_error_handler(UnfitType, unfit)
    app.register_error_handler(HTTPException, framework)
    app.register_error_handler(Exception, crashed)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is done before each request is answered, and with each answer."""

    metrics: Metrics
    origins: frozenset[str]

    def before(self, request: Asked) -> Response | None:
        """Return the answer to a browser that asks first; raises `Refusal` when a token travels in the URL."""
        if request.query_string and holds_token(request.args.items(multi=True)):
            raise Refusal("bad_command", "a token never travels in a URL: send `Authorization: Bearer`")
        if request.method == "OPTIONS" and "access-control-request-method" in request.said:
            return Response(b"", 204, dict(preflight_headers(request.said.get("origin"), self.origins)))
        return None

    def after(self, request: Asked, response: Any) -> Any:
        """Return an answer with its headers, counted and in the log."""
        if request.method == "OPTIONS" and response.status_code < 300:
            response.headers.pop("Content-Type", None)  # there is nothing in it: `Allow` says all
        own = {name.lower() for name in response.headers.keys()}  # noqa: SIM118 - pairs, not a mapping
        more = [pair for name, pair in _API_HEADERS if name not in own]
        response.headers.extend([("X-Request-Id", request.id), *more])
        for name, value in cors_headers(request.said.get("origin"), self.origins).items():
            response.headers[name] = value
        route, status = _route(request), response.status_code
        self.metrics.observe(request.method, route, status, time.perf_counter() - request.began)
        told = log.debug if _is_routine(status, route) else log.info
        told("request", method=request.method, route=route, status=status, code=request.code, request=request.id)
        return response


_API_HEADERS = tuple((name.lower(), (name, value)) for name, value in api_headers().items())
"""What every answer says that does not say otherwise, by the names in small letters."""


def _route(request: Asked) -> str:
    """Return the door's pattern, never the path as it was sent: nobody's secret gets into the log or a label."""
    return _pattern(request.url_rule.rule) if request.url_rule is not None else "(none)"


@lru_cache(maxsize=10_000)
def _pattern(rule: str) -> str:
    return _PLACE.sub(r"{\1}", rule)


def _is_routine(status: int, route: str) -> bool:
    """Tell whether a request is one of those that come all day and tell nothing: our own files, and monitors that are content."""
    return status < 400 and route in ROUTINE
