"""Cohorts: students whom mentors lead together, across classes.

Never here: single mentors of single students (`students`).
"""

from typing import Literal

from homeroom.protocol.access import ADMINS, STAFF, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Description, Row, Title
from homeroom.records.declare import RecordType, Reference, Unit, each, role, table, to
from homeroom.records.place import Place
from homeroom.records.school.homes import check_not_home, keep_home
from homeroom.records.school.people import check_here, check_parts, check_unused, newcomers
from homeroom.records.school.relations import (
    guardian_in_cohort,
    guardian_of,
    guardians_of,
    in_cohort,
    is_me,
    leads_cohort,
)

_BY_ADMINS = allow(ADMINS)


class Cohort(Row, frozen=True, kw_only=True):
    """A cohort of students."""

    title: Title
    description: Description = ""


COHORT = RecordType(
    name="cohort",
    plural="cohorts",
    row=Cohort,
    channels=(table(), role("admin"), to("cohort", "id")),
    read=allow(STAFF) | allow(("student",), "member") | allow(("parent",), "guardian"),
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    relations={"member": in_cohort("r.id"), "guardian": guardian_in_cohort("r.id")},
    sorts=("title", "created_at"),
    own_id=True,
    before=keep_home("cohort_id"),
    after=check_unused("cohort"),
)


class CohortMembership(Row, frozen=True, kw_only=True):
    """That somebody belongs to a cohort, as a mentor or a member."""

    cohort_id: Id
    user_id: Id
    part: Literal["mentor", "member"]


async def _check_joined(unit: Unit, old: CohortMembership | None, new: CohortMembership | None) -> None:
    if new is not None:
        await check_parts(unit, ((new.user_id, new.part),))
    await check_here(unit, "user_id", newcomers(((old, new),)))


async def _check_left(unit: Unit, old: CohortMembership | None, new: CohortMembership | None) -> None:
    """Let whoever leaves hear nothing more of the cohort."""
    if old is not None and (new is None or (new.cohort_id, new.user_id) != (old.cohort_id, old.user_id)):
        await check_not_home(unit, "cohort_id", old.cohort_id, old.user_id)
        unit.withdraw(f"cohort:{old.cohort_id}", (old.user_id,))


_BY_MENTORS = allow(ADMINS) | allow(("teacher",), "enrols")

COHORT_MEMBERSHIP = RecordType(
    name="cohort_membership",
    plural="cohort_memberships",
    row=CohortMembership,
    channels=(
        table(),
        role("admin"),
        to("cohort", "cohort_id", "ids"),
        to("user", "user_id"),
        each("user", guardians_of("r.user_id"), "ids"),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "leads", "own")
    | allow(("student",), "own", "mentor_of_mine")
    | allow(("parent",), "guardian"),
    create=_BY_MENTORS,
    update=_BY_ADMINS,
    delete=_BY_MENTORS,
    relations={
        "own": is_me("r.user_id"),
        "leads": leads_cohort("r.cohort_id"),
        "enrols": f"r.part = 'member' AND {leads_cohort('r.cohort_id')}",
        "mentor_of_mine": f"r.part = 'mentor' AND {in_cohort('r.cohort_id')}",
        "guardian": guardian_of("r.user_id"),
    },
    wants={"enrols": "you are no mentor of cohort {cohort_id!r}, or it is not as a member"},
    references={"cohort_id": Reference("cohort", on_delete="cascade"), "user_id": Reference("user", first=True)},
    filters=("cohort_id", "user_id", "part"),
    sorts=("created_at", "user_id"),
    unique=(("cohort_id", "user_id"),),
    indexes=(("user_id", "cohort_id"),),
    before=_check_left,
    after=_check_joined,
    place=Place("cohort", "user_id", "cohort_id"),
)
