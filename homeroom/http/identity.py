"""Who a valid token says its bearer is. Never here: checking tokens (`tokens`), and what the person may do (`protocol.access`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from homeroom.engine.behaviour import Caller


@dataclass(frozen=True, slots=True)
class Identity:
    """A person behind a connection or a request. `expires` in Unix ms; `family` names the login it descends from."""

    id: str
    name: str
    role: str
    expires: int
    family: str = ""

    @property
    def caller(self) -> Caller:
        """Return the person as actors see them."""
        return Caller(self.id, self.role, self.name)


Authenticate = Callable[[str], Awaitable[Identity]]
"""Turns a token into an identity; raises `Refusal("unauthenticated")`."""
