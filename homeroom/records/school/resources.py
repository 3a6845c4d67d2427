"""Study resources: a link or an uploaded file, for everybody, or for a class, a course.

Never here: the file itself (uploads).
"""

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Description, Link, Row, Title
from homeroom.records.declare import Moment, RecordType, Reference, each, table, to
from homeroom.records.school.relations import (
    belongs_to,
    teaches_class,
    teaches_course,
)
from homeroom.records.school.uploads import check_own_file


class Resource(Row, frozen=True, kw_only=True):
    """Something to learn from: `url` or `upload_id` says where it is."""

    author_id: Id
    title: Title
    description: Description = ""
    class_id: Id | None = None
    course_id: Id | None = None
    subject_id: Id | None = None
    upload_id: Id | None = None
    url: Link | None = None


def _check(resource: Resource, moment: Moment) -> None:
    if (resource.upload_id is None) == (resource.url is None):
        raise Refusal("bad_command", "a resource has either a url or an upload_id", data={"field": "url"})
    if resource.class_id is not None and resource.course_id is not None:
        raise Refusal("bad_command", "a resource is for a class or for a course", data={"field": "course_id"})


_TO_ALL = "r.class_id IS NULL AND r.course_id IS NULL"
_TEACHES = f"({teaches_class('r.class_id')} OR {teaches_course('r.course_id')})"
_ADDRESSED = f"({_TO_ALL}) OR {belongs_to('r.class_id', 'r.course_id')}"
_BY_AUTHOR = allow(ADMINS) | allow(("teacher",), "own")

RESOURCE = RecordType(
    name="resource",
    plural="study_resources",
    row=Resource,
    channels=(
        table(),
        to("user", "author_id"),
        to("class", "class_id"),
        to("course", "course_id"),
        each("role", f"SELECT a.role FROM (VALUES ('teacher'), ('student'), ('parent')) a (role) WHERE {_TO_ALL}"),
    ),
    read=allow(ADMINS) | allow(("teacher",), "own", "addressed") | allow(("student", "parent"), "addressed"),
    create=allow(ADMINS) | allow(("teacher",), "shares"),
    update=allow(ADMINS) | allow(("teacher",), "shares"),
    delete=_BY_AUTHOR,
    relations={
        "own": "r.author_id = :me",
        "shares": f"r.author_id = :me AND (({_TO_ALL}) OR {_TEACHES})",
        "addressed": _ADDRESSED,
    },
    references={
        "author_id": Reference("user"),
        "class_id": Reference("class"),
        "course_id": Reference("course"),
        "subject_id": Reference("subject"),
        "upload_id": Reference("upload"),
    },
    made_by_server=frozenset({"author_id"}),
    mine=frozenset({"author_id"}),
    filters=("author_id", "class_id", "course_id", "subject_id"),
    sorts=("created_at", "title"),
    checks=_check,
    before=check_own_file,
    also=("/api/resources",),
)
