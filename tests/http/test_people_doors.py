"""People over REST: made, changed, renamed, let go; their passwords; who finds whom; and what it ends at once. Real PostgreSQL."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import trio

from homeroom.config import Config
from homeroom.engine.database import open_database
from homeroom.protocol.access import ROLE_ALIASES, Role
from homeroom.protocol.stored import StoredWire
from homeroom.records.passwords import LONGEST, SHORTEST
from homeroom.records.school.guardianships import GUARDIANS_MAX, GUARDIANSHIP, WARDS_MAX
from homeroom.records.school.users import PASSWORD_CHANGED, USER
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL
from tests.http.record_school import Person, RecordSchool, open_record_school
from tests.http.rest_school import Reply

PASSWORD, OTHER = "correct horse battery", "staple of another horse"
_ALONE = "UPDATE users SET active = false WHERE role = 'super_admin' AND id <> $1"
_CLASS = (
    "INSERT INTO classes (id, version, created_at, updated_at, title, grade, room) VALUES ($1, 1, 1, 1, $1, '', '')"
)
_MEMBER = """INSERT INTO class_memberships (id, version, created_at, updated_at, class_id, user_id, part)
VALUES ($1 || $2, 1, 1, 1, $1, $2, $3)"""


async def _build(dsn: str) -> None:
    async with open_database(dsn, TRIAL) as database:
        await database.execute("CREATE SEQUENCE trial_numbers")


@pytest.fixture(scope="module")
def people_url(new_database: Callable[[], str]) -> str:
    """Return the DSN of a school that all tests of this file share."""
    dsn = new_database()
    trio.run(_build, dsn)
    return dsn


@pytest.fixture
async def people(people_url: str) -> AsyncIterator[RecordSchool]:
    """Return the school."""
    async with open_record_school(people_url, RECORD_TYPES) as school:
        yield school


def told(school: RecordSchool, stream: str) -> list[tuple[str, Any]]:
    """Return type and data of what was told on a stream."""
    events = [event for one in school.posted if one.stream == stream for event in one.events]
    return [(event["type"], event["d"]) for event in map(StoredWire().decode_plain, events)]


async def newcomer(school: RecordSchool, admin: Person, role: str = "student", **more: Any) -> dict[str, Any]:
    """Return a new person with a password, made by an admin."""
    login = f"new-{(await school.person('parent'))[0]}@school.example"
    body = {"login": login, "name": "Newt Newman", "role": role, "password": PASSWORD, **more}
    reply = await school.call("POST", "/api/users", admin, body=body)
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.body
    return made


async def log_in(school: RecordSchool, login: str, password: str = PASSWORD) -> Reply:
    """Try to log in."""
    return await school.call("POST", "/api/auth/login", body={"login": login, "password": password})


async def bearer(school: RecordSchool, login: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the headers of a new login."""
    reply = await log_in(school, login, password)
    return {"Authorization": f"Bearer {reply.body['access_token']}"}


async def code(school: RecordSchool, headers: dict[str, str]) -> str:
    """Return what `me` says to the bearer of a token."""
    return (await school.call("GET", "/api/auth/me", headers=headers)).code


async def test_a_new_person_is_told_of_everywhere_written_down_and_can_log_in(people: RecordSchool) -> None:
    ada = await people.person("admin")
    body = {"login": "Tess@School.Example", "name": " Tess   Lee ", "role": "instructor", "password": PASSWORD}
    reply = await people.call("POST", "/api/users", ada, body=body)
    made, name = reply.body, reply.body["id"]
    assert (reply.status, reply.headers["Location"], reply.headers["ETag"]) == (201, f"/api/users/{name}", '"1"')
    assert (made["login"], made["name"], made["role"], made["active"]) == (
        "tess@school.example", "Tess Lee", "teacher", True,
    )  # fmt: skip
    ids = {"id": name, "operation": "INSERT", "version": 1}
    assert told(people, "table:users") == [("user.created", ids)]
    for stream in ("role:admin", "role:super_admin", f"user:{name}"):
        assert told(people, stream) == [("user.created", {**ids, "row": made})]
    audit = (await people.call("GET", f"/api/audit-logs/user/{name}", ada)).body["items"]
    assert [(row["action"], row["changed_by"]) for row in audit] == [("created", ada[0])]
    assert "password" not in audit[0]["new_value"]
    assert (await people.call("GET", f"/api/activity-feed?target_id={name}", ada)).body["items"]
    assert (await log_in(people, "tess@school.example")).status == 200
    taken = await people.call("POST", "/api/users", ada, body={**body, "login": "TESS@school.example"})
    records = [{"type": "user", "id": name, "active": True}]
    assert (taken.code, taken.body["d"]) == ("conflict", {"fields": ["login"], "records": records})


async def test_other_words_for_a_role_are_taken_wherever_one_is_given_and_never_said(people: RecordSchool) -> None:
    ada = await people.person("admin")
    made = await newcomer(people, ada, "mentor")
    assert made["role"] == "teacher"
    assert made["id"] in {row["id"] for row in (await people.call("GET", "/api/users?role=mentor", ada)).body["items"]}
    body = {"title": "Meeting", "body": "At noon", "target_role": "mentor"}
    assert (await people.call("POST", "/api/announcements", ada, body=body)).body["target_role"] == "teacher"
    found = (await people.call("GET", "/api/announcements?target_role=instructor", ada)).body["items"]
    assert [row["target_role"] for row in found] == ["teacher"]


async def test_a_new_person_with_a_key_is_made_once(people: RecordSchool) -> None:
    ada = await people.person("admin")
    body, key = {"login": "once", "name": "Once", "password": PASSWORD}, {"Idempotency-Key": "once"}
    first, again = [await people.call("POST", "/api/users", ada, body=body, headers=key) for _ in range(2)]
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert len(told(people, "table:users")) == 1
    other = await people.call("POST", "/api/users", ada, body={**body, "password": OTHER}, headers=key)
    assert (other.status, other.code) == (409, "conflict"), "another password is another request"
    without = await people.call("POST", "/api/users", ada, body={**body, "password": None}, headers=key)
    assert without.status in {400, 409}
    assert [(await log_in(people, "once", word)).status for word in (PASSWORD, OTHER)] == [200, 401]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"login": "two words"}, "login"),
        ({"login": "\uff21\u00a0"}, "login"),
        ({"name": ""}, "name"),
        ({"role": "root"}, "role"),
        ({"password": "short"}, "password"),
        ({"password": "with\u0000 a NUL"}, "password"),
        ({"secret": "x"}, "secret"),
        ({"id": "a b"}, "id"),
    ],
)
async def test_what_does_not_fit_is_refused_by_the_name_of_its_field(
    people: RecordSchool, body: dict[str, Any], field: str
) -> None:
    ada = await people.person("admin")
    sent = {"login": "misfit", "name": "Misfit", "password": PASSWORD, **body}
    reply = await people.call("POST", "/api/users", ada, body=sent)
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)
    assert not people.posted


async def test_only_super_admins_make_change_and_demote_admins(people: RecordSchool) -> None:
    ada, root, tess, tom = [await people.person(role) for role in ("admin", "super_admin", "teacher", "teacher")]
    for role in ("admin", "super_admin"):
        body = {"login": f"a-{role}-{ada[0]}", "name": "A", "role": role}
        assert (await people.call("POST", "/api/users", ada, body=body)).code == "forbidden"
        made = await people.call("POST", "/api/users", root, body=body)
        assert made.status == 201
        path = f"/api/users/{made.body['id']}"
        for change in ({"role": "teacher"}, {"name": "B"}, {"active": False}):
            assert (await people.call("PATCH", path, ada, body=change)).code == "forbidden"
        assert (await people.call("DELETE", path, ada)).code == "forbidden"
        reset = await people.call("PUT", f"{path}/password", ada, body={"new_password": OTHER})
        assert reset.code == "forbidden"
        assert (await people.call("PATCH", path, root, body={"role": "teacher"})).body["role"] == "teacher"
    assert (await people.call("PATCH", f"/api/users/{tess[0]}", ada, body={"role": "admin"})).code == "forbidden"
    assert (await people.call("PATCH", f"/api/users/{ada[0]}", ada, body={"role": "super_admin"})).code == "forbidden"
    assert (await people.call("PATCH", f"/api/users/{tess[0]}", ada, body={"role": "parent"})).body["role"] == "parent"
    assert (await people.call("POST", "/api/users", tom, body={"login": "x", "name": "X"})).code == "forbidden"


async def test_the_last_super_admin_stays_one_also_when_two_let_each_other_go_at_once(people: RecordSchool) -> None:
    ann, bob = await people.person("super_admin"), await people.person("super_admin")
    await people.database.execute(_ALONE, ann[0])
    await people.database.execute("UPDATE users SET active = true WHERE id = $1", bob[0])
    codes: list[str] = []

    async def demote(by: Person, whom: Person) -> None:
        codes.append((await people.call("PATCH", f"/api/users/{whom[0]}", by, body={"role": "teacher"})).code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(demote, ann, bob)
        nursery.start_soon(demote, bob, ann)
    assert sorted(codes) == ["conflict", "ok"]
    (last,) = await people.database.fetch("SELECT id FROM users WHERE role = 'super_admin' AND active")
    path, who = f"/api/users/{last[0]}", (last[0], "super_admin")
    for change in ({"role": "admin"}, {"active": False}):
        assert (await people.call("PATCH", path, who, body=change)).code == "conflict"
    assert (await people.call("DELETE", path, who)).code == "conflict"
    assert (await people.call("PATCH", path, who, body={"name": "The Last"})).status == 200


async def test_each_sees_oneself_and_nobody_else_and_staff_rename_themselves(people: RecordSchool) -> None:
    sam, kim = await people.person("student"), await people.person("student")
    path = f"/api/users/{sam[0]}"
    for role in ("teacher", "admin", "super_admin"):
        who = await people.person(role)
        renamed = await people.call("PATCH", f"/api/users/{who[0]}", who, body={"name": " Sam  Lee "})
        assert renamed.body["name"] == "Sam Lee", role
    for change in ({"name": "The Headmaster"}, {"role": "teacher"}, {"login": "boss"}, {"active": False}):
        reply = await people.call("PATCH", path, sam, body=change)
        assert (reply.code, reply.body["d"]["field"]) == ("forbidden", next(iter(change)))
    assert [row["id"] for row in (await people.call("GET", "/api/users", sam)).body["items"]] == [sam[0]]
    for method, body in (("GET", None), ("PATCH", {"name": "X"}), ("DELETE", None)):
        assert (await people.call(method, path, kim, body=body)).code == "not_found"
    assert (await people.call("DELETE", path, sam)).code == "forbidden"


async def test_another_role_or_standing_ends_what_was_given_before_at_once_and_a_stale_version_is_a_conflict(
    people: RecordSchool,
) -> None:
    ada = await people.person("admin")
    for change in ({"role": "teacher"}, {"active": False}):
        kim = await newcomer(people, ada)
        token, path = await bearer(people, kim["login"]), f"/api/users/{kim['id']}"
        await people.call("PATCH", path, ada, body={"name": "Kim"})
        assert await code(people, token) == "ok"
        stale = await people.call("PATCH", path, ada, body=change, headers={"If-Match": '"1"'})
        assert (stale.code, await code(people, token)) == ("conflict", "ok")
        done = await people.call("PATCH", path, ada, body=change, headers={"If-Match": '"2"'})
        assert (done.status, done.headers["ETag"]) == (200, '"3"')
        assert await code(people, token) == "unauthenticated"
        assert people.school.revoked[-1] == (kim["id"], None)
        assert (await log_in(people, kim["login"])).status == (401 if "active" in change else 200)


@pytest.mark.parametrize("door", ["PUT /api/users/{id}/password", "POST /api/auth/password"])
async def test_one_s_own_password_needs_the_old_one_and_ends_the_other_logins(people: RecordSchool, door: str) -> None:
    ada = await people.person("admin")
    kim = await newcomer(people, ada)
    here, there = [await bearer(people, kim["login"]) for _ in range(2)]
    method, _, path = door.replace("{id}", kim["id"]).partition(" ")
    wrong = {"old_password": OTHER, "new_password": OTHER}
    reply = await people.call(method, path, headers=here, body=wrong)
    assert (reply.code, reply.body["d"]["field"]) == ("forbidden", "old_password")
    reply = await people.call(method, path, headers=here, body={"new_password": OTHER})
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", "old_password")
    reply = await people.call(method, path, headers=here, body={"oldPassword": PASSWORD, "newPassword": OTHER})
    assert (reply.status, await code(people, here), await code(people, there)) == (200, "ok", "unauthenticated")
    assert ((await log_in(people, kim["login"])).status, (await log_in(people, kim["login"], OTHER)).status) == (
        401,
        200,
    )
    (row,) = (await people.call("GET", f"/api/audit-logs/user/{kim['id']}?limit=1", ada)).body["items"]
    assert row["action"] in {"password_changed", "logged_in"}
    assert [kind for kind, _ in told(people, f"user:{kim['id']}")] == ["user.created", "user.password_changed"]


async def test_guessing_one_s_own_password_is_slowed_down(people: RecordSchool) -> None:
    kim = await newcomer(people, await people.person("admin"))
    token, body = await bearer(people, kim["login"]), {"old_password": OTHER, "new_password": OTHER}
    codes = [(await people.call("POST", "/api/auth/password", headers=token, body=body)).code for _ in range(8)]
    assert codes[:5] == ["forbidden"] * 5
    assert codes[-1] == "rate_limited"


async def test_an_admin_gives_a_new_password_without_the_old_one_and_all_logins_end(people: RecordSchool) -> None:
    ada, sam = await people.person("admin"), await people.person("student")
    kim = await newcomer(people, ada)
    token, path = await bearer(people, kim["login"]), f"/api/users/{kim['id']}/password"
    assert (await people.call("PUT", path, sam, body={"new_password": OTHER})).code == "not_found"
    assert (await people.call("PUT", path, ada, body={"new_password": "short"})).code == "bad_command"
    assert await code(people, token) == "ok"
    assert (await people.call("PUT", path, ada, body={"new_password": OTHER})).status == 200
    assert await code(people, token) == "unauthenticated"
    assert (await log_in(people, kim["login"], OTHER)).status == 200


@pytest.mark.parametrize("how", ["deleted", "inactive", "another role"])
async def test_what_was_begun_before_a_login_ended_is_not_done_when_its_body_comes_after_it(
    people: RecordSchool, how: str
) -> None:
    sue = await people.person("super_admin")
    kim = await newcomer(people, sue, "admin")
    token, path = await bearer(people, kim["login"]), f"/api/users/{kim['id']}"

    async def end() -> None:
        if how == "deleted":
            reply = await people.call("DELETE", path, sue)
        else:
            reply = await people.call(
                "PATCH", path, sue, body={"active": False} if how == "inactive" else {"role": "parent"}
            )
        assert reply.status == 200, reply.body

    body = {"login": f"late-{kim['id']}", "name": "Late", "role": "student", "password": PASSWORD}
    reply = await people.call("POST", "/api/users", headers=token, body=body, meanwhile=end)
    assert (reply.status, reply.code) == (401, "unauthenticated")
    assert (await log_in(people, body["login"])).status == 401


async def test_whoever_is_deleted_is_let_in_no_more_and_shown_to_nobody_but_still_has_a_name(
    people: RecordSchool,
) -> None:
    ada, pam = await people.person("admin"), await people.person("parent")
    kim = await newcomer(people, ada)
    token, path = await bearer(people, kim["login"]), f"/api/users/{kim['id']}"
    body = {"guardian_id": pam[0], "ward_id": kim["id"]}
    assert (await people.call("POST", "/api/guardians", ada, body=body)).status == 201
    assert (await people.call("DELETE", path, ada)).status == 200
    assert (await code(people, token), (await log_in(people, kim["login"])).status) == ("unauthenticated", 401)
    for method, sent in (("GET", None), ("PATCH", {"active": True}), ("DELETE", None)):
        assert (await people.call(method, path, ada, body=sent)).code == "not_found"
    assert told(people, "table:users")[-1] == ("user.deleted", {"id": kim["id"], "operation": "DELETE", "version": 1})
    assert [kind for kind, _ in told(people, f"user:{pam[0]}")] == ["guardian.linked", "guardian.unlinked"]
    found = (await people.call("GET", f"/api/people?ids={kim['id']}", ada)).body["items"]
    assert found == [{"id": kim["id"], "name": "Newt Newman", "role": "student", "active": False}]
    assert (await people.call("POST", "/api/guardians", ada, body=body)).code == "bad_command"
    again = await people.call("POST", "/api/users", ada, body={"login": kim["login"], "name": "Another"})
    assert (again.status, again.body["id"] == kim["id"]) == (201, False)


async def test_people_are_found_by_words_role_and_standing_and_sorted(people: RecordSchool) -> None:
    ada = await people.person("admin")
    for name, role in (("Zed Quill", "teacher"), ("Abe Quill", "student"), ("Quillon", "teacher")):
        await newcomer(people, ada, role, name=name)

    async def names(query: str) -> list[str]:
        reply = await people.call("GET", f"/api/users?{query}", ada)
        assert reply.status == 200, reply.body
        return [row["name"] for row in reply.body["items"]]

    assert await names("words=QUILL&sort=name") == ["Abe Quill", "Quillon", "Zed Quill"]
    assert await names("words=quill%20zed") == ["Zed Quill"]
    assert await names("words=quill&role=mentor&sort=-name") == ["Zed Quill", "Quillon"]
    assert await names("words=quill&active=false") == []
    assert await names("words=%25") == await names("words=qu_ll") == []


async def test_staff_find_everybody_by_name_and_others_those_whom_they_meet(people: RecordSchool) -> None:
    tess, sam, kim, lou, pam = [
        await people.person(role) for role in ("teacher", "student", "student", "student", "parent")
    ]
    for name in (f"c-{sam[0]}", f"c-{lou[0]}"):
        await people.database.execute(_CLASS, name)
    for who, part in ((tess, "teacher"), (sam, "student"), (kim, "student")):
        await people.database.execute(_MEMBER, f"c-{sam[0]}", who[0], part)
    await people.database.execute(_MEMBER, f"c-{lou[0]}", lou[0], "student")
    await people.link(pam, sam)
    all_ids = ",".join(one[0] for one in (tess, sam, kim, lou, pam))

    async def found(who: Person, query: str) -> set[str]:
        return {row["id"] for row in (await people.call("GET", f"/api/people?{query}", who)).body["items"]}

    assert await found(tess, f"ids={all_ids}") == set(all_ids.split(","))
    assert await found(sam, f"ids={all_ids}") == await found(sam, "") == {tess[0], sam[0], kim[0], pam[0]}
    assert await found(lou, f"ids={all_ids}") == {lou[0]}
    assert await found(pam, f"ids={all_ids}") == {pam[0], sam[0], tess[0]}
    assert await found(pam, "role=mentor") == {tess[0]}
    assert await found(sam, f"words={kim[0].upper()}") == {kim[0]}
    first = (await people.call("GET", "/api/people?limit=1", sam)).body
    rest = (await people.call("GET", f"/api/people?after={first['after']}", sam)).body
    assert len(first["items"]) + len(rest["items"]) == 4
    assert (await people.call("GET", "/api/people?ids=a%20b", tess)).code == "bad_command"


async def test_a_link_of_a_parent_counts_at_once_is_told_to_both_and_its_end_closes_connections(
    people: RecordSchool,
) -> None:
    ada, pam, sam, kim = [await people.person(role) for role in ("admin", "parent", "student", "student")]
    reply = await people.call("POST", "/api/guardians", ada, body={"guardianId": pam[0], "studentId": sam[0]})
    assert reply.status == 201, reply.body
    link = reply.body
    ids = {"id": link["id"], "operation": "INSERT", "version": 1}
    assert told(people, "table:guardians") == [("guardian.linked", ids)]
    for stream in (f"user:{pam[0]}", f"user:{sam[0]}"):
        assert told(people, stream) == [("guardian.linked", {**ids, "row": link})]
    for who in (ada, pam, sam):
        listed = (await people.call("GET", f"/api/guardians?ward_id={sam[0]}", who)).body["items"]
        assert [row["id"] for row in listed] == [link["id"]]
    assert (await people.call("GET", "/api/guardians", kim)).body["items"] == []
    path = f"/api/guardians/{link['id']}"
    assert (await people.call("DELETE", path, pam)).code == "forbidden"
    assert (await people.call("PATCH", path, ada, body={"ward_id": kim[0]})).status == 405
    assert (await people.call("DELETE", path, ada)).status == 200
    assert people.school.revoked == [(pam[0], None)]
    assert told(people, f"user:{pam[0]}")[-1][0] == "guardian.unlinked"
    assert (await people.call("GET", path, ada)).code == "not_found"
    again = await people.call("POST", "/api/guardians", ada, body={"guardian_id": pam[0], "ward_id": sam[0]})
    assert again.status == 201
    actions = [row["action"] for row in (await people.call("GET", f"/api/audit-logs/user/{pam[0]}", ada)).body["items"]]
    assert actions == ["ward_linked", "ward_unlinked", "ward_linked"]


async def test_links_that_cannot_be_have_their_named_answer(people: RecordSchool) -> None:
    ada, pam, tess, sam = [await people.person(role) for role in ("admin", "parent", "teacher", "student")]

    async def link(guardian: str, ward: str, who: Person = ada) -> Reply:
        return await people.call("POST", "/api/guardians", who, body={"guardian_id": guardian, "ward_id": ward})

    linked = await link(pam[0], sam[0])
    assert linked.status == 201
    twice, ring, selfish = await link(pam[0], sam[0]), await link(sam[0], pam[0]), await link(pam[0], pam[0])
    records = [{"type": "guardianship", "id": linked.body["id"]}]
    assert (twice.code, twice.body["d"]) == ("conflict", {"fields": ["guardian_id", "ward_id"], "records": records})
    assert (ring.code, ring.body["d"]["cycle"]) == ("conflict", [sam[0], pam[0]])
    assert "cyclic guardian link" in ring.body["detail"]
    assert (selfish.code, selfish.body["d"]["field"]) == ("bad_command", "ward_id")
    for pair, field in (
        ((tess[0], sam[0]), "guardian_id"),
        ((pam[0], tess[0]), "ward_id"),
        ((pam[0], "nobody"), "ward_id"),
    ):
        reply = await link(*pair)
        assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)
    for who in (tess, pam, sam):
        assert (await link(pam[0], sam[0], who)).code == "forbidden"


# --- the page about people

PAGE = Path(__file__).parents[2] / "docs" / "people.md"
THEIRS = ("/api/users", "/api/people", "/api/guardians", "/api/auth/")


async def test_the_page_about_people_names_each_of_their_doors_and_no_other(people: RecordSchool) -> None:
    paths = (await people.call("GET", "/openapi.json")).body["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([A-Z]+ /api/[^`?]+)`", text, re.MULTILINE))
    assert named == {door for door in served if door.partition(" ")[2].startswith(THEIRS)}
    others = {f"GET {path}" for path in re.findall(r"`(?:GET )?(/api/[a-z\-]+)`", text)}
    assert others <= served


def test_the_page_about_people_says_roles_events_bounds_and_settings_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    assert [role for role, _ in rows] == list(get_args(Role))
    assert {word: role for role, words in rows for word in re.findall(r"`(\w+)`", words)} == ROLE_ALIASES
    events = {one.event(change) for one in (USER, GUARDIANSHIP) for change in ("created", "updated", "deleted")}
    told = set(re.findall(r"`((?:user|guardian|guardianship)\.[a-z_]+)`", text))
    assert told == (events | {PASSWORD_CHANGED}) - {"guardianship.updated"}
    assert f"{SHORTEST} to {LONGEST} visible characters" in text
    assert f"{WARDS_MAX} children" in text
    assert f"{GUARDIANS_MAX} parents" in text
    assert all(
        name.removeprefix("HOMEROOM_").lower() in Config.__struct_fields__ for name in re.findall(r"HOMEROOM_\w+", text)
    )
