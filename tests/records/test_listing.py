"""Lists of rows in a real database: filtered, ordered, paged, and only of what the caller may see."""

from dataclasses import replace
from typing import Any

import pytest

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import Database
from homeroom.protocol.paging import decode_after, encode_after
from homeroom.records.listing import ListQuery
from tests.records.trial import ANN, BOSS, CHIEF, PAGE, TESS, TOM, Trial, prepare

PAGES: dict[str, dict[str, Any]] = {
    "a": {"title": "Beta", "points": 5, "due_on": "2026-01-02", "weight": 0.5, "tags": ["x", "y"]},
    "b": {"title": "Alpha", "points": 5, "due_on": None, "student_id": "ann", "secret": "two"},
    "c": {"title": "Gamma", "points": 1, "due_on": "2026-01-01", "pinned": True, "tags": ["y"]},
    "d": {"title": "Alpha", "points": 9, "due_on": None, "mentor_id": "tom", "secret": "one"},
    "e": {"title": "Delta", "points": 5, "due_on": "2026-01-02", "status": "closed"},
}


@pytest.fixture
async def trial(database: Database) -> Trial:
    await prepare(database)
    trial = Trial(database)
    for name, values in PAGES.items():
        await trial.page(CHIEF, id=name, **values)
    return trial


async def listed(trial: Trial, caller: Caller = BOSS, **query: Any) -> str:
    """Return the ids of all pages of a list, one after the other."""
    found, after = "", ""
    while True:
        page = await trial.store.page(PAGE, ListQuery(after=after, **query), caller)
        assert len(page.items) <= query.get("limit", 50)
        found += "".join(row["id"] for row in page.items)
        after = page.after
        if not after:
            return found


async def test_everybody_gets_what_they_may_see(trial: Trial) -> None:
    assert await listed(trial, BOSS) == "abcde"
    assert await listed(trial, TESS) == "abce"
    assert await listed(trial, TOM) == "d"
    assert await listed(trial, ANN) == "b"
    assert await listed(trial, Caller("pam", "parent")) == ""
    (row,) = (await trial.store.page(PAGE, ListQuery(), ANN)).items
    assert row == await trial.store.read(PAGE, "b", ANN)


SORTS = {
    "": "abcde",
    "-id": "edcba",
    "title": "bdaec",
    "-title": "ceadb",
    "points": "cabed",
    "-points": "debac",
    "due_on": "caebd",
    "-due_on": "eacdb",
    "weight": "abcde",
}


async def test_pages_of_any_size_join_in_any_order(trial: Trial) -> None:
    for sort, found in SORTS.items():
        for limit in (1, 2, 3, 5):
            assert await listed(trial, sort=sort, limit=limit) == found, f"by {sort}, {limit} a page"


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"mentor_id": "tom"}, "d"),
    ({"status": "closed"}, "e"),
    ({"status": "closed,draft"}, "abcde"),
    ({"points": 5}, "abe"),
    ({"points": "5"}, "abe"),
    ({"points_from": 5}, "abde"),
    ({"points_from": "2", "points_to": "5"}, "abe"),
    ({"due_on_from": "2026-01-02"}, "ae"),
    ({"due_on_to": "2026-01-01"}, "c"),
    ({"due_on": ""}, "bd"),
    ({"pinned": "true"}, "c"),
    ({"pinned": True}, "c"),
    ({"tags": "y"}, "ac"),
    ({"weight_to": 0.5}, "a"),
    ({"student_id": "' OR TRUE --"}, ""),
]


async def test_filters_narrow_a_list(trial: Trial) -> None:
    for filters, found in FILTERS:
        assert await listed(trial, filters=filters) == found, filters


async def test_of_hidden_columns_nothing_is_found_out(trial: Trial) -> None:
    assert await listed(trial, BOSS, filters={"secret": "two"}) == ""
    assert await listed(trial, BOSS, sort="secret") == ""
    assert await listed(trial, TESS, filters={"secret": "two"}) == "b"
    assert await listed(trial, CHIEF, filters={"secret": "one"}) == "d"
    assert await listed(trial, CHIEF, sort="-secret", limit=2) == "bdeca"


async def test_only_the_columns_that_were_asked_for_are_shown(trial: Trial) -> None:
    page = await trial.store.page(PAGE, ListQuery(fields=("title", "secret"), limit=1), BOSS)
    assert page.items == [{"id": "a", "version": 1, "title": "Beta"}]
    page = await trial.store.page(PAGE, ListQuery(fields=("marks",), limit=1), BOSS)
    assert page.items == [{"id": "a", "version": 1, "marks": []}]


WRONG: list[tuple[ListQuery, str]] = [
    (ListQuery(filters={"title": "x"}), "title"),
    (ListQuery(filters={"nothing": "x"}), "nothing"),
    (ListQuery(filters={"pinned_from": "true"}), "pinned_from"),
    (ListQuery(filters={"points": "many"}), "points"),
    (ListQuery(filters={"points": str(2**70)}), "points"),
    (ListQuery(filters={"status": "draft,lost"}), "status"),
    (ListQuery(filters={"mentor_id": "x\0"}), "mentor_id"),
    (ListQuery(filters={"mentor_id": "\ud800"}), "mentor_id"),
    (ListQuery(sort="body"), "sort"),
    (ListQuery(sort="title; DROP TABLE pages"), "sort"),
    (ListQuery(fields=("password",)), "fields"),
    (ListQuery(after="p1.made-up"), "after"),
    (ListQuery(sort="points", after=encode_after("text", "row:a")), "after"),
]


async def test_a_query_that_is_wrong_is_refused_by_its_field(trial: Trial) -> None:
    for query, field in WRONG:
        with pytest.raises(Refusal) as caught:
            await trial.store.page(PAGE, query, BOSS)
        assert (caught.value.code, caught.value.data["field"]) == ("bad_command", field), query


async def test_a_place_is_of_one_list_in_one_order(trial: Trial) -> None:
    first = ListQuery(sort="title", limit=2, filters={"points": 5})
    page = await trial.store.page(PAGE, first, BOSS)
    assert (await trial.store.page(PAGE, replace(first, after=page.after, limit=9, fields=("id",)), BOSS)).items
    of, _ = decode_after(page.after, str) or ("", "")
    list_of = (decode_after(page.after, str) or ("", ""))[1].partition(":")[0]
    unfit = [
        replace(first, sort="-title", after=page.after),
        replace(first, sort="due_on", after=page.after),
        replace(first, filters={}, after=page.after),
        replace(first, filters={"points": 9}, after=page.after),
        replace(first, after=encode_after(of, "row:a")),
        replace(first, after=encode_after("\0", f"{list_of}:a")),
        replace(first, after=encode_after(1, f"{list_of}:a")),
    ]
    for query in unfit:
        with pytest.raises(Refusal) as caught:
            await trial.store.page(PAGE, query, BOSS)
        assert (caught.value.code, caught.value.data["field"]) == ("bad_command", "after"), query


async def test_a_page_goes_on_behind_a_row_that_is_gone(trial: Trial) -> None:
    first = await trial.store.page(PAGE, ListQuery(sort="points", limit=2), BOSS)
    await trial.store.delete(PAGE, first.items[-1]["id"], BOSS)
    await trial.page(id="0", points=0)
    second = await trial.store.page(PAGE, ListQuery(sort="points", limit=9, after=first.after), BOSS)
    assert "".join(row["id"] for row in first.items + second.items) == "cabed"
