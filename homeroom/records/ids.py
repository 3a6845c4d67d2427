"""Ids of new records: 128 bits that nobody can guess, as 26 letters and digits in lower case."""

from random import Random

from homeroom.protocol.ids import spell_id


def fresh_id(random: Random) -> str:
    """Return a new id, made of `random`."""
    return spell_id(random.randbytes(16))
