"""Random histories of an exam and its sittings, with messages between them carried early or late.

State + events equals a fresh view for everybody; replay equals snapshot + tail equals live; nothing that was acknowledged is lost; the
chain of every sitting is whole; and no student is ever shown a key, a mark or a hash before the release (Z3).
"""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.exam_memory import Hall
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.chat import Say
from homeroom.protocol.exam import (
    Announce,
    Appoint,
    Close,
    Enroll,
    Expel,
    Extend,
    Join,
    Leave,
    Open,
    Pause,
    Person,
    Publish,
    Release,
    Resume,
)
from homeroom.protocol.exam_paper import arrange
from homeroom.protocol.sitting import (
    GRACE_MS,
    AdmitLate,
    ExtendSitting,
    Flag,
    Grade,
    Progress,
    Reopen,
    SaveAnswer,
    Start,
    Submit,
)
from homeroom.protocol.sitting_chain import ChainRecord, Checker
from tests.actors.driver import Driver, Follower, stored
from tests.actors.exams import ESSAY, ITEMS, MINUTE, new_exam
from tests.actors.people import ANN, BEN, TEACHER

QUESTIONS = [item.question.id for item in ITEMS]
FITTING = [
    ("capital", "b"),
    ("capital", "a"),
    ("primes", ("p", "r")),
    ("primes", None),
    ("pi", 3.14),
    ("pi", 2),
    ("river", "seine"),
    ("essay", "An essay"),
    ("essay", "Another"),
]
DEVICES = st.sampled_from(["", "", "laptop", "phone"])
FIT_ANSWERS = st.builds(
    lambda fitting, rev, expected, device: SaveAnswer(fitting[0], rev, fitting[1], expected, device),
    st.sampled_from(FITTING),
    st.integers(1, 5),
    st.sampled_from([None, None, None, 0, 1, 2]),
    DEVICES,
)
ANY_ANSWERS = st.builds(
    SaveAnswer,
    question=st.sampled_from([*QUESTIONS, "nope"]),
    rev=st.integers(1, 6),
    value=st.sampled_from([value for _, value in FITTING]),
    device=DEVICES,
    client_at=st.sampled_from([0, 7]),
)
OF_STUDENTS = st.one_of(
    FIT_ANSWERS,
    FIT_ANSWERS,
    FIT_ANSWERS,
    FIT_ANSWERS,
    ANY_ANSWERS,
    st.builds(Start, device=st.sampled_from(["", "laptop", "phone"])),
    st.builds(Flag, question=st.sampled_from(QUESTIONS), on=st.booleans()),
    st.builds(Progress, question=st.sampled_from(QUESTIONS)),
    st.builds(Submit, device=DEVICES),
    st.just(Say("May I?")),
)
OF_PROCTORS = st.one_of(
    st.builds(ExtendSitting, minutes=st.sampled_from([1, 5])),
    st.builds(Reopen, minutes=st.sampled_from([1, 5])),
    st.builds(Grade, question=st.sampled_from(QUESTIONS), points=st.integers(0, 3)),
    st.builds(AdmitLate, question=st.sampled_from(QUESTIONS)),
    st.just(Say("Yes")),
)
ONE = st.none() | st.sampled_from(["ann", "ben"])
OF_STAFF = st.one_of(
    st.just(Open()),
    st.builds(Extend, minutes=st.sampled_from([1, 5]), user=ONE),
    st.builds(Pause, user=ONE),
    st.builds(Resume, user=ONE),
    st.just(Announce("Quiet")),
    st.just(Appoint("colleague")),
    st.builds(Expel, user=st.sampled_from(["ann", "ben"])),
    st.just(Enroll((Person("ann", "Ann"), Person("ben")))),
)
ENDS = st.sampled_from([Close(), Release()])
WHO = st.sampled_from([ANN, BEN])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sit"), OF_STUDENTS, WHO),
        st.tuples(st.just("sit"), OF_STUDENTS, WHO),
        st.tuples(st.just("sit"), OF_STUDENTS, WHO),
        st.tuples(st.just("watch"), OF_PROCTORS, WHO),
        st.tuples(st.just("exam"), OF_STAFF, st.just(TEACHER)),
        st.tuples(st.just("exam"), st.sampled_from([Join(), Leave()]), WHO),
        st.tuples(st.just("exam"), ENDS, st.just(TEACHER)),
        st.tuples(st.just("carry"), st.none(), WHO),
        st.tuples(st.just("wait"), st.sampled_from([1, GRACE_MS, MINUTE, 4 * MINUTE]), WHO),
    ),
    min_size=20,
    max_size=60,
)
WRITING = st.lists(
    st.one_of(
        *(st.tuples(st.just("sit"), FIT_ANSWERS, st.just(ANN)) for _ in range(6)),
        st.tuples(
            st.just("sit"),
            st.sampled_from([Start("laptop"), Start("phone"), Submit(), Submit(device="phone")]),
            st.just(ANN),
        ),
        st.tuples(st.just("exam"), st.sampled_from([Extend(5, "ann"), Pause(), Resume(), Close()]), st.just(TEACHER)),
        st.tuples(st.just("watch"), st.sampled_from([Reopen(5), AdmitLate("pi"), ExtendSitting(1)]), st.just(ANN)),
        st.tuples(st.just("carry"), st.none(), st.just(ANN)),
        st.tuples(st.just("wait"), st.sampled_from([1, GRACE_MS, 5 * MINUTE]), st.just(ANN)),
    ),
    min_size=20,
    max_size=60,
)
"""Histories in which mostly answers are saved."""


class History:
    """A campus on which things happen, with what was acknowledged to each student, and everybody who follows."""

    def __init__(self, *, reveal: bool) -> None:
        self.campus = new_exam(
            questions=ITEMS, minutes=10, reveal=reveal, shuffle_questions=True, shuffle_options=True, seed=5
        )
        self.campus.do(Publish())
        self.campus.do(Open())
        for who in (ANN, BEN):
            self.campus.do(Join(), who)
        self.campus.sit(Start("laptop"), ANN)
        self.saved: dict[tuple[str, str], dict[int, Any]] = {}
        self.followers: list[tuple[Driver, Follower]] = []
        for who in (ANN, BEN):
            self.follow(self.campus.hall, who)
            for watcher in (who, TEACHER):
                self.follow(self.campus.sitting(who), watcher)

    def follow(self, driver: Driver, who: Caller) -> None:
        self.followers.append((driver, driver.follow(who)))

    def take(self, what: str, command: Any, who: Caller, arrived_ago: int) -> None:
        if what == "wait":
            self.campus.advance(command)
        elif what == "carry":
            self.campus.deliver_one()
        elif what == "exam":
            self.campus.hall.try_do(command, who)
        elif what == "watch":
            self.campus.sitting(who).try_do(command, TEACHER)
        else:
            self.sit(command, who, arrived_ago)

    def sit(self, command: Any, who: Caller, arrived_ago: int) -> None:
        sitting = self.campus.sitting(who)
        sitting.arrived = sitting.now - arrived_ago
        try:
            reply = sitting.do(command, who)
        except Refusal:
            return
        finally:
            sitting.arrived = 0
        if isinstance(command, SaveAnswer) and reply.saved:
            known = self.saved.setdefault((who.user, command.question), {})
            assert known.setdefault(command.rev, command.value) == command.value

    def sittings(self) -> list[tuple[Caller, Driver]]:
        return [(who, self.campus.sitting(who)) for who in (ANN, BEN)]


def run(steps: list[Any], lags: list[int], *, reveal: bool = False) -> History:
    history = History(reveal=reveal)
    for number, (what, command, who) in enumerate(steps):
        history.take(what, command, who, lags[number % len(lags)])
    return history


LAGS = st.lists(st.sampled_from([0, 0, 0, 1, GRACE_MS]), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(STEPS, LAGS)
def test_state_and_events_equal_a_fresh_view_for_everybody(steps: list[Any], lags: list[int]) -> None:
    history = run(steps, lags)
    for driver, follower in history.followers:
        if follower in driver.followers:
            assert follower.state == stored(driver.behaviour.view(follower.caller))


@settings(max_examples=150, deadline=None)
@given(STEPS, LAGS, st.data())
def test_replay_equals_snapshot_and_tail_equals_live_and_every_chain_is_whole(
    steps: list[Any], lags: list[int], data: st.DataObject
) -> None:
    history = run(steps, lags)
    for driver in history.campus.drivers.values():
        live = stored(driver.behaviour.state)
        assert stored(driver.rebuild().state) == live
        assert stored(driver.rebuild(data.draw(st.integers(1, driver.seq))).state) == live
    for _, sitting in history.sittings():
        checker = Checker(f"sitting:{sitting.id}", (sitting.seq, sitting.behaviour.state.head))
        for fact in sitting.facts:
            body = msgspec.msgpack.encode(fact.event)
            checker.take(ChainRecord(fact.seq, fact.at, fact.event.type, fact.by, body))
        assert checker.verdict.place == 0


@settings(max_examples=200, deadline=None)
@given(WRITING, LAGS)
def test_e3_what_was_acknowledged_is_never_lost_and_an_older_revision_never_wins(
    steps: list[Any], lags: list[int]
) -> None:
    history = run(steps, lags)
    history.campus.advance(60 * MINUTE)
    for (user, question), known in history.saved.items():
        kept = history.campus.sitting(user).behaviour.state.shown.answers[question]
        assert kept.rev >= max(known)
        if kept.verdict != "admitted":
            assert (kept.rev, kept.value) == (max(known), known[max(known)])


@settings(max_examples=150, deadline=None)
@given(STEPS, LAGS)
def test_the_exam_and_its_sittings_agree_when_all_messages_are_carried(steps: list[Any], lags: list[int]) -> None:
    history = run(steps, lags)
    campus = history.campus
    campus.deliver()
    state, seats = campus.hall.behaviour.view(TEACHER), campus.hall.behaviour.state.seats
    for who, sitting in history.sittings():
        shown = sitting.behaviour.view(who)
        seat = seats.get(who.user)
        if seat is not None and seat.begun and shown.reason != "expelled":
            assert (seat.status, seat.closes if seat.status == "running" else 0) == (
                shown.status,
                shown.closes if shown.status == "running" else 0,
            )
        if shown.status == "running":
            assert (sitting.deadlines.get("deadline") == shown.closes + GRACE_MS) == (not shown.paused)
            assert state.status != "closed" or seat is None or seat.begun
        else:
            assert "deadline" not in sitting.deadlines
    assert 0 <= state.submitted <= state.started
    assert len(state.participants) == len(
        set(state.participants) & set(seats) | set(state.participants) & {"ann", "ben"}
    )


SECRETS = (
    b"SECRETKEY",
    b"accepted",
    b"tolerance",
    b"correct",
    b"number",
    b"\xa4prev",
    b"\xa5marks",
    b"\xa5paper",
    b"\xa4seed",
)
"""What stands in the bytes of keys, marks, hashes and papers, and in nothing that is shown before the release."""


def shown_to(driver: Driver, who: Caller) -> list[bytes]:
    """Return every form in which `who` can be shown something of an actor: the view, live events, replays."""
    encode = msgspec.msgpack.encode
    live = [encode(driver.behaviour.public(fact)) for fact in driver.facts]
    return [encode(driver.behaviour.view(who)), *live, *(encode(fact.event) for fact in driver.replay(who))]


@settings(max_examples=150, deadline=None)
@given(STEPS, LAGS, st.booleans())
def test_z3_no_key_mark_or_hash_is_shown_to_a_student_before_the_release(
    steps: list[Any], lags: list[int], reveal: bool
) -> None:
    history = run([step for step in steps if not isinstance(step[1], Release)], lags, reveal=reveal)
    for who, sitting in history.sittings():
        assert sitting.behaviour.view(who).result is None
        for driver in (sitting, history.campus.hall):
            for body in shown_to(driver, who):
                for secret in SECRETS:
                    assert secret not in body, (secret, body)
        signals = b"".join(msgspec.msgpack.encode(signal.event) for signal in sitting.signals)
        assert not any(secret in signals for secret in SECRETS)
        replies = [sitting.do(Start("phone"), who)] if sitting.behaviour.view(who).status == "running" else []
        assert not any(secret in msgspec.msgpack.encode(replies) for secret in SECRETS)


@settings(max_examples=60, deadline=None)
@given(STEPS, LAGS)
def test_every_student_gets_the_questions_in_the_order_that_seed_and_name_decide(
    steps: list[Any], lags: list[int]
) -> None:
    history = run(steps, lags)
    paper = Hall("mid", history.campus.hall.behaviour.state).paper()
    for who, sitting in history.sittings():
        questions = sitting.behaviour.view(who).questions
        if questions:
            assert questions == arrange(paper, who.user)
            assert sorted(question.id for question in questions) == sorted(QUESTIONS)


def test_z3_the_check_itself_finds_a_key_that_is_shown() -> None:
    history = run([], [0])
    stored_paper = msgspec.msgpack.encode(history.campus.sitting(ANN).events[0])
    assert all(secret in stored_paper for secret in (b"SECRETKEY", b"accepted", b"tolerance", b"correct", b"\xa5paper"))
    history.campus.sit(Submit(), ANN)
    graded = b"".join(msgspec.msgpack.encode(event) for event in history.campus.sitting(ANN).events)
    assert all(secret in graded for secret in (b"\xa4prev", b"\xa5marks"))
    assert ESSAY.question.text.encode() in graded
