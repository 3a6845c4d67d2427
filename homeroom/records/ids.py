"""Ids of new records: 128 bits that nobody can guess, as 26 letters and digits in lower case."""

import base64
from random import Random


def fresh_id(random: Random) -> str:
    """Return a new id, made of `random`."""
    return base64.b32encode(random.randbytes(16)).decode().rstrip("=").lower()
