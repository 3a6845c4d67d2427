"""What the database's refusals mean to whoever asked: which field, which fields are taken, or who still refers to a row.

Never here: what is asked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from homeroom.engine.behaviour import Refusal
from homeroom.engine.errors import overloaded, unavailable
from homeroom.engine.postgres import DatabaseError, Disconnected, Refused, UniqueViolation
from homeroom.records.declare import RecordType
from homeroom.records.needed import StillNeeded
from homeroom.records.schema import reference_names, unique_names
from homeroom.records.taken import Taken

RETRY_MS = 1_000
_BROKEN_REFERENCE, _BROKEN_BOUND = ("23503", "23001"), ("23514", "23502", "22001", "22003")
RECEIPT = "record_receipts_pkey"
_IN_A_RING = ("40001", "40P01")
_OTHERS_FIRST = (*_IN_A_RING, "55P03", "57014")
"""Others were at the same rows for too long, or in a ring: sent again it can succeed."""


class Faults:
    """The constraints of all record types by name, in the words of their fields."""

    def __init__(self, types: Sequence[RecordType]) -> None:
        self._unique = {
            name: (one, fields)
            for one in types
            for name, fields in {**unique_names([one]), f"{one.plural}_pkey": ("id",)}.items()
        }
        self._references = reference_names(types)
        self._owners = {name: one for one in types for name in reference_names([one])}

    @contextmanager
    def writing(self, args: Sequence[Any]) -> Iterator[None]:
        """Raise `Refusal` for what the database refuses of new or changed rows, by a statement whose `args` begin with their JSON."""
        try:
            yield
        except UniqueViolation as error:
            raise self._taken(args, error) from None
        except Refused as error:
            raise self._wrong(error) or error from None

    @contextmanager
    def removing(self, type: RecordType, ids: Sequence[str]) -> Iterator[None]:
        """Raise `Refusal` `conflict` when other rows refer to one of `ids`, rows of `type` that are being removed."""
        try:
            yield
        except Refused as error:
            if error.sqlstate not in _BROKEN_REFERENCE:
                raise
            raise self._needed(type, ids, error) from None

    def _taken(self, args: Sequence[Any], error: UniqueViolation) -> Refusal:
        if error.constraint not in self._unique:
            return Refusal("conflict", "what it says: taken already", data={"fields": []})
        return Taken(*self._unique[error.constraint], args[0])

    def _wrong(self, error: Refused) -> Refusal | None:
        if error.sqlstate in _BROKEN_REFERENCE:
            field = self._references.get(error.constraint, error.constraint)
            allowed = "the id of what there is"
            return Refusal("bad_command", f"{field}: there is no such thing", data={"field": field, "allowed": allowed})
        if error.sqlstate in _BROKEN_BOUND:
            return Refusal("bad_command", f"out of bounds: {error.constraint}", data={"field": error.constraint})
        return None

    def _needed(self, type: RecordType, ids: Sequence[str], error: Refused) -> Refusal:
        owner = self._owners.get(error.constraint)
        if owner is None:
            msg = f"others still refer to this {type.name.replace('_', ' ')}"
            return Refusal("conflict", msg, data={"by": "", "field": ""})
        return StillNeeded(type, ids, owner, self._references[error.constraint])


def gave_way(error: BaseException) -> bool:
    """Tell whether PostgreSQL ended a statement because others held what it needed for too long: sent again it can succeed."""
    return isinstance(error, Refused) and error.sqlstate in _OTHERS_FIRST


def was_in_a_ring(refusal: Refusal) -> bool:
    """Tell whether `refusal` says that PostgreSQL took a transaction back because it and others waited for each other."""
    cause = refusal.__cause__
    return isinstance(cause, Refused) and cause.sqlstate in _IN_A_RING


@contextmanager
def told_as_refusals() -> Iterator[None]:
    """Raise `unavailable` when the database is away, `overloaded` when others hold the same rows for too long.

    `conflict` when another request with the same key was first.
    """
    try:
        yield
    except Disconnected as error:
        raise unavailable(RETRY_MS, "the database is away; nothing was done") from error
    except UniqueViolation as error:
        if error.constraint != RECEIPT:
            raise
        raise Refusal("conflict", "a request with this key is carried out this moment") from error
    except Refused as error:
        if not gave_way(error):
            raise
        raise overloaded(RETRY_MS) from error
    except DatabaseError as error:
        raise unavailable(RETRY_MS) from error
