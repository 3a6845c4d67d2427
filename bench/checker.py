"""What must be true after a server was killed while people talked, checked from three sides that know nothing of each other.

The talkers' own books (what they said, what was acknowledged), what watchers saw, and the journal as it stands in the database.
Pure: plain data in, findings out. Used by `bench/recovery.py` and `tests/e2e/test_recovery.py`.
Never here: sockets, clocks, SQL.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import NamedTuple

RETURNS = frozenset({"resumed", "stayed"})
"""Good ways to come through a fault: with the verdict `resumed`, or on a connection that never broke."""


class Kept(NamedTuple):
    """One event of the stream: its number, and the message's text if it is the posting of one, else `None`."""

    seq: int
    text: str | None


class Resume(NamedTuple):
    """How one client came back: whose connection, the server's verdict, and seconds since the fault until then."""

    client: str
    verdict: str
    seconds: float


class Repeat(NamedTuple):
    """A command that was sent again although it had been acknowledged: the number told first, that told now, and `again`."""

    text: str
    first: int
    now: int
    again: bool


@dataclass(slots=True)
class Talker:
    """The books of one client: what it said in order, and the number that the server acknowledged each under."""

    said: list[str] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Evidence:
    """All that was written down. `watchers` maps a name to the events in the order seen, resumed ones included.

    A watcher is answerable for every event from the first that it saw to the newest in the journal.
    """

    talkers: Mapping[str, Talker]
    watchers: Mapping[str, Sequence[Kept]]
    journal: Sequence[Kept]
    repeats: Sequence[Repeat] = ()
    resumes: Sequence[Resume] = ()
    expected_resumes: int = 0
    within: float = 5.0


@dataclass(frozen=True, slots=True)
class Findings:
    """The counts that are printed, and every breach in words; all lists are empty when the promises hold.

    `lost`: acknowledged and not in the journal. `doubled`: one command, two events, or one event shown twice, or a
    repeated command not answered as at first. `missing`: in the
    journal and not shown to a watcher. `untrue`: shown or acknowledged otherwise than the journal has it, or never said.
    `disordered`: not in the order said, numbered or shown. `unanswered`: said, and never acknowledged. `unresumed`: a client that
    did not come back, not with the verdict `resumed`, or too late.
    """

    said: int
    acknowledged: int
    kept: int
    repeated: int
    slowest: float
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    missing: tuple[str, ...]
    untrue: tuple[str, ...]
    disordered: tuple[str, ...]
    unanswered: tuple[str, ...]
    unresumed: tuple[str, ...]

    def breaches(self) -> Mapping[str, tuple[str, ...]]:
        """Return the kinds of breach that were found, each with its cases in words."""
        lists = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: cases for name, cases in lists.items() if isinstance(cases, tuple) and cases}

    def summary(self) -> str:
        """Return one line for people: the counts, and how long coming back took."""
        names = ("lost", "doubled", "missing", "untrue", "disordered", "unanswered", "unresumed")
        counts = ", ".join(f"{name} {len(getattr(self, name))}" for name in names)
        return f"said {self.said}, acknowledged {self.acknowledged}, kept {self.kept}, repeated {self.repeated}: {counts}; slowest resume {self.slowest:.2f} s"


def examine(evidence: Evidence) -> Findings:
    """Compare the three sides."""
    texts = [kept.text for kept in evidence.journal if kept.text is not None]
    return Findings(
        said=sum(len(talker.said) for talker in evidence.talkers.values()),
        acknowledged=sum(len(talker.acknowledged) for talker in evidence.talkers.values()),
        kept=len(texts),
        repeated=len(evidence.repeats),
        slowest=max((resume.seconds for resume in evidence.resumes), default=0.0),
        lost=tuple(_lost(evidence, set(texts))),
        doubled=tuple(_doubled(evidence, texts)),
        missing=tuple(_missing(evidence)),
        untrue=tuple(_untrue(evidence)),
        disordered=tuple(_disordered(evidence, texts)),
        unanswered=tuple(_unanswered(evidence)),
        unresumed=tuple(_unresumed(evidence)),
    )


def _lost(evidence: Evidence, texts: set[str]) -> Iterable[str]:
    for name, talker in evidence.talkers.items():
        for text, seq in talker.acknowledged.items():
            if text not in texts:
                yield f"{name} was told that {text!r} is number {seq}; the journal does not know it"


def _doubled(evidence: Evidence, texts: Sequence[str]) -> Iterable[str]:
    for text, times in Counter(texts).items():
        if times > 1:
            yield f"{text!r} was done {times} times"
    for name, seen in evidence.watchers.items():
        for seq, times in Counter(kept.seq for kept in seen).items():
            if times > 1:
                yield f"{name} was shown number {seq} {times} times"
    for repeat in evidence.repeats:
        if not repeat.again or repeat.now != repeat.first:
            yield f"a repeated command was not recognised: {repeat}"


def _missing(evidence: Evidence) -> Iterable[str]:
    for name, seen in evidence.watchers.items():
        shown = {kept.seq for kept in seen}
        first = min(shown, default=1)
        for kept in evidence.journal:
            if kept.seq >= first and kept.seq not in shown:
                yield f"{name} was never shown number {kept.seq}"


def _untrue(evidence: Evidence) -> Iterable[str]:
    journal = {kept.seq: kept for kept in evidence.journal}
    for name, seen in evidence.watchers.items():
        for kept in seen:
            if journal.get(kept.seq) != kept:
                yield f"{name} was shown {kept}; the journal has {journal.get(kept.seq)}"
    for name, talker in evidence.talkers.items():
        for text, seq in talker.acknowledged.items():
            if seq not in journal or journal[seq].text != text:
                yield f"{name} was told that {text!r} is number {seq}; there the journal has {journal.get(seq)}"
    said = {text for talker in evidence.talkers.values() for text in talker.said}
    for kept in evidence.journal:
        if kept.text is not None and kept.text not in said:
            yield f"nobody said {kept}"


def _disordered(evidence: Evidence, texts: Sequence[str]) -> Iterable[str]:
    if [kept.seq for kept in evidence.journal] != list(range(1, len(evidence.journal) + 1)):
        yield "the journal is not numbered 1, 2, 3, …"
    place = {text: number for number, text in enumerate(texts)}
    for name, talker in evidence.talkers.items():
        for earlier, later in pairwise(text for text in talker.said if text in place):
            if place[earlier] > place[later]:
                yield f"{name} said {earlier!r} before {later!r}; the journal has them the other way round"
    for name, seen in evidence.watchers.items():
        for before, after in pairwise(kept.seq for kept in seen):
            if after < before:
                yield f"{name} was shown number {after} after {before}"


def _unanswered(evidence: Evidence) -> Iterable[str]:
    for name, talker in evidence.talkers.items():
        for text in talker.said:
            if text not in talker.acknowledged:
                yield f"{name} said {text!r} and was never answered"


def _unresumed(evidence: Evidence) -> Iterable[str]:
    if len(evidence.resumes) < evidence.expected_resumes:
        yield f"{evidence.expected_resumes} resumes were due, {len(evidence.resumes)} came"
    for client, verdict, seconds in evidence.resumes:
        if verdict not in RETURNS or seconds > evidence.within:
            yield f"{client} came back as {verdict!r} after {seconds:.2f} s"
