"""Private conversations: rooms made for them, notices, silence, dropping in, and their end."""

from typing import Any

import pytest

from homeroom.engine.behaviour import Caller, Tell
from homeroom.protocol.presence import Disengage, Engage
from homeroom.protocol.queue import Admit, Complete, Edit, Join, Leave, ListConversations, Mine, Requeue, Retire
from homeroom.protocol.queue_answers import Conversation
from homeroom.protocol.queue_events import Admitted, Completed, Joined, Stirred, Warned
from homeroom.protocol.room import Convene, Disband, Person, Release
from homeroom.protocol.room import Stirred as RoomStirred
from tests.actors.driver import Driver
from tests.actors.people import ANN, BEN, COLLEAGUE, SYSTEM, TEACHER
from tests.actors.queues import CAT, MINUTE, join, join_all, line, notices, open_queue, titles


def admitted(**settings: object) -> tuple[Driver, str]:
    """Return a queue with Ann and Ben in one conversation with the teacher, and its room."""
    queue = open_queue(**settings)
    join_all(queue, ANN, BEN)
    return queue, queue.do(Admit(entries=("1", "2")), TEACHER).room.removeprefix("room:")


def told(queue: Driver, to: str, kind: type) -> list[object]:
    return [tell.command for tell in queue.tells if tell.to == to and isinstance(tell.command, kind)]


def test_admitting_makes_a_room_for_those_admitted_and_who_helps() -> None:
    queue, room = admitted()
    people = (Person("teacher", "Tia Teacher", "owner"), Person("ann", "Ann"), Person("ben", "Ben"))
    assert told(queue, f"room:{room}", Convene) == [Convene("Office hours: Algebra", people, "queue:t-1")]
    assert queue.do(Mine(), ANN).ticket.room == f"room:{room}"
    assert queue.do(ListConversations(), COLLEAGUE).conversations == (
        Conversation(f"room:{room}", ("1", "2"), "teacher", queue.now),
    )


def test_each_conversation_gets_a_room_of_its_own() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN)
    assert queue.do(Admit(), TEACHER).room != queue.do(Admit(), TEACHER).room


def test_whoever_is_admitted_is_told_where_the_instructor_waits() -> None:
    queue, room = admitted()
    for student in ("ann", "ben"):
        (notice,) = notices(queue, student)[-1:]
        assert (notice.title, notice.url, notice.priority) == (
            "Instructor is ready for you",
            f"/rooms/{room}",
            "high",
        )
        assert told(queue, f"presence:{student}", Engage) == [Engage("queue:t-1", "In office hours")]


def test_the_room_ends_with_the_last_who_is_finished_with() -> None:
    queue, room = admitted()
    queue.do(Complete("1"), TEACHER)
    assert told(queue, f"room:{room}", Disband) == []
    assert told(queue, "presence:ann", Disengage) == [Disengage("queue:t-1")]
    assert told(queue, "presence:teacher", Disengage) == []
    queue.do(Complete("2"), COLLEAGUE)
    assert len(told(queue, f"room:{room}", Disband)) == 1
    assert told(queue, "presence:teacher", Disengage) == [Disengage("queue:t-1")]
    assert queue.do(ListConversations(), TEACHER).conversations == ()
    assert queue.deadlines == {}


@pytest.mark.parametrize(("command", "caller"), [(Complete("1"), TEACHER), (Requeue("1"), TEACHER), (Leave(), ANN)])
def test_whoever_is_done_is_taken_out_of_the_room_in_which_others_go_on(command: Any, caller: Caller) -> None:
    queue, room = admitted()
    queue.do(command, caller)
    assert told(queue, f"room:{room}", Release) == [Release("ann")]
    queue.do(Complete("2"), TEACHER)
    assert told(queue, f"room:{room}", Release) == [Release("ann")]


def test_whoever_leaves_and_drops_in_again_is_brought_back() -> None:
    queue = open_queue(mode="drop_in")
    room = queue.do(Join(), ANN).room
    queue.do(Join(), BEN)
    queue.do(Leave(), ANN)
    queue.do(Join(), ANN)
    talk = [tell.command for tell in queue.tells if tell.to == room]
    assert talk[-2] == Release("ann")
    assert isinstance(talk[-1], Convene)
    assert "ann" in {person.id for person in talk[-1].people}


def test_an_assistant_with_another_conversation_is_still_in_office_hours() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN)
    queue.do(Admit("1"), TEACHER)
    queue.do(Admit("2"), TEACHER)
    queue.do(Complete("1"), TEACHER)
    assert told(queue, "presence:teacher", Disengage) == []


def test_conversations_outlive_the_assistant_who_is_retired() -> None:
    queue = open_queue()
    join(queue, ANN)
    queue.do(Admit(), COLLEAGUE)
    queue.do(Retire("colleague"), TEACHER)
    assert queue.try_do(Complete("1"), TEACHER) == "ok"


def test_sending_somebody_back_ends_a_room_only_when_nobody_else_is_in_it() -> None:
    queue, room = admitted()
    queue.do(Requeue("1"), TEACHER)
    assert told(queue, f"room:{room}", Disband) == []
    queue.do(Requeue("2"), TEACHER)
    assert len(told(queue, f"room:{room}", Disband)) == 1
    assert line(queue) == ["ben", "ann"]
    assert queue.deadlines == {}


# --- silence


def test_a_silent_conversation_is_warned_two_minutes_before_it_ends() -> None:
    queue, room = admitted()
    assert queue.advance(13 * MINUTE - 1) == []
    assert queue.advance(1) == [Warned(("1", "2"), queue.now + 2 * MINUTE)]
    for user in ("ann", "ben", "teacher"):
        assert titles(queue, user)[-1] == "Your conversation is about to end"
    assert queue.advance(2 * MINUTE - 1) == []
    (ended,) = queue.advance(1)
    assert isinstance(ended, Completed)
    assert (ended.entries, ended.reason) == (("1", "2"), "idle")
    assert len(told(queue, f"room:{room}", Disband)) == 1
    assert queue.deadlines == {}


def test_whoever_speaks_begins_the_silence_anew() -> None:
    queue, room = admitted()
    queue.advance(12 * MINUTE)
    assert queue.events_of(RoomStirred(room), SYSTEM) == []
    assert queue.advance(12 * MINUTE) == []
    assert [type(event) for event in queue.advance(MINUTE)] == [Warned]


def test_whoever_speaks_after_the_warning_takes_it_back() -> None:
    queue, room = admitted()
    queue.advance(14 * MINUTE)
    assert queue.behaviour.view(ANN).entries["1"].ends > 0
    assert queue.events_of(RoomStirred(room), SYSTEM) == [Stirred(("1", "2"))]
    assert queue.behaviour.view(ANN).entries["1"].ends == 0
    assert [type(event) for event in queue.advance(15 * MINUTE)] == [Warned, Completed]


def test_the_silence_is_the_queues_to_choose_and_outlives_a_restart() -> None:
    queue, _ = admitted(idle_minutes=3)
    queue.restart()
    assert [type(event) for event in queue.advance(MINUTE)] == [Warned]
    queue.restart()
    assert [type(event) for event in queue.advance(2 * MINUTE)] == [Completed]


def test_a_room_of_the_past_that_stirs_is_nothing() -> None:
    queue, room = admitted()
    queue.do(Complete(entries=("1", "2")), TEACHER)
    assert queue.events_of(RoomStirred(room), SYSTEM) == []
    assert queue.deadlines == {}


# --- dropping in


def test_who_drops_in_is_in_the_conversation_that_goes_on() -> None:
    queue = open_queue(mode="drop_in")
    first = queue.do(Join("hello"), ANN)
    assert [type(event) for event in queue.events[-2:]] == [Joined, Admitted]
    assert first.status == "admitted"
    assert queue.do(Join(), BEN).room == first.room != ""
    assert queue.do(ListConversations(), TEACHER).conversations[0].entries == ("1", "2")
    assert told(queue, first.room, Convene)[-1] == Convene(
        "Office hours: Algebra", (Person("teacher", "Tia Teacher", "owner"), Person("ben", "Ben")), "queue:t-1"
    )
    assert Tell(first.room, Disband("The conversation is finished.")) not in queue.tells
    queue.do(Leave(), ANN)
    queue.do(Leave(), BEN)
    assert Tell(first.room, Disband("The conversation is finished.")) in queue.tells
    assert queue.do(Join(), CAT).room != first.room


def test_a_queue_that_is_empty_may_become_a_place_to_drop_in() -> None:
    queue = open_queue()
    queue.do(Edit(mode="drop_in"), TEACHER)
    assert queue.do(Join(), ANN).status == "admitted"
