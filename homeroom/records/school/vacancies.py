"""Vacancies of the school and the applications for them.

A closed vacancy takes no applications. Never here: people who are not of the school, since each application is somebody's own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, EVERYBODY, ROLES, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.access import allowed
from homeroom.records.columns import Body, Description, Instant, Label, Name, Row, Title
from homeroom.records.declare import Action, Moment, RecordType, Reference, Unit, role, table, to
from homeroom.records.intake import misfit
from homeroom.records.notice import Notice
from homeroom.records.school.uploads import check_own_file
from homeroom.records.search import words_in
from homeroom.records.tallies import Tally

_BY_ADMINS = allow(ADMINS)
Email = Annotated[
    str, Meta(max_length=254, pattern=r"\A[^\s@\x01-\x1f\x7f]+@[^\s@\x01-\x1f\x7f]+\Z", description="name@domain")
]
Decision = Literal["submitted", "reviewing", "accepted", "rejected"]


class Vacancy(Row, frozen=True, kw_only=True):
    """A post that is to be filled, until it is closed or `closes_at` (Unix ms)."""

    title: Title
    department: Label = ""
    description: Description = ""
    closes_at: Instant | None = None
    status: Literal["open", "closed"] = "open"


def _to_come(old: Vacancy | None, new: Vacancy, moment: Moment) -> dict[str, Any]:
    """Raise `bad_command` for an end that is over already when it is said."""
    is_said = new.closes_at is not None and (old is None or old.closes_at != new.closes_at)
    if is_said and (new.closes_at or 0) <= moment.now:
        raise misfit("closes_at", "it is over already", "a time to come, Unix milliseconds")
    return {}


def _turn(before: str, after: str) -> Any:
    def change(vacancy: Vacancy, body: None, moment: Moment) -> dict[str, str]:
        if vacancy.status != before:
            raise Refusal("conflict", f"this vacancy is {vacancy.status} already", data={"status": vacancy.status})
        return {"status": after}

    return change


VACANCY = RecordType(
    name="vacancy",
    plural="vacancies",
    row=Vacancy,
    channels=(table(), role("admin")),
    read=_BY_ADMINS | allow(("teacher", "student", "parent"), "open"),
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    relations={
        "open": "r.status = 'open' OR EXISTS"
        " (SELECT FROM applications a WHERE a.vacancy_id = r.id AND a.applicant_id = :me)"
    },
    made_by_server=frozenset({"status"}),
    filters=("status", "department", "closes_at"),
    searches={"words": words_in(("title", "department"))},
    sorts=("created_at", "closes_at", "title"),
    indexes=(("status", "created_at"),),
    fill=_to_come,
    actions=(
        Action("close", "POST /api/vacancies/{id}/close", "vacancy.closed", _BY_ADMINS, _turn("open", "closed")),
        Action("reopen", "POST /api/vacancies/{id}/reopen", "vacancy.reopened", _BY_ADMINS, _turn("closed", "open")),
    ),
)


class Application(Row, frozen=True, kw_only=True):
    """Somebody's application for a vacancy."""

    vacancy_id: Id
    applicant_id: Id
    name: Name
    email: Email
    letter: Body
    upload_id: Id | None = None
    status: Decision = "submitted"
    decided_by: Id | None = None
    decided_at: Millis | None = None


class Decide(Struct, frozen=True):
    """Take an application up, accept it or reject it."""

    status: Literal["reviewing", "accepted", "rejected"]


def _decide(application: Application, body: Decide, moment: Moment) -> dict[str, Any]:
    if application.status == body.status:
        msg = f"this application is {application.status} already"
        raise Refusal("conflict", msg, data={"status": application.status})
    return {"status": body.status, "decided_by": moment.caller.user, "decided_at": moment.now}


_VACANCY = "SELECT status, closes_at FROM vacancies AS r WHERE $1::text IS NOT NULL AND id = $2 AND {sees} FOR SHARE"
"""A vacancy that the caller may see: of one that is closed others hear what they hear of one that never was."""


async def _check_others(unit: Unit, old: Application | None, new: Application | None) -> None:
    if new is None:
        return
    await check_own_file(unit, old, new)
    if old is not None and old.vacancy_id == new.vacancy_id:
        return
    sees = allowed(VACANCY, VACANCY.read, unit.caller.role)
    found = await unit.fetch(_VACANCY.format(sees=sees), unit.caller.user, new.vacancy_id)
    if not found:
        raise misfit("vacancy_id", "there is no such vacancy, or it was closed", "the id of an open vacancy")
    if found[0]["status"] != "open" or (found[0]["closes_at"] or unit.now) < unit.now:
        raise Refusal("too_late", "this vacancy is closed", data={"field": "vacancy_id"})


_DECIDED: Mapping[Decision, str] = MappingProxyType(
    {
        "reviewing": "Your application is being looked at",
        "accepted": "Your application was accepted",
        "rejected": "Your application was not accepted",
    }
)
_STATUS_CHANGED = Notice(
    "application.status_changed",
    "VALUES (r.applicant_id)",
    title=lambda application: _DECIDED[application.status],
    when=lambda old, new: old is not None and new is not None and new.status not in {old.status, "submitted"},
    data=("vacancy_id", "status"),
    url="/applications/{id}",
    lasting=True,
)
_OWN = allow(ROLES, "own")
_UNREAD = _BY_ADMINS | allow(ROLES, "unread")

APPLICATION = RecordType(
    name="application",
    plural="applications",
    row=Application,
    channels=(table(), role("admin"), to("user", "applicant_id")),
    read=_BY_ADMINS | _OWN,
    create=EVERYBODY,
    update=allow(ROLES, "unread"),
    delete=_UNREAD,
    relations={
        "own": "r.applicant_id = :me",
        "unread": "r.applicant_id = :me AND r.status = 'submitted'",
    },
    wants={"unread": "it is {status}: who applied changes it only until it is taken up"},
    references={
        "vacancy_id": Reference("vacancy"),
        "applicant_id": Reference("user"),
        "decided_by": Reference("user"),
        "upload_id": Reference("upload"),
    },
    made_by_server=frozenset({"applicant_id", "status", "decided_by", "decided_at"}),
    mine=frozenset({"applicant_id"}),
    filters=("vacancy_id", "applicant_id", "status"),
    sorts=("created_at",),
    unique=(("vacancy_id", "applicant_id"),),
    before=_check_others,
    notices=(_STATUS_CHANGED,),
    tallies=(Tally("applications_waiting", {"school": ""}, when={"status": ("submitted", "reviewing")}),),
    actions=(
        Action(
            "status", "PATCH /api/applications/{id}/status", "application.status_changed", _BY_ADMINS, _decide, Decide,
            also=("POST /api/applications/{id}/status",),
        ),
    ),
    words={"created": "application.submitted"},
)  # fmt: skip
