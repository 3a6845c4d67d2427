"""The lists of study groups: what one asks for, and a page of the answer.

Never here: the question to the read models (`actors.group_rows`).
"""

from typing import Annotated

from msgspec import Meta, Struct

from homeroom.protocol.group import Course, GroupCard, Specialty
from homeroom.protocol.paging import After, PageLimit

Words = Annotated[str, Meta(max_length=100, description="what name, description or specialty contain; empty: anything")]


class MyGroups(Struct, frozen=True):
    """The groups that one is a member of, the one with the newest activity first."""

    limit: PageLimit = 50
    after: After = ""


class FindGroups(Struct, frozen=True):
    """Public groups by course, specialty and words, the one with the newest activity first."""

    course: Course = ""
    specialty: Specialty = ""
    text: Words = ""
    limit: PageLimit = 50
    after: After = ""


class GroupPage(Struct, frozen=True):
    """A page of groups; `after` asks for the next one, empty when there is none."""

    groups: tuple[GroupCard, ...]
    after: str
