"""The database of `bench.rest`: the peer's own beside Homeroom's on the same PostgreSQL, and what both hold in the end.

Read with the bare driver; the tables that are looked at have the same names and columns on both sides.
Never here: what was acknowledged (`rest_work`).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from bench.houses import PEERS
from bench.rest_work import Row, Worker

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""What PostgreSQL must be set to, for both."""
_ADD_USERS = "INSERT INTO users (id, role) SELECT id, role FROM unnest($1::text[], $2::text[]) AS people (id, role)"
_ROWS = "SELECT id, title, version FROM tasks WHERE mentor_id = ANY($1::text[])"
_AUDITS = "SELECT count(*) FROM audit_logs WHERE entity_type = 'task' AND changed_by = ANY($1::text[])"
_FED = "SELECT count(*) FROM activity_feed WHERE target_type = 'task' AND actor_id = ANY($1::text[])"
_EVENTS = """SELECT stream, count(*) FILTER (WHERE type LIKE 'task.%' AND by = ANY($1::text[])) AS told, count(*) AS events, max(seq) AS last
FROM journal WHERE stream = 'table:tasks' OR stream LIKE 'user:%' GROUP BY stream"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a database holds of some teachers: their tasks, rows of audit, lines of the feed and, by stream, events about them; streams with a gap."""

    rows: dict[str, Row]
    audits: int
    fed: int
    told: Counter[str]
    gaps: Sequence[str]
    settings: dict[str, str]


def make_peer(dsn: str, name: str, people: Iterable[tuple[str, str]]) -> None:
    """Make the database `name` for the peer, with `people` (id, role); blocks. `dsn` leads to another one of the same server."""
    asyncio.run(_make(dsn, name, list(people)))


def database_of(dsn: str, name: str) -> str:
    """Return how to reach the database `name` of the server that the DSN leads to."""
    server, _, rest = dsn.rpartition("/postgres?")
    return f"{server}/{name}?{rest}"


def read_kept(dsn: str, workers: Sequence[Worker]) -> Kept:
    """Return what is kept of the teachers who work here, as the demo school has some of its own; blocks."""
    return asyncio.run(_read(dsn, [worker.teacher for worker in workers]))


def differences(kept: Kept, workers: Sequence[Worker]) -> list[str]:
    """Return in words how what is kept differs from what was acknowledged to `workers`."""
    writes = {worker.teacher: sum(worker.done.values()) for worker in workers}
    told = Counter({"table:tasks": sum(writes.values())})
    for worker in workers:
        told.update(
            {f"user:{worker.teacher}": writes[worker.teacher], f"user:{worker.student}": writes[worker.teacher]}
        )
    rows = {name: row for worker in workers for name, row in worker.rows.items()}
    wrong = {
        "rows": sum(kept.rows.get(name) != row for name, row in rows.items()) + len(kept.rows.keys() - rows.keys()),
        "audits": kept.audits - sum(writes.values()),
        "feed": kept.fed - sum(writes.values()),
        "events": sum(((kept.told - told) + (told - kept.told)).values()),
        "gaps": len(kept.gaps),
        "settings": sum(kept.settings[name] != value for name, value in DURABLE.items()),
    }
    return [f"{name}: {count} wrong" for name, count in wrong.items() if count]


async def _make(dsn: str, name: str, people: Sequence[tuple[str, str]]) -> None:
    server = await asyncpg.connect(dsn, timeout=10)
    try:
        await server.execute(f'CREATE DATABASE "{name}"')
    finally:
        await server.close()
    peer = await asyncpg.connect(database_of(dsn, name), timeout=10)
    try:
        await peer.execute((PEERS / "fastapi" / "schema.sql").read_text())
        await peer.execute(_ADD_USERS, *zip(*people, strict=True))
    finally:
        await peer.close()


async def _read(dsn: str, teachers: Sequence[str]) -> Kept:
    database = await asyncpg.connect(dsn, timeout=10)
    try:
        rows = await database.fetch(_ROWS, teachers)
        audits = await database.fetchval(_AUDITS, teachers)
        fed = await database.fetchval(_FED, teachers)
        events = await database.fetch(_EVENTS, teachers)
        settings = {name: await database.fetchval(f"SHOW {name}") for name in DURABLE}
    finally:
        await database.close()
    return Kept(
        {row["id"]: Row(row["title"], row["version"]) for row in rows},
        audits,
        fed,
        Counter({row["stream"]: row["told"] for row in events if row["told"]}),
        [row["stream"] for row in events if row["events"] != row["last"]],
        settings,
    )
