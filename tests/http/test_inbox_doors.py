"""The doors of one's own inbox and of the leaderboards, by the names that the sources give them."""

import trio
from trio.testing import wait_all_tasks_blocked

from tests.http.rest_school import School

ANN, BEN, TEACHER, ADMIN = ("ann", "student"), ("ben", "student"), ("tia", "teacher"), ("ada", "admin")
EXAM = {"type": "EXAM_UPDATE", "title": "Your exam starts in 5 minutes", "priority": "high", "url": "/exams/123"}


async def test_a_notice_is_sent_listed_read_and_dismissed(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    sent = await school.call("POST", "/api/notifications/ann/send", TEACHER, body=EXAM)
    assert sent.body["data"] == {"id": "1"}
    await school.call("POST", "/api/notifications/send", ANN, body={"type": "note", "title": "Buy milk"})
    page = (await school.call("GET", "/api/notifications?limit=1", ANN)).body["data"]
    assert ([n["title"] for n in page["notifications"]], page["more"], page["unread"]) == (["Buy milk"], True, 2)
    older = (await school.call("GET", "/api/notifications?limit=5&before=2", ANN)).body["data"]
    assert [(n["id"], n["url"], n["priority"]) for n in older["notifications"]] == [("1", "/exams/123", "high")]
    assert (await school.call("POST", "/api/notifications/1/read", ANN)).body["data"] == {"unread": 1}
    waiting = (await school.call("GET", "/api/notifications?unread=true", ANN)).body["data"]
    everything = (await school.call("GET", "/api/notifications", ANN)).body["data"]
    assert waiting["notifications"] == [n for n in everything["notifications"] if n["id"] == "2"]
    assert (await school.call("POST", "/api/notifications/read-all", ANN)).body["data"] == {"unread": 0}
    assert (await school.call("DELETE", "/api/notifications/2", ANN)).status == 200
    left = (await school.call("GET", "/api/notifications", ANN)).body["data"]
    assert [n["id"] for n in left["notifications"]] == ["1"]
    assert (await school.call("POST", "/api/notifications/9/read", ANN)).code == "not_found"


async def test_a_missing_user_means_oneself_and_only_staff_name_another(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    assert (await school.call("POST", "/api/notifications/send", ANN, body=EXAM)).body["data"] == {"id": "1"}
    assert (await school.call("POST", "/api/notifications/send", ANN, body={**EXAM, "user": "ben"})).code == "forbidden"
    assert (await school.call("POST", "/api/notifications/ben/send", ANN, body=EXAM)).code == "forbidden"
    told = await school.call("POST", "/api/notifications/send", TEACHER, body={**EXAM, "user": "ben"})
    assert told.body["data"] == {"user": "ben"}
    bad = await school.call("POST", "/api/notifications/send", ANN, body={**EXAM, "url": "javascript:alert(1)"})
    assert (bad.status, bad.code) == (400, "bad_command")


async def test_a_leaderboard_is_scored_listed_and_stood_on(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    for user, points in (("ann", 10), ("ben", 20)):
        given = {"user": user, "name": user.title(), "points": points, "source": "quiz:1"}
        reply = await school.call("POST", "/api/leaderboards/weekly.math/score", TEACHER, body=given)
        assert reply.body["data"] == {"counted": True, "points": points}
    await wait_all_tasks_blocked(0.01)  # what somebody chose for all boards is asked before a first entry is shown
    found = (await school.call("GET", "/api/leaderboards/weekly.math/entries?limit=1", ANN)).body["data"]
    assert ([row["name"] for row in found["rows"]], found["more"], found["entries"]) == (["Ben"], True, 2)
    assert (found["own"]["row"]["rank"], found["period"], found["specialty"]) == (2, "weekly", "math")
    around = (await school.call("GET", "/api/leaderboards/weekly.math/standing?around=1", ANN)).body["data"]
    assert [row["place"] for row in around["rows"]] == [1, 2]
    assert (
        await school.call("PUT", "/api/leaderboards/weekly.math/alias", ANN, body={"alias": "Ben"})
    ).code == "conflict"
    assert (await school.call("POST", "/api/leaderboards/weekly.math/opt-out", BEN)).status == 200
    assert (await school.call("POST", "/api/leaderboards/weekly.math/recompute", ADMIN)).status == 200
    assert (await school.call("GET", "/api/leaderboards/daily.math/entries", ANN)).status == 404
