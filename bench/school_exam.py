"""A hundred students save their answers at once: how soon each is acknowledged, and whether all of it outlives a `kill -9`.

Three bursts, since "100 sittings saving 100 answers within one second" can be read in more than one way:

    spread     each of 100 sittings saves one answer within a second, at random moments: 100 a second (requirements 1.10)
    instant    the same, but all of them in the same instant, as when everybody goes on to the next question
    all        each of 100 sittings saves 100 answers within a second: 10 000 saves, offered evenly

All are judged by p99, though the last is a hundred times what section 1.10 of the requirements asks for. Each student follows its own sitting and its
exam, and a teacher how far everybody is. In the instant after the last acknowledgement the server and its PostgreSQL are killed; they are
started again, and every acknowledged answer must be there, in the journal and for its student.
Never here: the command line (`school`), and which answers there are (`school_answers`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench import processes
from bench.figures import Load, Verdict, delays_line, quantile_ms
from bench.houses import House
from bench.kept import read_events
from bench.line import Line
from bench.people import enrolled
from bench.person import Person
from bench.recovery import house_with
from bench.school_answers import QUESTIONS, Answers, Save, all_answers, instant, lost, newest, spread
from bench.switchboard import Switchboard
from bench.websocket import BINARY, frame
from homeroom.engine.claim import running_dsn

P99_MS = 250.0
EXAM = "bench"
_PATIENCE_S = 20.0
_BETWEEN_S = 0.5


@dataclass(slots=True)
class Student:
    """One student with the connection it writes on; `unanswered` holds what it saved, by number of command, with the time."""

    id: str
    line: Line
    command: int
    unanswered: dict[int, tuple[Save, float]] = field(default_factory=dict)


class Class:
    """All students of the exam at one switchboard; what they were told is saved stands in `acknowledged`."""

    def __init__(self) -> None:
        self.acknowledged: Answers = {}
        self.refused: list[str] = []
        self.delays: list[float] = []
        self.late = 0.0
        self._students: list[Student] = []
        self._waits = 0
        self._board = Switchboard(self._hear)

    def enter(self, student: Student, *, sits: bool = True) -> None:
        """Take in a student, or, if it does not sit the exam, somebody who only looks on."""
        self._board.seat(student)
        self._students += [student] if sits else []
        self._board.listen(0)

    def close(self) -> None:
        """Close all connections."""
        self._board.close()

    def idle(self, seconds: float) -> None:
        """Only listen."""
        self._board.listen_until(time.monotonic() + seconds)

    def save(self, burst: Sequence[Save]) -> float:
        """Save a burst, in the order of its times; returns the seconds until the last answer, or until patience ends."""
        self.delays, self.late, start = [], 0.0, time.monotonic()
        for save in burst:
            self._board.listen_until(start + save.at)
            self._send(save, start + save.at)
        patience = time.monotonic() + _PATIENCE_S
        while self._waits and time.monotonic() < patience:
            self._board.listen(0.01)
        return time.monotonic() - start

    def _send(self, save: Save, due: float) -> None:
        student = self._students[save.student]
        student.command += 1
        now = time.monotonic()
        self.late = max(self.late, now - due)
        student.unanswered[student.command] = (save, now)
        self._waits += 1
        words = frame(BINARY, _words(student, save))
        if student.line.socket.send(words) != len(words):
            raise RuntimeError("the server does not take what is saved")

    def _hear(self, student: Student, opcode: int, payload: bytes, now: float) -> None:
        if opcode != BINARY:
            student.line.control(opcode, payload)
            return
        heard = msgspec.msgpack.decode(payload)
        for each in heard if isinstance(heard, list) else [heard]:
            if each["t"] in {"ok", "err"}:
                self._answered(student, each, now)
            elif each["t"] in {"bye", "gone"}:
                raise RuntimeError(f"the server says {each}")

    def _answered(self, student: Student, answer: dict[str, Any], now: float) -> None:
        save, sent_at = student.unanswered.pop(answer["id"])
        self._waits -= 1
        if answer["t"] == "err":
            self.refused.append(f"{answer['code']}: {answer['msg']}")
            return
        self.delays.append(now - sent_at)
        self.acknowledged[student.id, save.question, save.rev] = save.value


def _words(student: Student, save: Save) -> bytes:
    arguments = {"question": save.question, "rev": save.rev, "value": save.value}
    address = f"sitting:{EXAM}.{student.id}"
    return msgspec.msgpack.encode({"t": "cmd", "id": student.command, "to": address, "do": "answer", "d": arguments})


# --- what is kept


def _in_journal(house: House) -> Answers:
    """Return the answers of the journal, read with the bare driver."""
    dsn = running_dsn(house.data)
    assert dsn is not None, "the database runs"
    events = read_events(dsn, "sitting.answer_saved")
    return {(stream.partition(".")[2], e["question"], e["rev"]): e["value"] for stream, e in events}


def _shown(house: House, tokens: Sequence[str]) -> Answers:
    """Return the answers that each student is shown."""
    found: Answers = {}
    for number, token in enumerate(tokens):
        with Person(house.port, token) as person:
            (state,) = person.follow(f"sitting:{EXAM}.student-{number}")
        found |= {(f"student-{number}", q, a["rev"]): a["value"] for q, a in state["answers"].items()}
    return found


def _kill_all(house: House) -> None:
    """Kill the server and its PostgreSQL at once, and start it again."""
    postgres = house.postgres()
    house.kill()
    processes.kill(postgres)
    house.open()


# --- the program


@dataclass(frozen=True, slots=True)
class Scale:
    """How many students save how many rounds of each judged burst, drawn from `seed`; `bug` is planted into the server."""

    students: int = 100
    rounds: int = 10
    seed: int = 1
    bug: str | None = None
    core: int | None = None


def measure(scale: Scale) -> list[Verdict]:
    """Hold the exam, do the bursts, kill, and compare; prints the figures of each burst."""
    with house_with(scale.bug) as house:
        if scale.core is not None:
            processes.pin(house.pid, scale.core)
        tokens = enrolled(house, scale.students, name="student").tokens
        room = Class()
        room.enter(_open_exam(house, scale.students), sits=False)
        for number, token in enumerate(tokens):
            room.enter(_sit_down(house, number, token))
        verdicts = _bursts(house, room, scale)
        _kill_all(house)
        room.close()
        return [*verdicts, _compared(house, room, tokens)]


def _open_exam(house: House, students: int) -> Student:
    """Make, publish and open an exam of a hundred numeric questions; returns its teacher, who follows how far everybody is."""
    items = [
        {"question": {"id": f"q-{number}", "kind": "numeric", "text": "How many?"}, "key": {"number": number}}
        for number in range(QUESTIONS)
    ]
    people = [{"id": f"student-{number}"} for number in range(students)]
    person = Person(house.port, enrolled(house, 1, "teacher", "examiner").tokens[0])
    person.do(f"exam:{EXAM}", "create", title="A benchmark", questions=items, students=people)
    person.do(f"exam:{EXAM}", "publish")
    person.do(f"exam:{EXAM}", "open")
    person.follow(f"exam:{EXAM}", f"proctor:{EXAM}")
    return Student("examiner-0", person.line, person.command)


def _sit_down(house: House, number: int, token: str) -> Student:
    """Let a student join and start, and follow its own sitting."""
    address = f"sitting:{EXAM}.student-{number}"
    person = Person(house.port, token)
    person.do(f"exam:{EXAM}", "join")
    person.follow(f"exam:{EXAM}", address)
    if person.do(address, "start")["status"] != "running":
        person.wait_event("sitting.started")
    return Student(f"student-{number}", person.line, person.command)


def _bursts(house: House, room: Class, scale: Scale) -> list[Verdict]:
    """Do all bursts; each round has a revision of its own, so that every save changes something."""
    size, seed, revs = scale.students, scale.seed, range(1, scale.rounds + 1)
    room.save(spread(size, 1, seed))  # a warm-up
    rounds: dict[str, list[list[Save]]] = {
        "one answer each within a second": [spread(size, 1 + rev, seed) for rev in revs],
        "one answer each in one instant": [instant(size, 1 + scale.rounds + rev) for rev in revs],
        f"all {QUESTIONS} answers each within a second": [all_answers(size, 2 + 2 * scale.rounds)],
    }
    return [_measured(house, room, f"{size} sittings, {what}", bursts) for what, bursts in rounds.items()]


def _measured(house: House, room: Class, what: str, bursts: Sequence[Sequence[Save]]) -> Verdict:
    load, delays, late, took = Load(house), list[float](), 0.0, 0.0
    for burst in bursts:
        room.idle(_BETWEEN_S)
        took = max(took, room.save(burst))
        delays += room.delays
        late = max(late, room.late)
    print(f"{what}: {delays_line(delays)}, the slowest burst took {took:.2f} s {load.line(late)}", flush=True)
    for refusal in room.refused[:3]:
        print(f"refused: {refusal}")
    p99, saves = quantile_ms(delays, 0.99), sum(map(len, bursts))
    words = f"{what}: {len(delays)} of {saves} acknowledged, p99 {p99:.1f} ms (all, under {P99_MS:.0f})"
    return Verdict(len(delays) == saves and p99 < P99_MS, words)


def _compared(house: House, room: Class, tokens: Sequence[str]) -> Verdict:
    told = room.acknowledged
    journal, shown = lost(told, _in_journal(house)), lost(newest(told), _shown(house, tokens))
    for case in [*journal, *shown][:3]:
        print(case)
    words = f"kill -9 of server and PostgreSQL: {len(told)} acknowledged, {len(journal)} not in the journal, {len(shown)} not shown"
    return Verdict(bool(told) and not journal and not shown, words)
