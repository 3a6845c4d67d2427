"""What every journal must do. A subclass of `JournalContract` with a fixture `open_journal` runs it for one journal."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import pytest
import trio

from homeroom.engine.behaviour import Lookup, Row
from homeroom.engine.journal import Append, Deadline, Journal, Message, Outgoing, Receipt, Record, Saved, Superseded
from homeroom.engine.kind import Table

SAID = Table("said", ("seq",), {"seq": "bigint", "author": "text", "body": "text", "gone": "boolean"})
COUNTED = Table(
    "counted", ("name", "day"), {"name": "text", "day": "integer", "share": "double precision", "raw": "bytea"}
)
MET = Table(
    "met", (), {"title": "text", "starts": "bigint", "open": "boolean"}, (("open", "starts"), ("starts", "stream"))
)
COMING = Table("coming", ("person",), {"person": "text", "active": "boolean"}, (("person",),))
ROOM = "room:one"


class OpenedJournal(Journal, Protocol):
    """A journal that can also make its read models."""

    async def ensure_tables(self, tables: Sequence[Table]) -> None: ...


OpenJournal = Callable[[], Awaitable[OpenedJournal]]
"""Opens the journal once more: what was kept before is there."""


def event(seq: int, *, at: int = 0, receipt: Receipt | None = None, body: bytes = b"body") -> Record:
    return Record(seq, "message.posted", at or 1000 * seq, "ada", body, receipt)


def events(first: int, last: int) -> list[Record]:
    return [event(seq) for seq in range(first, last + 1)]


def command(number: int, client: str = "ada/tab", reply: bytes | None = b"reply") -> Receipt:
    return Receipt(client, number, b"digest", reply)


async def names(journal: Journal, **options: Any) -> str:
    """Return the last letters of the streams whose meetings are found everywhere, in order."""
    options = {"order": "starts", "limit": 99, "everywhere": True, **options}
    return "".join(row["stream"][-1] for row in await journal.look_up("", Lookup("met", whole, **options)))


def whole(rows: Sequence[Mapping[str, Any]]) -> Any:
    return list(rows)


class JournalContract:
    @pytest.fixture
    async def journal(self, open_journal: OpenJournal) -> OpenedJournal:
        return await open_journal()

    async def test_a_stream_to_which_nothing_happened_is_empty(self, journal: OpenedJournal) -> None:
        loaded = await journal.load(ROOM)
        assert (loaded.head, loaded.saved, list(loaded.tail), dict(loaded.deadlines)) == (0, None, [], {})
        assert list(await journal.read(ROOM, 0, 100, 100)) == []
        assert await journal.newest_command(ROOM, "ada/tab") == 0
        assert await journal.receipt(ROOM, "ada/tab", 1) is None
        assert await journal.seq_at(ROOM, 1) == 0

    async def test_events_come_back_as_they_were_written(self, journal: OpenedJournal) -> None:
        written = [event(1, body=b"\x00\xff"), event(2, receipt=command(7)), event(3, body=b"")]
        assert list(await journal.append(Append(ROOM, written))) == []
        assert list((await journal.load(ROOM)).tail) == written
        assert (await journal.load(ROOM)).head == 3

    async def test_what_was_written_survives_a_restart(self, open_journal: OpenJournal) -> None:
        await (await open_journal()).append(Append(ROOM, events(1, 3)))
        assert list((await (await open_journal()).load(ROOM)).tail) == events(1, 3)

    async def test_streams_do_not_meet(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, events(1, 3), arm={"close": 5}))
        await journal.append(Append("room:two", events(1, 1)))
        loaded = await journal.load("room:two")
        assert (loaded.head, dict(loaded.deadlines)) == (1, {})

    async def test_a_page_is_bounded_on_every_side(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, events(1, 9)))
        assert [record.seq for record in await journal.read(ROOM, 2, 8, 3)] == [3, 4, 5]
        assert [record.seq for record in await journal.read(ROOM, 2, 4, 100)] == [3, 4]
        assert [record.seq for record in await journal.read(ROOM, 7, 2**60, 100)] == [8, 9]
        assert list(await journal.read(ROOM, 9, 100, 100)) == []
        assert list(await journal.read(ROOM, 0, 100, 0)) == []

    async def test_a_number_that_is_taken_refuses_the_whole_append(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, events(1, 2)))
        late = Append(ROOM, events(2, 3), (Outgoing("room:two", "hear", b""),), {"close": 5})
        with pytest.raises(Superseded):
            await journal.append(late)
        loaded = await journal.load(ROOM)
        assert (loaded.head, dict(loaded.deadlines)) == (2, {})
        assert list(await journal.messages()) == []

    async def test_one_command_has_one_effect_for_ever(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, [event(1, receipt=command(1))]))
        await journal.append(Append(ROOM, events(2, 400)))
        await journal.save(ROOM, Saved(400, 1, b"state"))
        with pytest.raises(Superseded):
            await journal.append(Append(ROOM, [event(401, receipt=command(1))]))
        assert (await journal.load(ROOM)).head == 400

    async def test_a_command_number_is_a_client_s_own_within_one_stream(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, [event(1, receipt=command(1))]))
        await journal.append(Append(ROOM, [event(2, receipt=command(1, "bob/tab"))]))
        await journal.append(Append("room:two", [event(1, receipt=command(1))]))
        assert (await journal.load(ROOM)).head == 2

    async def test_a_receipt_tells_the_answer_and_where_its_event_stands(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, [event(1), event(2, receipt=command(5)), event(3)]))
        await journal.append(Append(ROOM, [event(4, receipt=command(9, reply=None))]))
        assert await journal.receipt(ROOM, "ada/tab", 5) == (command(5), 2)
        assert await journal.receipt(ROOM, "ada/tab", 9) == (command(9, reply=None), 4)
        assert await journal.receipt(ROOM, "ada/tab", 6) is None
        assert await journal.receipt("room:two", "ada/tab", 5) is None

    async def test_the_newest_command_is_the_largest(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, [event(1, receipt=command(9)), event(2, receipt=command(4))]))
        assert await journal.newest_command(ROOM, "ada/tab") == 9
        assert await journal.newest_command(ROOM, "ada/other") == 0

    async def test_a_command_without_an_event_is_remembered_as_well(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        assert not (await journal.load(ROOM)).receipts
        await journal.append(Append(ROOM, receipts=[command(5), command(7, reply=None), command(5, "bob/tab")]))
        await journal.append(Append(ROOM, [event(1, receipt=command(6))], receipts=[command(8)]))
        journal = await open_journal()
        assert await journal.receipt(ROOM, "ada/tab", 5) == (command(5), None)
        assert await journal.receipt(ROOM, "ada/tab", 6) == (command(6), 1)
        assert await journal.receipt(ROOM, "ada/tab", 7) == (command(7, reply=None), None)
        assert await journal.receipt(ROOM, "bob/tab", 6) is None
        assert await journal.receipt("room:two", "ada/tab", 5) is None
        loaded = await journal.load(ROOM)
        assert (loaded.head, loaded.receipts, (await journal.load("room:two")).receipts) == (1, True, False)

    async def test_the_newest_command_is_found_in_both_places(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, [event(1, receipt=command(4))], receipts=[command(9)]))
        await journal.append(Append("room:two", [event(1, receipt=command(6))], receipts=[command(2)]))
        await journal.append(Append("room:three", receipts=[command(3, "bob/tab")]))
        assert await journal.newest_command(ROOM, "ada/tab") == 9
        assert await journal.newest_command("room:two", "ada/tab") == 6
        assert await journal.newest_command("room:three", "ada/tab") == 0
        assert await journal.newest_command("room:three", "bob/tab") == 3

    async def test_a_command_without_an_event_is_carried_out_once_for_ever(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, receipts=[command(1)]))
        with pytest.raises(Superseded):
            await journal.append(Append(ROOM, events(1, 1), arm={"close": 5}, receipts=[command(2), command(1)]))
        loaded = await journal.load(ROOM)
        assert (loaded.head, dict(loaded.deadlines)) == (0, {})
        assert await journal.receipt(ROOM, "ada/tab", 2) is None
        await journal.append(Append("room:two", receipts=[command(1)]))

    async def test_receipts_of_many_streams_at_once_stay_their_own(self, journal: OpenedJournal) -> None:
        async with trio.open_nursery() as nursery:
            for n in range(20):
                kept = [command(place) for place in range(1, 1 + n % 3)]
                nursery.start_soon(journal.append, Append(f"room:{n}", events(1, n % 2), receipts=kept))
        assert [await journal.newest_command(f"room:{n}", "ada/tab") for n in range(20)] == [n % 3 for n in range(20)]

    async def test_a_snapshot_shortens_what_is_loaded(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, events(1, 5)))
        await journal.save(ROOM, Saved(3, 2, b"\x00state"))
        loaded = await journal.load(ROOM)
        assert (loaded.head, loaded.saved) == (5, Saved(3, 2, b"\x00state"))
        assert [record.seq for record in loaded.tail] == [4, 5]
        assert [record.seq for record in await journal.read(ROOM, 0, 5, 9)] == [1, 2, 3, 4, 5]

    async def test_an_older_snapshot_never_replaces_a_newer_one(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, events(1, 5)))
        await journal.save(ROOM, Saved(4, 1, b"new"))
        await journal.save(ROOM, Saved(2, 1, b"old"))
        assert (await journal.load(ROOM)).saved == Saved(4, 1, b"new")
        await journal.save(ROOM, Saved(4, 2, b"again"))
        assert (await journal.load(ROOM)).saved == Saved(4, 2, b"again")

    async def test_deadlines_are_armed_moved_and_disarmed(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, arm={"close": 50, "lost": None, "warn": 30}))
        await journal.append(Append(ROOM, arm={"close": 70}, disarm=frozenset({"warn", "unknown"})))
        assert dict((await journal.load(ROOM)).deadlines) == {"close": 70, "lost": None}
        await journal.append(Append(ROOM, arm={"close": None}))
        assert dict((await journal.load(ROOM)).deadlines) == {"close": None, "lost": None}

    async def test_a_key_both_disarmed_and_armed_stays_armed(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, arm={"close": 50}))
        await journal.append(Append(ROOM, arm={"close": 60}, disarm=frozenset({"close"})))
        assert dict((await journal.load(ROOM)).deadlines) == {"close": 60}

    async def test_due_deadlines_come_earliest_first_and_undated_ones_apart(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, arm={"b": 20, "a": 20, "late": 31, "lost": None}))
        await journal.append(Append("room:two", arm={"c": 10, "lost": None, "edge": 30}))
        assert list(await journal.deadlines(30)) == [
            Deadline("room:two", "c", 10),
            Deadline(ROOM, "a", 20),
            Deadline(ROOM, "b", 20),
            Deadline("room:two", "edge", 30),
        ]
        assert list(await journal.on_start()) == [Deadline(ROOM, "lost", None), Deadline("room:two", "lost", None)]

    async def test_messages_are_numbered_in_order_and_stay_until_consumed(self, journal: OpenedJournal) -> None:
        first = await journal.append(
            Append(ROOM, events(1, 1), (Outgoing("room:two", "hear", b"1"), Outgoing("room:three", "hear", b"2")))
        )
        second = await journal.append(Append("room:four", (), (Outgoing("room:two", "hear", b"\x00"),)))
        sent = [*first, *second]
        assert [(m.source, m.to, m.do, m.body) for m in sent] == [
            (ROOM, "room:two", "hear", b"1"),
            (ROOM, "room:three", "hear", b"2"),
            ("room:four", "room:two", "hear", b"\x00"),
        ]
        assert sorted({m.number for m in sent}) == [m.number for m in sent]
        assert list(await journal.messages()) == sent
        await journal.append(Append("room:two", consumed=[sent[0].number, sent[2].number]))
        assert list(await journal.messages()) == [sent[1]]

    async def test_a_consumed_message_is_consumed_once(self, journal: OpenedJournal) -> None:
        (sent,) = await journal.append(Append(ROOM, (), (Outgoing("room:two", "hear", b""),)))
        await journal.append(Append("room:two", events(1, 1), consumed=[sent.number]))
        await journal.append(Append("room:two", events(2, 2), consumed=[sent.number]))
        assert list(await journal.messages()) == []

    async def test_many_appends_at_once_keep_their_own_results(self, journal: OpenedJournal) -> None:
        answers: list[Message] = []

        async def tell(n: int) -> None:
            tells = tuple(Outgoing(f"to:{n}", "hear", b"%d" % place) for place in range(n % 4))
            answers.extend(await journal.append(Append(f"room:{n}", events(1, n % 3), tells)))

        async with trio.open_nursery() as nursery:
            for n in range(50):
                nursery.start_soon(tell, n)
        assert len(answers) == sum(n % 4 for n in range(50))
        assert list(await journal.messages()) == sorted(answers, key=lambda message: message.number)
        assert (await journal.load("room:5")).head == 2

    async def test_two_writers_of_one_number_have_one_winner(self, journal: OpenedJournal) -> None:
        outcomes: list[str] = []

        async def write(body: bytes) -> None:
            try:
                await journal.append(Append(ROOM, [event(1, body=body)]))
                outcomes.append("won")
            except Superseded:
                outcomes.append("lost")

        async with trio.open_nursery() as nursery:
            for n in range(5):
                nursery.start_soon(write, b"%d" % n)
                nursery.start_soon(journal.append, Append(f"room:other-{n}", events(1, 1)))
        assert sorted(outcomes) == ["lost"] * 4 + ["won"]

    async def test_an_append_of_nothing_does_nothing(self, journal: OpenedJournal) -> None:
        assert list(await journal.append(Append(ROOM))) == []
        assert (await journal.load(ROOM)).head == 0

    async def test_the_number_before_a_time(self, journal: OpenedJournal) -> None:
        times = [10, 20, 20, 30, 50]
        await journal.append(Append(ROOM, [event(n, at=at) for n, at in enumerate(times, 1)]))
        assert [await journal.seq_at(ROOM, at) for at in (0, 10, 11, 20, 21, 50, 51)] == [0, 0, 1, 1, 3, 4, 5]

    async def test_only_streams_that_something_happened_in_are_known(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, events(1, 3)))
        await journal.append(Append("room:two", events(1, 1)))
        await journal.append(Append("room:armed", arm={"close": 5}))
        asked = [ROOM, "room:none", "room:two", "room:armed", ROOM]
        assert await journal.known(asked) == {ROOM, "room:two"}
        assert await journal.known([]) == frozenset()

    async def test_the_epoch_stays(self, open_journal: OpenJournal) -> None:
        name = await (await open_journal()).epoch()
        assert name
        assert len(name) <= 64
        assert await (await open_journal()).epoch() == name

    async def test_the_clock_is_in_unix_milliseconds_and_does_not_go_back(self, journal: OpenedJournal) -> None:
        first, second = await journal.now(), await journal.now()
        assert 1_700_000_000_000 < first <= second < 10_000_000_000_000

    async def test_rows_are_written_with_their_event_and_found(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([SAID])
        rows = [Row("said", {"seq": n}, {"author": "ada" if n % 2 else "bob", "body": f"no {n}"}) for n in range(1, 6)]
        await journal.append(Append(ROOM, events(1, 5), rows=rows))
        newest = await journal.look_up(ROOM, Lookup("said", whole, "seq", 2))
        assert newest == [
            {"seq": 5, "author": "ada", "body": "no 5", "gone": None},
            {"seq": 4, "author": "bob", "body": "no 4", "gone": None},
        ]
        assert await journal.look_up("room:two", Lookup("said", whole, "seq", 2)) == []

    async def test_rows_of_a_refused_append_are_not_written(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([SAID])
        await journal.append(Append(ROOM, events(1, 1)))
        with pytest.raises(Superseded):
            await journal.append(Append(ROOM, events(1, 1), rows=[Row("said", {"seq": 1}, {"body": "ghost"})]))
        assert await journal.look_up(ROOM, Lookup("said", whole, "seq", 2)) == []

    async def test_a_row_changes_only_the_columns_it_names(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([SAID])
        key = {"seq": 1}
        await journal.append(Append(ROOM, rows=[Row("said", key, {"author": "ada", "body": "first"})]))
        await journal.append(
            Append(ROOM, rows=[Row("said", key, {"body": "second"}), Row("said", key, {"gone": True})])
        )
        await journal.append(Append(ROOM, rows=[Row("said", key, {})]))
        found = await journal.look_up(ROOM, Lookup("said", whole, "seq", 9))
        assert found == [{"seq": 1, "author": "ada", "body": "second", "gone": True}]

    async def test_many_streams_change_many_columns_at_once(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([SAID, COUNTED])

        async def change(n: int) -> None:
            values: dict[str, Any] = {"author": "ada"} if n % 2 else {"body": "text", "gone": False}
            counted = Row("counted", {"name": "n", "day": n}, {"share": n / 2, "raw": b"\x00%d" % n})
            await journal.append(Append(f"room:{n}", rows=[Row("said", {"seq": n}, values), counted]))

        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(change, n)
        assert (await journal.look_up("room:6", Lookup("said", whole, "seq", 9)))[0]["gone"] is False
        found = await journal.look_up("room:7", Lookup("counted", whole, "day", 9))
        assert found == [{"name": "n", "day": 7, "share": 3.5, "raw": b"\x007"}]

    async def test_a_look_up_filters_bounds_orders_and_cuts(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([SAID])
        rows = [Row("said", {"seq": n}, {"author": ("ada", "bob", None)[n % 3], "body": "x"}) for n in range(1, 13)]
        await journal.append(Append(ROOM, rows=rows))

        async def found(**options: Any) -> list[int]:
            options = {"order": "seq", "limit": 99, **options}
            return [row["seq"] for row in await journal.look_up(ROOM, Lookup("said", whole, **options))]

        assert await found(where={"author": "ada"}) == [12, 9, 6, 3]
        assert await found(where={"author": None}, ascending=True) == [2, 5, 8, 11]
        assert await found(below=("seq", 4)) == [3, 2, 1]
        assert await found(above=("seq", 4), below=("seq", 8), ascending=True) == [5, 6, 7]
        assert await found(above=("author", "ada"), ascending=True) == [1, 4, 7, 10]
        assert await found(order="author", ascending=True, limit=5) == [3, 6, 9, 12, 1]
        assert await found(order="author", limit=3) == [11, 8, 5]
        assert await found(limit=0) == []

    @pytest.fixture
    async def meetings(self, journal: OpenedJournal) -> OpenedJournal:
        """Return a journal with seven meetings: two without a start, two at the same one; ada comes to three of them."""
        await journal.ensure_tables([MET, COMING])
        titles = {
            "a": "Physics",
            "b": "Physik 100%",
            "c": "phys_ed",
            "d": "Écoles",
            "e": "ÉCOLE",
            "f": None,
            "g": "Chess",
        }
        starts = {"a": 30, "b": 10, "c": None, "d": 20, "e": 20, "f": None, "g": 40}
        for name, title in titles.items():
            values = {"title": title, "starts": starts[name], "open": name < "e"}
            coming = [Row("coming", {"person": "ada"}, {"active": name != "b"})] if name in "abdg" else []
            bob = Row("coming", {"person": "bob"}, {"active": True})
            await journal.append(Append(f"meeting:{name}", rows=[Row("met", {}, values), bob, *coming]))
        return journal

    async def test_a_look_up_everywhere_finds_rows_of_all_streams_each_with_its_stream(
        self, meetings: OpenedJournal
    ) -> None:
        found = await meetings.look_up("", Lookup("met", whole, "starts", 2, everywhere=True))
        assert found == [
            {"stream": "meeting:f", "title": None, "starts": None, "open": False},
            {"stream": "meeting:c", "title": "phys_ed", "starts": None, "open": True},
        ]
        alone = await meetings.look_up("meeting:c", Lookup("met", whole, "starts", 9))
        assert alone == [{"title": "phys_ed", "starts": None, "open": True}]

    async def test_a_look_up_everywhere_is_ordered_by_its_value_then_by_stream_and_nothing_is_the_largest(
        self, meetings: OpenedJournal
    ) -> None:
        assert await names(meetings, ascending=True) == "bdeagcf"
        assert await names(meetings) == "fcgaedb"
        assert await names(meetings, where={"open": True}, ascending=True) == "bdac"
        assert await names(meetings, where={"starts": None}, ascending=True) == "cf"
        assert await names(meetings, above=("starts", 10), below=("starts", 40), ascending=True) == "dea"

    @pytest.mark.parametrize("ascending", [True, False])
    @pytest.mark.parametrize("size", [1, 2, 3])
    async def test_pages_go_on_beyond_the_last_row_seen_and_give_each_row_once(
        self, meetings: OpenedJournal, ascending: bool, size: int
    ) -> None:
        seen, beyond = "", None
        while True:
            asked = Lookup("met", whole, "starts", size, ascending=ascending, everywhere=True, beyond=beyond)
            page = await meetings.look_up("", asked)
            if not page:
                break
            seen += "".join(row["stream"][-1] for row in page)
            beyond = (page[-1]["starts"], page[-1]["stream"])
        assert seen == ("bdeagcf" if ascending else "fcgaedb")

    async def test_beyond_a_row_that_is_gone_stands_what_comes_after_its_place(self, meetings: OpenedJournal) -> None:
        assert await names(meetings, ascending=True, beyond=(20, "meeting:dd")) == "eagcf"
        assert await names(meetings, beyond=(25, "meeting:z")) == "edb"
        assert await names(meetings, beyond=(None, "meeting:d")) == "cgaedb"
        assert await names(meetings, ascending=True, beyond=(None, "meeting:d")) == "f"

    async def test_a_text_is_found_inside_another_in_any_case_and_what_looks_like_a_wildcard_is_none(
        self, meetings: OpenedJournal
    ) -> None:
        for part, found in {
            "PHYS": "abc", "école": "de", "ÉCOLES": "d", "%": "b", "100%": "b", "_": "c", "s_e": "c", "\\": "", "x": "",
            "' OR true --": "", "": "abcdeg",
        }.items():  # fmt: skip
            assert "".join(sorted(await names(meetings, contains={"title": part}))) == found, part

    async def test_rows_within_are_those_whose_stream_stands_in_another_table_too(
        self, meetings: OpenedJournal
    ) -> None:
        assert await names(meetings, within=("coming", {"person": "ada"}), ascending=True) == "bdag"
        assert await names(meetings, within=("coming", {"person": "ada", "active": True}), ascending=True) == "dag"
        assert await names(meetings, within=("coming", {"person": "eve"})) == ""
        assert (
            await names(meetings, within=("coming", {"person": ("eve", "ada"), "active": True}), ascending=True)
            == "dag"
        )
        assert await names(meetings, within=("coming", {"person": ("eve",)})) == ""
        narrowed: dict[str, Any] = {
            "within": ("coming", {"person": "ada"}),
            "contains": {"title": "phys"},
            "beyond": (30, "meeting:a"),
        }
        assert await names(meetings, **narrowed) == "b"

    async def test_rows_without_are_those_whose_stream_does_not_stand_so_in_another_table(
        self, meetings: OpenedJournal
    ) -> None:
        everybody = await names(meetings, ascending=True)
        for where, among in (({"person": "ada"}, "bdag"), ({"person": ("eve", "ada"), "active": True}, "dag")):
            found = await names(meetings, without=("coming", where), ascending=True)
            assert found == "".join(one for one in everybody if one not in among)
        both: dict[str, Any] = {
            "within": ("coming", {"person": "ada"}),
            "without": ("coming", {"person": "ada", "active": True}),
        }
        assert await names(meetings, **both, ascending=True) == "b"

    @pytest.mark.parametrize(
        "options",
        [
            {"contains": {"starts": "1"}},
            {"contains": {"title": 1}},
            {"contains": {'title" --': "x"}},
            {"within": ("unheard_of", {})},
            {"within": ("coming", {"persons": "ada"})},
            {"without": ("coming", {"persons": "ada"})},
            {"beyond": ("soon", "meeting:a")},
            {"beyond": (2**63, "meeting:a")},
        ],
        ids=repr,
    )
    async def test_a_wrong_question_everywhere_is_a_programmer_s_error(
        self, meetings: OpenedJournal, options: dict[str, Any]
    ) -> None:
        with pytest.raises(ValueError, match=r"met|unheard_of|coming"):
            await names(meetings, **options)

    async def test_a_table_without_a_key_has_one_row_a_stream(self, meetings: OpenedJournal) -> None:
        await meetings.append(Append("meeting:g", rows=[Row("met", {}, {"title": "Go"})]))
        found = await meetings.look_up("meeting:g", Lookup("met", whole, "starts", 9))
        assert found == [{"title": "Go", "starts": 40, "open": False}]

    async def test_text_is_ordered_by_its_code_points(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([COUNTED])
        names = ["a", "B", "é", "z", "Z", "_"]
        await journal.append(Append(ROOM, rows=[Row("counted", {"name": name, "day": 1}, {}) for name in names]))
        found = await journal.look_up(ROOM, Lookup("counted", whole, "name", 9, ascending=True))
        assert [row["name"] for row in found] == sorted(names)

    async def test_text_no_database_can_hold_is_kept_readable(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([SAID])
        rows = [Row("said", {"seq": 1}, {"body": "a\0b", "author": "\ud800x"})]
        await journal.append(Append(ROOM, events(1, 1), rows=rows))
        (found,) = await journal.look_up(ROOM, Lookup("said", whole, "seq", 9, where={"body": "a\0b"}))
        assert found["body"] == "a\ufffdb"
        assert found["author"].endswith("x")

    @pytest.mark.parametrize(
        "row",
        [
            Row("unheard_of", {"seq": 1}, {}),
            Row("said", {"seq": 1}, {"unknown": 1}),
            Row("said", {"author": "ada"}, {}),
            Row("said", {"seq": None}, {}),
            Row("said", {"seq": 1}, {"seq": 2}),
            Row("said", {"seq": "1"}, {}),
            Row("said", {"seq": 2**63}, {}),
            Row("said", {"seq": True}, {}),
            Row("said", {"seq": 1}, {"gone": 1}),
            Row("said", {"seq": 1}, {"body": b"bytes"}),
        ],
        ids=repr,
    )
    async def test_a_wrong_row_is_a_programmer_s_error_and_nothing_is_written(
        self, journal: OpenedJournal, row: Row
    ) -> None:
        await journal.ensure_tables([SAID])
        with pytest.raises(ValueError, match=r"said|unheard_of"):
            await journal.append(Append(ROOM, events(1, 1), rows=[row]))
        assert (await journal.load(ROOM)).head == 0

    @pytest.mark.parametrize(
        "table",
        [
            Table('x" (a int); --', ("a",), {"a": "text"}),
            Table("fine", ("a",), {"a": "text; drop table journal"}),
            Table("fine", ("a",), {"b": "text"}),
            Table("fine", ("stream",), {"stream": "text"}),
            Table("fine", ("A",), {"A": "text"}),
            Table("fine", ("a",), {"a": "text"}, (("b",),)),
            Table("fine", ("a",), {"a": "text"}, ((),)),
        ],
        ids=repr,
    )
    async def test_a_bad_declaration_is_refused(self, journal: OpenedJournal, table: Table) -> None:
        with pytest.raises(ValueError, match=r"read model|allowed"):
            await journal.ensure_tables([table])

    async def test_a_look_up_of_what_is_not_declared_is_refused(self, journal: OpenedJournal) -> None:
        await journal.ensure_tables([SAID])
        with pytest.raises(ValueError, match="not declared"):
            await journal.look_up(ROOM, Lookup("epoch", whole, "name", 1))
        with pytest.raises(ValueError, match="no column"):
            await journal.look_up(ROOM, Lookup("said", whole, "seq; --", 1))

    async def test_tables_are_made_once_however_often_they_are_declared(self, open_journal: OpenJournal) -> None:
        first = await open_journal()
        await first.ensure_tables([SAID])
        await first.append(Append(ROOM, rows=[Row("said", {"seq": 1}, {"body": "kept"})]))
        second = await open_journal()
        await second.ensure_tables([SAID])
        assert [row["body"] for row in await second.look_up(ROOM, Lookup("said", whole, "seq", 9))] == ["kept"]

    async def test_the_queue_s_figures_are_told(self, journal: OpenedJournal) -> None:
        await journal.append(Append(ROOM, events(1, 3)))
        figures = journal.statistics()
        assert (figures["pending"], figures["appends"], figures["records"], figures["failures"]) == (0, 1, 3, 0)
