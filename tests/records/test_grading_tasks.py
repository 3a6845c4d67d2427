"""Answers that people look at: who shares them out, of which exams, and what becomes of a suggestion."""

from typing import Any

import pytest

from homeroom.actors.exam_rows import EXAM_TABLES
from homeroom.engine.database import Database
from homeroom.engine.journal_postgres import table_statements
from homeroom.records.school.grading_tasks import GRADING_TASK, ReviewGrading
from tests.records.school_rows import put_school
from tests.records.school_store import SchoolStore, refused


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


@pytest.fixture
async def exams(school: SchoolStore) -> SchoolStore:
    """Add the exam mid, which Tess and Mia watch over and Ann sits; another, which Theo watches over; one that is gone."""
    people = (
        ("mid", "tess", True, True), ("mid", "mia", True, True), ("mid", "ann", True, None), ("mid", "theo", True, None),
        ("mid", "bob", False, None), ("other", "theo", True, True), ("other", "ann", True, None), ("gone", "tess", True, True),
    )  # fmt: skip
    for table in EXAM_TABLES:
        for sql in table_statements(table):
            await school.database.execute(sql)
    for exam, deleted in (("mid", None), ("other", None), ("gone", True)):
        await school.database.execute(
            "INSERT INTO read_exams (stream, deleted) VALUES ($1, $2)", f"exam:{exam}", deleted
        )
    for exam, person, active, staff in people:
        sql = "INSERT INTO read_exam_people (stream, person, active, staff) VALUES ($1, $2, $3, $4)"
        await school.database.execute(sql, f"exam:{exam}", person, active, staff)
    for question, points, there in (("q1", 5, True), ("q2", 2, True), ("old", 5, False)):
        sql = "INSERT INTO read_exam_questions (stream, question, points, there) VALUES ('exam:mid', $1, $2, $3)"
        await school.database.execute(sql, question, points, there)
    return school


async def task(school: SchoolStore, who: str, exam: str = "mid", question: str = "q1", **more: Any) -> dict[str, Any]:
    ids = {
        "exam_id": exam,
        "student_id": "ann",
        "question_id": question,
        "assignee_id": "tess" if who == "ada" else who,
    }
    return await school.create(who, GRADING_TASK, **ids | more)


async def test_a_suggestion_is_accepted_adjusted_or_rejected_once_and_that_is_kept(school: SchoolStore) -> None:
    ids = {"exam_id": "x", "student_id": "ann", "suggestion": {"points": 2.5, "reason": "half of it"}}
    mine = school.create("tess", GRADING_TASK, question_id="q0", **ids)
    assert (await refused("forbidden", mine)).data["field"] == "suggestion"
    ids["assignee_id"] = "tess"
    tasks = [await school.create("ada", GRADING_TASK, question_id=f"q{n}", **ids) for n in range(3)]
    assert await school.column(GRADING_TASK, "assignee_id") == ["tess"] * 3
    await refused("bad_command", school.act("tess", GRADING_TASK, tasks[1]["id"], "review", ReviewGrading("adjusted")))
    await refused("not_found", school.act("theo", GRADING_TASK, tasks[0]["id"], "review", ReviewGrading("accepted")))
    said = [ReviewGrading("accepted"), ReviewGrading("adjusted", 3.0, "more"), ReviewGrading("rejected")]
    done = [
        await school.act("tess", GRADING_TASK, task["id"], "review", body)
        for task, body in zip(tasks, said, strict=True)
    ]
    assert [(one["action"], one["points"]) for one in done] == [
        ("accepted", 2.5),
        ("adjusted", 3.0),
        ("rejected", None),
    ]
    assert {one["suggestion"]["points"] for one in done} == {2.5}
    assert school.told("user:tess")[-1] == "grading_task.reviewed"
    await refused("conflict", school.act("tess", GRADING_TASK, tasks[0]["id"], "review", ReviewGrading("rejected")))
    await refused("conflict", school.update("tess", GRADING_TASK, tasks[0]["id"], comment="else"))
    bare = await school.create("tess", GRADING_TASK, question_id="q9", exam_id="x", student_id="ann")
    await refused("conflict", school.act("tess", GRADING_TASK, bare["id"], "review", ReviewGrading("accepted")))


async def test_only_those_who_watch_over_an_exam_share_its_answers_out(exams: SchoolStore) -> None:
    await task(exams, "tess")
    await task(exams, "ada", "other", assignee_id="theo")
    for who, exam in (("theo", "mid"), ("tess", "other"), ("tess", "nothing")):
        wrong = await refused("forbidden", task(exams, who, exam, "q2"))
        assert f"you do not watch over exam {exam!r}" in wrong.msg
    for exam in ("gone", "nothing"):
        assert (await refused("bad_command", task(exams, "ada", exam, "q2"))).data["field"] == "exam_id"
    assert await exams.column(GRADING_TASK, "exam_id") == ["mid", "other"]


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"student_id": "bob"}, ["student_id"]),
        ({"student_id": "cid"}, ["student_id"]),
        ({"question_id": "nothing"}, ["question_id"]),
        ({"question_id": "old"}, ["question_id"]),
        ({"assignee_id": "theo"}, ["assignee_id"]),
        (
            {"student_id": "cid", "question_id": "old", "assignee_id": "theo"},
            ["student_id", "question_id", "assignee_id"],
        ),
        ({"suggestion": {"points": 5.5}}, ["suggestion.points"]),
    ],
)
async def test_a_task_is_about_an_answer_that_there_is_and_all_that_is_wrong_is_named(
    exams: SchoolStore, wrong: dict[str, Any], fields: list[str]
) -> None:
    said = (await refused("bad_command", task(exams, "ada", **wrong))).data
    assert said["field"] == fields[0]
    assert [error["field"] for error in said.get("errors", [said])] == fields


async def test_an_answer_gets_no_more_points_than_its_question_is_worth(exams: SchoolStore) -> None:
    made = await task(exams, "ada", question="q2", suggestion={"points": 2})
    review = exams.act("tess", GRADING_TASK, made["id"], "review", ReviewGrading("adjusted", 4_000))
    assert (await refused("bad_command", review)).data == {"field": "points", "allowed": "0 to 2"}
    done = await exams.act("tess", GRADING_TASK, made["id"], "review", ReviewGrading("adjusted", 1.5))
    assert done["points"] == 1.5


async def test_of_an_exam_that_tells_of_no_single_questions_none_is_asked_for(exams: SchoolStore) -> None:
    made = await task(exams, "theo", "other", "any")
    done = await exams.act("theo", GRADING_TASK, made["id"], "review", ReviewGrading("adjusted", 4_000))
    assert done["points"] == 4_000


async def test_a_task_stays_about_its_answer_and_its_suggestion_as_it_was_made(exams: SchoolStore) -> None:
    made = await task(exams, "ada", suggestion={"points": 1})
    for name, value in (("exam_id", "other"), ("student_id", "bob"), ("question_id", "q2")):
        wrong = await refused("bad_command", exams.update("ada", GRADING_TASK, made["id"], **{name: value}))
        assert wrong.data["field"] == name
    better = {"suggestion": {"points": 5}}
    for who, code in (("tess", "forbidden"), ("ada", "bad_command")):
        wrong = await refused(code, exams.update(who, GRADING_TASK, made["id"], **better))
        assert wrong.data["field"] == "suggestion"
    assert (await exams.update("ada", GRADING_TASK, made["id"], assignee_id="mia"))["assignee_id"] == "mia"
    wrong = await refused("bad_command", exams.update("ada", GRADING_TASK, made["id"], assignee_id="theo"))
    assert wrong.data["field"] == "assignee_id"
