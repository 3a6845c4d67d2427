"""The verbs of a chat by example, good and bad, as the room composes them."""

import pytest

from homeroom.actors import chat_memory as memory_module
from homeroom.engine.behaviour import Refusal
from homeroom.protocol.chat import (
    EMOJIS_MAX,
    PINS_MAX,
    Audit,
    Edit,
    File,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageRetracted,
    MessagesRead,
    MessageUnpinned,
    ModeChanged,
    Mute,
    Muted,
    Pin,
    React,
    ReactionChanged,
    Read,
    Retract,
    Said,
    Say,
    SetMode,
    SlowMode,
    SlowModeChanged,
    Typing,
    TypingChanged,
    Unmute,
    Unmuted,
    Unpin,
    Unread,
    UnreadCount,
)
from homeroom.protocol.room import Join, Leave
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, TEACHER
from tests.actors.rooms import full_window, moderated_room, open_room

PDF = File("plan.pdf", 1_024, "application/pdf", "/files/1")


def refusal_of(room: Driver, command: object, caller: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        room.do(command, caller)  # type: ignore[arg-type] # a table of callers
    return refused.value


# --- say


def test_a_message_carries_the_number_of_its_event_and_its_own_count() -> None:
    room = open_room()
    said = room.do(Say("a < b && <b>bold</b>"), ANN)
    assert said == Said(str(room.seq))
    assert room.events[-1] == MessagePosted(said.id, 1, "a < b && <b>bold</b>", name="Ann")
    assert room.do(Say("second"), BEN) == Said(str(room.seq))
    assert room.events[-1].n == 2


def test_a_message_is_kept_as_written_but_for_what_cannot_be_seen() -> None:
    room = open_room()
    room.do(Say(" one\n\ttwo \u202egnp\x07 👩‍👩‍👧‍👦 "), ANN)
    assert room.events[-1].text == " one\n\ttwo gnp 👩‍👩‍👧‍👦 "


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b", "a\x00b", "\ud800"])
def test_a_text_that_cannot_be_kept_is_refused_by_name(text: str) -> None:
    room = open_room()
    verdict = room.behaviour.decide(Say("fine"), room._context(ANN))
    assert verdict is not None
    with pytest.raises(Refusal) as refused:
        room.behaviour.decide(Say(text), room._context(ANN))
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "text")


def test_a_file_needs_no_text() -> None:
    room = open_room()
    room.do(Say(kind="file", file=PDF), ANN)
    assert (room.events[-1].text, room.events[-1].file) == ("", PDF)


def test_a_person_mentioned_twice_is_mentioned_once() -> None:
    room = open_room()
    room.do(Say("@ben @eve @ben", mentions=("ben", "eve", "ben")), ANN)
    assert room.events[-1].mentions == ("ben", "eve")


def test_an_answer_names_its_message_also_when_that_left_the_window() -> None:
    room = open_room()
    first = room.do(Say("question"), ANN).id
    room.do(Say("answer", reply_to=first), BEN)
    assert room.recalls == 0
    assert room.events[-1].reply_to == first
    oldest = full_window(room)
    room.do(Say("late answer", reply_to=oldest), BEN)
    assert room.recalls == 1
    assert room.events[-1].reply_to == oldest


@pytest.mark.parametrize("target", ["2", "999", "1"])
def test_an_answer_to_what_is_no_message_is_refused(target: str) -> None:
    room = open_room()
    full_window(room)
    assert room.try_do(Say("hm", reply_to=target), ANN) == "not_found"


# --- modes, slow mode, mutes


@pytest.mark.parametrize(
    ("mode", "may"),
    [
        ("open", {"ann", "ben", "teacher", "colleague"}),
        ("moderated", {"ben", "teacher", "colleague"}),
        ("announce", {"teacher", "colleague"}),
    ],
)
def test_each_mode_says_who_may_post(mode: str, may: set[str]) -> None:
    room = moderated_room()
    room.do(Join(), COLLEAGUE)
    if mode != "open":
        assert room.events_of(SetMode(mode), TEACHER) == [ModeChanged(mode)]  # type: ignore[arg-type] # from the table
    for caller in (ANN, BEN, TEACHER, COLLEAGUE):
        expected = "ok" if caller.user in may else "forbidden"
        assert room.try_do(Say("hello"), caller) == expected
        assert room.try_do(Typing(), caller) == expected


def test_setting_the_mode_or_pause_that_is_there_is_nothing() -> None:
    room = open_room()
    assert room.events_of(SetMode("open"), TEACHER) == []
    assert room.events_of(SlowMode(0), TEACHER) == []


def test_slow_mode_holds_members_to_a_pause_and_says_how_long() -> None:
    room = moderated_room()
    assert room.events_of(SlowMode(10), TEACHER) == [SlowModeChanged(10)]
    room.do(Say("one"), ANN)
    room.now += 4_000
    refused = refusal_of(room, Say("two"), ANN)
    assert (refused.code, refused.retry_ms) == ("rate_limited", 6_000)
    for free in (BEN, TEACHER):
        room.do(Say("one"), free)
        assert room.try_do(Say("two"), free) == "ok"
    room.now += 6_000
    assert room.try_do(Say("two"), ANN) == "ok"


def test_slow_mode_outlives_a_restart_and_leaving() -> None:
    room = open_room()
    room.do(SlowMode(60), TEACHER)
    room.do(Say("one"), ANN)
    room.do(Leave(), ANN)
    room.do(Join(), ANN)
    room.restart(snapshot_at=room.seq)
    assert room.try_do(Say("two"), ANN) == "rate_limited"
    room.do(SlowMode(0), TEACHER)
    assert room.try_do(Say("two"), ANN) == "ok"


def test_what_slow_mode_remembers_is_bounded() -> None:
    room = open_room()
    room.do(SlowMode(1), TEACHER)
    said = {f"u{n}": room.now - 5_000 for n in range(memory_module.SAID_MAX)}
    room.behaviour.state.chat.said = said
    room.do(Say("one"), ANN)
    assert room.behaviour.state.chat.said == {"ann": room.now}


def test_a_muted_member_cannot_post_until_the_time_has_come() -> None:
    room = open_room()
    message = room.do(Say("before"), ANN).id
    assert room.events_of(Mute("ann", 60), TEACHER) == [Muted("ann", room.now + 60_000)]
    refused = refusal_of(room, Say("psst"), ANN)
    assert (refused.code, refused.data) == ("forbidden", {"until": room.now + 60_000})
    for command in (Edit(message, "other"), React(message, "👍"), Typing()):
        assert room.try_do(command, ANN) == "forbidden"
    assert room.try_do(Retract(message), ANN) == "ok"
    room.now += 59_999
    assert room.try_do(Say("psst"), ANN) == "forbidden"
    room.now += 1
    assert room.try_do(Say("back"), ANN) == "ok"


def test_a_mute_outlives_leaving_and_a_restart() -> None:
    room = open_room()
    room.do(Mute("ann", 600), TEACHER)
    room.do(Leave(), ANN)
    room.do(Join(), ANN)
    room.restart()
    assert room.try_do(Say("psst"), ANN) == "forbidden"


def test_unmuting_lets_a_person_speak_and_is_nothing_for_others() -> None:
    room = open_room()
    room.do(Mute("ann", 600), TEACHER)
    assert room.events_of(Unmute("ann"), TEACHER) == [Unmuted("ann")]
    assert room.try_do(Say("back"), ANN) == "ok"
    assert room.events_of(Unmute("ann"), TEACHER) == []


def test_only_members_are_muted() -> None:
    assert open_room().try_do(Mute("eve"), TEACHER) == "not_found"


def test_mutes_that_have_ended_are_forgotten_with_the_next_one() -> None:
    room = open_room()
    room.do(Mute("ann", 1), TEACHER)
    room.now += 2_000
    room.do(Mute("ben", 1), TEACHER)
    assert room.behaviour.state.shown.chat.muted == {"ben": room.now + 1_000}


# --- edit, retract


def test_only_its_author_edits_a_message() -> None:
    room = moderated_room()
    message = room.do(Say("helo"), ANN).id
    assert room.try_do(Edit(message, "hi"), BEN) == "forbidden"
    assert room.try_do(Edit(message, "hi"), TEACHER) == "forbidden"
    assert room.events_of(Edit(message, "hello"), ANN) == [MessageEdited(message, "hello", was="helo")]
    shown = room.follow(BEN).state.chat.messages[0]
    assert (shown.text, shown.edited) == ("hello", room.now)


def test_an_edit_that_changes_nothing_is_nothing() -> None:
    room = open_room()
    message = room.do(Say("hello"), ANN).id
    assert room.events_of(Edit(message, "hello"), ANN) == []


def test_an_edit_to_nothing_is_refused_unless_there_is_a_file() -> None:
    room = open_room()
    plain = room.do(Say("hello"), ANN).id
    with_file = room.do(Say("see", file=PDF), ANN).id
    assert room.try_do(Edit(plain, ""), ANN) == "bad_command"
    assert room.try_do(Edit(with_file, ""), ANN) == "ok"


def test_what_was_before_an_edit_is_never_broadcast() -> None:
    room = open_room()
    message = room.do(Say("secret"), ANN).id
    room.do(Edit(message, "public"), ANN)
    assert room.behaviour.public(room.facts[-1]) == MessageEdited(message, "public")
    assert room.replay(BEN)[-1].event == MessageEdited(message, "public")


def test_old_messages_are_edited_and_retracted_by_recall() -> None:
    room = open_room()
    oldest = full_window(room)
    assert room.try_do(Edit(oldest, "mine"), BEN) == "forbidden"
    assert room.events_of(Edit(oldest, "the eldest"), ANN) == [MessageEdited(oldest, "the eldest", was="the oldest")]
    assert room.events_of(Retract(oldest), ANN) == [MessageRetracted(oldest, was="the eldest", author="ann")]
    assert room.try_do(Edit(oldest, "again"), ANN) == "conflict"
    assert room.events_of(Retract(oldest), ANN) == []
    assert room.recalls == 5


@pytest.mark.parametrize("edited_outside", [False, True])
def test_an_old_message_is_edited_back_to_its_first_words_and_the_audit_tells_each_step(edited_outside: bool) -> None:
    room = open_room()
    message = room.do(Say("AAA"), ANN).id
    if not edited_outside:
        room.do(Edit(message, "BBB"), ANN)
    for number in range(201):
        room.do(Say(f"filler {number}"), BEN)
    room.do(Edit(message, "BBB"), ANN)
    room.restart(snapshot_at=room.seq)
    assert room.events_of(Edit(message, "BBB"), ANN) == []
    assert room.events_of(Edit(message, "AAA"), ANN) == [MessageEdited(message, "AAA", was="BBB")]
    assert room.rows["room_messages", int(message)]["body"] == "AAA"
    assert room.do(Audit(), ADMIN).rows[0].before == "BBB"


def test_the_audit_of_an_old_retraction_tells_the_newest_words_and_the_file() -> None:
    room = open_room()
    message = room.do(Say("AAA", file=PDF), ANN).id
    for number in range(201):
        room.do(Say(f"filler {number}"), BEN)
    room.do(Edit(message, "BBB"), ANN)
    room.do(Edit(message, "CCC"), ANN)
    assert room.events_of(Retract(message), TEACHER) == [
        MessageRetracted(message, was="CCC\nplan.pdf /files/1", author="ann")
    ]
    assert room.behaviour.state.chat.edited == {}


def test_too_many_edits_close_the_oldest_messages_instead_of_auditing_their_first_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_module, "EDITED_MAX", 2)
    room = open_room()
    messages = [room.do(Say(f"first {number}"), ANN).id for number in range(5)]
    for message in messages[1:4]:
        room.do(Edit(message, "second"), ANN)
    memory = room.behaviour.state.chat
    assert (memory.edited.keys(), memory.settled) == (set(map(int, messages[2:4])), int(messages[1]))
    assert room.events_of(Edit(messages[0], "in the window"), ANN)[0].was == "first 0"
    full_window(room)
    for command in (Edit(messages[1], "first 1"), Retract(messages[1])):
        assert room.try_do(command, ANN) == "too_late"
    assert room.try_do(Edit(messages[1], "not mine"), BEN) == "forbidden"
    assert room.try_do(Pin(messages[1]), TEACHER) == "ok"
    assert room.events_of(Edit(messages[2], "third"), ANN)[0].was == "second"
    assert room.events_of(Retract(messages[4]), ANN)[0].was == "first 4"


@pytest.mark.parametrize("message", ["1", "2", "4", "99999"])
def test_what_is_no_message_is_not_found(message: str) -> None:
    room = open_room()
    full_window(room)
    for command in (Edit(message, "x"), Retract(message), Pin(message)):
        assert room.try_do(command, TEACHER) == "not_found"


def test_a_retracted_message_is_gone_from_views_replays_and_history() -> None:
    room = open_room()
    message = room.do(Say("my secret", file=PDF, mentions=("ben",)), ANN).id
    room.do(Edit(message, "my other secret"), ANN)
    room.do(React(message, "👍"), BEN)
    room.do(Pin(message), TEACHER)
    assert room.events_of(Retract(message, "typo"), ANN)[0].was == "my other secret\nplan.pdf /files/1"
    shown = room.follow(BEN).state.chat
    assert (shown.messages[0].text, shown.messages[0].file, shown.messages[0].reactions) == ("", None, {})
    assert (shown.messages[0].retracted, shown.messages[0].mentions, shown.pins) == ("ann", (), ())
    replayed = repr(room.replay(BEN))
    assert "secret" not in replayed
    assert "plan.pdf" not in replayed
    assert "secret" not in repr([row for key, row in room.rows.items() if key[0] == "room_messages"])
    assert room.behaviour.public(room.facts[-1]) == MessageRetracted(message, "typo")


def test_moderators_and_admins_retract_what_others_said_and_members_do_not() -> None:
    room = moderated_room()
    messages = [room.do(Say(f"rude {n}"), ANN).id for n in range(3)]
    room.do(Join(), EVE)
    assert room.try_do(Retract(messages[0]), EVE) == "forbidden"
    for message, moderator in zip(messages, (BEN, TEACHER, ADMIN), strict=True):
        assert room.try_do(Retract(message, "rude"), moderator) == "ok"


def test_retracting_twice_is_nothing_and_a_retracted_message_takes_nothing_more() -> None:
    room = open_room()
    message = room.do(Say("oops"), ANN).id
    room.do(Retract(message), ANN)
    assert room.events_of(Retract(message), ANN) == []
    for command, caller in ((Edit(message, "x"), ANN), (React(message, "👍"), BEN), (Pin(message), TEACHER)):
        assert room.try_do(command, caller) == "conflict"


def test_a_retraction_is_remembered_by_a_snapshot() -> None:
    room = open_room()
    message = room.do(Say("my secret"), ANN).id
    room.do(Retract(message), ANN)
    full_window(room)
    room.restart(snapshot_at=room.seq)
    assert "secret" not in repr(room.replay(BEN))


@pytest.mark.parametrize("edit_first", [True, False])
def test_e11_of_an_edit_and_a_moderators_retraction_at_once_nothing_is_in_later_snapshots_and_resumes(
    edit_first: bool,
) -> None:
    room = moderated_room()
    message = room.do(Say("my secret"), ANN).id
    acts = [(Edit(message, "my other secret"), ANN), (Retract(message, "rude"), BEN)]
    told = [room.try_do(command, who) for command, who in (acts if edit_first else reversed(acts))]
    assert told == (["ok", "ok"] if edit_first else ["ok", "conflict"])
    for _ in ("live", "after a restart"):
        assert room.follow(BEN).state.chat.messages[0].retracted == "ben"
        history = [row for key, row in room.rows.items() if key[0] == "room_messages"]
        assert "secret" not in repr((room.replay(BEN), room.follow(BEN).state, history))
        room.restart(snapshot_at=room.seq)


def test_too_many_retractions_close_the_oldest_messages_instead_of_showing_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_module, "RETRACTED_MAX", 2)
    room = open_room()
    kept = room.do(Say("not retracted"), ANN).id
    for number in range(3):
        room.do(Retract(room.do(Say(f"secret {number}"), ANN).id), ANN)
    memory = room.behaviour.state.chat
    assert (len(memory.retracted), memory.closed) == (2, int(kept) + 1)
    full_window(room)
    assert "secret" not in repr(room.replay(BEN))
    assert room.try_do(Edit(kept, "still mine"), ANN) == "too_late"


# --- reactions


def test_reactions_list_everybody_once_in_order() -> None:
    room = open_room()
    message = room.do(Say("party?"), TEACHER).id
    assert room.events_of(React(message, "👍"), ANN) == [ReactionChanged(message, "👍", ("ann",))]
    assert room.events_of(React(message, "👍"), BEN) == [ReactionChanged(message, "👍", ("ann", "ben"))]
    assert room.events_of(React(message, "👍"), ANN) == []
    assert room.events_of(React(message, "👍", on=False), ANN) == [ReactionChanged(message, "👍", ("ben",))]
    assert room.events_of(React(message, "👍", on=False), ANN) == []
    assert room.events_of(React(message, "👍", on=False), BEN) == [ReactionChanged(message, "👍")]
    assert room.follow(ANN).state.chat.messages[0].reactions == {}


def test_a_message_holds_so_many_kinds_of_emoji_and_no_more() -> None:
    room = open_room()
    message = room.do(Say("party?"), TEACHER).id
    for number in range(EMOJIS_MAX):
        room.do(React(message, f":{number}:"), ANN)
    assert room.try_do(React(message, "🎉"), ANN) == "full"
    assert room.try_do(React(message, ":0:"), BEN) == "ok"


def test_reactions_outside_the_window_come_too_late() -> None:
    room = open_room()
    oldest = full_window(room)
    assert room.try_do(React(oldest, "👍"), BEN) == "too_late"
    assert room.try_do(React("99999", "👍"), BEN) == "not_found"
    assert room.try_do(React(str(int(oldest) + 1), "👍"), ANN) == "ok"


@pytest.mark.parametrize("emoji", ["a b", " ", "\n", "a\u2028b", "\x00"])
def test_an_emoji_with_blanks_is_refused_by_name(emoji: str) -> None:
    room = open_room()
    message = room.do(Say("party?"), TEACHER).id
    refused = refusal_of(room, React(message, emoji), ANN)
    assert (refused.code, refused.data["field"]) == ("bad_command", "emoji")


# --- typing


def test_typing_is_signalled_once_and_ends_by_itself() -> None:
    room = open_room()
    room.do(Typing(), ANN)
    room.advance(4_000)
    room.do(Typing(), ANN)
    assert room.sent(TypingChanged) == [TypingChanged("ann", True)]
    room.advance(5_999)
    assert room.sent(TypingChanged) == [TypingChanged("ann", True)]
    assert room.advance(1) == []
    assert room.sent(TypingChanged) == [TypingChanged("ann", True), TypingChanged("ann", False)]
    assert {signal.key for signal in room.signals} == {"typing:ann"}


@pytest.mark.parametrize("command", [Typing(False), Say("done"), Leave()])
def test_typing_ends_with_the_message_or_the_visit(command: object) -> None:
    room = open_room()
    room.do(Typing(), ANN)
    room.do(command, ANN)
    assert room.sent(TypingChanged)[-1] == TypingChanged("ann", False)
    count = len(room.signals)
    room.advance(60_000)
    assert len(room.signals) == count


def test_typing_is_never_kept() -> None:
    room = open_room()
    before = room.seq
    room.do(Typing(), ANN)
    room.advance(10_000)
    assert room.seq == before
    assert room.deadlines == {}


def test_stopping_without_typing_is_nothing() -> None:
    room = open_room()
    room.do(Typing(False), ANN)
    assert room.signals == []


# --- read receipts, unread


def test_reading_moves_forward_only_and_unread_counts_what_is_left() -> None:
    room = open_room()
    ids = [room.do(Say(f"n{n}"), BEN).id for n in range(4)]
    assert room.do(Unread(), ANN) == UnreadCount(4, "0")
    assert room.events_of(Read(ids[1]), ANN) == [MessagesRead("ann", ids[1], 2)]
    assert room.do(Unread(), ANN) == UnreadCount(2, ids[1])
    assert room.events_of(Read(ids[1]), ANN) == []
    assert room.events_of(Read(ids[0]), ANN) == []
    room.do(Read(ids[3]), ANN)
    assert room.do(Unread(), ANN).unread == 0


def test_reading_up_to_another_event_means_the_message_before_it() -> None:
    room = open_room()
    message = room.do(Say("one"), BEN).id
    room.do(React(message, "👍"), ANN)
    assert room.events_of(Read(str(room.seq)), ANN) == [MessagesRead("ann", message, 1)]


def test_what_was_never_said_cannot_be_read() -> None:
    room = open_room()
    assert room.try_do(Read("1"), ANN) == "not_found"
    assert room.try_do(Read("3"), ANN) == "not_found"
    room.do(Say("one"), BEN)
    assert room.try_do(Read(str(room.seq + 1)), ANN) == "not_found"
    assert room.try_do(Read("1"), ANN) == "not_found"


def test_an_old_message_is_read_by_recall() -> None:
    room = open_room()
    oldest = full_window(room)
    room.do(Join(), EVE)
    reader = room.behaviour.state.shown.chat.reads
    assert reader["ann"].upto == oldest
    room.do(Say("mine"), BEN)
    assert room.try_do(Read(str(int(oldest) - 1)), TEACHER) == "not_found"
    assert room.events_of(Read(oldest), TEACHER) == [MessagesRead("teacher", oldest, 1)]


def test_posting_reads_what_was_said_before() -> None:
    room = open_room()
    room.do(Say("one"), BEN)
    room.do(Say("two"), ANN)
    assert room.do(Unread(), ANN) == UnreadCount(0, str(room.seq))
    assert room.do(Unread(), BEN).unread == 1


def test_who_joins_has_nothing_unread() -> None:
    room = open_room()
    message = room.do(Say("one"), BEN).id
    room.do(Join(), EVE)
    assert room.do(Unread(), EVE) == UnreadCount(0, message)


# --- pins


def test_pins_come_and_go() -> None:
    room = open_room()
    oldest = full_window(room)
    recent = room.do(Say("recent"), ANN).id
    assert room.events_of(Pin(oldest), TEACHER) == [MessagePinned(oldest)]
    assert room.events_of(Pin(recent), ADMIN) == [MessagePinned(recent)]
    assert room.events_of(Pin(recent), TEACHER) == []
    assert room.follow(ANN).state.chat.pins == (oldest, recent)
    assert room.events_of(Unpin(oldest), TEACHER) == [MessageUnpinned(oldest)]
    assert room.events_of(Unpin(oldest), TEACHER) == []


def test_pins_are_bounded() -> None:
    room = open_room()
    ids = [room.do(Say(f"n{n}"), ANN).id for n in range(PINS_MAX + 1)]
    for message in ids[:PINS_MAX]:
        room.do(Pin(message), TEACHER)
    assert room.try_do(Pin(ids[-1]), TEACHER) == "full"
