"""The chain of a sitting's records: made, checked, and what each change to it is found by."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.protocol.chat import MessagePosted
from homeroom.protocol.sitting_chain import ChainRecord, Checker, Verdict, chained, genesis, link
from homeroom.protocol.sitting_events import SITTING_EVENTS, AnswerSaved, Flagged, Submitted, Unlocked

STREAM = "sitting:mid.ann"


def written(events: list[Any]) -> list[ChainRecord]:
    """Return records as they are stored, each event decided alone."""
    records: list[ChainRecord] = []
    head = genesis(STREAM)
    for seq, event in enumerate(events, 1):
        (made,) = chained(head, seq, 1_000 + seq, "ann", [event])
        record = ChainRecord(seq, 1_000 + seq, made.type, "ann", msgspec.msgpack.encode(made))
        head = link(head, record)
        records.append(record)
    return records


def check(records: list[ChainRecord], seal: tuple[int, str] | None = None, stream: str = STREAM) -> Verdict:
    checker = Checker(stream, seal)
    for record in records:
        checker.take(record)
    return checker.verdict


EVENTS = [
    Unlocked(),
    AnswerSaved("q1", 1, 1_002, "b"),
    MessagePosted("3", 1, "May I?"),
    Flagged("q1"),
    Submitted("student", 1, 2_000),
]


def test_an_untouched_chain_is_whole() -> None:
    records = written(EVENTS)
    verdict = check(records)
    assert (verdict.records, verdict.place, verdict.why) == (5, 0, "")
    assert check(records, (5, verdict.head)) == verdict


def test_events_decided_together_are_chained_like_those_decided_one_by_one() -> None:
    alone = written([Unlocked(), Flagged("q1")])
    together = chained(genesis(STREAM), 1, 1_001, "ann", [Unlocked(), Flagged("q1")])
    first = ChainRecord(1, 1_001, Unlocked.type, "ann", msgspec.msgpack.encode(together[0]))
    assert first == alone[0]
    assert together[1].prev == msgspec.msgpack.decode(alone[1].body)["prev"] == link(genesis(STREAM), first)


def changed_body(record: ChainRecord) -> ChainRecord:
    return record._replace(body=msgspec.msgpack.encode({**msgspec.msgpack.decode(record.body), "client_at": 7}))


@pytest.mark.parametrize("place", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "change",
    [
        changed_body,
        lambda record: record._replace(at=record.at + 1),
        lambda record: record._replace(by="eve"),
        lambda record: record._replace(
            type="sitting.flagged" if record.type != "sitting.flagged" else "sitting.locked"
        ),
    ],
)
def test_a_change_to_any_record_is_found_at_the_latest_at_the_next_of_the_sitting(place: int, change: Any) -> None:
    records = written(EVENTS)
    records[place - 1] = change(records[place - 1])
    verdict = check(records)
    assert place <= verdict.place <= place + 2


def test_a_change_to_the_last_record_is_found_by_the_seal_alone() -> None:
    records = written(EVENTS)
    seal = (5, check(records).head)
    records[4] = changed_body(records[4])
    assert check(records).place == 0
    assert check(records, seal) == check(records)._replace(place=5, why="it is not the record that was sealed")


def test_records_taken_out_moved_or_from_another_sitting_are_found() -> None:
    records = written(EVENTS)
    seal = (5, check(records).head)
    assert check([*records[:1], *records[2:]]).place == 2
    assert check(records[:3], seal).place == 4
    assert check([], (1, "")).place == 1
    assert check([records[1], records[0], *records[2:]]).place == 1
    assert check(records, stream="sitting:mid.ben").place == 1


def test_a_record_that_cannot_be_read_is_named() -> None:
    records = written(EVENTS)
    records[1] = records[1]._replace(body=b"\xc1")
    assert check(records)[2:] == (2, "the record cannot be read")


@given(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=12), st.data())
def test_no_single_bit_of_a_sealed_chain_can_be_turned_unseen(events: list[Any], data: st.DataObject) -> None:
    records = written(events)
    seal = (len(records), check(records).head)
    place = data.draw(st.integers(0, len(records) - 1))
    body = bytearray(records[place].body)
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= 1 << data.draw(st.integers(0, 7))
    records[place] = records[place]._replace(body=bytes(body))
    assert check(records, seal).place > 0


def test_every_event_of_a_sitting_has_a_place_for_the_link_and_is_written_without_defaults() -> None:
    for event in SITTING_EVENTS:
        if event.type.startswith("sitting."):
            assert event.__struct_config__.omit_defaults
            assert "prev" in event.__struct_fields__
