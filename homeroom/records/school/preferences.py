"""By which ways people want to be told of what: one row for each type of notice that is not as usual.

Never here: sending, and when somebody is not to be disturbed (their presence).
"""

from typing import Annotated

from msgspec import Meta

from homeroom.protocol.access import ROLES, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Row
from homeroom.records.declare import RecordType, Reference, table, to

NoticeType = Annotated[
    str,
    Meta(
        pattern=r"\A(?:\*|[A-Za-z][A-Za-z0-9_.\-]{0,63})\Z",
        description="a type of notices, such as schedule.assigned; staff may send notices of types of their own; `*`: every other",
    ),
]
_OWN = allow(ROLES, "own")


class Preference(Row, frozen=True, kw_only=True):
    """How one person is told of one type of notices."""

    user_id: Id
    type: NoticeType
    in_app: bool = True
    email: bool = False
    push: bool = False
    sound: bool = True


PREFERENCE = RecordType(
    name="preference",
    plural="notification_preferences",
    row=Preference,
    channels=(to("user", "user_id"), table()),
    read=_OWN,
    create=_OWN,
    update=_OWN,
    delete=_OWN,
    relations={"own": "r.user_id = :me"},
    references={"user_id": Reference("user", on_delete="cascade")},
    made_by_server=frozenset({"user_id"}),
    mine=frozenset({"user_id"}),
    filters=("type",),
    sorts=("type", "created_at"),
    unique=(("user_id", "type"),),
)
