"""The real application on the real engine, whose journal is in memory: what the tests of the REST doors talk to."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from random import Random
from typing import Any, cast

import trio
from quart_trio import QuartTrio
from werkzeug.datastructures import Headers

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database
from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Done
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import START_MS, MemoryJournal
from homeroom.engine.kind import Kind
from homeroom.engine.named import Strangers, no_strangers
from homeroom.http.app import AppParts, Demo, RecordParts, make_app
from homeroom.http.authentication import Authentication
from homeroom.http.budgets import Budgets, BudgetSettings, Rate
from homeroom.http.keys import KeyRing, secret_key
from homeroom.http.pipeline import WebSettings
from homeroom.http.revocations import Revocations
from homeroom.http.sync import POLL_FORMAT, PollFrames, Sync, SyncLimits
from homeroom.http.throttle import LoginThrottle
from homeroom.http.tokens import Tokens
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from homeroom.protocol.verbs import VerbTable
from homeroom.records.logins import Logins
from homeroom.records.passwords import Passwords
from homeroom.records.users import Users
from tests.http.asgi import ask
from tests.records.hashes import CHEAP

SYNC_LIMITS, WEB_SETTINGS = SyncLimits(), WebSettings()
PLENTY = BudgetSettings({"chat": Rate(1e6, 1e6)})
HTTP = files("homeroom.http")


@dataclass(frozen=True)
class Reply:
    """What a door answered; `body` is the JSON, else the text."""

    status: int
    body: Any
    headers: Headers

    @property
    def code(self) -> str:
        """The code of a problem document, `ok` for anything that is none."""
        return str(self.body["code"]) if self.status >= 400 else "ok"


class School:
    """A school without a database: people come with tokens made here. `present` is who has a connection, `wards` whom parents stand for."""

    def __init__(
        self,
        *,
        kinds: Sequence[Kind] = KINDS,
        journal: MemoryJournal | None = None,
        budgets: BudgetSettings = PLENTY,
        limits: SyncLimits = SYNC_LIMITS,
        settings: WebSettings = WEB_SETTINGS,
        database: Database | None = None,
        demo: Demo | None = None,
        self_registration: bool = False,
        records: RecordParts | None = None,
        strangers: Strangers = no_strangers,
    ) -> None:
        self.kinds = kinds
        self.journal = journal or MemoryJournal()
        self.clock = TrioClock(START_MS)
        self.wire = StoredWire()
        self.hub = Hub({"msgpack": MsgpackFrames(), "json": JsonFrames(), POLL_FORMAT: PollFrames()})
        self.engine = Engine(
            kinds, self.journal, self.wire, self.hub, clock=self.clock, random=Random(1), strangers=strangers
        )
        self.revocations = Revocations(self.clock)
        self.wards: dict[str, frozenset[str]] = {}
        self.tokens = Tokens(
            KeyRing([secret_key(b"k" * 32)]),
            self.clock,
            is_revoked=self.revocations.is_revoked,
            wards=lambda user: self.wards.get(user, frozenset()),
        )
        self.revoked: list[tuple[str, str | None]] = []
        self.present: list[str] = []
        self.budgets = Budgets(trio.current_time, budgets)
        self.sync = Sync(
            self.engine.ref,
            self.hub,
            self.journal,
            self.wire,
            take=self.budgets.take,
            check=self.tokens.check,
            clock=self.clock,
            limits=limits,
        )
        known = database if database is not None else cast("Database", None)
        self.users, self.passwords = Users(known, self.clock), Passwords(CHEAP)
        self.throttle = LoginThrottle()
        self.logins = Logins(known, self.clock)
        self.parts = AppParts(
            engine=self.engine,
            ref=self.engine.ref,
            wire=self.wire,
            kinds=kinds,
            verbs=VerbTable({kind.name: {verb.command.do: verb.command for verb in kind.verbs} for kind in kinds}),
            budgets=self.budgets,
            authentication=Authentication(
                self.users,
                self.logins,
                self.passwords,
                self.tokens,
                self.throttle,
                self.revocations,
                lambda user, family: self.revoked.append((user, family)),
                self.clock,
                self_registration,
            ),
            sync=self.sync,
            present=lambda: self.present,
            known=self.journal.known,
            random=Random(2),
            static=HTTP / "static",
            docs=HTTP / "docs_page",
            asyncapi=lambda: {"asyncapi": "3.0.0"},
            settings=settings,
            statistics={"engine": self.engine.statistics, "hub": self.hub.statistics},
            demo=demo,
            records=records,
        )

    @cached_property
    def app(self) -> QuartTrio:
        """The application: a second's tenth of work, so that only those who knock wait for it."""
        return make_app(self.parts)

    async def open(self, nursery: trio.Nursery) -> "School":
        """Start the engine and the hub; they end with `nursery`."""
        await self.journal.ensure_tables([table for kind in self.kinds for table in kind.tables])
        await nursery.start(self.hub.run)
        await nursery.start(self.engine.run)
        return self

    def bearer(self, user: str, role: str = "student") -> dict[str, str]:
        """Return the headers of a person."""
        return {"Authorization": f"Bearer {self.tokens.issue(user, user.title(), role)}"}

    async def call(
        self,
        method: str,
        path: str,
        who: tuple[str, str] | None = None,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        meanwhile: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint,
    ) -> Reply:
        """Knock at a door as `who`, a pair of id and role; a `body` of bytes is sent as it is, any other one as JSON.

        `meanwhile` is what happens between the head and the body.
        """
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        told = {} if body is None else {"Content-Type": "application/json", "Content-Length": str(len(data))}
        sent = {**told, **(self.bearer(*who) if who else {}), **(headers or {})}
        status, said, answer = await ask(self.app, method, path, sent, data, meanwhile)
        is_json = bool(answer) and "json" in said.get("Content-Type", "")
        return Reply(status, json.loads(answer) if is_json else answer.decode(), said)

    async def do(self, address: str, command: Any, caller: Caller | tuple[str, str] = SYSTEM_CALLER) -> Done:
        """Have a command carried out past the doors; raises `Refusal`."""
        caller = caller if isinstance(caller, Caller) else Caller(caller[0], caller[1], caller[0].title())
        answer = await self.engine.ref(address).ask(command, caller)
        if isinstance(answer, Refusal):
            raise answer
        return answer

    async def do_all(self, address: str, *steps: tuple[Any, Caller | tuple[str, str]]) -> None:
        """Have several commands carried out, one after the other."""
        for command, caller in steps:
            await self.do(address, command, caller)


def paths(doors: Iterable[tuple[str, str]]) -> list[str]:
    """Return `METHOD /path` for each."""
    return sorted(f"{method} {path}" for method, path in doors)
