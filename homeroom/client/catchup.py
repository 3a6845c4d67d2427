"""Catching up over HTTP while no WebSocket can be had (contract section 6): one request, and what it brought.

Never here: when to ask (`client`).
"""

import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.parse import urlencode

import msgspec
import trio

Fetch = Callable[[str, Mapping[str, str]], Awaitable[bytes]]
"""GETs a URL with headers and returns the body; raises `OSError` for anything but success."""

_TIMEOUT_S = 20.0


class Caught(msgspec.Struct, frozen=True):
    """What one stream got. `resumed`: `events`, the first of which has number `seq`; `snapshot`: the `state` at `pos`.

    `refused`: nothing; what to make of that is decided when the socket is back.
    """

    verdict: Literal["resumed", "snapshot", "refused"]
    pos: tuple[str, int] = ("", 0)
    seq: int = 0
    events: list[Any] = []
    state: Any = None


class CatchUp(msgspec.Struct, frozen=True):
    """One answer: `cursor` for the next request; `more`: ask again at once."""

    cursor: str
    streams: dict[str, Caught]
    more: bool = False


async def fetch_with_urllib(url: str, headers: Mapping[str, str]) -> bytes:
    """Fetch in a worker thread with the standard library, which knows proxies; when cancelled, the thread is left to end."""

    def get() -> bytes:
        request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310  # the scheme is the target's: http or https
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # the same
                return bytes(answer.read())
        except HTTPError as error:
            error.close()  # it holds the socket
            raise OSError(f"HTTP status {error.code}") from None

    return await trio.to_thread.run_sync(get, abandon_on_cancel=True)


async def catch_up(fetch: Fetch, base: str, token: str, streams: list[str], cursor: str | None) -> CatchUp:
    """Ask what happened on `streams` since `cursor`. Raises `OSError`, and `ValueError` for an answer that is none."""
    query = {"streams": ",".join(streams)} | ({"since": cursor} if cursor else {})
    body = await fetch(f"{base}/api/realtime/sync?{urlencode(query)}", {"Authorization": f"Bearer {token}"})
    return msgspec.json.decode(body, type=CatchUp)
