"""The people: each device is a real client that follows streams and gives commands at random, until it is told to be quiet.

Never here: disasters, and what is right (`judge`, `follower`).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio

from homeroom.client import Client, ClientClosed, Gone, Refused, open_client
from homeroom.protocol.rest_json import encode_json
from tests.simulation.follower import Follower
from tests.simulation.judge import Judge, Order
from tests.simulation.network import End
from tests.simulation.plan import PEOPLE, ROOMS, TESS, Device
from tests.simulation.polling import poll
from tests.simulation.saboteur import POISON
from tests.simulation.server import Server
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth

EMOJIS = ("+1", "heart")
MODES = ("open", "open", "open", "moderated", "announce")


class Person:
    """One device of one person."""

    def __init__(self, device: Device, server: Server, truth: Truth, judge: Judge, trace: Trace) -> None:
        self.device = device
        self.client: Client | None = None
        self.end: End | None = None
        """This side of the newest connection."""
        self.quiet = False
        """Give no more commands."""
        self.retry_s = 2.0
        """How soon a refused subscription is asked for again."""
        self.open = 0
        """Commands without an answer."""
        self.followers: dict[str, Follower] = {}
        self.opened = trio.Event()
        self._server, self._truth, self._judge, self._trace = server, truth, judge, trace
        self._chance = server.plan.chance(device.name)
        self._leaving = trio.Event()
        self._words = 0

    @property
    def name(self) -> str:
        """Return what a trace calls it."""
        return self.device.name

    @property
    def connection(self) -> str:
        """Return the name of the connection at hand; empty while there is none and the client polls."""
        client = self.client
        if client is None or client.welcome is None or client.status.phase != "connected":
            return ""
        return client.welcome.conn

    async def live(self) -> None:
        """Come, follow and talk, until told to `leave`."""
        person = self.device.person
        streams = [*ROOMS, f"presence:{person.user}"]
        if person is TESS:
            streams += [f"presence:{other.user}" for other in PEOPLE if other is not TESS]
        async with self._open() as client:
            self.client = client
            self.opened.set()
            async with trio.open_nursery() as nursery:
                for stream in streams:
                    nursery.start_soon(self._follow, client, stream)
                nursery.start_soon(self._talk, nursery)
                await self._leaving.wait()
                nursery.cancel_scope.cancel()
        self._trace.note(self.name, "left")

    def leave(self) -> None:
        """Close the client."""
        self._leaving.set()

    def _open(self) -> AbstractAsyncContextManager[Client]:
        return open_client(
            "ws://school/ws",
            self.device.person.user,
            client_id=self.name,
            first_id=1,
            format=self.device.format,
            random=self._server.plan.chance(f"{self.name} client"),
            dial=self._dial,
            fetch=self._fetch,
        )

    # --- following

    async def _follow(self, client: Client, stream: str) -> None:
        replay_events = self._server.plan.engine.replay_events
        follower = Follower(self.name, self._truth.stream(stream), self._judge, replay_events)
        self.followers[stream] = follower
        while True:
            if follower.last is None and stream in ROOMS and not self.quiet:
                await self.order(stream, "join", {})
            position = None if follower.last is None else (self._truth.store.epoch, follower.last)
            follower.reopen()
            try:
                await self._read(client, stream, position, follower)
            except Refused as refused:
                self._trace.note(self.name, f"may not follow {stream}: {refused.code}")
                follower.forget()
            await trio.sleep(self.retry_s * self._chance.uniform(0.3, 1.7))

    async def _read(self, client: Client, stream: str, position: Any, follower: Follower) -> None:
        subscription = follower.subscription = client.subscribe(stream, position)
        try:
            async for item in subscription:
                self._trace.note(self.name, f"{stream} {_brief(item)}")
                follower.take(item, self.connection)
                if not self.quiet and self._chance.random() < 0.01 and not isinstance(item, Gone):
                    return
        finally:
            subscription.close()

    # --- commands

    async def _talk(self, nursery: trio.Nursery) -> None:
        while not self.quiet:
            await trio.sleep(self._chance.expovariate(1 / self.device.pause_s))
            if not self.quiet:
                to, do, arguments = self._choose()
                nursery.start_soon(self.order, to, do, arguments)

    async def crowd(self, nursery: trio.Nursery, count: int) -> None:
        """Say many things at once."""
        room = self._chance.choice(ROOMS)
        for _ in range(count):
            nursery.start_soon(self.order, room, "say", {})

    async def poison(self, times: int) -> None:
        """Say, again and again, what crashes every actor."""
        self._words += 1
        room, text = self._chance.choice(ROOMS), f"{POISON} {self.name} {self._words}"
        for _ in range(times):
            await self.order(room, "say", {"text": text}, patient=False)
            await trio.sleep(1.0)

    async def order(self, to: str, do: str, arguments: Mapping[str, Any], *, patient: bool | None = None) -> Order:
        """Give a command and wait for its answer."""
        client = self.client
        if client is None:
            raise RuntimeError("not open")
        if patient is None:
            patient = self._chance.random() < self.device.patient
        word = ""
        if do in {"say", "edit"} and "text" not in arguments:
            self._words += 1
            word = f"{self.name} {self._words}"
            arguments = {**arguments, "text": word}
        order = Order(self.name, f"{self.device.person.user}/{self.name}", to, do, arguments, word)
        self._judge.orders.append(order)
        self._trace.note(self.name, f"{do} {to} {dict(arguments)}")
        self.open += 1
        began = trio.current_time()
        try:
            call = client.call_patiently if patient else client.call
            reply = await call(to, do, arguments)
        except Refused as refused:
            self._trace.note(self.name, f"{do} {to} {word} -> {refused.code} {refused.msg}")
            self._judge.refused(order, refused)
        except ClientClosed as closed:
            self._trace.note(self.name, f"{do} {to} {word} -> {closed.code}")
            order.fate = "unsure"
        else:
            self._trace.note(self.name, f"{do} {to} {word} -> {reply.pos} {'again' if reply.again else ''}")
            self._judge.acknowledged(order, reply)
        finally:
            self.open -= 1
            order.took_s = trio.current_time() - began
        return order

    def _choose(self) -> tuple[str, str, Mapping[str, Any]]:
        """Return a command that this person could think of."""
        verbs = _STAFF_VERBS if self.device.person.role != "student" else _VERBS
        do = self._chance.choices(*verbs)[0]
        if do in {"set", "beat", "hide", "show", "mine"}:
            return f"presence:{self.device.person.user}", do, _ARGUMENTS.get(do, _nothing)(self, "")
        room = self._chance.choice(ROOMS)
        return room, do, _ARGUMENTS.get(do, _nothing)(self, room)

    def some_message(self, room: str) -> str:
        """Return the id of a message of the room, mostly a recent one."""
        state = self.followers[room].state if room in self.followers else None
        if state is None or not state.chat.messages or self._chance.random() < 0.05:
            return str(self._chance.randint(1, 40))
        return str(self._chance.choice(state.chat.messages[-6:]).id)

    def one_of(self, *things: Any) -> Any:
        """Return one of them."""
        return self._chance.choice(things)

    # --- the network

    async def _dial(self) -> trio.abc.Stream:
        self.end = await self._server.dial(self.device.line)
        return self.end

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> bytes:
        """Catch up over HTTP: the real desk, without the HTTP."""
        await trio.sleep(self.device.line.delay_s)
        life = self._server.life
        if life is None:
            raise OSError("nobody listens")
        return encode_json(await poll(life.sync, url, headers))


def _brief(item: Any) -> str:
    """Return an item for the trace."""
    return f"{type(item).__name__} {getattr(item, 'seq', '')} {getattr(item, 'type', '')}{getattr(item, 'code', '')}"


def _nothing(person: Person, room: str) -> Mapping[str, Any]:
    return {}


_ARGUMENTS: Mapping[str, Callable[[Person, str], Mapping[str, Any]]] = {
    "say": lambda person, room: {"reply_to": person.some_message(room)} if person.one_of(0, 0, 0, 1) else {},
    "edit": lambda person, room: {"message": person.some_message(room)},
    "retract": lambda person, room: {"message": person.some_message(room)},
    "react": lambda person, room: {
        "message": person.some_message(room),
        "emoji": person.one_of(*EMOJIS),
        "on": person.one_of(True, True, False),
    },
    "typing": lambda person, room: {"typing": person.one_of(True, False)},
    "read": lambda person, room: {"upto": person.some_message(room)},
    "pin": lambda person, room: {"message": person.some_message(room)},
    "unpin": lambda person, room: {"message": person.some_message(room)},
    "set_mode": lambda person, room: {"mode": person.one_of(*MODES)},
    "slow_mode": lambda person, room: {"seconds": person.one_of(0, 0, 1, 3)},
    "mute": lambda person, room: {"user": person.one_of("ann", "ben", "cas"), "seconds": person.one_of(1, 5)},
    "unmute": lambda person, room: {"user": person.one_of("ann", "ben", "cas")},
    "invite": lambda person, room: {"user": person.one_of("ann", "ben", "cas")},
    "remove": lambda person, room: {"user": person.one_of("ann", "ben", "cas")},
    "promote": lambda person, room: {
        "user": person.one_of("ann", "ben", "cas"),
        "role": person.one_of("member", "moderator"),
    },
    "history": lambda person, room: {"limit": person.one_of(1, 20)},
    "set": lambda person, room: {
        "status": person.one_of("online", "busy", "dnd", "away"),
        "activity": person.one_of("", "reading"),
    },
    "beat": lambda person, room: {"active": person.one_of(True, False)},
}
_COMMON = {
    "say": 14, "edit": 5, "retract": 3, "react": 6, "typing": 3, "read": 5, "join": 4, "leave": 1, "history": 2,
    "unread": 1, "set": 3, "beat": 1, "hide": 1, "show": 2, "mine": 1,
}  # fmt: skip
_MORE = {
    "pin": 2, "unpin": 1, "set_mode": 2, "slow_mode": 1, "mute": 1, "unmute": 1, "invite": 3, "remove": 1, "promote": 1,
    "audit": 1,
}  # fmt: skip
_VERBS = (tuple(_COMMON), tuple(_COMMON.values()))
_STAFF_VERBS = (tuple(_COMMON | _MORE), tuple((_COMMON | _MORE).values()))
