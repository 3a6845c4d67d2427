"""The chain of a sitting's records: each carries the hash of the one before, so none can be changed, moved or left out unseen.

    genesis        hash of the stream's name
    link           hash of the link before, number, time, type, author and body of a record

Every `sitting.*` event carries in `prev` the link of the record before it; a chat's records stand between them without one, and are
held by the next that has. Rules of this file: a link is made of the bytes as they are stored. The actor makes them from the
structure, which gives the same bytes as long as every event is written with `omit_defaults` and changed by adding fields with
defaults only. The links are never sent: with them and a guess at the key, somebody could find out whether the guess is right.
Never here: reading a journal (`homeroom.verify`).
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from homeroom.protocol.chat_state import Happening

_encode = msgspec.msgpack.Encoder().encode
LINK_CHARS = 32


class ChainRecord(NamedTuple):
    """A record as it is stored; `at` in Unix ms, `body` the bytes of the event."""

    seq: int
    at: int
    type: str
    by: str
    body: bytes


def genesis(stream: str) -> str:
    """Return the link before the first record of `stream`."""
    return _hash(b"sitting", stream.encode())


def link(before: str, record: ChainRecord) -> str:
    """Return the link of a record that follows one with the link `before`."""
    place = f"{record.seq}\0{record.at}\0{record.type}\0{record.by}"
    return _hash(before.encode(), place.encode(), record.body)


def link_of(before: str, fact: Happening) -> str:
    """Return the link of a fact, from the structure of its event."""
    return link(before, ChainRecord(fact.seq, fact.at, fact.event.type, fact.by, _encode(fact.event)))


def chained(before: str, seq: int, at: int, by: str, events: Iterable[Any]) -> tuple[Any, ...]:
    """Return `events`, decided together and the first of them number `seq`, each with the link of the one before it.

    An event without a place for it (a chat's) stays as it is.
    """
    made: list[Any] = []
    for number, event in enumerate(events, seq):
        if made:  # of the last one nobody asks here: whoever applies it makes its link
            before = link(before, ChainRecord(number - 1, at, made[-1].type, by, _encode(made[-1])))
        holds = "prev" in event.__struct_fields__
        made.append(replace(event, prev=before) if holds else event)
    return tuple(made)


class Verdict(NamedTuple):
    """What the check of one chain found: how many records, the last link, and where it is broken (`place` 0: nowhere)."""

    records: int
    head: str
    place: int = 0
    why: str = ""


class Checker:
    """Follows the records of one stream, given one by one; O(1) memory.

    `seal` is a number and the link that its record had when it was written (empty: not known, the record must be there), `None` when
    there is none: with it the end is held too, of which no later record tells.
    """

    def __init__(self, stream: str, seal: tuple[int, str] | None = None) -> None:
        self._head = genesis(stream)
        self._seq = 0
        self._seal = seal or (0, "")
        self._broken: tuple[int, str] | None = None

    @property
    def verdict(self) -> Verdict:
        """Return what was found, now that all records were taken."""
        broken = self._broken
        if broken is None and self._seq < self._seal[0]:
            broken = self._seq + 1, "the record is missing"
        return Verdict(self._seq, self._head, *(broken or (0, "")))

    def take(self, record: ChainRecord) -> None:
        """Look at the next record."""
        if self._broken is None:
            self._broken = self._judge(record)
        if self._broken is None:
            self._head = link(self._head, record)
            self._seq = record.seq
            if self._seal[0] == record.seq and self._seal[1] not in {"", self._head}:
                self._broken = record.seq, "it is not the record that was sealed"

    def _judge(self, record: ChainRecord) -> tuple[int, str] | None:
        if record.seq != self._seq + 1:
            return self._seq + 1, "the record is missing"
        if not record.type.startswith("sitting."):
            return None
        prev = _prev(record.body)
        if prev is None:
            return record.seq, "the record cannot be read"
        return None if prev == self._head else (record.seq, "what stands before it was changed")


def _prev(body: bytes) -> str | None:
    try:
        found = msgspec.msgpack.decode(body, type=dict[str, Any])
    except ValueError:
        return None
    prev = found.get("prev", "")
    return prev if isinstance(prev, str) else None


def _hash(*parts: bytes) -> str:
    made = blake2b(digest_size=LINK_CHARS // 2)
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
