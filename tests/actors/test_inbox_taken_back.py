"""Notices about what is gone: taken out of the inbox with all that counts them, and told again without their words."""

import pytest

from homeroom.actors.inbox import TAKEN_BACK
from homeroom.actors.inbox_history import INBOXES
from homeroom.actors.inbox_memory import WITHDRAWN_MAX
from homeroom.protocol.inbox import (
    Digested,
    Dismiss,
    Dismissed,
    Dnd,
    ListNotices,
    MarkRead,
    Notified,
    Notify,
    Send,
    TakeBack,
)
from homeroom.protocol.inbox_state import KEPT
from tests.actors.driver import Driver
from tests.actors.inboxes import new_inbox, notice
from tests.actors.people import ANN, TEACHER

TRIP, PARTY = "/announcements/trip", "/announcements/party"
NEWS = "announcement.published"
GONE = TakeBack(TRIP, (NEWS, "announcement.changed"))


def news(url: str = TRIP, type: str = NEWS) -> Notify:
    return Notify(type, "The trip is on Friday", "Bring shoes", {"author_id": "tess"}, url=url)


def told(*urls: str) -> Driver:
    """Return an inbox with a notice of each."""
    inbox = new_inbox()
    for url in urls:
        inbox.advance(120_000)
        inbox.do(news(url))
    return inbox


def left(inbox: Driver) -> list[str]:
    """Return which notices are there, by the state and by the history alike."""
    page = inbox.do(ListNotices(limit=100), ANN)
    shown = [n.id for n in inbox.behaviour.view(ANN).notices]
    assert [n.id for n in page.notifications][: len(shown)] == shown[::-1]
    (row,) = (row for (table, *_), row in inbox.rows.items() if table == INBOXES.name)
    assert inbox.behaviour.state.shown.unread == page.unread == row["unread"]
    return [n.id for n in page.notifications][::-1]


def test_all_that_lead_there_are_taken_and_the_count_follows() -> None:
    inbox = told(TRIP, PARTY, TRIP, TRIP)
    inbox.do(MarkRead("3"), ANN)
    assert inbox.events_of(GONE) == [Dismissed("1", 2), Dismissed("3", 2), Dismissed("4", 1)]
    assert inbox.facts[-1].by == "system"
    assert left(inbox) == ["2"]
    assert inbox.events_of(GONE) == []


def test_what_people_sent_and_what_tells_of_something_else_stays() -> None:
    inbox = told(TRIP)
    inbox.do(Send(NEWS, "Do come along", url=TRIP), TEACHER)
    inbox.do(news(type="announcement.cancelled"))
    inbox.do(news(TRIP + "2"))
    assert inbox.events_of(GONE) == [Dismissed("1", 3)]
    assert left(inbox) == ["2", "3", "4"]


def test_what_stands_further_back_is_taken_as_well_and_what_was_dismissed_is_not_taken_again() -> None:
    inbox = told(TRIP, TRIP, TRIP, *[PARTY] * KEPT, TRIP)
    inbox.do(MarkRead("2"), ANN)
    inbox.do(Dismiss("3"), ANN)
    assert inbox.events_of(GONE) == [Dismissed("1", KEPT + 1), Dismissed("2", KEPT + 1), Dismissed(str(KEPT + 4), KEPT)]
    assert left(inbox) == [str(n) for n in range(4, KEPT + 4)]


def test_what_was_read_or_dismissed_in_the_same_turn_counts_as_it_is_now() -> None:
    """The table knows of a turn only when it is over."""
    inbox = told(TRIP, TRIP, PARTY)
    inbox.do(Dismiss("1"), ANN)
    inbox.consult = lambda asked: (1, 2)
    assert inbox.events_of(GONE) == [Dismissed("2", 1)]
    assert left(inbox) == ["3"]


def test_a_notice_that_a_silence_kept_back_is_not_told_of_when_the_silence_ends() -> None:
    inbox = new_inbox()
    inbox.do(Dnd(), ANN)
    inbox.do(news())
    inbox.do(GONE)
    assert not [event for event in inbox.events_of(Dnd(on=False), ANN) if isinstance(event, Digested)]


@pytest.mark.parametrize("by_system", [True, False])
def test_who_looks_at_what_happened_reads_nothing_of_what_was_taken_back(by_system: bool) -> None:
    inbox = told(TRIP, PARTY)
    inbox.do(GONE) if by_system else inbox.do(Dismiss("1"), ANN)
    first, second = (inbox.behaviour.show(fact, ANN) for fact in inbox.facts[:2])
    assert isinstance(first, Notified)
    assert (first.notice.title == TAKEN_BACK, first.notice.url == "") == (by_system, by_system)
    assert (first.notice.data, first.notice.message) == (
        ({}, "") if by_system else ({"author_id": "tess"}, "Bring shoes")
    )
    assert (first.notice.id, first.notice.type, second.notice.title) == ("1", NEWS, "The trip is on Friday")


def test_of_those_taken_back_the_newest_are_remembered() -> None:
    inbox = new_inbox()
    for number in range(WITHDRAWN_MAX + 5):
        inbox.do(notice() if number % 2 else news(f"/tasks/{number}", "task.assigned"))
        inbox.do(TakeBack(f"/tasks/{number}", ("task.assigned",)))
    taken = [int(fact.event.notification) for fact in inbox.facts if isinstance(fact.event, Dismissed)]
    assert inbox.behaviour.state.withdrawn == taken[-WITHDRAWN_MAX:]
