"""Numbered SQL migrations: files `NNNN_name.sql`, carried out once each, in order, whoever else starts at the same time.

    MigrationError
    ├── MigrationNameError     a file's name is no `NNNN_name.sql`, or two files have one number
    ├── MigrationChanged       a file differs from what was carried out
    ├── MigrationMissing       the database has one that is not among the files: the program is older than the database
    ├── MigrationOutOfOrder    a new file is numbered before one carried out already
    └── MigrationFailed        its SQL was refused; it was rolled back, those before it stand

Each migration runs in a transaction of its own together with the note that it ran. Never here: what the SQL says.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources.abc import Traversable

import structlog
import trio

from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection, Disconnected, Refused

log = structlog.get_logger(__name__)

LOCK = 0x686F6D65726F6F6D
"""The advisory lock under which migrations run: the letters `homeroom`."""

PATIENCE_S = 600.0
"""How long one start may wait for another one's migrations, and a migration may take."""

_NAME = re.compile(r"\A(?P<number>\d{4})_[a-z0-9_]+\.sql\Z")
_NOTES = """CREATE TABLE IF NOT EXISTS migrations (
name text PRIMARY KEY, checksum text NOT NULL, at timestamptz NOT NULL DEFAULT now())"""


class MigrationError(Exception):
    """The database cannot be brought to the program's shape."""


class MigrationNameError(MigrationError):
    """A file's name is wrong."""


class MigrationChanged(MigrationError):
    """A file was edited after it had been carried out."""


class MigrationMissing(MigrationError):
    """Something was carried out that is not among the files."""


class MigrationOutOfOrder(MigrationError):
    """A new file stands before an old one."""


class MigrationFailed(MigrationError):
    """The SQL was refused."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name and its SQL."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of the SQL."""
        return sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Traversable) -> Sequence[Migration]:
    """Return the `*.sql` files of `folder` in order; raises `MigrationNameError`."""
    found = [
        Migration(file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql") and file.is_file()
    ]
    found.sort(key=lambda migration: migration.name)
    _check_names(found)
    return found


def _check_names(migrations: Iterable[Migration]) -> None:
    numbers: dict[str, str] = {}
    for migration in migrations:
        match = _NAME.match(migration.name)
        if match is None:
            raise MigrationNameError(f"{migration.name}: a migration is named NNNN_what_it_does.sql")
        other = numbers.setdefault(match["number"], migration.name)
        if other != migration.name:
            raise MigrationNameError(f"{other} and {migration.name} have the same number")


def pending(files: Sequence[Migration], carried_out: Mapping[str, str]) -> Sequence[Migration]:
    """Return what is still to be done, given the checksums of what was; raises `MigrationError`."""
    known = {migration.name: migration for migration in files}
    newest = max(carried_out, default="")
    for name, checksum in carried_out.items():
        if name not in known:
            raise MigrationMissing(
                f"{name} was carried out, but this program does not have it: is it an older release?"
            )
        if known[name].checksum != checksum:
            raise MigrationChanged(f"{name} was changed after it had been carried out; write a new migration instead")
    todo = [migration for migration in files if migration.name not in carried_out]
    if todo and todo[0].name < newest:
        raise MigrationOutOfOrder(f"{todo[0].name} comes before {newest}, which is carried out: give it a later number")
    return todo


async def migrate(database: Database, folder: Traversable) -> Sequence[str]:
    """Carry out what is missing and return the names; raises `MigrationError`, or `DatabaseError` when it is away.

    Two programs starting at once: the second waits for the first, then finds nothing to do. Cancelled, the migration
    under way is rolled back.
    """
    files = read_migrations(folder)
    connection = await database.gate.connect()
    try:
        with trio.move_on_after(PATIENCE_S):
            await _take_lock(connection)
            return await _migrate(connection, files)
        raise Disconnected(f"migrations did not end within {PATIENCE_S} s")
    finally:
        connection.abort()


async def _take_lock(connection: Connection) -> None:
    """Wait for the lock, which goes with the connection; the usual short bounds are for short statements."""
    for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        await connection.execute(f"SET {setting} = 0")
    await connection.fetch("SELECT pg_advisory_lock($1)", LOCK)


async def _migrate(connection: Connection, files: Sequence[Migration]) -> Sequence[str]:
    await connection.script(_NOTES)
    rows = await connection.fetch("SELECT name, checksum FROM migrations")
    todo = pending(files, {row["name"]: row["checksum"] for row in rows})
    for migration in todo:
        await _carry_out(connection, migration)
    return [migration.name for migration in todo]


async def _carry_out(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.script(migration.sql)
            await connection.execute(
                "INSERT INTO migrations (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
            )
    except Refused as error:
        raise MigrationFailed(f"{migration.name}: {error}") from error
    log.info("migrated", name=migration.name)
