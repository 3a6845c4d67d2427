"""`docs/endpoints.md` agrees with a running server: every endpoint of the sources answers as its row says, at the path that the source wrote.

The rows are knocked at in the order of the page, so that what one makes is there for the next. Never here: the other doors.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.http.schema_school import SchemaSchool, open_schema_school

PAGE = Path(__file__).parents[2] / "docs" / "endpoints.md"
COLUMNS = ["source", "endpoint", "here", "who", "refused", "answers", "remark"]
OPEN_TO_ALL = {"/health"}
WORDS_ONLY = "realtime stats endpoint"
"""What a source asks for without a path."""
COUNTS = {"A": "10", "B": "2, and one without a path", "C": "27", "D": "0", "E": "25"}
"""How many endpoints each source names."""

HOUR = 3_600_000


@dataclass(frozen=True)
class Row:
    """One row of the page; `refused` is empty where nobody with a token is refused."""

    sources: tuple[str, ...]
    endpoint: str
    here: str
    refused: int
    status: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Knock:
    """How a row's door is knocked at: by whom, with which ids in the path, which query and body, and who is refused."""

    who: str | None
    ids: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    body: Any = None
    wrong: str = ""


def rows() -> list[Row]:
    """Return all rows of the page."""
    return [_row(cells) for cells in _tables() if len(cells) == len(COLUMNS) and cells != COLUMNS]


def _tables() -> Iterator[list[str]]:
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def _row(cells: list[str]) -> Row:
    sources, endpoint, here, _, refused, answers, _ = cells
    status = re.search(r"[0-9]{3}", refused)
    return Row(
        tuple(sources.split()), endpoint.strip("`"), here.strip("`"), int(status[0]) if status else 0,
        int(answers[:3]), tuple(re.findall(r"`([^`]+)`", answers)),
    )  # fmt: skip


def knocks(school: SchemaSchool, ids: Callable[[str], str]) -> dict[str, Knock]:
    """Return how each endpoint is knocked at; `ids` gives those of things that the rows before have made."""
    soon = int(time.time() * 1000) + 120_000
    slot = {
        "title": "Talk",
        "mentorId": "pat-teacher",
        "studentId": "pat-student",
        "startTime": soon - HOUR,
        "endTime": soon,
    }
    at = datetime.fromtimestamp(soon // 1000, UTC).isoformat().replace("+00:00", "Z")
    lesson = {"title": "Lesson", "description": "Learn the basics", "scheduledAt": at, "duration": 60, "capacity": 50}
    session = {"sessionId": ids("live-sessions"), "id": ids("live-sessions")}
    later = {"sessionId": ids("later"), "id": ids("later")}
    group = {"groupId": ids("study-groups"), "id": ids("study-groups")}
    one, teacher = {"id": ids("schedules")}, {"instructorId": "pat-teacher"}
    hours = {"hours": [{"weekday": 1, "start": "14:00", "end": "15:00", "zone": "Europe/Berlin"}]}
    return {
        "GET /api/realtime/sync": Knock("pat-admin", query="since=1&tables=users,students"),
        WORDS_ONLY: Knock("pat-admin", wrong="pat-teacher"),
        "GET /health": Knock(None),
        "POST /api/schedules": Knock("pat-teacher", body=slot, wrong="pat-parent"),
        "GET /api/schedules": Knock("pat-student"),
        "GET /api/schedules/:id": Knock("pat-student", one, wrong="oth-student"),
        "PUT /api/schedules/:id": Knock("pat-teacher", one, body={**slot, "title": "Long talk"}, wrong="pat-student"),
        "PATCH /api/schedules/:id/status": Knock("pat-student", one, body={"status": "completed"}, wrong="oth-student"),
        "GET /api/schedules?date": Knock("pat-teacher", query="studentId=pat-student&date=2026-09-01"),
        "DELETE /api/schedules/:id": Knock("pat-teacher", one, wrong="pat-student"),
        "GET /api/activity-feed": Knock("pat-student"),
        "GET /api/activity-feed?type": Knock("pat-teacher", query="type=entry:created"),
        "GET /api/audit-logs/:entityType/:entityId": Knock(
            "pat-admin", {"entityType": "schedule", "entityId": one["id"]}, wrong="pat-student"
        ),
        "POST /api/live-sessions": Knock("pat-teacher", body=lesson, wrong="pat-student"),
        "GET /api/live-sessions": Knock("pat-student"),
        "GET /api/live-sessions/:sessionId": Knock("pat-student", session),
        "PUT /api/live-sessions/:id": Knock("pat-teacher", session, body={"title": "Lesson 2"}, wrong="pat-student"),
        "GET /api/live-sessions/course/:courseId": Knock("pat-student", {"courseId": "course-pat-0"}),
        "GET /api/live-sessions/instructor/my-sessions": Knock("pat-teacher"),
        "POST /api/live-sessions/:sessionId/join": Knock("pat-student", session, body={}),
        "GET /api/live-sessions/:sessionId/attendees": Knock("pat-student", session, wrong="oth-student"),
        "POST /api/live-sessions/:sessionId/start": Knock("pat-teacher", session, body={}, wrong="oth-teacher"),
        "POST /api/live-sessions/:sessionId/leave": Knock("pat-student", session, body={}),
        "POST /api/live-sessions/:sessionId/end": Knock("pat-teacher", session, body={}, wrong="oth-teacher"),
        "POST /api/live-sessions/:sessionId/cancel": Knock("pat-teacher", later, body={}, wrong="oth-teacher"),
        "DELETE /api/live-sessions/:id": Knock("pat-teacher", {"id": ids("latest")}, wrong="oth-teacher"),
        "GET /api/presence/online": Knock("pat-student", query="limit=10"),
        "GET /api/presence/course/:courseId": Knock("pat-student", {"courseId": "course-pat-0"}, wrong="oth-student"),
        "GET /api/presence/user/:userId": Knock("pat-student", {"userId": "pat-student"}, wrong="oth-student"),
        "POST /api/presence/bulk": Knock("pat-teacher", body={"userIds": ["pat-student", "oth-student"]}),
        "PUT /api/presence/status": Knock("pat-student", body={"status": "busy", "activity": "In Live Session"}),
        "PUT /api/presence/activity": Knock("pat-student", body={"activity": "Viewing Course: JavaScript"}),
        "POST /api/presence/heartbeat": Knock("pat-student", body={}),
        "POST /api/office-hours": Knock("oth-teacher", body={"title": "Office"}, wrong="pat-student"),
        "POST /api/office-hours/schedule": Knock("pat-teacher", body=hours, wrong="pat-student"),
        "GET /api/office-hours/instructor/:instructorId": Knock("pat-student", teacher),
        "POST /api/office-hours/join-queue": Knock(
            "oth-student", body={"instructorId": "pat-teacher", "question": "How?"}, wrong="oth-teacher"
        ),
        "GET /api/office-hours/queue/:instructorId": Knock("pat-teacher", teacher, wrong="pat-student"),
        "GET /api/office-hours/queue": Knock("pat-teacher", wrong="pat-student"),
        "POST /api/office-hours/admit/:queueId": Knock(
            "pat-teacher", {"queueId": ids("entry")}, body={}, wrong="pat-student"
        ),
        "POST /api/study-groups": Knock(
            "pat-student", body={"name": "Cardiology", "description": "Cases", "specialty": "Cardiology", "maxMembers": 10, "isPublic": True}, wrong="pat-parent"
        ),
        "GET /api/study-groups": Knock("pat-student"),
        "GET /api/study-groups/:id": Knock("pat-student", group, wrong="oth-student"),
        "GET /api/study-groups/course/:courseId": Knock("pat-student", {"courseId": "course-pat-0"}),
        "PUT /api/study-groups/:id": Knock("pat-student", group, body={"name": "Group 2"}, wrong="oth-student"),
        "POST /api/study-groups/:groupId/join": Knock("oth-student", group, body={}, wrong="oth-parent"),
        "GET /api/study-groups/:groupId/members": Knock("oth-student", group, wrong="oth-parent"),
        "POST /api/study-groups/:id/message": Knock("oth-student", group, body={"message": "hello", "messageType": "file", "fileUrl": "/files/a.pdf", "fileName": "a.pdf", "fileSize": 7}, wrong="oth-parent"),
        "POST /api/study-groups/:groupId/leave": Knock("oth-student", group, body={}, wrong="oth-parent"),
        "DELETE /api/study-groups/:groupId": Knock("pat-student", group, wrong="oth-student"),
        "POST /api/exams/:examId/submit": Knock("pat-student", {"examId": ids("exams")}, body={}),
    }  # fmt: skip


def plain(endpoint: str) -> str:
    """Return an endpoint without the values of its query: those of the sources are words for them."""
    path, _, query = endpoint.partition("?")
    return f"{path}?type" if "type=" in query else f"{path}?date" if "date=" in query else path


@pytest.fixture(scope="module")
def school(new_database: Callable[[], str]) -> Iterator[SchemaSchool]:
    """Give a running school."""
    with open_schema_school(new_database()) as opened:
        yield opened


def test_the_page_has_as_many_endpoints_of_each_source_as_they_name() -> None:
    stated = {cells[0]: cells[2] for cells in _tables() if len(cells) == 3 and cells[0] in COUNTS}
    assert stated == COUNTS
    counted = Counter(source for row in rows() if row.endpoint != WORDS_ONLY for source in row.sources)
    assert counted == {source: int(count.partition(",")[0]) for source, count in COUNTS.items() if count != "0"}
    assert [row.sources for row in rows() if row.endpoint == WORDS_ONLY] == [("B",)]


def test_every_door_on_the_page_is_served(school: SchemaSchool) -> None:
    paths = school.must("pat-admin", "GET /openapi.json")["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {row.here for row in rows()} - served == set()


def test_every_endpoint_of_the_sources_answers_as_its_row_says(school: SchemaSchool) -> None:
    for name in ("later", "latest"):
        plan = {"title": name, "starts": int(time.time() * 1000) + HOUR, "minutes": 60}
        school.made[name] = school.must("pat-teacher", "POST /api/live-sessions", plan)["id"]
    wrong = [told for row in rows() if (told := _try(school, row))]
    assert not wrong, "\n".join(wrong)


def _try(school: SchemaSchool, row: Row) -> str:
    """Knock as nobody, as who is refused, and as who is not; returns what is not as the row says, empty for nothing."""
    knock = knocks(school, lambda name: school.made.get(name, name))[plain(row.endpoint)]
    door = _filled(row, knock)
    expected = [(knock.wrong, row.refused)] if row.refused else []
    if row.here.partition(" ")[2] not in OPEN_TO_ALL:
        expected.append(("", 401))
    for who, status in expected:
        refused = school.call(who or None, door, knock.body)
        if refused.status_code != status:
            return f"{row.endpoint}: {who or 'nobody'} got {refused.status_code}: {refused.text[:200]}"
    reply = school.call(knock.who, door, knock.body)
    missing = set(row.keys) - set(reply.json())
    if reply.status_code != row.status or missing:
        return f"{row.endpoint}: {reply.status_code}, without {missing}: {reply.text[:200]}"
    _remember(school, row, reply.json())
    return ""


def _filled(row: Row, knock: Knock) -> str:
    """Return `METHOD /path` as the source spelt it, with ids in the place of its placeholders."""
    spelt = row.here if row.endpoint == WORDS_ONLY else row.endpoint.partition("?")[0]
    door = re.sub(r":(\w+)", lambda name: knock.ids[name[1]], spelt)
    return f"{door}?{knock.query}" if knock.query else door


def _remember(school: SchemaSchool, row: Row, answer: Any) -> None:
    """Keep the ids of what was made, for the rows that follow."""
    if row.here == "POST /api/schedules":
        school.made["schedules"] = answer["id"]
    if row.here == "POST /api/office-hours/join-queue":
        school.made["entry"] = answer["data"]["entry"]


def test_a_word_of_the_sources_means_our_field_and_is_given_once(school: SchemaSchool) -> None:
    soon = int(time.time() * 1000) + HOUR
    plan = {"title": "Words", "startTime": soon, "endTime": soon + HOUR, "maxAttendees": 7, "courseId": "course-pat-0"}
    made = school.must("pat-teacher", "POST /api/live-sessions", plan)["id"]
    shown = school.must("pat-teacher", f"GET /api/live-sessions/{made}")
    assert (shown["starts"], shown["ends"], shown["capacity"], shown["course"]) == (
        soon,
        soon + HOUR,
        7,
        "course-pat-0",
    )
    twice = school.call("pat-teacher", "POST /api/live-sessions", {**plan, "starts": soon})
    assert twice.status_code == 400
    assert "starts: given twice" in twice.text
    unknown = school.call("pat-teacher", "POST /api/live-sessions", {**plan, "max_attendees": 7})
    assert unknown.status_code == 400
