"""Listing the whole course for an exam: its students as they are, by who belongs to it."""

import dataclasses

import pytest

from homeroom.actors.exam import EXAM
from homeroom.engine.behaviour import Caller
from homeroom.protocol.exam import AskStudents, Create, Edit, Enroll, Person
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, TEACHER

COURSE_TEACHER = dataclasses.replace(TEACHER, places=frozenset({"course:cs1"}))


def draft(course: str = "cs1") -> Driver:
    """Return a draft of the teacher; Ann and Ben are the students of the course cs1."""
    exam = Driver(EXAM, "mid", members=lambda place: {"ann": "Ann", "ben": ""} if place == "course:cs1" else {})
    exam.knows = lambda place: place == "course:cs1"
    exam.do(Create("Midterm", course=course), COURSE_TEACHER)
    return exam


def listed(exam: Driver) -> dict[str, str]:
    """Return who is listed, with their names."""
    return {user: seat.name for user, seat in exam.do(AskStudents(), ADMIN).students.items()}


def test_the_course_is_listed_beside_others_and_each_once() -> None:
    exam = draft()
    exam.do(Enroll((Person("eve", "Eve"), Person("ann", "Ann")), course=True), COURSE_TEACHER)
    assert listed(exam) == {"eve": "Eve", "ann": "Ann", "ben": ""}
    exam.do(Enroll(course=True), ADMIN)
    assert len(listed(exam)) == 3


@pytest.mark.parametrize(
    ("caller", "course", "command", "code"),
    [
        (TEACHER, "cs1", Enroll(course=True), "forbidden"),
        (COURSE_TEACHER, "", Enroll(course=True), "bad_command"),
        (COURSE_TEACHER, "cs1", Enroll(), "bad_command"),
    ],
)
def test_only_ones_own_course_is_listed_and_only_where_there_is_one(
    caller: Caller, course: str, command: Enroll, code: str
) -> None:
    assert draft(course).try_do(command, caller) == code


def test_an_exam_is_of_a_course_to_which_its_maker_belongs_or_of_none_that_there_is() -> None:
    def make(caller: Caller, course: str) -> str:
        exam = Driver(EXAM, "mid", knows=lambda place: place == "course:cs1")
        return exam.try_do(Create("Midterm", course=course), caller)

    assert [make(who, "cs1") for who in (COURSE_TEACHER, ADMIN, TEACHER)] == ["ok", "ok", "forbidden"]
    assert [make(who, "art") for who in (COURSE_TEACHER, ADMIN, TEACHER)] == ["ok", "ok", "ok"]


def test_an_exam_goes_to_no_course_of_others() -> None:
    exam = draft("art")
    assert exam.try_do(Edit(course="cs1"), TEACHER) == "forbidden"
    assert exam.try_do(Edit(course="cs1"), COURSE_TEACHER) == "ok"
    assert exam.try_do(Edit(title="Final"), TEACHER) == "ok", "what stands with it already stays"


def test_who_is_listed_without_a_name_has_the_one_that_the_school_knows() -> None:
    names = {"user:eve": {"eve": "Eve"}, "user:ann": {"ann": "Ann"}}
    exam = Driver(EXAM, "mid", members=lambda place: names.get(place, {}))
    exam.do(Create("Midterm", students=(Person("eve"),)), ADMIN)
    exam.do(Enroll((Person("ann"), Person("bob"), Person("eve", "Another"))), ADMIN)
    exam.do(Enroll((Person("fay", "Fay F."),)), ADMIN)
    assert listed(exam) == {"eve": "Eve", "ann": "Ann", "bob": "", "fay": "Fay F."}
