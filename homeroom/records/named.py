"""Who an id is, as answers tell it beside rows that name it. Never here: of whom one may know (`directory`)."""

from msgspec import Struct


class Named(Struct, frozen=True):
    """Who an id is, as of now: the name of today, also beside rows that are older than it."""

    name: str
    role: str
