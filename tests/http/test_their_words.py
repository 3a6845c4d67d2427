"""The words of other systems at the doors of live things: bodies as they wrote them mean ours, and nothing may be said twice."""

import pytest
import trio

from homeroom.actors.exam import EXAM
from homeroom.actors.exam_proctor import PROCTOR
from homeroom.actors.group_kind import GROUP
from homeroom.actors.presence import PRESENCE
from homeroom.actors.room import ROOM
from homeroom.actors.session import SESSION
from homeroom.actors.sitting import SITTING
from homeroom.actors.their_words import UNSAID_TYPE, read_file, read_public
from homeroom.engine.journal_memory import START_MS
from homeroom.protocol.instant import read_time
from tests.http.rest_school import School

ANN, BEN, TESS = ("ann", "student"), ("ben", "student"), ("tess", "teacher")
GROUPS, LESSONS = "/api/study-groups", "/api/live-sessions"
START = START_MS + 86_400_000
"""2025-06-16T15:06:40Z, in Unix ms."""


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    return await School(kinds=(GROUP, PRESENCE, ROOM, SESSION)).open(nursery)


@pytest.mark.parametrize(("said", "means"), [(True, "public"), (False, "private")])
async def test_a_group_that_is_public_or_not_is_made_and_changed_in_that_word(
    school: School, said: bool, means: str
) -> None:
    body = {"name": "Cases", "description": "Weekly", "specialty": "Cardiology", "maxMembers": 10, "isPublic": said}
    made = await school.call("POST", GROUPS, ANN, body=body)
    assert made.status == 201, made.body
    path = f"{GROUPS}/{made.body['id']}"
    shown = (await school.call("GET", path, ANN)).body
    assert (shown["visibility"], shown["max_members"], shown["specialty"]) == (means, 10, "Cardiology")
    assert (await school.call("PUT", path, ANN, body={"isPublic": not said})).code == "ok"
    assert (await school.call("GET", path, ANN)).body["visibility"] != means


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"isPublic": True, "visibility": "public"}, "visibility"),
        ({"isPublic": "yes"}, "visibility"),
        ({"is_public": True}, "is_public"),
        ({"maxMembers": 3, "max_members": 3}, "max_members"),
    ],
)
async def test_what_is_said_twice_or_is_no_such_value_names_the_field(
    school: School, body: dict[str, object], field: str
) -> None:
    reply = await school.call("POST", GROUPS, ANN, body={"name": "Cases", **body})
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)


async def test_a_file_beside_a_message_is_one_file_with_what_was_said_of_it(school: School) -> None:
    made = await school.call("POST", GROUPS, ANN, body={"name": "Cases"})
    path = f"{GROUPS}/{made.body['id']}"
    whole = {"fileUrl": "https://files.example/x/plan.pdf?v=2", "fileName": "Our plan.pdf", "fileSize": 1234}
    bodies = [
        {"message": "Look", "messageType": "file", **whole},
        {"message": "", "fileUrl": "/x/plan.pdf?v=2"},
        {"message": "No file", "messageType": "text"},
    ]
    for body in bodies:
        assert (await school.call("POST", f"{path}/message", ANN, body=body)).code == "ok"
    messages = (await school.call("GET", f"{path}/messages", ANN)).body["data"]["messages"]
    first = {"url": whole["fileUrl"], "name": "Our plan.pdf", "size": 1234, "type": UNSAID_TYPE}
    second = {"url": "/x/plan.pdf?v=2", "name": "plan.pdf", "size": 0, "type": UNSAID_TYPE}
    assert [message.get("file") for message in messages] == [first, second, None]
    assert [message.get("text", "") for message in messages] == ["Look", "", "No file"]
    for wrong in ({"fileUrl": "javascript:alert(1)"}, {"fileName": "a.pdf"}, {**whole, "fileSize": -1}):
        refused = await school.call("POST", f"{path}/message", ANN, body={"message": "Look", **wrong})
        assert refused.code == "bad_command"
        assert refused.body["d"]["field"].startswith("file")


async def test_rooms_and_sessions_take_messages_in_the_same_words(school: School) -> None:
    await school.call("PUT", "/api/rooms/talk", TESS, body={"title": "Talk"})
    lesson = await school.call("POST", LESSONS, TESS, body={"title": "Lesson", "starts": START})
    for path in ("/api/rooms/talk", f"{LESSONS}/{lesson.body['id']}"):
        said = await school.call("POST", f"{path}/messages", TESS, body={"message": "Hello", "messageType": "text"})
        assert said.code == "ok", said.body
        assert (await school.call("GET", f"{path}/messages", TESS)).body["data"]["messages"][-1]["text"] == "Hello"


@pytest.mark.parametrize(
    "times",
    [
        {"scheduledAt": "2025-06-16T15:06:40Z", "duration": 60},
        {"scheduledAt": "2025-06-16T17:06:40.000+02:00", "duration": 60},
        {"scheduledAt": START, "duration": 60},
        {"starts": "2025-06-16T15:06:40Z", "ends": "2025-06-16T17:06:40+01:00"},
        {"startTime": "2025-06-16T15:06:40Z", "endTime": START + 3_600_000},
        {"scheduledStartTime": "2025-06-16T15:06:40Z", "scheduledEndTime": "2025-06-16T16:06:40Z"},
    ],
)
async def test_a_session_is_planned_with_times_as_others_write_them(school: School, times: dict[str, object]) -> None:
    body = {"title": "JavaScript Fundamentals", "description": "Learn the basics", "capacity": 50, **times}
    made = await school.call("POST", LESSONS, TESS, body=body)
    assert made.status == 201, made.body
    path = f"{LESSONS}/{made.body['id']}"
    shown = (await school.call("GET", path, TESS)).body
    assert (shown["starts"], shown["ends"], shown["capacity"]) == (START, START + 3_600_000, 50)
    later = {name: value for name, value in times.items() if name in {"startTime", "scheduledAt"}}
    assert (await school.call("PUT", path, TESS, body={**later, "title": "Again"})).code == "ok"


@pytest.mark.parametrize("time", ["2025-06-16T15:06:40", "tomorrow", "", None, True])
async def test_a_time_without_an_offset_and_what_is_none_is_refused(school: School, time: object) -> None:
    for name in ("scheduledAt", "starts"):
        reply = await school.call("POST", LESSONS, TESS, body={"title": "Lesson", name: time})
        assert (reply.code, reply.body["d"]["field"]) == ("bad_command", "starts")


def test_what_cannot_be_read_goes_on_as_it_came() -> None:
    assert [read_time(one) for one in (5, "5 o'clock", None)] == [5, "5 o'clock", None]
    assert [read_public(one) for one in (1, "true", None)] == [1, "true", None]
    assert read_file(None, None, None)["name"] == "file"
    assert read_file("https://a.example/" + "x" * 300, None, None)["name"] == "x" * 255


async def test_exams_take_the_same_words_and_camel_case_in_bodies_and_queries(nursery: trio.Nursery) -> None:
    school = await School(kinds=(EXAM, PROCTOR, SITTING)).open(nursery)
    body = {
        "title": "Midterm", "courseId": "cs1", "duration": 45, "shuffleQuestions": True, "startTime": "2025-06-16T15:06:40Z",
        "endTime": START + 3_600_000,
    }  # fmt: skip
    made = await school.call("POST", "/api/exams", TESS, body=body)
    assert made.status == 201, made.body
    path = f"/api/exams/{made.body['id']}"
    assert (
        await school.call("PATCH", path, TESS, body={"shuffleOptions": True, "endTime": START + 7_200_000})
    ).code == "ok"
    settings = (await school.call("GET", path, TESS)).body["settings"]
    assert {name: settings[name] for name in ("course", "minutes", "opens", "closes")} == {
        "course": "cs1", "minutes": 45, "opens": START, "closes": START + 7_200_000,
    }  # fmt: skip
    assert settings["shuffle_questions"]
    assert settings["shuffle_options"]
    for query, found in (("courseId=cs1", 1), ("courseId=other", 0)):
        assert len((await school.call("GET", f"/api/exams?{query}", TESS)).body["items"]) == found
    for wrong, field in (({"courseId": "a", "course": "a"}, "course"), ({"shuffleQuestions": 1}, "shuffle_questions")):
        reply = await school.call("PATCH", path, TESS, body=wrong)
        assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)
    twice = await school.call("GET", "/api/exams?courseId=a&course=a", TESS)
    assert (twice.code, twice.body["d"]["field"]) == ("bad_command", "course")


async def test_an_answer_is_saved_in_the_words_of_others(nursery: trio.Nursery) -> None:
    verb = SITTING.verb("answer")
    assert verb is not None
    assert verb.words == {"answer": "value", "questionId": "question"}
    paths = (await (await School(kinds=(SITTING,)).open(nursery)).call("GET", "/openapi.json")).body["paths"]
    told = paths["/api/sittings/{id}/answer"]["post"]["requestBody"]["x-other-words"]
    assert told == {"answer": "value", "questionId": "question", "clientAt": "client_at"}


async def test_the_description_says_which_words_a_door_takes(school: School) -> None:
    paths = (await school.call("GET", "/openapi.json")).body["paths"]
    told = paths[GROUPS]["post"]["requestBody"]
    assert told["x-other-words"] == {"courseId": "course", "maxMembers": "max_members", "isPublic": "visibility"}
    assert "`isPublic` for `visibility`" in told["description"]
    assert paths["/api/presence/bulk"]["post"]["requestBody"]["x-other-words"] == {"userIds": "users"}
    assert "x-other-words" not in paths[f"{GROUPS}/{{id}}/join"]["post"]["requestBody"]
