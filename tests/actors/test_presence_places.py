"""Places other than rooms: their members see the presence, and sessions are told when a person really goes and comes back."""

from typing import Any

import msgspec
import pytest

from homeroom.actors.presence import BEATS_MS, GRACE_MS, PRESENCE
from homeroom.actors.presence_memory import PresenceMemory
from homeroom.engine.behaviour import Fact, Tell
from homeroom.protocol.presence import (
    PLACES_MAX,
    SESSIONS_MAX,
    Beat,
    Connected,
    Disconnected,
    Enter,
    Exit,
    Hide,
    PresenceChanged,
    RoomEntered,
    RoomExited,
    RoomPresence,
    SetStatus,
    Show,
)
from homeroom.protocol.session_words import Away, Back
from tests.actors.driver import START, Driver
from tests.actors.people import ANN
from tests.actors.presences import new_presence, present

MATHS = "session:maths"


def attending() -> Driver:
    """Return Ann, here and in the session."""
    ann = present()
    ann.do(Enter(MATHS))
    return ann


def away(at: int, session: str = MATHS) -> Tell:
    return Tell(session, Away("ann", at))


def back(at: int, session: str = MATHS) -> Tell:
    return Tell(session, Back("ann", at))


# --- addresses


def test_presence_is_signalled_to_the_stream_of_each_place() -> None:
    ann = present()
    for place in ("physics", MATHS, "group:chess"):
        assert ann.events_of(Enter(place)) == [RoomEntered(place)]
    ann.signals.clear()
    ann.do(SetStatus("busy"), ANN)
    assert [signal.stream for signal in ann.signals] == ["room:physics", MATHS, "group:chess"]
    assert {signal.event for signal in ann.signals} == {RoomPresence("ann", "busy", "", START)}


def test_a_room_may_be_named_by_its_id_or_its_address_and_is_one_place() -> None:
    ann = present()
    assert ann.events_of(Enter("room:physics")) == [RoomEntered("physics")]
    assert ann.events_of(Enter("physics")) == []
    assert ann.events_of(Exit("room:physics")) == [RoomExited("physics")]
    assert ann.behaviour.state.rooms == {}


@pytest.mark.parametrize("place", ["", "a b", "Group:x", "group:", ":x", "a:b:c", "x" * 65])
def test_what_is_neither_an_id_nor_an_address_is_no_place(place: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"room": place}, Enter)


def test_an_old_journal_and_an_old_snapshot_still_stand() -> None:
    journal = [{"status": "busy", "last_heard": 5, "own": {"chosen": "busy"}}, {"room": "physics"}]
    made = PRESENCE.behaviour("ann", PRESENCE.behaviour.fresh("ann"))
    for seq, (body, type_) in enumerate(zip(journal, (PresenceChanged, RoomEntered), strict=True), 1):
        made.apply(Fact(seq, START, "ann", msgspec.convert(body, type_)))
    assert made.state.rooms == {"physics": None}
    snapshot = {
        "shown": {"user": "ann", "status": "busy", "activity": "", "last_heard": 5},
        "own": {"chosen": "busy"},
        "rooms": {"physics": None},
    }
    assert msgspec.convert(snapshot, PresenceMemory) == made.state
    assert PRESENCE.version == 1


def test_places_are_bounded() -> None:
    ann = present()
    ann.behaviour.state.rooms.update(dict.fromkeys(f"r{number}" for number in range(PLACES_MAX)))
    assert ann.try_do(Enter("one-more"), ANN) == "forbidden"
    with pytest.raises(Exception, match="full"):
        ann.do(Enter("one-more"))
    assert ann.events_of(Enter("r1")) == []


def test_e12_a_session_is_never_refused_for_the_sake_of_other_places() -> None:
    ann = present()
    for number in range(PLACES_MAX):
        ann.do(Enter(f"r{number}"))
    assert ann.events_of(Enter(MATHS)) == [RoomEntered(MATHS)]
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS)
    assert ann.tells == [away(START)], "what the server observed is told, and so counts"
    assert ann.events_of(Exit(MATHS)) == [RoomExited(MATHS)]


def test_e12_of_too_many_sessions_the_oldest_is_let_go_and_counts_no_more_time() -> None:
    ann = present()
    ann.do(Enter("physics"))
    for number in range(SESSIONS_MAX):
        ann.do(Enter(f"session:s{number}"))
    ann.advance(5_000)
    assert ann.events_of(Enter(MATHS)) == [RoomExited("session:s0"), RoomEntered(MATHS)]
    assert ann.tells == [away(START + 5_000, "session:s0")]
    assert ann.signals[-2].stream == "session:s0"
    assert ann.signals[-2].drop
    assert ann.events_of(Enter("session:s1")) == []
    assert "physics" in ann.behaviour.state.rooms
    assert len(ann.behaviour.state.rooms) == SESSIONS_MAX + 1
    assert ann.events_of(Exit("session:s0")) == [], "the session itself lets go of who does not come back"


def test_e12_who_joins_too_many_sessions_without_a_sign_of_life_was_in_none_of_them() -> None:
    ann = new_presence()
    for number in range(SESSIONS_MAX + 1):
        ann.advance(10)
        ann.do(Enter(f"session:s{number}"))
    assert ann.tells == [away(START + 10, "session:s0")]
    ann.advance(GRACE_MS)
    assert {tell.to for tell in ann.tells} == {f"session:s{number}" for number in range(SESSIONS_MAX + 1)}


# --- attendance


def test_a_session_is_told_when_its_person_goes_since_when_and_when_it_comes_back() -> None:
    ann = attending()
    ann.advance(60_000)
    ann.do(Disconnected("c1"))
    lost = ann.now
    ann.advance(GRACE_MS - 1)
    assert ann.tells == []
    ann.advance(1)
    assert ann.tells == [away(lost)]
    ann.advance(5_000)
    ann.do(Connected("c2"))
    assert ann.tells == [away(lost), back(ann.now)]


def test_coming_back_within_the_grace_is_told_to_nobody() -> None:
    ann = attending()
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS - 1)
    ann.do(Connected("c2"))
    ann.advance(GRACE_MS * 5)
    assert ann.tells == []


def test_all_sessions_are_told_and_no_other_place() -> None:
    ann = attending()
    for place in ("physics", "group:chess", "session:art"):
        ann.do(Enter(place))
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS)
    assert ann.tells == [away(START), away(START, "session:art")]


def test_a_session_that_was_left_is_told_nothing_more() -> None:
    ann = attending()
    ann.do(Exit(MATHS))
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS)
    ann.do(Connected("c2"))
    assert ann.tells == []


@pytest.mark.parametrize("unseen", [Hide(), SetStatus("offline")])
def test_who_is_not_seen_attends_all_the_same_and_leaves_no_more_trace_than_that(unseen: Any) -> None:
    ann = attending()
    ann.do(unseen, ANN)
    ann.advance(1_000)
    before = ann.seq
    ann.do(Disconnected("c1"))
    lost = ann.now
    ann.advance(GRACE_MS)
    assert ann.tells == [away(lost)]
    assert ann.seq == before
    ann.do(Connected("c2"))
    told = [away(lost), back(ann.now)]
    ann.do(Hide(), ANN)
    ann.do(Show(), ANN)
    assert ann.tells == told


def test_nothing_but_the_session_is_told_that_somebody_hidden_comes_back() -> None:
    ann = attending()
    ann.do(Hide(), ANN)
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS)
    before, signals = ann.seq, len(ann.signals)
    ann.do(Connected("c2"))
    assert (ann.seq, len(ann.signals)) == (before, signals)
    assert [tell.command.do for tell in ann.tells] == ["away", "back"]


def test_the_start_of_a_server_finds_out_who_does_not_come_back_and_since_when_it_knows() -> None:
    ann = attending()
    ann.advance(600_000)
    ann.restart()
    started = ann.now
    ann.advance(GRACE_MS)
    assert ann.tells == [away(started)]
    assert ann.deadlines == {}


def test_the_start_of_a_server_finds_out_about_somebody_hidden_too() -> None:
    ann = attending()
    ann.do(Hide(), ANN)
    assert ann.deadlines == {"lost": None}
    ann.advance(600_000)
    ann.restart()
    started = ann.now
    ann.advance(GRACE_MS)
    assert ann.tells == [away(started)]
    assert ann.deadlines == {}


@pytest.mark.parametrize("hides", [False, True])
def test_who_comes_back_after_a_start_of_the_server_never_left(hides: bool) -> None:
    ann = attending()
    if hides:
        ann.do(Hide(), ANN)
    for _ in range(3):
        ann.restart()
        ann.advance(GRACE_MS // 2)
        ann.do(Connected("c2"))
        ann.advance(GRACE_MS * 5)
    assert [tell for tell in ann.tells if isinstance(tell.command, Away)] == []
    assert ann.deadlines == {"lost": None}


@pytest.mark.parametrize("hides", [False, True])
def test_a_presence_made_anew_waits_for_a_sign_of_life_before_it_tells(hides: bool) -> None:
    ann = attending()
    if hides:
        ann.do(Hide(), ANN)
    ann.advance(60_000)
    ann.restart(start=False)
    made = ann.now
    ann.advance(BEATS_MS - 1)
    assert ann.tells == []
    ann.advance(1)
    assert ann.tells == [away(made)]


def test_hiding_in_no_session_is_waited_for_by_nobody() -> None:
    ann = attending()
    ann.do(Hide(), ANN)
    ann.do(Exit(MATHS))
    assert ann.deadlines == {}
    ann.restart(start=False)
    assert "gone" not in ann.timers


def test_E12_joining_without_a_sign_of_life_is_not_being_here() -> None:
    ann = new_presence()
    ann.do(Enter(MATHS))
    joined = ann.now
    ann.advance(GRACE_MS - 1)
    assert ann.tells == []
    ann.advance(1)
    assert ann.tells == [away(joined)]
    assert ann.deadlines == {}


def test_E12_joining_again_and_again_without_a_sign_of_life_counts_no_time() -> None:
    ann = new_presence()
    for _ in range(3):
        ann.do(Enter(MATHS))
        joined = ann.now
        ann.advance(GRACE_MS)
        assert ann.tells[-1] == away(joined)
    assert ann.seq == 1


def test_E12_joining_one_session_after_the_other_lengthens_no_grace() -> None:
    ann = new_presence()
    ann.do(Enter(MATHS))
    for _ in range(3):
        ann.advance(GRACE_MS * 3 // 4)
        ann.do(Enter("session:art"))
        ann.do(Exit("session:art"))
    assert ann.tells == [away(START)]


def test_E12_who_joins_and_then_comes_was_here_from_then_on() -> None:
    ann = new_presence()
    ann.do(Enter(MATHS))
    ann.advance(5_000)
    ann.do(Beat(), ANN)
    assert ann.tells == [back(START + 5_000)]
    ann.advance(BEATS_MS)
    assert ann.tells[1:] == [away(START + 5_000)]


def test_a_join_before_a_crash_without_a_sign_of_life_is_found_at_the_start() -> None:
    ann = new_presence()
    ann.do(Enter(MATHS))
    ann.restart()
    ann.advance(GRACE_MS)
    assert [tell.command.do for tell in ann.tells] == ["away"]


def test_idle_people_are_here() -> None:
    ann = attending()
    ann.advance(3_600_000)
    assert ann.behaviour.view(ANN).status == "away"
    assert ann.tells == []


def test_a_thousand_people_who_come_cause_one_signal_for_each_place_and_nothing_else() -> None:
    for number in range(1_000):
        ann = Driver(PRESENCE, f"u{number}")
        ann.do(Enter("group:chess"))
        ann.do(Connected("c1"))
        assert [(signal.stream, signal.key) for signal in ann.signals] == [("group:chess", f"presence:u{number}")]
        assert ann.tells == []
