"""The paper of an exam: questions as students see them, keys as only the server does, and the order in which each student gets them.

A question and its key are two structures, so that what is shown cannot hold what is secret by mistake.
Never here: judging an answer (`grading`), and who may see what (`actors.exam`, `actors.sitting`).
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct
from msgspec.structs import replace

from homeroom.protocol.ids import Id

QUESTIONS_MAX = 100
OPTIONS_MAX = 20
ACCEPTED_MAX = 20
PAPER_MAX = 100_000
"""Characters of all questions and keys of a paper together."""
POINTS_MAX = 1_000
NUMBER_MAX = 2**53 - 1

QuestionKind = Literal["single", "multiple", "numeric", "text", "essay"]
Points = Annotated[int, Meta(ge=0, le=POINTS_MAX)]
Score = Annotated[int, Meta(ge=0, le=QUESTIONS_MAX * POINTS_MAX)]
Real = Annotated[float, Meta(ge=-1e300, le=1e300, description="finite")]
Line = Annotated[str, Meta(min_length=1, max_length=500)]


class Option(Struct, frozen=True):
    """One of the answers to choose from. Its id says nothing about whether it is right."""

    id: Id
    text: Line


class Question(Struct, frozen=True, omit_defaults=True):
    """A question as students see it. `options` are for `single` and `multiple` only."""

    id: Id
    kind: QuestionKind
    text: Annotated[str, Meta(min_length=1, max_length=4_000)]
    points: Points = 1
    options: Annotated[tuple[Option, ...], Meta(max_length=OPTIONS_MAX)] = ()


class Key(Struct, frozen=True, omit_defaults=True):
    """What is right; it never leaves the server before the results are released.

    `correct`: ids of options; with `partial`, a `multiple` earns a share of its points for each right choice less the wrong ones, rounded
    down to whole points: one of two right choices of a question worth 3 earns 1.
    `number` and `tolerance`: what a `numeric` may differ by, inclusive. `accepted`: texts, compared without regard to
    blanks; `case` and `accents` tell whether these matter. An `essay` has none: people judge it.
    """

    correct: Annotated[tuple[Id, ...], Meta(max_length=OPTIONS_MAX)] = ()
    partial: bool = False
    number: Real | None = None
    tolerance: Annotated[float, Meta(ge=0, le=1e300)] = 0.0
    accepted: Annotated[tuple[Line, ...], Meta(max_length=ACCEPTED_MAX)] = ()
    case: bool = False
    accents: bool = True


class Item(Struct, frozen=True, omit_defaults=True):
    """A question with its key."""

    question: Question
    key: Key = Key()


class Shuffle(Struct, frozen=True, omit_defaults=True):
    """What is shuffled for each student, by which seed: the same seed and student give the same order at any time."""

    seed: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    questions: bool = False
    options: bool = False


class Paper(Struct, frozen=True, omit_defaults=True):
    """All questions in the order of their author, and their keys by question."""

    questions: Annotated[tuple[Question, ...], Meta(max_length=QUESTIONS_MAX)] = ()
    keys: dict[str, Key] = {}
    shuffle: Shuffle = Shuffle()

    @property
    def points(self) -> int:
        """The points of all questions together."""
        return sum(question.points for question in self.questions)


def weigh(items: Iterable[Item]) -> int:
    """Return the characters of questions and keys together."""
    return sum(_weigh(item.question, item.key) for item in items)


def arrange(paper: Paper, user: str) -> tuple[Question, ...]:
    """Return the questions in the order in which `user` gets them: a permutation that seed and user alone decide."""
    shuffle = paper.shuffle
    order: Iterable[Question] = paper.questions
    if shuffle.questions:
        order = _mix(paper.questions, shuffle.seed, user, "questions")
    if not shuffle.options:
        return tuple(order)
    return tuple(replace(each, options=_mix(each.options, shuffle.seed, user, each.id)) for each in order)


def find_question(questions: Iterable[Question], id: str) -> Question | None:
    """Return the question `id`."""
    return next((question for question in questions if question.id == id), None)


_Thing = TypeVar("_Thing", Question, Option)


def _mix(things: tuple[_Thing, ...], seed: int, user: str, place: str) -> tuple[_Thing, ...]:
    """Return `things` by the hash of seed, user, place and id: no state of a generator to keep, and the same for ever."""

    def rank(thing: _Thing) -> tuple[bytes, str]:
        text = "\0".join((user, place, thing.id))
        return blake2b(text.encode(), digest_size=16, key=seed.to_bytes(8, "big")).digest(), thing.id

    return tuple(sorted(things, key=rank))


def _weigh(question: Question, key: Key) -> int:
    options = sum(len(option.text) + len(option.id) for option in question.options)
    return len(question.text) + options + sum(map(len, key.accepted))
