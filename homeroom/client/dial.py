"""From a URL to a stream, and to the addresses beside it. Never here: the WebSocket itself (`websocket`)."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import trio

Dial = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a stream to the server; raises `OSError`. Tests and simulations hand in streams of their own."""

_SECURE = {"ws": False, "http": False, "wss": True, "https": True}


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server is: of `ws://host:port/path` or `https://…`; without a path it is `/ws`."""

    host: str
    port: int
    secure: bool
    path: str

    @property
    def authority(self) -> str:
        """Return `host:port` as it stands in the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def http(self) -> str:
        """Return the URL of the server's HTTP door, without a path."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    async def dial(self) -> trio.abc.Stream:
        """Open a TCP connection, with TLS where the scheme says so. Raises `OSError`."""
        if not self.secure:
            return await trio.open_tcp_stream(self.host, self.port)
        stream = await trio.open_ssl_over_tcp_stream(self.host, self.port, ssl_context=ssl.create_default_context())
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as error:
            await trio.aclose_forcefully(stream)
            raise OSError(f"no TLS: {error.__cause__ or error}") from error
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream


def parse_target(url: str) -> Target:
    """Take a URL apart; raises `ValueError` for another scheme, a missing host, or a query (tokens never travel in a URL)."""
    parts = urlsplit(url)
    if parts.scheme not in _SECURE or not parts.hostname or parts.query:
        raise ValueError(f"{url!r} is not like ws://host:port/ws or wss://host/ws")
    secure = _SECURE[parts.scheme]
    path = parts.path if parts.path not in {"", "/"} else "/ws"
    return Target(parts.hostname, parts.port or (443 if secure else 80), secure, path)
