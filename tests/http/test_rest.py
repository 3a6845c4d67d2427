"""The REST twins of the verbs: the same commands, the same answers, exactly once."""

from dataclasses import replace

import pytest
import trio
import trio.testing

from homeroom.engine.journal_memory import Fate, MemoryJournal
from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.protocol.chat import Say
from homeroom.protocol.room import Create, Join, Remove
from tests.http.rest_school import School

ANN, BOB, TEACHER = ("ann", "student"), ("bob", "student"), ("tess", "teacher")


async def open_room(school: School) -> None:
    await school.do_all("room:r1", (Create("Room"), TEACHER), (Join(), ANN), (Join(), BOB))


async def test_a_room_lives_by_rest_alone(rest_school: School) -> None:
    call = rest_school.call
    assert (await call("PUT", "/api/rooms/r1", TEACHER, body={"title": "Physics"})).status == 201
    assert (await call("POST", "/api/rooms/r1/join", ANN)).status == 200
    said = await call("POST", "/api/rooms/r1/messages", ANN, body={"text": "1 < 2 & <b>"})
    message = said.body["data"]["id"]
    assert said.body["pos"] == ["room:r1", int(message)]
    assert (await call("PATCH", f"/api/rooms/r1/messages/{message}", ANN, body={"text": "edited"})).status == 200
    page = await call("GET", "/api/rooms/r1/messages?limit=10", ANN)
    assert [(one["id"], one["text"]) for one in page.body["data"]["messages"]] == [(message, "edited")]
    assert "pos" not in page.body
    gone = await call("DELETE", f"/api/rooms/r1/messages/{message}", TEACHER, body={"reason": "off topic"})
    assert gone.status == 200
    page = await call("GET", "/api/rooms/r1/messages", ANN)
    (left,) = page.body["data"]["messages"]
    assert (left.get("text"), left["retracted"]) == (None, "tess")
    assert (await call("POST", "/api/rooms/r1/leave", ANN)).status == 200
    assert (await call("POST", "/api/rooms/r1/messages", ANN, body={"text": "x"})).code == "forbidden"


async def test_the_doors_ask_the_way_to_a_thing_where_all_ask_it(rest_school: School) -> None:
    asked: list[str] = []
    found = rest_school.parts.ref
    rest_school.parts = replace(rest_school.parts, ref=lambda to: asked.append(to) or found(to))  # type: ignore[func-returns-value]
    assert (await rest_school.call("PUT", "/api/rooms/r1", TEACHER, body={"title": "Physics"})).status == 201
    assert (await rest_school.call("GET", "/api/rooms/r1", TEACHER)).status == 200
    assert asked == ["room:r1", "room:r1"]


async def test_markup_comes_back_as_it_was_written_and_never_as_a_page(rest_school: School) -> None:
    await open_room(rest_school)
    text = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    await rest_school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": text})
    page = await rest_school.call("GET", "/api/rooms/r1/messages", BOB)
    assert page.body["data"]["messages"][0]["text"] == text
    assert page.headers["Content-Type"] == "application/json"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_history_is_paged_backwards_by_its_query(rest_school: School) -> None:
    await open_room(rest_school)
    ids = [(await rest_school.do("room:r1", Say(f"m{n}"), ANN)).reply.id for n in range(5)]
    newest = (await rest_school.call("GET", "/api/rooms/r1/messages?limit=2", BOB)).body["data"]
    assert [one["id"] for one in newest["messages"]] == ids[3:]
    assert newest["more"]
    older = (await rest_school.call("GET", f"/api/rooms/r1/messages?before={ids[3]}&limit=100", BOB)).body["data"]
    assert [one["id"] for one in older["messages"]] == ids[:3]
    assert not older["more"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "before=x", "before=-1"])
async def test_a_wrong_query_is_refused_by_the_name_of_its_field(rest_school: School, query: str) -> None:
    await open_room(rest_school)
    reply = await rest_school.call("GET", f"/api/rooms/r1/messages?{query}", ANN)
    assert (reply.status, reply.code) == (400, "bad_command")
    assert reply.body["d"]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/rooms/r1/messages?limt=3", "one of before, limit, thread"),
        ("POST", "/api/rooms/r1/messages?limt=3", "no parameters"),
        ("GET", "/api/realtime/sync?streams=room:r1&limt=3", "one of streams, tables, since, wait"),
        ("GET", "/api/presence/online?limt=3", "one of limit"),
    ],
)
async def test_a_parameter_that_nobody_knows_is_refused_by_its_name(
    rest_school: School, method: str, path: str, allowed: str
) -> None:
    await open_room(rest_school)
    reply = await rest_school.call(method, path, ANN, body={"text": "x"} if method == "POST" else None)
    assert (reply.status, reply.code) == (400, "bad_command")
    assert reply.body["d"] == {"field": "limt", "allowed": allowed}


@pytest.mark.parametrize(
    ("door", "body", "field", "allowed"),
    [
        ("POST /api/auth/login", {"password": "x"}, "login", "(1 to 254 characters without blanks)"),
        ("POST /api/auth/login", {"user": "ann"}, "user", "one of login, password"),
        ("POST /api/rooms/r1/messages", {"txet": "x"}, "txet", "one of text, kind"),
        ("POST /api/rooms/r1/messages", {"text": "x", "file": {"nmae": "x"}}, "file.nmae", "one of name, size"),
        ("POST /api/rooms/r1/join", {"role": "owner"}, "role", "no fields"),
        ("PATCH /api/rooms/r1/messages/4", {"titel": "x"}, "titel", "one of text"),
        ("POST /api/auth/login", {"login": "ann", "password": 5}, "password", "text, 1 to "),
        ("POST /api/rooms/r1/messages", {"text": 5}, "text", "text, at most 4000"),
        ("POST /api/rooms/r1/messages", {"text": "x", "mentions": ["ann", 5]}, "mentions[1]", "1 to 64 of A-Z"),
        ("POST /api/rooms/r1/messages", {"text": "x", "file": {"name": "x"}}, "file.size", "integer 0 to"),
        ("PUT /api/rooms/r1/mode", {"mode": "shut"}, "mode", "`moderated` or `open`"),
    ],
)
async def test_a_wrong_body_is_refused_by_the_name_of_its_field_and_what_it_takes(
    rest_school: School, door: str, body: dict[str, object], field: str, allowed: str
) -> None:
    await open_room(rest_school)
    method, path = door.split(" ")
    reply = await rest_school.call(method, path, TEACHER, body=body)
    assert (reply.status, reply.code) == (400, "bad_command")
    assert reply.body["d"]["field"] == field
    assert allowed in reply.body["d"]["allowed"]
    assert "got" not in reply.body["d"]["allowed"]


async def test_who_could_join_is_told_to_and_who_could_not_is_not(rest_school: School) -> None:
    await open_room(rest_school)
    for method, path in (("POST", "/api/rooms/r1/messages"), ("GET", "/api/rooms/r1/messages")):
        body = {"text": "x"} if method == "POST" else None
        reply = await rest_school.call(method, path, ("carl", "student"), body=body)
        assert reply.code == "forbidden"
        assert reply.body["detail"].endswith(": join first")
    moderating = await rest_school.call("PUT", "/api/rooms/r1/mode", ("carl", "student"), body={"mode": "open"})
    assert (moderating.code, moderating.body["detail"]) == ("forbidden", "not yours: set_mode")
    await rest_school.do("room:r1", Remove("bob"), TEACHER)
    removed = await rest_school.call("POST", "/api/rooms/r1/messages", BOB, body={"text": "x"})
    assert (removed.code, removed.body["detail"]) == ("forbidden", "not yours: say")


async def test_path_and_body_that_name_two_things_are_refused_and_change_neither(rest_school: School) -> None:
    await open_room(rest_school)
    first, second = [(await rest_school.do("room:r1", Say(f"m{n}"), ANN)).reply.id for n in range(2)]
    path = f"/api/rooms/r1/messages/{first}"
    reply = await rest_school.call("PATCH", path, ANN, body={"text": "changed", "message": second})
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", "message")
    page = (await rest_school.call("GET", "/api/rooms/r1/messages", ANN)).body["data"]["messages"]
    assert [one["text"] for one in page] == ["m0", "m1"]
    same = await rest_school.call("PATCH", path, ANN, body={"text": "changed", "message": first})
    assert same.status == 200


@pytest.mark.parametrize("id", ["..", "a b", "x" * 65, "%00", "a%2fb", "ö", "r1;x", "%ff"])
async def test_z7_an_id_that_is_none_finds_nothing(rest_school: School, id: str) -> None:
    await open_room(rest_school)
    assert (await rest_school.call("GET", f"/api/rooms/{id}/messages", TEACHER)).status == 404
    assert (await rest_school.call("POST", f"/api/rooms/{id}/join", TEACHER)).status == 404


@pytest.mark.parametrize(
    "body",
    [{"text": 1}, {"text": "x" * 4_001}, {"text": "a\x00b"}, {"text": None}, {"text": "x", "file": {"name": "x"}}],
)
async def test_wrong_arguments_are_a_bad_command_and_change_nothing(
    rest_school: School, body: dict[str, object]
) -> None:
    await open_room(rest_school)
    reply = await rest_school.call("POST", "/api/rooms/r1/messages", ANN, body=body)
    assert (reply.status, reply.code) == (400, "bad_command")
    assert (await rest_school.call("GET", "/api/rooms/r1/messages", ANN)).body["data"]["messages"] == []


async def test_a_command_sent_again_with_its_key_is_not_done_again(rest_school: School) -> None:
    await open_room(rest_school)
    key = {"Idempotency-Key": "3f0c-1"}
    replies = [
        await rest_school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "once"}, headers=key)
        for _ in range(3)
    ]
    assert [reply.body.get("again", False) for reply in replies] == [False, True, True]
    assert replies[0].body["data"] == replies[1].body["data"] == replies[2].body["data"]
    assert replies[0].body["pos"] == replies[2].body["pos"]
    assert len((await rest_school.call("GET", "/api/rooms/r1/messages", ANN)).body["data"]["messages"]) == 1


async def test_the_same_key_with_another_body_is_a_conflict(rest_school: School) -> None:
    await open_room(rest_school)
    key = {"Idempotency-Key": "k1"}
    assert (
        await rest_school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "a"}, headers=key)
    ).status == 200
    reply = await rest_school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "b"}, headers=key)
    assert (reply.status, reply.code) == (409, "conflict")


async def test_keys_of_two_people_do_not_meet(rest_school: School) -> None:
    await open_room(rest_school)
    for who in (ANN, BOB):
        reply = await rest_school.call(
            "POST", "/api/rooms/r1/messages", who, body={"text": "x"}, headers={"Idempotency-Key": "k1"}
        )
        assert "again" not in reply.body


@pytest.mark.parametrize("key", ["x" * 256, "a b", "\u00e9"])
async def test_a_key_that_is_none_is_refused(rest_school: School, key: str) -> None:
    await open_room(rest_school)
    reply = await rest_school.call(
        "POST", "/api/rooms/r1/messages", ANN, body={"text": "x"}, headers={"Idempotency-Key": key}
    )
    assert (reply.status, reply.code) == (400, "bad_command")


async def test_a_key_survives_a_crash_of_the_server(nursery: trio.Nursery) -> None:
    first = await School().open(nursery)
    await open_room(first)
    key = {"Idempotency-Key": "k1"}
    before = await first.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "x"}, headers=key)
    second = await School(journal=MemoryJournal(first.journal.store)).open(nursery)
    after = await second.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "x"}, headers=key)
    assert after.body == {**before.body, "again": True}


async def test_a_used_up_budget_is_429_and_says_when(nursery: trio.Nursery) -> None:
    school = await School(budgets=BudgetSettings({"chat": Rate(1, 3)})).open(nursery)
    await open_room(school)
    replies = [await school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "x"}) for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    assert replies[-1].code == "rate_limited"
    assert int(replies[-1].headers["Retry-After"]) >= 1
    assert (await school.call("POST", "/api/rooms/r1/messages", BOB, body={"text": "x"})).status == 200


async def test_a_journal_that_is_away_is_503_and_comes_back(nursery: trio.Nursery, autojump_clock: object) -> None:
    school = await School().open(nursery)
    await open_room(school)
    school.journal.available = False
    reply = await school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "x"})
    assert (reply.status, reply.code) == (503, "unavailable")
    assert int(reply.headers["Retry-After"]) >= 1
    school.journal.available = True
    await trio.sleep(5)
    assert (await school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "y"})).status == 200
    page = await school.call("GET", "/api/rooms/r1/messages", ANN)
    assert [one["text"] for one in page.body["data"]["messages"]] == ["y"]


async def test_an_answer_that_does_not_come_is_a_timeout(nursery: trio.Nursery, autojump_clock: object) -> None:
    school = await School().open(nursery)
    await open_room(school)
    school.journal.fates = lambda method, stream: Fate(delay=3_600.0)
    began = trio.current_time()
    reply = await school.call("POST", "/api/rooms/r1/messages", ANN, body={"text": "x"})
    assert (reply.status, reply.code) == (503, "timeout")
    assert trio.current_time() - began == 5.0


async def test_one_s_own_presence_needs_no_id(rest_school: School) -> None:
    reply = await rest_school.call("PUT", "/api/presence/status", ANN, body={"status": "busy", "activity": "Quiz"})
    assert reply.status == 200
    assert reply.body["pos"][0] == "presence:ann"
    assert (await rest_school.call("POST", "/api/presence/heartbeat", ANN)).status == 200
    mine = (await rest_school.call("GET", "/api/presence/mine", ANN)).body["data"]
    assert (mine["chosen"], mine["activity"]) == ("busy", "Quiz")


async def test_a_verb_without_a_door_cannot_be_reached(rest_school: School) -> None:
    for verb in ("connected", "disconnected", "enter", "exit"):
        assert (await rest_school.call("POST", f"/api/presence/ann/{verb}", ("root", "super_admin"))).status == 404
