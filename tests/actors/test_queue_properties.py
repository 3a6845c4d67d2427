"""Random histories of a queue, of many people at once: state + events equals a fresh view, replay equals snapshot + tail, and
what must never be, is not: two open entries of a student, two owners of one, a lost one, a place that is not one of 1 to n.
"""

from collections import Counter
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.queue_hall import HALL
from homeroom.engine.behaviour import Caller, Tell
from homeroom.protocol import queue as asked
from homeroom.protocol import queue_events as said
from homeroom.protocol.queue_hall import reduce_hall
from homeroom.protocol.queue_state import look_out
from homeroom.protocol.room import Stirred
from tests.actors.driver import Driver, stored
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, SYSTEM, TEACHER
from tests.actors.queues import CAT, DAN, MAKER, MINUTE, new_queue, open_queue

STUDENTS = (ANN, BEN, CAT, DAN, EVE)
ids = st.integers(1, 14).map(str)
several = st.lists(ids, max_size=3).map(tuple)
students = st.sampled_from([person.user for person in STUDENTS])
BY_STUDENTS = st.tuples(
    st.sampled_from([asked.Join("why?", "t"), asked.Join(), asked.Join(), asked.Leave(), asked.Hold(), asked.Resume()]),
    st.sampled_from(STUDENTS),
)
BY_HELPERS = st.tuples(
    st.one_of(
        st.builds(asked.Claim, entry=st.none() | ids),
        st.builds(asked.Claim),
        st.builds(asked.Release, entry=ids),
        st.builds(asked.Admit, entry=st.none() | ids, entries=several),
        st.builds(asked.Admit),
        st.builds(asked.Skip, entry=ids),
        st.builds(asked.Requeue, entry=ids, to=st.sampled_from(["front", "back"])),
        st.builds(asked.Complete, entry=ids, entries=several, note=st.sampled_from(["", "note"])),
        st.builds(asked.WriteNote, entry=ids, text=st.sampled_from(["", "one", "two"])),
        st.just(asked.Announce("Hello")),
        st.builds(asked.Close, dismiss=st.booleans()),
        st.just(asked.Reopen()),
        st.just(asked.Open()),
    ),
    st.sampled_from([TEACHER, TEACHER, COLLEAGUE, ADMIN]),
)
BY_OWNER = st.tuples(
    st.one_of(
        st.builds(asked.Edit, order=st.sampled_from(["fifo", "fewest_helped", "first_timers"])),
        st.builds(asked.Edit, mode=st.sampled_from(["queue", "drop_in"]), capacity=st.sampled_from([3, 100])),
        st.sampled_from([asked.Retire("colleague"), asked.Appoint("colleague"), asked.Appoint("colleague")]),
        st.builds(asked.Enlist, users=st.tuples(students)),
        st.builds(asked.Strike, users=st.tuples(students)),
    ),
    st.just(TEACHER),
)
PAUSES = st.sampled_from([0, 0, 1_000, 20_000, MINUTE, 14 * MINUTE, 5 * 60 * MINUTE])
STEP = st.tuples(
    st.one_of(BY_STUDENTS, BY_STUDENTS, BY_HELPERS, BY_HELPERS, BY_OWNER, st.just(("stir", SYSTEM))), PAUSES
)
STEPS = st.lists(STEP, max_size=50)
BEGINNINGS = st.fixed_dictionaries(
    {
        "audience": st.sampled_from(["open", "listed"]),
        "order": st.sampled_from(["fifo", "fewest_helped", "first_timers"]),
        "mode": st.sampled_from(["queue", "queue", "drop_in"]),
    }
)


def begin(settings: dict[str, Any]) -> Driver:
    """Return an open queue for which all students are listed."""
    queue = open_queue(**settings)
    queue.do(asked.Enlist(tuple(person.user for person in STUDENTS)), TEACHER)
    return queue


def run(queue: Driver, step: Any) -> str:
    """Let time pass and carry out a step; returns its outcome."""
    (command, caller), pause = step
    queue.advance(pause)
    if command == "stir":
        rooms = list(queue.behaviour.state.conversations)
        return queue.try_do(Stirred(rooms[0] if rooms else "r"), caller)
    return queue.try_do(command, caller)


def check(queue: Driver) -> None:
    """Hold what must hold after every command."""
    memory = queue.behaviour.state
    shown = memory.shown
    owners = [held.student for held in memory.entries.values()]
    assert len(owners) == len(set(owners)), "one open entry a student"
    assert memory.entries.keys() == shown.entries.keys()
    assert sorted(shown.line) == sorted(e for e, place in shown.entries.items() if place.status == "waiting")
    positions = [look_out(shown, entry).position for entry in shown.line]
    assert positions == list(range(1, len(shown.line) + 1)), "positions are 1 to n"
    for entry, place in shown.entries.items():
        assert bool(place.assistant) == (place.status in {"claimed", "admitted"}), "exactly one owner, or none"
        assert (place.status == "admitted") == bool(memory.entries[entry].room) == bool(place.admitted)
        assert not place.held or place.status == "waiting"
        assert (f"lease.{entry}" in queue.deadlines) == (place.status == "claimed")
    keys = [(memory.entries[entry].rank, memory.entries[entry].turn, int(entry)) for entry in shown.line]
    assert keys == sorted(keys), "the line stands in its order"
    talking = [entry for talk in memory.conversations.values() for entry in talk.entries]
    assert sorted(talking) == sorted(e for e, place in shown.entries.items() if place.status == "admitted")
    for room, talk in memory.conversations.items():
        assert talk.entries
        assert ({f"warn.{room}", f"end.{room}"} & queue.deadlines.keys()) == {
            f"{'end' if talk.ends else 'warn'}.{room}"
        }
    assert {key.partition(".")[2] for key in queue.deadlines if key.startswith(("warn", "end"))} == set(
        memory.conversations
    )


def count_fates(queue: Driver) -> Counter[str]:
    """Return how often each entry has ended."""
    ended: Counter[str] = Counter()
    for event in queue.events:
        if isinstance(event, said.Left):
            ended[event.entry] += 1
        elif isinstance(event, said.Completed):
            ended.update(event.entries)
    return ended


@settings(max_examples=250, deadline=None)
@given(BEGINNINGS, STEPS, st.data())
def test_p18_one_open_entry_a_student_one_owner_an_entry_and_none_is_lost(
    beginning: dict[str, Any], steps: list[Any], data: st.DataObject
) -> None:
    queue = begin(beginning)
    for step in steps:
        run(queue, step)
        check(queue)
    ended = count_fates(queue)
    for number in range(1, queue.behaviour.state.number + 1):
        still = str(number) in queue.behaviour.state.entries
        assert ended[str(number)] == (0 if still else 1), "an entry ends once, or has not ended"


@settings(max_examples=200, deadline=None)
@given(BEGINNINGS, STEPS, st.data())
def test_state_and_events_equal_a_fresh_view_for_everybody(
    beginning: dict[str, Any], steps: list[Any], data: st.DataObject
) -> None:
    queue = begin(beginning)
    joins_at = data.draw(st.integers(0, len(steps)))
    queue.follow(TEACHER)
    for index, step in enumerate(steps):
        if index == joins_at:
            for person in (ANN, COLLEAGUE, ADMIN):
                follow(queue, person)
        run(queue, step)
        for follower in queue.followers:
            assert follower.state == stored(queue.behaviour.view(follower.caller))


def follow(queue: Driver, who: Caller) -> None:
    if queue.kind.watch.permits(who.role, queue.behaviour.relations(who)):
        queue.follow(who)


@settings(max_examples=150, deadline=None)
@given(BEGINNINGS, STEPS, st.data())
def test_a_resumed_follower_sees_what_a_fresh_one_sees(
    beginning: dict[str, Any], steps: list[Any], data: st.DataObject
) -> None:
    queue = begin(beginning)
    left_at = data.draw(st.integers(0, len(steps)))
    follower, since = queue.follow(ADMIN), queue.seq
    queue.followers.clear()
    for index, step in enumerate(steps):
        if index == left_at:
            follower, since = queue.follow(ADMIN), queue.seq
            queue.followers.clear()
        run(queue, step)
    for fact in queue.replay(ADMIN, since):
        follower.take(fact)
    assert follower.state == stored(queue.behaviour.view(ADMIN))


@settings(max_examples=150, deadline=None)
@given(BEGINNINGS, STEPS, st.data())
def test_replay_equals_snapshot_and_tail_equals_live(
    beginning: dict[str, Any], steps: list[Any], data: st.DataObject
) -> None:
    queue = begin(beginning)
    for step in steps:
        run(queue, step)
    live = stored(queue.behaviour.state)
    assert queue.rebuild().state == live
    assert queue.rebuild(data.draw(st.integers(1, queue.seq))).state == live


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_p18_among_equals_whom_nobody_moved_the_first_goes_first(steps: list[Any]) -> None:
    queue = begin({"order": "fifo"})
    moved: set[str] = set()
    for step in steps:
        if isinstance(step[0][0], asked.Edit):
            continue
        seq = queue.seq
        run(queue, step)
        for event in queue.events[seq:]:
            if isinstance(event, said.Skipped):
                moved |= {event.entry, queue.behaviour.state.shown.line[event.position - 2]}
            elif isinstance(event, said.Requeued):
                moved.add(event.entry)
        unmoved = [int(entry) for entry in queue.behaviour.state.shown.line if entry not in moved]
        assert unmoved == sorted(unmoved)


@settings(max_examples=100, deadline=None)
@given(BEGINNINGS, STEPS)
def test_the_read_models_say_what_the_state_says(beginning: dict[str, Any], steps: list[Any]) -> None:
    queue = begin(beginning)
    for step in steps:
        run(queue, step)
    memory = queue.behaviour.state
    entries = {str(key[1]): row for key, row in queue.rows.items() if key[0] == "queue_entries"}
    assert len(entries) == memory.number
    for entry, row in entries.items():
        held = memory.entries.get(entry)
        if held is None:
            assert row["status"] in {"completed", "cancelled"}
            assert row["ended"]
        else:
            place = memory.shown.entries[entry]
            assert (row["status"], row["student"], row["note"] or "") == (place.status, held.student, held.note)
            assert (row["assistant"] or "", row["room"] or "") == (place.assistant, held.room)
    assert queue.rows["queues",]["waiting"] == len(memory.shown.line)
    assert queue.rows["queues",]["status"] == memory.shown.status
    times = {key[1]: row["times"] for key, row in queue.rows.items() if key[0] == "queue_people" and row["times"]}
    assert times == memory.helped


@settings(max_examples=100, deadline=None)
@given(BEGINNINGS, STEPS)
def test_whoever_follows_as_a_student_never_learns_who_stands_in_line(
    beginning: dict[str, Any], steps: list[Any]
) -> None:
    queue = begin({**beginning, "audience": "open"})
    for step in steps:
        run(queue, step)
    told = repr((queue.replay(EVE), queue.behaviour.view(EVE)))
    for person in STUDENTS:
        assert f"'{person.user}'" not in told
        assert f"'{person.name}'" not in told
    for room in {held.room for held in queue.behaviour.state.entries.values() if held.room}:
        assert room not in told
    assert "why?" not in told


# --- queues of groups, with their words under way

NAMES = ("a", "b", "c")
IN_A_QUEUE = st.tuples(
    st.sampled_from(NAMES),
    st.one_of(
        st.tuples(st.sampled_from([asked.Join(), asked.Join(), asked.Leave()]), st.sampled_from(STUDENTS[:2])),
        st.tuples(st.builds(asked.Edit, exclusive=st.sampled_from(["maths", "maths", "arts", ""])), st.just(TEACHER)),
        st.tuples(st.sampled_from([asked.Admit(), asked.Close(dismiss=True), asked.Open()]), st.just(TEACHER)),
        st.tuples(st.builds(asked.Complete, entry=st.integers(1, 4).map(str)), st.just(TEACHER)),
    ),
)
CARRIED = st.integers(0, 11)
"""Which of the channels that have a word under way is the one whose oldest word arrives."""


class Groups:
    """Three queues and two halls. Words arrive in the order of each channel (who speaks to whom), those of several in any."""

    def __init__(self) -> None:
        self.actors = {f"queue:{name}": new_queue(name) for name in NAMES}
        self.actors |= {f"hall:{name}": Driver(HALL, name, reduce_hall) for name in ("maths", "arts")}
        self.channels: dict[tuple[str, str], list[Tell]] = {}
        for name in NAMES:
            self.do(name, asked.Create(name, exclusive="maths"), MAKER)
            self.do(name, asked.Open(), TEACHER)

    @property
    def queues(self) -> list[Driver]:
        return [self.actors[f"queue:{name}"] for name in NAMES]

    def do(self, name: str, command: Any, caller: Caller) -> str:
        """Carry out a command of a queue, and put its words under way."""
        outcome = self.actors[f"queue:{name}"].try_do(command, caller)
        self._collect()
        return outcome

    def carry(self, which: int) -> bool:
        """Let the oldest word of a channel arrive; tells whether there was any under way."""
        under_way = sorted(channel for channel, words in self.channels.items() if words)
        if under_way:
            channel = under_way[which % len(under_way)]
            self.actors[channel[1]].do(self.channels[channel].pop(0).command, SYSTEM)
            self._collect()
        return bool(under_way)

    def _collect(self) -> None:
        for address, actor in self.actors.items():
            for tell in actor.tells:
                if tell.to in self.actors:
                    self.channels.setdefault((address, tell.to), []).append(tell)
            actor.tells.clear()

    def check(self) -> None:
        """Hold that no student counts in two queues of a group."""
        for one, other in combinations(self.queues, 2):
            group = one.behaviour.state.shown.settings.exclusive
            if group and group == other.behaviour.state.shown.settings.exclusive:
                assert not counting(one) & counting(other), "a student stands in two queues of a group"


def counting(queue: Driver) -> set[str]:
    """Return the students of a queue whose entries count."""
    memory = queue.behaviour.state
    return {held.student for entry, held in memory.entries.items() if memory.shown.entries[entry].status != "pending"}


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(IN_A_QUEUE, CARRIED, CARRIED), max_size=60), st.lists(CARRIED, min_size=1, max_size=8))
def test_p18_queue_and_hall_agree_in_the_end_and_nobody_stands_in_two_queues_however_their_words_cross(
    steps: list[Any], last: list[int]
) -> None:
    groups = Groups()
    for step in steps:
        if isinstance(step, int):
            groups.carry(step)
        else:
            groups.do(step[0], *step[1])
        groups.check()
    for number in range(10_000):
        if not groups.carry(last[number % len(last)]):
            break
        groups.check()
    for group in ("maths", "arts"):
        hall = groups.actors[f"hall:{group}"].behaviour.state
        mine = [queue for queue in groups.queues if queue.behaviour.state.shown.settings.exclusive == group]
        assert hall.standing == {student: queue.id for queue in mine for student in counting(queue)}
        assert hall.queues.keys() == {queue.id for queue in mine}
        for queue in mine:
            elsewhere = {student: there for student, there in hall.standing.items() if there != queue.id}
            assert queue.behaviour.state.elsewhere == elsewhere, "a student is refused for good, or let in for nothing"
            assert len(counting(queue)) == len(queue.behaviour.state.entries), "an entry waits for ever"
