"""Those who help: claims, admissions, skipping, sending back, finishing, notes, figures, and how a queue is staffed."""

import pytest

from homeroom.actors.queue_service import LEASE_MS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.queue import (
    ENTRIES_MAX,
    Admit,
    Announce,
    Appoint,
    AskHistory,
    AskStatistics,
    Claim,
    Complete,
    Create,
    Edit,
    Join,
    Leave,
    ListEntries,
    ListHelped,
    Open,
    Release,
    Requeue,
    Retire,
    Schedule,
    Skip,
    WriteNote,
)
from homeroom.protocol.queue_events import Announced, Claimed, Completed, Created, Left, Noted, Returned, Skipped
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, SYSTEM, TEACHER
from tests.actors.queues import CAT, DAN, MAKER, MINUTE, help_once, join, join_all, line, new_queue, open_queue, rows


def test_the_maker_owns_the_queue_and_it_is_closed() -> None:
    queue = new_queue()
    (created,) = queue.events_of(Create("  Algebra \n 1 ", order="first_timers"), MAKER)
    assert isinstance(created, Created)
    assert (created.settings.title, created.owner, created.owner_name) == ("Algebra 1", "teacher", "Tia Teacher")
    assert queue.behaviour.view(ANN).status == "closed"
    assert queue.try_do(Create("Again"), MAKER) == "conflict"


def test_nobody_but_an_admin_makes_a_queue_under_an_id_that_may_be_anothers() -> None:
    taken = new_queue("colleague")
    assert taken.try_do(Create("Office hours of Carl"), TEACHER) == "forbidden"
    assert taken.events == []
    assert taken.try_do(Create("Mine"), COLLEAGUE) == "ok"
    assert taken.try_do(Schedule(()), COLLEAGUE) == "ok"
    assert new_queue("m" * 26).try_do(Create("By the id of the server"), TEACHER) == "ok"
    assert new_queue("algebra").try_do(Create("Of the course"), ADMIN) == "ok"


def test_only_the_owner_staffs_and_edits_the_queue() -> None:
    queue = open_queue()
    for command in (Appoint("dan"), Retire("colleague"), Edit(title="Mine")):
        assert queue.try_do(command, COLLEAGUE) == "forbidden"
        assert queue.try_do(command, ANN) == "forbidden"
    assert queue.try_do(Appoint("dan", "Dan"), ADMIN) == "ok"
    assert queue.try_do(Claim(), DAN) == "conflict"  # who may, and nobody waits
    assert queue.try_do(Retire("ben"), TEACHER) == "not_found"


def test_whoever_stands_in_line_does_not_help_there() -> None:
    queue = open_queue()
    join(queue, ANN)
    assert queue.try_do(Appoint("ann"), TEACHER) == "conflict"
    assert queue.events_of(Appoint("colleague"), TEACHER) == queue.events_of(Appoint("teacher"), TEACHER) == []


def test_mode_and_group_stay_while_anybody_has_an_entry() -> None:
    queue = open_queue()
    join(queue, ANN)
    assert queue.try_do(Edit(mode="drop_in"), TEACHER) == "conflict"
    assert queue.try_do(Edit(exclusive="maths"), TEACHER) == "conflict"
    assert queue.try_do(Edit(title="Geometry", idle_minutes=30), TEACHER) == "ok"
    assert queue.events_of(Edit(title="Geometry"), TEACHER) == []
    queue.do(Leave(), ANN)
    assert queue.try_do(Edit(mode="drop_in"), TEACHER) == "ok"


# --- claims


def test_claiming_takes_who_is_next_and_answers_with_the_question() -> None:
    queue = open_queue()
    join(queue, ANN, "why?")
    join(queue, BEN)
    claimed = queue.do(Claim(), COLLEAGUE)
    assert (claimed.entry.student, claimed.entry.question, claimed.until) == ("ann", "why?", queue.now + LEASE_MS)
    assert line(queue) == ["ben"]


def test_e9_of_two_who_claim_the_same_entry_one_wins() -> None:
    queue = open_queue()
    entry = join(queue, ANN).entry
    assert queue.try_do(Claim(entry), TEACHER) == "ok"
    with pytest.raises(Refusal) as refused:
        queue.do(Claim(entry), COLLEAGUE)
    assert (refused.value.code, refused.value.data["assistant"]) == ("conflict", "teacher")
    for command in (Admit(entry), Complete(entry), Requeue(entry), Skip(entry)):
        assert queue.try_do(command, COLLEAGUE) == "conflict"
    assert queue.try_do(Release(entry), COLLEAGUE) == "forbidden"
    assert [event for event in queue.events if isinstance(event, Claimed)] == [Claimed("1", "teacher")]


def test_e9_an_entry_whose_assistant_is_gone_is_back_at_its_place_after_a_minute() -> None:
    queue = open_queue()
    ann, *_ = join_all(queue, ANN, BEN, CAT)
    queue.do(Claim(), COLLEAGUE)
    assert queue.advance(LEASE_MS - 1) == []
    assert queue.advance(1) == [Returned(ann, 1, "assistant_gone")]
    assert line(queue) == ["ann", "ben", "cat"]
    assert queue.try_do(Admit(ann), TEACHER) == "ok"


def test_e9_claiming_again_renews_the_lease_and_causes_nothing() -> None:
    queue = open_queue()
    entry = join(queue, ANN).entry
    queue.do(Claim(entry), TEACHER)
    for _ in range(5):
        queue.advance(20_000)
        assert queue.events_of(Claim(entry), TEACHER) == []
    assert queue.advance(LEASE_MS - 1) == []
    assert len(queue.advance(1)) == 1


def test_e9_a_lease_outlives_a_restart_and_ends_at_its_time() -> None:
    queue = open_queue()
    entry = join(queue, ANN).entry
    queue.do(Claim(entry), TEACHER)
    queue.restart()
    assert queue.try_do(Claim(entry), COLLEAGUE) == "conflict"
    assert queue.advance(LEASE_MS) == [Returned(entry, 1, "assistant_gone")]


def test_e9_a_student_may_leave_while_being_claimed() -> None:
    queue = open_queue()
    entry = join(queue, ANN).entry
    queue.do(Claim(entry), TEACHER)
    assert queue.events_of(Leave(), ANN) == [Left(entry, "left")]
    assert queue.try_do(Admit(entry), TEACHER) == "conflict"
    assert queue.advance(LEASE_MS) == []
    assert queue.do(Join(), ANN).entry == "2"


def test_what_is_no_entry_is_not_found_and_what_has_ended_is_a_conflict() -> None:
    queue = open_queue()
    join(queue, ANN)
    queue.do(Leave(), ANN)
    for command in (Claim("1"), Admit("1"), Skip("1"), Requeue("1"), Complete("1"), WriteNote("1", "x"), Release("1")):
        assert queue.try_do(command, TEACHER) == "conflict"
    for command in (Claim("2"), Admit("2"), Skip("2"), Requeue("2"), Complete("2"), WriteNote("2", "x"), Release("2")):
        assert queue.try_do(command, TEACHER) == "not_found"


def test_giving_back_puts_an_entry_at_its_place() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN)
    queue.do(Claim("1"), COLLEAGUE)
    join(queue, CAT)
    assert queue.events_of(Release("1"), COLLEAGUE) == [Returned("1", 1, "released")]
    assert queue.events_of(Release("1"), COLLEAGUE) == []
    assert line(queue) == ["ann", "ben", "cat"]
    assert queue.advance(LEASE_MS) == []
    queue.do(Claim("1"), COLLEAGUE)
    assert queue.try_do(Release("1"), TEACHER) == "ok"


def test_an_assistant_who_is_retired_gives_back_all_it_had_claimed() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT, DAN)
    queue.do(Claim("3"), COLLEAGUE)
    queue.do(Claim("1"), COLLEAGUE)
    _, first, second = queue.events_of(Retire("colleague"), TEACHER)
    assert (first, second) == (Returned("1", 1, "assistant_retired"), Returned("3", 3, "assistant_retired"))
    assert line(queue) == ["ann", "ben", "cat", "dan"]
    assert queue.try_do(Claim(), COLLEAGUE) == "forbidden"


# --- admitting


def test_admitting_an_entry_twice_is_a_conflict() -> None:
    queue = open_queue()
    entry = join(queue, ANN).entry
    queue.do(Admit(entry), TEACHER)
    for caller in (TEACHER, COLLEAGUE):
        assert queue.try_do(Admit(entry), caller) == "conflict"
    assert queue.try_do(Admit(entries=(entry,)), TEACHER) == "conflict"
    queue.do(Complete(entry), TEACHER)
    assert queue.try_do(Admit(entry), TEACHER) == "conflict"


def test_admitting_several_takes_all_or_none() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    queue.do(Claim("2"), COLLEAGUE)
    assert queue.try_do(Admit(entries=("1", "2", "3")), TEACHER) == "conflict"
    assert line(queue) == ["ann", "cat"]
    queue.do(Release("2"), COLLEAGUE)
    assert queue.do(Admit("1", ("3", "1", "2")), TEACHER).entries == ("1", "3", "2")
    assert line(queue) == []


def test_admitting_without_naming_takes_ones_own_claim_before_who_is_next() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN)
    queue.do(Claim("2"), TEACHER)
    assert queue.do(Admit(), TEACHER).entries == ("2",)
    assert queue.do(Admit(), TEACHER).entries == ("1",)
    assert queue.try_do(Admit(), TEACHER) == "conflict"


# --- moving


def test_skipping_lets_the_one_behind_go_first() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    assert queue.events_of(Skip("1"), TEACHER) == [Skipped("1", 2)]
    assert line(queue) == ["ben", "ann", "cat"]
    assert queue.events_of(Skip("3"), TEACHER) == []
    queue.do(Claim("2"), TEACHER)
    assert queue.events_of(Skip("2"), TEACHER) == [Returned("2", 1, "released"), Skipped("2", 2)]
    assert line(queue) == ["ann", "ben", "cat"]
    assert queue.advance(LEASE_MS) == []


def test_a_skipped_entry_keeps_its_new_place_when_it_is_claimed_and_given_back() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    queue.do(Skip("1"), TEACHER)
    queue.do(Claim("1"), TEACHER)
    queue.do(Release("1"), TEACHER)
    assert line(queue) == ["ben", "ann", "cat"]


def test_sending_back_puts_an_entry_to_the_front_or_the_end() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    queue.do(Admit("2"), TEACHER)
    queue.do(Requeue("2"), TEACHER)
    assert line(queue) == ["ben", "ann", "cat"]
    assert queue.events[-1].why == "front"
    queue.do(Claim("2"), TEACHER)
    queue.do(Requeue("2", "back"), TEACHER)
    assert line(queue) == ["ann", "cat", "ben"]
    join(queue, DAN)
    assert line(queue) == ["ann", "cat", "ben", "dan"]
    assert queue.try_do(Requeue("1"), TEACHER) == "conflict"


def test_the_only_entry_can_be_sent_back_as_well() -> None:
    queue = open_queue()
    join(queue, ANN)
    queue.do(Admit(), TEACHER)
    queue.do(Requeue("1", "back"), TEACHER)
    join(queue, BEN)
    assert line(queue) == ["ann", "ben"]


# --- finishing


def test_finishing_takes_an_entry_out_with_a_note_for_those_who_help() -> None:
    queue = open_queue()
    join(queue, ANN, "why?")
    queue.do(Admit(), TEACHER)
    queue.now += 5 * MINUTE
    (done,) = queue.events_of(Complete("1", note="sent the script"), TEACHER)
    assert isinstance(done, Completed)
    (row,) = queue.do(AskHistory(), COLLEAGUE).entries
    assert (row.student, row.question, row.status, row.note, row.reason) == (
        "ann", "why?", "completed", "sent the script", "completed",
    )  # fmt: skip
    assert (row.assistant, row.ended - row.admitted) == ("teacher", 5 * MINUTE)


def test_who_waits_cannot_be_finished_and_one_must_be_named() -> None:
    queue = open_queue()
    join(queue, ANN)
    assert queue.try_do(Complete("1"), TEACHER) == "conflict"
    with pytest.raises(Refusal) as refused:
        queue.do(Complete(), TEACHER)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "entries")
    queue.do(Claim("1"), TEACHER)
    assert queue.try_do(Complete("1"), TEACHER) == "ok"


def test_a_note_stays_with_its_entry_and_can_be_changed() -> None:
    queue = open_queue()
    join(queue, ANN)
    assert queue.events_of(WriteNote("1", "first"), TEACHER) == [Noted("1", "first")]
    assert queue.events_of(WriteNote("1", "first"), COLLEAGUE) == []
    queue.do(WriteNote("1", "second"), COLLEAGUE)
    assert rows(queue)[0].note == "second"
    queue.do(Claim(), TEACHER)
    queue.do(Complete("1"), TEACHER)
    assert queue.do(AskHistory(), TEACHER).entries[0].note == "second"


def test_an_announcement_is_shown_to_everybody_who_follows() -> None:
    queue = open_queue()
    follower = queue.follow(EVE)
    assert queue.events_of(Announce("Back in five minutes"), COLLEAGUE) == [Announced("Back in five minutes")]
    assert follower.state.announcement == "Back in five minutes"
    assert queue.try_do(Announce("Hello"), ANN) == "forbidden"


# --- figures


def test_the_figures_of_a_new_queue_invent_nothing() -> None:
    figures = open_queue().do(AskStatistics(), TEACHER)
    assert (figures.waits, figures.median_wait_ms, figures.median_talk_ms, figures.served_today) == (0, None, None, 0)


def test_figures_count_who_waits_who_was_served_today_and_how_long_it_took() -> None:
    queue = open_queue()
    for person, minutes in ((ANN, 2), (BEN, 4), (CAT, 9)):
        help_once(queue, person, minutes)
    join_all(queue, ANN, BEN, CAT, DAN)
    queue.now += 10 * MINUTE
    queue.do(Admit(), TEACHER)
    queue.do(Claim(), COLLEAGUE)
    figures = queue.do(AskStatistics(), TEACHER)
    assert (figures.in_line, figures.claimed, figures.admitted, figures.served_today) == (2, 1, 1, 3)
    assert (figures.waits, figures.median_wait_ms) == (4, 0)
    assert (figures.conversations, figures.median_talk_ms) == (3, 4 * MINUTE)
    queue.now += 24 * 3_600_000
    assert queue.do(AskStatistics(), TEACHER).served_today == 0
    assert queue.do(AskStatistics(), TEACHER).students_helped == 3


def test_who_was_helped_how_often_is_told_to_those_who_help() -> None:
    queue = open_queue()
    for person in (ANN, BEN, ANN):
        help_once(queue, person)
    join_all(queue, ANN, CAT)
    helped = queue.do(ListHelped(), TEACHER)
    assert [(row.student, row.name, row.times) for row in helped.rows] == [("ann", "Ann", 2), ("ben", "Ben", 1)]
    assert queue.do(ListHelped(limit=1), TEACHER).more
    assert [row.helped for row in rows(queue)] == [2, 0]


def test_the_history_is_paged_from_the_newest() -> None:
    queue = open_queue()
    for person in (ANN, BEN, CAT):
        help_once(queue, person)
    page = queue.do(AskHistory(limit=2), TEACHER)
    assert ([row.entry for row in page.entries], page.more) == (["3", "2"], True)
    page = queue.do(AskHistory(before="2", limit=2), TEACHER)
    assert ([row.entry for row in page.entries], page.more) == (["1"], False)
    assert [row.entry for row in queue.do(AskHistory(student="ben"), TEACHER).entries] == ["2"]


def test_the_entries_are_shown_with_the_line_first() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN, CAT)
    queue.do(Admit("1"), TEACHER)
    queue.do(Skip("2"), TEACHER)
    assert [(row.student, row.position, row.status) for row in queue.do(ListEntries(), COLLEAGUE).entries] == [
        ("cat", 1, "waiting"),
        ("ben", 2, "waiting"),
        ("ann", 0, "admitted"),
    ]


def test_the_system_speaks_to_a_queue_that_does_not_exist_without_harm() -> None:
    queue = new_queue()
    for verb in queue.kind.verbs:
        if verb.rest is None:
            command = {"granted": ("1",), "denied": ("1", "x"), "elsewhere": (1,), "stirred": ("r",)}[verb.command.do]
            assert queue.events_of(verb.command(*command), SYSTEM) == []


def test_a_queue_with_everything_in_it_stays_small() -> None:
    queue = open_queue(capacity=ENTRIES_MAX)
    for number in range(ENTRIES_MAX):
        queue.do(Join("q" * 500, "t" * 100), Caller(f"student-{number:03}", "student", "N" * 200))
    assert queue.try_do(Join(), ANN) == "full"
    assert len(repr(queue.behaviour.state)) < 500_000
    assert queue.try_do(Open(), TEACHER) == "ok"
