"""Who a valid token says its bearer is. Never here: checking tokens (`tokens`), and what the person may do (`protocol.access`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from homeroom.engine.behaviour import Caller


@dataclass(frozen=True, slots=True)
class Identity:
    """A person behind a connection or a request. `expires` in Unix ms; `family` names the login it descends from.

    `wards(user)` names the children whom a parent stands for now; `None` for everybody else.
    """

    id: str
    name: str
    role: str
    expires: int
    family: str = ""
    wards: Callable[[str], frozenset[str]] | None = field(default=None, compare=False, repr=False)

    _caller: Caller = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the caller."""
        object.__setattr__(self, "_caller", Caller(self.id, self.role, self.name))

    @property
    def caller(self) -> Caller:
        """Return the person as actors see them, with the wards of this moment; made once, since every command carries it."""
        if self.wards is not None:
            wards = self.wards(self.id)
            if wards != self._caller.wards:
                object.__setattr__(self, "_caller", replace(self._caller, wards=wards))
        return self._caller


Authenticate = Callable[[str], Awaitable[Identity]]
"""Turns a token into an identity; raises `Refusal("unauthenticated")`."""
