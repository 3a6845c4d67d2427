"""Which pages may open a connection: the `Origin` header against an exact list.

Nothing is matched by suffix, case or default port: browsers send one spelling of an origin, and so does the list.
Never here: tokens. They travel inside the connection, so a page that gets in has nothing yet.
"""

from collections.abc import Iterable


class Origins:
    """The allow-list, such as `https://school.example`; the page's own host is always allowed."""

    __slots__ = ("_allowed",)

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    def permits(self, origin: str | None, host: str | None) -> bool:
        """Tell whether a handshake with these two headers may go on; no `Origin` means that it is no browser."""
        if origin is None:
            return True
        return origin in self._allowed or (bool(host) and origin in {f"http://{host}", f"https://{host}"})
