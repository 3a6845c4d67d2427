"""What a record type's declaration says of its rows that put people into classes, courses and cohorts. Never here: the reading (`placements`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Place:
    """That each row puts the person of one column into the `kind` whose id another column, `of`, holds.

    `part` is as what, where no column of that name says it; `when` are the values with which a row counts.
    """

    kind: Literal["class", "course", "cohort"]
    person: str
    of: str
    part: str = ""
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
