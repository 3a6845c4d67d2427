"""Report cards: a draft is worked on, a finalized one stands, a published one is seen by the student and the parents.

Never here: results of exams, which their sittings keep.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Description, Row
from homeroom.records.declare import Action, Change, Moment, RecordType, Reference, Unit, each, table, to
from homeroom.records.notice import NAME, Notice
from homeroom.records.school.people import check_in_class
from homeroom.records.school.relations import guardian_of, guardians_of, is_me, teachers_of_class, teaches_class

MARKS_MAX = 60
Status = Literal["draft", "finalized", "published"]
_BY_TEACHERS = allow(ADMINS) | allow(("teacher",), "teaches")


class SubjectMark(Struct, frozen=True):
    """The mark in one subject, in whatever words the school gives marks."""

    subject_id: Id
    mark: Annotated[str, Meta(min_length=1, max_length=20)]
    comment: Annotated[str, Meta(max_length=500)] = ""


class ReportCard(Row, frozen=True, kw_only=True):
    """What a student is told at the end of a term."""

    student_id: Id
    class_id: Id
    term_id: Id
    marks: Annotated[tuple[SubjectMark, ...], Meta(max_length=MARKS_MAX)] = ()
    comment: Description = ""
    status: Status = "draft"
    published_at: Millis | None = None


def _only_drafts(old: ReportCard | None, new: ReportCard, moment: Moment) -> dict[str, Any]:
    if old is not None and old.status != "draft":
        raise Refusal("conflict", f"this report card is {old.status}: revert it first", data={"status": old.status})
    return {}


def _check(card: ReportCard, moment: Moment) -> None:
    subjects = [mark.subject_id for mark in card.marks]
    if len(set(subjects)) != len(subjects):
        raise Refusal("bad_command", "marks: a subject stands here twice", data={"field": "marks"})


async def _check_others(unit: Unit, old: ReportCard | None, new: ReportCard | None) -> None:
    if new is None:
        return
    if old is None or (old.class_id, old.student_id) != (new.class_id, new.student_id):
        await check_in_class(unit, ((new.class_id, new.student_id),))
    if old is None or old.marks != new.marks:
        await _check_subjects(unit, new)


async def _check_subjects(unit: Unit, card: ReportCard) -> None:
    wanted = [mark.subject_id for mark in card.marks]
    rows = await unit.fetch("SELECT id FROM subjects WHERE id = ANY($1::text[])", wanted)
    unknown = sorted(set(wanted) - {row["id"] for row in rows})
    if unknown:
        raise Refusal("bad_command", f"marks: there is no subject {unknown[0]!r}", data={"field": "marks"})


def _step(before: tuple[Status, ...], after: Status) -> Change:
    def change(card: ReportCard, body: None, moment: Moment) -> dict[str, Any]:
        if card.status not in before:
            msg = f"this report card is {card.status}, not {' or '.join(before)}"
            raise Refusal("conflict", msg, data={"status": card.status})
        return {"status": after, "published_at": moment.now if after == "published" else None}

    return change


def _action(name: str, event: str, change: Change, *spellings: str) -> Action:
    doors = [
        f"POST /api/{path}/{{id}}/{word}" for path in ("report-cards", "reportcards") for word in (name, *spellings)
    ]
    return Action(name, doors[0], f"reportcard.{event}", _BY_TEACHERS, change, also=tuple(doors[1:]))


def _is_published(old: ReportCard | None, new: ReportCard | None) -> bool:
    return new is not None and new.status == "published" and (old is None or old.status != "published")


def _is_reverted(old: ReportCard, new: ReportCard) -> bool:
    return old.status == "published" != new.status


_PUBLISHED = "r.status = 'published'"
_NOTICE = Notice(
    "reportcard.published",
    f"SELECT r.student_id UNION {guardians_of('r.student_id')}",
    title=lambda card: f"A report card of {NAME} is there",
    named="student_id",
    when=_is_published,
    over=_is_reverted,
    data=("student_id", "class_id", "term_id"),
    url="/report-cards/{id}",
)

REPORT_CARD = RecordType(
    name="reportcard",
    plural="report_cards",
    row=ReportCard,
    channels=(
        table(),
        to("reportcard", f"CASE WHEN {_PUBLISHED} THEN r.id END"),
        to("reportcard", f"CASE WHEN NOT {_PUBLISHED} THEN r.id END", "ids"),
        to("class", f"CASE WHEN {_PUBLISHED} THEN r.class_id END", "ids"),
        to("user", f"CASE WHEN {_PUBLISHED} THEN r.student_id END"),
        each("user", f"SELECT p.guardian FROM ({guardians_of('r.student_id')}) p WHERE {_PUBLISHED}"),
        each("user", teachers_of_class("r.class_id")),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "teaches")
    | allow(("student",), "published_own")
    | allow(("parent",), "published_guardian"),
    create=_BY_TEACHERS,
    update=_BY_TEACHERS,
    delete=allow(ADMINS) | allow(("teacher",), "drafts"),
    relations={
        "teaches": teaches_class("r.class_id"),
        "drafts": f"r.status = 'draft' AND ({teaches_class('r.class_id')})",
        "published_own": f"{_PUBLISHED} AND {is_me('r.student_id')}",
        "published_guardian": f"{_PUBLISHED} AND {guardian_of('r.student_id')}",
    },
    wants={
        "teaches": "you are no teacher of class {class_id!r}",
        "drafts": "you are no teacher of class {class_id!r}, or it is no draft any more",
    },
    references={
        "student_id": Reference("user", role="student"),
        "class_id": Reference("class"),
        "term_id": Reference("term"),
    },
    made_by_server=frozenset({"status", "published_at"}),
    filters=("student_id", "class_id", "term_id", "status"),
    sorts=("created_at", "published_at"),
    unique=(("student_id", "class_id", "term_id"),),
    indexes=(("class_id", "term_id"),),
    fill=_only_drafts,
    checks=_check,
    after=_check_others,
    notices=(_NOTICE,),
    actions=(
        _action("finalize", "finalized", _step(("draft",), "finalized"), "finalise"),
        _action("publish", "published", _step(("finalized",), "published")),
        _action("revert", "reverted", _step(("finalized", "published"), "draft")),
    ),
    also=("/api/reportcards",),
)
