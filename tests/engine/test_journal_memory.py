"""The journal in memory: the contract, and the faults that it plays on demand."""

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.journal import Append, Superseded, Unavailable
from homeroom.engine.journal_memory import Fate, MemoryJournal, MemoryStore
from tests.engine.journal_contract import ROOM, JournalContract, OpenedJournal, OpenJournal, events


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    async def open_journal(self) -> OpenJournal:
        store = MemoryStore()

        async def open_it() -> OpenedJournal:
            return MemoryJournal(store)

        return open_it


def fated(**fates: Fate) -> MemoryJournal:
    """Return a journal whose methods meet the given fates."""
    return MemoryJournal(fates=lambda method, stream: fates.get(method, Fate()))


async def test_a_call_that_fails_before_did_nothing() -> None:
    journal = fated(append=Fate(fail="before"))
    with pytest.raises(Unavailable):
        await journal.append(Append(ROOM, events(1, 1)))
    assert (await journal.load(ROOM)).head == 0
    assert journal.statistics()["failures"] == 1


async def test_a_call_that_fails_after_is_durable_all_the_same() -> None:
    journal = fated(append=Fate(fail="after"))
    with pytest.raises(Unavailable):
        await journal.append(Append(ROOM, events(1, 1)))
    assert (await journal.load(ROOM)).head == 1


async def test_a_delayed_append_is_overtaken_by_a_quick_one(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    slow = MemoryJournal(store, lambda method, stream: Fate(delay=2.0))
    quick = MemoryJournal(store)
    outcomes = []

    async def append_slowly() -> None:
        with pytest.raises(Superseded):
            await slow.append(Append(ROOM, events(1, 1)))
        outcomes.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(append_slowly)
        nursery.start_soon(quick.append, Append(ROOM, events(1, 1)))
    assert outcomes == [2.0]


async def test_an_answer_that_lags_is_durable_before_it_comes(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    lagging = MemoryJournal(store, lambda method, stream: Fate(lag=5.0))
    with trio.move_on_after(1) as scope:
        await lagging.append(Append(ROOM, events(1, 1)))
    assert scope.cancelled_caught
    assert (await MemoryJournal(store).load(ROOM)).head == 1


async def test_an_unavailable_journal_refuses_everything_until_it_is_back() -> None:
    journal = MemoryJournal()
    journal.available = False
    with pytest.raises(Unavailable):
        await journal.append(Append(ROOM, events(1, 1)))
    with pytest.raises(Unavailable):
        await journal.now()
    journal.available = True
    assert (await journal.load(ROOM)).head == 0


async def test_its_clock_moves_with_trio_s(autojump_clock: MockClock) -> None:
    journal = MemoryJournal(MemoryStore(start_ms=5_000))
    before = await journal.now()
    await trio.sleep(90)
    assert await journal.now() - before == 90_000


async def test_a_gap_in_the_numbers_is_refused() -> None:
    with pytest.raises(Superseded):
        await MemoryJournal().append(Append(ROOM, events(2, 2)))
