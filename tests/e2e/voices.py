"""Members of a room who talk over raw sockets and keep exact books of what they were answered and shown, and when.

A voice says one thing at a time, says it again with the same number when it was refused or the connection broke, and comes
back by itself after any end, from where it was. It shares no code with the product. Never here: faults, and judging the
books (`bench.checker`).
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import trio

from bench.checker import Evidence, Findings, Kept, Resume, Talker, examine
from bench.kept import key_of, read_journal
from tests.e2e.server import Server
from tests.http.peer import Closed, Peer

PATIENCE_S = 30.0
"""Longer than any wait that can end well."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer: to what, when that was sent (the last time) and answered, `"ok"` or the code of the refusal, and the frame."""

    key: str
    sent: float
    at: float
    code: str
    frame: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.at - self.sent


@dataclass(slots=True)
class _Open:
    """A command without an answer."""

    key: str
    sent: float
    done: trio.Event
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What a voice is: its person, its room, the pause between two messages, and how much padding a message has."""

    user: str
    room: str
    pause_s: float = 0.05
    padding: int = 100


class Voice:
    """One member. Its books: `talker`, `seen` (with `shown` times), `heard`, `ends` (code, bye, time), `resumes`."""

    def __init__(self, server: Server, name: str, part: Part) -> None:
        self.name, self.part = name, part
        self.talker = Talker()
        self.seen: list[Kept] = []
        self.shown: list[float] = []
        self.heard: list[Heard] = []
        self.ends: list[tuple[Closed, float]] = []
        self.resumes: list[Resume] = []
        self.talking = True
        self.fault_at = 0.0
        self._server, self._token = server, server.token(part.user)
        self._numbers = count(10)
        self._open: dict[int, _Open] = {}
        self._peer: Peer | None = None
        self._at: tuple[str, int] | None = None
        self._changed = trio.Event()
        self._sending = trio.Lock()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be in the room, and talk while `talking`, until cancelled; started when it follows the room."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stay)
            await self.until(lambda: self._at is not None)
            task_status.started()
            nursery.start_soon(self._talk)

    async def until(self, true: Any) -> None:
        """Wait until `true()`, looked at whenever this voice has heard something."""
        with trio.fail_after(PATIENCE_S):
            while not true():
                await self._changed.wait()

    async def say(self, text: str | None = None) -> int:
        """Say something until it is done, and return its number in the room."""
        number = next(self._numbers)
        key = text or f"{self.name}.{number}"
        self.talker.said.append(key)
        while True:
            answer = await self._ask(number, key)
            if answer["t"] == "ok":
                self.talker.acknowledged[key] = seq = int(answer["pos"][1])
                self._note()
                return seq
            assert answer.get("retry_ms"), f"{self.name} was refused for good: {answer}"
            await trio.sleep(answer["retry_ms"] / 1000)

    def settled(self, newest: int) -> bool:
        """Tell whether all that it said is answered, and it was shown everything up to `newest`."""
        return (
            len(self.talker.said) == len(self.talker.acknowledged) and bool(self.seen) and self.seen[-1].seq >= newest
        )

    # --- inside

    async def _talk(self) -> None:
        while True:
            await trio.sleep(self.part.pause_s)
            if self.talking:
                await self.say()

    async def _ask(self, number: int, key: str) -> dict[str, Any]:
        asked = self._open[number] = _Open(key, trio.current_time(), trio.Event(), {})
        await self._send(number)
        await asked.done.wait()
        return asked.answer

    async def _send(self, number: int) -> None:
        """Send if there is a connection; a broken one is noticed by the reader, and all is sent again on the next."""
        asked = self._open[number]
        asked.sent = trio.current_time()
        text = f"{asked.key} {'x' * self.part.padding}"
        command = {"t": "cmd", "id": number, "to": self.part.room, "do": "say", "d": {"text": text}}
        async with self._sending:
            if self._peer is not None:
                try:
                    await self._peer.put(command)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._peer = None

    async def _stay(self) -> None:
        """Connect, listen to the end, and come back, for ever."""
        while True:
            try:
                peer = Peer(await trio.open_tcp_stream("127.0.0.1", self._server.port))
            except OSError:
                await trio.sleep(0.05)
                continue
            try:
                await self._listen(peer)
            except Closed as closed:
                self.ends.append((closed, trio.current_time()))
            except (trio.BrokenResourceError, AssertionError):
                await trio.sleep(0.05)  # the handshake was refused with 503, or broke
            finally:
                self._peer = None
                await peer.aclose()
            self._note()

    async def _listen(self, peer: Peer) -> None:
        await peer.shake_hands()
        welcome = await peer.hello(self._token, self.name)
        await peer.put({"t": "cmd", "id": 1, "to": self.part.room, "do": "join"})
        await peer.put(self._subscription(welcome["epoch"]))
        self._peer = peer
        for number in sorted(self._open):
            await self._send(number)
        while True:
            frame = await peer.receive()
            if frame["t"] == "err" and frame["id"] == 2 and frame.get("retry_ms"):
                await trio.sleep(frame["retry_ms"] / 1000)
                async with self._sending:
                    await peer.put(self._subscription(welcome["epoch"]))
            else:
                self._take(frame, welcome["epoch"])
            self._note()

    def _subscription(self, epoch: str) -> dict[str, Any]:
        return {"t": "sub", "id": 2, "to": self.part.room, "since": self._at or (epoch, 0)}

    def _take(self, frame: dict[str, Any], epoch: str) -> None:
        if frame["t"] == "ev":
            self._show(frame)
        elif frame["t"] == "ok" and frame["id"] == 2:
            self._joined(frame["d"], epoch)
        elif frame["t"] in {"ok", "err"} and (asked := self._open.pop(frame["id"], None)):
            now, code = trio.current_time(), frame.get("code", "ok")
            self.heard.append(Heard(asked.key, asked.sent, now, code, frame))
            asked.answer = frame
            asked.done.set()
        elif frame["t"] == "gone" or (frame["t"] == "err" and frame["id"] == 2):
            raise ValueError(f"{self.name} did not expect {frame}")

    def _joined(self, verdict: dict[str, Any], epoch: str) -> None:
        if self._at is not None:
            self.resumes.append(Resume(self.name, verdict["verdict"], trio.current_time() - self.fault_at))
        self._at = self._at or (epoch, 0)

    def _show(self, frame: dict[str, Any]) -> None:
        if self._at is None:
            raise ValueError("events come after the verdict")
        for seq, event in enumerate(frame["e"], frame["seq"]):
            text = key_of(event["d"]["text"]) if event["type"] == "room.message_posted" else None
            self.seen.append(Kept(seq, text))
            self.shown.append(trio.current_time())
            self._at = (self._at[0], seq)

    def _note(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Choir:
    """Several voices in one room, and the comparison of all books with the journal."""

    def __init__(self, server: Server, voices: Sequence[Voice]) -> None:
        self.server, self.voices = server, voices

    def fault(self) -> float:
        """Note that a fault happens now; returns the time."""
        now = trio.current_time()
        for voice in self.voices:
            voice.fault_at = now
        return now

    async def wait_answered(self, since: float, code: str = "ok") -> float:
        """Wait until every voice was answered with `code` to something sent after `since`; returns when that was."""
        for voice in self.voices:
            await voice.until(lambda v=voice: any(h.code == code and h.sent >= since for h in v.heard))
        return max(next(h.at for h in v.heard if h.code == code and h.sent >= since) for v in self.voices)

    def heard(self, since: float, until: float = float("inf")) -> list[Heard]:
        """Return all answers to what was sent in that time."""
        return [heard for voice in self.voices for heard in voice.heard if since <= heard.sent < until]

    def deliveries(self, since: float) -> list[float]:
        """Return how long everything said after `since` took until each of the others was shown it."""
        sent = {heard.key: heard.sent for heard in self.heard(since)}
        return [
            at - sent[kept.text]
            for voice in self.voices
            for kept, at in zip(voice.seen, voice.shown, strict=True)
            if kept.text in sent
        ]

    def shown(self, since: float, until: float) -> int:
        """Return how many events were shown to anybody in that time."""
        return sum(since <= at < until for voice in self.voices for at in voice.shown)

    def newest(self) -> int:
        """Return the largest number that was acknowledged to anybody."""
        return max(seq for voice in self.voices for seq in voice.talker.acknowledged.values())

    async def finish(self) -> None:
        """Fall silent, and wait until all that was said is answered and shown to everybody."""
        for voice in self.voices:
            voice.talking = False
        for voice in self.voices:
            await voice.until(lambda v=voice: len(v.talker.said) == len(v.talker.acknowledged))
        newest = self.newest()
        for voice in self.voices:
            await voice.until(lambda v=voice: v.settled(newest))

    async def examine(self, title: str, resumes: int = 0, within: float = 5.0, seed: int = 0) -> Findings:
        """Finish, compare all books with the journal, and print the counts; `resumes`: how many are due."""
        await self.finish()
        room = self.voices[0].part.room
        journal = await trio.to_thread.run_sync(read_journal, self.server.dsn, room)
        evidence = Evidence(
            talkers={voice.name: voice.talker for voice in self.voices},
            watchers={voice.name: voice.seen for voice in self.voices},
            journal=journal,
            resumes=[resume for voice in self.voices for resume in voice.resumes],
            expected_resumes=resumes,
            within=within,
        )
        findings = examine(evidence)
        refused = sum(heard.code != "ok" for voice in self.voices for heard in voice.heard)
        print(f"\n{title}: {findings.summary()}; refused {refused}, answered again {self.again()}")  # noqa: T201 - counts
        return findings

    def again(self) -> int:
        """Return how many answers said that the command had been done before."""
        return sum(bool(heard.frame.get("again")) for voice in self.voices for heard in voice.heard)


@asynccontextmanager
async def choir(
    server: Server, room: str, users: Iterable[str], *, pause_s: float = 0.05, padding: int = 100
) -> AsyncIterator[Choir]:
    """Let a voice of each of `users` talk in `room` (an address, made already) for the time of the block."""
    voices = [Voice(server, f"v{n}", Part(user, room, pause_s, padding)) for n, user in enumerate(users)]
    async with trio.open_nursery() as nursery:
        for voice in voices:
            await nursery.start(voice.run)
        yield Choir(server, voices)
        nursery.cancel_scope.cancel()
