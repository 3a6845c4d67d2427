"""What the structures of the description are called: one plain word each, the same one whatever else is described beside it.

A verb's structure is called after what it is of and what it is: `room.Create` is `RoomCreate`, `session_words.Join` is `SessionJoin`.
Generators of clients make a class of each, and most of them cannot tell two of one name apart. Pure. Never here: schemas.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

_WORDS = "homeroom.protocol."
"""The structures of verbs: short names in modules of their kinds, so all of them are called after their module too."""
_ROWS = "homeroom.records."
"""What is made of rows names its type already (`EntryShown`); only names of one word are called after their module too."""
_WORD = re.compile(r"\A[A-Z][a-z0-9]*\Z")


def plain_names(classes: Sequence[type[Any]]) -> dict[type[Any], str]:
    """Return the plain name of each class; raises `ValueError` when two have the same."""
    plain = Counter(map(plain_name, classes))
    names = {one: plain_name(one, long=plain[plain_name(one)] > 1) for one in classes}
    twice = sorted(name for name, count in Counter(names.values()).items() if count > 1)
    if twice:
        raise ValueError(f"two structures of the description have one name: {', '.join(twice)}")
    return names


def given_names(classes: Sequence[type[Any]]) -> dict[type[Any], str]:
    """Return what msgspec calls the schema of each class: by its own name where no other one has that, else by its module too."""
    own = Counter(one.__name__ for one in classes)
    return {one: one.__name__ if own[one.__name__] == 1 else f"{one.__module__}.{one.__qualname__}" for one in classes}


def plain_name(one: type[Any], *, long: bool = False) -> str:
    """Return what a structure is called: letters and digits, a capital one first.

    The `long` name of a verb's structure has all words of its module: `exam_paper.Item` is `ExamPaperItem`, next to an `ExamItem`.
    """
    name, module = one.__name__, one.__module__.rpartition(".")[2]
    area = module if long else module.partition("_")[0]
    if one.__module__.startswith(_WORDS):
        return _after(area, name)
    if one.__module__.startswith(_ROWS) and _WORD.match(name):
        return _after(singular(area), name)
    return name


def _after(area: str, name: str) -> str:
    """Return a name that begins with its area, once."""
    if name.lower().startswith(area):
        return name
    return "".join(part.capitalize() for part in area.split("_")) + name


def singular(word: str) -> str:
    """Return one of what a plural names: `entry` of `entries`."""
    for ending, one in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if word.endswith(ending):
            return word.removesuffix(ending) + one
    return word
