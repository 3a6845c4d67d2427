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

    def __post_init__(self) -> None:
        """Make the caller."""
        object.__setattr__(self, "_caller", Caller(self.id, self.role, self.name))

    @property
    def caller(self) -> Caller:
        """Return the person as actors see them, with the wards and places of this moment; made once, since every command carries it."""
        known = self._caller
        wards = known.wards if self.wards is None else self.wards(self.id)
        places = known.places if self.places is None else self.places(self.id)
        theirs = self._places_of(wards) if wards else known.ward_places
        if wards is not known.wards or places is not known.places or theirs != known.ward_places:
            object.__setattr__(self, "_caller", replace(known, wards=wards, places=places, ward_places=theirs))
        return self._caller

    def _places_of(self, wards: frozenset[str]) -> frozenset[tuple[str, str]]:
        """Return where the children of a parent belong."""
        if self.places is None:
            return frozenset()
        return frozenset((ward, place) for ward in wards for place in self.places(ward))


Authenticate = Callable[[str], Awaitable[Identity]]
"""Turns a token into an identity; raises `Refusal("unauthenticated")`."""
