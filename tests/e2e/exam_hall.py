"""The people of an exam over real sockets: students who keep book of what was acknowledged to them, and their teacher.

A student's book knows the newest acknowledged value of each question, what was sent and never answered, and every frame that any
of the devices was ever shown. Never here: what is to be true (`test_exam_day`), and the server's life (`server`).
"""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import trio

from homeroom.engine.clock import TrioClock
from homeroom.engine.database import open_database
from homeroom.http.keys import KeyRing, own_key
from homeroom.http.tokens import Tokens
from tests.conftest import TRIAL
from tests.e2e.server import Server
from tests.http.peer import Closed, Peer

TEACHER = "demo-teacher-1"
ENROL_AT_ONCE = 200
PATIENCE_S = 60.0
"""A day that takes longer waits for something that does not come."""
SECRETS = ("SECRETKEY", "accepted", "correct", "tolerance", "marks", "prev", "seed")
"""What stands in keys, marks and the chain of records, and in nothing that a student may see before the release."""
_ADMIT = """INSERT INTO users (id, login, name, role, created_at, updated_at)
SELECT id, id, initcap(id), 'student', 1, 1 FROM unnest($1::text[]) AS id ON CONFLICT DO NOTHING"""


def _choice(id: str, points: int, kind: str, right: str) -> dict[str, Any]:
    options = [{"id": each, "text": f"Option {each}"} for each in "abcd"]
    question = {"id": id, "kind": kind, "text": f"Question {id}?", "points": points, "options": options}
    return {"question": question, "key": {"correct": list(right)}}


PAPER = [
    _choice("capital", 2, "single", "b"),
    _choice("primes", 3, "multiple", "ac"),
    {
        "question": {"id": "pi", "kind": "numeric", "text": "Pi?", "points": 2},
        "key": {"number": 3.14, "tolerance": 0.01},
    },
    {
        "question": {"id": "river", "kind": "text", "text": "The river?", "points": 1},
        "key": {"accepted": ["Seine SECRETKEY"]},
    },
]
POINTS = {"capital": 2, "primes": 3, "pi": 2, "river": 1}
RIGHT: dict[str, Any] = {"capital": "b", "primes": ["a", "c"], "pi": 3.145, "river": " seine  secretkey "}
WRONG: dict[str, Any] = {"capital": "d", "primes": ["b", "d"], "pi": 2.7, "river": "Loire"}


class Given(NamedTuple):
    """A value of an answer, and its revision."""

    rev: int
    value: Any


@dataclass
class Student:
    """Who sits the exam, and the book of all its devices."""

    user: str
    exam: str
    saved: dict[str, Given] = field(default_factory=dict)
    """The newest acknowledged value of each question."""
    unanswered: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    """The answers that were sent, by client and command id, and of which nobody has said what became of them."""
    late: dict[str, Given] = field(default_factory=dict)
    """What was refused as too late, and kept for review as the answer said."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    """Every frame that any device was sent."""
    numbers: dict[str, int] = field(default_factory=dict)
    """The id of the newest frame of each client."""

    @property
    def sitting(self) -> str:
        """The address of the sitting."""
        return f"sitting:{self.exam}.{self.user}"

    def saw_a_secret(self) -> set[str]:
        """Return which of `SECRETS` stands in anything that was shown so far."""
        everything = repr(self.shown)
        return {word for word in SECRETS if word in everything}


class Device(Peer):
    """One connection of a student: whatever comes in is kept in the student's book."""

    def __init__(self, stream: trio.SocketStream, student: Student, client: str) -> None:
        self.student, self.client = student, client
        super().__init__(stream)

    @property
    def numbers(self) -> int:
        """The id of the newest frame of this client: ids grow, over all its connections."""
        return self.student.numbers.get(self.client, 0)

    @numbers.setter
    def numbers(self, number: int) -> None:
        self.student.numbers[self.client] = max(number, self.numbers)

    async def receive(self) -> dict[str, Any]:
        """Return the next frame of the protocol, and keep it."""
        frame = await super().receive()
        self.student.shown.append(frame)
        return frame

    async def follow(self, *streams: str) -> list[Any]:
        """Subscribe; returns the states."""
        return [(await good(self.ask("sub", to=stream)))["d"]["state"] for stream in streams]

    async def told(self, type: str, of: str) -> dict[str, Any]:
        """Return the data of the first event of a type on a stream, as soon as this student was told of one."""
        while True:
            for frame in self.student.shown:
                for event in frame["e"] if frame["t"] == "ev" and frame["to"] == of else ():
                    if event["type"] == type:
                        data: dict[str, Any] = event["d"]
                        return data
            self.others.append(await self.receive())

    async def begin(self) -> None:
        """Follow the sitting, start it, and wait until its clock runs."""
        await self.follow(self.student.sitting)
        await good(self.do(self.student.sitting, "start", device=self.client))
        await self.told("sitting.started", self.student.sitting)

    async def send_answer(self, question: str, value: Any, rev: int = 1, **more: Any) -> int:
        """Send an answer and do not wait; returns the command's id."""
        self.numbers += 1
        number = self.numbers
        body = {"question": question, "rev": rev, "value": value, "device": self.client, **more}
        self.student.unanswered[self.client, number] = body
        await self._put_answer(number, body)
        return number

    async def answer_to(self, number: int) -> dict[str, Any]:
        """Wait for what was said to an answer, and write it into the book."""
        told, book = await self.answer(number), self.student
        body = book.unanswered.pop((self.client, number))
        question, given = body["question"], Given(body["rev"], body["value"])
        if told["t"] == "ok":
            assert told["d"]["saved"], told
            kept = book.saved.get(question, Given(0, None))
            book.saved[question] = max(kept, given, key=lambda each: each.rev)
        elif told["code"] == "too_late":
            assert told["d"]["kept"], told
            book.late[question] = given
        return told

    async def hand_in(self, question: str, value: Any) -> float:
        """Send an answer and `submit` right behind it; returns the seconds until both were acknowledged."""
        begun = trio.current_time()
        answer = await self.send_answer(question, value)
        self.numbers += 1
        submit = self.numbers
        await self.put({"t": "cmd", "id": submit, "to": self.student.sitting, "do": "submit"})
        await good(self.answer_to(answer))
        assert (await good(self.answer(submit)))["d"]["answered"] == 1
        return trio.current_time() - begun

    async def save(self, question: str, value: Any, rev: int = 1, **more: Any) -> dict[str, Any]:
        """Send an answer and return what was said to it."""
        return await self.answer_to(await self.send_answer(question, value, rev, **more))

    async def hear_answers(self) -> None:
        """Wait for what is said to all that this client was not answered yet."""
        for number in self._in_doubt():
            await self.answer_to(number)

    async def hear_out(self) -> None:
        """Read what the server still said before it died."""
        with suppress(Closed):
            await self.hear_answers()
            await self.wait_closed()

    async def send_again(self) -> None:
        """Send all that this client was never answered, with the same ids: each is saved, or too late and kept for review."""
        for number in self._in_doubt():
            await self._put_answer(number, self.student.unanswered[self.client, number])
            told = await self.answer_to(number)
            assert told.get("code", "too_late") == "too_late", told

    def _in_doubt(self) -> list[int]:
        return [number for client, number in self.student.unanswered if client == self.client]

    async def _put_answer(self, number: int, body: dict[str, Any]) -> None:
        await self.put({"t": "cmd", "id": number, "to": self.student.sitting, "do": "answer", "d": body})


class Hall:
    """One exam on a server: the doors through which its people come, and what its teacher does."""

    def __init__(self, server: Server, exam: str, users: Iterable[str]) -> None:
        self.server, self.exam = server, exam
        self.students = [Student(user, exam) for user in users]
        self._peers: list[Peer] = []
        self._tokens = Tokens(KeyRing([own_key(server.data)]), TrioClock(int(time.time() * 1000)))

    @property
    def address(self) -> str:
        """The exam's address."""
        return f"exam:{self.exam}"

    async def admit(self) -> None:
        """See that all its students are people of the school."""
        async with open_database(self.server.dsn, TRIAL) as database:
            await database.execute(_ADMIT, [student.user for student in self.students])

    async def enter(self, student: Student, client: str = "laptop") -> Device:
        """Return a new connection of a student."""
        sock = trio.socket.socket()
        await sock.connect(("127.0.0.1", self.server.port))
        device = Device(trio.SocketStream(sock), student, client)
        self._peers.append(device)
        await device.shake_hands()
        await device.hello(self._tokens.issue(student.user, student.user.title(), "student", ttl_s=600.0), client)
        return device

    async def enter_teacher(self, client: str = "desk") -> Peer:
        """Return a new connection of the teacher; one `client` has one connection."""
        teacher = await self.server.enter(TEACHER, client)
        self._peers.append(teacher)
        return teacher

    async def enter_all(self, students: Iterable[Student]) -> list[Device]:
        """Return a new connection of each, in their order."""
        return [await self.enter(student) for student in students]

    async def open_exam(self, teacher: Peer, closes: int, **settings: Any) -> None:
        """Make, publish and open an exam of an hour that is over at `closes` (Unix ms) at the latest, for all its students."""
        told = {"title": "Midterm", "minutes": 60, "closes": closes, "questions": PAPER, "reveal": True, **settings}
        people = [{"id": student.user} for student in self.students]
        await good(teacher.do(self.address, "create", students=people[:ENROL_AT_ONCE], **told))
        for start in range(ENROL_AT_ONCE, len(people), ENROL_AT_ONCE):
            await good(teacher.do(self.address, "enroll", people=people[start : start + ENROL_AT_ONCE]))
        for verb in ("publish", "open"):
            await good(teacher.do(self.address, verb))

    async def wait_submitted(self, teacher: Peer, count: int) -> None:
        """Wait until the exam counts so many sittings as submitted; the teacher must not follow it yet."""
        state = (await good(teacher.ask("sub", to=self.address)))["d"]["state"]
        submitted = state["submitted"]
        while submitted < count:
            frame = await teacher.wait("ev", to=self.address)
            ended = [event["d"]["submitted"] for event in frame["e"] if event["type"] == "exam.sitting_ended"]
            submitted = max([submitted, *ended])
        await good(teacher.ask("unsub", to=self.address))

    async def sittings(self, teacher: Peer) -> list[dict[str, Any]]:
        """Return the rows of all sittings, page by page."""
        rows: list[dict[str, Any]] = []
        more = True
        while more:
            after = rows[-1]["user"] if rows else ""
            page = (await good(teacher.do(self.address, "sittings", limit=100, after=after)))["d"]
            rows, more = rows + page["rows"], page["more"]
        return rows

    async def review(self, teacher: Peer, student: Student) -> dict[str, Any]:
        """Return everything that is kept of a sitting."""
        data: dict[str, Any] = (await good(teacher.do(student.sitting, "review")))["d"]
        return data

    async def aclose(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            await peer.aclose()


@asynccontextmanager
async def exam_hall(server: Server, exam: str, users: Iterable[str]) -> AsyncIterator[Hall]:
    """Return a hall whose connections are closed with the block, which has `PATIENCE_S` seconds; its students are at the school."""
    hall = Hall(server, exam, users)
    try:
        with trio.fail_after(PATIENCE_S):
            await hall.admit()
            yield hall
    finally:
        with trio.CancelScope(shield=True):
            await hall.aclose()


async def good(answering: Any) -> dict[str, Any]:
    """Return an answer that has to be `ok`."""
    answer: dict[str, Any] = await answering
    assert answer["t"] == "ok", answer
    return answer


async def for_each(devices: Iterable[Device], act: Any) -> None:
    """Let every device do something at the same time, and wait for all of them."""
    async with trio.open_nursery() as nursery:
        for device in devices:
            nursery.start_soon(act, device)
