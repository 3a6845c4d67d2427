"""What was somebody's to see is so no longer: over real sockets, from the program as it is served, by REST, by resuming and by catching up.

Another server on the same database is played by SQL. Never here: each kind of channel and each way of taking back
(`tests.http.test_channel_access`, `tests.records.test_past`).
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
import pytest
import trio

from homeroom.engine.clock import TrioClock
from homeroom.engine.database import open_database
from homeroom.http.keys import KeyRing, own_key
from homeroom.http.tokens import Tokens
from tests.conftest import TRIAL
from tests.e2e.rest import rest, sent
from tests.e2e.server import Server
from tests.http.peer import Peer, dial

ADMIN, TEACHER = "demo-admin", "demo-teacher-1"
PATIENCE_S = 20.0
"""Longer than any wait that can end well."""
GONE_S = 5.0
REVOKED = 4403
PASSWORD = "open sesame 1"
NUMBERS = count(1)


async def made(http: httpx.AsyncClient, role: str) -> str:
    """Return the id of a new person."""
    person = f"rights-{next(NUMBERS)}"
    await sent(http, "POST", "/api/users", id=person, login=person, name="Person", role=role, password=PASSWORD)
    return person


def token(server: Server, person: str, role: str) -> str:
    return Tokens(KeyRing([own_key(server.data)]), TrioClock(int(time.time() * 1000))).issue(person, "Person", role)


async def enter(server: Server, person: str, role: str) -> Peer:
    """Return a welcomed connection of somebody who is no demo person."""
    peer = await dial(server.port)
    await peer.shake_hands()
    await peer.hello(token(server, person, role))
    return peer


@asynccontextmanager
async def doors(server: Server, bearer: str) -> AsyncIterator[httpx.AsyncClient]:
    """Offer the doors to whoever the token says."""
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=30) as http:
        yield http


async def class_of(http: httpx.AsyncClient, **people: str) -> str:
    """Return the id of a new class; `people` are ids by part."""
    made_id = f"rights-class-{next(NUMBERS)}"
    await sent(http, "POST", "/api/classes", id=made_id, title="Class")
    for part, person in people.items():
        await sent(http, "POST", "/api/class-memberships", class_id=made_id, user_id=person, part=part)
    return made_id


async def caught_up(http: httpx.AsyncClient, stream: str) -> Any:
    """Return what somebody is told of a stream since the beginning."""
    reply = await http.get("/api/realtime/sync", params={"streams": stream, "since": "1"})
    assert reply.status_code == 200, reply.text
    return reply.json()["streams"][stream]


async def until_gone(http: httpx.AsyncClient, path: str) -> None:
    """Wait until there is nothing at a path."""
    with trio.fail_after(PATIENCE_S):
        while (await http.get(path)).status_code != 404:
            await trio.lowlevel.checkpoint()


async def resumed(peer: Peer, stream: str, epoch: str) -> list[Any]:
    """Subscribe from the beginning on, and return all events of the past; none may be missing."""
    answer = (await peer.ask("sub", to=stream, since=[epoch, 0]))["d"]
    assert answer["verdict"] == "resumed", answer
    events: list[Any] = []
    with trio.fail_after(PATIENCE_S):
        while len(events) < answer["count"]:
            frame = await peer.wait("ev", to=stream)
            assert frame["seq"] == len(events) + 1
            events += frame["e"]
    return events


@pytest.mark.parametrize("here", [True, False], ids=["by this server", "by another"])
async def test_who_is_no_teacher_any_more_follows_no_class_of_theirs(server: Server, here: bool) -> None:
    async with rest(server, ADMIN) as http, open_database(server.dsn, TRIAL, 2) as other:
        person = await made(http, "teacher")
        pupil = await made(http, "student")
        group = await class_of(http, teacher=person, student=pupil)
        term = await sent(http, "POST", "/api/terms", title="Term", starts_on="2026-09-01", ends_on="2026-12-20")
        card = await sent(http, "POST", "/api/report-cards", student_id=pupil, class_id=group, term_id=term["id"])
        streams = (f"class:{group}", f"reportcard:{card['id']}")
        peer = await enter(server, person, "teacher")
        for stream in streams:
            assert (await peer.ask("sub", to=stream))["t"] == "ok"
        began = time.monotonic()
        with trio.fail_after(PATIENCE_S):
            if here:
                await sent(http, "PATCH", f"/api/users/{person}", role="parent")
                assert (await peer.wait_closed()).code == REVOKED
            else:
                await other.execute("UPDATE users SET role = 'parent' WHERE id = $1", person)
                for stream in streams:
                    assert (await peer.wait("gone", to=stream))["code"] == "forbidden"
        assert time.monotonic() - began < GONE_S
        login = await sent(http, "POST", "/api/auth/login", login=person, password=PASSWORD)
        for bearer in (login["access_token"], *(() if here else (token(server, person, "teacher"),))):
            async with doors(server, bearer) as mine:
                for stream in streams:
                    assert (await caught_up(mine, stream))["code"] == "not_found"
        if not here:
            assert (await peer.ask("sub", to=streams[0]))["code"] == "not_found"
        await peer.aclose()


async def test_the_history_of_a_deleted_course_is_nobodys(server: Server) -> None:
    async with rest(server, TEACHER) as hers, rest(server, "demo-teacher-2") as theirs:
        course = f"rights-course-{next(NUMBERS)}"
        await sent(hers, "POST", "/api/courses", id=course, code=course, title="Course")
        told = await sent(hers, "POST", "/api/announcements", title="Secret", body="Secret", course_id=course)
        await sent(hers, "DELETE", f"/api/announcements/{told['id']}")
        replies: list[httpx.Response] = []

        async def again() -> None:
            for _ in range(10):
                body = {"id": course, "code": f"{course}-2", "title": "Course"}
                replies.append(await theirs.post("/api/courses", json=body))

        async with trio.open_nursery() as nursery:  # before, while and after it is deleted
            nursery.start_soon(again)
            await sent(hers, "DELETE", f"/api/courses/{course}")
        await again()
        assert {(reply.status_code, reply.json()["code"]) for reply in replies} == {(409, "conflict")}
        assert replies[-1].json()["d"] == {"fields": ["id"]}
        assert (await caught_up(theirs, f"course:{course}"))["code"] == "not_found"


async def test_who_joins_later_or_comes_back_reads_nothing_that_was_taken_back(server: Server) -> None:
    async with rest(server, ADMIN) as http:
        pupil = await made(http, "student")
        group = await class_of(http)
        said = [
            (await sent(http, "POST", "/api/announcements", title=word, body=word, class_id=group))["id"]
            for word in ("Kept", "Deleted", "Narrowed", "Expired")
        ]
        ends = int(time.time() * 1000) + 50
        await sent(http, "DELETE", f"/api/announcements/{said[1]}")
        await sent(http, "PATCH", f"/api/announcements/{said[2]}", class_id=None, target_role="teacher")
        await sent(http, "PATCH", f"/api/announcements/{said[3]}", expires_at=ends)
        await sent(http, "POST", "/api/class-memberships", class_id=group, user_id=pupil, part="student")
        stream = f"class:{group}"
        peer = await enter(server, pupil, "student")
        epoch = (await peer.ask("sub", to=stream))["d"]["pos"][0]
        await peer.ask("unsub", to=stream)
        async with doors(server, token(server, pupil, "student")) as mine:
            await until_gone(mine, f"/api/announcements/{said[3]}")
            answer = await caught_up(mine, stream)
        for events in (answer["events"], await resumed(peer, stream, epoch)):
            words = json.dumps(events)
            assert [word for word in ("Kept", "Deleted", "Narrowed", "Expired") if word in words] == ["Kept"]
            assert {"id": said[1], "operation": "INSERT", "version": 1} in [event["d"] for event in events]
        assert answer["seq"] == 1
        await sent(http, "PATCH", f"/api/announcements/{said[0]}", title="Live")
        with trio.fail_after(PATIENCE_S):
            (event,) = (await peer.wait("ev", to=stream))["e"]
        assert event["d"]["row"]["title"] == "Live"
        await peer.aclose()


async def test_a_parent_whose_link_has_ended_finds_nothing_of_the_child_in_the_own_stream(server: Server) -> None:
    async with rest(server, ADMIN) as http:
        parent, child = await made(http, "parent"), await made(http, "student")
        link = await sent(http, "POST", "/api/guardians", guardian_id=parent, ward_id=child)
        hers, theirs = token(server, parent, "parent"), token(server, child, "student")
        async with doors(server, theirs) as pupil, doors(server, hers) as mine:
            await sent(pupil, "POST", "/api/entries", title="Private", body="Private")
            assert "Private" in json.dumps(await caught_up(mine, f"user:{parent}"))
            await sent(http, "DELETE", f"/api/guardians/{link['id']}")
            found = await caught_up(mine, f"user:{parent}")
            assert "entry.created" in [event["type"] for event in found["events"]]
            assert "Private" not in json.dumps(found)
