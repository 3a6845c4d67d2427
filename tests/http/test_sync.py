"""Catch-up over HTTP: verdicts and cursors like a subscription's, a long poll that wakes, and bounds on both."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from homeroom.engine.hub import Windows
from homeroom.http.sync import STREAMS_MAX, SyncLimits
from homeroom.protocol.chat import Say, Typing
from homeroom.protocol.rest_json import encode_json
from homeroom.protocol.room import Create, Join, Remove
from homeroom.records.logins import Ended
from tests.http.rest_school import Reply, School

ANN, BOB, TEACHER = ("ann", "student"), ("bob", "student"), ("tess", "teacher")
MESSAGE = "room.message_posted"
Jumping = trio.testing.MockClock
"""Asked for by each test itself: a clock that only a fixture asks for is not put in."""


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    """Return a school with two rooms that Ann is in."""
    school = await School().open(nursery)
    for room in ("room:a", "room:b"):
        await school.do_all(room, (Create(room), TEACHER), (Join(), ANN))
    return school


async def sync(school: School, query: str, who: tuple[str, str] = ANN) -> dict[str, Any]:
    reply = await school.call("GET", f"/api/realtime/sync?{query}", who)
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.body
    return answer


def texts(stream: dict[str, Any]) -> list[str]:
    return [event["d"]["text"] for event in stream["events"] if event["type"] == MESSAGE]


async def test_without_a_cursor_each_stream_is_a_snapshot(autojump_clock: Jumping, school: School) -> None:
    await school.do("room:a", Say("hello"), ANN)
    answer = await sync(school, "streams=room:a,room:b")
    assert set(answer) == {"cursor", "streams", "more"}
    room = answer["streams"]["room:a"]
    assert (room["verdict"], room["pos"]) == ("snapshot", [school.engine.epoch, 4])
    assert room["state"]["chat"]["messages"][0]["text"] == "hello"
    assert answer["streams"]["room:b"]["verdict"] == "snapshot"
    assert not answer["more"]


async def test_with_the_cursor_come_exactly_the_missed_events(autojump_clock: Jumping, school: School) -> None:
    first = await sync(school, "streams=room:a,room:b")
    for text in ("one", "two"):
        await school.do("room:a", Say(text), ANN)
    second = await sync(school, f"streams=room:a,room:b&since={first['cursor']}")
    room = second["streams"]["room:a"]
    assert (room["verdict"], room["seq"], room["pos"][1], texts(room)) == ("resumed", 4, 5, ["one", "two"])
    assert room["events"][0]["by"] == "ann"
    assert set(room["events"][0]) == {"type", "at", "by", "d"}
    assert second["streams"]["room:b"]["events"] == []
    third = await sync(school, f"streams=room:a,room:b&since={second['cursor']}")
    assert [stream["events"] for stream in third["streams"].values()] == [[], []]


async def test_a_stream_that_the_cursor_does_not_name_is_a_snapshot(autojump_clock: Jumping, school: School) -> None:
    first = await sync(school, "streams=room:a")
    second = await sync(school, f"streams=room:a,room:b&since={first['cursor']}")
    assert [stream["verdict"] for stream in second["streams"].values()] == ["resumed", "snapshot"]


async def test_a_long_absence_comes_in_pages_and_more_says_so(autojump_clock: Jumping, school: School) -> None:
    first = await sync(school, "streams=room:a")
    for number in range(700):
        await school.do("room:a", Say(str(number)), ANN)
    found, cursor, more = list[str](), first["cursor"], True
    while more:
        answer = await sync(school, f"streams=room:a&since={cursor}&wait=20")
        assert answer["streams"]["room:a"]["verdict"] == "resumed"
        found += texts(answer["streams"]["room:a"])
        cursor, more = answer["cursor"], answer["more"]
        assert len(found) in {500, 700}
    assert found == [str(number) for number in range(700)]


async def test_a_time_is_mapped_to_the_first_event_at_or_after_it(autojump_clock: Jumping, school: School) -> None:
    await school.do("room:a", Say("early"), ANN)
    await trio.sleep(10)
    at = school.clock.now()
    for text in ("late", "later"):
        await school.do("room:a", Say(text), ANN)
    answer = await sync(school, f"streams=room:a&since={at}")
    assert texts(answer["streams"]["room:a"]) == ["late", "later"]
    assert texts((await sync(school, "streams=room:a&since=0"))["streams"]["room:a"]) == ["early", "late", "later"]
    assert texts((await sync(school, f"streams=room:a&since={at + 10**9}"))["streams"]["room:a"]) == []


async def test_z3_what_may_not_be_read_is_refused_stream_by_stream(autojump_clock: Jumping, school: School) -> None:
    await school.do("room:closed", Create("secret title", "closed"), TEACHER)
    answer = await sync(school, "streams=room:a,room:closed,room:none,table:exams&tables=users", ANN)
    streams = answer["streams"]
    assert streams["room:a"]["verdict"] == "snapshot"
    for name in ("room:closed", "room:none", "table:exams", "table:users"):
        assert streams[name]["verdict"] == "refused"
        assert streams[name]["code"] == "not_found"
        assert set(streams[name]) == {"verdict", "code", "msg"}
    assert streams["room:closed"]["msg"] == streams["room:none"]["msg"]
    assert (await sync(school, "streams=room:a", BOB))["streams"]["room:a"]["code"] == "forbidden"


async def test_somebody_elses_cursor_opens_nothing(autojump_clock: Jumping, school: School) -> None:
    cursor = (await sync(school, "streams=room:a"))["cursor"]
    answer = await sync(school, f"streams=room:a&since={cursor}", BOB)
    assert answer["streams"]["room:a"]["verdict"] == "refused"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "streams=",
        "streams=,,",
        "streams=nonsense",
        "streams=room:a%20b",
        "streams=ROOM:a",
        "streams=room:" + "x" * 65,
        "streams=" + ",".join(f"room:r{n}" for n in range(STREAMS_MAX + 1)),
        "streams=room:a&wait=-1",
        "streams=room:a&wait=61",
        "streams=room:a&wait=nan",
        "streams=room:a&wait=x",
        "streams=room:a&since=nonsense",
        "streams=room:a&since=c1.",
        "streams=room:a&since=c1.bm9uc2Vuc2U",
        "streams=room:a&since=c1.eyJhdCI6eyJyb29tOmEiOlsiZSIsLTFdfX0",
        "streams=room:a&since=-5",
        "streams=room:a&since=1.5",
        "streams=room:a&since=" + "9" * 400 + "x",
    ],
)
async def test_what_makes_no_sense_is_a_bad_command(autojump_clock: Jumping, school: School, query: str) -> None:
    reply = await school.call("GET", f"/api/realtime/sync?{query}", ANN)
    assert (reply.status, reply.code) == (400, "bad_command")


async def test_what_is_wrong_is_said_of_the_parameter_in_which_it_stands(
    autojump_clock: Jumping, school: School
) -> None:
    for query, field in (("streams=nonsense&tables=users", "streams"), ("streams=room:a&tables=a%20b", "tables")):
        reply = await school.call("GET", f"/api/realtime/sync?{query}", ANN)
        assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)


async def test_nobody_syncs_without_a_token(autojump_clock: Jumping, school: School) -> None:
    assert (await school.call("GET", "/api/realtime/sync?streams=room:a")).status == 401


class Poll:
    """A long poll under way."""

    def __init__(self, school: School, query: str, who: tuple[str, str] = ANN) -> None:
        self.reply: Reply | None = None
        self.after: float | None = None
        self._school, self._query, self._who = school, query, who

    async def run(self) -> None:
        began = trio.current_time()
        self.reply = await self._school.call("GET", f"/api/realtime/sync?{self._query}", self._who)
        self.after = trio.current_time() - began

    @property
    def streams(self) -> dict[str, Any]:
        assert self.reply is not None
        assert self.reply.status == 200
        streams: dict[str, Any] = self.reply.body["streams"]
        return streams


Begins = Callable[..., Awaitable[Poll]]


@pytest.fixture
def begin(school: School, nursery: trio.Nursery) -> Begins:
    """Return a function that starts a long poll from now on and returns when it waits."""

    async def start(streams: str = "room:a", wait: int = 25, who: tuple[str, str] = ANN) -> Poll:
        cursor = (await sync(school, f"streams={streams}", who))["cursor"]
        poll = Poll(school, f"streams={streams}&since={cursor}&wait={wait}", who)
        nursery.start_soon(poll.run)
        with trio.fail_after(1):
            while sum(school.hub.watchers(name) for name in streams.split(",")) < streams.count(",") + 1:
                await trio.testing.wait_all_tasks_blocked()
        return poll

    return start


async def settle() -> None:
    await trio.sleep(Windows().calm_ms / 1000 + 0.1)


async def test_a_long_poll_is_answered_by_the_next_event_of_any_of_its_streams(
    autojump_clock: Jumping, school: School, begin: Begins
) -> None:
    poll = await begin("room:a,room:b")
    await trio.sleep(3)
    assert poll.reply is None
    await school.do("room:b", Say("hello"), ANN)
    await settle()
    assert texts(poll.streams["room:b"]) == ["hello"]
    assert poll.streams["room:a"]["events"] == []
    assert poll.after == pytest.approx(3.0, abs=0.1)
    assert school.hub.watchers("room:a") == school.hub.watchers("room:b") == 0


async def test_a_long_poll_ends_with_its_time_and_goes_on_where_it_was(
    autojump_clock: Jumping, school: School, begin: Begins
) -> None:
    poll = await begin(wait=25)
    await trio.sleep(30)
    assert poll.after == pytest.approx(25.0, abs=0.1)
    assert poll.streams["room:a"] == {"verdict": "resumed", "pos": [school.engine.epoch, 3], "seq": 4, "events": []}
    await school.do("room:a", Say("late"), ANN)
    assert poll.reply is not None
    answer = await sync(school, f"streams=room:a&since={poll.reply.body['cursor']}")
    assert texts(answer["streams"]["room:a"]) == ["late"]


async def test_a_signal_wakes_no_long_poll(autojump_clock: Jumping, school: School, begin: Begins) -> None:
    poll = await begin(wait=20)
    await school.do("room:a", Typing(), TEACHER)
    await trio.sleep(10)
    assert poll.reply is None
    await trio.sleep(11)
    assert poll.streams["room:a"]["events"] == []


async def test_whoever_is_removed_meanwhile_is_told_at_once_and_nothing_else(
    autojump_clock: Jumping, school: School, begin: Begins
) -> None:
    poll = await begin()
    await trio.sleep(1)
    await school.do("room:a", Remove("ann"), TEACHER)
    await school.do("room:a", Say("behind her back"), TEACHER)
    await settle()
    assert poll.after == pytest.approx(1.0, abs=0.5)
    assert poll.streams["room:a"]["verdict"] == "refused"
    assert "behind" not in str(poll.streams)


async def test_a_poll_that_has_something_to_say_does_not_wait(autojump_clock: Jumping, school: School) -> None:
    began = trio.current_time()
    for query in ("streams=room:a&wait=25", "streams=room:none&wait=25", "streams=room:a&since=0&wait=25"):
        await sync(school, query)
    assert trio.current_time() == began


async def test_a_client_that_goes_away_leaves_nothing_behind(autojump_clock: Jumping, school: School) -> None:
    cursor = (await sync(school, "streams=room:a"))["cursor"]
    with trio.move_on_after(5):
        await sync(school, f"streams=room:a&since={cursor}&wait=25")
    assert school.sync.statistics() == {"polls": 0, "people": 0, "held_bytes": 0}
    assert school.hub.watchers("room:a") == 0


async def test_a_stop_answers_all_that_wait_and_holds_nothing_open_after_it(
    autojump_clock: Jumping, school: School, begin: Begins
) -> None:
    poll = await begin()
    school.sync.stop()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert poll.streams["room:a"]["events"] == []
    began = trio.current_time()
    assert poll.reply is not None
    await sync(school, f"streams=room:a&since={poll.reply.body['cursor']}&wait=25")
    assert trio.current_time() == began


async def test_open_polls_are_bounded_for_each_person_and_in_all(
    nursery: trio.Nursery, autojump_clock: Jumping
) -> None:
    school = await School(limits=SyncLimits(polls_per_user=2, polls=3)).open(nursery)
    await school.do_all("room:a", (Create("A"), TEACHER), (Join(), ANN), (Join(), BOB))
    cursor = (await sync(school, "streams=room:a"))["cursor"]
    query = f"streams=room:a&since={cursor}&wait=20"
    for who in (ANN, ANN, BOB):
        nursery.start_soon(Poll(school, query, who).run)
    await trio.sleep(1)
    assert school.sync.statistics() == {"polls": 3, "people": 2, "held_bytes": 0}
    mine = await school.call("GET", f"/api/realtime/sync?{query}", ANN)
    assert (mine.status, mine.code) == (429, "rate_limited")
    other = await school.call("GET", f"/api/realtime/sync?{query}", BOB)
    assert (other.status, other.code) == (503, "overloaded")
    await trio.sleep(20)
    assert school.sync.statistics() == {"polls": 0, "people": 0, "held_bytes": 0}


async def test_a_journal_that_is_away_is_503(autojump_clock: Jumping, school: School) -> None:
    school.journal.available = False
    reply = await school.call("GET", "/api/realtime/sync?streams=room:a&since=5", ANN)
    assert (reply.status, reply.code) == (503, "unavailable")
    assert "Retry-After" in reply.headers


# --- what ends while a poll waits


async def test_a10_a_poll_whose_login_ends_is_401_at_once_and_says_nothing(
    autojump_clock: Jumping, school: School, begin: Begins
) -> None:
    poll, other = await begin(), await begin("room:b", who=TEACHER)
    await trio.sleep(2)
    school.revocations.add(Ended("ann", "", school.clock.now()))
    assert school.sync.revoke("ann", None) == 1
    await school.do("room:a", Say("after the end"), TEACHER)
    await settle()
    assert poll.reply is not None
    assert (poll.reply.status, poll.reply.code) == (401, "unauthenticated")
    assert poll.after == pytest.approx(2.0, abs=0.1)
    assert "after the end" not in str(poll.reply.body)
    assert other.reply is None


async def test_a10_only_the_polls_of_the_login_that_ends_are_woken(autojump_clock: Jumping, school: School) -> None:
    cursor = (await sync(school, "streams=room:a"))["cursor"]
    replies = dict[str, Reply]()

    async def poll(family: str) -> None:
        bearer = {"Authorization": f"Bearer {school.tokens.issue('ann', 'Ann', 'student', family=family)}"}
        path = f"/api/realtime/sync?streams=room:a&since={cursor}&wait=25"
        replies[family] = await school.call("GET", path, headers=bearer)

    async with trio.open_nursery() as nursery:
        for family in ("phone", "laptop"):
            nursery.start_soon(poll, family)
        await trio.sleep(1)
        school.revocations.add(Ended("ann", "phone", school.clock.now()))
        assert school.sync.revoke("ann", "phone") == 1
        await trio.sleep(1)
        assert {family: reply.status for family, reply in replies.items()} == {"phone": 401}
        await school.do("room:a", Say("still here"), ANN)
    assert replies["laptop"].status == 200


async def test_a10_an_end_that_nobody_rang_for_is_seen_before_the_answer(
    autojump_clock: Jumping, school: School, begin: Begins
) -> None:
    poll = await begin()
    school.revocations.add(Ended("ann", "", school.clock.now() + 1_000))
    await school.do("room:a", Say("after the end"), TEACHER)
    await settle()
    assert poll.reply is not None
    assert (poll.reply.status, "after the end" in str(poll.reply.body)) == (401, False)


async def test_a10_a_poll_ends_when_its_token_expires(autojump_clock: Jumping, school: School) -> None:
    cursor = (await sync(school, "streams=room:a"))["cursor"]
    bearer = {"Authorization": f"Bearer {school.tokens.issue('ann', 'Ann', 'student', ttl_s=5)}"}
    began = trio.current_time()
    reply = await school.call("GET", f"/api/realtime/sync?streams=room:a&since={cursor}&wait=25", headers=bearer)
    assert reply.status == 401
    assert trio.current_time() - began == pytest.approx(5.0, abs=1.1)


# --- how large an answer may be


@pytest.fixture
async def narrow(nursery: trio.Nursery) -> School:
    """Return the school with a budget of 4 KB an answer and 12 KB a person."""
    school = await School(limits=SyncLimits(answer_bytes=4_000, bytes_per_user=12_000)).open(nursery)
    for room in ("room:a", "room:b", "room:c"):
        await school.do_all(room, (Create(room), TEACHER), (Join(), ANN))
    return school


async def test_p10_events_beyond_the_budget_come_with_the_next_answers_none_missing(
    autojump_clock: Jumping, narrow: School
) -> None:
    names = ("room:a", "room:b", "room:c")
    cursor = (await sync(narrow, "streams=" + ",".join(names)))["cursor"]
    for name in names:
        for number in range(20):
            await narrow.do(name, Say(f"{number} " + "x" * 500), ANN)
    found: dict[str, list[str]] = {name: [] for name in names}
    answers, more = 0, True
    while more:
        reply = await narrow.call("GET", f"/api/realtime/sync?streams={','.join(names)}&since={cursor}", ANN)
        assert len(encode_json(reply.body)) < 5_500
        for name, stream in reply.body["streams"].items():
            assert stream["verdict"] == "resumed"
            assert stream["pos"][1] == stream["seq"] + len(stream["events"]) - 1
            found[name] += [text.split()[0] for text in texts(stream)]
        cursor, more = reply.body["cursor"], reply.body["more"]
        answers += 1
    assert found == {name: [str(number) for number in range(20)] for name in names}
    assert answers > 6


async def test_p10_a_state_larger_than_the_budget_goes_alone(autojump_clock: Jumping, narrow: School) -> None:
    for name in ("room:a", "room:b"):
        for _ in range(10):
            await narrow.do(name, Say("x" * 1_000), ANN)
    first = await sync(narrow, "streams=room:a,room:b,room:c")
    assert (list(first["streams"]), first["more"]) == (["room:a"], True)
    second = await sync(narrow, f"streams=room:a,room:b,room:c&since={first['cursor']}")
    assert second["streams"]["room:a"]["events"] == []
    assert second["streams"]["room:b"]["verdict"] == "snapshot"
    third = await sync(narrow, f"streams=room:a,room:b,room:c&since={second['cursor']}")
    assert (third["streams"]["room:c"]["verdict"], third["more"]) == ("snapshot", False)


async def test_p10_whoever_does_not_read_gets_few_answers_at_a_time(autojump_clock: Jumping, narrow: School) -> None:
    unread = trio.Event()
    statuses = list[int]()
    asgi: Any = narrow.app
    path, headers = "/api/realtime/sync", [(b"authorization", narrow.bearer(*ANN)["Authorization"].encode())]
    scope = {"type": "http", "asgi": {}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
             "raw_path": path.encode(), "query_string": b"streams=room:a", "root_path": "", "headers": headers,
             "client": ("10.0.0.1", 1), "server": ("school", 80), "state": {}, "extensions": {}}  # fmt: skip

    async def ask() -> None:
        begun = False

        async def receive() -> dict[str, Any]:
            nonlocal begun
            if begun:
                await trio.sleep_forever()
            begun = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            if statuses[-1] == 200 and message.get("body"):
                await unread.wait()

        await asgi(dict(scope), receive, send)

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(ask)
        await trio.sleep(1)
        assert 3 <= statuses.count(200) < 30
        assert statuses.count(429) == 40 - statuses.count(200)
        assert 0 < narrow.sync.statistics()["held_bytes"] <= 12_000
        unread.set()
    assert narrow.sync.statistics()["held_bytes"] == 0
