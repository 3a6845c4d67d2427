"""The `after` of a page, read for those who refuse as the records do. Never here: what stands in it (`protocol.paging`), and pages themselves."""

from typing import Any

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.paging import decode_after
from homeroom.records.intake import misfit


def read_after(after: str, kind: type[Any]) -> tuple[Any, str] | None:
    """Return the place of the last row seen, its value, of `kind`, and its name; `None` for the first page. Raises `bad_command`."""
    try:
        return decode_after(after, kind)
    except RemoteProtocolError as error:
        raise Refusal(error.code, error.msg, data=error.data) from None


def of_another_list(why: str = "of another list") -> Refusal:
    """Return the `bad_command` for an `after` that is whole, and was never of this list."""
    return misfit("after", why, "the `after` of the page before, or nothing")
