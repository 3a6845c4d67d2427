"""History and audit: what the read models answer after edits, retractions and reactions."""

from homeroom.protocol.chat import Audit, AuditRow, Edit, File, History, React, Retract, Say
from tests.actors.people import ADMIN, ANN, BEN, TEACHER
from tests.actors.rooms import full_window, open_room

PDF = File("plan.pdf", 1_024, "application/pdf", "https://school.example/1")


def test_history_is_paged_backwards_without_gap_or_overlap() -> None:
    room = open_room()
    ids = [room.do(Say(f"n{n}"), ANN).id for n in range(25)]
    pages, before = [], None
    while True:
        page = room.do(History(before, 10), BEN)
        pages.append([message.id for message in page.messages])
        if not page.more:
            break
        before = page.messages[0].id
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [message for page in reversed(pages) for message in page] == ids


def test_history_of_a_silent_room_is_empty() -> None:
    page = open_room().do(History(), ANN)
    assert (page.messages, page.more) == ((), False)


def test_history_holds_messages_exactly_as_the_view_does() -> None:
    room = open_room()
    first = room.do(Say("see @ben", kind="file", file=PDF, mentions=("ben", "eve")), ANN).id
    room.do(Say("thanks", reply_to=first), BEN)
    room.do(Edit(first, "see there"), ANN)
    for caller, emoji in ((ANN, "👍"), (BEN, "👍"), (BEN, "👩‍👧")):
        room.do(React(first, emoji), caller)
    room.do(Retract(room.do(Say("oops", file=PDF), ANN).id), TEACHER)
    assert list(room.do(History(), ADMIN).messages) == room.follow(BEN).state.chat.messages


def test_history_of_a_thread_holds_the_answers_to_one_message() -> None:
    room = open_room()
    question = room.do(Say("who?"), ANN).id
    answers = [room.do(Say(text, reply_to=question), BEN).id for text in ("me", "and me")]
    room.do(Say("something else"), ANN)
    assert [message.id for message in room.do(History(thread=question), ANN).messages] == answers


def test_changes_of_old_messages_reach_the_history() -> None:
    room = open_room()
    oldest = full_window(room)
    room.do(Edit(oldest, "the eldest"), ANN)
    assert room.do(History(before=str(int(oldest) + 1), limit=1), ANN).messages[0].text == "the eldest"
    room.do(Retract(oldest), TEACHER)
    gone = room.do(History(before=str(int(oldest) + 1), limit=1), ANN).messages[0]
    assert (gone.text, gone.retracted) == ("", "teacher")


def test_the_audit_keeps_what_stood_there_who_took_it_away_and_why() -> None:
    room = open_room()
    message = room.do(Say("rude", file=PDF), ANN).id
    room.do(Edit(message, "ruder"), ANN)
    edited = room.seq
    room.do(Retract(message, "rules of the house"), TEACHER)
    page = room.do(Audit(), TEACHER)
    assert page.rows == (
        AuditRow(
            room.seq, room.now, "teacher", "retracted", message, "ann",
            "ruder\nplan.pdf https://school.example/1", reason="rules of the house",
        ),
        AuditRow(edited, room.now, "ann", "edited", message, "ann", "rude", "ruder"),
    )  # fmt: skip
    assert not page.more
    assert room.try_do(Audit(), ANN) == "forbidden"


def test_the_audit_is_paged() -> None:
    room = open_room()
    for number in range(3):
        room.do(Retract(room.do(Say(f"rude {number}"), ANN).id), ANN)
    page = room.do(Audit(limit=2), TEACHER)
    assert ([row.before for row in page.rows], page.more) == (["rude 2", "rude 1"], True)
    rest = room.do(Audit(before=page.rows[-1].seq, limit=2), TEACHER)
    assert ([row.before for row in rest.rows], rest.more) == (["rude 0"], False)
