"""The judgement of `bench.rest`: answers are found however they arrive, and a wrong one, or a lost write, is never taken for right."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rest_kept import DURABLE, Kept, database_of, differences
from bench.rest_work import OPERATIONS, Row, Worker, Wrong
from bench.web_line import Answer, request, split_answer

HEAD = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nContent-Length: %d\r\nconnection: %s\r\n\r\n"


def worker() -> Worker:
    """Return a teacher who was acknowledged two tasks."""
    made = Worker("teacher-0", "student-0", "token", "seed")
    for name in ("a", "b"):
        answered(made, "create", 201, id=name)
    return made


def answered(made: Worker, what: str, status: int, **changes: Any) -> None:
    """Let the worker ask, and be answered right but for `changes`."""
    asked = made.ask(what)
    assert asked is not None
    sent = asked.partition(b"\r\n\r\n")[2]
    known = {"mentor_id": made.teacher, "version": 1, "status": "pending"}
    body = {**known, **(msgspec.json.decode(sent) if sent else {}), **changes}
    made.take(Answer(status, False, msgspec.json.encode(body)))


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(1, 400))
def test_answers_are_found_whole_and_in_order_however_they_arrive(bodies: list[bytes], step: int) -> None:
    wire = b"".join(HEAD % (len(body), b"keep-alive") + body for body in bodies)
    heard, rest = [], b""
    for at in range(0, len(wire), step):
        rest += wire[at : at + step]
        while (found := split_answer(rest)) is not None:
            heard.append(found[0].body)
            rest = found[1]
    assert (heard, rest) == (bodies, b"")


def test_an_answer_says_whether_its_connection_ends() -> None:
    found = split_answer(HEAD % (0, b"close"))
    assert found == (Answer(201, True, b""), b"")
    with pytest.raises(ValueError, match="length"):
        split_answer(b"HTTP/1.1 200 OK\r\n\r\n")


def test_a_request_has_its_body_and_its_length() -> None:
    head, _, body = request("POST", "/api/tasks", "secret", {"title": "Levers"}).partition(b"\r\n\r\n")
    assert b"Bearer secret" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Content-Length" not in request("GET", "/api/tasks", "secret")


@pytest.mark.parametrize(
    ("what", "status", "changes"),
    [
        ("create", 500, {}),
        ("create", 201, {"id": "c", "title": "another"}),
        ("create", 201, {"id": "c", "mentor_id": "teacher-1"}),
        ("read", 200, {"id": "b", "version": 2}),
        ("update", 200, {"id": "b", "version": 1}),
        ("list", 200, {"items": [], "after": ""}),
        ("delete", 404, {}),
    ],
)
def test_a_wrong_answer_is_found(what: str, status: int, changes: dict[str, Any]) -> None:
    made = worker()
    before = made.done.copy()
    with pytest.raises(Wrong):
        answered(made, what, status, **changes)
    assert made.done == before


def test_an_answer_to_nothing_is_wrong() -> None:
    with pytest.raises(Wrong):
        worker().take(Answer(200, False, b"{}"))


def test_nothing_is_deleted_that_stays_for_good() -> None:
    made = worker()
    made.settle()
    assert made.ask("delete") is None
    assert all(made.ask(what) is not None for what in OPERATIONS if what != "delete")


def test_all_that_was_acknowledged_is_kept_or_named() -> None:
    made = worker()
    rows = dict(made.rows)
    told = Counter({"table:tasks": 2, "user:teacher-0": 2, "user:student-0": 2})
    assert differences(Kept(rows, 2, 2, told, [], dict(DURABLE)), [made]) == []
    broken: dict[str, Callable[[], Kept]] = {
        "rows": lambda: Kept({"a": rows["a"]}, 2, 2, told, [], dict(DURABLE)),
        "audits": lambda: Kept(rows, 1, 2, told, [], dict(DURABLE)),
        "feed": lambda: Kept(rows, 2, 1, told, [], dict(DURABLE)),
        "events": lambda: Kept(rows, 2, 2, told - Counter({"user:student-0": 1}), [], dict(DURABLE)),
        "gaps": lambda: Kept(rows, 2, 2, told, ["table:tasks"], dict(DURABLE)),
        "settings": lambda: Kept(rows, 2, 2, told, [], DURABLE | {"synchronous_commit": "off"}),
    }
    for name, kept in broken.items():
        assert [each.partition(":")[0] for each in differences(kept(), [made])] == [name]
    other = {**rows, "b": Row("another", 1), "c": Row("unknown", 1)}
    assert differences(Kept(other, 2, 2, told, [], dict(DURABLE)), [made]) == ["rows: 2 wrong"]


def test_the_peer_has_another_database_of_the_same_server() -> None:
    assert (
        database_of("postgresql://homeroom@/postgres?host=/tmp/a", "peer") == "postgresql://homeroom@/peer?host=/tmp/a"
    )
