"""The answers that students save in a burst, and which of those that were acknowledged are lost. Pure: no sockets, no clock.

Never here: saving (`school_exam`).
"""

import random
from dataclasses import dataclass

QUESTIONS = 100

Answers = dict[tuple[str, str, int], int]
"""Student, question and revision → value."""


@dataclass(frozen=True, slots=True)
class Save:
    """One answer to be saved: when (seconds from the start of its burst), by which student (by number), where, and what."""

    at: float
    student: int
    question: str
    rev: int
    value: int


def spread(students: int, rev: int, seed: int) -> list[Save]:
    """Return one save of each student within a second, in an order and at times drawn from `seed`."""
    dice = random.Random(f"{seed}.{rev}")
    order = dice.sample(range(students), students)
    times = sorted(dice.random() for _ in range(students))
    return [Save(at, student, f"q-{rev % QUESTIONS}", rev, rev) for at, student in zip(times, order, strict=True)]


def instant(students: int, rev: int) -> list[Save]:
    """Return one save of each student, all at once."""
    return [Save(0.0, student, f"q-{rev % QUESTIONS}", rev, rev) for student in range(students)]


def all_answers(students: int, rev: int, seconds: float = 1.0) -> list[Save]:
    """Return a save of every question by each student, evenly over `seconds`, the students in turn."""
    total = students * QUESTIONS
    return [
        Save(number * seconds / total, number % students, f"q-{number // students}", rev, number)
        for number in range(total)
    ]


# --- what is kept


def lost(acknowledged: Answers, kept: Answers) -> list[str]:
    """Return each acknowledged answer that is not kept as it was acknowledged: with another value, or not at all."""
    return [
        f"{' '.join(map(str, which))}: acknowledged {value}, kept {kept.get(which)}"
        for which, value in acknowledged.items()
        if kept.get(which) != value
    ]


def newest(answers: Answers) -> Answers:
    """Return of each question only the newest revision: what its student is shown."""
    top: dict[tuple[str, str], int] = {}
    for student, question, rev in answers:
        top[student, question] = max(rev, top.get((student, question), 0))
    return {which: value for which, value in answers.items() if top[which[:2]] == which[2]}
