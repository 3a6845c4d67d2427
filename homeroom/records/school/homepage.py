"""What the school's homepage shows, section by section.

Never here: how it is laid out, which is a client's.
"""

from typing import Annotated

from msgspec import Meta

from homeroom.protocol.access import ADMINS, ROLES, allow
from homeroom.records.columns import BODY_MAX, Code, Row, Title
from homeroom.records.declare import RecordType, each, role, table

_BY_ADMINS = allow(ADMINS)
_ROLES = ", ".join(f"('{name}')" for name in ROLES if name not in ADMINS)


class HomepageContent(Row, frozen=True, kw_only=True):
    """A section of the homepage; its body may have markup."""

    section: Code
    title: Title
    body: Annotated[str, Meta(max_length=BODY_MAX)] = ""
    position: Annotated[int, Meta(ge=0, le=10_000)] = 0
    published: bool = False


HOMEPAGE = RecordType(
    name="homepage",
    plural="homepage_contents",
    row=HomepageContent,
    channels=(
        table(),
        role("admin"),
        each("role", f"SELECT a.role FROM (VALUES {_ROLES}) a (role) WHERE r.published"),
    ),
    read=_BY_ADMINS | allow(("teacher", "student", "parent"), "published"),
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    relations={"published": "r.published"},
    rich=frozenset({"body"}),
    filters=("section", "published"),
    sorts=("position", "created_at"),
    unique=(("section",),),
    also=("/api/homepage",),
)
