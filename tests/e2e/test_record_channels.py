"""Channels of the records over real sockets, from the program as it is served: what REST writes is shown to those who may follow.

Another server on the same database is played by SQL. Never here: every kind, role and relation (`tests.http.test_channel_access`).
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
import pytest
import trio

from homeroom.engine.database import Database, open_database
from tests.conftest import TRIAL
from tests.e2e.rest import rest, sent
from tests.e2e.server import Server
from tests.http.peer import Peer

ADMIN, TEACHER, PUPIL, STRANGER = "demo-admin", "demo-teacher-1", "demo-student-1", "demo-student-2"
PATIENCE_S = 20.0
"""Longer than any wait that can end well."""
GONE_S = 5.0
BULK = """WITH head AS (UPDATE channels SET seq = seq + $2 WHERE stream = $1 RETURNING seq - $2 AS before, at)
INSERT INTO journal (stream, seq, type, at, by, body)
SELECT $1, before + n, 'class.updated', at, 'system', '\\x80'::bytea FROM head, generate_series(1, $2::int) AS numbers (n)"""
NUMBERS = count(1)


async def make_class(http: httpx.AsyncClient, *pupils: str) -> str:
    """Return the address of a new class with these pupils."""
    made = f"c-{next(NUMBERS)}"
    await sent(http, "POST", "/api/classes", id=made, title="Class")
    for pupil in pupils:
        await sent(http, "POST", "/api/class-memberships", class_id=made, user_id=pupil, part="student")
    return f"class:{made}"


async def numbers(peer: Peer, upto: int) -> list[int]:
    """Return the numbers of all events that come until number `upto` has come."""
    found = [frame["seq"] + n for frame in peer.others if frame["t"] == "ev" for n in range(len(frame["e"]))]
    peer.others.clear()
    with trio.fail_after(PATIENCE_S):
        while upto not in found:
            frame = await peer.wait("ev")
            found += [frame["seq"] + n for n in range(len(frame["e"]))]
    return found


async def test_a_write_is_shown_on_each_channel_and_what_was_missed_comes_after_a_reconnect(server: Server) -> None:
    async with rest(server, ADMIN) as http:
        address = await make_class(http, PUPIL)
        pupil, admin = await server.enter(PUPIL), await server.enter(ADMIN)
        joined = (await pupil.ask("sub", to=address))["d"]
        assert (joined["verdict"], joined["state"]["title"]) == ("snapshot", "Class")
        assert (await admin.ask("sub", to="table:classes"))["t"] == "ok"
        path = f"/api/classes/{address.partition(':')[2]}"
        await sent(http, "PATCH", path, title="Physics")
        with trio.fail_after(PATIENCE_S):
            (event,) = (await pupil.wait("ev", to=address))["e"]
            (entry,) = (await admin.wait("ev", to="table:classes"))["e"]
        assert (event["type"], event["by"], event["d"]["row"]["title"]) == ("class.updated", ADMIN, "Physics")
        assert set(entry["d"]) == {"id", "operation", "version"}
        epoch, seq = joined["pos"]
        pupil.reset()
        await pupil.stream.aclose()
        await sent(http, "PATCH", path, room="12")
        back = await server.enter(PUPIL)
        resumed = (await back.ask("sub", to=address, since=[epoch, seq]))["d"]
        assert (resumed["verdict"], resumed["count"], resumed["pos"]) == ("resumed", 2, [epoch, seq + 2])
        assert await numbers(back, seq + 2) == [seq + 1, seq + 2]
        await back.aclose()
        await admin.aclose()


async def test_one_too_far_behind_gets_a_snapshot_and_one_far_behind_every_event_once(server: Server) -> None:
    async with rest(server, ADMIN) as http, database(server) as other:
        address = await make_class(http)
        admin = await server.enter(ADMIN)
        epoch, seq = (await admin.ask("sub", to=address))["d"]["pos"]
        await admin.ask("unsub", to=address)
        await other.execute(BULK, address, 10_001)
        assert (await admin.ask("sub", to=address, since=[epoch, seq]))["d"]["verdict"] == "snapshot"
        await admin.ask("unsub", to=address)
        resumed = (await admin.ask("sub", to=address, since=[epoch, seq + 1]))["d"]
        assert (resumed["verdict"], resumed["count"]) == ("resumed", 10_000)
        assert await numbers(admin, seq + 10_001) == list(range(seq + 2, seq + 10_002))
        await admin.aclose()


async def test_what_another_server_writes_is_shown_in_order_to_those_who_follow_here(server: Server) -> None:
    async with rest(server, ADMIN) as http, database(server) as other:
        address = await make_class(http, PUPIL)
        pupil = await server.enter(PUPIL)
        _, seq = (await pupil.ask("sub", to=address))["d"]["pos"]
        await other.execute(BULK, address, 3)
        await sent(http, "PATCH", f"/api/classes/{address.partition(':')[2]}", title="Later")
        assert await numbers(pupil, seq + 4) == [seq + 1, seq + 2, seq + 3, seq + 4]
        await other.execute(BULK, address, 1)
        assert await numbers(pupil, seq + 5) == [seq + 5]
        await pupil.aclose()


async def test_who_loses_a_course_is_out_of_its_sessions_by_whichever_server_it_is_written(server: Server) -> None:
    """The first enrolment ends here, the second on another server."""
    course, here, there = f"cs-{next(NUMBERS)}", PUPIL, STRANGER
    async with rest(server, TEACHER) as http, database(server) as other:
        await sent(http, "POST", "/api/courses", id=course, code=course, title="Computing")
        rows = [await sent(http, "POST", "/api/enrolments", course_id=course, user_id=who) for who in (here, there)]
        plan = {"title": "Loops", "starts": int(time.time() * 1000) + 60_000, "course": course, "audience": "course"}
        address = f"session:{(await sent(http, 'POST', '/api/live-sessions', **plan))['id']}"
        pupils = [await server.enter(who) for who in (here, there)]
        for pupil in pupils:
            assert (await pupil.ask("cmd", to=address, do="join"))["t"] == "ok"
            assert (await pupil.ask("sub", to=address))["t"] == "ok"
        began = time.monotonic()
        await sent(http, "PATCH", f"/api/enrolments/{rows[0]['id']}", status="withdrawn")
        now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        change = f"UPDATE enrolments SET status = 'withdrawn', updated_at = {now} WHERE id = $1"  # noqa: S608 - said above
        await other.execute(change, rows[1]["id"])
        for pupil in pupils:
            with trio.fail_after(PATIENCE_S):
                assert (await pupil.wait("gone", to=address))["code"] == "forbidden"
            assert (await pupil.ask("sub", to=address))["code"] == "not_found"
            assert (await pupil.ask("cmd", to=address, do="join"))["code"] == "not_found"
            await pupil.aclose()
        assert time.monotonic() - began < GONE_S
        seen = (await http.get(f"/api/live-sessions/{address.partition(':')[2]}/attendees")).json()
        assert seen["data"]["inside"] == 0


@pytest.mark.parametrize("here", [True, False], ids=["by this server", "by another"])
async def test_who_is_taken_out_of_a_class_hears_that_it_is_over_and_nothing_more(server: Server, here: bool) -> None:
    async with rest(server, ADMIN) as http, database(server) as other:
        address = await make_class(http, PUPIL)
        pupil = await server.enter(PUPIL)
        assert (await pupil.ask("sub", to=address))["t"] == "ok"
        (row,) = await other.fetch("SELECT id FROM class_memberships WHERE class_id = $1", address.partition(":")[2])
        began = time.monotonic()
        if here:
            await sent(http, "DELETE", f"/api/class-memberships/{row['id']}")
        else:
            await other.execute("DELETE FROM class_memberships WHERE id = $1", row["id"])
        with trio.fail_after(PATIENCE_S):
            assert (await pupil.wait("gone", to=address))["code"] == "forbidden"
        assert time.monotonic() - began < GONE_S
        await sent(http, "PATCH", f"/api/classes/{address.partition(':')[2]}", title="Secret")
        await pupil.ping()
        assert not [frame for frame in pupil.others if "Secret" in str(frame)]
        refused = await pupil.ask("sub", to=address)
        assert (refused["t"], refused["code"]) == ("err", "not_found")
        await pupil.aclose()


async def test_a_stranger_is_told_of_nothing_and_nobody_commands_a_channel(server: Server) -> None:
    async with rest(server, ADMIN) as http:
        address = await make_class(http, PUPIL)
    stranger = await server.enter(STRANGER)
    for to, code in ((address, "not_found"), ("class:none", "not_found"), ("table:users", "forbidden")):
        assert (await stranger.ask("sub", to=to))["code"] == code
    assert (await stranger.do(address, "say", text="hello"))["code"] == "not_found"
    assert (await stranger.ask("sub", to=f"user:{STRANGER}"))["t"] == "ok"
    await stranger.aclose()


async def test_sync_takes_tables_and_a_time_and_waits_for_the_next_event(server: Server) -> None:
    async with rest(server, ADMIN) as http, rest(server, PUPIL) as mine:
        first = await make_class(http)
        every = (await http.get("/api/realtime/sync", params={"tables": "classes", "since": "1"})).json()
        classes = every["streams"]["table:classes"]
        assert (classes["verdict"], classes["seq"]) == ("resumed", 1)
        newest = classes["events"][-1]
        assert newest["d"] == {"id": first.partition(":")[2], "operation": "INSERT", "version": 1}
        at = {"tables": "class,exam,Live_Session,none-such", "since": str(newest["at"])}
        answer = (await http.get("/api/realtime/sync", params=at)).json()
        classes, exams = answer["streams"]["table:classes"], answer["streams"]["table:exams"]
        assert answer["streams"]["table:live-sessions"]["verdict"] == "resumed"
        unknown = answer["streams"]["table:none-such"]
        assert (unknown["verdict"], unknown["code"]) == ("refused", "not_found")
        assert "class_memberships, classes, " in unknown["msg"]
        assert (classes["verdict"], classes["events"], exams["events"]) == ("resumed", [newest], [])
        polled: list[Any] = []

        async def poll() -> None:
            waiting = {"tables": "classes,exams", "since": answer["cursor"], "wait": "20"}
            polled.append((await http.get("/api/realtime/sync", params=waiting)).json())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            with trio.fail_after(PATIENCE_S):
                while not await server.figure("homeroom_sync_polls"):
                    await trio.lowlevel.checkpoint()
            second = await make_class(http)
        (event,) = polled[0]["streams"]["table:classes"]["events"]
        assert event["d"]["id"] == second.partition(":")[2]
        theirs = (await mine.get("/api/realtime/sync", params={"tables": "classes", "streams": f"user:{PUPIL}"})).json()
        assert theirs["streams"]["table:classes"]["code"] == "forbidden"
        assert theirs["streams"][f"user:{PUPIL}"]["verdict"] == "snapshot"


@asynccontextmanager
async def database(server: Server) -> AsyncIterator[Database]:
    """Offer the database, as another server has it."""
    async with open_database(server.dsn, TRIAL, 2) as opened:
        yield opened


async def test_who_belongs_to_a_course_meets_its_people_in_its_sessions_and_is_told_of_what_concerns_them(
    server: Server,
) -> None:
    async with rest(server, ADMIN) as http, rest(server, TEACHER) as hers, rest(server, PUPIL) as mine:
        await sent(http, "POST", "/api/courses", id="cs1", code="cs1", title="Computing", teacher_id=TEACHER)
        pupil = await server.enter(PUPIL)
        assert (await pupil.ask("sub", to=f"inbox:{PUPIL}"))["t"] == "ok"
        assert (await mine.get("/api/presence/course/cs1")).status_code == 404
        await sent(hers, "POST", "/api/courses/cs1/enrol", people=[PUPIL])
        assert (await pupil.ask("sub", to="course:cs1"))["t"] == "ok"
        starts = int(time.time() * 1000) + 3_600_000
        plan = {"title": "Loops", "starts": starts, "course": "cs1", "audience": "course"}
        made = (await sent(hers, "POST", "/api/live-sessions", **plan))["id"]
        with trio.fail_after(PATIENCE_S):
            (event,) = (await pupil.wait("ev", to="course:cs1"))["e"]
        assert (event["type"], event["d"]["id"], event["by"]) == ("session.scheduled", made, TEACHER)
        await sent(hers, "POST", f"/api/live-sessions/{made}/start")
        await sent(mine, "POST", f"/api/live-sessions/{made}/join")
        roster = (await mine.get("/api/presence/course/cs1")).json()
        assert (roster["count"], {user["user"] for user in roster["users"]}) == (2, {TEACHER, PUPIL})
        async with rest(server, STRANGER) as other:
            assert (await other.post(f"/api/live-sessions/{made}/join")).status_code == 404
            assert (await other.get("/api/presence/course/cs1")).status_code == 404
        told = {"title": "Exams", "body": "Soon", "course_id": "cs1"}
        await sent(http, "POST", "/api/announcements", **told, publish_at=int(time.time() * 1000) + 300)
        with trio.fail_after(PATIENCE_S):
            notices = []
            while "announcement.published" not in notices:
                frame = await pupil.wait("ev", to=f"inbox:{PUPIL}")
                notices += [event["d"]["notice"]["type"] for event in frame["e"]]
        await pupil.aclose()
