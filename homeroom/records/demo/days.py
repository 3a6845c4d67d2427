"""What the demo school has by the calendar: the timetable of this week, and the attendance of the last weeks.

Ids hold the day, so that a start on a later day adds what is new since and leaves the rest. Never here: carrying it out (`wishes`).
"""

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from homeroom.protocol.zones import clock_moment
from homeroom.records.demo.school import CLASS_OF, CLASSES, STUDENTS, SUBJECTS
from homeroom.records.demo.wishes import Make, Part
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.schedules import SCHEDULE

DAYS_BACK = 15
"""School days of which there is attendance, today among them: this school is alive on any day that somebody looks at it."""
LESSONS = (time(8, 0), time(9, 45), time(11, 30), time(13, 15))
TALKS = time(15, 0)
LESSON_MIN, TALK_MIN = 90, 30
_WORDS = ("present",) * 16 + ("late",) * 2 + ("absent", "excused")
_NOTES = {"late": "The bus was late.", "excused": "At the doctor's."}
_MINE = {teacher: [code for code, whose in SUBJECTS.items() if whose == teacher] for teacher in CLASSES.values()}


def days(today: date, zone: ZoneInfo) -> Iterator[Part]:
    """Yield what there is around `today`, in the zone of the school."""
    monday = today - timedelta(days=today.weekday())
    for class_id, teacher in CLASSES.items():
        yield Part(teacher, tuple(_attendance(class_id, today)))
        yield Part(teacher, (*_lessons(teacher, monday, zone), *_talks(class_id, teacher, monday, zone)))
        if today.weekday() >= 5:
            yield Part(teacher, tuple(_lessons_of(teacher, today, zone)))


def school_days(today: date) -> Iterator[date]:
    """Yield the last school days, the newest first: today, and before it those from Monday to Friday."""
    day, left = today, DAYS_BACK
    while left:
        if day == today or day.weekday() < 5:
            left -= 1
            yield day
        day -= timedelta(days=1)


def _attendance(class_id: str, today: date) -> Iterator[Make]:
    """Yield who was there; of today the second class has not been asked yet."""
    for day in school_days(today):
        if day == today and class_id != next(iter(CLASSES)):
            continue
        for student in STUDENTS:
            if CLASS_OF[student] == class_id:
                status = Random(f"{student} {day}").choice(_WORDS)  # noqa: S311 - the same on every machine, no secret
                seen = {"class_id": class_id, "student_id": student, "date": day.isoformat(), "status": status}
                yield Make(ATTENDANCE, f"{student}-{day}", {**seen, "note": _NOTES.get(status, "")})


def _lessons(teacher: str, monday: date, zone: ZoneInfo) -> Iterator[Make]:
    """Yield a teacher's lessons of the week."""
    for weekday in range(5):
        yield from _lessons_of(teacher, monday + timedelta(days=weekday), zone)


def _lessons_of(teacher: str, day: date, zone: ZoneInfo) -> Iterator[Make]:
    """Yield a teacher's lessons of a day: the two teachers change classes from lesson to lesson."""
    order, mine = list(CLASSES), _MINE[teacher]
    if CLASSES[order[0]] != teacher:
        order.reverse()
    for number, clock in enumerate(LESSONS):
        class_id, code = order[number % 2], mine[(day.weekday() + number // 2) % len(mine)]
        values = {"class_id": class_id, "is_group_session": True, "title": code.title(), "focus_stack": code}
        yield _slot(f"{class_id}-{day}-{number + 1}", teacher, (day, clock, LESSON_MIN), zone, values)


def _talks(class_id: str, teacher: str, monday: date, zone: ZoneInfo) -> Iterator[Make]:
    """Yield a talk a week with each student of one's own class."""
    students = [student for student in STUDENTS if CLASS_OF[student] == class_id]
    for weekday, student in enumerate(students):
        day = monday + timedelta(days=weekday)
        values = {"student_id": student, "title": "How are you doing?", "description": "Bring your newest entry."}
        yield _slot(f"{student}-{day}-talk", teacher, (day, TALKS, TALK_MIN), zone, values)


def _slot(id: str, mentor: str, when: tuple[date, time, int], zone: ZoneInfo, values: Mapping[str, object]) -> Make:
    day, clock, minutes = when
    start = clock_moment(day, clock, zone)
    slot = {"mentor_id": mentor, "start_at": start, "end_at": start + minutes * 60_000, "zone": zone.key or "UTC"}
    return Make(SCHEDULE, id, {**slot, **values})
