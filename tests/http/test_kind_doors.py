"""The doors that follow from a kind's row beside its first ones: other names, made ids, lists, sheets, things and replays."""

import re
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from homeroom.actors.kinds import KINDS
from homeroom.bootstrap import inner_verbs
from homeroom.engine.journal_memory import Fate, MemoryJournal
from homeroom.engine.kind import Kind, Verb
from homeroom.engine.settings import EngineSettings
from homeroom.http.app import all_routes
from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.http.metrics import Metrics
from homeroom.http.rest import twin_paths
from homeroom.http.routes import check_doors
from homeroom.http.things import REPLAY_MAX
from homeroom.protocol.access import EVERYBODY
from tests.http.diary import AFTER_OF_ANOTHER_LIST, DIARY, Begin, Note
from tests.http.rest_school import Reply, School

ANN, BOB, TESS, ADA, PAM = (
    ("ann", "student"),
    ("bob", "student"),
    ("tess", "teacher"),
    ("ada", "admin"),
    ("pam", "parent"),
)
ID = re.compile(r"\A[a-z2-7]{26}\Z")


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    return await School(kinds=(DIARY,)).open(nursery)


async def begin(school: School, title: str, who: tuple[str, str] = ANN, key: str | None = None) -> Reply:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await school.call("POST", "/api/diaries", who, body={"title": title}, headers=headers)


async def write(school: School, count: int, who: tuple[str, str] = ANN) -> None:
    """Make the diary `d` with so many notes."""
    await school.do("diary:d", Begin("Days"), who)
    for number in range(count):
        await school.do("diary:d", Note(f"day {number}"), who)


# --- made ids


async def test_the_server_makes_the_id_of_a_new_thing_and_says_where_it_is(school: School) -> None:
    first, second = await begin(school, "One"), await begin(school, "Two")
    assert first.status == second.status == 201
    assert ID.match(first.body["id"])
    assert first.body["id"] != second.body["id"]
    assert first.body["pos"] == [f"diary:{first.body['id']}", 1]
    assert first.headers["Location"] == f"/api/diaries/{first.body['id']}"
    assert (await school.call("GET", first.headers["Location"], ANN)).body["title"] == "One"


async def test_a_new_thing_asked_for_again_with_its_key_is_the_same_thing(school: School) -> None:
    first, again = await begin(school, "One", key="k"), await begin(school, "One", key="k")
    assert again.body == {**first.body, "again": True}
    assert (first.status, again.status) == (201, 201)
    assert len((await school.call("GET", "/api/diaries", ANN)).body["items"]) == 1


async def test_a_key_is_a_person_s_own_and_with_another_body_a_conflict(school: School) -> None:
    first, other = await begin(school, "One", key="k"), await begin(school, "One", BOB, key="k")
    assert other.body["id"] != first.body["id"]
    another = await begin(school, "Another", key="k")
    assert (another.code, "Idempotency-Key k came" in another.body["detail"]) == ("conflict", True)
    assert (await begin(school, "One", key="a b")).code == "bad_command"


async def test_a_thing_can_be_made_under_an_id_of_the_client_s_too(school: School) -> None:
    made = await school.call("PUT", "/api/diaries/mine", ANN, body={"title": "Mine"})
    assert (made.status, made.body["pos"]) == (201, ["diary:mine", 1])
    assert made.headers["Location"] == "/api/diaries/mine"
    assert "id" not in made.body
    assert (await school.call("PUT", "/api/diaries/mine", BOB, body={"title": "Mine"})).code == "conflict"


async def test_other_names_of_a_door_do_the_same(school: School) -> None:
    await write(school, 0)
    for method, path, body in (
        ("POST", "/api/diaries/d/note", {"text": "a"}),
        ("POST", "/api/diaries/d/notes", {"text": "b"}),
        ("PUT", "/api/diaries/d/notes/c", {}),
    ):
        assert (await school.call(method, path, ANN, body=body)).status == 200
    assert (await school.call("GET", "/api/diaries/d", ANN)).body["notes"] == ["a", "b", "c"]


# --- lists


async def test_a_list_goes_over_all_things_that_its_question_lets_the_caller_see(school: School) -> None:
    ids = {title: (await begin(school, title, who)).body["id"] for title, who in (("B", ANN), ("A", ANN), ("C", BOB))}
    mine = await school.call("GET", "/api/diaries", ANN)
    assert mine.body["items"] == [{"id": ids["A"], "title": "A"}, {"id": ids["B"], "title": "B"}]
    staffs = await school.call("GET", "/api/diaries", TESS)
    assert [row["title"] for row in staffs.body["items"]] == ["A", "B", "C"]
    bobs = await school.call("GET", "/api/diaries/of/bob", TESS)
    assert [row["title"] for row in bobs.body["items"]] == ["C"]
    found = await school.call("GET", "/api/diaries?part=b", TESS)
    assert [row["title"] for row in found.body["items"]] == ["B"]


async def test_a_list_is_paged_to_its_end_each_row_once(school: School) -> None:
    for number in range(7):
        await begin(school, f"T{number // 2}")
    seen, after, pages = [], "", 0
    while pages == 0 or after:
        reply = await school.call("GET", f"/api/diaries?limit=2&after={after}", ANN)
        seen += reply.body["items"]
        after, pages = reply.body["after"], pages + 1
    assert [row["title"] for row in seen] == ["T0", "T0", "T1", "T1", "T2", "T2", "T3"]
    assert len({row["id"] for row in seen}) == 7
    assert pages == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=p1.AAAA", "after"),
        (f"after={AFTER_OF_ANOTHER_LIST}", "after"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        (f"part={'x' * 101}", "part"),
        ("owner=bob", "owner"),
    ],
)
async def test_a_wrong_query_is_a_bad_command_that_names_the_field(school: School, query: str, field: str) -> None:
    reply = await school.call("GET", f"/api/diaries?{query}", ANN)
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", field)


@pytest.mark.parametrize("part", ["%25", "_", "'%20OR%201=1--", "%00"])
async def test_z6_what_looks_like_sql_or_a_wildcard_is_a_part_of_a_title_like_any_other(
    school: School, part: str
) -> None:
    await begin(school, "Plain")
    reply = await school.call("GET", f"/api/diaries?part={part}", ANN)
    assert (reply.status, reply.body["items"]) == (200, [])


async def test_a_list_for_some_roles_is_forbidden_to_the_others(school: School) -> None:
    for who, code in ((ANN, "forbidden"), (PAM, "forbidden"), (TESS, "ok"), (ADA, "ok")):
        assert (await school.call("GET", "/api/diaries/of/bob", who)).code == code
    assert (await school.call("GET", "/api/diaries")).status == 401


async def test_a_list_has_its_budget_and_says_when_the_journal_is_away(nursery: trio.Nursery) -> None:
    rates = BudgetSettings({"chat": Rate(1e6, 1e6), "read": Rate(0.1, 2)})
    school = await School(kinds=(DIARY,), budgets=rates).open(nursery)
    replies = [await school.call("GET", "/api/diaries", ANN) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    school.journal.available = False
    away = await school.call("GET", "/api/diaries", BOB)
    assert (away.status, away.code) == (503, "unavailable")


async def test_a_list_that_does_not_come_is_a_timeout(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    school = await School(kinds=(DIARY,)).open(nursery)
    school.journal.fates = lambda method, stream: Fate(delay=3_600.0 if method == "look_up" else 0.0)
    assert (await school.call("GET", "/api/diaries", ANN)).code == "timeout"
    assert school.engine.statistics()["look_ups"] == 0


async def test_so_many_questions_at_once_and_no_more(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    school = await School(kinds=(DIARY,)).open(nursery)
    school.journal.fates = lambda method, stream: Fate(delay=1.0 if method == "look_up" else 0.0)
    replies: list[str] = []

    async def ask() -> None:
        replies.append((await school.call("GET", "/api/diaries", ANN)).code)

    async with trio.open_nursery() as askers:
        for _ in range(EngineSettings().look_ups + 1):
            askers.start_soon(ask)
    assert sorted(set(replies)) == ["ok", "overloaded"]
    assert replies.count("overloaded") == 1


# --- sheets


async def test_z5_a_sheet_is_answered_as_csv_in_which_nothing_is_a_formula(school: School) -> None:
    await school.do("diary:d", Begin("Days"), ANN)
    await school.do("diary:d", Note('=HYPERLINK("http://evil")'), ANN)
    reply = await school.call("GET", "/api/diaries/d/export", TESS)
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="diary-d.csv"'
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.body == '"n","note"\r\n0,"\'=HYPERLINK(""http://evil"")"\r\n'
    assert (await school.call("GET", "/api/diaries/d/export", BOB)).code == "not_found"


async def test_z5_a_list_can_be_a_sheet_too(school: School) -> None:
    await begin(school, "-1+1")
    reply = await school.call("GET", "/api/diaries/sheet", ADA)
    assert (reply.headers["Content-Type"], reply.body) == ("text/csv; charset=utf-8", '"title"\r\n"\'-1+1"\r\n')


# --- things and replays


async def test_a_thing_is_shown_to_those_who_may_subscribe_and_does_not_exist_for_others(school: School) -> None:
    await write(school, 2)
    mine = await school.call("GET", "/api/diaries/d", ANN)
    assert mine.body == {"title": "Days", "owner": "ann", "notes": ["day 0", "day 1"]}
    assert mine.headers["ETag"] == f'W/"{school.engine.epoch}.3"'
    there, nowhere = [await school.call("GET", f"/api/diaries/{name}", BOB) for name in ("d", "nowhere")]
    assert (
        (there.status, there.body["detail"]) == (nowhere.status, nowhere.body["detail"]) == (404, there.body["detail"])
    )
    assert (await school.call("GET", "/api/diaries/a%20b", TESS)).status == 404


async def test_a_parent_sees_what_is_a_ward_s_as_long_as_it_is_one(school: School) -> None:
    await write(school, 1)
    codes = []
    for wards in ({"ann"}, {"bob"}, set[str](), {"ann", "bob"}):
        school.wards["pam"] = frozenset(wards)
        codes.append((await school.call("GET", "/api/diaries/d", PAM)).code)
    assert codes == ["ok", "not_found", "not_found", "ok"]
    school.wards["bob"] = frozenset({"ann"})
    assert (await school.call("GET", "/api/diaries/d", BOB)).code == "not_found", "only parents have wards"


async def test_a_replay_pages_all_events_with_their_numbers_and_times(school: School) -> None:
    await write(school, 6)
    seen, after = [], 0
    for length in (3, 3, 1):
        page = (await school.call("GET", f"/api/diaries/d/replay?after={after}&limit=3", ANN)).body
        assert len(page["events"]) == length
        seen += page["events"]
        after = page.get("next", 0)
    assert after == 0
    assert [event["seq"] for event in seen] == [*range(1, 8)]
    assert [event["type"] for event in seen] == ["diary.begun", *["diary.noted"] * 6]
    assert seen[1] == {"seq": 2, "at": seen[1]["at"], "type": "diary.noted", "by": "ann", "d": {"text": "day 0"}}
    assert all(event["at"] >= 1_700_000_000_000 for event in seen)
    assert (await school.call("GET", "/api/diaries/d/replay?after=7", ANN)).body == {"events": []}
    assert (await school.call("GET", "/api/diaries/d/replay?after=900", ANN)).body == {"events": []}


async def test_a_replay_shows_each_caller_what_a_subscriber_would_be_shown(school: School) -> None:
    await write(school, 1)
    staffs = (await school.call("GET", "/api/diaries/d/replay", TESS)).body["events"]
    assert [event["d"].get("text") for event in staffs] == [None, ""]
    assert (await school.call("GET", "/api/diaries/d/replay", BOB)).code == "not_found"


@pytest.mark.parametrize("query", ["limit=0", f"limit={REPLAY_MAX + 1}", "after=-1", f"after={2**53}", "after=x"])
async def test_a_wrong_page_of_a_replay_is_refused_by_its_field(school: School, query: str) -> None:
    reply = await school.call("GET", f"/api/diaries/d/replay?{query}", TESS)
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", query.partition("=")[0])


async def test_a_replay_goes_back_to_the_first_event_however_long_ago_and_after_a_restart(
    nursery: trio.Nursery,
) -> None:
    first = await School(kinds=(DIARY,)).open(nursery)
    first.engine._services.settings = EngineSettings(replay_events=5, ring=4)
    await write(first, 20)
    second = await School(kinds=(DIARY,), journal=MemoryJournal(first.journal.store)).open(nursery)
    second.engine._services.settings = EngineSettings(replay_events=5, ring=4)
    for school in (first, second):
        page = (await school.call("GET", "/api/diaries/d/replay?limit=3", ANN)).body
        assert ([event["seq"] for event in page["events"]], page["next"]) == ([1, 2, 3], 3)
        last = (await school.call("GET", "/api/diaries/d/replay?after=18", ANN)).body
        assert ([event["seq"] for event in last["events"]], "next" in last) == ([19, 20, 21], False)


# --- the table of doors


async def test_a_verb_or_a_list_at_the_door_of_a_thing_has_it_for_itself(nursery: trio.Nursery) -> None:
    taken = Verb(Note, EVERYBODY, "GET /api/diaries/{diary}")
    routes = all_routes(School(kinds=(with_verb(taken),)).parts, Metrics({}))
    names = [route.name for route in routes if (route.method, route.pattern) == ("GET", "/api/diaries/{}")]
    assert names == ["diary_note"]


def with_verb(verb: Verb) -> Kind:
    return replace(DIARY, verbs=(verb,))


async def test_two_doors_that_are_one_are_a_programmer_s_error() -> None:
    twice = Verb(Note, EVERYBODY, "GET /api/diaries/sheet")
    school = School(kinds=(with_verb(twice),))
    with pytest.raises(ValueError, match="two doors are one"):
        assert school.app


async def test_all_of_these_doors_are_described_with_what_they_take_and_answer(school: School) -> None:
    document = (await school.call("GET", "/openapi.json")).body
    paths = document["paths"]
    assert {path for path in paths if "diar" in path} == {
        "/api/diaries", "/api/diaries/{id}", "/api/diaries/{id}/note", "/api/diaries/{id}/notes",
        "/api/diaries/{id}/notes/{text}", "/api/diaries/{id}/export", "/api/diaries/{id}/replay",
        "/api/diaries/of/{person}", "/api/diaries/sheet",
    }  # fmt: skip
    begins = paths["/api/diaries"]["post"]
    assert "201" in begins["responses"]
    assert [one["name"] for one in paths["/api/diaries"]["get"]["parameters"]] == ["limit", "after", "person", "part"]
    of = paths["/api/diaries/of/{person}"]["get"]["parameters"]
    assert {(one["name"], one["in"]) for one in of} == {
        ("person", "path"), ("limit", "query"), ("after", "query"), ("part", "query"),
    }  # fmt: skip
    export = paths["/api/diaries/{id}/export"]["get"]["responses"]["200"]["content"]
    assert export == {"text/csv": {"schema": {"type": "string"}}}
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(names) == len(set(names))
    check_doors(all_routes(school.parts, Metrics({})))


@pytest.mark.parametrize("kind", ["rooms", "live-sessions", "exams", "study-groups", "office-hours"])
async def test_what_was_never_made_is_not_there_for_anybody(nursery: trio.Nursery, kind: str) -> None:
    school = await School().open(nursery)
    for role in ("super_admin", "admin", "teacher", "student", "parent"):
        assert (await school.call("GET", f"/api/{kind}/nowhere", ("pat", role))).status == 404, role
    assert (await school.call("GET", "/api/sittings/nowhere.ann", ("ada", "admin"))).status == 404
    for path in ("/api/notifications", "/api/presence/pat", "/api/leaderboards/weekly.all"):
        assert (await school.call("GET", path, ("pat", "student"))).status == 200, path


async def test_what_nobody_may_look_at_has_no_door(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    assert (await school.call("GET", "/api/halls/1", ("ada", "admin"))).body["detail"].startswith("there is nothing at")


@pytest.mark.parametrize(
    ("door", "body", "told"),
    [
        ("GET /api/exams?status=foo", None, "status: expected nothing or `draft` or `published`"),
        ("POST /api/notifications/abc/read", {}, "expected the number of the posting event"),
        ("POST /api/live-sessions", {"title": "x", "recording": "http://x"}, "recording: no such field"),
    ],
)
async def test_a_text_of_another_form_is_told_in_words_and_not_by_a_pattern(
    nursery: trio.Nursery, door: str, body: object, told: str
) -> None:
    school = await School().open(nursery)
    method, path = door.split(" ")
    reply = await school.call(method, path, ("tess", "teacher"), body=body)
    assert reply.code == "bad_command"
    assert told in reply.body["detail"]
    assert "\\" not in reply.body["detail"]


# --- addresses for ids


async def test_a_door_takes_the_address_of_its_kind_for_the_id_and_that_of_no_other(school: School) -> None:
    await write(school, 1)
    named = await school.call("GET", "/api/diaries/d", ANN)
    assert (await school.call("GET", "/api/diaries/diary:d", ANN)).body == named.body
    replayed = await school.call("GET", "/api/diaries/diary:d/replay", ANN)
    assert replayed.body == (await school.call("GET", "/api/diaries/d/replay", ANN)).body
    written = await school.call("POST", "/api/diaries/diary:d/note", ANN, body={"text": "by address"})
    assert written.body["pos"] == ["diary:d", 3]
    for strange in ("room:d", "diary:diary:d", "diary:", ":d"):
        assert (await school.call("GET", f"/api/diaries/{strange}", ANN)).code == "not_found"


async def test_a_board_that_cannot_be_is_not_found_with_the_ids_that_there_are(rest_school: School) -> None:
    told = await rest_school.call("GET", "/api/leaderboards/daily.all", ANN)
    assert told.code == "not_found"
    assert "weekly, monthly, all_time" in told.body["detail"]
    assert (await rest_school.call("GET", "/api/leaderboards/weekly.all", ANN)).body["period"] == "weekly"


async def test_the_sheet_of_results_has_a_door_with_the_name_of_its_file(rest_school: School) -> None:
    students = [{"id": "ann", "name": "Ann"}]
    made = await rest_school.call("PUT", "/api/exams/mid", TESS, body={"title": "Midterm", "students": students})
    assert made.status == 201
    for door in ("/api/exams/mid/results", "/api/exams/mid/results.csv"):
        sheet = await rest_school.call("GET", door, TESS)
        assert (sheet.status, sheet.headers["Content-Type"].partition(";")[0]) == (200, "text/csv")
        assert "submitted" in sheet.body
        assert '"ann","Ann","listed",,"",0,0,0,,0' in sheet.body.splitlines(), "who never came has a line as well"
        assert (await rest_school.call("GET", door, ANN)).code == "not_found"


def test_the_verbs_of_the_engine_itself_are_known_so_that_no_answer_names_them() -> None:
    inner = inner_verbs(KINDS)
    assert inner["exam"] == {"call", "report"}
    assert "hand_over" in inner["session"]
    assert not inner["group"]
    for kind in KINDS:
        doors = {verb.command.do for verb in kind.verbs if twin_paths(kind, verb)}
        assert not inner[kind.name] & doors
