"""Students in a queue: joining, places, holding, leaving, estimates, and what they may not see."""

import msgspec
import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.queue import (
    QUESTION_MAX,
    Admit,
    AskHistory,
    Claim,
    Close,
    Complete,
    Create,
    Edit,
    Enlist,
    Hold,
    Join,
    Leave,
    ListEntries,
    Mine,
    Open,
    Reopen,
    Requeue,
    Resume,
    Strike,
)
from homeroom.protocol.queue_answers import Estimate, MyTicket, Ticket
from homeroom.protocol.queue_events import WHYS, Held, Joined, Left, Reordered, Resumed, Why
from homeroom.protocol.queue_lists import TicketsQuery
from homeroom.protocol.queue_state import look_out
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, PARENT, SUPER, TEACHER
from tests.actors.queues import (
    CAT,
    DAN,
    MAKER,
    MINUTE,
    help_once,
    join,
    join_all,
    line,
    new_queue,
    notices,
    open_queue,
    titles,
)


def test_a_queue_that_was_never_made_does_not_exist_for_anybody() -> None:
    for caller in (ANN, TEACHER, ADMIN, SUPER):
        assert new_queue().try_do(Join() if caller is ANN else Open(), caller) == "not_found"


def test_joining_makes_an_entry_with_a_place_and_the_question() -> None:
    queue = open_queue()
    ticket = queue.do(Join("Why is 0! one?", "factorials"), ANN)
    assert ticket == Ticket("1", "waiting", 1, question="Why is 0! one?", topic="factorials", joined=queue.now)
    assert queue.do(Mine(), ANN) == MyTicket(ticket)
    assert queue.do(Mine(), BEN) == MyTicket(None)


def test_joining_again_gives_the_same_entry_and_causes_nothing() -> None:
    queue = open_queue()
    first = queue.do(Join("first"), ANN)
    before = queue.seq
    assert queue.do(Join("second"), ANN) == first
    assert queue.seq == before
    queue.do(Claim(first.entry), TEACHER)
    assert queue.do(Join(), ANN).entry == first.entry
    queue.do(Admit(first.entry), TEACHER)
    assert queue.do(Join(), ANN).entry == first.entry
    queue.do(Complete(first.entry), TEACHER)
    assert queue.do(Join(), ANN).entry == "2"


@pytest.mark.parametrize("length", [QUESTION_MAX, QUESTION_MAX + 1])
def test_an_overlong_question_is_no_question(length: int) -> None:
    body = msgspec.msgpack.encode({"question": "x" * length})
    if length <= QUESTION_MAX:
        assert msgspec.msgpack.decode(body, type=Join).question == "x" * length
    else:
        with pytest.raises(msgspec.ValidationError, match=r"length <= 500.*question"):
            msgspec.msgpack.decode(body, type=Join)


def test_a_question_that_cannot_be_kept_is_refused_by_name() -> None:
    with pytest.raises(Refusal) as refused:
        open_queue().do(Join("a\0b"), ANN)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "question")


def test_a_closed_queue_takes_nobody_and_keeps_who_is_there() -> None:
    queue = open_queue()
    ticket = join(queue, ANN)
    queue.do(Close(), TEACHER)
    assert queue.try_do(Join(), BEN) == "conflict"
    assert queue.do(Join(), ANN) == ticket
    queue.do(Reopen(), TEACHER)
    assert queue.try_do(Join(), BEN) == "ok"


def test_a_full_queue_takes_nobody_more() -> None:
    queue = open_queue(capacity=2)
    join_all(queue, ANN, BEN)
    assert queue.try_do(Join(), CAT) == "full"
    queue.do(Leave(), ANN)
    assert queue.try_do(Join(), CAT) == "ok"


def test_who_is_no_student_does_not_stand_in_line() -> None:
    queue = open_queue()
    for caller in (TEACHER, COLLEAGUE, ADMIN, PARENT):
        assert queue.try_do(Join(), caller) == "forbidden"


def test_a_listed_queue_does_not_exist_for_those_who_are_not_on_its_list() -> None:
    queue = open_queue(audience="listed")
    assert queue.try_do(Join(), ANN) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        queue.follow(ANN)
    queue.do(Enlist(("ann", "ben")), TEACHER)
    assert queue.try_do(Join(), ANN) == "ok"
    assert queue.try_do(Join(), EVE) == "not_found"


def test_who_is_struck_off_the_list_loses_the_place_and_the_sight_of_it() -> None:
    queue = open_queue(audience="listed")
    queue.do(Enlist(("ann", "ben")), TEACHER)
    join_all(queue, ANN, BEN)
    queue.follow(ANN)
    queue.do(Strike(("ann",)), TEACHER)
    assert line(queue) == ["ben"]
    assert queue.evicted == ["ann"]
    assert queue.try_do(Mine(), ANN) == "not_found"
    assert titles(queue, "ben") == ["You are next"]


# --- places


def test_leaving_moves_up_those_behind_and_leaving_twice_is_nothing() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    assert queue.events_of(Leave(), BEN) == [Left("2", "left")]
    assert queue.events_of(Leave(), BEN) == []
    assert queue.do(Mine(), CAT).ticket.position == 2


def test_holding_keeps_the_place_and_is_passed_over() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN)
    assert queue.events_of(Hold(), ANN) == [Held("1")]
    assert queue.events_of(Hold(), ANN) == []
    assert line(queue) == ["ann", "ben"]
    assert queue.do(Admit(), TEACHER).entries == ("2",)
    assert queue.try_do(Admit(), TEACHER) == "conflict"
    assert queue.try_do(Admit("1"), TEACHER) == "conflict"
    assert queue.events_of(Resume(), ANN) == [Resumed("1")]
    assert queue.events_of(Resume(), ANN) == []
    assert queue.do(Admit(), TEACHER).entries == ("1",)


def test_only_a_place_in_line_can_be_held() -> None:
    queue = open_queue()
    assert queue.try_do(Hold(), ANN) == "not_found"
    join(queue, ANN)
    queue.do(Claim(), TEACHER)
    assert queue.try_do(Hold(), ANN) == "conflict"
    queue.do(Admit(), TEACHER)
    assert queue.try_do(Resume(), ANN) == "conflict"


def test_whoever_comes_to_stand_first_is_told_once() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    assert titles(queue, "ann") == []
    queue.do(Hold(), ANN)
    assert titles(queue, "ben") == ["You are next"]
    queue.do(Resume(), ANN)
    queue.do(Leave(), ANN)
    first, second = notices(queue, "ben")
    assert first.key == second.key != ""
    assert titles(queue, "cat") == []


def test_a_place_survives_a_restart_of_everything() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    before = queue.do(Mine(), CAT)
    queue.restart()
    assert queue.do(Mine(), CAT) == before
    queue.restart(snapshot_at=queue.seq - 1)
    assert queue.do(Mine(), CAT) == before


def test_a_student_may_leave_a_conversation_and_it_counts_as_help() -> None:
    queue = open_queue(order="fewest_helped")
    entry = join(queue, ANN).entry
    queue.do(Admit(entry), TEACHER)
    queue.do(Leave(), ANN)
    join_all(queue, ANN, BEN)
    assert line(queue) == ["ben", "ann"]


# --- order


def test_first_come_first_served_unless_declared_otherwise() -> None:
    queue = open_queue()
    help_once(queue, BEN)
    join_all(queue, BEN, ANN, CAT)
    assert line(queue) == ["ben", "ann", "cat"]


def test_fewest_helped_go_first_and_the_event_says_why() -> None:
    queue = open_queue(order="fewest_helped")
    help_once(queue, ANN)
    help_once(queue, ANN)
    help_once(queue, BEN)
    join_all(queue, ANN, BEN, CAT, DAN)
    assert line(queue) == ["cat", "dan", "ben", "ann"]
    joined = [event for event in queue.events if isinstance(event, Joined)][3:]
    assert [(event.position, event.why) for event in joined] == [
        (1, "last"),
        (1, "fewest_helped"),
        (1, "fewest_helped"),
        (2, "fewest_helped"),
    ]


def test_first_timers_go_first_and_all_others_are_equal() -> None:
    queue = open_queue(order="first_timers")
    help_once(queue, ANN)
    help_once(queue, ANN)
    help_once(queue, BEN)
    join_all(queue, ANN, BEN, CAT)
    assert line(queue) == ["cat", "ann", "ben"]
    assert queue.events[-1].why == "first_timer"


def test_another_order_moves_the_line_and_says_so() -> None:
    queue = open_queue()
    help_once(queue, ANN)
    join_all(queue, ANN, BEN)
    _, reordered = queue.events_of(Edit(order="first_timers"), TEACHER)
    assert isinstance(reordered, Reordered)
    assert (reordered.line, reordered.why) == (("3", "2"), "order")
    assert line(queue) == ["ben", "ann"]
    queue.do(Edit(order="fifo"), TEACHER)
    assert line(queue) == ["ann", "ben"]


def test_whoever_is_given_back_after_a_change_of_order_stands_by_the_new_one() -> None:
    queue = open_queue()
    help_once(queue, ANN)
    ann, *_ = join_all(queue, ANN, BEN)
    queue.do(Claim(ann), TEACHER)
    queue.do(Edit(order="fewest_helped"), TEACHER)
    queue.advance(MINUTE)
    assert line(queue) == ["ben", "ann"]


def test_every_reason_for_a_place_is_explained_in_words() -> None:
    assert set(WHYS) == set(msgspec.inspect.type_info(Why).values)  # type: ignore[attr-defined] # a Literal's


# --- estimates


def test_without_a_basis_there_is_no_estimate() -> None:
    queue = open_queue()
    help_once(queue, ANN)
    help_once(queue, BEN)
    assert join(queue, CAT).estimate is None


def test_an_estimate_is_a_range_with_its_basis() -> None:
    queue = open_queue()
    for minutes in (4, 6, 8):
        help_once(queue, ANN, minutes)
    first, second = join(queue, BEN), join(queue, CAT)
    assert first.estimate == Estimate(0, 7 * MINUTE, 3)
    assert second.estimate == Estimate(5 * MINUTE, 14 * MINUTE, 3)
    queue.do(Claim(), TEACHER)
    assert queue.do(Mine(), CAT).ticket.estimate == Estimate(0, 7 * MINUTE, 3)


def test_those_who_help_and_those_who_hold_widen_the_range() -> None:
    queue = open_queue()
    for minutes in (4, 6, 8):
        help_once(queue, ANN, minutes)
    join_all(queue, ANN, BEN, CAT, DAN, EVE)
    queue.do(Admit(), TEACHER)
    queue.do(Admit(), COLLEAGUE)
    queue.do(Hold(), CAT)
    eve = queue.do(Mine(), EVE).ticket
    assert (eve.position, eve.estimate) == (3, Estimate(0, 2 * 7 * MINUTE, 3))


def test_a_conversation_that_nobody_finished_is_no_basis() -> None:
    queue = open_queue()
    for person in (ANN, BEN):
        help_once(queue, person)
    entry = join(queue, CAT).entry
    queue.do(Admit(entry), TEACHER)
    queue.advance(20 * MINUTE)
    assert join(queue, DAN).estimate is None


def test_a_client_finds_position_and_estimate_in_what_it_is_shown() -> None:
    queue = open_queue()
    for minutes in (4, 6, 8):
        help_once(queue, ANN, minutes)
    follower = queue.follow(BEN)
    join_all(queue, ANN, BEN)
    mine = queue.do(Mine(), BEN).ticket
    assert look_out(follower.state, mine.entry) == (mine.position, mine.estimate)
    queue.do(Leave(), ANN)
    assert look_out(follower.state, mine.entry).position == 1


# --- what students may not see


def test_z3_the_stream_names_nobody_in_line_and_tells_no_question_and_no_note() -> None:
    queue = open_queue()
    follower = queue.follow(EVE)
    queue.do(Join("my secret question", "secret topic"), ANN)
    queue.do(Hold(), ANN)
    queue.do(Resume(), ANN)
    queue.do(Claim("1"), TEACHER)
    room = queue.do(Admit("1"), TEACHER).room.removeprefix("room:")
    queue.do(Requeue("1"), TEACHER)
    queue.do(Admit("1"), TEACHER)
    queue.do(Complete("1", note="secret note"), TEACHER)
    for told in (queue.replay(EVE), follower.state, queue.behaviour.view(EVE)):
        text = repr(told)
        for word in ("'ann'", "'Ann'", "secret", room):
            assert word not in text
    assert {fact.by for fact in queue.replay(EVE)} == {"teacher", "system"}


def test_z3_questions_and_the_past_are_for_those_who_help() -> None:
    queue = open_queue()
    queue.do(Join("why?"), ANN)
    for command in (ListEntries(), AskHistory()):
        assert queue.try_do(command, ANN) == "forbidden"
        assert queue.try_do(command, PARENT) == "forbidden"
        assert queue.try_do(command, COLLEAGUE) == "ok"


def test_z2_nobody_makes_a_queue_who_is_no_staff() -> None:
    assert new_queue().try_do(Create("Mine"), ANN) == "not_found"
    assert new_queue().try_do(Create("Ours"), MAKER) == "ok"


def test_the_query_of_ones_own_entries_is_bounded() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"limit": 101}, TicketsQuery)
