"""The log of channels as the engine sees it: where their heads stand, and appending what an actor announces.

All else of a channel is in the journal like any stream's. Implementations are siblings by name (`channel_log_memory`,
`channel_log_postgres`) and pass one contract suite, `tests/engine/channel_log_contract.py`. Whoever writes records appends in a
transaction of their own. Never here: SQL, and who is shown what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Announcement:
    """An actor's durable message to channels, ready to be written.

    `number` is the message's; `source` the actor's address; `told` maps each stream to the stored bytes of what it is told;
    `payload`, builtin types, is what the activity keeps.
    """

    number: int
    source: str
    type: str
    at: int
    by: str
    told: Mapping[str, bytes]
    payload: Any


class Place(NamedTuple):
    """Where an event stands in a stream, and its time there: Unix ms, never before that of the event ahead of it."""

    seq: int
    at: int


class ChannelLog(Protocol):
    """Every method may raise `journal.Unavailable`, and none keeps a caller longer than 3 s."""

    async def announce(self, announcement: Announcement) -> Mapping[str, Place] | None:
        """Append to each stream, keep the activity, and remove the message: all in one transaction.

        Returns the place that the event has in each stream; `None` when the message is gone: it was carried out before, and
        nothing is written. `Unavailable` means in doubt: asked again, one of both is the answer.
        """

    async def heads(self, streams: Sequence[str]) -> Mapping[str, int]:
        """Return the newest number of each stream, 0 for one in which nothing has happened."""
