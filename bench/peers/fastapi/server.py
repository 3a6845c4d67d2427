"""The peer of `bench.rest`: tasks kept with FastAPI and asyncpg, as the documentation of both shows it.

A write is one transaction: the row, a row of audit with both states, a line of the activity feed, and a numbered event on three channels,
the heads of which are held until the commit. Bearer tokens are checked by PyJWT, bodies and answers by pydantic. There is no WebSocket, no
idempotency, no counter and no notice: what is measured is the transaction. Started by uvicorn with uvloop and httptools; `PEER_DSN` says where the
database is (`schema.sql`), `PEER_SECRET` signs the tokens.
"""

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Annotated, Any, Literal

import asyncpg
import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=4000)]
Millis = Annotated[int, Field(ge=0, le=9007199254740991)]

INSERT = """INSERT INTO tasks (id, version, created_at, updated_at, mentor_id, student_id, title, description, due_at, status)
VALUES ($1, 1, $2, $2, $3, $4, $5, $6, $7, 'pending') RETURNING *"""
READ = "SELECT * FROM tasks WHERE id = $1 AND mentor_id = $2"
LIST = "SELECT * FROM tasks WHERE mentor_id = $1 AND id > $2 ORDER BY id LIMIT $3"
HOLD = "SELECT * FROM tasks WHERE id = $1 AND mentor_id = $2 FOR UPDATE"
UPDATE = """UPDATE tasks SET version = version + 1, updated_at = $2, title = $3, description = $4, due_at = $5
WHERE id = $1 RETURNING *"""
DELETE = "DELETE FROM tasks WHERE id = $1 AND mentor_id = $2 RETURNING *"
AUDIT = """INSERT INTO audit_logs (entity_type, entity_id, action, changed_by, old_value, new_value, at)
VALUES ('task', $1, $2, $3, $4, $5, $6)"""
FEED = """INSERT INTO activity_feed (event_type, actor_id, target_type, target_id, payload, channels, at)
VALUES ($1, $2, 'task', $3, $4, $5, $6)"""
TELL = """WITH heads AS (
    INSERT INTO channels (stream, seq) SELECT stream, 1 FROM unnest($1::text[]) AS asked (stream) ORDER BY stream
    ON CONFLICT (stream) DO UPDATE SET seq = channels.seq + 1 RETURNING stream, seq)
INSERT INTO journal (stream, seq, type, at, by, body)
SELECT heads.stream, heads.seq, $3, $4, $5, told.body
FROM heads JOIN unnest($1::text[], $2::text[]) AS told (stream, body) ON told.stream = heads.stream"""


class NewTask(BaseModel):
    """What a client says of a new task."""

    model_config = ConfigDict(extra="forbid")

    student_id: Id
    title: Title
    description: Description = ""
    due_at: Millis | None = None


class TaskChange(BaseModel):
    """What a client changes of a task."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    description: Description | None = None
    due_at: Millis | None = None


class Task(BaseModel):
    """A task as it is kept."""

    id: Id
    version: int
    created_at: Millis
    updated_at: Millis
    mentor_id: Id
    student_id: Id
    title: Title
    description: Description
    due_at: Millis | None
    status: Literal["pending", "in_progress", "done", "cancelled"]
    done_at: Millis | None


class Page(BaseModel):
    """A list of tasks, and what the next one begins after."""

    items: list[Task]
    after: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool, with the driver's own size of ten."""
    async with asyncpg.create_pool(os.environ["PEER_DSN"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)
bearer = HTTPBearer()


def teacher(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    """Return the id of the teacher whose token it is."""
    try:
        claims = jwt.decode(
            credentials.credentials, os.environ["PEER_SECRET"], ["HS256"], audience="homeroom", issuer="homeroom"
        )
    except jwt.PyJWTError:
        raise HTTPException(401, "the token does not count") from None
    if claims["role"] != "teacher":
        raise HTTPException(403, "for teachers only")
    return str(claims["sub"])


def pool_of(request: Request) -> Any:
    """Return the pool."""
    return request.app.state.pool


Me = Annotated[str, Depends(teacher)]
Pool = Annotated[Any, Depends(pool_of)]


@app.post("/api/tasks", status_code=201)
async def create(new: NewTask, me: Me, pool: Pool, response: Response) -> Task:
    """Give a task to a student."""
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            INSERT, token_hex(13), _now(), me, new.student_id, new.title, new.description, new.due_at
        )
        await _record(connection, me, "assigned", None, dict(row))
    response.headers["Location"] = f"/api/tasks/{row['id']}"
    return _task(row, response)


@app.get("/api/tasks")
async def list_tasks(
    me: Me, pool: Pool, limit: Annotated[int, Query(ge=1, le=100)] = 50, after: Annotated[str, Query()] = ""
) -> Page:
    """List one's tasks, page by page."""
    rows = await pool.fetch(LIST, me, after, limit + 1)
    page = rows[:limit]
    return Page(
        items=[Task.model_validate(dict(row)) for row in page], after=page[-1]["id"] if len(rows) > limit else ""
    )


@app.get("/api/tasks/{id}")
async def read(id: str, me: Me, pool: Pool, response: Response) -> Task:
    """Show one task."""
    return _task(_found(await pool.fetchrow(READ, id, me)), response)


@app.patch("/api/tasks/{id}")
async def update(id: str, change: TaskChange, me: Me, pool: Pool, response: Response) -> Task:
    """Change one task."""
    async with pool.acquire() as connection, connection.transaction():
        old = dict(_found(await connection.fetchrow(HOLD, id, me)))
        new = {**old, **change.model_dump(exclude_unset=True)}
        row = await connection.fetchrow(UPDATE, id, _now(), new["title"], new["description"], new["due_at"])
        await _record(connection, me, "updated", old, dict(row))
    return _task(row, response)


@app.delete("/api/tasks/{id}")
async def delete(id: str, me: Me, pool: Pool) -> dict[str, str]:
    """Take one task away."""
    async with pool.acquire() as connection, connection.transaction():
        row = _found(await connection.fetchrow(DELETE, id, me))
        await _record(connection, me, "deleted", dict(row), None)
    return {}


async def _record(
    connection: Any, me: str, action: str, old: dict[str, Any] | None, new: dict[str, Any] | None
) -> None:
    """Write the audit, the line of the feed, and an event on each channel: the table's has no row in it."""
    row = new or old or {}
    at = _now()
    await connection.execute(AUDIT, row["id"], action, me, old and json.dumps(old), new and json.dumps(new), at)
    ids = {"id": row["id"], "operation": action, "version": row["version"]}
    full = json.dumps({**ids, "row": new})
    streams = ["table:tasks", f"user:{row['mentor_id']}", f"user:{row['student_id']}"]
    event = f"task.{action}"
    await connection.execute(FEED, event, me, row["id"], json.dumps(ids), streams, at)
    await connection.execute(TELL, streams, [json.dumps(ids), full, full], event, at, me)


def _task(row: Any, response: Response) -> Task:
    response.headers["ETag"] = f'"{row["version"]}"'
    return Task.model_validate(dict(row))


def _found(row: Any) -> Any:
    if row is None:
        raise HTTPException(404, "no such task")
    return row


def _now() -> int:
    return time.time_ns() // 1_000_000
