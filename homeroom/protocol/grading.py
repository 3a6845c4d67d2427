"""Judging answers: which values a question takes, and how many points one earns.

Pure arithmetic on a question, its key and a value; the same result at any time, which is why a mark can be checked later.
Never here: who may see a mark, and when (`actors.sitting`).
"""

import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

from msgspec import Meta, Struct

from homeroom.protocol.exam_paper import NUMBER_MAX, OPTIONS_MAX, Key, Question, Score
from homeroom.protocol.ids import Id
from homeroom.protocol.text import strip_unfit

TEXT_ANSWER_MAX = 500
ESSAY_MAX = 20_000
Value = (
    Annotated[str, Meta(max_length=ESSAY_MAX)]
    | Annotated[int, Meta(ge=-NUMBER_MAX, le=NUMBER_MAX)]
    | float
    | Annotated[tuple[Id, ...], Meta(max_length=OPTIONS_MAX)]
    | None
)
"""What an answer may be: an option's id or a text, a number, several options' ids, or nothing (the answer is taken back)."""


class Mark(Struct, frozen=True, omit_defaults=True):
    """What an answer earned; `points` is `None` while a person has yet to judge it. `by` is who did, empty for the server."""

    points: Score | None
    most: Score
    comment: Annotated[str, Meta(max_length=2_000)] = ""
    by: Annotated[str, Meta(max_length=64)] = ""


def misfit(question: Question, value: Any) -> str | None:
    """Return what the question takes, when `value` is not of that type; `None` when it fits. Nothing fits always."""
    if value is None:
        return None
    return None if _FITS[question.kind](question, value) else _ALLOWED[question.kind]


def grade(question: Question, key: Key, value: Any) -> Mark:
    """Return the mark of a value that fits: an unanswered question earns nothing, an answered essay waits for a person."""
    if value is None or value in {"", ()}:
        return Mark(0, question.points)
    judge = _JUDGES.get(question.kind)
    return Mark(None if judge is None else judge(question, key, value), question.points)


def score(marks: Mapping[str, Mark]) -> int:
    """Return the points of all marks that are there."""
    return sum(mark.points or 0 for mark in marks.values())


def is_complete(marks: Mapping[str, Mark]) -> bool:
    """Tell whether nobody has anything to judge any more."""
    return all(mark.points is not None for mark in marks.values())


def normalise(text: str, key: Key) -> str:
    """Return the form in which short texts are compared: without what `protocol.text` strips, blanks folded, compatible characters as one,
    case and accents by the key.
    """
    folded = unicodedata.normalize("NFKC", " ".join(strip_unfit(text).split()))
    if not key.case:
        folded = folded.casefold()
    if not key.accents:
        apart = unicodedata.normalize("NFD", folded)
        folded = "".join(each for each in apart if not unicodedata.combining(each))
    return unicodedata.normalize("NFC", " ".join(folded.split()))


# --- which values fit


def _is_choice(question: Question, value: Any) -> bool:
    return isinstance(value, str) and any(option.id == value for option in question.options)


def _are_choices(question: Question, value: Any) -> bool:
    known = {option.id for option in question.options}
    return isinstance(value, tuple) and len(set(value)) == len(value) and known.issuperset(value)


def _is_number(question: Question, value: Any) -> bool:
    return type(value) in {int, float} and isfinite(value)


def _is_text(question: Question, value: Any) -> bool:
    return _is_essay(question, value) and len(value) <= TEXT_ANSWER_MAX


def _is_essay(question: Question, value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


_FITS: dict[str, Callable[[Question, Any], bool]] = {
    "single": _is_choice,
    "multiple": _are_choices,
    "numeric": _is_number,
    "text": _is_text,
    "essay": _is_essay,
}
_ALLOWED = {
    "single": "the id of one of the options",
    "multiple": "a list of ids of the options, each once",
    "numeric": "a finite number",
    "text": f"text without NUL, at most {TEXT_ANSWER_MAX}",
    "essay": f"text without NUL, at most {ESSAY_MAX}",
}


# --- how many points


def _judge_single(question: Question, key: Key, value: str) -> int:
    return question.points if value in key.correct else 0


def _judge_multiple(question: Question, key: Key, value: tuple[str, ...]) -> int:
    """All or nothing; with `partial`, hits less misses as a share, rounded down, never below nothing."""
    chosen, right = set(value), set(key.correct)
    if not key.partial:
        return question.points if chosen == right else 0
    return max(0, len(chosen & right) - len(chosen - right)) * question.points // len(right)


def _judge_numeric(question: Question, key: Key, value: float) -> int:
    """In decimal, as people wrote the numbers: 0.3 is within 0.1 of 0.2, which binary fractions would deny."""
    apart = abs(Decimal(repr(value)) - Decimal(repr(key.number or 0.0)))
    return question.points if apart <= Decimal(repr(key.tolerance)) else 0


def _judge_text(question: Question, key: Key, value: str) -> int:
    given = normalise(value, key)
    return question.points if given in {normalise(each, key) for each in key.accepted} else 0


_JUDGES: dict[str, Callable[[Question, Key, Any], int]] = {
    "single": _judge_single,
    "multiple": _judge_multiple,
    "numeric": _judge_numeric,
    "text": _judge_text,
}
