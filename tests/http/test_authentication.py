"""Logging in, staying in, going out, coming in for the first time: against a real database (A8 to A11)."""

from typing import Any

import jwt
import pytest
import structlog
import trio
from argon2 import PasswordHasher
from structlog.testing import capture_logs

from homeroom.engine.database import Database
from homeroom.engine.postgres import Disconnected
from homeroom.http.throttle import Patience
from tests.http.rest_school import Reply, School
from tests.records.audit_rows import read_audit
from tests.records.changing import change_person

PASSWORD = "correct horse battery"


class DatabaseSchool(School):
    """A school whose people are in a real database."""

    def __init__(self, database: Database, **options: Any) -> None:
        super().__init__(database=database, **options)

    async def add(self, login: str, role: str = "student", password: str = PASSWORD) -> None:
        await self.users.add(login, login.title(), role, await self.passwords.hash(password), id=login)

    async def log_in(self, login: str = "ann", password: str = PASSWORD) -> Reply:
        return await self.post("login", {"login": login, "password": password})

    async def post(self, door: str, body: Any = None, token: str | None = None) -> Reply:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.call("POST", f"/api/auth/{door}", body={} if body is None else body, headers=headers)

    async def me(self, token: str) -> Reply:
        return await self.call("GET", "/api/auth/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
async def school(database: Database) -> DatabaseSchool:
    school = DatabaseSchool(database)
    await school.add("ann")
    await school.add("ada", "admin")
    return school


async def test_a_right_password_gives_tokens_that_say_who_one_is(school: DatabaseSchool) -> None:
    reply = await school.log_in("ANN")
    assert reply.status == 200
    body = reply.body
    assert body["user"] == {"id": "ann", "name": "Ann", "role": "student"}
    assert body["token_type"] == "Bearer"
    assert body["expires"] == school.tokens.check(body["access_token"]).expires
    assert reply.headers["cache-control"] == "no-store"
    me = await school.me(body["access_token"])
    assert me.body == {"id": "ann", "name": "Ann", "role": "student", "expires": body["expires"]}


async def test_a_parent_is_told_whose_parent_it_is(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    assert (await school.call("GET", "/api/auth/me", ("pia", "parent"))).body["wards"] == []
    school.wards["pia"] = frozenset({"ben", "ann"})
    assert (await school.call("GET", "/api/auth/me", ("pia", "parent"))).body["wards"] == ["ann", "ben"]


async def test_whatever_is_wrong_reads_the_same(school: DatabaseSchool) -> None:
    await school.add("gone")
    await change_person(school.users._store, "gone", active=False)
    await school.users.add("nopass", "No Password", "student", None)
    replies = [
        await school.log_in("ann", "wrong password"),
        await school.log_in("nobody"),
        await school.log_in("gone"),
        await school.log_in("nopass", "nobody's password"),
        await school.log_in("ann", "x" * 200),
    ]
    for reply in replies:
        assert (reply.status, reply.code) == (401, "unauthenticated")
        del reply.body["instance"]
    assert all(reply.body == replies[0].body for reply in replies)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"login": "ann"},
        {"login": "ann", "password": ""},
        {"login": "ann", "password": 1},
        {"login": ["ann"], "password": PASSWORD},
        {"login": "a\x00b", "password": PASSWORD},
        {"login": "x" * 255, "password": PASSWORD},
        {"login": "ann", "password": "x" * 201},
    ],
)
async def test_what_cannot_be_a_login_is_a_bad_command(school: DatabaseSchool, body: dict[str, Any]) -> None:
    reply = await school.post("login", body)
    assert (reply.status, reply.code) == (400, "bad_command")
    assert PASSWORD not in str(reply.body)


@pytest.mark.parametrize("login", ["'; DROP TABLE users;--", "ann'--", '"ann"', "ann%", "\\ann", "$1"])
async def test_z6_a_login_that_looks_like_sql_is_nobody(school: DatabaseSchool, login: str) -> None:
    reply = await school.log_in(login)
    assert reply.status in {400, 401}
    assert (await school.log_in()).status == 200


async def test_a11_a_refresh_token_that_comes_again_ends_the_login_and_its_connections(school: DatabaseSchool) -> None:
    first = (await school.log_in()).body
    second = await school.post("refresh", {"refresh_token": first["refresh_token"]})
    assert second.status == 200
    assert second.body["refresh_token"] != first["refresh_token"]
    assert (await school.me(second.body["access_token"])).status == 200
    stolen = await school.post("refresh", {"refresh_token": first["refresh_token"]})
    assert (stolen.status, stolen.code) == (401, "unauthenticated")
    family = school_family(first)
    assert school.revoked == [("ann", family)]
    for token in (first["access_token"], second.body["access_token"]):
        assert (await school.me(token)).status == 401
    assert (await school.post("refresh", {"refresh_token": second.body["refresh_token"]})).status == 401


def school_family(body: dict[str, Any]) -> str:
    """Return the login a token belongs to, as written in it."""
    return str(jwt.decode(body["access_token"], options={"verify_signature": False})["fam"])


async def test_a_logout_ends_the_tokens_and_the_connections_of_that_login_alone(school: DatabaseSchool) -> None:
    phone, laptop = (await school.log_in()).body, (await school.log_in()).body
    reply = await school.post("logout", {"refresh_token": phone["refresh_token"]})
    assert (reply.status, reply.body) == (200, {})
    assert school.revoked == [("ann", school_family(phone))]
    assert (await school.me(phone["access_token"])).status == 401
    assert (await school.post("refresh", {"refresh_token": phone["refresh_token"]})).status == 401
    assert (await school.me(laptop["access_token"])).status == 200
    assert (await school.post("refresh", {"refreshToken": laptop["refresh_token"]})).status == 200


async def test_a_logout_works_by_the_bearer_alone_and_by_the_refresh_token_alone(school: DatabaseSchool) -> None:
    body = (await school.log_in()).body
    assert (await school.post("logout", token=body["access_token"])).status == 200
    assert (await school.me(body["access_token"])).status == 401
    other = (await school.log_in()).body
    expired = "e30.e30.e30"
    assert (await school.post("logout", {"refresh_token": other["refresh_token"]}, token=expired)).status == 200
    assert (await school.me(other["access_token"])).status == 401
    assert (await school.post("logout")).status == 401
    assert (await school.post("logout", {"refresh_token": "hr1.unknown"})).status == 200


async def test_a11_wrong_passwords_are_slowed_down_and_the_right_one_waits_too(
    database: Database,
) -> None:
    school = DatabaseSchool(database)
    school.throttle._patience = {"both": Patience(3, 900), "account": Patience(99, 1), "address": Patience(99, 1)}
    await school.add("ann")
    await school.add("bob")
    replies = [await school.log_in("ann", "wrong password") for _ in range(6)]
    assert [reply.status for reply in replies] == [401, 401, 401, 401, 429, 429]
    assert replies[-1].code == "rate_limited"
    assert int(replies[-1].headers["retry-after"]) >= 1
    assert (await school.log_in("ann")).status == 429
    assert (await school.log_in("ANN")).status == 429
    assert (await school.log_in("bob")).status == 200


async def test_a11_a_thousand_attempts_at_once_do_not_get_past_the_throttle(school: DatabaseSchool) -> None:
    statuses: list[int] = []

    async def attempt() -> None:
        statuses.append((await school.log_in("ann", "wrong password")).status)

    async with trio.open_nursery() as nursery:
        for _ in range(60):
            nursery.start_soon(attempt)
    assert statuses.count(401) <= 6
    assert statuses.count(429) >= 54


async def test_a10_a_change_of_role_ends_what_was_given_before(school: DatabaseSchool) -> None:
    body = (await school.log_in()).body
    await change_person(school.users._store, "ann", role="teacher")
    assert (await school.post("refresh", {"refresh_token": body["refresh_token"]})).status == 401
    for ended in await school.logins.ended_since(0):
        school.revocations.add(ended)
    assert (await school.me(body["access_token"])).status == 401
    again = (await school.log_in()).body
    assert again["user"]["role"] == "teacher"
    assert (await school.me(again["access_token"])).status == 200


async def test_a10_what_another_process_ends_is_known_here_within_seconds(
    school: DatabaseSchool, nursery: trio.Nursery
) -> None:
    body = (await school.log_in()).body
    closed: list[tuple[str, str | None]] = []
    noticed = trio.Event()

    def revoke(user: str, family: str | None) -> None:
        closed.append((user, family))
        noticed.set()

    async def follow(*, task_status: trio.TaskStatus[None]) -> None:
        await school.revocations.follow(school.logins.ended_since, revoke, 0.05, task_status=task_status)

    await nursery.start(follow)
    await school.logins.end(body["refresh_token"])
    with trio.fail_after(5):
        await noticed.wait()
    assert closed == [("ann", school_family(body))]
    assert (await school.me(body["access_token"])).status == 401


async def test_what_was_ended_before_the_start_is_known_from_the_start(
    school: DatabaseSchool, nursery: trio.Nursery
) -> None:
    body = (await school.log_in()).body
    await school.logins.end(body["refresh_token"])
    assert (await school.me(body["access_token"])).status == 200

    async def follow(*, task_status: trio.TaskStatus[None]) -> None:
        await school.revocations.follow(school.logins.ended_since, lambda user, family: None, task_status=task_status)

    await nursery.start(follow)
    assert (await school.me(body["access_token"])).status == 401


async def test_an_admin_adds_people_and_a_super_admin_adds_admins(school: DatabaseSchool) -> None:
    await school.add("root", "super_admin")
    ada, root = [(await school.log_in(login)).body["access_token"] for login in ("ada", "root")]
    new = {"login": "New@School.example", "name": "New", "password": PASSWORD, "role": "teacher"}
    reply = await school.post("register", new, token=ada)
    assert reply.status == 201
    assert reply.body == {"id": reply.body["id"], "name": "New", "role": "teacher"}
    assert (await school.log_in("new@school.example")).status == 200
    assert (await school.post("register", new, token=ada)).code == "conflict"
    mentor = {"login": "mia", "name": "Mia", "password": PASSWORD, "role": "mentor"}
    assert (await school.post("register", mentor, token=ada)).body["role"] == "teacher"
    for role in ("admin", "super_admin"):
        above = {"login": role, "name": "Above", "password": PASSWORD, "role": role}
        assert (await school.post("register", above, token=ada)).code == "forbidden"
        assert (await school.post("register", above, token=root)).status == 201
    audit = await read_audit(school.users._database, reply.body["id"])
    assert [(row.action, row.by) for row in audit][-1] == ("created", "ada")


async def test_people_register_themselves_as_students_only_where_the_school_allows_it(database: Database) -> None:
    body = {"login": "kim", "name": "Kim", "password": PASSWORD}
    closed, opened = DatabaseSchool(database), DatabaseSchool(database, self_registration=True)
    assert (await closed.post("register", body)).code == "forbidden"
    assert (await opened.post("register", {**body, "role": "teacher"})).code == "forbidden"
    reply = await opened.post("register", body)
    assert (reply.status, reply.body["role"]) == (201, "student")
    assert (await opened.log_in("kim")).status == 200


async def test_people_who_register_themselves_are_slowed_down(database: Database) -> None:
    school = DatabaseSchool(database, self_registration=True)
    statuses = [
        (await school.post("register", {"login": f"kim{n}", "name": "Kim", "password": PASSWORD})).status
        for n in range(9)
    ]
    assert statuses == [201] * 6 + [429] * 3


@pytest.mark.parametrize("password", ["short", "x" * 201, "with\x00nul inside"])
async def test_a_new_password_that_is_no_good_is_refused(school: DatabaseSchool, password: str) -> None:
    token = (await school.log_in("ada")).body["access_token"]
    reply = await school.post("register", {"login": "new", "name": "New", "password": password}, token=token)
    assert (reply.status, reply.code) == (400, "bad_command")
    assert password not in str(reply.body)


async def test_a_hash_with_yesterdays_costs_is_renewed_at_login(school: DatabaseSchool) -> None:
    before = await school.users.find_login("ann")
    school.passwords._hasher = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    assert (await school.log_in()).status == 200
    after = await school.users.find_login("ann")
    assert before is not None
    assert after is not None
    assert before[1] != after[1]
    assert after[1] is not None
    assert not school.passwords.outdated(after[1])
    assert (await school.log_in()).status == 200


async def test_a8_no_token_and_no_password_gets_into_the_log(school: DatabaseSchool) -> None:
    with capture_logs() as logs:
        body = (await school.log_in()).body
        await school.log_in("ann", "a wrong secret")
        await school.me(body["access_token"])
        await school.me(body["access_token"] + "x")
        await school.post("refresh", {"refresh_token": body["refresh_token"]})
        await school.post("refresh", {"refresh_token": body["refresh_token"]})
        await school.call("GET", f"/api/auth/me?token={body['access_token']}")
    structlog.reset_defaults()
    assert len(logs) >= 7
    for secret in (PASSWORD, "a wrong secret", body["refresh_token"], *body["access_token"].split(".")):
        assert secret not in str(logs)


async def test_a_database_that_is_away_is_503(school: DatabaseSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*args: Any) -> Any:
        raise Disconnected("gone")

    monkeypatch.setattr(school.users, "find_login", gone)
    reply = await school.log_in()
    assert (reply.status, reply.code) == (503, "unavailable")
