"""A request to the application as Hypercorn hands it over, with nothing between: half the work of Quart's own test client."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote

import trio
from quart_trio import QuartTrio
from werkzeug.datastructures import Headers


async def ask(  # noqa: PLR0917 - like a request, and what happens meanwhile
    app: QuartTrio,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    meanwhile: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint,
) -> tuple[int, Headers, bytes]:
    """Return the status, the headers and the whole body of the answer; the client stays until it has come.

    `meanwhile` is what happens between the head and the body.
    """
    asked = [{"type": "http.request", "body": body, "more_body": False}]
    heads: list[dict[str, Any]] = []
    pieces: list[bytes] = []

    async def receive() -> Any:
        await meanwhile()
        return asked.pop() if asked else await trio.sleep_forever()

    async def send(message: Any) -> None:
        await trio.lowlevel.checkpoint()
        if message["type"] == "http.response.start":
            heads.append(message)
        else:
            pieces.append(message.get("body", b""))

    await app(cast("Any", _scope(method, path, headers)), receive, send)
    (head,) = heads
    return head["status"], Headers([(_text(name), _text(value)) for name, value in head["headers"]]), b"".join(pieces)


def _scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    door, _, query = path.partition("?")
    sent = {"Host": "localhost", "User-Agent": "Tests", **headers}
    return {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"spec_version": "2.1"},
        "method": method,
        "scheme": "http",
        "path": unquote(door),
        "raw_path": door.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        "extensions": {},
    }


def _text(value: bytes) -> str:
    return value.decode("latin-1")
