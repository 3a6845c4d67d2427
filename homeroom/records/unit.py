"""One transaction of records: reads that hold, writes that are checked for the caller, audited and told.

The life of a write: (1) the row is held and looked at for the caller; (2) the row to be is made, with every bound and rule;
(3) it is written and looked at again, so that nothing is moved out of what is the caller's; (4) what it leaves behind is
gathered for the tail.

Rules of this file: rows are held before named locks, both before the heads of channels; of several rows those first that others
refer to, then by id: so no two units wait for each other. Never here: BEGIN and COMMIT (`commit`), and SQL texts (`statements`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from random import Random
from typing import Any, Literal
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from homeroom.engine.behaviour import Caller, Command, Refusal
from homeroom.engine.blueprint import NO_SUCH_THING
from homeroom.engine.postgres import Connection
from homeroom.protocol.access import Rule
from homeroom.records.access import role_may
from homeroom.records.aftermath import Aftermath
from homeroom.records.breath import Breath, batched
from homeroom.records.catalog import Catalog
from homeroom.records.columns import Row
from homeroom.records.declare import Moment, RecordType
from homeroom.records.denials import check_closed, check_written, denied
from homeroom.records.derived import meant
from homeroom.records.ids import fresh_id
from homeroom.records.intake import new_row
from homeroom.records.notice import Notice
from homeroom.records.notices import notify, tell_changes
from homeroom.records.placements import placed
from homeroom.records.rows import Kept, all_kept, as_json, as_rows
from homeroom.records.sanitising import Sanitiser, any_marked
from homeroom.records.shown_anew import note_shown_anew
from homeroom.records.statements import FOR_CHANGE, FOR_DELETE, How
from homeroom.records.step import Step, is_default, step_of
from homeroom.records.tail import Letter, Tail
from homeroom.records.taking_back import take_back
from homeroom.records.tallies import Count, Counts, day_of
from homeroom.records.telling import Change, Post

TOGETHER = 16
"""Rows that one statement writes at the most: what its answer takes in the event loop stays under a millisecond."""
To = Literal["read", "update", "delete"]

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


class Unit:
    """One transaction, for one caller at one time. Made by `Store.unit`; every method raises `Refusal`, which takes all back."""

    def __init__(
        self, catalog: Catalog, connection: Connection, moment: Moment, random: Random, sanitiser: Sanitiser
    ) -> None:
        counts = Counts(catalog.zone)
        self.tail = Tail(moment.caller.user, moment.now, counts)
        self.aftermath = Aftermath(news=[counts.touched])
        self._catalog = catalog
        self._connection = connection
        self._moment = moment
        self._random = random
        self._sanitiser = sanitiser
        self._noticed: set[tuple[str, str]] = set()
        self._breath = Breath()
        self.number = ""
        """By which PostgreSQL knows the transaction; empty until a row was held or written."""

    @property
    def caller(self) -> Caller:
        """Return for whom it is done."""
        return self._moment.caller

    @property
    def now(self) -> int:
        """Return the time of the whole unit, Unix ms."""
        return self._moment.now

    @property
    def zone(self) -> ZoneInfo:
        """Return the school's zone."""
        return self._catalog.zone

    @property
    def today(self) -> date:
        """Return the day that it is then, by the clocks of the school."""
        return day_of(self.now, self.zone)

    # --- rows

    async def get(self, type: RecordType, id: str) -> Any:
        """Return a row that the caller may read, held until the end; raises `not_found`."""
        return (await self.hold(type, id, type.read)).row()

    async def get_many(self, type: RecordType, ids: Sequence[str], to: To = "read") -> list[Any]:
        """Return rows, in the order of `ids`, that the caller may read, change or remove, held until the end.

        Raises `not_found` where one is hidden, `forbidden`.
        """
        how = FOR_DELETE if to == "delete" else FOR_CHANGE
        return [held.row() for held in await self.hold_many(type, ids, getattr(type, to), how=how)]

    async def permit(self, type: RecordType, values: Mapping[str, Any]) -> None:
        """Raise `forbidden` unless the caller may create a row of `values`: for whoever tells something before writing any."""
        self.check_role(type)
        await self._permit(type, type.create, (values,))

    def check_role(self, type: RecordType) -> None:
        """Raise `forbidden` when nobody of the caller's role may create rows of `type`."""
        if not role_may(type.create, self.caller.role):
            raise denied(type, type.create, self.caller.role)

    async def insert(self, type: RecordType, values: Mapping[str, Any]) -> Any:
        """Add a row, with an `id` of ours where `values` have none; returns it.

        Raises `forbidden`, `bad_command` for what does not fit, `conflict` for what is there already.
        """
        return (await self.add(type, values)).row()

    async def insert_many(self, type: RecordType, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Add rows as `insert` does, many by one statement; returns them in their order."""
        return await as_rows(await self.add_many(type, rows))

    async def update(self, type: RecordType, id: str, changes: Mapping[str, Any], event: str | None = None) -> Any:
        """Change columns of a row; returns it. `event` is told instead of the type's own.

        Raises `not_found` for what the caller cannot see, `forbidden`, `bad_command`, `conflict`.
        """
        old = await self.hold(type, id, type.update)
        return (await self.change(old, changes, type.update, event)).row()

    async def update_many(
        self, type: RecordType, changes: Mapping[str, Mapping[str, Any]], event: str | None = None
    ) -> list[Any]:
        """Change rows, by their ids, as `update` does, many by one statement; returns them in their order."""
        olds = await self.hold_many(type, tuple(changes), type.update)
        return await as_rows(await self.change_many(olds, tuple(changes.values()), type.update, event))

    async def delete(self, type: RecordType, id: str) -> None:
        """Remove a row, and those that go with it; raises `not_found`, `forbidden`, or `conflict` when others refer to it."""
        await self.remove(await self.hold(type, id, type.delete, how=FOR_DELETE))

    async def delete_many(self, type: RecordType, ids: Sequence[str]) -> None:
        """Remove rows as `delete` does, many by one statement."""
        await self.remove_many(await self.hold_many(type, ids, type.delete, how=FOR_DELETE))

    async def hold(self, type: RecordType, id: str, rule: Rule, *, how: How = FOR_CHANGE) -> Kept:
        """Hold a row until the end, for what `rule` permits; raises `not_found` for what is hidden, `forbidden`."""
        return (await self.hold_many(type, (id,), rule, how=how))[0]

    async def hold_many(self, type: RecordType, ids: Sequence[str], rule: Rule, *, how: How = FOR_CHANGE) -> list[Kept]:
        """Hold rows as `hold` does; returns them in the order of `ids`."""
        found: dict[str, Kept] = {}
        for some in batched(sorted(set(ids)), TOGETHER):
            rows = await self._fetch(type, self._texts(type).hold(rule, how), some)
            found |= {held.id: held for held in await all_kept(type, rows)}
        held = [found.get(name) for name in ids]
        if not all(one is not None and (one.sees or one.may) for one in held):
            raise Refusal("not_found", NO_SUCH_THING)
        if closed := [one.values for one in found.values() if not one.may]:
            raise denied(type, rule, self.caller.role, closed)
        return [found[name] for name in ids]

    async def add(self, type: RecordType, values: Mapping[str, Any]) -> Kept:
        """Add a row as `insert` does; returns it with what the caller may do."""
        return (await self.add_many(type, (values,)))[0]

    async def add_many(self, type: RecordType, rows: Sequence[Mapping[str, Any]]) -> list[Kept]:
        """Add rows as `insert_many` does; returns them with what the caller may do."""
        self.check_role(type)
        return [new for some in batched(rows, TOGETHER) for new in await self._add(type, some)]

    async def _add(self, type: RecordType, given: Sequence[Mapping[str, Any]]) -> list[Kept]:
        rows = list[Row]()
        for values in given:
            await self._breath.taken()
            rows.append(new_row(type, self._new_values(type, values), rich=False))
        insert = await self._permitted_insert(type, rows)
        if type.rich:
            rows = [await self._sanitiser.sanitised(type, row, type.rich) for row in rows]
        rows = [await self._ready(type, None, row) for row in rows]
        news = await self._write(type, insert, rows)
        for new, values in zip(news, given, strict=True):
            await self._breath.taken()
            check_written(new, new.may, values, type.create, self.caller.role)
            named = [name for name in values if name in new.closed and not is_default(type, name, new.values[name])]
            check_closed(type, new.closed, named, self.caller.role)
            self.tail.change(Change(type.event("created"), None, new))
        await self._follow(type, [(None, row) for row in rows])
        return news

    async def change(self, old: Kept, changes: Mapping[str, Any], rule: Rule | None, event: str | None = None) -> Kept:
        """Put `changes` into a held row; returns it as it is then, or as it is when nothing changes and no `event` says so.

        `rule` must permit what it has become; none is asked where the change is the declaration's own.
        """
        return (await self.change_many((old,), (changes,), rule, event))[0]

    async def change_many(
        self, olds: Sequence[Kept], changes: Sequence[Mapping[str, Any]], rule: Rule | None, event: str | None = None
    ) -> list[Kept]:
        """Put into each held row of one type its own of `changes`, as `change` does; returns them in their order."""
        pairs = list(zip(olds, changes, strict=True))
        return [
            new for some in batched(pairs, TOGETHER) for new in await self._change(some[0][0].type, some, rule, event)
        ]

    async def _change(
        self, type: RecordType, pairs: Sequence[tuple[Kept, Mapping[str, Any]]], rule: Rule | None, event: str | None
    ) -> list[Kept]:
        steps = list[Step]()
        for old, changes in pairs:
            await self._breath.taken()
            step = step_of(old, meant(type.derived, changes, self.zone, new=False), self.now)
            if step.named or event is not None:
                steps.append(step)
        if rule is not None:
            decisive = self._texts(type).decisive(rule)
            for step in steps:
                check_closed(type, step.old.closed, step.named, self.caller.role)
            await self._permit(type, rule, [step.row for step in steps if not decisive.isdisjoint(step.named)])
        if type.rich:
            steps = [step for step in [await self._sanitised(type, step) for step in steps] if step.named or event]
        fill = rule is not None and event is None
        rows = [await self._ready(type, step.before, step.row, fill=fill) for step in steps]
        update = self._texts(type).update_of(rule or type.update, [step.before for step in steps], rows)
        news = await self._write(type, update, rows, [row.id for row in rows]) if rows else []
        for step, new in zip(steps, news, strict=True):
            await self._breath.taken()
            check_written(new, rule is None or new.may, step.named, rule or type.update, self.caller.role)
            self.tail.change(Change(event or type.event("updated"), step.old, new))
        await note_shown_anew(self, type, ((step.old, new) for step, new in zip(steps, news, strict=True)))
        await self._follow(type, [(step.before, row) for step, row in zip(steps, rows, strict=True)])
        changed = {new.id: new for new in news}
        return [changed.get(old.id, old) for old, _ in pairs]

    async def remove(self, old: Kept) -> None:
        """Remove a held row, after the rows that go with it were removed, or no longer refer to it.

        One with a farewell stays in its table, and so do all that refer to it.
        """
        await self.remove_many((old,))

    async def remove_many(self, olds: Sequence[Kept]) -> None:
        """Remove held rows of one type as `remove` does."""
        for some in batched(olds, TOGETHER):
            await self._remove(some[0].type, some)

    async def _remove(self, type: RecordType, olds: Sequence[Kept]) -> None:
        ids = [old.id for old in olds]
        befores = await as_rows(olds)
        for before in befores if type.before is not None else ():
            await self._breath.taken()
            await type.before(self, before, None)  # type: ignore[misc] # asked a line above
        for follower in () if type.farewell else self._catalog.followers(type):
            await self._release(follower.type, follower.column, ids, clear=follower.reference.on_delete == "clear")
        with self._catalog.faults.removing(type, ids):
            await self._connection.execute(self._texts(type).delete, ids, self.now)
        self._breath.had()
        for old in olds:
            await self._breath.taken()
            self.tail.change(Change(type.event("deleted"), old, None))
        if type.notices:
            await take_back(self, type, ids)
        await self._follow(type, [(before, None) for before in befores])

    # --- beside the rows

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Run a statement that reads; nothing is checked."""
        return await self._connection.fetch(sql, *args)

    async def execute(self, sql: str, *args: Any) -> None:
        """Run a statement that writes beside the records; nothing is checked, and nobody is told."""
        await self._connection.execute(sql, *args)

    async def lock(self, name: str) -> None:
        """Let units with the same `name` come one by one, until the end. Hold rows before."""
        await self._connection.fetch(LOCK, name)

    def post(self, stream: str, event_type: str, body: Mapping[str, Any]) -> None:
        """Tell one event more, durable and numbered like the others."""
        self.tail.post(Post(stream, event_type, body))

    def count(self, count: Count, by: int) -> None:
        """Add to a counter, by what `RecordType.counts` found."""
        self.tail.counts.add(count, by)

    def withdraw(self, stream: str, users: Iterable[str]) -> None:
        """End these people's subscriptions to `stream` after the commit."""
        self.aftermath.withdrawn.append((stream, tuple(users)))

    def after(self, call: Callable[[], None]) -> None:
        """Have `call` run after the commit; it must not wait."""
        self.aftermath.calls.append(call)

    def news(self, news: object) -> None:
        """Have this server know of `news` after the commit, without waiting until it asks."""
        self.aftermath.news.append(news)

    def tell(self, address: str, command: Command) -> None:
        """Send an actor a durable message, which is carried out exactly once when this is committed."""
        self.tail.tell(Letter(address, command))

    async def notify(self, type: RecordType, notice: Notice, rows: Sequence[Row]) -> None:
        """Put a notice of each row into the inboxes of those whom it is for, unless they were told of the same in this unit."""
        told = [row for row in rows if self._is_news(notice, row)]
        if told:
            await notify(self, type, notice, told)

    # --- inside

    def _is_news(self, notice: Notice, row: Row) -> bool:
        """Tell whether this unit has not told of it yet, and note that it does."""
        told = (notice.type, notice.about(row) if notice.about is not None else row.id)
        is_new = told not in self._noticed
        self._noticed.add(told)
        return is_new

    def _texts(self, type: RecordType) -> Any:
        return self._catalog.texts.of(type, self.caller.role)

    async def _fetch(self, type: RecordType, sql: str, *args: Any) -> list[Any]:
        with self._catalog.faults.writing(args):
            rows = await self._connection.fetch(sql, self.caller.user, *args)
        self._breath.had()
        if rows and not self.number:
            self.number = rows[0].get("number", "")
        return rows

    async def _write(self, type: RecordType, sql: str, rows: Sequence[Row], *more: Any) -> list[Kept]:
        """Write rows, by a statement that takes `more` beside them; returns them in their order. Raises `forbidden` when it left one out."""
        written = await all_kept(type, await self._fetch(type, sql, as_json(rows), *more))
        found = {new.id: new for new in written}
        if len(found) < len(rows):
            raise denied(type, type.create, self.caller.role, [row for row in rows if row.id not in found])
        return [found[row.id] for row in rows]

    async def _permitted_insert(self, type: RecordType, rows: Sequence[Row]) -> str:
        """Return what adds rows; raises `forbidden` unless that asks itself, as it may where nothing else is found out before."""
        silent = (type.fill, type.checks, type.before) == (None, None, None) and not any_marked(type, rows)
        if len(rows) == 1 and silent and not type.by_hand:
            return str(self._texts(type).insert_permitted())
        await self._permit(type, type.create, rows)
        return str(self._texts(type).insert())

    async def _permit(self, type: RecordType, rule: Rule, rows: Sequence[Any]) -> None:
        """Raise `forbidden` unless `rule` permits all `rows` to be, before anything else is found out about them."""
        sql = self._texts(type).permit(rule) if rows else ""
        if sql and not (await self._fetch(type, sql, as_json(rows)))[0]["may"]:
            raise denied(type, rule, self.caller.role, rows)

    def _new_values(self, type: RecordType, values: Mapping[str, Any]) -> dict[str, Any]:
        mine, now = type.whose(self.caller), self.now
        said = meant(type.derived, values, self.zone, new=True)
        return {"id": fresh_id(self._random), **mine, **said, "version": 1, "created_at": now, "updated_at": now}

    async def _sanitised(self, type: RecordType, step: Step) -> Step:
        """Return a step to what may be kept of it."""
        return step.to(await self._sanitiser.sanitised(type, step.row, type.rich.intersection(step.named)))

    async def _ready(self, type: RecordType, old: Row | None, new: Row, *, fill: bool = True) -> Row:
        """Return the row to be with what the type's server columns come to, after the type's own rules were asked."""
        await self._breath.taken()
        if fill and type.fill is not None:
            new = replace(new, **type.fill(old, new, self._moment))
        if type.checks is not None:
            type.checks(new, self._moment)
        if type.before is not None:
            await type.before(self, old, new)
        return new

    async def _follow(self, type: RecordType, pairs: Sequence[tuple[Row | None, Row | None]]) -> None:
        """Do what the type says follows from writes, and tell whom they concern."""
        if type.counts is not None and pairs:
            await type.counts(self, pairs)
        if type.together is not None and pairs:
            await type.together(self, pairs)
        for old, new in pairs:
            await self._breath.taken()
            if type.after is not None:
                await type.after(self, old, new)
        if type.place is not None:
            self.aftermath.news += [placed(type, type.place, old, new, self.now) for old, new in pairs]
        await tell_changes(self, type, pairs)

    async def _release(self, type: RecordType, column: str, ids: Sequence[str], *, clear: bool) -> None:
        """Let go of all rows of `type` that refer to rows that are being removed: what follows from that needs no right."""
        texts = self._catalog.texts.of(type)
        found = await all_kept(type, await self._fetch(type, texts.referring(column), ids))
        if clear:
            await self.change_many(found, [{column: None}] * len(found), None)
        else:
            await self.remove_many(found)
