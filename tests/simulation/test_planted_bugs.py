"""The simulation can fail: each of these bugs, planted for the time of a test, is found by one of a few seeds.

Rules of this file: a bug replaces a piece of the product or of the journal, here only; the right promise must be the one that
breaks. A simulation that finds nothing proves nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio

from homeroom.actors import queue_hall, session_memory, session_people, sitting_answers
from homeroom.actors.chat import Chat
from homeroom.engine import journal_memory
from homeroom.engine.actor import Actor
from homeroom.engine.behaviour import Decision, Tell
from homeroom.engine.journal import Append, Deadline, Message, Receipt, Superseded
from homeroom.engine.turn import Turn
from homeroom.http.exchange import Exchange
from homeroom.http.outbox import Outbox
from homeroom.protocol import board_state, inbox_state
from homeroom.protocol.inbox import Notified
from homeroom.protocol.queue import Granted
from homeroom.protocol.queue_hall import TakeStand
from homeroom.protocol.session_words import ParticipantJoined
from tests.simulation import server
from tests.simulation.plan import Disaster, draw_plan
from tests.simulation.school import Outcome, SimulationFailed, simulate
from tests.simulation.store import WatchedStore
from tests.simulation.weather import LifeJournal

SEEDS = range(120)
"""Looked through in order, up to the first that finds the bug."""


class HastyJournal(LifeJournal):
    """Says that an append is durable, and makes it so a little later: an asynchronous commit."""

    async def append(self, unit: Append) -> Sequence[Message]:
        """Return at once; the writing goes on in the background, if the process lives so long."""
        if unit.tells or self.nursery is None:
            return await super().append(unit)
        self.nursery.start_soon(self._write_later, unit)
        await trio.lowlevel.checkpoint()
        return ()

    async def _write_later(self, unit: Append) -> None:
        await trio.sleep(0.05)
        try:
            self.store.write(unit)
        except Superseded:
            return


class ForgetfulJournal(LifeJournal):
    """Remembers no command: deduplication lives in the actor's memory alone."""

    async def receipt(self, stream: str, client: str, command: int) -> tuple[Receipt, int] | None:
        """Find nothing."""
        await super().receipt(stream, client, command)
        return None

    async def newest_command(self, stream: str, client: str) -> int:
        """Know of no command."""
        await super().newest_command(stream, client)
        return 0


def test_an_acknowledgement_before_the_append_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LifeJournal", HastyJournal)
    assert "was acknowledged at" in found("is not durable there")


def test_an_asynchronous_commit_loses_what_was_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LifeJournal", HastyJournal)
    assert any(outcome.counts["lost"] for outcome in outcomes())


def test_a_deduplication_that_forgets_doubles_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_wrong_numbers(stream: Any, unit: Append) -> None:
        head, seqs = len(stream.records), [record.seq for record in unit.records]
        if seqs != [*range(head + 1, head + 1 + len(seqs))]:
            raise Superseded("the numbers do not follow")

    monkeypatch.setattr(server, "LifeJournal", ForgetfulJournal)
    monkeypatch.setattr(journal_memory, "_refuse_superseded", refuse_wrong_numbers)
    assert any(outcome.counts["doubled"] for outcome in outcomes())


def test_publishing_before_the_append_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    append = Actor._append

    async def publish_and_append(self: Actor, turn: Turn) -> Sequence[Message]:
        self._audience.publish(turn.entries, ())
        return await append(self, turn)

    monkeypatch.setattr(Actor, "_append", publish_and_append)
    found("was shown before it was durable")


def test_events_lost_in_a_reload_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(self: Actor, restored: Any, loaded: Any) -> list[Any]:
        await trio.lowlevel.checkpoint()
        return []

    monkeypatch.setattr(Actor, "_unseen", forget)
    found("had a hole on an open connection")


def test_signals_and_farewells_lost_with_a_commit_in_doubt_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turn, "became_durable", lambda self, found: False)
    found("is still shown what it may not see", "sees {", corners=("lesson",), disaster="storm")


def test_a_full_outbox_that_drops_frames_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Outbox._wait

    def drop(self: Outbox, frame: bytes) -> None:
        if self.held < 600:
            wait(self, frame)

    monkeypatch.setattr(Outbox, "_wait", drop)
    found("had a hole on an open connection", "misses events")


def test_a_replay_that_tells_what_was_retracted_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chat, "show", Chat.public)
    found("taken back at", corners=(), disaster="swallow", pause_s=0.2)


def test_a_presence_that_hears_of_no_connection_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "_beat", lambda self, *, active: None)
    found("is connected and offline", corners=(), disaster="storm")


def test_apply_that_reads_what_is_not_in_the_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    remember = Chat.apply
    lives: list[int] = []

    def apply(self: Chat, fact: Any) -> bool:
        lives.append(1)
        known = remember(self, fact)
        if len(lives) % 97 == 0:
            self.state.slow += 1
        return known

    monkeypatch.setattr(Chat, "apply", apply)
    found("is not what a replay gives", "has another state", "differs from a replay")


# --- what each kind promises


def test_a_server_that_forgets_its_deadlines_submits_nothing_and_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(self: LifeJournal, upto: int) -> Sequence[Deadline]:
        await trio.lowlevel.checkpoint()
        return ()

    monkeypatch.setattr(LifeJournal, "deadlines", forget)
    found("was to be submitted", "was to close", corners=("exam",), disaster="kill")


def test_an_answer_that_another_takes_the_place_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitting_answers, "_check_seen", lambda kept, command: None)
    assert "was told that" in found("where Saved(", corners=("exam",))


def test_messages_that_are_carried_out_again_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    write = WatchedStore.write

    def keep_messages(self: WatchedStore, unit: Append) -> Sequence[Message]:
        known = {number: self.messages[number] for number in unit.consumed if number in self.messages}
        forgetful = [replace(record, receipt=None) if known else record for record in unit.records]
        sent = write(self, replace(unit, records=forgetful))
        self.messages.update(known)
        return sent

    monkeypatch.setattr(WatchedStore, "write", keep_messages)
    words = ("was carried out once more", "stands in the journal 2 times")
    found(*words, corners=("hours",), disaster="kill", pause_s=0.3)


def test_a_seat_too_many_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_people, "_check_seat", lambda memory, user: None)
    assert "seats of" in found("are taken", corners=("lesson",))


def test_an_attendance_that_begins_anew_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin_anew(memory: Any, fact: Any, event: Any) -> None:
        last = memory.ledger.get(event.user)
        count = last.count if last is not None else 0
        memory.ledger[event.user] = session_memory.Visits(count + 1, 0, fact.at)

    plant(monkeypatch, session_memory._CHANGES, ParticipantJoined, begin_anew)
    found("ms for", corners=("lesson",), pause_s=0.3)


def test_a_hall_that_grants_everybody_everything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def grant(hall: Any, command: TakeStand) -> Decision:
        return Decision(tells=(Tell(f"queue:{command.queue}", Granted(command.entry)),))

    plant(monkeypatch, queue_hall._DECISIONS, TakeStand, grant)
    found("stands in", "knows of", corners=("hours",))


def test_a_wrong_count_of_unread_notices_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget_to_count(state: Any, fact: Any, event: Notified) -> None:
        state.notices.append(event.notice)

    plant(monkeypatch, inbox_state._CHANGES, Notified, forget_to_count)
    found("count as unread")


def test_a_board_out_of_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_state, "order_of", lambda entry: (entry.points, entry.since))
    assert "in order are" in found("the board shows", corners=("study",))


# --- looking for them


def plant(monkeypatch: pytest.MonkeyPatch, table: dict[Any, Any], key: Any, bug: Any) -> None:
    """Put a bug into a table of the product."""
    monkeypatch.setitem(table, key, bug)


def outcomes(corners: tuple[str, ...] | None = None, disaster: str = "", pause_s: float = 0.0) -> Iterator[Outcome]:
    """Run seed after seed; a run that falls over altogether has found nothing.

    What is said limits all of them: to some corners, to one kind of disaster, to people who rest no longer than `pause_s`.
    """
    for seed in SEEDS:
        plan = draw_plan(seed)
        if corners is not None:
            plan = replace(plan, corners=corners)
        if disaster:
            struck = tuple(Disaster(at, disaster, 1.0, seed + int(at)) for at in (2.0, 3.5, 5.0))
            plan = replace(plan, disasters=struck, engine=replace(plan.engine, messages=10_000))
        if pause_s:
            plan = replace(plan, devices=tuple(replace(device, pause_s=pause_s) for device in plan.devices))
        try:
            yield simulate(seed, plan)
        except SimulationFailed:
            continue


def found(*words: str, corners: tuple[str, ...] | None = None, disaster: str = "", pause_s: float = 0.0) -> str:
    """Return the first broken promise that says one of `words`, and see that its report is fit for use."""
    for outcome in outcomes(corners, disaster, pause_s):
        for blame in outcome.blames:
            if any(word in blame for word in words):
                report = outcome.report()
                assert f"tests.simulation.replay {outcome.plan.seed}" in report
                assert "acknowledged" in report
                return blame
    pytest.fail(f"no seed found it: {words}")
