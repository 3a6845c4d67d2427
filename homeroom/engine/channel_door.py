"""Who may follow a channel, and what of its past they are shown, as the engine asks it.

Never here: the answer, which the records have (`records.doors`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from homeroom.engine.behaviour import Caller


@dataclass(frozen=True, slots=True)
class Sight:
    """A channel as it is: the `state` of a snapshot, never `None`, and the number of the newest event that it holds."""

    state: Any
    seq: int


class Follower(NamedTuple):
    """Somebody who follows a stream, in the role in which it was granted."""

    stream: str
    user: str
    role: str


class ChannelListener(Protocol):
    """Somebody else who hears what happens to channels; neither call may wait."""

    def joined(self, stream: str, caller: Caller) -> None:
        """Hear that somebody follows a stream from now on."""

    def published(self, stream: str) -> None:
        """Hear that followers were shown events of a stream."""


class Unheard:
    """The listener where there is none."""

    def joined(self, stream: str, caller: Caller) -> None:
        """Hear nothing."""

    def published(self, stream: str) -> None:
        """Hear nothing."""


class ChannelDoor(Protocol):
    """All methods raise `Refusal` `unavailable` when nobody can tell now."""

    async def look(self, address: str, caller: Caller) -> Sight:
        """Return state and number of one and the same moment.

        Raises `Refusal`: `not_found` where there is nothing, or nothing that `caller` may know of; `forbidden`.
        """

    async def lost(self, followers: Collection[Follower]) -> Mapping[Follower, str]:
        """Return those who may follow no longer, with the code of the refusal that they would get now."""

    async def review(self, caller: Caller, events: Sequence[bytes]) -> Sequence[bytes]:
        """Return events of the past as `caller` may be shown them now: as many, in their order, less what was taken back since."""
