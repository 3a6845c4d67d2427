"""What can go wrong for those who call.

    ClientError
    ├── Refused         the server said no: nothing changed
    └── ClientClosed    there is no way back without a change on our side: a bad token, a revoked one, a flood

A lost connection is no error: the client comes back by itself. Never here: the tables of codes (`protocol.errors`).
"""

from typing import Any

from homeroom.protocol.errors import ERRORS


class ClientError(Exception):
    """A call or a subscription did not succeed."""


class Refused(ClientError):
    """The server refused. `code` is a row of `ERRORS`; `retry_ms`, where given, is when to try again; `data` names the field."""

    def __init__(self, code: str, msg: str, retry_ms: int | None = None, data: Any = None) -> None:
        super().__init__(f"{code}: {msg}")
        self.code, self.msg, self.retry_ms, self.data = code, msg, retry_ms, data

    @property
    def may_retry(self) -> bool:
        """Tell whether the same command can succeed later."""
        row = ERRORS.get(self.code)
        return row is not None and row.retry


class ClientClosed(ClientError):
    """The client is closed for good. `code` is the close code, or the HTTP status of a refused handshake."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(f"{code}: {msg}")
        self.code, self.msg = code, msg
