"""The inbox by example: what comes in, who may send and read, what is counted, and what stands further back."""

import msgspec
import pytest

from homeroom.actors.inbox import INBOX
from homeroom.actors.inbox_history import OLDER_PAGE
from homeroom.actors.inbox_memory import KEYS_MAX, UNREAD_MAX
from homeroom.engine.behaviour import Caller, Refusal, Tell
from homeroom.protocol.inbox import (
    AllRead,
    Data,
    Dismiss,
    Dismissed,
    ListNotices,
    MarkRead,
    Notice,
    NoticePage,
    NoticesRead,
    Notified,
    Notify,
    ReadAll,
    Send,
    Sent,
    UnreadCount,
)
from homeroom.protocol.inbox_state import KEPT, reduce_inbox
from tests.actors.driver import START, Driver, stored
from tests.actors.inboxes import bring, new_inbox, notice
from tests.actors.people import ADMIN, ANN, BEN, PARENT, SUPER, SYSTEM, TEACHER


def full_inbox(count: int) -> Driver:
    inbox = new_inbox()
    for _ in range(count):
        inbox.advance(120_000)
        inbox.do(notice())
    return inbox


def unread(inbox: Driver) -> int:
    count: int = inbox.behaviour.state.shown.unread
    return count


def test_a_notice_has_the_number_of_its_event_and_all_that_was_said() -> None:
    inbox = new_inbox()
    data: Data = {"exam": "e1", "points": 17, "passed": True}
    inbox.do(Notify("EXAM_UPDATE", "Your exam starts in 5 minutes", "Room 4", data, "high", "/exams/123"))
    (found,) = inbox.behaviour.view(ANN).notices
    assert found == Notice(
        "1", START, "EXAM_UPDATE", "Your exam starts in 5 minutes", "Room 4", data, "high", "/exams/123"
    )
    assert (found.toast, found.why, found.read) == (True, "", False)
    assert unread(inbox) == 1


def test_two_notices_of_the_same_key_are_one_also_after_it_was_dismissed() -> None:
    inbox = new_inbox()
    inbox.do(notice(key="session:s1:starting"))
    assert inbox.events_of(notice(key="session:s1:starting", title="Another title")) == []
    inbox.do(Dismiss("1"), ANN)
    assert inbox.events_of(notice(key="session:s1:starting")) == []
    assert len(inbox.events_of(notice(key="session:s2:starting"))) == 1
    assert len(inbox.events_of(notice())) == len(inbox.events_of(notice())) == 1


def test_the_keys_that_are_remembered_are_the_newest() -> None:
    inbox = new_inbox()
    for number in range(KEYS_MAX + 1):
        inbox.do(notice(key=f"k{number}"))
    assert len(inbox.behaviour.state.keys) == KEYS_MAX
    assert inbox.events_of(notice(key="k1")) == []
    assert len(inbox.events_of(notice(key="k0"))) == 1


def test_the_key_is_for_the_journal_alone() -> None:
    inbox = new_inbox()
    ann = inbox.follow(ANN)
    inbox.do(notice(key="secret"))
    assert inbox.facts[0].event.key == "secret"
    assert inbox.behaviour.public(inbox.facts[0]).key == ""
    assert "secret" not in repr((ann.state, inbox.replay(ANN)))


def test_reading_counts_down_once_and_says_how_many_are_left() -> None:
    inbox = new_inbox()
    bring(inbox, notice(), notice(), notice())
    assert inbox.do(MarkRead("2"), ANN) == UnreadCount(2)
    assert inbox.events[-1] == NoticesRead(("2",), 2)
    assert inbox.events_of(MarkRead("2"), ANN) == []
    assert inbox.do(MarkRead("2"), ANN) == UnreadCount(2)
    assert [n.read for n in inbox.behaviour.view(ANN).notices] == [False, True, False]


def test_reading_all_up_to_one_leaves_what_came_after_it() -> None:
    inbox = new_inbox()
    bring(inbox, notice(), notice(), notice())
    assert inbox.do(ReadAll(upto="2"), ANN) == UnreadCount(1)
    assert inbox.events_of(ReadAll(upto="2"), ANN) == []
    assert inbox.events_of(ReadAll(), ANN) == [AllRead("4", 0)]
    assert inbox.events_of(ReadAll(), ANN) == []
    assert all(n.read for n in inbox.behaviour.view(ANN).notices)


def test_dismissing_takes_a_notice_away_and_counts_it_down_only_if_it_was_unread() -> None:
    inbox = new_inbox()
    bring(inbox, notice(), notice())
    inbox.do(MarkRead("1"), ANN)
    assert inbox.do(Dismiss("1"), ANN) == UnreadCount(1)
    assert inbox.events_of(Dismiss("2"), ANN) == [Dismissed("2", 0)]
    assert inbox.events_of(Dismiss("2"), ANN) == []
    assert inbox.do(MarkRead("2"), ANN) == UnreadCount(0)
    assert inbox.behaviour.view(ANN).notices == []


@pytest.mark.parametrize("command", [MarkRead("2"), Dismiss("2"), MarkRead("77"), Dismiss("77")])
def test_what_is_no_notice_is_not_found(command: MarkRead | Dismiss) -> None:
    inbox = new_inbox()
    bring(inbox, notice())
    inbox.do(MarkRead("1"), ANN)
    assert inbox.try_do(command, ANN) == "not_found"


# --- who may


@pytest.mark.parametrize("caller", [TEACHER, ADMIN, SUPER])
def test_staff_send_to_others_and_the_notice_says_who_did(caller: Caller) -> None:
    inbox = new_inbox()
    assert inbox.do(Send("talk", "See me", data={"from": "somebody else"}), caller) == Sent("1")
    (found,) = inbox.behaviour.view(ANN).notices
    assert found.data == {"from": caller.user, "from_name": caller.name}
    assert inbox.facts[0].by == caller.user


def test_students_and_parents_send_to_themselves_alone() -> None:
    inbox = new_inbox()
    assert inbox.try_do(Send("talk", "Hello"), BEN) == "forbidden"
    assert inbox.try_do(Send("talk", "Hello"), PARENT) == "forbidden"
    assert inbox.try_do(Send("talk", "Hello", user="ben"), ANN) == "forbidden"
    assert inbox.try_do(Send("talk", "Hello"), ANN) == "ok"
    assert inbox.try_do(Send("talk", "Hello", user="ann"), ANN) == "ok"
    assert inbox.tells == []


def test_staff_send_from_their_own_inbox_to_the_one_they_name() -> None:
    inbox = Driver(new_inbox().kind, "teacher")
    assert inbox.do(Send("talk", "See me", user="ben"), TEACHER) == Sent(user="ben")
    told = Notify("talk", "See me", data={"from": "teacher", "from_name": "Tia Teacher"})
    assert inbox.tells == [Tell("inbox:ben", told)]
    assert inbox.events == []
    assert inbox.try_do(Send("talk", "See me", user="ann"), ADMIN) == "bad_command"


def test_only_its_person_reads_an_inbox_not_even_admins() -> None:
    inbox = new_inbox()
    bring(inbox, notice())
    for caller in (BEN, PARENT, TEACHER, ADMIN, SUPER):
        with pytest.raises(Refusal, match="forbidden"):
            inbox.follow(caller)
        for command in (ListNotices(), MarkRead("1"), ReadAll(), Dismiss("1")):
            assert inbox.try_do(command, caller) == "forbidden"
    assert inbox.try_do(notice(), ANN) == "forbidden"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.example", "http://plain.example", "/a b", "data:text/html,x", "\\\\x", "/\n"]
)
def test_z4_a_link_is_https_or_relative(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        stored(Send("talk", "Hello", url=url))


@pytest.mark.parametrize("url", ["", "/exams/123", "exams?id=1#top", "https://school.example/x"])
def test_z4_a_fitting_link_is_taken(url: str) -> None:
    assert stored(Send("talk", "Hello", url=url)).url == url


def test_m13_what_people_send_holds_nothing_that_turns_or_hides_text_in_no_part_of_it() -> None:
    inbox = new_inbox()
    data: Data = {"k\u202ey": "a\u202eb\x1b", "empty": "", "n": 5, "on": True}
    inbox.do(Send("note", "ti\u202etle", "mess\x07age", data), ANN)
    (found,) = inbox.behaviour.view(ANN).notices
    assert (found.title, found.message) == ("title", "message")
    assert found.data == {"ky": "ab", "empty": "", "n": 5, "on": True, "from": "ann", "from_name": "Ann"}


@pytest.mark.parametrize(
    ("data", "url"),
    [
        ({"k": "a\0b"}, ""),
        ({"k\0": "a"}, ""),
        ({"\u202e": "a"}, ""),
        ({"k": "\u200b"}, ""),
        ({"k": "a", "k\u200b": "b"}, ""),
        ({}, "/exams/\u202etxt.exe"),
        ({}, "https://example.org/\x7f"),
    ],
)
def test_m13_a_datum_or_link_that_cannot_be_kept_as_it_is_is_refused_to_oneself_and_to_others(
    data: Data, url: str
) -> None:
    inbox = Driver(INBOX, "teacher", reduce_inbox)
    for user in (None, "ben"):
        with pytest.raises(Refusal) as caught:
            inbox.do(Send("note", "Title", data=data, url=url, user=user), TEACHER)
        assert (caught.value.code, caught.value.data["field"]) == ("bad_command", "url" if url else "data")
    assert (inbox.events, inbox.tells) == ([], [])


def test_a_title_of_which_nothing_can_be_seen_is_refused() -> None:
    inbox = new_inbox()
    assert inbox.try_do(Send("talk", "\u200b\u202e"), ANN) == "bad_command"
    assert inbox.try_do(Send("talk", "a\0b"), ANN) == "bad_command"
    assert inbox.try_do(notice(title=" "), SYSTEM) == "bad_command"
    inbox.do(Send("talk", "a\n\u202eb"), ANN)
    assert inbox.behaviour.view(ANN).notices[0].title == "a b"


# --- further back


def test_what_no_longer_stands_in_the_state_is_still_counted_read_and_dismissed() -> None:
    inbox = full_inbox(KEPT + 3)
    assert len(inbox.behaviour.view(ANN).notices) == KEPT
    assert unread(inbox) == KEPT + 3
    assert inbox.do(MarkRead("1"), ANN) == UnreadCount(KEPT + 2)
    assert inbox.events_of(MarkRead("1"), ANN) == []
    assert inbox.do(Dismiss("2"), ANN) == UnreadCount(KEPT + 1)
    assert inbox.do(Dismiss("1"), ANN) == UnreadCount(KEPT + 1)
    assert inbox.do(ReadAll(upto="3"), ANN) == UnreadCount(KEPT)
    assert inbox.behaviour.state.older == []


def test_one_unread_notice_too_many_makes_the_oldest_read() -> None:
    inbox = full_inbox(UNREAD_MAX)
    events = inbox.events_of(notice())
    assert isinstance(events[0], Notified)
    assert events[1:] == [NoticesRead(("1",), UNREAD_MAX, expired=True)]
    assert unread(inbox) == UNREAD_MAX
    assert len(msgspec.msgpack.encode(inbox.behaviour.state)) < 60_000


def test_pages_go_back_to_the_first_notice_without_what_was_dismissed() -> None:
    inbox = full_inbox(KEPT + 20)
    inbox.do(Dismiss("5"), ANN)
    inbox.do(MarkRead("7"), ANN)
    seen: list[Notice] = []
    page = inbox.do(ListNotices(limit=50), ANN)
    seen += page.notifications
    while page.more:
        page = inbox.do(ListNotices(before=seen[-1].id, limit=50), ANN)
        seen += page.notifications
    assert [int(n.id) for n in seen] == [n for n in range(KEPT + 20, 0, -1) if n != 5]
    assert [n.id for n in seen if n.read] == ["7"]
    assert page.unread == KEPT + 18


def test_a_page_from_the_history_says_what_the_state_says() -> None:
    inbox = new_inbox()
    inbox.do(Notify("a.b", "A", "text", {"n": 1, "on": False, "s": "x"}, "low", "/x"))
    inbox.do(notice("a.b"))
    inbox.do(MarkRead("1"), ANN)
    page = inbox.do(ListNotices(), ANN)
    assert page == NoticePage(tuple(reversed(inbox.behaviour.view(ANN).notices)), False, 1)


def test_the_unread_are_paged_by_themselves_the_oldest_a_few_at_a_time() -> None:
    inbox = full_inbox(KEPT + OLDER_PAGE + 5)
    inbox.do(MarkRead("2"), ANN)
    inbox.do(MarkRead(str(KEPT + 10)), ANN)
    seen: list[Notice] = []
    page = inbox.do(ListNotices(limit=100, unread=True), ANN)
    seen += page.notifications
    while page.more:
        page = inbox.do(ListNotices(before=seen[-1].id, limit=100, unread=True), ANN)
        seen += page.notifications
    newest = KEPT + OLDER_PAGE + 5
    assert [int(n.id) for n in seen] == [n for n in range(newest, 0, -1) if n not in {2, KEPT + 10}]
    assert not any(n.read for n in seen)
    assert page.unread == len(seen)
