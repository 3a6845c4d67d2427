"""A leaderboard: its verbs, its events and its answers.

A board's id is `<period>.<specialty>`: `weekly`, `monthly` or `all_time` (requirements 1.9 #30), and `all` for the board of every
specialty: `board:weekly.all`, `board:all_time.chemistry`. On the wire a person is an `entry`, a number of the board's own
that has nothing in common with those of other boards; somebody with an alias goes by that alone, without user id, for everybody.
Whoever opted out is in no list, and counts in nobody's rank. Either choice holds for all boards (`board_persona`).
Never here: the state (`board_state`), where a period ends (`actors.board_periods`), the order (`actors.board_order`).
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.hours import Zone
from homeroom.protocol.ids import MAX_SEQ, Id, Millis, Seq

Period = Literal["weekly", "monthly", "all_time"]
Specialty = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_\-]{1,50}\Z", description="`all` for every specialty")]
Points = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
Total = Annotated[int, Meta(ge=-MAX_SEQ, le=MAX_SEQ)]
Source = Annotated[
    str, Meta(pattern=r"\A[\x21-\x7e]{1,100}\Z", description="what the points are for, such as sitting:exam-1.ann")
]
PersonName = Annotated[str, Meta(max_length=200)]
ShownName = Annotated[str, Meta(max_length=200, description="the alias of those who have one")]
Entries = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Rank = Annotated[int, Meta(ge=1, le=MAX_SEQ)]
Number = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="how many periods came before")]
TOP = 10
"""Entries of the live top and of the final one of a period."""
SHOWN = 100
"""Entries that a view holds."""


# --- commands


class Score(Struct, frozen=True):
    """Give a person points for a `source`, once in a period: a later value of the same source takes the place of the earlier.

    A source that was counted in an earlier period stays there: its later values change nothing.
    """

    do: ClassVar[str] = "score"
    user: Id
    name: PersonName
    points: Points
    source: Source


class Recompute(Struct, frozen=True):
    """Put all entries into order anew, and tell everybody."""

    do: ClassVar[str] = "recompute"


class OptOut(Struct, frozen=True):
    """Be on no board any longer, this one and all others, for anybody but oneself. Points are counted on."""

    do: ClassVar[str] = "opt_out"


class OptIn(Struct, frozen=True):
    """Be on the boards again."""

    do: ClassVar[str] = "opt_in"


class SetAlias(Struct, frozen=True):
    """Go by another name on all boards; an empty one: by one's own.

    Where somebody goes by it on the board at which it is asked for, it is refused (`conflict`); on another one, a number is put behind it there.
    """

    do: ClassVar[str] = "alias"
    alias: Annotated[str, Meta(max_length=40, description="one line")] = ""


class Choose(Struct, frozen=True, omit_defaults=True):
    """From a person's persona: what it chose for all boards. Its event so names nobody as its author."""

    do: ClassVar[str] = "choose"
    user: Id
    alias: Annotated[str, Meta(max_length=40)] = ""
    out: bool = False


class Configure(Struct, frozen=True):
    """Have the board's days begin as in a zone; the period that runs then ends at that zone's boundary."""

    do: ClassVar[str] = "configure"
    zone: Zone


class ListEntries(Struct, frozen=True, omit_defaults=True):
    """Ask for entries in order, behind the place `after`, and for one's own."""

    do: ClassVar[str] = "list"
    limit: Annotated[int, Meta(ge=1, le=100)] = TOP
    after: Entries = 0


class AskStanding(Struct, frozen=True, omit_defaults=True):
    """Ask for one's own entry and those around it, so many on each side; also when one is shown to nobody."""

    do: ClassVar[str] = "standing"
    around: Annotated[int, Meta(ge=0, le=25)] = 5


# --- what an entry is


class Entry(Struct, frozen=True, omit_defaults=True):
    """A person on the board. `since`: the number of the event by which the points were reached; `at`, when.

    Order: more points first; of as many, who reached them first, which is the lower `since` and so never a draw.
    `user` is empty for somebody with an alias.
    """

    entry: Seq
    name: ShownName
    points: Total
    since: Seq
    at: Millis
    user: Annotated[str, Meta(max_length=64)] = ""
    alias: bool = False


class Counted(Struct, frozen=True, array_like=True):
    """What a source gave, and in which period it was counted."""

    points: Points
    number: Number


# --- events


class Opened(Struct, frozen=True):
    """The board's first period has begun; `ends` is 0 for one without end."""

    type: ClassVar[str] = "board.opened"
    zone: Zone
    began: Millis
    ends: Millis


class Scored(Struct, frozen=True, omit_defaults=True):
    """The points of a person changed. `entry` is absent when the person is not shown.

    `next`: the entry that is now the last of those in view, when the person fell out of these. `entries` counts those shown.
    The rest is for the journal and never sent: what the person is called, whether it is `out`, and all that was counted for
    it, by source; neither is the user id of an entry with an alias.
    """

    type: ClassVar[str] = "board.scored"
    entries: Entries
    entry: Entry | None = None
    next: Entry | None = None
    name: PersonName = ""
    out: bool = False
    ledger: dict[Source, Counted] | None = None


class EntryChanged(Struct, frozen=True, omit_defaults=True):
    """Somebody is shown otherwise: as `entry`, or without it no longer; `n` is the entry's number, 0 when none is meant.

    `next` and `entries` as in `board.scored`. The rest is for the journal and never sent: who chose what.
    """

    type: ClassVar[str] = "board.entry_changed"
    entries: Entries
    n: Seq = 0
    entry: Entry | None = None
    next: Entry | None = None
    user: Annotated[str, Meta(max_length=64)] = ""
    alias: Annotated[str, Meta(max_length=40)] = ""
    out: bool = False


class PeriodEnded(Struct, frozen=True):
    """A period is over, with so many entries and these as its first. The next one `began` without any, and ends at `ends`."""

    type: ClassVar[str] = "board.period_ended"
    began: Millis
    ends: Millis
    entries: Entries
    top: Annotated[tuple[Entry, ...], Meta(max_length=TOP)]


class Configured(Struct, frozen=True):
    """The board's days begin as in another zone, and the period that runs ends at another time."""

    type: ClassVar[str] = "board.configured"
    zone: Zone
    ends: Millis


class Recomputed(Struct, frozen=True):
    """All entries were put into order anew: so many, and these first."""

    type: ClassVar[str] = "board.recomputed"
    entries: Entries
    top: Annotated[tuple[Entry, ...], Meta(max_length=SHOWN)]


class TopChanged(Struct, frozen=True):
    """Ephemeral: the first ten, newest wins; for who shows only these."""

    type: ClassVar[str] = "board.top_changed"
    entries: Entries
    top: Annotated[tuple[Entry, ...], Meta(max_length=TOP)]


BOARD_EVENTS: tuple[type[Any], ...] = (
    Opened,
    Scored,
    EntryChanged,
    PeriodEnded,
    Configured,
    Recomputed,
    TopChanged,
)


# --- replies


class Row(Struct, frozen=True, omit_defaults=True):
    """An entry with its `place`, 1 for the first and none twice, and its `rank`, which those of as many points share (1 2 2 4)."""

    place: Rank
    rank: Rank
    entry: Seq
    name: ShownName
    points: Total
    user: Annotated[str, Meta(max_length=64)] = ""
    alias: bool = False


class Own(Struct, frozen=True, omit_defaults=True):
    """One's own place on the board; `shown` is false for somebody who opted out, with the place that would be."""

    row: Row | None = None
    shown: bool = True
    alias: Annotated[str, Meta(max_length=40)] = ""


class EntryList(Struct, frozen=True):
    """A part of a board in order; `more` tells whether others follow. `last`: the first of the period before, as they are called now."""

    period: Period
    specialty: Specialty
    began: Millis
    ends: Millis
    at: Millis
    entries: Entries
    rows: tuple[Row, ...]
    more: bool
    own: Own
    last: tuple[Row, ...]


class Standing(Struct, frozen=True):
    """One's own place and those around it, in order, one's own among them if it is shown."""

    entries: Entries
    own: Own
    rows: tuple[Row, ...]


class Tally(Struct, frozen=True):
    """What the person has now, and whether the points were counted (else they had been, or belong to an earlier period)."""

    counted: bool
    points: Total
