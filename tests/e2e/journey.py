"""People of a school who live through something together: each with a client of the product, over real sockets.

Whatever one of them does is waited for where another one is shown it, never asked for again and again. Each `Watch` also keeps
the state as every client does, from one snapshot and the events after it. Never here: what happens to them.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec
import trio

from homeroom.actors.kinds import KINDS
from homeroom.client import (
    Backoff,
    Client,
    ClientSettings,
    Event,
    Gone,
    Refused,
    Resumed,
    Signal,
    Snapshot,
    Subscription,
    open_client,
)
from homeroom.http.things import thing_path
from homeroom.protocol.board_state import reduce_board
from homeroom.protocol.chat_state import Happened
from homeroom.protocol.group_state import reduce_group
from homeroom.protocol.inbox_state import reduce_inbox
from homeroom.protocol.presence import reduce_presence
from homeroom.protocol.queue_state import reduce_queue
from homeroom.protocol.room import reduce_room
from homeroom.protocol.session_state import reduce_session
from tests.e2e.server import Server

FoundT = TypeVar("FoundT")
GRACE_MS = 2_000
"""Presence's grace in the school `brisk`: longer than coming back takes, on a slow machine as well."""
PATIENCE_S = 30.0
"""Longer than any wait that can end well, on a slow machine as well."""
HASTY = ClientSettings(backoff=Backoff(first_s=0.05, soon_s=0.2, most_s=0.2))
"""Back soon after a restart: nobody else is waited for here."""
REDUCERS: Mapping[str, Callable[[Any, Happened], object]] = {
    "room": reduce_room, "session": reduce_session, "queue": reduce_queue, "group": reduce_group, "inbox": reduce_inbox,
    "board": reduce_board, "presence": reduce_presence,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Face:
    """How a client keeps the state of one kind: its structure, its events by name, and the path of one such thing in REST."""

    state: type[Any]
    events: Mapping[str, type[Any]]
    path: str


FACES = {
    kind.name: Face(kind.shown, {event.type: event for event in kind.events}, thing_path(kind))
    for kind in KINDS
    if kind.name in REDUCERS
}


class Cable:
    """What connects a person with the server: pulled, the connection is gone without a goodbye, and none comes about."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stream: trio.SocketStream | None = None
        self._plugged = trio.Event()
        self._plugged.set()

    async def dial(self) -> trio.abc.Stream:
        """Connect, when plugged."""
        await self._plugged.wait()
        self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        return self._stream

    def pull(self) -> None:
        """Cut the connection, and keep it cut."""
        self._plugged = trio.Event()
        if self._stream is not None:
            self._stream.socket.shutdown(trio.socket.SHUT_RDWR)

    def plug(self) -> None:
        """Let there be connections again."""
        self._plugged.set()


class Watch:
    """One stream as one person is shown it: `state` after all `events` so far, and the signals.

    `event` goes forward: it looks behind what it found before. So does `signal`, for each person by itself, since signals of
    different people come in any order. `snapshots` counts how often the state was sent whole.
    """

    def __init__(self, address: str, items: Subscription) -> None:
        self.address = address
        self.state: Any = None
        self.events: list[Event] = []
        self.seq = 0
        self.snapshots = 0
        self.code = ""
        """Why the subscription ended, when the server ended it."""
        self._items = items
        self._face, self._reduce = FACES[address.partition(":")[0]], REDUCERS[address.partition(":")[0]]
        self._events_seen = 0
        self._signals: list[Signal] = []
        self._changed = trio.Event()

    async def run(self) -> None:
        """Take everything in, until the subscription ends."""
        async for item in self._items:
            self._take(item)
            self._changed.set()
            self._changed = trio.Event()

    async def event(self, type: str, /, **fields: Any) -> Event:
        """Wait for the next event of this type that holds `fields`; raises `AssertionError` when none comes."""

        def find() -> Event | None:
            for place in range(self._events_seen, len(self.events)):
                event = self.events[place]
                if event.type == type and self._holds(event, fields):
                    self._events_seen = place + 1
                    return event
            return None

        return await self._wait(find, f"{type} {fields}")

    async def signal(self, type: str, /, **fields: Any) -> Signal:
        """Wait for the next signal of this type that holds `fields`; raises `AssertionError` when none comes."""

        def find() -> Signal | None:
            for place, signal in enumerate(self._signals):
                if signal.type == type and self._holds(signal, fields):
                    earlier = [other for other in self._signals[:place] if not same_subject(other, signal)]
                    self._signals = earlier + self._signals[place + 1 :]
                    return signal
            return None

        return await self._wait(find, f"{type} {fields}")

    async def until(self, condition: Callable[[Any], bool], what: str) -> Any:
        """Wait until the state meets a condition, and return the state; raises `AssertionError` when it never does."""
        return await self._wait(lambda: self.state if self.snapshots and condition(self.state) else None, what)

    async def gone(self) -> str:
        """Wait until the server ends the subscription, and return its code; raises `AssertionError` when it does not."""
        return await self._wait(lambda: self.code or None, "the end")

    async def reach(self, seq: int) -> None:
        """Wait until the event of this number has arrived; raises `AssertionError` when it does not."""
        await self._wait(lambda: self.seq >= seq or None, f"event {seq}")

    def of(self, type: str) -> list[Event]:
        """Return all events of a type so far."""
        return [event for event in self.events if event.type == type]

    def _holds(self, item: Event | Signal, fields: Mapping[str, Any]) -> bool:
        """Tell whether what happened holds `fields`; what is not sent because it is the default counts."""
        return holds(msgspec.convert(item.d, self._face.events[item.type]), fields)

    async def _wait(self, find: Callable[[], FoundT | None], what: str) -> FoundT:
        with trio.move_on_after(PATIENCE_S):
            while (found := find()) is None:
                await self._changed.wait()
            return found
        raise AssertionError(f"{self.address} never showed {what}; newest: {self.events[-6:]}, {self._signals[-6:]}")

    def _take(self, item: Snapshot | Resumed | Event | Signal | Gone) -> None:
        if isinstance(item, Event):
            self._take_event(item)
        elif isinstance(item, Signal):
            self._signals.append(item)
        elif isinstance(item, Gone):
            self.code = item.code
        elif isinstance(item, Snapshot):
            self.state, self.seq = msgspec.convert(item.state, self._face.state), item.seq
            self.snapshots += 1

    def _take_event(self, item: Event) -> None:
        assert item.seq == self.seq + 1, f"{self.address}: {item.seq} came after {self.seq}"
        event = msgspec.convert(item.d, self._face.events[item.type])
        self._reduce(self.state, Happened(item.seq, item.at, item.by, event))
        self.seq = item.seq
        self.events.append(item)


class Person:
    """Somebody with a client: commands over the socket (`do`), REST beside it (`rest`), and streams to follow."""

    def __init__(self, server: Server, id: str) -> None:
        self.id = id
        self.cable = Cable(server.port)
        self.client: Client
        self.inbox: Watch
        self._url, self._token = f"127.0.0.1:{server.port}", server.token(id)
        self._http: httpx.AsyncClient
        self._nursery: trio.Nursery
        self._left = trio.Event()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be there, until told to leave; started when connected, with the own inbox in sight."""
        address = f"ws://{self._url}/ws"
        headers = {"Authorization": f"Bearer {self._token}"}
        async with (
            httpx.AsyncClient(base_url=f"http://{self._url}", headers=headers, timeout=PATIENCE_S) as self._http,
            open_client(address, self._token, settings=HASTY, dial=self.cable.dial) as self.client,
            trio.open_nursery() as self._nursery,
        ):
            await self.client.wait_connected()
            self.inbox = await self.follow(f"inbox:{self.id}")
            task_status.started()
            await self._left.wait()
            self._nursery.cancel_scope.cancel()

    def leave(self) -> None:
        """Close the client, with a goodbye."""
        self._left.set()

    async def follow(self, address: str) -> Watch:
        """Follow a stream, and return when its state is here; raises `Refused`."""
        items = self.client.subscribe(address)
        watch = Watch(address, items)
        with trio.fail_after(PATIENCE_S):
            watch._take(await anext(items))
        self._nursery.start_soon(watch.run)
        return watch

    async def do(self, address: str, verb: str, /, **fields: Any) -> Any:
        """Carry out a verb over the socket and return its reply; raises `Refused`."""
        with trio.fail_after(PATIENCE_S):
            return (await self.client.call_patiently(address, verb, fields)).data

    async def refused(self, address: str, verb: str, /, **fields: Any) -> Refused:
        """Return the refusal of a verb; raises `AssertionError` when it is carried out."""
        try:
            done = await self.do(address, verb, **fields)
        except Refused as refusal:
            return refusal
        raise AssertionError(f"{self.id} could {verb} at {address}: {done}")

    async def rest(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Go through a door of REST that is to answer with `status`; returns JSON, or the text of anything else."""
        content = {} if body is None else {"json": body}
        answer = await self._http.request(method, path, **content)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    async def look(self, address: str) -> Any:
        """Return the state of a thing, asked for anew through REST."""
        kind, _, name = address.partition(":")
        return msgspec.convert(await self.rest("GET", FACES[kind].path.format(id=name)), FACES[kind].state)

    async def notice(self, type: str, /, **fields: Any) -> Mapping[str, Any]:
        """Wait for a notice of a type in the own inbox, and return it."""
        event = await self.inbox.event("inbox.notified", notice={"type": type, **fields})
        notice: Mapping[str, Any] = event.d["notice"]
        return notice

    def notices(self) -> list[str]:
        """Return the types of all notices that came while looking."""
        return [event.d["notice"]["type"] for event in self.inbox.of("inbox.notified")]


class School:
    """The people who are here, and their server."""

    def __init__(self, server: Server, nursery: trio.Nursery) -> None:
        self.server = server
        self._nursery = nursery

    async def enter(self, user: str) -> Person:
        """Let somebody in, with a tab of its own."""
        person = Person(self.server, user)
        with trio.fail_after(PATIENCE_S):
            await self._nursery.start(person.run)
        return person

    async def enter_all(self, *users: str) -> list[Person]:
        """Let several people in, one tab each."""
        return [await self.enter(user) for user in users]

    async def kill(self) -> None:
        """End the server as a power cut would (its database goes on), and start it again; clients come back by themselves."""
        await trio.to_thread.run_sync(self.server.kill)
        await trio.to_thread.run_sync(self.server.open)


@asynccontextmanager
async def school_of(server: Server) -> AsyncIterator[School]:
    """Let people into the school of a server; at the end of the block all of them are gone."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield School(server, nursery)
        except Exception as error:  # raised again below: as it is, not wrapped into the nursery's group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def agree(watches: Collection[Watch]) -> Any:
    """Wait until all have been shown as much, and return the state; raises `AssertionError` unless it is the same for all.

    None of them may have been sent the state again: a kill or a lost connection is made good by the missed events alone.
    """
    while len({watch.seq for watch in watches}) > 1:
        newest = max(watch.seq for watch in watches)
        for watch in watches:
            await watch.reach(newest)
    first, *others = watches
    for other in others:
        assert other.state == first.state
    assert all(watch.snapshots == 1 for watch in watches)
    return first.state


def same_subject(one: Signal, other: Signal) -> bool:
    """Tell whether two signals are about the same of the same person, so that the later stands for both."""
    return (one.type, one.d.get("user")) == (other.type, other.d.get("user"))


def holds(given: Any, wanted: Any) -> bool:
    """Tell whether `given` is `wanted`, or holds it: of structures and maps what is wanted of them, however deep."""
    if isinstance(wanted, Mapping) and isinstance(given, Mapping):
        return all(key in given and holds(given[key], value) for key, value in wanted.items())
    if isinstance(wanted, Mapping):
        return all(holds(getattr(given, key, None), value) for key, value in wanted.items())
    return bool(given == (tuple(wanted) if isinstance(wanted, list) else wanted))
