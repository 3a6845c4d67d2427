"""What the demo school has for a year: terms, classes, who belongs to them, courses, entries, tasks, marks, announcements, a vacancy.

Ids are fixed, so that a second start finds what the first one made. Never here: what belongs to a day (`days`), and carrying it out
(`wishes`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from homeroom.records.demo.people import CALLERS
from homeroom.records.demo.wishes import SYSTEM, Act, Do, Make, Part
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.school.cohorts import COHORT, COHORT_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT
from homeroom.records.school.entries import COMMENT, ENTRY, Review
from homeroom.records.school.grading_tasks import GRADING_TASK
from homeroom.records.school.homepage import HOMEPAGE
from homeroom.records.school.preferences import PREFERENCE
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.resources import RESOURCE
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.tasks import TASK, TaskStatus
from homeroom.records.school.terms import TERM, ActivateTerm
from homeroom.records.school.vacancies import APPLICATION, VACANCY, Decide

ADMIN, TARA, THEO = "demo-admin", "demo-teacher-1", "demo-teacher-2"
PAULA, PETER = "demo-parent-1", "demo-parent-2"
STUDENTS = tuple(f"demo-student-{n}" for n in range(1, 7))
CLASSES = {"demo-10a": TARA, "demo-10b": THEO}
"""The classes with their class teachers, who are the mentors of their students too."""
CLASS_OF = {student: ("demo-10a", "demo-10b")[n // 3] for n, student in enumerate(STUDENTS)}
SUBJECTS = {"maths": TARA, "physics": TARA, "english": THEO, "history": THEO, "chemistry": TARA, "art": THEO}
"""The subjects with whoever teaches them in both classes."""
PAST_EXAM, PAST_QUESTION = "demo-past", "causes"
"""An exam that was held on paper, and its question, whose answers are looked at."""
COURSES = {"chess": ("Chess for beginners", THEO, STUDENTS[:4]), "robotics": ("Robotics", TARA, STUDENTS[2:])}

_ENTRIES = (
    ("What I learned about levers", "A long lever lifts more, but it moves less. I tried it with a ruler.", "approved"),
    ("Book report: The Wave", "It made me think about groups, and about saying no.", "changes_requested"),
    ("My week in the workshop", "I sawed, sanded and glued. The box closes now.", "pending"),
)
_TASKS = (
    ("Read chapter 4", "Note three questions for Thursday.", "done"),
    ("Solve sheet 7", "The last two are harder than they look.", "in_progress"),
    ("Prepare the talk", "Five minutes, without notes.", "pending"),
)
_SECTIONS = (
    ("demo-welcome", "Welcome", "<p>A small school where nobody gets lost.</p>"),
    ("demo-news", "News", "<p>The <strong>summer concert</strong> was a success. Thanks to all who helped!</p>"),
    ("demo-contact", "Contact", "<p>The office is open from 8 to 12.</p>"),
)
_LETTERS = {PAULA: "I have kept books for ten years.", PETER: "I like order, and children."}
_MARKS = ("1", "2", "2-3", "3", "1-2", "2")


def school(today: date) -> Iterator[Part]:
    """Yield what there is in the school year of `today`."""
    now, before = term_of(today), term_of(_first_day(today) - timedelta(days=1))
    yield Part(ADMIN, (*map(_term, (before, now)), *_subjects(), *_classes(now[0]), *_courses(now[0])))
    yield Part(ADMIN, (Do(TERM, now[0], "activate", ActivateTerm(now[0]), "term.activated"),))
    yield Part(ADMIN, tuple(_people(today)))
    yield Part(ADMIN, tuple(_school_life()))
    for student in STUDENTS:
        yield Part(student, tuple(_entries_of(student)))
    for class_id, teacher in CLASSES.items():
        students = [student for student in STUDENTS if CLASS_OF[student] == class_id]
        yield Part(teacher, tuple(wish for student in students for wish in _reviews_of(student)))
        yield Part(teacher, tuple(wish for student in students for wish in _tasks_of(student)))
        yield Part(teacher, tuple(wish for student in students for wish in _report_of(student, class_id, before[0])))
        yield Part(teacher, tuple(_teacher_life(class_id)))
    for student in STUDENTS:
        yield Part(student, tuple(_student_life(student)))
    for parent, letter in _LETTERS.items():
        yield Part(parent, (_application(parent, letter),))
    yield Part(ADMIN, (Act(APPLICATION, f"{PAULA}-application", "status", Decide("reviewing")),))


def term_of(day: date) -> tuple[str, str, date, date]:
    """Return the term of a day: id, title, first and last day. The school year begins in August, its second half in February."""
    first = _first_day(day)
    if first.month == 8:
        return f"demo-{first.year}-autumn", f"Autumn {first.year}", first, date(first.year + 1, 1, 31)
    return f"demo-{first.year}-spring", f"Spring {first.year}", first, date(first.year, 7, 31)


def _first_day(day: date) -> date:
    if day.month >= 8:
        return date(day.year, 8, 1)
    return date(day.year, 2, 1) if day.month >= 2 else date(day.year - 1, 8, 1)


def _term(term: tuple[str, str, date, date]) -> Make:
    term_id, title, first, last = term
    return Make(TERM, term_id, {"title": title, "starts_on": first.isoformat(), "ends_on": last.isoformat()})


def _subjects() -> Iterator[Make]:
    for code in SUBJECTS:
        yield Make(SUBJECT, f"demo-{code}", {"code": f"demo-{code}", "title": code.title()})


def _classes(term: str) -> Iterator[Make]:
    for number, (class_id, teacher) in enumerate(CLASSES.items(), 1):
        title = class_id.removeprefix("demo-")
        yield Make(CLASS, class_id, {"title": title, "grade": "10", "room": f"A {100 + number}", "term_id": term})
        member = {"class_id": class_id, "user_id": teacher, "part": "teacher"}
        yield Make(CLASS_MEMBERSHIP, f"{class_id}-{teacher}", member)
        for code, other in SUBJECTS.items():
            taught = {"class_id": class_id, "subject_id": f"demo-{code}", "teacher_id": other}
            yield Make(TEACHING, f"{class_id}-{code}", taught)


def _courses(term: str) -> Iterator[Make]:
    for code, (title, teacher, students) in COURSES.items():
        course = {"code": f"demo-{code}", "title": title, "teacher_id": teacher, "term_id": term}
        yield Make(COURSE, f"demo-{code}", {**course, "description": "In the afternoon, for all classes."})
        for student in students:
            yield Make(ENROLMENT, f"{student}-{code}", {"course_id": f"demo-{code}", "user_id": student})


def _people(today: date) -> Iterator[Make]:
    yield Make(COHORT, "demo-cohort", {"title": "Young engineers", "description": "Who builds things after school."})
    mentor = {"cohort_id": "demo-cohort", "user_id": TARA, "part": "mentor"}
    yield Make(COHORT_MEMBERSHIP, "demo-cohort-mentor", mentor)
    for number, student in enumerate(STUDENTS, 1):
        born = today.replace(year=today.year - 16, month=number, day=number * 4)
        cohort = {"cohort_id": "demo-cohort"} if number % 2 else {}
        values = {"user_id": student, "number": f"demo-{number}", "birth_date": born.isoformat(), **cohort}
        yield Make(STUDENT, student, {**values, "class_id": CLASS_OF[student]})
        yield Make(MENTORSHIP, f"{student}-mentor", {"mentor_id": CLASSES[CLASS_OF[student]], "student_id": student})


def _school_life() -> Iterator[Make]:
    body = "<p>The library is open until <em>six</em> on Tuesdays and Thursdays now.</p>"
    yield Make(ANNOUNCEMENT, "demo-library", {"title": "The library is open longer", "body": body})
    evening = {"title": "Parents' evening", "body": "<p>On the first Monday of next month, at seven.</p>"}
    yield Make(ANNOUNCEMENT, "demo-parents-evening", {**evening, "target_role": "parent"})
    vacancy = {"title": "Somebody for the office", "department": "Office", "description": "Half a day, every day."}
    yield Make(VACANCY, "demo-vacancy", vacancy)
    for position, (section, title, text) in enumerate(_SECTIONS):
        content = {"section": section, "title": title, "body": text, "position": position, "published": True}
        yield Make(HOMEPAGE, section, content)
    yield Make(RESOURCE, "demo-atlas", {"title": "Atlas of the world", "url": "https://www.openstreetmap.org/"})


def _entries_of(student: str) -> Iterator[Make]:
    for number, (title, body, _) in enumerate(_ENTRIES, 1):
        yield Make(ENTRY, f"{student}-entry-{number}", {"title": title, "body": body})


def _reviews_of(student: str) -> Iterator[Make | Act]:
    for number, (_, _, status) in enumerate(_ENTRIES, 1):
        if status != "pending":
            entry = f"{student}-entry-{number}"
            words = "Well observed!" if status == "approved" else "Please say how it ends, and what you think of it."
            yield Make(COMMENT, f"{entry}-comment", {"entry_id": entry, "body": words})
            yield Act(ENTRY, entry, "review", Review(status, words))  # type: ignore[arg-type]  # a table's word


def _tasks_of(student: str) -> Iterator[Make]:
    for number, (title, words, _) in enumerate(_TASKS, 1):
        yield Make(TASK, f"{student}-task-{number}", {"student_id": student, "title": title, "description": words})


def _report_of(student: str, class_id: str, term: str) -> Iterator[Make | Act]:
    """Yield the report of the term before: published in one class, a draft in the other."""
    shift = STUDENTS.index(student)
    marks = [
        {"subject_id": f"demo-{code}", "mark": _MARKS[(n + shift) % len(_MARKS)]} for n, code in enumerate(SUBJECTS)
    ]
    card = {"student_id": student, "class_id": class_id, "term_id": term, "marks": marks}
    report = f"{student}-report-{term.removeprefix('demo-')}"
    yield Make(REPORT_CARD, report, {**card, "comment": "A good term."})
    if class_id == "demo-10a":
        yield Act(REPORT_CARD, report, "finalize")
        yield Act(REPORT_CARD, report, "publish")


def _teacher_life(class_id: str) -> Iterator[Make]:
    trip: dict[str, Any] = {"title": "Class trip", "body": "<p>Bring good shoes, and something to eat.</p>"}
    yield Make(ANNOUNCEMENT, f"{class_id}-trip", {**trip, "class_id": class_id})
    sheet = {"title": "Sheet 7 with answers", "url": "https://en.wikipedia.org/wiki/Linear_equation"}
    yield Make(RESOURCE, f"{class_id}-sheet", {**sheet, "class_id": class_id, "subject_id": "demo-maths"})


def gradings() -> Iterator[Part]:
    """Yield answers to look at, of the exam that was held (`PAST_EXAM`): it has to be there."""
    suggestion = {"points": 3.0, "reason": "names two of the three causes", "by": "demo"}
    task = {"exam_id": PAST_EXAM, "question_id": PAST_QUESTION, "suggestion": suggestion}
    for class_id, teacher in CLASSES.items():
        student = next(one for one in STUDENTS if CLASS_OF[one] == class_id)
        answer = {**task, "student_id": student, "assignee_id": teacher}
        yield Part(SYSTEM, (Make(GRADING_TASK, f"{class_id}-grading", answer),))


def _student_life(student: str) -> Iterator[Make | Act]:
    for number, (_, _, status) in enumerate(_TASKS, 1):
        if status != "pending":
            yield Act(TASK, f"{student}-task-{number}", "status", TaskStatus(status))  # type: ignore[arg-type]  # a table's word
    yield Make(COMMENT, f"{student}-answer", {"entry_id": f"{student}-entry-2", "body": "I will add the end tonight."})
    yield Make(PREFERENCE, f"{student}-preference", {"type": "schedule.assigned", "sound": False})


def _application(parent: str, letter: str) -> Make:
    values = {
        "vacancy_id": "demo-vacancy",
        "name": CALLERS[parent].name,
        "email": f"{parent}@school.example",
        "letter": letter,
    }
    return Make(APPLICATION, f"{parent}-application", values)
