"""The records of the school: read, listed, made, changed and removed, each for somebody.

A write is one transaction: row, audit, activity and an event on every channel of the row, or nothing. What a caller may not see
is not there for them. Never here: what there is to keep (the declarations), SQL, and HTTP.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from random import Random
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.blueprint import NO_SUCH_THING
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.journal import Message
from homeroom.engine.posted import Posted
from homeroom.engine.postgres import Connection
from homeroom.engine.wire import Wire
from homeroom.protocol.access import Rule
from homeroom.records.access import role_may
from homeroom.records.catalog import Catalog
from homeroom.records.commit import Commits, Outside
from homeroom.records.declare import Action, Deed, Moment, RecordType
from homeroom.records.denials import denied, denied_deed
from homeroom.records.faults import told_as_refusals, was_in_a_ring
from homeroom.records.in_the_way import InTheWay, with_records
from homeroom.records.intake import check_names
from homeroom.records.listing import Listing, ListQuery, count_statement, list_statement, listed
from homeroom.records.reads import Reads, wait_for_turn
from homeroom.records.repeats import Repeats, Request, digest_of
from homeroom.records.rows import Kept, seen
from homeroom.records.sanitising import Sanitiser
from homeroom.records.statements import FOR_DELETE, to_change
from homeroom.records.tail import Receipt
from homeroom.records.turns import Turns
from homeroom.records.unit import Unit

RINGS_MAX = 2
"""How often a transaction is begun again that PostgreSQL took back to end a ring; finding one takes it a second."""

READERS = 4
"""One of so many connections is left to those who read."""
UNITS_EACH = 2
"""Transactions of one person at a time where nothing else is said: nobody types faster, and a page saves two things at once at the most."""
UNITS_WAITING = 100
"""Transactions of one person that may wait for those: more at once is no person at work."""

Row = dict[str, Any]
ReplyT = TypeVar("ReplyT")
Publish = Callable[[Sequence[Posted]], None]
Withdraw = Callable[[str, Iterable[str]], None]
Learn = Callable[[object], None]
Carry = Callable[[Sequence[Message]], None]


def _withdraw_nothing(stream: str, users: Iterable[str]) -> None:
    """Do nothing: the store of a program in which nobody follows streams."""


def _learn_nothing(news: object) -> None:
    """Do nothing: the store of a program that keeps nothing in mind."""


def _carry_nothing(messages: Sequence[Message]) -> None:
    """Do nothing: the store of a program without actors, whose messages a server finds when it starts."""


class Store:
    """All record types in one database.

    `publish` is given what was appended to channels, `withdraw` whose subscriptions end, `carry` the messages to actors, `learn`
    what this server is to know; all after the commit, and none may wait. One person has `each` transactions under way at the most,
    and all together leave a quarter of the connections to whoever reads; of those who read nobody takes them all. `zone` is the school's, UTC if none is said: it decides which day a time counts for. Every method raises `Refusal`; with a
    `key`, a write is done once and a repeat gets the first answer.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        wire: Wire,
        types: Sequence[RecordType],
        *,
        publish: Publish,
        random: Random,
        withdraw: Withdraw = _withdraw_nothing,
        learn: Learn = _learn_nothing,
        carry: Carry = _carry_nothing,
        zone: ZoneInfo | None = None,
        each: int = UNITS_EACH,
    ) -> None:
        self.catalog = Catalog(types, zone)
        self.repeats = Repeats(database, clock, wire)
        self.reads = Reads(database)
        self._database = database
        self._clock = clock
        self._wire = wire
        self._random = random
        self._sanitiser = Sanitiser()
        self._each = each
        self._commits = Commits(database, wire, Outside(publish, withdraw, learn, carry))

    @cached_property
    def turns(self) -> Turns:
        """Return whose turn it is to write."""
        return Turns(_writers(self._database.size), self._each, UNITS_WAITING)

    # --- reading

    async def read(self, type: RecordType, id: str, caller: Caller) -> Row:
        """Return a row as the caller may see it; raises `not_found` for what is not there, or not theirs to see."""
        found = await self._asked(caller, self.catalog.texts.of(type, caller.role).read, id)
        if not found:
            raise Refusal("not_found", NO_SUCH_THING)
        return seen(found[0])

    async def page(self, type: RecordType, query: ListQuery, caller: Caller) -> Listing:
        """Return a page of the rows that the caller may see; raises `bad_command` that names what is wrong with the query."""
        asked = list_statement(type, query, caller.role)
        return listed(await self._asked(caller, asked.sql, *asked.args), asked)

    async def total(self, type: RecordType, query: ListQuery, caller: Caller) -> int:
        """Return how many rows all pages of a list have, `TOTAL_MAX` at the most."""
        asked = count_statement(type, query, caller.role)
        (row,) = await self._asked(caller, asked.sql, *asked.args)
        return int(row["total"])

    async def _asked(self, caller: Caller, sql: str, *args: Any) -> list[Any]:
        """Return the rows of a statement that reads for somebody, when it is their turn; raises `overloaded`."""
        with told_as_refusals():
            return await self.reads.fetch(caller.user, sql, caller.user, *args)

    # --- writing

    async def check_right(self, type: RecordType, id: str, rule: Rule, caller: Caller) -> None:
        """Raise what `rule` refuses `caller`, `not_found` or `forbidden`; without an `id` the role alone is asked.

        For doors that were sent what does not fit: who has no right is told that, and not what is wrong.
        """
        if not id:
            if not role_may(rule, caller.role):
                raise denied(type, rule, caller.role)
            return
        async with self.unit(caller) as unit:
            await unit.hold(type, id, rule)

    async def create(self, type: RecordType, values: Mapping[str, Any], caller: Caller, key: str | None = None) -> Row:
        """Add a row; returns it.

        Raises `bad_command` that names the field (unknown, wrong, or a reference to nothing), `conflict` that names the fields
        of which another row has the values, `forbidden`.
        """

        async def work(unit: Unit) -> Row:
            unit.check_role(type)
            check_names(type, values, create=True)
            return (await unit.add(type, values)).shown()

        return await self.once(("create", type.name, "", values), caller, key, work)

    async def update(
        self,
        type: RecordType,
        id: str,
        changes: Mapping[str, Any],
        caller: Caller,
        version: int | None = None,
        *,
        key: str | None = None,
    ) -> Row:
        """Change columns of a row; returns it. One that is the same afterwards is not written.

        Raises as `create`, `not_found`, and `conflict` when `version` is not the row's.
        """

        async def work(unit: Unit) -> Row:
            held = await unit.hold(type, id, type.update, how=to_change(type, changes))
            check_names(type, changes, create=False)
            old = _fresh(held, version)
            return (await unit.change(old, changes, type.update)).shown()

        return await self.once(("update", type.name, id, changes, version), caller, key, work)

    async def delete(
        self, type: RecordType, id: str, caller: Caller, version: int | None = None, key: str | None = None
    ) -> None:
        """Remove a row and what goes with it; raises `not_found`, `forbidden`, or `conflict`: stale, or others refer to it."""

        async def work(unit: Unit) -> None:
            await unit.remove(_fresh(await unit.hold(type, id, type.delete, how=FOR_DELETE), version))

        await self.once(("delete", type.name, id, version), caller, key, work)

    async def act(  # noqa: PLR0917 - like `update`, and with an action and its body
        self,
        type: RecordType,
        action: Action,
        id: str,
        body: Any,
        caller: Caller,
        version: int | None = None,
        *,
        key: str | None = None,
    ) -> Row:
        """Make the one change that `action` is; returns the row. Raises as `update` does, and what the action refuses."""

        async def work(unit: Unit) -> Row:
            old = _fresh(await unit.hold(type, id, action.rule), version)
            changes = action.change(old.row(), body, Moment(unit.now, caller))
            return (await unit.change(old, changes, None, action.event)).shown()

        return await self.once((action.name, type.name, id, body, version), caller, key, work)

    async def perform(self, type: RecordType, deed: Deed, body: Any, caller: Caller, key: str | None = None) -> Any:
        """Do what `deed` is; returns its reply."""
        if not role_may(deed.rule, caller.role):
            raise denied_deed(deed.rule, deed.name, caller.role)
        return await self.once(
            (deed.name, type.name, "", body), caller, key, lambda unit: deed.perform(unit, body), deed.reply
        )

    @asynccontextmanager
    async def unit(self, caller: Caller) -> AsyncIterator[Unit]:
        """Lend a transaction; what was written in it is durable and published when the context ends.

        Raises `overloaded` for somebody with too much under way.
        """
        if not self.turns.take(caller.user):
            await wait_for_turn(self.turns, caller.user, self._database)
        try:
            async with self._begun(caller) as unit:
                yield unit
        finally:
            self.turns.leave(caller.user)

    async def settle(self) -> None:
        """Tell of what was committed without anybody being able to say so in time; raises `unavailable` while nobody can yet.

        `learn` is given `commit.InDoubt` when there is something to settle. One task at a time may.
        """
        await self._commits.settle()

    def _begun(self, caller: Caller) -> AbstractAsyncContextManager[Unit]:
        moment = Moment(self._clock.now(), caller)

        def begin(connection: Connection) -> Unit:
            return Unit(self.catalog, connection, moment, self._random, self._sanitiser)

        return self._commits.transaction(begin)

    async def once(
        self,
        asked: tuple[Any, ...],
        caller: Caller,
        key: str | None,
        work: Callable[[Unit], Awaitable[ReplyT]],
        type: Any = Any,
    ) -> ReplyT:
        """Carry out `work` in a transaction of its own, once for each `key`; `type` is that of its answer.

        `work` changes nothing but by its unit: it is begun again, with a new one, when others were in a ring with it.

        `asked` is what tells one request from another by the same key: never a secret, of which a digest would be kept.
        """
        if key is None:
            return await self._carried_out(caller, work)
        request = Request(caller.user, key, digest_of(self._wire, *asked))

        async def leaving_a_receipt(unit: Unit) -> ReplyT:
            answer = await work(unit)
            unit.tail.receipt = Receipt(key, request.digest, self._wire.encode(answer))
            return answer

        answer: ReplyT = await self.repeats.once(request, type, lambda: self._carried_out(caller, leaving_a_receipt))
        return answer

    async def _carried_out(self, caller: Caller, work: Callable[[Unit], Awaitable[ReplyT]]) -> ReplyT:
        """Carry out `work` in a transaction; what is in the way of what it cannot write is named when it has been taken back."""
        try:
            return await self._carried_out_once_more(caller, work)
        except InTheWay as refusal:
            stopped = refusal
        with told_as_refusals():
            raise await with_records(self._database, stopped, caller)

    async def _carried_out_once_more(self, caller: Caller, work: Callable[[Unit], Awaitable[ReplyT]]) -> ReplyT:
        """Carry out `work` in a transaction, and again when PostgreSQL took it back to end a ring of those who wait for each other.

        Nothing of it is left then, and the others go on. Who gave up waiting is not tried again: those in the way are still there.
        """
        for _ in range(RINGS_MAX):
            try:
                async with self.unit(caller) as unit:
                    return await work(unit)
            except Refusal as refusal:
                if not was_in_a_ring(refusal):
                    raise
        async with self.unit(caller) as unit:
            return await work(unit)


def _writers(connections: int) -> int:
    """Return how many of so many connections may be written by at a time: who reads never waits behind the locks of others."""
    return max(1, connections - max(1, connections // READERS))


def _fresh(held: Kept, version: int | None) -> Kept:
    """Return a held row; raises `conflict` when it is not in the state that the caller knows."""
    if version is not None and held.version != version:
        raise Refusal(
            "conflict", f"it has changed since: its version is {held.version}", data={"version": held.version}
        )
    return held
