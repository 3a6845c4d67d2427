"""Pages of long rows: bounded in bytes, so that no answer takes the event loop for long, and whole all the same."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.records.audit import AuditReader
from homeroom.records.listing import PAGE_BYTES, ListQuery
from homeroom.records.school.homepage import HOMEPAGE
from tests.records.school_rows import put, put_school
from tests.records.school_store import CALLERS, SchoolStore

ROWS, LONG = 40, 20_000


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    for number in range(ROWS):
        text = ("ü" if number % 2 else "x") * (LONG if number != 5 else 10)
        await put(database, HOMEPAGE, f"h{number:03}", section=f"s{number}", title="T", body=text, position=number)
    return SchoolStore(database)


async def pages(school: SchoolStore, **query: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the pages of the list."""
    after = ""
    while True:
        page = await school.store.page(HOMEPAGE, ListQuery(limit=100, after=after, **query), CALLERS["ada"])
        yield page.items
        after = page.after
        if not after:
            return


@pytest.mark.parametrize("sort", ["", "-position", "created_at"])
async def test_a_page_of_long_rows_has_fewer_of_them_and_leads_to_the_next(school: SchoolStore, sort: str) -> None:
    found: list[str] = []
    sizes: list[int] = []
    async for items in pages(school, sort=sort):
        found += [row["id"] for row in items]
        sizes.append(sum(len(row["body"].encode()) for row in items))
    assert len(found) == len(set(found)) == ROWS
    assert max(sizes) <= PAGE_BYTES
    assert all(size > PAGE_BYTES - 3 * LONG for size in sizes[:-1]), "each but the last is as full as it may be"


async def test_columns_that_are_not_asked_for_take_no_room(school: SchoolStore) -> None:
    assert [len(items) async for items in pages(school, fields=("title",))] == [ROWS]


async def test_a_row_longer_than_a_page_is_a_page_of_its_own(
    school: SchoolStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroom.records.listing.PAGE_BYTES", 1_000)
    assert [len(items) async for items in pages(school)] == [1] * ROWS


async def test_a_page_of_the_audit_is_bounded_likewise(school: SchoolStore) -> None:
    for number in range(8):
        await school.update("ada", HOMEPAGE, "h000", body=str(number) * LONG)
    audit = AuditReader(school.store.reads, school.store.catalog)
    first = await audit.page(("homepage", "h000"), CALLERS["ada"])
    second = await audit.page(("homepage", "h000"), CALLERS["ada"], after=first.after)
    assert [len(first.items), len(second.items), second.after] == [PAGE_BYTES // (2 * LONG), 2, ""]
