"""The benchmark of a whole school, its own part: what it does, hears, misses and judges. One small exam shows that it can fail."""

import socket
from pathlib import Path

import msgspec
import pytest

from bench.dialects import Homeroom, HomeroomClasses
from bench.figures import Verdict, judged, quantile_ms
from bench.line import Newcomer
from bench.recovery import house_with
from bench.school import main
from bench.school_answers import QUESTIONS, all_answers, instant, lost, newest, spread
from bench.school_exam import Scale, measure
from bench.school_presence import GROUP, ByName, arrivals
from bench.switchboard import Switchboard
from bench.websocket import BINARY


def _frame(payload: bytes) -> bytes:
    return bytes((0x80 | BINARY, len(payload))) + payload


class _Guest:
    def __init__(self, line: Newcomer) -> None:
        self.line = line


def test_a_newcomer_speaks_when_it_was_let_in_and_hears_what_comes_with_that() -> None:
    heard: list[tuple[int, bytes]] = []
    board = Switchboard[_Guest](lambda guest, opcode, payload, now: heard.append((opcode, payload)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        board.seat(_Guest(Newcomer(Homeroom("", ()), listener.getsockname()[1], b"hello")))
        server, _ = listener.accept()
    with server:
        assert server.recv(4096).startswith(b"GET /ws HTTP/1.1")
        for step in (b"HTTP/1.1 101 Switching Protocols\r\n", b"\r\n" + _frame(b"welcome")[:4]):
            assert heard == []
            server.sendall(step)
            board.listen(10)
        assert server.recv(4096).endswith(b"hello")
        server.sendall(_frame(b"welcome")[4:] + _frame(b"more"))
        board.listen(10)
        assert heard == [(BINARY, b"welcome"), (BINARY, b"more")]
        board.close()


def test_a_newcomer_who_is_not_let_in_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        newcomer = Newcomer(Homeroom("", ()), listener.getsockname()[1], b"hello")
        server, _ = listener.accept()
    with server:
        server.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        with pytest.raises(RuntimeError, match="503"):
            newcomer.frames()
    newcomer.close()


def _sig(stream: str, type: str, **data: object) -> dict[str, object]:
    return {"t": "sig", "to": stream, "e": [{"type": type, "at": 1, "by": "system", "d": data}]}


def test_who_comes_online_is_heard_in_rooms_and_by_name_and_nobody_else_is() -> None:
    frames = [
        _sig("room:class-1", "room.presence", user="comer-7", status="online"),
        _sig("room:class-1", "room.presence", user="comer-8", status="offline"),
        _sig("room:class-1", "room.presence", user="looker-9", status="online"),
        _sig("presence:comer-5", "presence.heard", user="comer-5", last_heard=1),
        {**_sig("presence:comer-3", "presence.changed", status="online"), "t": "ev", "seq": 4},
        {"t": "ok", "id": 100, "d": {}},
    ]
    assert arrivals(msgspec.msgpack.encode(frames)) == (7, 3)
    assert arrivals(msgspec.msgpack.encode(frames[0])) == (7,)


@pytest.mark.parametrize("given_up", ["bye", "gone", "err"])
def test_who_looks_does_not_take_a_refusal_for_silence(given_up: str) -> None:
    with pytest.raises(ValueError, match=given_up):
        arrivals(msgspec.msgpack.encode({"t": given_up, "code": "forbidden", "msg": "no"}))


def test_each_who_comes_is_looked_at_by_a_hundred_by_name() -> None:
    dialect, lookers = ByName("", ["token"]), dict[str, int]()
    for member in range(3 * GROUP):
        (_, _), (words, _) = dialect.opening(member)
        for sub in msgspec.msgpack.decode(words or b""):
            lookers[sub["to"]] = lookers.get(sub["to"], 0) + 1
    assert lookers == {f"presence:comer-{number}": GROUP for number in range(3 * GROUP)}


def test_everybody_speaks_and_types_where_it_sits() -> None:
    talk = HomeroomClasses("", ["token"], rooms=["session:a", "session:b"])
    size = 6
    for number in range(3 * size):
        sits = talk.where(number % size)
        said, typed = (msgspec.msgpack.decode(words or b"") for words in (talk.say(5, number), talk.prelude(6, number)))
        assert (said["to"], said["do"], typed["to"], typed["do"]) == (sits, "say", sits, "typing")


def test_a_burst_is_of_everybody_within_its_second_and_the_same_for_a_seed() -> None:
    for burst in (spread(50, 3, seed=1), instant(50, 3)):
        assert sorted(save.student for save in burst) == list(range(50))
        assert all(0 <= save.at < 1 and save.rev == 3 for save in burst)
    assert spread(50, 3, seed=1) == spread(50, 3, seed=1) != spread(50, 3, seed=2)
    every = all_answers(5, 9)
    assert len({(save.student, save.question) for save in every}) == len(every) == 5 * QUESTIONS
    assert [save.at for save in every] == sorted(save.at for save in every)
    assert every[-1].at < 1


def test_an_acknowledged_answer_is_lost_when_it_is_missing_older_or_another() -> None:
    told = {("ann", "q-1", 1): 5, ("ann", "q-1", 2): 6, ("bob", "q-1", 1): 7}
    assert lost(told, {**told, ("bob", "q-2", 1): 8}) == []
    assert len(lost(told, {("ann", "q-1", 1): 5, ("bob", "q-1", 1): 70})) == 2
    assert newest(told) == {("ann", "q-1", 2): 6, ("bob", "q-1", 1): 7}
    assert len(lost(newest(told), {("ann", "q-1", 1): 5, ("bob", "q-1", 1): 7})) == 1


def test_one_missed_target_is_a_failure_and_so_is_nothing_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged([Verdict(True, "fast"), Verdict(True, "whole")]) == 0
    assert judged([Verdict(True, "fast"), Verdict(False, "whole")]) == 1
    assert judged([]) == 1
    assert capsys.readouterr().out.splitlines()[2:] == ["PASS  fast", "FAIL  whole"]


def test_no_delay_at_all_is_no_short_delay() -> None:
    assert quantile_ms([], 0.99) == float("inf")
    assert quantile_ms([number / 1000 for number in range(100)], 0.99) == pytest.approx(99)


def test_only_parts_that_there_are_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["leaderboard"])
    assert "sessions" in capsys.readouterr().err


def test_the_exam_finds_answers_that_were_acknowledged_before_they_were_kept(
    furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.school_exam.house_with", lambda bug: house_with(bug).furnish(furnished))
    *_, kept = measure(Scale(students=2, rounds=0, bug="asynchronous-commit"))
    assert not kept.good
    assert "not shown" in kept.words
