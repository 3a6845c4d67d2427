"""Documents are made once, kept packed, and not sent again to who has them."""

import gzip
import json
import sys
from copy import deepcopy
from typing import Any

import trio

from homeroom.http.documents import Documents
from homeroom.http.routes import Call, Out
from tests.http.rest_school import School

TEXT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {"/a": {"get": {"summary": "ü"}}, "/b": {}},
    "tags": [],
    "none": None,
}


async def ask(headers: dict[str, str], documents: Documents | None = None) -> Out:
    door = (documents or Documents()).door("/some.json", "some", "Some.", lambda: deepcopy(TEXT))
    return await door.handler(Call("r", None, {}, {}, b"", "", headers=headers))


async def test_who_takes_gzip_gets_it_and_others_get_the_text() -> None:
    packed, plain = await ask({"Accept-Encoding": "br, gzip;q=0.5"}), await ask({"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.value)) == json.loads(plain.value) == TEXT
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert packed.headers["Vary"] == "Accept-Encoding"


async def test_who_has_it_gets_nothing_more() -> None:
    tag = (await ask({})).headers["ETag"]
    again = await ask({"If-None-Match": tag})
    assert (again.status, again.value, again.headers["ETag"]) == (304, b"", tag)
    assert (await ask({"If-None-Match": '"another"'})).status == 200


async def test_making_one_leaves_the_interpreter_as_it_was() -> None:
    before, during = sys.getswitchinterval(), list[float]()

    def make() -> dict[str, str]:
        during.append(sys.getswitchinterval())
        return {}

    door = Documents().door("/some.json", "some", "Some.", make)
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(door.handler, Call("r", None, {}, {}, b"", ""))
    assert len(during) == 1
    assert during[0] < before
    assert sys.getswitchinterval() == before


async def test_the_description_is_sent_so(rest_school: School) -> None:
    first = await rest_school.call("GET", "/openapi.json")
    packed = await rest_school.call("GET", "/openapi.json", headers={"Accept-Encoding": "identity"})
    assert first.headers["ETag"] == packed.headers["ETag"]
    assert first.body["openapi"] == packed.body["openapi"] == "3.1.0"
