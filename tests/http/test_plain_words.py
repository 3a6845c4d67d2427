"""What a person reads who has slipped at a door: no words of frames, of Python or of the decoder, and where to look."""

import re

import pytest

from homeroom.http.problems import title_of
from homeroom.protocol.errors import ERRORS
from tests.http.rest_school import School

ANN = ("ann", "student")
FOREIGN = re.compile(r"frame|verb|`str`|`int`|length >=|regex|enum", re.IGNORECASE)


@pytest.mark.parametrize("code", ERRORS)
def test_a_title_speaks_of_requests(code: str) -> None:
    assert not FOREIGN.search(title_of(code))


@pytest.mark.parametrize(
    ("door", "body", "detail"),
    [
        ("POST /api/rooms/lobby/messages", {"text": 3}, "text: expected text, at most 4000"),
        ("POST /api/rooms/lobby/messages", {"text": "a", "mentions": "ben"}, "mentions: expected list of"),
        ("PUT /api/rooms/new", {"title": "New", "visibility": "odd"}, "visibility: expected `closed` or `open`"),
        ("PUT /api/rooms/new", {}, "title: missing"),
        ("POST /api/auth/login", {"login": 1, "password": "x"}, "login: expected text"),
    ],
)
async def test_what_does_not_fit_is_told_by_what_does(
    rest_school: School, door: str, body: object, detail: str
) -> None:
    method, path = door.split(" ")
    reply = await rest_school.call(method, path, ANN, body=body)
    assert reply.code == "bad_command"
    assert detail in reply.body["detail"]
    assert not FOREIGN.search(reply.body["detail"])


@pytest.mark.parametrize("path", ["/api", "/api/", "/openapi.yaml"])
async def test_who_looks_for_the_doors_is_told_where_they_stand(rest_school: School, path: str) -> None:
    reply = await rest_school.call("GET", path)
    assert reply.status == 404
    assert "/openapi.json" in reply.body["detail"]
    assert "/docs" in reply.body["detail"]


async def test_what_says_only_which_methods_there_are_is_of_no_type(rest_school: School) -> None:
    reply = await rest_school.call("OPTIONS", "/api/rooms/lobby/messages")
    assert (reply.status, reply.body) == (200, "")
    assert "POST" in reply.headers["Allow"]
    assert "Content-Type" not in reply.headers
