"""The checker itself: a true story passes, and each single lie in it is found, and nothing that is no lie."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.checker import Evidence, Kept, Repeat, Resume, Talker, examine


def _truth() -> Evidence:
    """Two talkers, an event that is no message, one watcher from the start and one that came later; both resumed once."""
    journal = [Kept(1, None), Kept(2, "a1"), Kept(3, "b1"), Kept(4, "a2"), Kept(5, "b2")]
    return Evidence(
        talkers={"a": Talker(["a1", "a2"], {"a1": 2, "a2": 4}), "b": Talker(["b1", "b2"], {"b1": 3, "b2": 5})},
        watchers={"first": list(journal), "late": journal[2:]},
        journal=journal,
        repeats=[Repeat("a1", first=2, now=2, again=True)],
        resumes=[Resume("first", "stayed", 0.8), Resume("late", "resumed", 1.5)],
        expected_resumes=2,
    )


def _forget_an_acknowledged_message(story: Evidence) -> Evidence:
    journal = [*story.journal[:4]]
    return replace(story, journal=journal, watchers={"first": list(journal), "late": journal[2:]})


def _do_a_command_twice(story: Evidence) -> Evidence:
    journal = [*story.journal, Kept(6, "b2")]
    return replace(story, journal=journal, watchers={"first": list(journal), "late": journal[2:]})


def _show_an_event_twice(story: Evidence) -> Evidence:
    return replace(story, watchers={"first": [*story.journal, story.journal[-1]]})


def _hide_an_event_in_the_middle(story: Evidence) -> Evidence:
    return replace(story, watchers={"first": [*story.journal[:2], *story.journal[3:]]})


def _hide_the_newest_event(story: Evidence) -> Evidence:
    return replace(story, watchers={"late": story.journal[2:4]})


def _show_nothing(story: Evidence) -> Evidence:
    return replace(story, watchers={"first": []})


def _show_what_was_not_durable(story: Evidence) -> Evidence:
    return replace(story, watchers={"first": [*story.journal, Kept(6, "a3")]})


def _acknowledge_another_number(story: Evidence) -> Evidence:
    return replace(story, talkers={**story.talkers, "a": Talker(["a1", "a2"], {"a1": 2, "a2": 5})})


def _keep_what_nobody_said(story: Evidence) -> Evidence:
    return replace(story, talkers={"a": story.talkers["a"], "b": Talker(["b1"], {"b1": 3})})


def _swap_the_messages_of_one_client(story: Evidence) -> Evidence:
    return replace(story, talkers={**story.talkers, "a": Talker(["a2", "a1"], {"a1": 2, "a2": 4})})


def _number_with_a_gap(story: Evidence) -> Evidence:
    journal = [*story.journal[:4], Kept(6, "b2")]
    talkers = {**story.talkers, "b": Talker(["b1", "b2"], {"b1": 3, "b2": 6})}
    return replace(story, talkers=talkers, journal=journal, watchers={"first": journal})


def _show_out_of_order(story: Evidence) -> Evidence:
    first, second, *others = story.journal
    return replace(story, watchers={"first": [second, first, *others]})


def _leave_a_command_unanswered(story: Evidence) -> Evidence:
    return replace(story, talkers={**story.talkers, "a": Talker(["a1", "a2"], {"a1": 2})})


def _answer_a_repeated_command_as_a_new_one(story: Evidence) -> Evidence:
    return replace(story, repeats=[Repeat("a1", first=2, now=2, again=False)])


def _answer_a_repeated_command_with_another_number(story: Evidence) -> Evidence:
    return replace(story, repeats=[Repeat("a1", first=2, now=4, again=True)])


def _answer_a_resume_with_a_snapshot(story: Evidence) -> Evidence:
    return replace(story, resumes=[story.resumes[0], Resume("late", "snapshot", 1.5)])


def _resume_late(story: Evidence) -> Evidence:
    return replace(story, resumes=[story.resumes[0], Resume("late", "resumed", 5.1)])


def _not_come_back(story: Evidence) -> Evidence:
    return replace(story, resumes=story.resumes[:1])


LIES: list[tuple[Callable[[Evidence], Evidence], set[str]]] = [
    (_forget_an_acknowledged_message, {"lost", "untrue"}),
    (_do_a_command_twice, {"doubled"}),
    (_show_an_event_twice, {"doubled"}),
    (_hide_an_event_in_the_middle, {"missing"}),
    (_hide_the_newest_event, {"missing"}),
    (_show_nothing, {"missing"}),
    (_show_what_was_not_durable, {"untrue"}),
    (_acknowledge_another_number, {"untrue"}),
    (_keep_what_nobody_said, {"untrue"}),
    (_swap_the_messages_of_one_client, {"disordered"}),
    (_number_with_a_gap, {"disordered"}),
    (_show_out_of_order, {"disordered"}),
    (_leave_a_command_unanswered, {"unanswered"}),
    (_answer_a_repeated_command_as_a_new_one, {"doubled"}),
    (_answer_a_repeated_command_with_another_number, {"doubled"}),
    (_answer_a_resume_with_a_snapshot, {"unresumed"}),
    (_resume_late, {"unresumed"}),
    (_not_come_back, {"unresumed"}),
]


def test_a_true_story_has_no_breach() -> None:
    findings = examine(_truth())
    assert findings.breaches() == {}
    assert (findings.said, findings.acknowledged, findings.kept) == (4, 4, 4)
    assert findings.slowest == 1.5


@pytest.mark.parametrize(("lie", "names"), LIES, ids=[lie.__name__.strip("_") for lie, _ in LIES])
def test_each_lie_is_found_and_nothing_else_is(lie: Callable[[Evidence], Evidence], names: set[str]) -> None:
    assert set(examine(lie(_truth())).breaches()) == names


def test_the_summary_names_every_count() -> None:
    words = examine(_forget_an_acknowledged_message(_truth())).summary()
    assert words.startswith("said 4, acknowledged 4, kept 3, repeated 1: lost 1, doubled 0, missing 0, untrue 1,")
    assert words.endswith("slowest resume 1.50 s")
