"""What records may know of an exam: whether there is one, who watches over it, who sits it, and what its questions are worth.

Exams are actors; their read models stand in the same database. Where no exams are kept there is nothing to hold an answer against.
Never here: the words of questions and their keys, and the points of a sitting, which the exam keeps.
"""

from typing import Any, NamedTuple

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, SYSTEM_ROLE
from homeroom.records.declare import Unit
from homeroom.records.intake import misfit, misfits

_KEPT = """SELECT to_regclass('read_exams') IS NOT NULL AND to_regclass('read_exam_people') IS NOT NULL
AND to_regclass('read_exam_questions') IS NOT NULL AS kept"""
_PERSON = "EXISTS (SELECT FROM read_exam_people p WHERE p.stream = $1 AND p.person = {person} AND p.active AND {part})"
_WATCHES, _SITS = "p.staff", "p.staff IS NOT TRUE"
_LOOK = f"""SELECT EXISTS (SELECT FROM read_exams e WHERE e.stream = $1 AND e.deleted IS NOT TRUE) AS there,
{_PERSON.format(person="$2", part=_WATCHES)} AS asker_watches, {_PERSON.format(person="$3", part=_WATCHES)} AS assignee_watches,
{_PERSON.format(person="$4", part=_SITS)} AS student_sits,
EXISTS (SELECT FROM read_exam_questions q WHERE q.stream = $1) AS questions_known,
(SELECT q.points FROM read_exam_questions q WHERE q.stream = $1 AND q.question = $5 AND q.there) AS points"""


class Answer(NamedTuple):
    """One student's answer to one question of an exam, to be looked at by somebody."""

    exam: str
    student: str
    question: str
    assignee: str


async def check_answer(unit: Unit, answer: Answer) -> float | None:
    """Return what the question is worth, `None` where that is not known: exams of long ago tell of no single questions.

    Raises `forbidden` for a teacher who does not watch over the exam, and the same where there is none; `bad_command` for an exam,
    a student or a question that there is not, and for an assignee who does not watch over it.
    """
    look = await _look(unit, answer)
    if look is None:
        return None
    if unit.caller.role not in (*ADMINS, SYSTEM_ROLE) and not look["asker_watches"]:
        raise Refusal(
            "forbidden", f"you do not watch over exam {answer.exam!r}: its owner and proctors share answers out"
        )
    if not look["there"]:
        raise misfit("exam_id", "there is no such thing", "the id of an exam")
    wrong = [
        fault
        for fault, is_wrong in (
            (("student_id", "does not sit this exam", "the id of a student on its list"), not look["student_sits"]),
            (("question_id", "there is no such thing", "the id of a question of the exam"), _lacks_question(look)),
            (("assignee_id", "does not watch over this exam", "the id of its owner or a proctor"), not look["assignee_watches"]),
        )
        if is_wrong
    ]  # fmt: skip
    if wrong:
        raise misfits(wrong)
    return _worth(look)


async def points_of(unit: Unit, answer: Answer) -> float | None:
    """Return what the question is worth, `None` where that is not known."""
    look = await _look(unit, answer)
    return None if look is None else _worth(look)


def _worth(look: Any) -> float | None:
    """Return the points of a question that was looked up."""
    return None if look["points"] is None else float(look["points"])


def _lacks_question(look: Any) -> bool:
    return look["points"] is None and look["questions_known"]


async def _look(unit: Unit, answer: Answer) -> Any:
    if not (await unit.fetch(_KEPT))[0]["kept"]:
        return None
    args = (f"exam:{answer.exam}", unit.caller.user, answer.assignee, answer.student, answer.question)
    return (await unit.fetch(_LOOK, *args))[0]
