"""The ground floor of the composition: the database, its people and the keys, which every command needs.

Never here: the server's parts (`bootstrap`) and what commands do (`errands`, `doctor`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from importlib.resources import files
from pathlib import Path

from homeroom.config import Config, ConfigError
from homeroom.engine.behaviour import Refusal
from homeroom.engine.claim import Claim, is_claimed
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import open_embedded, share_embedded
from homeroom.engine.errors import EmbeddedError
from homeroom.engine.journal import JournalError
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.migrate import MigrationError
from homeroom.engine.migrate import migrate as carry_out_migrations
from homeroom.engine.postgres import DatabaseError
from homeroom.engine.postgres_settings import PostgresSettings
from homeroom.http.keys import SECRET_FILE, KeyRing, UnfitKey, load_keys, own_key
from homeroom.http.places import Places
from homeroom.http.revocations import Revocations
from homeroom.http.tokens import TokenRules, Tokens
from homeroom.http.wards import Wards
from homeroom.records.files.directory import Directory
from homeroom.records.files.store import FileStore
from homeroom.records.guardians import Guardians
from homeroom.records.passwords import Passwords
from homeroom.records.users import Users

MIGRATIONS = files("homeroom.records") / "migrations"
COMPLAINTS = (ConfigError, DatabaseError, EmbeddedError, JournalError, MigrationError, Refusal, UnfitKey, OSError)
"""What a person can mend: told in one line, without a traceback."""


def version() -> str:
    """Return the version of the installed package."""
    return installed_version("homeroom")


@dataclass(frozen=True, slots=True)
class House:
    """The parts that are there without a server: the database, its people, and the keys.

    `records` are further connections, for the records alone: whoever logs in or joins a channel does not wait for their writes.
    """

    config: Config
    database: Database
    records: Database
    clock: TrioClock
    users: Users
    passwords: Passwords
    revocations: Revocations
    guardians: Guardians
    wards: Wards
    places: Places
    tokens: Tokens


@asynccontextmanager
async def claim_data(config: Config) -> AsyncIterator[Claim | None]:
    """Keep the data directory's database for one server, `None` for a database that is given.

    Two servers on one directory would write the same streams: the second one is refused with `DataDirectoryInUse`. A command that
    runs the database meanwhile is waited for.
    """
    if config.database_url:
        yield None
        return
    prepare_data_path(config.data_path)
    claim = Claim(config.data_path, server=True)
    await claim.wait()
    try:
        yield claim
    finally:
        claim.release()


@asynccontextmanager
async def open_dsn(config: Config, *, claim: Claim | None = None, make: bool = True) -> AsyncIterator[str]:
    """Offer where the database is: the given one, else the embedded one of the data directory.

    `claim`: that of a server, which shares the embedded one with no other program; without, it is shared with the one that runs it.
    `make`: make the embedded one if there is none yet; otherwise that raises `ConfigError`.
    """
    if config.database_url:
        yield config.database_url
        return
    if not make and not has_data(config) and not is_claimed(config.data_path):  # else it is being made
        raise ConfigError(
            f"there is no school in {config.data_path}: say --data-dir, or start `homeroom serve` there first"
        )
    if claim is None:
        async with share_embedded(config.data_path) as dsn:
            yield dsn
    else:
        async with open_embedded(config.data_path, claim=claim) as server:
            yield server.dsn


@asynccontextmanager
async def open_house(config: Config, *, claim: Claim | None = None, make: bool = True) -> AsyncIterator[House]:
    """Open the migrated database and the keys; `claim` and `make` as in `open_dsn`.

    Who makes a school makes its key first: whoever finds the database finds the key.
    """
    if make:
        prepare_data_path(config.data_path)
        load_key_ring(config)
    async with (
        open_dsn(config, claim=claim, make=make) as dsn,
        open_database(dsn, postgres_settings(config)) as database,
        database.beside(config.record_connections) as records,
    ):
        await carry_out_migrations(database, MIGRATIONS)
        yield await _furnish(config, database, records, make=make)


async def _furnish(config: Config, database: Database, records: Database, *, make: bool) -> House:
    clock = TrioClock(await PostgresJournal(database).now())
    revocations = Revocations(clock)
    rules = TokenRules(config.token_issuer, config.token_audience, config.access_ttl_s)
    guardians, wards, places = Guardians(database, clock), Wards(clock), Places(clock)
    tokens = Tokens(load_key_ring(config, make=make), clock, rules, revocations.is_revoked, wards.of, places=places.of)
    users = Users(database, clock)
    return House(config, database, records, clock, users, Passwords(), revocations, guardians, wards, places, tokens)


def has_data(config: Config) -> bool:
    """Tell whether a school's data is there already: a given database counts, whatever is in it."""
    return bool(config.database_url) or (config.data_path / "postgres" / "PG_VERSION").exists()


def prepare_data_path(path: Path) -> None:
    """Make the data directory, for its owner only: it holds the database and the secret that signs tokens."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def open_files(config: Config) -> FileStore:
    """Return where uploaded files live; raises `OSError` for a directory that cannot be made. Opening a bucket takes a moment."""
    if config.upload_bucket is None:
        return Directory(Path(config.upload_dir).absolute() if config.upload_dir else config.data_path / "files")
    from homeroom.records.files.s3 import Bucket, S3Store  # noqa: PLC0415 - its client takes 20 MB, and most have no bucket

    return S3Store(Bucket(config.upload_bucket, config.upload_endpoint, config.upload_region))


def load_key_ring(config: Config, *, make: bool = True) -> KeyRing:
    """Return the configured keys, else the directory's own one; without `make` that one must be there already.

    A key made in the wrong directory would sign tokens that no server takes: that raises `ConfigError`.
    """
    if config.token_keys:
        return load_keys(Path(config.token_keys))
    if not make and not (config.data_path / SECRET_FILE).exists():
        raise ConfigError(
            f"there is no key of a school in {config.data_path}: say --data-dir, or start the server first"
        )
    return KeyRing([own_key(config.data_path)])


def postgres_settings(config: Config) -> PostgresSettings:
    """Return how to connect."""
    return PostgresSettings(allow_unsafe=config.allow_unsafe_database)
