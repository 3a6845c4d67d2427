"""The Chrome DevTools protocol over one WebSocket: commands with answers, events to whoever listens.

Never here: starting a browser (`browser`) and what a person does in a page (`page`).
"""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

Json = dict[str, Any]
Listener = Callable[[Json], None]
LARGEST = 64 * 2**20
"""Bytes of a message: a screenshot is some megabytes of base64."""


class BrowserRefused(Exception):
    """The browser answered a command with an error, or the script in the page threw."""


class _Waiting:
    """A command on its way: its answer, or nothing yet."""

    __slots__ = ("answer", "event")

    def __init__(self) -> None:
        self.event = trio.Event()
        self.answer: Json = {"error": "the browser is gone"}


class DevTools:
    """One connection to a browser. Listeners get the `params` of the events of their session."""

    def __init__(self, websocket: WebSocketConnection) -> None:
        self._websocket = websocket
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._listeners: dict[tuple[str, str], Listener] = {}
        self.last: deque[str] = deque(maxlen=20)

    def listen(self, session: str, method: str, listener: Listener) -> None:
        """Call `listener` with each event `method` of `session`."""
        self._listeners[session, method] = listener

    async def ask(self, method: str, session: str = "", **params: Any) -> Json:
        """Send a command and return its result. Raises `BrowserRefused`."""
        number, waiting = next(self._numbers), _Waiting()
        self._waiting[number] = waiting
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        try:
            await self._websocket.send_message(json.dumps(message))
            await waiting.event.wait()
        finally:
            self._waiting.pop(number, None)
        if "error" in waiting.answer:
            raise BrowserRefused(f"{method}: {waiting.answer['error']}")
        result: Json = waiting.answer["result"]
        return result

    async def read(self) -> None:
        """Hand out what comes in until the connection ends."""
        try:
            while True:
                self._take(json.loads(await self._websocket.get_message()))
        except ConnectionClosed:
            for waiting in self._waiting.values():
                waiting.event.set()

    def _take(self, message: Json) -> None:
        if "id" in message:
            waiting = self._waiting.get(message["id"])
            if waiting is not None:
                waiting.answer = message
                waiting.event.set()
            return
        listener = self._listeners.get((message.get("sessionId", ""), message["method"]))
        if listener is not None:
            listener(message["params"])


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[DevTools]:
    """Connect to the `ws://` URL that a browser printed; the connection ends with the block."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    stream = await trio.open_tcp_stream(parts.hostname, parts.port)
    async with stream, trio.open_nursery() as nursery:
        websocket = await wrap_client_stream(
            nursery, stream, f"{parts.hostname}:{parts.port}", parts.path, max_message_size=LARGEST
        )
        tools = DevTools(websocket)
        nursery.start_soon(tools.read)
        yield tools
        nursery.cancel_scope.cancel()
