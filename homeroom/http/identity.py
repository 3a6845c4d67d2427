"""Who a valid token says its bearer is. Never here: checking tokens (`tokens`), and what the person may do (`protocol.access`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from homeroom.engine.behaviour import Caller


@dataclass(frozen=True, slots=True)
class Identity:
    """A person behind a connection or a request. `expires` in Unix ms; `family` names the login it descends from."""

    id: str
    name: str
    role: str
    expires: int
    family: str = ""

    caller: Caller = field(init=False, compare=False, repr=False)
    """The person as actors see them; made once, since every command carries it."""

    def __post_init__(self) -> None:
        """Make the caller."""
        object.__setattr__(self, "caller", Caller(self.id, self.role, self.name))


Authenticate = Callable[[str], Awaitable[Identity]]
"""Turns a token into an identity; raises `Refusal("unauthenticated")`."""
