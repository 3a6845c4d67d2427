"""What students write down for their mentors, its review, and the comments on it.

A reviewed entry is changed no more, unless changes were asked for: then it waits for a review again. Never here: notices of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Body, Description, Row, Title
from homeroom.records.declare import Action, Moment, RecordType, Reference, Unit, each, table, to
from homeroom.records.notice import NAME, Notice
from homeroom.records.school.relations import guardian_of, guardians_of, is_me, mentor_of, mentors_of
from homeroom.records.search import words_in
from homeroom.records.tallies import Tally

HISTORY_MAX = 100
Status = Literal["pending", "approved", "rejected", "changes_requested"]


class Step(Struct, frozen=True):
    """A status that an entry came to, by whom and when (Unix ms)."""

    status: Status
    by: Id
    at: Millis
    comment: Description = ""


class Entry(Row, frozen=True, kw_only=True):
    """An entry of a student; `history` holds the newest steps of its review, the oldest first."""

    student_id: Id
    title: Title
    body: Body
    status: Status = "pending"
    reviewed_by: Id | None = None
    reviewed_at: Millis | None = None
    history: Annotated[tuple[Step, ...], Meta(max_length=HISTORY_MAX)] = ()


class Review(Struct, frozen=True):
    """Approve an entry, reject it, or ask for changes."""

    status: Literal["approved", "rejected", "changes_requested"]
    comment: Description = ""


def _review(entry: Entry, body: Review, moment: Moment) -> dict[str, Any]:
    if entry.status == body.status:
        raise Refusal("conflict", f"this entry is {entry.status} already", data={"status": entry.status})
    step = Step(body.status, moment.caller.user, moment.now, body.comment)
    return {
        "status": body.status,
        "reviewed_by": moment.caller.user,
        "reviewed_at": moment.now,
        "history": _longer(entry, step),
    }


def _resubmit(old: Entry | None, new: Entry, moment: Moment) -> dict[str, Any]:
    """Return what a change by its student makes of the status."""
    if old is None or old.status == "pending":
        return {}
    if old.status != "changes_requested":
        raise Refusal("conflict", f"this entry is {old.status}: it stays as it is", data={"status": old.status})
    return {"status": "pending", "history": _longer(old, Step("pending", moment.caller.user, moment.now))}


def _longer(entry: Entry, step: Step) -> tuple[Step, ...]:
    return (*entry.history, step)[-HISTORY_MAX:]


def _waits(old: Entry | None, new: Entry | None) -> bool:
    """Tell whether an entry waits for a review that did not before."""
    return new is not None and new.status == "pending" and (old is None or old.status != "pending")


def _is_reviewed(old: Entry | None, new: Entry | None) -> bool:
    return old is not None and new is not None and new.status not in {old.status, "pending"}


_OWN = allow(("student",), "own")
_REVIEWED: Mapping[Status, str] = MappingProxyType(
    {
        "approved": "Your entry was approved",
        "rejected": "Your entry was rejected",
        "changes_requested": "Your entry needs changes",
    }
)
_ENTRY_NOTICES = (
    Notice(
        "entry.created",
        mentors_of("r.student_id"),
        title=lambda entry: f"{NAME}: {entry.title}",
        named="student_id",
        when=_waits,
        message=lambda entry: "An entry waits for your review",
        data=("student_id",),
        url="/entries/{id}",
    ),
    Notice(
        "entry.status_changed",
        "VALUES (r.student_id)",
        title=lambda entry: entry.title,
        when=_is_reviewed,
        message=lambda entry: _REVIEWED[entry.status],
        data=("status", "reviewed_by"),
        url="/entries/{id}",
    ),
)

ENTRY = RecordType(
    name="entry",
    plural="entries",
    row=Entry,
    channels=(
        table(),
        to("user", "student_id"),
        each("user", mentors_of("r.student_id")),
        each("user", guardians_of("r.student_id")),
    ),
    read=allow(ADMINS) | allow(("teacher",), "mentor") | _OWN | allow(("parent",), "guardian"),
    create=_OWN,
    update=_OWN,
    delete=allow(ADMINS) | allow(("student",), "unreviewed"),
    relations={
        "own": is_me("r.student_id"),
        "unreviewed": "r.student_id = :me AND r.status = 'pending' AND r.reviewed_at IS NULL",
        "mentor": mentor_of("r.student_id"),
        "guardian": guardian_of("r.student_id"),
    },
    wants={
        "own": "an entry is written by its student alone",
        "unreviewed": "it was looked at already, or it is not yours",
        "mentor": "you are no mentor of {student_id!r}",
    },
    references={"student_id": Reference("user", role="student"), "reviewed_by": Reference("user")},
    made_by_server=frozenset({"status", "reviewed_by", "reviewed_at", "history"}),
    mine=frozenset({"student_id"}),
    filters=("student_id", "status", "reviewed_by", "created_at"),
    searches={"words": words_in(("title",))},
    sorts=("created_at", "updated_at", "title"),
    indexes=(("student_id", "status"), ("student_id", "created_at")),
    fill=_resubmit,
    notices=_ENTRY_NOTICES,
    tallies=(Tally("entries", {"student": "student_id", "school": ""}, by="status"),),
    actions=(
        Action(
            "review", "POST /api/entries/{id}/review", "entry.status_changed",
            allow(ADMINS) | allow(("teacher",), "mentor"), _review, Review, also=("PATCH /api/entries/{id}/status",),
        ),
    ),
)  # fmt: skip


class Comment(Row, frozen=True, kw_only=True):
    """What somebody says about an entry."""

    entry_id: Id
    author_id: Id
    body: Description


def _check_comment(comment: Comment, moment: Moment) -> None:
    if not comment.body:
        raise Refusal("bad_command", "body: a comment says something", data={"field": "body"})


async def _keep_entry(unit: Unit, old: Comment | None, new: Comment | None) -> None:
    if old is not None and new is not None and old.entry_id != new.entry_id:
        raise Refusal("bad_command", "entry_id: a comment stays with its entry", data={"field": "entry_id"})


def _of_entry(predicate: str) -> str:
    return f"EXISTS (SELECT FROM entries e WHERE e.id = r.entry_id AND {predicate})"


_AUTHOR = is_me("r.author_id")
_ENTRY_STUDENT = "SELECT e.student_id FROM entries e WHERE e.id = r.entry_id"
_ENTRY_MENTORS = (
    "SELECT m.mentor_id FROM entries e JOIN mentorships m ON m.student_id = e.student_id"
    " WHERE e.id = r.entry_id AND m.active"
)
_ENTRY_GUARDIANS = (
    "SELECT g.guardian FROM entries e JOIN guardians g ON g.ward = e.student_id WHERE e.id = r.entry_id AND g.active"
)
_ADDED = Notice(
    "comment.added",
    f"{_ENTRY_STUDENT} UNION {_ENTRY_MENTORS}",
    title=lambda comment: f"{NAME} has commented on an entry",
    named="author_id",
    when=lambda old, new: old is None,
    message=lambda comment: comment.body,
    data=("entry_id", "author_id"),
    url="/comments/{id}",
)
_BY_AUTHOR = allow(ADMINS, "author") | allow(("teacher",), "author_mentor") | allow(("student",), "author_own")
"""Whoever may not read an entry any more says nothing of it any more, and takes nothing back."""

COMMENT = RecordType(
    name="comment",
    plural="comments",
    row=Comment,
    channels=(
        table(),
        each("user", _ENTRY_STUDENT),
        each("user", _ENTRY_MENTORS),
        each("user", _ENTRY_GUARDIANS),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "mentor")
    | allow(("student",), "own_entry")
    | allow(("parent",), "guardian"),
    create=allow(ADMINS) | allow(("teacher",), "mentor") | allow(("student",), "own_entry"),
    update=_BY_AUTHOR,
    delete=allow(ADMINS) | _BY_AUTHOR,
    relations={
        "author": _AUTHOR,
        "author_mentor": f"{_AUTHOR} AND {_of_entry(mentor_of('e.student_id'))}",
        "author_own": f"{_AUTHOR} AND {_of_entry(is_me('e.student_id'))}",
        "own_entry": _of_entry(is_me("e.student_id")),
        "mentor": _of_entry(mentor_of("e.student_id")),
        "guardian": _of_entry(guardian_of("e.student_id")),
    },
    wants={
        "author": "{author_id!r} wrote it, and you did not",
        "author_mentor": "{author_id!r} wrote it, or you are the student's mentor no more",
        "author_own": "{author_id!r} wrote it, and you did not",
        "own_entry": "there is no such entry of yours",
        "mentor": "there is no such entry of a student whose mentor you are",
    },
    references={"entry_id": Reference("entry", on_delete="cascade"), "author_id": Reference("user")},
    made_by_server=frozenset({"author_id"}),
    mine=frozenset({"author_id"}),
    filters=("entry_id", "author_id"),
    sorts=("created_at",),
    indexes=(("entry_id", "created_at"),),
    checks=_check_comment,
    before=_keep_entry,
    notices=(_ADDED,),
    words={"created": "comment.added"},
)
