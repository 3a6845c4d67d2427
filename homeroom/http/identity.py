"""Who a valid token says its bearer is. Never here: checking tokens (`tokens`), and what the person may do (`protocol.access`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from homeroom.engine.behaviour import Caller


@dataclass(frozen=True, slots=True)
class Identity:
    """A person behind a connection or a request. `expires` in Unix ms; `family` names the login it descends from.

    `wards(user)` names the children whom a parent stands for now, `None` for everybody else; `places(user)` where the person
    belongs now.
    """

    id: str
    name: str
    role: str
    expires: int
    family: str = ""
    wards: Callable[[str], frozenset[str]] | None = field(default=None, compare=False, repr=False)
    places: Callable[[str], frozenset[str]] | None = field(default=None, compare=False, repr=False)

    _caller: Caller = field(init=False, compare=False, repr=False)
    _held: tuple[frozenset[str], ...] = field(init=False, default=(), compare=False, repr=False)
    """Where the wards belong, each, by which the caller was made."""

    def __post_init__(self) -> None:
        """Make the caller."""
        object.__setattr__(self, "_caller", Caller(self.id, self.role, self.name))

    @property
    def caller(self) -> Caller:
        """Return the person as actors see them, with the wards and places of this moment; made anew only for others, since every command carries it."""
        known = self._caller
        wards = known.wards if self.wards is None else self.wards(self.id)
        places = known.places if self.places is None else self.places(self.id)
        held = tuple(map(self.places, wards)) if wards and self.places is not None else ()
        if wards is not known.wards or places is not known.places or held != self._held:
            theirs = frozenset((ward, place) for ward, of in zip(wards, held, strict=False) for place in of)
            object.__setattr__(self, "_held", held)
            object.__setattr__(self, "_caller", replace(known, wards=wards, places=places, ward_places=theirs))
        return self._caller


Authenticate = Callable[[str], Awaitable[Identity]]
"""Turns a token into an identity; raises `Refusal("unauthenticated")`."""
