"""Presence by example: transitions at once, silence by lease, hiding, rooms in common, restarts."""

import pytest

from homeroom.actors.presence import BEATS_MS, GRACE_MS, HEARD_MS, IDLE_MS, PRESENCE
from homeroom.actors.presence_quiet import LOOK_MS
from homeroom.engine.behaviour import Caller, Refusal, Tell
from homeroom.protocol.access import ROLES, STAFF
from homeroom.protocol.inbox import FOREVER, Hush, Unhush
from homeroom.protocol.presence import (
    Beat,
    Connected,
    Disconnected,
    Enter,
    Exit,
    Heard,
    Hide,
    Mine,
    Own,
    OwnPresence,
    PresenceChanged,
    RoomEntered,
    RoomPresence,
    SetStatus,
    Show,
)
from tests.actors.driver import START, Driver
from tests.actors.people import ANN, BEN, SYSTEM, TEACHER
from tests.actors.presences import new_presence, present, shown


def row(ann: Driver) -> dict[str, object]:
    return ann.rows["presence", "ann"]


# --- connections


def test_somebody_who_was_never_here_is_offline() -> None:
    assert shown(new_presence()) == ("offline", "", 0)


def test_the_first_connection_makes_online_at_once_and_the_others_nothing() -> None:
    ann = new_presence()
    assert ann.events_of(Connected("c1")) == [PresenceChanged("online", "", START)]
    assert ann.events_of(Connected("c2")) == []
    assert ann.deadlines == {"lost": None}
    assert (row(ann)["status"], row(ann)["last_seen"]) == ("online", START)


def test_only_the_loss_of_the_last_connection_starts_the_grace() -> None:
    ann = present("c1", "c2")
    ann.do(Disconnected("c1"))
    assert ann.advance(GRACE_MS * 3) == []
    ann.do(Disconnected("c2"))
    lost = ann.now
    assert ann.advance(GRACE_MS - 1) == []
    assert ann.advance(1) == [PresenceChanged("offline", "", lost)]
    assert ann.deadlines == {}
    assert (row(ann)["status"], row(ann)["last_seen"]) == ("offline", lost)


def test_coming_back_within_the_grace_is_seen_by_nobody() -> None:
    ann = present()
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS - 1)
    assert ann.events_of(Connected("c2")) == []
    assert ann.advance(GRACE_MS * 2) == []
    assert shown(ann)[0] == "online"


def test_the_end_of_an_unknown_connection_is_nothing() -> None:
    ann = present()
    ann.do(Disconnected("other"))
    assert ann.advance(GRACE_MS * 2) == []


# --- choices


@pytest.mark.parametrize("status", ["online", "away", "busy", "dnd", "offline"])
def test_a_chosen_status_is_shown_at_once(status: str) -> None:
    ann = present()
    reply = ann.do(SetStatus(status), ANN)  # type: ignore[arg-type] # from the table
    assert reply == OwnPresence(status, "", False, status, 1)  # type: ignore[arg-type] # the same
    assert shown(ann)[0] == status


def test_available_means_online() -> None:
    ann = present()
    ann.do(SetStatus("busy"), ANN)
    assert ann.do(SetStatus("available"), ANN).chosen == "online"


def test_status_and_activity_are_set_each_for_itself() -> None:
    ann = present()
    ann.do(SetStatus("busy", "Taking   a\nquiz"), ANN)
    assert shown(ann)[:2] == ("busy", "Taking a quiz")
    ann.do(SetStatus("online"), ANN)
    assert shown(ann)[:2] == ("online", "Taking a quiz")
    ann.do(SetStatus(activity=""), ANN)
    assert shown(ann)[:2] == ("online", "")


def test_setting_what_is_set_is_nothing() -> None:
    ann = present()
    ann.do(SetStatus("busy", "Quiz"), ANN)
    assert ann.events_of(SetStatus("busy", "Quiz"), ANN) == []


@pytest.mark.parametrize("activity", ["a\x00b", "\u200b"])
def test_an_activity_that_cannot_be_kept_is_refused_by_name(activity: str) -> None:
    with pytest.raises(Refusal) as refused:
        present().do(SetStatus(activity=activity), ANN)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "activity")


@pytest.mark.parametrize(
    ("chosen", "after"), [("busy", "busy"), ("dnd", "dnd"), ("away", "online"), ("offline", "online")]
)
def test_busy_and_dnd_outlive_a_visit_and_away_and_offline_do_not(chosen: str, after: str) -> None:
    ann = present()
    ann.do(SetStatus(chosen), ANN)  # type: ignore[arg-type] # from the table
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS)
    assert shown(ann)[0] == "offline"
    ann.restart()
    ann.do(Connected("c2"))
    assert shown(ann)[0] == after


def test_only_the_person_itself_chooses() -> None:
    ann = present()
    for command in (SetStatus("busy"), Hide(), Show(), Mine(), Beat()):
        for caller in (BEN, TEACHER):
            assert ann.try_do(command, caller) == "forbidden"


def test_only_the_system_speaks_of_connections_and_rooms() -> None:
    ann = present()
    for command in (Connected("x"), Disconnected("c1"), Enter("r"), Exit("r")):
        assert ann.try_do(command, ANN) == "forbidden"
        assert ann.try_do(command, SYSTEM) == "ok"


@pytest.mark.parametrize("role", ROLES)
def test_the_person_and_staff_may_follow(role: str) -> None:
    ann = present()
    assert PRESENCE.watch.permits(role, ann.behaviour.relations(Caller("ann", role)))
    assert PRESENCE.watch.permits(role, ann.behaviour.relations(Caller("other", role))) == (role in STAFF)


# --- beats, idleness


def test_beats_write_nothing_and_tell_the_time_of_life_now_and_then() -> None:
    ann = present()
    before = ann.seq
    for _ in range(10):
        ann.advance(HEARD_MS // 2)
        ann.do(Beat(), SYSTEM)
    assert ann.seq == before
    assert [heard.last_heard - START for heard in ann.sent(Heard)] == [HEARD_MS * n for n in range(1, 6)]
    assert {signal.stream for signal in ann.signals} == {"presence:ann"}


def test_five_minutes_without_activity_make_away_and_activity_ends_it() -> None:
    ann = present()
    ann.advance(60_000)
    ann.do(Beat(), ANN)
    assert ann.advance(IDLE_MS - 1) == []
    assert ann.advance(1) == [PresenceChanged("away", "", START + 60_000)]
    assert ann.events_of(Beat(active=False), ANN) == []
    assert ann.events_of(Beat(), ANN) == [PresenceChanged("online", "", ann.now)]


def test_a_client_that_is_only_there_keeps_nobody_from_being_away() -> None:
    ann = present()
    for _ in range(10):
        ann.advance(30_000)
        ann.do(Beat(active=False), ANN)
    assert shown(ann)[0] == "away"


def test_a_connection_keeps_an_idle_person_away_and_not_offline() -> None:
    ann = present()
    ann.advance(IDLE_MS * 20)
    assert shown(ann)[0] == "away"


def test_busy_people_stay_busy_however_long_they_do_nothing() -> None:
    ann = present()
    ann.do(SetStatus("busy"), ANN)
    assert ann.advance(IDLE_MS * 3) == []


def test_whoever_is_here_is_looked_at_more_often_than_actors_fall_asleep() -> None:
    ann = present()
    for _ in range(20):
        assert min(ann.timers.values()) - ann.now < PRESENCE.idle_s * 1_000
        ann.advance(IDLE_MS)


def test_beats_without_a_connection_make_present_for_two_periods() -> None:
    ann = new_presence()
    assert ann.events_of(Beat(), ANN) == [PresenceChanged("online", "", START)]
    ann.advance(BEATS_MS - 1_000)
    ann.do(Beat(), ANN)
    assert ann.advance(BEATS_MS - 1) == []
    assert ann.advance(1) == [PresenceChanged("offline", "", START + BEATS_MS - 1_000)]


def test_only_the_gateway_names_connections_in_a_beat() -> None:
    ann = new_presence()
    ann.do(Beat(conn="c1"), ANN)
    assert ann.do(Mine(), ANN).connections == 0
    ann.do(Beat(conn="c1"), SYSTEM)
    assert ann.do(Mine(), ANN).connections == 1


# --- hiding


def test_somebody_who_hides_looks_offline_everywhere() -> None:
    ann = present()
    ann.do(Enter("physics"))
    ann.do(SetStatus("busy", "Quiz"), ANN)
    ann.now += 5_000
    ann.do(Hide(), ANN)
    assert shown(ann) == ("offline", "", START)
    assert ann.sent(RoomPresence)[-1] == RoomPresence("ann", "offline", "", START)
    assert ann.signals[-1].drop
    assert (row(ann)["status"], row(ann)["activity"]) == ("offline", "")
    assert ann.do(Mine(), ANN) == OwnPresence("busy", "Quiz", True, "offline", 1)


def test_nothing_that_somebody_hidden_does_is_seen() -> None:
    ann = present()
    ann.do(Enter("physics"))
    ann.do(Hide(), ANN)
    face, signals, kept = shown(ann), len(ann.signals), dict(row(ann))
    seq = ann.seq
    for command, caller in (
        (SetStatus("dnd", "Secret"), ANN), (SetStatus("busy"), ANN), (SetStatus(activity="Secret 2"), ANN), (Beat(), ANN),
        (Disconnected("c1"), SYSTEM), (Connected("c2"), SYSTEM), (Mine(), ANN), (Hide(), ANN),
    ):  # fmt: skip
        ann.advance(60_000)
        ann.do(command, caller)
        assert (shown(ann), ann.seq) == (face, seq)
        assert ann.follow(TEACHER).state.status == "offline"
    assert ann.events_of(Enter("chess"), SYSTEM) == [RoomEntered("chess")]
    assert len(ann.signals) == signals
    assert row(ann) == kept
    broadcast = repr([ann.behaviour.public(fact) for fact in ann.facts]) + repr(ann.replay(TEACHER))
    for secret in ("dnd", "Secret", "hidden=True", "chess", "physics"):
        assert secret not in broadcast


def test_showing_again_shows_what_was_chosen_meanwhile() -> None:
    ann = present()
    ann.do(Enter("physics"))
    ann.do(Hide(), ANN)
    ann.do(SetStatus("dnd", "Quiz"), ANN)
    assert ann.do(Mine(), ANN) == OwnPresence("dnd", "Quiz", True, "offline", 1)
    assert ann.events_of(Show(), ANN) == [PresenceChanged("dnd", "Quiz", ann.now, Own("dnd", "Quiz"))]
    assert ann.sent(RoomPresence)[-1].status == "dnd"
    assert ann.deadlines == {"lost": None}
    ann.restart(start=False)
    assert ann.do(Mine(), ANN).activity == "Quiz"


def test_what_was_chosen_while_hidden_is_of_this_life_and_what_was_chosen_before_stands_again_after_it() -> None:
    ann = present()
    ann.do(SetStatus("busy", "Quiz"), ANN)
    ann.do(Hide(), ANN)
    assert ann.do(SetStatus("dnd", ""), ANN) == OwnPresence("dnd", "", True, "offline", 1)
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS)
    ann.do(Connected("c2"))
    assert ann.do(Mine(), ANN) == OwnPresence("dnd", "", True, "offline", 1)
    ann.restart()
    ann.do(Connected("c3"))
    assert ann.do(Mine(), ANN) == OwnPresence("busy", "Quiz", True, "offline", 1)


def test_somebody_offline_by_choice_leaves_no_trace_either_until_seen_again() -> None:
    ann = present()
    ann.do(SetStatus("offline"), ANN)
    assert ann.events_of(SetStatus(activity="Quiz"), ANN) == []
    assert ann.do(Mine(), ANN) == OwnPresence("offline", "Quiz", False, "offline", 1)
    assert ann.events_of(SetStatus("online"), ANN) == [
        PresenceChanged("online", "Quiz", ann.now, Own("online", "Quiz"))
    ]


def test_hiding_and_showing_twice_is_nothing() -> None:
    ann = present()
    ann.do(Hide(), ANN)
    assert ann.events_of(Hide(), ANN) == []
    ann.do(Show(), ANN)
    assert ann.events_of(Show(), ANN) == []


def test_showing_without_being_here_stays_offline() -> None:
    ann = new_presence()
    ann.do(Hide(), ANN)
    assert ann.events_of(Show(), ANN) == [PresenceChanged("offline", own=Own())]
    assert shown(ann)[0] == "offline"


# --- rooms in common


def test_each_change_is_signalled_to_the_rooms_and_kept_for_late_subscribers() -> None:
    ann = present()
    assert ann.events_of(Enter("physics")) == [RoomEntered("physics")]
    ann.do(Enter("chess"))
    ann.signals.clear()
    ann.do(SetStatus("busy"), ANN)
    assert [(s.stream, s.key, s.event.status, s.retain) for s in ann.signals] == [
        ("room:physics", "presence:ann", "busy", True),
        ("room:chess", "presence:ann", "busy", True),
    ]


def test_entering_shows_who_is_here_and_leaving_ends_it() -> None:
    ann = present()
    ann.do(Enter("physics"))
    assert ann.sent(RoomPresence) == [RoomPresence("ann", "online", "", START)]
    ann.do(Exit("physics"))
    assert (ann.signals[-1].event.status, ann.signals[-1].drop) == ("offline", True)
    ann.signals.clear()
    ann.do(SetStatus("busy"), ANN)
    assert ann.signals == []


def test_entering_or_leaving_twice_is_nothing() -> None:
    ann = present()
    ann.do(Enter("physics"))
    assert ann.events_of(Enter("physics")) == []
    ann.do(Exit("physics"))
    assert ann.events_of(Exit("physics")) == []


def test_somebody_offline_enters_rooms_without_a_word() -> None:
    ann = new_presence()
    ann.do(Enter("physics"))
    assert ann.signals == []


# --- restarts


def test_after_a_new_start_of_the_server_the_grace_decides() -> None:
    ann = present()
    ann.do(Enter("physics"))
    ann.signals.clear()
    ann.now += 10_000
    ann.restart()
    assert [s.event.status for s in ann.signals if s.retain] == ["online"]
    assert ann.advance(GRACE_MS - 1) == []
    assert ann.advance(1) == [PresenceChanged("offline", "", START)]
    assert ann.deadlines == {}


def test_who_comes_back_within_the_grace_of_a_start_was_never_gone_also_at_the_next() -> None:
    ann = present()
    for _ in range(3):
        before = ann.seq
        ann.restart()
        ann.advance(GRACE_MS // 2)
        ann.do(Connected("c2"))
        ann.advance(GRACE_MS * 5)
        assert ann.seq == before
    ann.restart()
    ann.advance(GRACE_MS)
    assert shown(ann)[0] == "offline"


def test_an_actor_made_anew_without_a_new_start_waits_for_two_beats() -> None:
    ann = present()
    ann.restart(start=False)
    ann.advance(BEATS_MS - 5_000)
    ann.do(Beat(active=False, conn="c1"), SYSTEM)
    assert ann.advance(IDLE_MS // 2) == []
    ann.do(Disconnected("c1"))
    assert [event.status for event in ann.advance(GRACE_MS)] == ["offline"]


def test_an_actor_made_anew_that_nobody_answers_goes_offline() -> None:
    ann = present()
    ann.restart(start=False)
    assert ann.advance(BEATS_MS - 1) == []
    assert [event.status for event in ann.advance(1)] == ["offline"]


# --- notifications


def test_dnd_is_told_to_the_inbox_when_it_begins_and_when_it_ends_and_never_again() -> None:
    ann = present()
    for command in (SetStatus("busy"), SetStatus("dnd"), SetStatus("dnd", "Quiz"), SetStatus("dnd")):
        ann.do(command, ANN)
    assert ann.tells == [Tell("inbox:ann", Hush("presence:ann", FOREVER))]
    ann.do(Disconnected("c1"))
    ann.advance(GRACE_MS)
    ann.restart()
    ann.do(Connected("c2"))
    assert len(ann.tells) == 1, "dnd outlives a visit and the server, and so does the silence"
    ann.do(SetStatus("online"), ANN)
    assert ann.tells[1:] == [Tell("inbox:ann", Unhush("presence:ann"))]


def test_dnd_chosen_while_hidden_counts_for_the_inbox_as_long_as_it_stands() -> None:
    ann = present()
    ann.do(Hide(), ANN)
    before = ann.seq
    ann.do(SetStatus("dnd"), ANN)
    assert (ann.seq, ann.tells) == (before, [Tell("inbox:ann", Hush("presence:ann", FOREVER))])
    ann.advance(3 * LOOK_MS)
    assert len(ann.tells) == 1
    ann.restart(start=False)
    ann.do(Connected("c2"))
    ann.advance(LOOK_MS)
    assert ann.do(Mine(), ANN).chosen == "online"
    assert ann.tells[1:] == [Tell("inbox:ann", Unhush("presence:ann"))]


def test_dnd_chosen_while_hidden_and_then_shown_needs_no_second_word() -> None:
    ann = present()
    ann.do(Hide(), ANN)
    ann.do(SetStatus("dnd"), ANN)
    ann.do(Show(), ANN)
    ann.advance(3 * LOOK_MS)
    assert ann.tells == [Tell("inbox:ann", Hush("presence:ann", FOREVER))]
    assert "quiet" not in ann.deadlines
