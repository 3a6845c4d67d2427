"""Polls of a class session: single, multiple, changeable, anonymous; and that nobody learns who chose what."""

import re
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.session_polls import AGAIN_MS, PATIENCE_MS, RESUME_MS, SETTLE_MS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.session_floor import (
    OPEN_POLLS_MAX,
    POLLS_MAX,
    Poll,
    PollClose,
    PollClosed,
    PollCounted,
    PollMark,
    PollMarked,
    PollOpen,
    PollResume,
    PollVote,
    PollVoted,
)
from homeroom.protocol.session_words import End, Ended, Join, Leave
from tests.actors.driver import Driver
from tests.actors.people import ANN, BEN, EVE, TEACHER
from tests.actors.sessions import class_of_three, deliver, live, shown

THREE = (ANN, BEN, EVE)


def open_poll(session: Driver, **form: Any) -> str:
    """Open a poll with three options; returns its id."""
    opened = session.do(PollOpen("Clear?", ("yes", "no", "partly"), **form), TEACHER)
    return str(opened.id)


def poll(session: Driver, name: str) -> Poll:
    """Return a poll as it is shown."""
    return shown(session).polls[name]


def vote_all(session: Driver, name: str, *choices: int) -> None:
    """Let Ann, Ben and Eve vote in an anonymous poll, and carry the marks."""
    for who, choice in zip(THREE, choices, strict=False):
        session.do(PollVote(name, (choice,)), who)
        deliver(session)


# --- polls by name


def test_a_vote_is_shown_by_name_and_counted() -> None:
    session = class_of_three()
    name = open_poll(session)
    assert session.events_of(PollVote(name, (1,)), ANN) == [PollVoted(name, "ann", (1,))]
    session.do(PollVote(name, (0,)), BEN)
    held = poll(session, name)
    assert (held.voters, held.counts, held.votes) == (2, (1, 1, 0), {"ann": (1,), "ben": (0,)})
    assert session.events_of(PollClose(name), TEACHER) == [PollClosed(name)]
    assert session.events_of(PollClose(name), TEACHER) == []
    held = poll(session, name)
    assert (held.counted, held.voters, held.counts, held.votes) == (True, 2, (1, 1, 0), {})


def test_voting_twice_is_a_conflict_also_with_the_same_choice() -> None:
    session = class_of_three()
    name = open_poll(session)
    session.do(PollVote(name, (1,)), ANN)
    for choice in (0, 1):
        assert session.try_do(PollVote(name, (choice,)), ANN) == "conflict"
    assert poll(session, name).counts == (0, 1, 0)


def test_a_vote_is_changed_only_where_the_poll_allows_it() -> None:
    session = class_of_three()
    name = open_poll(session, changeable=True, multiple=True)
    session.do(PollVote(name, (0, 1)), ANN)
    assert session.events_of(PollVote(name, (1, 0)), ANN) == []
    assert session.events_of(PollVote(name, (2, 1)), ANN) == [PollVoted(name, "ann", (1, 2))]
    held = poll(session, name)
    assert (held.voters, held.counts) == (1, (0, 1, 1))


def test_E10_a_vote_that_comes_after_the_close_changes_nothing() -> None:
    session = class_of_three()
    name = open_poll(session, changeable=True)
    session.do(PollVote(name, (0,)), ANN)
    session.do(PollClose(name), TEACHER)
    assert session.try_do(PollVote(name, (1,)), ANN) == "conflict"
    assert session.try_do(PollVote(name, (1,)), BEN) == "conflict"
    assert (poll(session, name).voters, poll(session, name).counts) == (1, (1, 0, 0))


@pytest.mark.parametrize(
    ("form", "choices"), [({}, (0, 1)), ({}, (3,)), ({"multiple": True}, (1, 1)), ({"multiple": True}, (0, 19))]
)
@pytest.mark.parametrize("anonymous", [False, True])
def test_choices_that_are_none_are_refused(form: dict[str, Any], choices: tuple[int, ...], anonymous: bool) -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=anonymous, **form)
    with pytest.raises(Refusal, match="bad_command") as refused:
        session.do(PollVote(name, choices), ANN)
    assert refused.value.data["field"] == "choices"


def test_a_poll_that_is_not_there_is_not_found() -> None:
    session = class_of_three()
    assert session.try_do(PollVote("99", (0,)), ANN) == "not_found"
    assert session.try_do(PollClose("99"), TEACHER) == "not_found"


@pytest.mark.parametrize(
    ("options", "form", "field"),
    [
        (("yes", " yes "), {}, "options"),
        (("yes", "\u200b"), {}, "options"),
        (("yes", "no"), {"anonymous": True, "changeable": True}, "changeable"),
    ],
)
def test_a_poll_that_cannot_be_is_refused(options: tuple[str, ...], form: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal, match="bad_command") as refused:
        live().do(PollOpen("Clear?", options, **form), TEACHER)
    assert refused.value.data["field"] == field


def test_polls_are_bounded_at_one_time_and_in_all() -> None:
    session = live()
    names = [open_poll(session) for _ in range(OPEN_POLLS_MAX)]
    question = PollOpen("Clear?", ("yes", "no"))
    assert session.try_do(question, TEACHER) == "full"
    for _ in range(POLLS_MAX - OPEN_POLLS_MAX):
        session.do(PollClose(names.pop(0)), TEACHER)
        names.append(open_poll(session))
    session.do(PollClose(names.pop()), TEACHER)
    assert session.try_do(question, TEACHER) == "full"


def test_those_who_lead_open_and_close_and_those_who_are_in_it_vote() -> None:
    session = class_of_three()
    name = open_poll(session)
    assert session.try_do(PollOpen("Mine?", ("yes", "no")), ANN) == "forbidden"
    assert session.try_do(PollClose(name), ANN) == "forbidden"
    session.do(Leave(), EVE)
    assert session.try_do(PollVote(name, (0,)), EVE) == "forbidden"
    assert session.try_do(PollMark(name, "eve", "ballot.1.2.0"), TEACHER) == "forbidden"


# --- anonymous polls


def test_an_anonymous_poll_tells_how_many_have_voted_and_when_it_is_closed_what() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    vote_all(session, name, 1, 0, 1)
    assert (poll(session, name).voters, poll(session, name).counts) == (3, ())
    assert session.events_of(PollClose(name), TEACHER) == [PollClosed(name)]
    assert (poll(session, name).counted, poll(session, name).counts) == (False, ())
    assert session.advance(SETTLE_MS) == [PollCounted(name, 3, (1, 2, 0))]
    assert poll(session, name).counted
    assert [key for key in session.deadlines if "ballot" in key] == []
    assert session.behaviour.state.voters == {}


def test_E10_totals_of_an_anonymous_poll_equal_its_distinct_voters() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    for choice in (0, 1, 2):
        for who in THREE:
            verdict = session.try_do(PollVote(name, (choice,)), who)
            assert verdict == ("ok" if choice == 0 else "conflict")
    deliver(session)
    assert {session.try_do(PollVote(name, (1,)), who) for who in THREE} == {"conflict"}
    session.do(PollClose(name), TEACHER)
    assert session.advance(SETTLE_MS) == [PollCounted(name, 3, (3, 0, 0))]


def test_E10_neither_what_is_stored_nor_what_is_shown_joins_a_person_to_a_choice() -> None:
    told = []
    for choices in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        session = class_of_three()
        ann = session.follow(ANN)
        name = open_poll(session, anonymous=True)
        before = session.seq
        vote_all(session, name, *choices)
        assert [(fact.by, fact.event) for fact in session.facts[before:]] == [
            ("system", PollMarked(name, who.user)) for who in THREE
        ]
        assert [fact.event for fact in session.replay(BEN)[before:]] == [PollMarked(name)] * 3
        session.do(PollClose(name), TEACHER)
        session.advance(SETTLE_MS)
        told.append(msgspec.msgpack.encode([(fact.by, fact.event) for fact in session.facts]))
        assert ann.state.polls[name].votes == {}
        assert len([row for key, row in session.rows.items() if "ballot" in repr((key, row))]) == 0
    assert told[0] == told[1] == told[2], "with the same totals, nothing that is kept tells one case from another"


def test_E10_a_vote_in_secret_causes_no_event_and_its_receipt_says_nothing_of_its_choice() -> None:
    verb = class_of_three().kind.verb("poll_vote")
    assert verb is not None
    assert verb.secret == ("choices",)
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    assert session.events_of(PollVote(name, (1,)), ANN) == []


def test_E10_a_ballot_names_nobody_and_no_two_are_alike() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True, multiple=True)
    for who in THREE:
        session.do(PollVote(name, (0, 2)), who)
    ballots = [key for key in session.deadlines if key.startswith("ballot.")]
    assert len(set(ballots)) == 3
    for ballot in ballots:
        assert re.fullmatch(rf"ballot\.{name}\.[0-9a-f]{{32}}\.0-2", ballot)


def test_E10_the_times_of_ballots_tell_nothing_of_those_of_the_votes() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    orders = set()
    for choice, who in enumerate(THREE):
        session.do(PollVote(name, (choice,)), who)
        session.advance(10)
    for _ in range(20):
        session.advance(AGAIN_MS)
        ballots = [key for key in session.deadlines if key.startswith("ballot.")]
        orders.add("".join(key[-1] for key in sorted(ballots, key=lambda key: session.deadlines[key] or 0)))
    assert len(orders) > 3, "the order in which they come back changes by chance"


@pytest.mark.parametrize("voters", [0, 1, 2])
def test_E10_with_fewer_than_three_voters_the_choices_stay_secret(voters: int) -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    vote_all(session, name, *(1 for _ in range(voters)))
    session.do(PollClose(name), TEACHER)
    assert session.advance(SETTLE_MS) == [PollCounted(name, voters, withheld=voters > 0)]
    assert poll(session, name).counts == ()


def test_the_ballots_outlive_a_crash_and_a_snapshot() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    vote_all(session, name, 0, 0, 2)
    session.restart(snapshot_at=session.seq)
    assert session.try_do(PollVote(name, (1,)), ANN) == "conflict"
    deliver(session)
    session.do(PollClose(name), TEACHER)
    assert session.advance(AGAIN_MS - 1) == []
    assert session.advance(SETTLE_MS) == [PollCounted(name, 3, (2, 0, 1))]


def test_a_vote_whose_mark_is_still_on_its_way_is_waited_for() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    for who in THREE:
        session.do(PollVote(name, (0,)), who)
    session.do(PollClose(name), TEACHER)
    assert session.advance(10 * SETTLE_MS) == []
    deliver(session)
    assert session.advance(SETTLE_MS) == [PollCounted(name, 3, (3, 0, 0))]


def test_E10_a_second_vote_after_a_crash_is_never_taken_while_the_mark_of_the_first_is_on_its_way() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    vote_all(session, name, 0, 0)
    session.do(PollVote(name, (1,)), EVE)
    session.restart()
    with pytest.raises(Refusal, match="unavailable") as refused:
        session.do(PollVote(name, (2,)), EVE)
    assert refused.value.retry_ms == RESUME_MS
    assert session.try_do(PollVote(name, (2,)), ANN) == "conflict", "of her it is known"
    deliver(session)
    assert session.try_do(PollVote(name, (2,)), EVE) == "conflict"
    session.do(PollClose(name), TEACHER)
    assert session.advance(AGAIN_MS + SETTLE_MS) == [PollCounted(name, 3, (2, 1, 0))]


def test_who_has_voted_is_known_only_when_the_message_of_this_very_life_has_come() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    session.restart()
    (resume,) = [tell.command for tell in session.tells if isinstance(tell.command, PollResume)]
    session.restart()
    assert session.events_of(resume) == []
    assert session.try_do(PollVote(name, (0,)), ANN) == "unavailable"
    deliver(session)
    assert session.try_do(PollVote(name, (0,)), ANN) == "ok"


def test_a_life_without_a_secret_poll_sends_itself_nothing() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    open_poll(session)
    session.do(PollClose(name), TEACHER)
    session.advance(SETTLE_MS)
    session.tells.clear()
    session.restart()
    assert session.tells == []


def test_E10_a_second_mark_of_one_person_voids_its_ballot() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    vote_all(session, name, 0, 0, 1)
    assert session.events_of(PollMark(name, "eve", f"ballot.{name}.{'0' * 32}.2")) == []
    session.do(PollClose(name), TEACHER)
    assert session.advance(SETTLE_MS) == [PollCounted(name, 3, (2, 1, 0))]


def test_a_poll_whose_ballots_never_come_is_counted_after_all() -> None:
    session = class_of_three()
    name = open_poll(session, anonymous=True)
    vote_all(session, name, 0, 0, 0)
    for key in [key for key in session.deadlines if key.startswith("ballot.")]:
        del session.deadlines[key]
    session.restart()
    session.do(PollClose(name), TEACHER)
    assert session.advance(PATIENCE_MS + SETTLE_MS) == [PollCounted(name, 0)]


def test_the_end_of_the_session_closes_every_poll_and_counts_the_secret_ones() -> None:
    session = class_of_three()
    open_name, secret = open_poll(session), open_poll(session, anonymous=True)
    vote_all(session, secret, 2, 2, 2)
    assert session.events_of(End(), TEACHER) == [PollClosed(open_name), PollClosed(secret), Ended()]
    assert session.advance(SETTLE_MS) == [PollCounted(secret, 3, (0, 0, 3))]


VOTES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2), st.sampled_from(["", "", "deliver", "wait", "restart", "crash"])),
    max_size=25,
)


def lose(session: Driver, name: str, last: dict[str, int], people: list[Caller], *, marked: bool) -> None:
    """Begin a new life, with all marks there or some on their way; meanwhile no second vote is taken."""
    session.restart(snapshot_at=session.seq)
    secret = poll(session, name).anonymous
    for who in people if secret else ():
        verdict = session.try_do(PollVote(name, (0,)), who)
        assert verdict in ({"conflict"} if marked and who.user in last else {"conflict", "unavailable"})
    deliver(session)


@settings(max_examples=150, deadline=None)
@given(VOTES, st.booleans(), st.booleans())
def test_E10_totals_equal_distinct_voters_whatever_happens(votes: list[Any], anonymous: bool, changeable: bool) -> None:
    session = live()
    people = [Caller(f"s{number}", "student", f"S{number}") for number in range(6)]
    for who in people:
        session.do(Join(), who)
    name = open_poll(session, anonymous=anonymous, changeable=changeable and not anonymous)
    last: dict[str, int] = {}
    for number, choice, then in votes:
        verdict = session.try_do(PollVote(name, (choice,)), people[number])
        known = people[number].user in last
        assert verdict == ("conflict" if known and not (changeable and not anonymous) else "ok")
        if verdict == "ok":
            last[people[number].user] = choice
        if then == "wait":
            session.advance(AGAIN_MS)
        elif then and then != "crash":
            deliver(session)
        if then in {"restart", "crash"}:
            lose(session, name, last, people, marked=then == "restart")
    deliver(session)
    session.do(PollClose(name), TEACHER)
    session.advance(AGAIN_MS + 2 * SETTLE_MS)
    held, totals = poll(session, name), Counter(last.values())
    assert held.counted
    assert held.voters == len(last)
    if anonymous and len(last) < 3:
        assert (held.counts, held.withheld) == ((), bool(last))
    else:
        assert held.counts == (totals[0], totals[1], totals[2])
