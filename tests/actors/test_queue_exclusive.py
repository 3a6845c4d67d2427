"""A student in one queue of a group: decided by the hall of the group, also when two joins come at once."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.queue_hall import HALL
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.queue import Admit, Close, Complete, Create, Edit, Join, Leave, Mine, Open
from homeroom.protocol.queue_events import Confirmed, Joined, Left
from homeroom.protocol.queue_hall import QUEUES_MAX, Enrol, reduce_hall
from tests.actors.driver import Driver
from tests.actors.people import ANN, BEN, EVE, SYSTEM, TEACHER
from tests.actors.queues import CAT, MAKER, line, new_queue, titles


@dataclass
class House:
    """Queues of one group and its hall, with the messages between them carried by hand."""

    queues: dict[str, Driver] = field(default_factory=dict)
    hall: Driver = field(default_factory=lambda: Driver(HALL, "maths", reduce_hall))

    def carry(self, count: int = 10_000, first: int = 0) -> None:
        """Carry up to `count` messages to queues and hall, those of each sender in order, beginning with the `first`."""
        senders = [*self.queues.values(), self.hall]
        senders = senders[first % len(senders) :] + senders[: first % len(senders)]
        for _ in range(count):
            if not any(self._deliver(sender) for sender in senders):
                return

    def _deliver(self, sender: Driver) -> bool:
        """Carry the oldest message of a sender; those to others than queues and hall are dropped."""
        while sender.tells:
            tell = sender.tells.pop(0)
            receiver = self.hall if tell.to == "hall:maths" else self.queues.get(tell.to.removeprefix("queue:"))
            if receiver is not None:
                receiver.do(tell.command, SYSTEM)
                return True
        return False


def house(*names: str) -> House:
    """Return open queues of one group that know of each other."""
    made = House()
    for name in names or ("a", "b"):
        queue = made.queues[name] = new_queue(name)
        queue.do(Create(name, exclusive="maths"), MAKER)
        queue.do(Open(), TEACHER)
    made.carry()
    return made


def test_an_entry_waits_for_the_word_of_the_hall() -> None:
    both = house()
    a = both.queues["a"]
    assert a.do(Join(), ANN).status == "pending"
    assert line(a) == []
    assert a.try_do(Admit(), TEACHER) == "conflict"
    assert a.try_do(Admit("1"), TEACHER) == "conflict"
    both.carry()
    assert isinstance(a.events[-1], Confirmed)
    assert a.do(Mine(), ANN).ticket.position == 1


def test_joining_two_queues_against_the_policy_is_a_conflict_that_names_the_other() -> None:
    both = house()
    both.queues["a"].do(Join(), ANN)
    both.carry()
    with pytest.raises(Refusal) as refused:
        both.queues["b"].do(Join(), ANN)
    assert (refused.value.code, refused.value.data) == ("conflict", {"queue": "a", "exclusive": "maths"})
    assert both.queues["b"].try_do(Join(), BEN) == "ok"


def test_of_two_joins_at_once_one_is_taken_back_and_its_student_told() -> None:
    both = house()
    a, b = both.queues["a"], both.queues["b"]
    a.do(Join(), ANN)
    b.do(Join(), ANN)
    both.hall.do(a.tells.pop().command, SYSTEM)
    both.hall.do(b.tells.pop().command, SYSTEM)
    both.hall.tells.sort(key=lambda tell: type(tell.command).__name__ == "Elsewhere")
    both.carry()
    assert line(a) == ["ann"]
    assert b.events_of(Leave(), ANN) == []
    assert Left("1", "elsewhere") in b.events
    assert b.try_do(Join(), ANN) == "conflict"


def test_who_is_refused_by_the_hall_is_told_where_it_stands() -> None:
    both = house()
    b = both.queues["b"]
    b.do(Join(), ANN)
    b.tells.clear()
    verb = b.kind.verb("denied")
    assert verb is not None
    b.do(verb.command("1", "a"), SYSTEM)
    assert titles(b, "ann") == ["You are in another queue"]


@pytest.mark.parametrize("end", ["leave", "complete", "dismiss"])
def test_whoever_is_done_in_one_queue_may_join_the_next(end: str) -> None:
    both = house()
    a = both.queues["a"]
    a.do(Join(), ANN)
    both.carry()
    if end == "leave":
        a.do(Leave(), ANN)
    elif end == "complete":
        a.do(Admit(), TEACHER)
        a.do(Complete("1"), TEACHER)
    else:
        a.do(Close(dismiss=True), TEACHER)
    both.carry()
    assert both.queues["b"].do(Join(), ANN).status == "pending"
    both.carry()
    assert line(both.queues["b"]) == ["ann"]


def test_whoever_leaves_while_pending_stands_nowhere() -> None:
    both = house()
    both.queues["a"].do(Join(), ANN)
    both.queues["a"].do(Leave(), ANN)
    both.carry()
    assert both.hall.behaviour.state.standing == {}
    both.queues["a"].do(Join(), ANN)
    both.carry()
    assert line(both.queues["a"]) == ["ann"]


def test_a_grant_for_an_entry_that_was_left_does_not_count_for_the_next_one() -> None:
    both = house()
    a, b = both.queues["a"], both.queues["b"]
    for command in (Join(), Leave(), Join()):
        a.do(command, ANN)
    b.do(Join(), ANN)
    first, left, again = (tell.command for tell in a.tells)
    asked = b.tells.pop().command
    a.tells.clear()
    for command in (first, left, asked, again):
        both.hall.do(command, SYSTEM)
    both.carry()
    assert line(a) == []
    assert line(b) == ["ann"]
    assert a.events_of(Leave(), ANN) == []
    assert both.hall.behaviour.state.standing == {"ann": "b"}


@pytest.mark.parametrize("groups", [("arts",), ("arts", "maths")])
def test_a_queue_that_changes_its_group_does_not_listen_to_what_it_was_told_before(groups: tuple[str, ...]) -> None:
    both = house()
    a, b = both.queues["a"], both.queues["b"]
    b.do(Join(), ANN)
    both.hall.do(b.tells.pop().command, SYSTEM)
    (under_way,) = (tell.command for tell in both.hall.tells if tell.to == "queue:a")
    both.hall.tells = [tell for tell in both.hall.tells if tell.to != "queue:a"]
    for group in groups:
        a.do(Edit(exclusive=group), TEACHER)
    both.carry()
    b.do(Leave(), ANN)
    both.carry()
    assert a.events_of(under_way, SYSTEM) == []
    both.carry()
    assert a.try_do(Join(), ANN) == "ok"


def test_a_queue_that_joins_the_group_later_learns_who_stands_elsewhere() -> None:
    both = house()
    both.queues["a"].do(Join(), ANN)
    both.carry()
    late = both.queues["c"] = new_queue("c")
    late.do(Create("c"), MAKER)
    late.do(Open(), TEACHER)
    assert late.try_do(Join(), ANN) == "ok"
    late.do(Leave(), ANN)
    late.do(Edit(exclusive="maths"), TEACHER)
    both.carry()
    assert late.try_do(Join(), ANN) == "conflict"
    late.do(Edit(exclusive=""), TEACHER)
    both.carry()
    assert late.try_do(Join(), ANN) == "ok"


def test_without_a_group_a_student_may_stand_in_several_queues() -> None:
    queues = [new_queue(name) for name in "ab"]
    for queue in queues:
        queue.do(Create("q"), MAKER)
        queue.do(Open(), TEACHER)
        assert queue.try_do(Join(), ANN) == "ok"


def test_the_hall_is_nobodys_to_see_and_keeps_its_bounds() -> None:
    hall = Driver(HALL, "maths", reduce_hall)
    for number in range(QUEUES_MAX + 1):
        hall.do(Enrol(f"q-{number}", 1), SYSTEM)
    assert len(hall.behaviour.state.queues) == QUEUES_MAX
    assert hall.try_do(Enrol("x", 1), TEACHER) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        hall.follow(TEACHER)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([ANN, BEN, CAT, EVE]),
        st.sampled_from([Join(), Join(), Join(), Leave(), "admit", "complete"]),
        st.integers(0, 6),
        st.integers(0, 3),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nobody_stands_in_two_queues_whatever_is_under_way(steps: list[tuple[str, Caller, Any, int, int]]) -> None:
    three = house("a", "b", "c")
    for name, person, what, carried, first in steps:
        queue = three.queues[name]
        if what == "admit":
            queue.try_do(Admit(), TEACHER)
        elif what == "complete":
            queue.try_do(Complete(queue.behaviour.state.entry_of(person.user) or "1"), TEACHER)
        else:
            queue.try_do(what, person)
        three.carry(carried, first)
        for student in ("ann", "ben", "cat", "eve"):
            assert sum(stands(queue, student) for queue in three.queues.values()) <= 1
    three.carry()
    standing = {
        held.student: name for name, queue in three.queues.items() for held in queue.behaviour.state.entries.values()
    }
    assert three.hall.behaviour.state.standing == standing
    assert three.hall.rebuild().state == three.hall.behaviour.state
    for queue in three.queues.values():
        joined = {event.entry for event in queue.events if isinstance(event, Joined)}
        assert len(joined) == queue.behaviour.state.number


def stands(queue: Driver, student: str) -> bool:
    """Tell whether an entry of the student counts."""
    entry = queue.behaviour.state.entry_of(student)
    return entry is not None and queue.behaviour.state.shown.entries[entry].status != "pending"
