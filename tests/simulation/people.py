"""The people: each device is a real client that follows streams and gives commands at random, until it is told to be quiet.

Never here: what people follow (`corners`) and think of doing (`habits`), disasters, and what is right (`judge`, `follower`).
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio

from homeroom.client import Client, ClientClosed, Gone, Refused, open_client
from homeroom.protocol.rest_json import encode_json
from tests.simulation.clock import pause
from tests.simulation.corners import Wish, entry_to, haunts_of, streams_of
from tests.simulation.follower import Follower
from tests.simulation.habits import Mind
from tests.simulation.habits_school import HABITS
from tests.simulation.judge import Judge
from tests.simulation.network import End
from tests.simulation.orders import Order
from tests.simulation.plan import ROOMS, Device
from tests.simulation.polling import poll
from tests.simulation.saboteur import POISON
from tests.simulation.server import Server
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth

_CHATS = ("room", "session", "group", "sitting")
WORDS: Mapping[tuple[str, str], str] = {
    **{(kind, do): "text" for kind in _CHATS for do in ("say", "edit")},
    ("session", "ask"): "text",
    ("inbox", "send"): "title",
}
"""The argument by which a command of a kind says something that nobody else says."""


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
        self._mind = Mind(self._chance, device.person, device.name, self._look, truth.now)
        self._haunts = haunts_of(server.plan, device.person)
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
        async with self._open() as client:
            self.client = client
            self.opened.set()
            async with trio.open_nursery() as nursery:
                for stream in streams_of(self._server.plan, self.device):
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
        entry = entry_to(stream, self.device.person, self.name)
        while True:
            if follower.last is None and entry is not None and not self.quiet:
                await self.wish(entry)
            position = None if follower.last is None else (self._truth.store.epoch, follower.last)
            follower.reopen()
            try:
                await self._read(client, stream, position, follower)
            except Refused as refused:
                self._trace.note(self.name, f"may not follow {stream}: {refused.code}")
                follower.forget()
            await pause(self.retry_s * self._chance.uniform(0.3, 1.7))

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
            await pause(self._chance.expovariate(1 / self.device.pause_s))
            if not self.quiet:
                nursery.start_soon(self.wish, self._choose())

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
        word, field = "", WORDS.get((to.partition(":")[0], do))
        if field is not None and field not in arguments:
            self._words += 1
            word = f"{self.name} {self._words}"
            arguments = {**arguments, field: word}
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

    async def wish(self, wish: Wish, *, patient: bool | None = None) -> Order:
        """Give the command that somebody has in mind."""
        return await self.order(wish.to, wish.do, wish.arguments, patient=patient)

    def _choose(self) -> Wish:
        """Return a command that this person could think of."""
        to = self._chance.choices([*self._haunts], [*self._haunts.values()])[0]
        return HABITS[to.partition(":")[0]].choose(self._mind, to)

    def _look(self, stream: str) -> Any:
        follower = self.followers.get(stream)
        return None if follower is None else follower.state

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
