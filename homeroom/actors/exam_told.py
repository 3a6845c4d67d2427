"""What an exam and its sittings tell the channels: never a question, an answer, or a student's name or id to others than staff.

    the exam       ids on its table and to teachers; to its course, once it is published, what a plan of exams shows
    a sitting      to its staff and its student, that it was submitted; to staff, that it is graded
    a result       to the student and the parents, when it is released

Saved answers, progress and comings tell nothing here: they have streams of their own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from homeroom.actors.telling import Channels, Operation, ids, of_course, of_people, tell_channels
from homeroom.engine.behaviour import Behaviour, Fact, Guardians, Tell
from homeroom.engine.kind import Told
from homeroom.protocol import exam_events as exam
from homeroom.protocol import sitting_events as sitting


class Row(NamedTuple):
    """One event of the exam: by what name it is told, as what of a row, and whether its course hears of it."""

    event: str
    operation: Operation = "UPDATE"
    course: bool = False


_EXAM: Mapping[type[Any], Row] = MappingProxyType(
    {
        exam.Created: Row("exam.created", "INSERT"),
        exam.Edited: Row("exam.updated"),
        exam.Deleted: Row("exam.deleted", "DELETE"),
        exam.Published: Row("exam.published", course=True),
        exam.Opened: Row("exam.opened", course=True),
        exam.Extended: Row("exam.updated", course=True),
        exam.Closed: Row("exam.closed", course=True),
        exam.Ended: Row("exam.submitted"),
        exam.Released: Row("exam.results_released", course=True),
    }
)


def _tell_exam(behaviour: Behaviour[Any], fact: Fact, guardians: Guardians) -> tuple[Tell, ...]:
    row, said = _EXAM[type(fact.event)], ids(behaviour.id, _EXAM[type(fact.event)].operation, fact)
    return tell_channels(
        row.event, behaviour, fact, {"table:exams": said, "role:teacher": said, **_course(behaviour, row)}
    )


def _course(behaviour: Behaviour[Any], row: Row) -> Channels:
    shown = behaviour.state.shown
    settings = shown.settings
    if not row.course or settings is None:
        return {}
    said = {
        "id": behaviour.id,
        "title": settings.title,
        "status": shown.status,
        "opens": settings.opens,
        "closes": shown.closes,
        "minutes": settings.minutes,
    }
    return of_course(settings.course, said)


_SUBMITTED = MappingProxyType({"student": "exam.submitted"})
"""By what ended a sitting; what else does, does so by itself."""


def _about(behaviour: Behaviour[Any]) -> dict[str, Any]:
    shown = behaviour.state.shown
    return {"exam": shown.exam, "sitting": f"sitting:{behaviour.id}", "student": shown.user, "title": shown.title}


def _tell_submitted(behaviour: Behaviour[Any], fact: Fact, guardians: Guardians) -> tuple[Tell, ...]:
    event = _SUBMITTED.get(fact.event.reason, "exam.auto_submitted")
    people = (*behaviour.state.staff, behaviour.state.shown.user)
    return tell_channels(event, behaviour, fact, of_people(people, _about(behaviour)))


def _tell_graded(behaviour: Behaviour[Any], fact: Fact, guardians: Guardians) -> tuple[Tell, ...]:
    if not fact.event.complete:
        return ()
    return tell_channels("exam.graded", behaviour, fact, of_people(behaviour.state.staff, _about(behaviour)))


def _tell_result(behaviour: Behaviour[Any], fact: Fact, guardians: Guardians) -> tuple[Tell, ...]:
    result, student = fact.event.result, behaviour.state.shown.user
    said = {**_about(behaviour), "score": result.score, "most": result.most}
    return tell_channels("exam.result_released", behaviour, fact, of_people((student, *guardians(student)), said))


EXAM_TELLS = tuple(dict.fromkeys(row.event for row in _EXAM.values()))
SITTING_TELLS = ("exam.submitted", "exam.auto_submitted", "exam.graded", "exam.result_released")
EXAM_TOLD: Mapping[type[Any], Told] = MappingProxyType(dict.fromkeys(_EXAM, _tell_exam))
SITTING_TOLD: Mapping[type[Any], Told] = MappingProxyType(
    {
        sitting.Submitted: _tell_submitted,
        sitting.Graded: _tell_graded,
        sitting.ResultReleased: _tell_result,
    }
)
