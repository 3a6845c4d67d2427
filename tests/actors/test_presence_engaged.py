"""What the school's own actors say that a person is doing: shown while it lasts, subject to what the person wants shown."""

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.presence import (
    ENGAGEMENTS_MAX,
    Connected,
    Disconnected,
    Disengage,
    Engage,
    Enter,
    Hide,
    Mine,
    OwnPresence,
    PresenceChanged,
    Privacy,
    RoomPresence,
    SetStatus,
    Show,
)
from tests.actors.driver import START, Driver
from tests.actors.people import ANN, BEN, SYSTEM, TEACHER
from tests.actors.presences import new_presence, present, shown

LESSON, EXAM = Engage("session:maths", "In a live session"), Engage("sitting:mid.ann", "Taking an exam")


def test_the_newest_engagement_is_shown_while_it_lasts_and_then_what_was_chosen_again() -> None:
    ann = present()
    ann.do(Enter("physics"))
    ann.do(SetStatus("busy", "Reading"), ANN)
    seen = []
    for command in (LESSON, EXAM, Disengage("session:maths"), Disengage("sitting:mid.ann")):
        ann.do(command)
        seen.append((shown(ann)[:2], ann.sent(RoomPresence)[-1].activity))
    assert seen == [
        (("busy", "In a live session"), "In a live session"),
        (("busy", "Taking an exam"), "Taking an exam"),
        (("busy", "Taking an exam"), "Taking an exam"),
        (("busy", "Reading"), "Reading"),
    ]


def test_an_activity_chosen_meanwhile_stands_afterwards() -> None:
    ann = present()
    ann.do(LESSON)
    ann.do(SetStatus(activity="Reading"), ANN)
    assert shown(ann)[1] == "In a live session"
    assert ann.do(Mine(), ANN) == OwnPresence("online", "Reading", False, "online", 1, "In a live session")
    ann.do(Disengage("session:maths"))
    assert shown(ann)[1] == "Reading"


def test_an_actor_has_one_engagement_and_its_newest_word_counts() -> None:
    ann = present()
    ann.do(EXAM)
    ann.do(LESSON)
    ann.do(Engage(EXAM.by, "Reviewing an exam"))
    assert shown(ann)[1] == "Reviewing an exam"
    ann.do(Disengage(EXAM.by))
    assert shown(ann)[1] == "In a live session"


def test_what_is_so_already_is_nothing() -> None:
    ann = present()
    ann.do(LESSON)
    assert ann.events_of(LESSON) == []
    assert ann.events_of(Disengage("session:other")) == []


def test_engagements_are_bounded_and_the_oldest_goes() -> None:
    ann = present()
    for number in range(ENGAGEMENTS_MAX + 1):
        ann.do(Engage(f"session:s{number}", f"Lesson {number}"))
    assert len(ann.behaviour.state.own.engaged) == ENGAGEMENTS_MAX
    ann.do(Disengage("session:s0"))
    for number in range(ENGAGEMENTS_MAX, 0, -1):
        assert shown(ann)[1] == f"Lesson {number}"
        ann.do(Disengage(f"session:s{number}"))
    assert shown(ann)[1] == ""


def test_an_engagement_that_is_no_plain_line_is_refused_by_name() -> None:
    with pytest.raises(Refusal) as refused:
        present().do(Engage("session:maths", "\u200b"))
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "activity")


def test_only_the_system_says_what_somebody_is_doing() -> None:
    ann = present()
    for command in (LESSON, Disengage("session:maths")):
        for caller in (ANN, BEN, TEACHER):
            assert ann.try_do(command, caller) == "forbidden"
        assert ann.try_do(command, SYSTEM) == "ok"


# --- privacy


def test_who_hides_its_activity_shows_neither_the_chosen_one_nor_what_actors_say() -> None:
    ann = present()
    ann.do(Enter("group:chess"))
    ann.do(SetStatus("busy", "Reading"), ANN)
    ann.do(LESSON)
    reply = ann.do(Privacy("hidden"), ANN)
    assert reply == OwnPresence("busy", "Reading", False, "busy", 1, "In a live session", discreet=True)
    assert shown(ann)[:2] == ("busy", "")
    assert ann.sent(RoomPresence)[-1] == RoomPresence("ann", "busy", "", START)
    assert ann.rows["presence", "ann"]["activity"] == ""
    signals = len(ann.signals)
    for command in (EXAM, Disengage(EXAM.by)):
        ann.do(command)
        assert shown(ann)[:2] == ("busy", "")
    assert len(ann.signals) == signals
    ann.do(Privacy("shown"), ANN)
    assert shown(ann)[:2] == ("busy", "In a live session")


def test_privacy_is_kept_at_once_also_by_somebody_who_hides() -> None:
    ann = present()
    ann.do(SetStatus(activity="Reading"), ANN)
    ann.do(Hide(), ANN)
    assert ann.events_of(Privacy("hidden"), ANN) != []
    assert ann.events_of(Privacy("hidden"), ANN) == []
    ann.restart()
    ann.do(Connected("c2"))
    ann.do(Show(), ANN)
    assert shown(ann)[:2] == ("online", "")


def test_only_the_person_itself_chooses_its_privacy() -> None:
    for caller in (BEN, TEACHER, SYSTEM):
        assert present().try_do(Privacy("hidden"), caller) == "forbidden"


# --- hidden and offline


def test_engagements_of_somebody_hidden_leave_no_trace_and_are_shown_with_it() -> None:
    ann = present()
    ann.do(Hide(), ANN)
    for command in (EXAM, LESSON, Disengage(EXAM.by)):
        assert ann.events_of(command) == []
    assert ann.do(Mine(), ANN).doing == "In a live session"
    ann.do(Show(), ANN)
    assert shown(ann)[:2] == ("online", "In a live session")
    ann.restart(start=False)
    assert ann.do(Mine(), ANN).doing == "In a live session"


def test_an_engagement_that_was_kept_ends_for_good_while_its_person_hides_and_no_choice_is_kept_with_it() -> None:
    ann = present()
    ann.do(EXAM)
    ann.do(Hide(), ANN)
    ann.do(SetStatus("dnd"), ANN)
    assert [(event.status, event.own.chosen) for event in ann.events_of(Disengage(EXAM.by))] == [("offline", "online")]
    assert ann.do(Mine(), ANN).chosen == "dnd"
    ann.restart()
    ann.do(Connected("c2"))
    ann.do(Show(), ANN)
    assert shown(ann)[:2] == ("online", "")


def test_an_engagement_outlives_an_absence_and_a_new_start() -> None:
    ann = present()
    ann.do(EXAM)
    ann.do(Disconnected("c1"))
    ann.advance(60_000)
    assert shown(ann)[:2] == ("offline", "")
    ann.restart()
    ann.do(Connected("c2"))
    assert shown(ann)[:2] == ("online", "Taking an exam")


def test_what_somebody_does_is_never_sent_but_as_the_face() -> None:
    ann = new_presence()
    ann.do(Connected("c1"))
    ann.do(Privacy("hidden"), ANN)
    ann.do(EXAM)
    assert "exam" not in repr([ann.behaviour.public(fact) for fact in ann.facts]) + repr(ann.replay(TEACHER))


def test_a_journal_from_before_there_were_engagements_replays() -> None:
    old: Driver = present()
    old.do(SetStatus("busy", "Quiz"), ANN)
    event = old.events[-1]
    assert isinstance(event, PresenceChanged)
    assert event.own is not None
    assert (event.own.engaged, event.own.discreet) == ((), False)
    assert shown(old)[:2] == ("busy", "Quiz")
