"""The words of the feed and the audit: made from the declarations, taken in each spelling, and all of those that are ever told."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import homeroom.records
from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Refusal
from homeroom.records.doors import tables_of
from homeroom.records.types import RECORD_TYPES
from homeroom.records.vocabulary import TableNames, Thing, Vocabulary, events_of

WORDS = Vocabulary(RECORD_TYPES, (Thing(kind.name, kind.plural, kind.tells) for kind in KINDS if kind.tells))
NAMES = tables_of(RECORD_TYPES) | {kind.plural for kind in KINDS}
TABLES = TableNames(NAMES, RECORD_TYPES, (Thing(kind.name, kind.plural, ()) for kind in KINDS))
_TOLD = re.compile(r"\A[a-z_]{2,40}\.[a-z_]{2,40}\Z")


@pytest.mark.parametrize(
    "word",
    [
        "report_card",
        "report-card",
        "reportcard",
        "reportcards",
        "report-cards",
        "report_cards",
        "ReportCard",
        "report-Card",
    ],
)
def test_a_type_is_known_with_any_line_between_its_words(word: str) -> None:
    assert WORDS.type_of(word, "target_type") == "reportcard"


def test_each_type_is_known_by_its_name_its_plural_and_its_doors_and_things_by_theirs() -> None:
    for record in RECORD_TYPES:
        for word in (record.name, record.plural, *(door.rpartition("/")[2] for door in (record.door, *record.also))):
            assert WORDS.type_of(word, "entity_type") == record.name
    assert [WORDS.type_of(word, "target_type") for word in ("exams", "live-sessions", "guardians", "sessions", "study_resource")] == [
        "exam", "session", "guardianship", "session", "resource",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "table"),
    [
        ("report-cards", "report_cards"),
        ("reportCard", "report_cards"),
        ("class-membership", "class_memberships"),
        ("live_sessions", "live-sessions"),
        ("session", "live-sessions"),
        ("sessions", "live-sessions"),
        ("study_group", "study-groups"),
        ("guardianships", "guardians"),
        ("user", "users"),
        ("study-resource", "study_resources"),
        ("term", "terms"),
        ("academic-terms", "academic_terms"),
        ("academic_term", "academic_terms"),
        ("none-such", "none-such"),
        ("", ""),
    ],
)
def test_a_table_is_known_by_each_word_for_what_is_in_it(word: str, table: str) -> None:
    assert TABLES.name_of(word) == table


def test_a_table_is_what_it_says_it_is_and_each_record_type_and_kind_has_one() -> None:
    assert {name: TABLES.name_of(name) for name in NAMES} == {name: name for name in NAMES}
    records = [(one.name, one.plural) for one in RECORD_TYPES]
    words = [*records, *((one.name, one.plural) for one in KINDS)]
    assert {TABLES.name_of(word) for pair in words for word in pair} == NAMES - {"academic_terms"}


def test_events_are_known_as_the_sources_spell_them_and_others_refused_with_those_near_them() -> None:
    words = ("entry.created", "entry:statusChanged", "report_card.published", "exam.graded", "guardian.linked")
    assert [WORDS.event_of(word, "type") for word in words] == [
        "entry.created", "entry.status_changed", "reportcard.published", "exam.graded", "guardian.linked",
    ]  # fmt: skip
    with pytest.raises(Refusal) as caught:
        WORDS.event_of("entry.bogus", "type")
    assert caught.value.data["field"] == "type"
    told = caught.value.data["allowed"].removeprefix("one of ").split(", ")
    assert {"entry.created", "entry.status_changed"} <= set(told)
    assert all(event.startswith("entry.") for event in told)


def test_what_there_is_not_is_refused_by_its_field() -> None:
    for ask in (WORDS.type_of, WORDS.event_of):
        with pytest.raises(Refusal) as caught:
            ask("bogus.thing", "type")
        assert (caught.value.code, caught.value.data["field"]) == ("bad_command", "type")


def test_every_event_that_the_records_tell_is_declared() -> None:
    known = {event for record in RECORD_TYPES for event in events_of(record)}
    found = {*_events_in_calls()}
    assert {"term.activated", "student.enrolled", "student.registered", "upload.failed"} <= found
    assert found <= known


def _events_in_calls() -> Iterator[str]:
    """Yield what looks like the type of an event among the arguments of `post`, `update` and the like, and what has a name."""
    for path in Path(homeroom.records.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"post", "update", "update_many"}:
                yield from _texts(node.args)
            elif isinstance(node, ast.Assign):
                yield from _texts([node.value, *getattr(node.value, "elts", ())])


def _texts(nodes: list[ast.expr]) -> Iterator[str]:
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return (value for value in values if isinstance(value, str) and _TOLD.match(value))
