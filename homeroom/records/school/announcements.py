"""Announcements: to everybody, a role, a class or a course; kept back as a draft, or published now or at a time.

Whom one is not for learns nothing of it; nobody hears of one before it is published. Never here: what is published by the clock
(`announcements_due`), and notices to single people.
"""

from typing import Any, Literal

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, ROLE_ALIASES, ROLES, STAFF, Role, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Body, Instant, Row, Title
from homeroom.records.declare import Action, Moment, RecordType, Reference, Unit, each, table, to
from homeroom.records.intake import misfit
from homeroom.records.notice import Notice
from homeroom.records.school.relations import (
    NOW_MS,
    belongs_to,
    is_me,
    teaches_class,
    teaches_course,
)

AUDIENCE = ("target_role", "class_id", "course_id")


class Scheduled(Struct, frozen=True):
    """News for this server: an announcement waits for its time."""


class Announcement(Row, frozen=True, kw_only=True):
    """Something to be known, by everybody unless it says by whom. Its body may have markup."""

    author_id: Id
    title: Title
    body: Body
    target_role: Role | None = None
    class_id: Id | None = None
    course_id: Id | None = None
    status: Literal["draft", "scheduled", "published"] = "published"
    publish_at: Instant | None = None
    expires_at: Instant | None = None
    published_at: Millis | None = None


def _timed(old: Announcement | None, new: Announcement, moment: Moment) -> dict[str, Any]:
    """Return whether it is published now, as it says itself and its time says; raises `bad_command` for a time that is missing."""
    if new.status == "scheduled" and new.publish_at is None:
        raise misfit("publish_at", "missing: what is scheduled says when it is published", "Unix milliseconds")
    if new.status == "draft":
        return {"published_at": None}
    if old is not None and old.status == "published":
        return {"status": "published"}
    if new.publish_at is not None and new.publish_at > moment.now:
        return {"status": "scheduled", "published_at": None}
    return {"status": "published", "published_at": moment.now}


def _check(announcement: Announcement, moment: Moment) -> None:
    named = [name for name in AUDIENCE if getattr(announcement, name) is not None]
    if len(named) > 1:
        msg = f"an announcement is for one of {', '.join(AUDIENCE)}, or for everybody"
        raise Refusal("bad_command", msg, data={"field": named[1], "allowed": msg})
    begins = max(announcement.publish_at or 0, announcement.published_at or 0)
    if announcement.expires_at is not None and announcement.expires_at <= begins:
        raise Refusal("bad_command", "an announcement ends after it is published", data={"field": "expires_at"})


def _publish(announcement: Announcement, body: None, moment: Moment) -> dict[str, Any]:
    if announcement.status == "published":
        raise Refusal("conflict", "this announcement is published already")
    if announcement.expires_at is not None and announcement.expires_at <= moment.now:
        raise Refusal("too_late", "this announcement has ended already")
    return {"status": "published", "published_at": moment.now}


async def _wait(unit: Unit, old: Announcement | None, new: Announcement | None) -> None:
    """Have this server know of one that waits for its time."""
    if new is not None and new.status == "scheduled":
        unit.news(Scheduled())


_VISIBLE = f"r.status = 'published' AND (r.expires_at IS NULL OR r.expires_at > {NOW_MS})"
_TO_ALL = "r.target_role IS NULL AND r.class_id IS NULL AND r.course_id IS NULL"
_ROLES = ", ".join(f"('{role}')" for role in ROLES)
_MINE = is_me("r.author_id")
_BY_AUTHORS = allow(ADMINS) | allow(("teacher",), "own")
_ADDRESSED = " OR ".join(
    (
        f"({_TO_ALL})",
        "r.target_role = (SELECT u.role FROM users u WHERE u.id = :me)",
        belongs_to("r.class_id", "r.course_id"),
    )
)


def _audience(announcement: Announcement) -> tuple[str | None, ...]:
    return announcement.target_role, announcement.class_id, announcement.course_id


def _is_published(old: Announcement | None, new: Announcement | None) -> bool:
    """Tell whether it is published, and was not before, or for others."""
    if new is None or new.status != "published":
        return False
    return old is None or old.status != "published" or _audience(old) != _audience(new)


def _is_over(old: Announcement, new: Announcement) -> bool:
    """Tell whether what was told of it is over: it is withdrawn, or for others."""
    return old.status == "published" and (new.status != "published" or _audience(old) != _audience(new))


def _ends(announcement: Announcement) -> int | None:
    return announcement.expires_at if announcement.status == "published" else None


_WHO = " UNION ".join(
    (
        f"SELECT u.id FROM users u WHERE u.active AND ({_TO_ALL} OR u.role = r.target_role)",
        "SELECT m.user_id FROM class_memberships m WHERE m.class_id = r.class_id",
        "SELECT t.teacher_id FROM teachings t WHERE t.class_id = r.class_id",
        (
            "SELECT g.guardian FROM class_memberships m JOIN guardians g ON g.ward = m.user_id AND g.active"
            " WHERE m.class_id = r.class_id AND m.part = 'student'"
        ),
        "SELECT c.teacher_id FROM courses c WHERE c.id = r.course_id",
        "SELECT e.user_id FROM enrolments e WHERE e.course_id = r.course_id AND e.status = 'active'",
        (
            "SELECT g.guardian FROM enrolments e JOIN guardians g ON g.ward = e.user_id AND g.active"
            " WHERE e.course_id = r.course_id AND e.status = 'active' AND e.part = 'student'"
        ),
    )
)
_NOTICE = Notice(
    "announcement.published",
    f"SELECT who.id FROM ({_WHO}) AS who (id) WHERE {_VISIBLE}",
    title=lambda announcement: announcement.title,
    when=_is_published,
    over=_is_over,
    until=_ends,
    data=("author_id", "class_id", "course_id"),
    url="/announcements/{id}",
    wide=True,
)
KEPT_BACK = Notice(
    "announcement.kept_back",
    "SELECT u.id FROM users u WHERE u.active AND u.deleted_at IS NULL"
    f" AND (u.id = r.author_id OR u.role IN ({', '.join(map(repr, ADMINS))}))",
    title=lambda announcement: announcement.title,
    message=lambda announcement: (
        "It was not published at its time: its author may not publish it any more. It is a draft now"
    ),
    data=_NOTICE.data,
    url=_NOTICE.url,
)
"""For whatever publishes by the clock: an author may have lost the right since the time was set."""

ANNOUNCEMENT = RecordType(
    name="announcement",
    plural="announcements",
    row=Announcement,
    channels=(
        table(),
        to("user", "author_id"),
        each("role", f"SELECT a.role FROM (VALUES {_ROLES}) a (role) WHERE {_VISIBLE} AND ({_TO_ALL} OR a.role = r.target_role)"),
        to("class", f"CASE WHEN {_VISIBLE} THEN r.class_id END"),
        to("course", f"CASE WHEN {_VISIBLE} THEN r.course_id END"),
    ),
    read=allow(ADMINS) | allow(("teacher",), "own") | allow(("teacher", "student", "parent"), "addressed"),
    create=_BY_AUTHORS,
    update=_BY_AUTHORS,
    delete=allow(ADMINS) | allow(("teacher",), "author"),
    relations={
        "author": _MINE,
        "own": f"{_MINE} AND ({teaches_class('r.class_id')} OR {teaches_course('r.course_id')})",
        "addressed": f"{_VISIBLE} AND ({_ADDRESSED})",
    },
    wants={"own": "teachers announce to classes and courses that they teach, and change what they announced there: all else is for admins", "author": "{author_id!r} announced it, and you are not"},
    references={
        "author_id": Reference("user"),
        "class_id": Reference("class"),
        "course_id": Reference("course"),
    },
    made_by_server=frozenset({"author_id", "published_at"}),
    mine=frozenset({"author_id"}),
    rich=frozenset({"body"}),
    spellings={"target_role": ROLE_ALIASES},
    filters=("author_id", "target_role", "class_id", "course_id", "status", "published_at"),
    sorts=("published_at", "created_at", "title"),
    indexes=(("status", "publish_at"), ("published_at",)),
    fill=_timed,
    checks=_check,
    after=_wait,
    notices=(_NOTICE, KEPT_BACK),
    actions=(
        Action("publish", "POST /api/announcements/{id}/publish", "announcement.published", allow(ADMINS) | allow(STAFF, "own"), _publish),
    ),
)  # fmt: skip
