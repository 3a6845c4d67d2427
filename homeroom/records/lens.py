"""What a record type's declaration says of a filter that looks further than its column. Never here: the lists that ask it (`listing`)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lens:
    """What a filter by a column asks instead of equality, as SQL over the row `r` with `:value`, and `:me` for the caller's id.

    own       what the row says itself: whoever sees the row may know it
    further   what other rows say
    known     role -> whether a caller of it may know that; nobody of another role may
    """

    own: str
    further: str
    known: Mapping[str, str]
