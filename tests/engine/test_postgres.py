"""The adaptor to the driver: plain calls, refusals, calls given up, and servers that will not do."""

import datetime
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import EmbeddedPostgres
from homeroom.engine.postgres import (
    Connection,
    Disconnected,
    Refused,
    UniqueViolation,
    UnsuitableServer,
    check_server,
)
from homeroom.engine.postgres_settings import PostgresSettings
from tests.conftest import TRIAL


async def numbers(database: Database) -> list[int]:
    return [row["n"] for row in await database.fetch("SELECT n FROM noted ORDER BY n")]


@pytest.fixture
async def noted(database: Database) -> Database:
    await database.execute("CREATE TABLE noted (n bigint PRIMARY KEY, body bytea)")
    return database


async def test_arrays_go_in_and_rows_come_out(noted: Database) -> None:
    sql = "INSERT INTO noted SELECT * FROM unnest($1::bigint[], $2::bytea[]) RETURNING n, body"
    rows = await noted.fetch(sql, [1, 2], [b"\x00\xff", None])
    assert [dict(row) for row in rows] == [{"n": 1, "body": b"\x00\xff"}, {"n": 2, "body": None}]


async def test_a_statement_tells_how_many_rows_it_changed(noted: Database) -> None:
    assert await noted.execute("INSERT INTO noted (n) SELECT generate_series(1, 5)") == 5
    assert await noted.execute("DELETE FROM noted WHERE n > $1", 2) == 3
    assert await noted.execute("CREATE TABLE another (n int)") == 0
    assert await noted.fetch_row("SELECT n FROM noted WHERE n = 9") is None


async def test_a_large_answer_and_a_large_argument_arrive_whole(noted: Database) -> None:
    body = os.urandom(3_000_000)
    await noted.execute("INSERT INTO noted VALUES ($1, $2)", 1, body)
    row = await noted.fetch_row("SELECT body FROM noted")
    assert row is not None
    assert row["body"] == body


async def test_a_refusal_names_its_code_and_the_connection_lives_on(noted: Database) -> None:
    async with noted.connection() as connection:
        await connection.execute("INSERT INTO noted (n) VALUES (1)")
        with pytest.raises(UniqueViolation) as violation:
            await connection.execute("INSERT INTO noted (n) VALUES (1)")
        assert violation.value.constraint == "noted_pkey"
        with pytest.raises(Refused, match="22012"):
            await connection.fetch("SELECT 1 / $1::int", 0)
        with pytest.raises(Refused, match="42601"):
            await connection.fetch("SELEKT")
        with pytest.raises(Refused, match="22"):
            await connection.fetch("SELECT $1::bigint", "no number")
        with pytest.raises(Refused, match="22021"):
            await connection.fetch("SELECT $1::text", "a\0b")
        assert connection.alive()
        assert [row["n"] for row in await connection.fetch("SELECT n FROM noted")] == [1]


async def test_a_transaction_is_kept_whole_or_not_at_all(noted: Database) -> None:
    async with noted.transaction() as connection:
        await connection.execute("INSERT INTO noted (n) VALUES (1)")
        await connection.execute("INSERT INTO noted (n) VALUES (2)")
    for sql, error in (("SELECT 1", KeyError), ("INSERT INTO noted (n) VALUES (1)", UniqueViolation)):
        with pytest.raises(error):
            await _insert_and_fail(noted, sql)
    with trio.move_on_after(0.05):
        async with noted.transaction() as connection:
            await connection.execute("INSERT INTO noted (n) VALUES (5)")
            await trio.sleep_forever()
    assert await numbers(noted) == [1, 2]


async def _insert_and_fail(noted: Database, sql: str) -> None:
    async with noted.transaction() as connection:
        await connection.execute("INSERT INTO noted (n) VALUES (3)")
        await connection.execute(sql)
        raise KeyError


async def test_a_call_that_is_given_up_drops_its_connection_and_the_next_gets_another(noted: Database) -> None:
    async with noted.connection() as connection:
        first = connection.pid
        with trio.move_on_after(0.05) as scope:
            await connection.fetch("SELECT pg_sleep(60)")
        assert scope.cancelled_caught
        assert not connection.alive()
        with pytest.raises(Disconnected):
            await connection.fetch("SELECT 1")
    row = await noted.fetch_row("SELECT pg_backend_pid() AS pid")
    assert row is not None
    assert row["pid"] != first


async def test_a_preparation_that_is_given_up_drops_its_connection(noted: Database) -> None:
    async with noted.connection() as connection, noted.connection() as other, other.transaction():
        await other.execute("LOCK TABLE noted IN ACCESS EXCLUSIVE MODE")
        with trio.move_on_after(0.05) as scope:
            await connection.fetch("SELECT n FROM noted")
        assert scope.cancelled_caught
        assert not connection.alive()
    assert await numbers(noted) == []


async def test_a_session_that_died_while_idle_is_noticed_before_it_is_used(noted: Database) -> None:
    row = await noted.fetch_row("SELECT pg_backend_pid() AS pid")
    assert row is not None
    async with noted.connection() as idle, noted.connection() as other:
        assert idle.pid == row["pid"]
        await other.fetch("SELECT pg_terminate_backend($1, 5000)", idle.pid)
        assert not idle.alive()
    assert await numbers(noted) == []


async def test_a_session_that_died_unnoticed_is_lost_at_once_and_not_after_the_longest_time(noted: Database) -> None:
    for _ in range(5):
        async with noted.connection() as used:
            await used.fetch("SELECT 1")
            async with noted.connection() as other:
                await other.fetch("SELECT pg_terminate_backend($1, 5000)", used.pid)
            with trio.fail_after(TRIAL.timeout_s / 2), pytest.raises(Disconnected):
                await used.fetch("SELECT 1")


async def test_a_servers_last_words_that_come_out_of_turn_are_a_lost_connection(noted: Database) -> None:
    """A server that was killed tells its sessions, and a driver that has read it takes no more statements."""
    words = b"SFATAL\0VFATAL\0C57P02\0Mterminating connection because of a crash\0\0"
    async with noted.connection() as connection:
        await connection.fetch("SELECT n FROM noted")
        connection._protocol.data_received(b"E" + (len(words) + 4).to_bytes(4, "big") + words)
        with pytest.raises(Disconnected):
            await connection.fetch("SELECT n FROM noted")
        assert not connection.alive()
    assert await numbers(noted) == []


async def test_a_session_that_dies_in_the_middle_is_an_answer_in_doubt(noted: Database) -> None:
    async def end(connection: Connection) -> None:
        async with noted.connection() as other:
            while not await other.fetch(
                "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", pid
            ):
                await trio.lowlevel.checkpoint()
            await other.fetch("SELECT pg_terminate_backend($1)", pid)

    async with noted.connection() as connection, trio.open_nursery() as nursery:
        pid = connection.pid
        nursery.start_soon(end, connection)
        with pytest.raises(Disconnected):
            await connection.fetch("SELECT pg_sleep(60)")
        assert not connection.alive()


async def test_the_server_itself_ends_what_takes_too_long(noted: Database) -> None:
    async with noted.connection() as connection:
        rows = await connection.fetch(
            "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", list(_BOUNDS)
        )
        assert {row["name"]: row["setting"] for row in rows} == _BOUNDS


_BOUNDS = {
    "statement_timeout": "2500",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "5000",
    "application_name": "homeroom",
}


async def test_more_callers_than_connections_take_turns(noted: Database) -> None:
    async with trio.open_nursery() as nursery:
        for n in range(40):
            nursery.start_soon(noted.execute, "INSERT INTO noted (n) VALUES ($1)", n)
    assert await numbers(noted) == list(range(40))
    assert noted.statistics()["connects"] <= 4


async def test_a_caller_does_not_wait_for_ever_for_a_connection(database_url: str) -> None:
    quick = PostgresSettings(allow_unsafe=True, timeout_s=1.0)
    async with open_database(database_url, quick, size=1) as database, trio.open_nursery() as nursery:
        done = await nursery.start(_hold, database)
        with pytest.raises(Disconnected, match="no answer"):
            await database.fetch("SELECT 1")
        done.set()


async def _hold(database: Database, *, task_status: trio.TaskStatus[trio.Event]) -> None:
    """Keep a connection longer than one may."""
    done = trio.Event()
    with suppress(Disconnected):
        async with database.connection():
            with trio.CancelScope(shield=True):
                task_status.started(done)
                await done.wait()


async def test_a_frozen_server_does_not_hold_up_a_connect(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / ".s.PGSQL.5432"))
        listener.listen()
        quick = PostgresSettings(timeout_s=0.3)
        async with open_database(f"postgresql://x@/x?host={tmp_path}", quick) as database:
            begun = trio.current_time()
            with pytest.raises(Disconnected):
                await database.fetch("SELECT 1")
            assert trio.current_time() - begun < 2


async def test_a_server_that_forgets_is_refused_unless_allowed(postgres: EmbeddedPostgres) -> None:
    async with open_database(postgres.dsn) as database:
        with pytest.raises(UnsuitableServer, match="fsync"):
            await database.fetch("SELECT 1")


async def test_a_read_only_server_is_refused(new_database: Callable[[], str], database: Database) -> None:
    row = await database.fetch_row("SELECT current_database() AS name")
    assert row is not None
    await database.execute(f'ALTER DATABASE "{row["name"]}" SET default_transaction_read_only = on')
    await database.close()
    with pytest.raises(UnsuitableServer, match="read-only"):
        await database.fetch("SELECT 1")


@pytest.mark.parametrize(
    ("version", "fsync", "commit", "complaint"),
    [(140_009, "on", "on", "15"), (150_000, "off", "on", "fsync"), (180_000, "on", "off", "synchronous_commit")],
)
def test_what_makes_a_server_unsuitable(version: int, fsync: str, commit: str, complaint: str) -> None:
    with pytest.raises(UnsuitableServer, match=complaint):
        check_server(version, fsync, commit, PostgresSettings())
    check_server(150_000, "on", "on", PostgresSettings())
    check_server(150_000, "off", "off", PostgresSettings(allow_unsafe=True))


async def test_what_the_body_raises_comes_out_in_no_group(database_url: str) -> None:
    with pytest.raises(KeyError):
        await _open_and_fail(database_url)


async def _open_and_fail(database_url: str) -> None:
    async with open_database(database_url, TRIAL) as database:
        await database.fetch("SELECT 1")
        raise KeyError


async def test_the_program_may_end_in_the_middle_of_calls(database_url: str) -> None:
    with trio.move_on_after(0.2) as scope:
        async with open_database(database_url, TRIAL) as database, trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(database.fetch, "SELECT pg_sleep(60)")
    assert scope.cancelled_caught


async def test_it_works_over_tls(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    door = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    door.load_cert_chain(_write_certificate(tmp_path))
    answer = partial(_serve_tls, door, postgres.dsn.rpartition("host=")[2])
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        async with open_database(f"postgresql://homeroom@127.0.0.1:{port}/postgres?sslmode=require", TRIAL) as database:
            body = os.urandom(500_000)
            row = await database.fetch_row("SELECT $1::bytea AS body", body)
            assert row is not None
            assert row["body"] == body
            with pytest.raises(Refused):
                await database.fetch("SELECT 1 / 0")
            async with database.connection() as connection:
                with trio.move_on_after(0.05) as scope:
                    await connection.fetch("SELECT pg_sleep(60)")
                assert scope.cancelled_caught
                assert not connection.alive()
            assert await database.fetch("SELECT 1")
        nursery.cancel_scope.cancel()


async def _serve_tls(door: ssl.SSLContext, sockets: str, client: trio.SocketStream) -> None:
    """Stand before the server as its TLS: say yes to the request, then pass bytes on."""
    assert len(await client.receive_some(8)) == 8
    await client.send_all(b"S")
    outside = trio.SSLStream(client, door, server_side=True)
    inside = await trio.open_unix_socket(f"{sockets}/.s.PGSQL.5432")
    async with inside, trio.open_nursery() as nursery:
        nursery.start_soon(_pass_on, outside, inside, nursery.cancel_scope)
        nursery.start_soon(_pass_on, inside, outside, nursery.cancel_scope)


async def _pass_on(source: trio.abc.Stream, target: trio.abc.Stream, done: trio.CancelScope) -> None:
    with suppress(trio.BrokenResourceError):
        async for data in source:
            await target.send_all(data)
    done.cancel()


def _write_certificate(folder: Path) -> Path:
    """Write a certificate for one day and its key; returns the file with both."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "both.pem"
    path.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    return path


async def test_statements_used_last_are_kept_when_there_are_too_many(
    noted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroom.engine.postgres.STATEMENTS_KEPT", 3)
    async with noted.connection() as connection:
        connection._statements.clear()
        for sql in ("SELECT 1", "SELECT 2", "SELECT 3", "SELECT 1", "SELECT 4", "SELECT 1"):
            assert await connection.fetch(sql)
        assert list(connection._statements) == ["SELECT 3", "SELECT 4", "SELECT 1"]
        (row,) = await connection.fetch("SELECT 2 AS two")
        assert (row["two"], len(connection._statements)) == (2, 3)


async def test_a_statement_is_parsed_once_and_one_that_is_forgotten_is_forgotten_by_the_server_too(
    noted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroom.engine.postgres.STATEMENTS_KEPT", 3)
    told = "SELECT statement, generic_plans + custom_plans AS runs FROM pg_prepared_statements"
    async with noted.connection() as connection:
        connection._statements.clear()
        for sql in ("SELECT 1", "SELECT 2", *["SELECT 3"] * 5, "SELECT 4", told):
            await connection.fetch(sql)
        runs = {row["statement"]: row["runs"] for row in await connection.fetch(told)}
        assert runs.pop("SELECT 3") == 5
        assert "SELECT 1" not in runs


async def test_after_a_table_has_changed_a_statement_is_refused_once_and_made_anew(noted: Database) -> None:
    sql = "SELECT * FROM noted"
    async with noted.connection() as connection:
        assert await connection.fetch(sql) == []
        await connection.execute("ALTER TABLE noted ADD COLUMN more text")
        with pytest.raises(Refused):
            await connection.fetch(sql)
        assert await connection.fetch(sql) == []


async def test_a_pool_beside_another_waits_for_nobody_in_it(database_url: str) -> None:
    async with (
        open_database(database_url, TRIAL, size=1) as database,
        database.beside(2) as records,
        records.connection(),
        records.connection(),
    ):
        assert await database.fetch("SELECT 1")
        assert (database.statistics()["busy"], records.statistics()["busy"]) == (0, 2)
        async with database.connection():
            assert database.statistics()["busy"] == 1
