"""A command as its sender knows it. Never here: giving one (`people`), and what is right (`judge`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Order:
    """A command, its words that nobody else says, what became of it in `took_s`, and the answer if it had an effect.

    `seq`: the number of its last event, 0 for none; `reply`: what the acknowledgement said.
    """

    by: str
    client: str
    to: str
    do: str
    arguments: Mapping[str, Any]
    word: str = ""
    fate: str = "unanswered"
    took_s: float = 0.0
    seq: int = 0
    reply: Any = field(default=None)
