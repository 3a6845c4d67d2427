"""What every request goes through: errors as problem documents, headers, tokens that never travel in a URL."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import pytest
import structlog
from msgspec import Meta, Struct
from quart_trio import QuartTrio
from structlog.testing import capture_logs

from homeroom.engine.behaviour import Refusal
from homeroom.engine.journal import Unavailable
from homeroom.engine.postgres import Disconnected, Refused
from homeroom.http.identity import Identity
from homeroom.http.metrics import Metrics
from homeroom.http.pipeline import App, WebSettings, build_app
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.errors import ERRORS

SECRET = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXBheWxvYWQ.c2VjcmV0LXNpZ25hdHVyZQ"
LIMIT = 2_000
NOW = 1_700_000_000_000


class Sum(Struct, frozen=True):
    """Two numbers."""

    a: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    b: float = 0.0
    more: Any = None


class Window(Struct, frozen=True):
    """A part of a list."""

    limit: Annotated[int, Meta(ge=1, le=10)] = 5


class Doors:
    """Handlers that do what the test wants."""

    def __init__(self) -> None:
        self.error: Exception = Refusal("conflict", "not now")
        self.calls: list[Call] = []

    async def fail(self, call: Call) -> Out:
        raise self.error

    async def echo(self, call: Call) -> Out:
        self.calls.append(call)
        return Out({"body": call.body, "query": call.query, "path": call.path})

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/fail", "fail", "Fail.", self.fail, "t", bearer="ignored"),
            Route("POST", "/sum/{name}", "sum", "Add.", self.echo, "t", body=Sum, bearer="ignored"),
            Route("GET", "/list", "list", "List.", self.echo, "t", query=Window, bearer="ignored"),
            Route("GET", "/mine", "mine", "Mine.", self.echo, "t"),
            Route("GET", "/maybe", "maybe", "Maybe.", self.echo, "t", bearer="welcome"),
            Route("GET", "/lenient", "lenient", "Lenient.", self.echo, "t", bearer="lenient"),
        ]


async def authenticate(token: str) -> Identity:
    if token != SECRET:
        raise Refusal("unauthenticated", "the token does not count")
    return Identity("ann", "Ann", "student", 2**50)


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics({})


@pytest.fixture
def app(doors: Doors, metrics: Metrics) -> App:
    def no_pages(_: QuartTrio) -> None:
        return None

    settings = WebSettings(body_bytes=LIMIT, cors_origins=frozenset({"https://school.example"}))
    return build_app(doors.routes(), no_pages, authenticate, metrics, settings, now=lambda: NOW)


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured
    structlog.reset_defaults()


async def problem_of(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check that the answer is a problem document as the contract wants it, and return it."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = await response.get_json(force=True)
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank")
    assert problem["instance"] == response.headers["X-Request-Id"]
    assert problem["title"]
    assert problem["detail"]
    return problem


def test_a_url_can_be_made_of_every_rule_although_none_is_prepared_for_it(app: App) -> None:
    adapter = app.url_map.bind("school.example")
    assert adapter.build("POST /sum/{name}", {"name": "a b"}) == "/sum/a%20b"
    assert adapter.build("GET /list", {"limit": 3}) == "/list?limit=3"
    assert adapter.match("/sum/a b", "POST") == ("POST /sum/{name}", {"name": "a b"})


@pytest.mark.parametrize("code", sorted(ERRORS))
async def test_every_code_of_the_protocol_has_its_status_and_says_when_to_come_back(
    app: App, doors: Doors, code: str
) -> None:
    doors.error = Refusal(code, "so it is", data={"field": "x"})
    response = await app.test_client().get("/fail")
    problem = await problem_of(response, ERRORS[code].status, code)
    assert problem["detail"] == "so it is"
    assert problem["d"] == {"field": "x"}
    assert ("Retry-After" in response.headers) == ERRORS[code].retry == ("retry_ms" in problem)


@pytest.mark.parametrize(("retry_ms", "seconds"), [(1, "1"), (999, "1"), (1_000, "1"), (1_001, "2"), (60_000, "60")])
async def test_retry_after_is_in_whole_seconds_and_never_too_early(
    app: App, doors: Doors, retry_ms: int, seconds: str
) -> None:
    doors.error = Refusal("rate_limited", "slow down", retry_ms=retry_ms)
    response = await app.test_client().get("/fail")
    assert response.headers["Retry-After"] == seconds


@pytest.mark.parametrize(
    "error",
    [
        Disconnected("secret host"),
        Unavailable("secret host"),
        Refused("secret host", "57014"),
        Refused("secret host", "55P03"),
    ],
)
async def test_a_database_that_is_away_is_unavailable_and_its_name_stays_here(
    app: App, doors: Doors, error: Exception
) -> None:
    doors.error = error
    response = await app.test_client().get("/fail")
    problem = await problem_of(response, 503, "unavailable")
    assert "secret" not in str(problem)
    assert int(response.headers["Retry-After"]) >= 1


async def test_a_defect_of_ours_gives_an_incident_id_and_no_trace(app: App, doors: Doors, logs: list[Any]) -> None:
    doors.error = ZeroDivisionError("secret detail")
    response = await app.test_client().get("/fail")
    problem = await problem_of(response, 500, "internal")
    assert "secret" not in str(problem)
    assert "Traceback" not in await response.get_data(as_text=True)
    (crash,) = [entry for entry in logs if entry["event"] == "request crashed"]
    assert problem["detail"] == f"incident {crash['incident']}"
    assert isinstance(crash["exc_info"], ZeroDivisionError)


async def test_an_address_that_is_none_is_a_problem_document_too(app: App) -> None:
    for path in ("/nothing", "/fail/", "//evil.example/", "/sum/", "/sum/a/b", "/%2e%2e/etc/passwd", "/%00", "/%ff"):
        await problem_of(await app.test_client().get(path), 404, "not_found")


async def test_a_method_that_is_not_for_the_address_names_those_that_are(app: App) -> None:
    response = await app.test_client().delete("/sum/x")
    await problem_of(response, 405, "bad_command")
    assert response.headers["Allow"] == "OPTIONS, POST"


async def test_a_body_that_is_right_arrives_as_its_structure(app: App, doors: Doors) -> None:
    response = await app.test_client().post("/sum/x", json={"a": 1, "b": 2.5})
    assert response.status_code == 200
    assert doors.calls[0].body == Sum(1, 2.5)
    assert doors.calls[0].path == {"name": "x"}


BAD_BODIES = {
    "deep": b"[" * 1_900,
    "deep object": b'{"a":1,"more":' + b"[" * 900 + b"]" * 900 + b"}",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "half a character": b'{"a": 1, "more": "\xed\xa0\x80"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": 1, "b": Infinity}',
    "minus infinity": b'{"a": 1, "b": -Infinity}',
    "not JSON": b"a=1",
    "cut short": b'{"a": 1',
    "two values": b'{"a": 1} {"a": 2}',
    "list": b"[1]",
    "null": b"null",
    "text": b'"a"',
    "many empty maps": b'{"a":1,"more":[' + b"{}," * 600 + b"{}]}",
}


@pytest.mark.parametrize("name", [name for name in BAD_BODIES if name != "many empty maps"])
async def test_z9_a_body_that_is_no_json_object_is_a_bad_frame_and_never_our_fault(app: App, name: str) -> None:
    response = await app.test_client().post(
        "/sum/x", data=BAD_BODIES[name], headers={"Content-Type": "application/json"}
    )
    await problem_of(response, 400, "bad_frame")


@pytest.mark.parametrize(
    "number", ["1" * 1_900, "-1", "1e400", "9007199254740992", "18446744073709551616", "1.5", "true"]
)
async def test_z9_a_number_that_does_not_fit_is_refused_by_the_name_of_its_field(app: App, number: str) -> None:
    body = f'{{"a": {number}}}'.encode()
    response = await app.test_client().post("/sum/x", data=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    problem = await response.get_json(force=True)
    assert problem["code"] in {"bad_command", "bad_frame"}
    if problem["code"] == "bad_command":
        assert problem["d"]["field"] == "a"
        assert problem["d"]["allowed"]


async def test_a_missing_field_is_named(app: App) -> None:
    problem = await problem_of(await app.test_client().post("/sum/x", json={}), 400, "bad_command")
    assert problem["d"] == {"field": "a", "allowed": "integer 0 to 2^53-1"}
    assert problem["detail"] == "a: missing"


async def test_a_body_of_another_type_is_refused(app: App) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", None):
        headers = {} if kind is None else {"Content-Type": kind}
        response = await app.test_client().post("/sum/x", data=b'{"a": 1}', headers=headers)
        problem = await problem_of(response, 415, "bad_frame")
        assert problem["detail"] == "send Content-Type: application/json"


async def test_a_json_body_may_name_its_charset(app: App) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert (await app.test_client().post("/sum/x", data=b'{"a": 1}', headers=headers)).status_code == 200


async def test_a_body_over_the_limit_is_413(app: App) -> None:
    body = b'{"a": 1, "more": "' + b"x" * LIMIT + b'"}'
    response = await app.test_client().post("/sum/x", data=body, headers={"Content-Type": "application/json"})
    await problem_of(response, 413, "too_large")


async def test_a_query_is_read_by_its_structure(app: App, doors: Doors) -> None:
    assert (await app.test_client().get("/list?limit=7")).status_code == 200
    assert doors.calls[0].query == Window(7)
    for text in ("0", "11", "x", "1.5", "", " 7", "٧٧"):
        problem = await problem_of(await app.test_client().get(f"/list?limit={quote(text)}"), 400, "bad_command")
        assert problem["d"]["field"] == "limit"


async def test_a_parameter_that_is_given_twice_is_named_but_where_none_is_looked_at(app: App) -> None:
    problem = await problem_of(await app.test_client().get("/list?limit=3&limit=4"), 400, "bad_command")
    assert problem["detail"] == "limit: given twice"
    assert problem["d"]["field"] == "limit"
    assert (await app.test_client().get("/list?limit=3")).status_code == 200
    assert (await app.test_client().post("/sum/x?probe=1&probe=2", json={"a": 1})).status_code == 200


@pytest.mark.parametrize("path", ["/list?limt=3", "/list?limit=3&limt=3", "/mine?limt=3", "/maybe?limt="])
async def test_a_parameter_that_the_door_does_not_know_is_refused_by_its_name(
    app: App, doors: Doors, path: str
) -> None:
    response = await app.test_client().get(path, headers={"Authorization": f"Bearer {SECRET}"})
    problem = await problem_of(response, 400, "bad_command")
    assert problem["detail"] == "limt: no such parameter"
    assert problem["d"] == {"field": "limt", "allowed": "one of limit" if "/list" in path else "no parameters"}
    assert doors.calls == []


async def test_a_door_for_everybody_without_a_query_overlooks_what_others_add(app: App) -> None:
    assert (await app.test_client().post("/sum/x?probe=1", json={"a": 1})).status_code == 200


async def test_a_door_that_needs_a_token_says_so(app: App, doors: Doors) -> None:
    client = app.test_client()
    for header in (None, "", "Bearer", "Bearer ", "Basic YTpi", f"Token {SECRET}", "Bearer wrong"):
        response = await client.get("/mine", headers={} if header is None else {"Authorization": header})
        await problem_of(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await client.get("/mine", headers={"Authorization": f"bearer {SECRET}"})).status_code == 200
    assert doors.calls[0].person.id == "ann"


async def test_an_open_door_takes_nobody_but_no_wrong_token_and_a_lenient_one_takes_both(
    app: App, doors: Doors
) -> None:
    client, wrong = app.test_client(), {"Authorization": "Bearer wrong"}
    assert (await client.get("/maybe")).status_code == 200
    await problem_of(await client.get("/maybe", headers=wrong), 401, "unauthenticated")
    assert (await client.get("/lenient", headers=wrong)).status_code == 200
    assert [call.who for call in doors.calls] == [None, None]


@pytest.mark.parametrize(
    "query",
    [
        f"token={SECRET}",
        f"access_token={SECRET}",
        f"q={SECRET}",
        "ACCESS_TOKEN=x",
        "jwt=x",
        f"a=1&a={SECRET}",
        f"{SECRET}=1",
    ],
)
async def test_a8_a_token_in_the_url_is_refused_at_every_address(app: App, doors: Doors, query: str) -> None:
    for path in ("/list", "/mine", "/nothing"):
        response = await app.test_client().get(f"{path}?{query}", headers={"Authorization": f"Bearer {SECRET}"})
        await problem_of(response, 400, "bad_command")
    assert doors.calls == []


async def test_a8_no_log_line_no_label_and_no_answer_ever_holds_a_token(
    app: App, metrics: Metrics, logs: list[Any], doors: Doors
) -> None:
    client, headers = app.test_client(), {"Authorization": f"Bearer {SECRET}", "Referer": f"https://x/?token={SECRET}"}
    doors.error = RuntimeError("no")
    texts = []
    for path in (f"/list?token={SECRET}", f"/sum/{SECRET}", f"/{SECRET}", "/mine", "/fail", f"/mine/{SECRET}"):
        response = await client.get(path, headers=headers)
        texts.append(await response.get_data(as_text=True) + str(response.headers))
    assert len(logs) >= 6
    for part in (SECRET, *SECRET.split(".")):
        assert part not in str(logs)
        assert part.encode() not in await metrics.scrape()
        assert all(part not in text for text in texts)


async def test_every_answer_carries_the_headers_that_keep_it_harmless(app: App) -> None:
    for path in ("/list", "/nothing", "/mine"):
        headers = (await app.test_client().get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_a_requests_id_is_the_callers_when_it_is_harmless(app: App) -> None:
    client = app.test_client()
    assert (await client.get("/list", headers={"X-Request-Id": "abc-1"})).headers["X-Request-Id"] == "abc-1"
    for given in ("", "a b", "x" * 65, "<script>", "é"):
        made = (await client.get("/list", headers={"X-Request-Id": given})).headers["X-Request-Id"]
        assert made != given
        assert len(made) == 32


async def test_pages_of_configured_origins_may_read_the_answers_and_no_others(app: App) -> None:
    client = app.test_client()
    good = await client.get("/list", headers={"Origin": "https://school.example"})
    assert good.headers["Access-Control-Allow-Origin"] == "https://school.example"
    assert "Access-Control-Allow-Credentials" not in good.headers
    for origin in ("https://school.example.evil", "http://school.example", "https://SCHOOL.example", "null", "*"):
        response = await client.get("/list", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Vary"] == "Origin"


async def test_a_browser_that_asks_first_is_answered_without_the_handler(app: App, doors: Doors) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    good = await app.test_client().options("/sum/x", headers={"Origin": "https://school.example", **asks})
    assert good.status_code == 204
    assert "POST" in good.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in good.headers["Access-Control-Allow-Headers"]
    evil = await app.test_client().options("/sum/x", headers={"Origin": "https://evil.example", **asks})
    assert "Access-Control-Allow-Methods" not in evil.headers
    assert doors.calls == []


async def test_requests_are_counted_by_the_pattern_of_their_address(app: App, metrics: Metrics) -> None:
    client = app.test_client()
    for path in ("/sum/a", "/sum/b", "/nothing", "/else"):
        await client.post(path, json={"a": 1})
    text = (await metrics.scrape()).decode()
    assert 'homeroom_http_requests_total{method="POST",route="/sum/{name}",status="200"} 2.0' in text
    assert 'homeroom_http_requests_total{method="POST",route="(none)",status="404"} 2.0' in text


async def test_the_log_names_the_pattern_of_the_address(app: App, logs: list[Any]) -> None:
    await app.test_client().post("/sum/anybody", json={"a": 1})
    (line,) = [entry for entry in logs if entry["event"] == "request"]
    assert (line["route"], line["status"], line["log_level"]) == ("/sum/{name}", 200, "info")
