"""The row of an upload that failed tells its owner why, for a while; then it goes, and what was written of it in the audit stays."""

from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.records.files import failed
from homeroom.records.files.failed import sweep_failed
from homeroom.records.repeats import KEPT_MS
from homeroom.records.school.uploads import FAILED, UPLOAD
from tests.records.school_rows import put_school
from tests.records.school_store import CALLERS, SchoolStore


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


async def begin(school: SchoolStore, name: str, **became: Any) -> None:
    """Have an upload of Ann's begin, and become what is said."""
    async with school.store.unit(CALLERS["ann"]) as unit:
        await unit.insert(UPLOAD, {"id": name, "name": f"{name}.png"})
    if became:
        async with school.store.unit(CALLERS["system"]) as unit:
            await unit.update(UPLOAD, name, became, FAILED if became["status"] == "failed" else None)


async def audit(school: SchoolStore, name: str) -> list[tuple[str, str]]:
    sql = "SELECT action, changed_by FROM audit_logs WHERE entity_type = 'upload' AND entity_id = $1 ORDER BY id"
    return [tuple(row.values()) for row in await school.database.fetch(sql, name)]


async def test_rows_of_uploads_that_failed_long_ago_go_and_no_others(
    school: SchoolStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed, "TOGETHER", 2)
    for number in range(5):
        await begin(school, f"old-{number}", status="failed", reason="too_large")
    await begin(school, "whole", status="completed")
    await begin(school, "coming")
    school.clock.ms += KEPT_MS
    await begin(school, "new", status="failed", reason="interrupted")
    school.posted.clear()
    assert await sweep_failed(school.store, school.clock) == 5
    assert await school.column(UPLOAD, "id") == ["coming", "new", "whole"]
    assert school.told("user:ann") == ["upload.deleted"] * 5
    done = [("started", "ann"), ("failed", "system"), ("deleted", "system")]
    assert await audit(school, "old-3") == done
    assert await sweep_failed(school.store, school.clock) == 0


async def test_an_upload_that_is_being_sent_again_is_left_alone(school: SchoolStore) -> None:
    for name in ("again", "left"):
        await begin(school, name, status="failed", reason="interrupted")
    school.clock.ms += KEPT_MS
    async with school.store.unit(CALLERS["ann"]) as unit:
        await unit.update(UPLOAD, "again", {"status": "receiving", "reason": ""})
        assert await sweep_failed(school.store, school.clock) == 1
    assert await school.column(UPLOAD, "status", "id = 'again'") == ["receiving"]
