"""What the server needs, looked at one by one: `homeroom doctor`.

Each examination says what it found and goes on; nothing is changed but the embedded database's start.
"""

import resource
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from homeroom.config import Config
from homeroom.engine.database import open_database
from homeroom.engine.migrate import read_migrations
from homeroom.engine.postgres_settings import PostgresSettings
from homeroom.first_admin import NOBODY_YET, first_admin, is_led
from homeroom.house import COMPLAINTS, MIGRATIONS, has_data, load_key_ring, open_dsn, prepare_data_path
from homeroom.http.keys import SECRET_FILE

DESCRIPTORS = 4_096
FREE_BYTES = 1_000_000_000
_SERVER = "SELECT current_setting('server_version') AS version, to_regclass('migrations') IS NOT NULL AS migrated"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is good, and the words for a person."""

    what: str
    good: bool
    words: str


async def examine(config: Config) -> list[Finding]:
    """Return all findings, in the order in which things are needed."""
    examinations: tuple[tuple[str, Callable[[Config], Awaitable[str]]], ...] = (
        ("data directory", _data_directory),
        ("keys", _keys),
        ("file descriptors", _descriptors),
    )
    found = [await _look(what, examination, config) for what, examination in examinations]
    return [*found, *await _look_inside(config)]


async def _look(what: str, examination: Callable[[Config], Awaitable[str]], config: Config) -> Finding:
    try:
        return Finding(what, True, await examination(config))
    except (*COMPLAINTS, _Bad) as error:
        return Finding(what, False, str(error))


async def _look_inside(config: Config) -> list[Finding]:
    """Return what was found of the database and, if it is good, of its people: an embedded one is started once."""
    try:
        database, people = await _database(config)
    except COMPLAINTS as error:
        return [Finding("database", False, str(error))]
    return [Finding("database", True, database), Finding("people", True, people)]


class _Bad(Exception):
    """A finding that is no failure of a part."""


async def _data_directory(config: Config) -> str:
    prepare_data_path(config.data_path)
    free = shutil.disk_usage(config.data_path).free
    if free < FREE_BYTES:
        raise _Bad(f"{config.data_path} has only {free // 1_000_000} MB left")
    return f"{config.data_path}, {free // 1_000_000_000} GB free"


async def _keys(config: Config) -> str:
    if not config.token_keys and not (config.data_path / SECRET_FILE).exists():
        return "none yet; the first start makes one"
    key = load_key_ring(config).signing
    return f"{key.algorithm}, key {key.kid!r}"


async def _descriptors(config: Config) -> str:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        raise _Bad(f"{soft}: each connection takes one; raise it with `ulimit -n {DESCRIPTORS}`")
    return str(soft)


async def _database(config: Config) -> tuple[str, str]:
    """Connect, which checks version, fsync and synchronous_commit too, compare the migrations, and look for who looks after the school."""
    nobody = f"{NOBODY_YET}; `{first_admin(config)}` makes the first one"
    if not has_data(config):
        return f"none yet; `homeroom serve` makes one in {config.data_path}", nobody
    settings = PostgresSettings(allow_unsafe=config.allow_unsafe_database)
    async with open_dsn(config) as dsn, open_database(dsn, settings) as database:
        (row,) = await database.fetch(_SERVER)
        kept = await database.fetch("SELECT name FROM migrations") if row["migrated"] else []
        missing = {file.name for file in read_migrations(MIGRATIONS)} - {one["name"] for one in kept}
        found = f"PostgreSQL {row['version']}, durable"
        if missing:
            return f"{found}, {len(missing)} migrations to come", "looked for once the schema is up to date"
        return f"{found}, the schema is up to date", "there is a super_admin" if await is_led(database) else nobody
