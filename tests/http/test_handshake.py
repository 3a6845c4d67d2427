"""The request's head and the judgement on a handshake, without a socket."""

import json
from time import thread_time

import pytest

from homeroom.http.handshake import Handshake, Refused, judge_handshake, refusal_answer
from homeroom.http.headers import holds_token
from homeroom.http.origins import Origins
from homeroom.http.request_head import (
    ESCAPES_MAX,
    MAX_HEADERS,
    PARAMETERS_MAX,
    BadHead,
    RequestHead,
    parse_head,
    read_head,
)
from homeroom.protocol.codec import CODECS
from tests.http.peer import JSON, MSGPACK, upgrade_request

ORIGINS = Origins(["https://app.example.com"])


def head_of(request: bytes) -> RequestHead:
    raw, _, rest = request.partition(b"\r\n\r\n")
    return parse_head(raw, rest)


def judge(request: bytes) -> Handshake | Refused:
    return judge_handshake(head_of(request), ORIGINS, CODECS)


def status(request: bytes) -> int:
    judged = judge(request)
    return judged.status if isinstance(judged, Refused) else 101


def test_the_first_subprotocol_of_the_client_that_we_speak_is_agreed_on() -> None:
    judged = judge(upgrade_request(sec_websocket_protocol=f"graphql-ws, {JSON}, {MSGPACK}") + b"tail")
    assert isinstance(judged, Handshake)
    assert (judged.subprotocol, judged.rest) == (JSON, b"tail")


@pytest.mark.parametrize("subprotocol", [None, "", "homeroom.v2.msgpack", "HOMEROOM.V1.MSGPACK"])
def test_no_common_subprotocol_is_400(subprotocol: str | None) -> None:
    assert status(upgrade_request(sec_websocket_protocol=subprotocol)) == 400


@pytest.mark.parametrize(
    "request_",
    [
        upgrade_request(sec_websocket_version="99"),
        upgrade_request(sec_websocket_version=None),
        upgrade_request(sec_websocket_key="short"),
        upgrade_request(sec_websocket_key=None),
        upgrade_request(connection="keep-alive"),
        upgrade_request(host=None),
        upgrade_request(content_length="3"),
        upgrade_request(transfer_encoding="chunked"),
        upgrade_request(method="POST"),
        upgrade_request("/other"),
        upgrade_request("/ws?token=abc"),
        upgrade_request("/ws?x=eyJhbGciOi.eyJzdWIiOi"),
        upgrade_request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        upgrade_request().replace(b"Upgrade\r\n", b"Upgrade\r\nOrigin: https://a\r\nOrigin: https://b\r\n"),
    ],
)
def test_what_no_correct_client_sends_is_400(request_: bytes) -> None:
    assert status(request_) == 400


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, 101),
        ("https://app.example.com", 101),
        ("http://testserver", 101),
        ("https://testserver", 101),
        ("https://app.example.com.evil", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("https://APP.example.com", 403),
        ("https://app.example.com:443", 403),
        ("https://app.example.com:8443", 403),
        ("http://app.example.com", 403),
        ("https://app.example.com/", 403),
        ("http://testserver.evil", 403),
        ("https://xapp.example.com", 403),
    ],
)
def test_an_origin_is_allowed_exactly_or_not_at_all(origin: str | None, expected: int) -> None:
    assert status(upgrade_request(origin=origin)) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GET /",
        b"GET / HTTP/2.0",
        b"get / HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1\r\n folded: x",
        b"GET / HTTP/1.1\r\nname : x",
        b"GET / HTTP/1.1\r\nname: a\x00b",
        b"GET / HTTP/1.1\r\n: x",
        b"GET /\xff HTTP/1.1",
        b"GET / HTTP/1.1\r\n" + b"\r\n".join(b"a: b" for _ in range(MAX_HEADERS + 1)),
        b"GET / HTTP/1.1\r\na: " + b"x" * 20_000,
        b"GET ?a=b HTTP/1.1",
        b"GET http://[ HTTP/1.1",
        b"GET http://school.example?a HTTP/1.1",
        b"GET /\r\nHost: a HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a",
        *(b"GET / HTTP/1.1\r\nHost: " + host for host in (b"..", b"a..b", b"x" * 64, b"a b", b"a,b", b"@", b"/", b"[")),
    ],
)
def test_what_is_no_head_is_refused(raw: bytes) -> None:
    with pytest.raises(BadHead):
        parse_head(raw, b"")


@pytest.mark.parametrize(
    "target", ["/", "*", "/a?b=c", "/?" + "&" * (PARAMETERS_MAX - 1), "http://school.example:80/a"]
)
@pytest.mark.parametrize("host", ["", "localhost", "school.example:8443", "school.example.", "[::1]:80", "10.0.0.1"])
def test_every_way_to_name_a_place_here_is_understood(target: str, host: str) -> None:
    assert parse_head(f"GET {target} HTTP/1.1\r\nHost: {host}".encode(), b"").target == target


@pytest.mark.parametrize(
    ("target", "line", "says"),
    [
        ("/?" + "a&" * PARAMETERS_MAX, b"a: b", "parameters"),
        ("/" + "%41" * (ESCAPES_MAX + 1), b"a: b", "escapes"),
        ("/", b"Content-Type: application/json; " + b'a="b"; ' * 80, "content-type: 512"),
        ("/", b"Content-Disposition: attachment" + b"; a" * 65, "content-disposition"),
        ("/", b"If-None-Match: " + b"a," * 1_100, "if-none-match: 2048"),
        ("/", b"\r\n".join([b"Connection: " + b"a," * 60] * 3), "connection: 256"),
        ("/", b"Upgrade: " + b"," * 300, "upgrade: 256"),
    ],
)
def test_more_of_a_head_than_it_could_be_worth_is_refused_by_its_name(target: str, line: bytes, says: str) -> None:
    with pytest.raises(BadHead, match=says):
        parse_head(f"GET {target} HTTP/1.1\r\n".encode() + line, b"")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("GET /api/students?words=Bär HTTP/1.1".encode(), "percent-encoded.*ä is %C3%A4"),
        ("GET /api/students?words=Bär HTTP/1.1".encode("latin-1"), "percent-encoded"),
        (b"GET /api/students?words=Ben Marin HTTP/1.0", "percent-encoded.*a blank is %20"),
        (b"GET /a\tb HTTP/1.1", "percent-encoded"),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1", "8192 characters"),
        (b"get / HTTP/1.1", "the method is none"),
        (b"GET /a HTTP/3.0", "no request line"),
        (b"GET /b\xc3\xa4r", "no request line"),
        (b"GET / HTTP/1.1" + b"\r\na: b" * (MAX_HEADERS + 1), "100 headers"),
    ],
)
def test_a_first_line_that_is_none_is_refused_by_what_is_wrong_with_it(line: bytes, says: str) -> None:
    with pytest.raises(BadHead, match=says):
        parse_head(line, b"")


def test_blanks_in_a_header_and_looks_of_a_token_cost_nothing_however_many() -> None:
    began = thread_time()
    for line in (b"a: x" + b" " * 16_000 + b"\x01", b"a: x" + b" \t" * 8_000 + b"\x01"):
        with pytest.raises(BadHead):
            parse_head(b"GET / HTTP/1.1\r\n" + line, b"")
    head = parse_head(b"GET / HTTP/1.1\r\na: \t x" + b" \t" * 8_000 + b"y \t", b"")
    assert head.one("a") == "x" + " \t" * 8_000 + "y"
    assert not holds_token([("a", "eyJ" * 2_700), ("b", "eyJaaaa" * 1_100), ("c", "a" * 8_000)])
    assert thread_time() - began < 0.05


@pytest.mark.parametrize(
    ("text", "found"),
    [("eyJaaaa.b", True), ("xeyJaaaa.b", True), ("a.eyJaaaa.b", True), ("eyJeyJa.b", True), ("ü eyJaaaa._", True)]
    + [(text, False) for text in ("eyJaaa.b", "eyJaaaa.", "eyJaaaa. b", "eyjaaaa.b", "a.eyJ.aaaa.b")],
)
def test_what_looks_like_a_token_is_found_wherever_it_stands(text: str, found: bool) -> None:
    assert holds_token([("a", text)]) is found
    assert holds_token([(text, "a")]) is found


class Pieces:
    """A stream that gives its bytes in pieces."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size = data, size

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        out, self.data = self.data[: self.size], self.data[self.size :]
        return out

    async def aclose(self) -> None:
        self.data = b""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
async def test_a_head_in_pieces_is_read_whole_with_what_follows_it(size: int) -> None:
    head = await read_head(Pieces(upgrade_request() + b"abc", size))  # type: ignore[arg-type] # enough of a stream
    assert head is not None
    assert head.raw == upgrade_request()
    assert b"abc".startswith(head.rest)


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\nHost: x\n\n", b"A" * 20_000, b"GET /" + b"x" * 20_000, b"GET / HT"],
)
async def test_bytes_that_can_be_no_head_are_refused_early(data: bytes) -> None:
    stream = Pieces(data, 64)
    with pytest.raises(BadHead):
        await read_head(stream)  # type: ignore[arg-type] # enough of a stream


async def test_a_client_that_says_nothing_is_not_an_error() -> None:
    assert await read_head(Pieces(b"", 1)) is None  # type: ignore[arg-type] # enough of a stream


def test_a_refusal_is_a_whole_answer_that_closes() -> None:
    head, _, body = refusal_answer(Refused(503, "later", retry_s=2)).decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert first == "HTTP/1.1 503 Service Unavailable"
    assert {"Retry-After: 2", "Connection: close", "Content-Type: application/problem+json"} <= set(lines)
    assert f"Content-Length: {len(body)}" in lines
    problem = json.loads(body)
    assert [problem[name] for name in ("status", "code", "detail", "retry_ms")] == [503, "unavailable", "later", 2000]
