"""The token in use, and where a fresh one comes from. Never here: what is inside a token."""

from collections.abc import Awaitable, Callable

TokenSource = str | Callable[[], Awaitable[str]]
"""A token, or a function that gets a fresh one: asked for every connection, and before the token in use ends.

The function may raise `OSError` when it cannot get one now; it is asked again later.
"""


class TokenHolder:
    """Holds the newest token."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self.current = source if isinstance(source, str) else ""

    @property
    def renewable(self) -> bool:
        """Tell whether fresh tokens can be had."""
        return not isinstance(self._source, str)

    async def fresh(self) -> str:
        """Return a token as fresh as can be had. Raises `OSError`."""
        if not isinstance(self._source, str):
            self.current = await self._source()
        return self.current

    def replace(self, token: str) -> None:
        """Go on with `token`; a source of fresh ones stays the source."""
        self.current = token
