"""Random lives of an inbox: state + events equals a fresh view, and the count of unread notices is the count of unread notices."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.inbox_history import INBOXES
from homeroom.actors.inbox_memory import unread_of
from homeroom.actors.inbox_silence import HOURLY
from homeroom.engine.behaviour import Caller
from homeroom.protocol.inbox import (
    Digested,
    Dismiss,
    Dnd,
    Hush,
    ListNotices,
    MarkRead,
    MuteType,
    Notice,
    Notified,
    Notify,
    ReadAll,
    Send,
    SetQuietHours,
    TakeBack,
    Unhush,
    UnmuteType,
)
from homeroom.protocol.inbox_state import KEPT, show_inbox
from tests.actors.driver import START, Driver, stored
from tests.actors.inboxes import new_inbox
from tests.actors.people import ANN, BEN, SYSTEM, TEACHER

types = st.sampled_from(["exam.graded", "room.mention", "session.starting"])
priorities = st.sampled_from(["low", "normal", "normal", "high", "urgent"])
ids = st.integers(1, 30).map(str)
seconds = st.none() | st.integers(1, 4_000)
exams = st.sampled_from(["sitting:e1.ann", "sitting:e2.ann"])
links = st.sampled_from(["", "/exams/e1", "/exams/e2"])
NOTIFY = st.builds(
    Notify,
    type=types,
    title=st.just("A"),
    priority=priorities,
    key=st.sampled_from(["", "", "", "k1", "k2"]),
    url=links,
)
TAKE_BACK = st.builds(TakeBack, url=links, types=st.lists(types, max_size=2).map(tuple))
BY_SYSTEM: st.SearchStrategy[Any] = st.one_of(
    NOTIFY,
    NOTIFY,
    TAKE_BACK,
    st.builds(Hush, by=exams, until=st.integers(0, 20).map(lambda n: START + n * 600_000)),
    st.builds(Unhush, by=exams),
)
BY_TEACHER: st.SearchStrategy[Any] = st.builds(Send, type=types, title=st.just("B"), priority=priorities)
BY_HERSELF: st.SearchStrategy[Any] = st.one_of(
    st.builds(MarkRead, notification=ids),
    st.builds(Dismiss, notification=ids),
    st.builds(ReadAll, upto=st.none() | ids),
    st.builds(MuteType, type=types, seconds=seconds),
    st.builds(UnmuteType, type=types),
    st.builds(Dnd, on=st.booleans(), seconds=seconds),
    st.sampled_from(
        [SetQuietHours(), SetQuietHours("22:00", "07:00", "Europe/Berlin"), SetQuietHours("12:00", "23:15")]
    ),
    st.builds(Send, type=types, title=st.just("C"), priority=priorities),
)
BY_ANOTHER: st.SearchStrategy[Any] = BY_HERSELF
STEPS = st.lists(
    st.tuples(
        st.one_of(
            BY_SYSTEM.map(lambda command: (command, SYSTEM)),
            BY_TEACHER.map(lambda command: (command, TEACHER)),
            BY_HERSELF.map(lambda command: (command, ANN)),
            BY_ANOTHER.map(lambda command: (command, BEN)),
        ),
        st.sampled_from([0, 1_000, 70_000, 1_800_000, 20_000_000]),
        st.sampled_from(["", "", "", "reload"]),
    ),
    max_size=60,
)


def live(inbox: Driver, step: tuple[tuple[Any, Caller], int, str]) -> str:
    """Let time pass, perhaps make the actor anew, and carry out one command; returns how it ended."""
    (command, caller), pause, fate = step
    inbox.advance(pause)
    if fate:
        inbox.restart(start=False, snapshot_at=inbox.seq or None)
    return inbox.try_do(command, caller)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_state_and_events_equal_a_fresh_view(steps: list[Any]) -> None:
    inbox = new_inbox()
    ann = inbox.follow(ANN)
    for step in steps:
        live(inbox, step)
        assert ann.state == stored(inbox.behaviour.view(ANN))


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_unread_count_equals_the_unread_notices_whoever_does_what(steps: list[Any]) -> None:
    inbox = new_inbox()
    model: dict[str, bool] = {}
    came: dict[str, Notice] = {}
    for step in steps:
        (command, caller), *_ = step
        before = inbox.seq
        outcome = live(inbox, step)
        if caller is BEN:
            assert outcome == "forbidden"
        for fact in inbox.facts[before:]:
            if isinstance(fact.event, Notified):
                model[fact.event.notice.id] = False
                came[fact.event.notice.id] = fact.event.notice
        if outcome == "ok":
            expect(model, command, came)
        state = inbox.behaviour.state
        unread = sorted(int(notice) for notice, read in model.items() if not read)
        assert state.shown.unread == len(unread)
        assert unread_of(state) == unread
        assert set(state.held) <= set(unread)
        assert counted(inbox) == len(unread)
        assert {n.id: n.read for n in state.shown.notices} == model
    page = inbox.do(ListNotices(limit=100), ANN)
    assert {n.id: n.read for n in page.notifications} == model
    assert list(page.notifications) == inbox.behaviour.view(ANN).notices[::-1]
    waiting = inbox.do(ListNotices(limit=100, unread=True), ANN)
    assert list(waiting.notifications) == [n for n in page.notifications if not n.read]


def counted(inbox: Driver) -> int:
    """Return how many are unread by the table for figures, in which an inbox to which nothing happened has no row."""
    rows = [row for (table, *_), row in inbox.rows.items() if table == INBOXES.name]
    assert all(row["person"] == inbox.id for row in rows)
    return sum(row["unread"] for row in rows)


def expect(model: dict[str, bool], command: Any, came: dict[str, Notice]) -> None:
    """Let a command of hers, or one that takes notices back, change what a plain list of notices would say."""
    if isinstance(command, MarkRead) and command.notification in model:
        model[command.notification] = True
    elif isinstance(command, Dismiss):
        model.pop(command.notification, None)
    elif isinstance(command, ReadAll):
        model.update({n: True for n in model if command.upto is None or int(n) <= int(command.upto)})
    elif isinstance(command, TakeBack):
        about = [n for n in model if came[n].url == command.url and came[n].type in command.types]
        for gone in (n for n in about if "from" not in came[n].data):
            del model[gone]


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_replaying_all_equals_a_snapshot_and_its_tail(steps: list[Any]) -> None:
    inbox = new_inbox()
    for step in steps:
        live(inbox, step)
    now = stored(inbox.behaviour.state)
    assert inbox.rebuild().state == now
    for middle in range(1, inbox.seq + 1):
        assert inbox.rebuild(middle).state == now


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nothing_but_urgent_notices_interrupts_a_silence_or_goes_over_the_budget(steps: list[Any]) -> None:
    inbox = new_inbox()
    for step in steps:
        live(inbox, step)
    toasts = [fact for fact in inbox.facts if isinstance(fact.event, Notified) and fact.event.notice.toast]
    for fact in toasts:
        notice = fact.event.notice
        if notice.priority == "urgent":
            continue
        hour = [other for other in toasts if other.seq < fact.seq and other.at > fact.at - 3_600_000]
        assert len(hour) < HOURLY[notice.priority]
        state = replay(inbox, fact.seq - 1)
        assert not any(end > fact.at for end in (*state.hushed.values(), state.dnd, state.muted.get(notice.type, 0)))


def replay(inbox: Driver, seq: int) -> Any:
    """Return the inbox as it was shown after an event."""
    made = inbox.kind.behaviour(inbox.id, inbox.kind.behaviour.fresh(inbox.id))
    for fact in inbox.facts[:seq]:
        made.apply(fact)
    return show_inbox(made.state.shown)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_a_silence_kept_back_is_told_when_all_silence_has_ended_and_never_twice(steps: list[Any]) -> None:
    inbox = new_inbox()
    for step in steps:
        live(inbox, step)
    for command in (Unhush("sitting:e1.ann"), Unhush("sitting:e2.ann"), Dnd(on=False), SetQuietHours()):
        inbox.do(command, SYSTEM if isinstance(command, Unhush) else ANN)
    assert inbox.behaviour.state.held == {}
    assert inbox.advance(10**9) == []
    held = {f.event.notice.id for f in inbox.facts if isinstance(f.event, Notified) and f.event.notice.why in SILENT}
    assert sum(e.count for e in inbox.events if isinstance(e, Digested)) <= len(held)


SILENT = {"hushed", "dnd", "quiet"}

LONG_AGO = KEPT - 3
far = st.integers(1, LONG_AGO + 40).map(str)
FAR_STEPS = st.lists(
    st.one_of(
        st.just(Notify("exam.graded", "A")),
        st.builds(MarkRead, notification=far),
        st.builds(Dismiss, notification=far),
        st.builds(ReadAll, upto=far),
        st.builds(TakeBack, url=st.integers(0, 9).map("/exams/e{}".format), types=st.just(("exam.graded",))),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(FAR_STEPS, st.integers(0, 20))
def test_the_count_is_as_right_for_notices_that_are_shown_no_more(steps: list[Any], more: int) -> None:
    inbox = new_inbox()
    model: dict[str, bool] = {}
    came: dict[str, Notice] = {}
    for step in [*(Notify("exam.graded", "A", url=f"/exams/e{n % 9}") for n in range(LONG_AGO + more)), *steps]:
        before = inbox.seq
        if inbox.try_do(step, SYSTEM if isinstance(step, Notify | TakeBack) else ANN) == "ok":
            expect(model, step, came)
        come = {str(f.seq): f.event.notice for f in inbox.facts[before:] if isinstance(f.event, Notified)}
        came |= come
        model |= dict.fromkeys(come, False)
    state = inbox.behaviour.state
    assert unread_of(state) == [int(notice) for notice, read in model.items() if not read]
    assert state.shown.unread == len(unread_of(state))
    assert stored(state) == inbox.rebuild(LONG_AGO).state
    assert all_pages(inbox, unread=False) == model
    assert all_pages(inbox, unread=True) == {notice: read for notice, read in model.items() if not read}


def all_pages(inbox: Driver, *, unread: bool) -> dict[str, bool]:
    """Return which notices the pages show, and whether each is read, the oldest first."""
    found: dict[str, bool] = {}
    page = inbox.do(ListNotices(limit=30, unread=unread), ANN)
    found.update({n.id: n.read for n in page.notifications})
    while page.more:
        page = inbox.do(ListNotices(before=list(found)[-1], limit=30, unread=unread), ANN)
        found.update({n.id: n.read for n in page.notifications})
    return dict(reversed(found.items()))
