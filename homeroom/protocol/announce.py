"""What an actor tells a channel: an event of its own, shown to those who follow a class, a table, a role.

    Tell("class:10a", Announce("exam.published", {"id": "mid-2", "title": "Midterm"}, by=caller.user,
                               also={"table:exams": changed("mid-2", "UPDATE", 3)}))

Never here: which channels there are (`channels`), and how it is appended.
"""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from homeroom.protocol.ids import AddressText, Id


class Announce(Struct, frozen=True, omit_defaults=True):
    """Append an event of `type` with the data `data`; `also` names further channels, each with what is told there.

    The event is appended to all of them in one transaction, with one row in the activity feed.
    """

    type: Annotated[str, Meta(pattern=r"\A[a-z_]{1,40}\.[a-z_]{1,40}\Z")]
    data: dict[str, Any]
    by: Id = "system"
    also: dict[AddressText, dict[str, Any]] = {}

    do: ClassVar[str] = "announce"


def changed(id: str, operation: str, version: int) -> dict[str, Any]:
    """Return what a table's channel is told of a row: `operation` is INSERT, UPDATE or DELETE."""
    return {"id": id, "operation": operation, "version": version}
