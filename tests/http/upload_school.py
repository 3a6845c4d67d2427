"""The real application with the school's own records on the real PostgreSQL, which takes files into a directory."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import trio

from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database, open_database
from homeroom.engine.journal_memory import START_MS
from homeroom.engine.posted import Posted
from homeroom.http.app import RecordParts
from homeroom.http.hypercorn_guard import HttpServer, HttpSettings
from homeroom.http.listener import Listener, ListenerSettings
from homeroom.protocol.stored import StoredWire
from homeroom.records.activity import Activity
from homeroom.records.audit import AuditReader
from homeroom.records.files.directory import Directory
from homeroom.records.files.reception import Reception
from homeroom.records.files.store import FileStore
from homeroom.records.files.terms import UploadSettings
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL
from tests.http.rest_school import Reply, School

Person = tuple[str, str]
ANN, BOB, TESS, TOM, ADA, PAM = (
    ("ann", "student"),
    ("bob", "student"),
    ("tess", "teacher"),
    ("tom", "teacher"),
    ("ada", "admin"),
    ("pam", "parent"),
)
PEOPLE = (ANN, BOB, TESS, TOM, ADA, PAM)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
UPLOADS, HTTP = UploadSettings(), HttpSettings()
_ADD = "INSERT INTO users (id, login, name, role, created_at, updated_at) VALUES ($1, $1, $1, $2, 1, 1)"


@dataclass
class UploadSchool:
    """A school that takes files. `told` are the events of the streams, `signals` the ephemeral ones, as (stream, event)."""

    school: School
    store: Store
    database: Database
    reception: Reception
    folder: Path
    posted: list[Posted] = field(default_factory=list)
    signals: list[tuple[str, Any]] = field(default_factory=list)

    async def call(self, method: str, path: str, who: Person | None = ANN, **options: Any) -> Reply:
        """Knock at a door; the answer is text unless it is JSON."""
        return await self.school.call(method, path, who, **options)

    async def send(
        self,
        content: bytes,
        who: Person = ANN,
        *,
        name: str = "work.png",
        type: str = "image/png",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Reply:
        """Send a raw body."""
        sent = {**self.school.bearer(*who), "Content-Type": type, "Content-Length": str(len(content)), **headers}
        query = {"name": name} if name else {}
        response = await self.school.app.test_client().post(
            "/api/uploads", query_string=query, headers=sent, data=content
        )
        return Reply(response.status_code, await response.get_json(force=True), response.headers)

    async def fetch(self, id: str, who: Person = ANN, **headers: str) -> tuple[int, bytes, Any]:
        """Return status, content and headers of a file."""
        sent = {**self.school.bearer(*who), **{name.replace("_", "-"): value for name, value in headers.items()}}
        response = await self.school.app.test_client().get(f"/api/uploads/{id}/content", headers=sent)
        content: bytes = await response.get_data(as_text=False)
        return response.status_code, content, response.headers

    def events(self, stream: str) -> list[str]:
        """Return the types of what a stream was told, in order."""
        wire = self.school.wire
        return [
            wire.decode_plain(event)["type"] for post in self.posted if post.stream == stream for event in post.events
        ]

    def kept(self) -> list[str]:
        """Return the names of all files in the directory, half ones too."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())

    async def row(self, id: str) -> dict[str, Any]:
        """Return a row as it stands in the database."""
        return dict(await self.database.fetch_row("SELECT * FROM uploads WHERE id = $1", id) or {})

    async def rows(self, what: str = "uploads") -> list[dict[str, Any]]:
        """Return all rows of a table."""
        return [dict(row) for row in await self.database.fetch(f"SELECT * FROM {what}")]  # noqa: S608 - tests name tables


@asynccontextmanager
async def open_upload_school(
    dsn: str, folder: Path, settings: UploadSettings = UPLOADS, files: FileStore | None = None
) -> AsyncIterator[UploadSchool]:
    """Open a school on a migrated database; its files are below `folder`, unless `files` are given."""
    posted: list[Posted] = []
    signals: list[tuple[str, Any]] = []
    wire, clock = StoredWire(), TrioClock(START_MS)

    def signal(stream: str, key: str, event: bytes) -> None:
        signals.append((stream, wire.decode_plain(event)))

    async with open_database(dsn, TRIAL) as database:
        for person in PEOPLE:
            await database.execute(_ADD, *person)
        store = Store(database, clock, wire, RECORD_TYPES, publish=posted.extend, random=Random(3))
        kept = files or Directory(folder, keep_free=0)
        reception = Reception(store, database, kept, clock, wire, Random(4), signal, settings)
        parts = RecordParts(store, Activity(store.reads, {}), AuditReader(store.reads, store.catalog), reception)
        school = School(kinds=(), records=parts)
        yield UploadSchool(school, store, database, reception, folder, posted, signals)


class Unsaid:
    """A body whose length nobody says, in pieces; no generator, since it may be left in the middle."""

    def __init__(self, content: bytes, piece: int) -> None:
        self.content, self.piece = content, piece

    def __aiter__(self) -> "Unsaid":
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self.content:
            raise StopAsyncIteration
        piece, self.content = self.content[: self.piece], self.content[self.piece :]
        return piece


def unsaid(content: bytes, piece: int = 65_536) -> AsyncIterator[bytes]:
    """Return such a body."""
    return Unsaid(content, piece)


@asynccontextmanager
async def on_a_port(there: UploadSchool, settings: HttpSettings = HTTP) -> AsyncIterator[int]:
    """Serve the school's application to real sockets; offers the port."""
    server = HttpServer(there.school.app, settings)
    listener = Listener(_NoSockets(), server, ListenerSettings(port=0, grace_s=0.3))
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        port: int = await nursery.start(listener.run)
        yield port
        nursery.cancel_scope.cancel()


class _NoSockets:
    """Nobody comes for a WebSocket."""

    def judge(self, head: Any) -> Any:
        raise AssertionError(head)

    async def serve(self, stream: Any, judged: Any) -> None:
        raise AssertionError(judged)

    async def drain(self, seconds: float) -> None:
        await trio.lowlevel.checkpoint()
