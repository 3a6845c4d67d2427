"""The REST doors of what the school keeps, made from the declarations: a new record type has its doors without a line here.

A request becomes plain values under the names of the columns; the store checks who may, and writes. Never here: SQL, who may
read or change what (the store, from the same declaration), the structures of bodies (`record_shapes`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.http.include import Beside
from homeroom.http.ranges import is_known
from homeroom.http.record_input import other_words, read_list, read_look, read_record_body, read_text, row_id
from homeroom.http.record_shapes import Shapes, beside, fields_of, noun, shapes_of
from homeroom.http.rest import Desk, key_of
from homeroom.http.routes import RAW_TYPE, Call, Nothing, Out, Route
from homeroom.http.spellings import respell, spellings
from homeroom.http.versions import KNOWN, etag, wanted_version
from homeroom.protocol.access import NOBODY, Rule
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.rest_json import read_query
from homeroom.protocol.summaries import summary_of
from homeroom.records.declare import Action, Deed, RecordType
from homeroom.records.directory import Directory
from homeroom.records.store import Store

T = TypeVar("T", bound=Struct)
READ, WRITE = "read", "write"
"""The budgets: reading is taken from the one that all reading shares, changing has one of its own."""
BODY_BYTES = 262_144
"""Room for the longest text of a record in any script, and for a list of a whole class."""

_PASSING = ("rate_limited", "overloaded", "unavailable", "timeout")
_OF_READS = ("forbidden", "not_found", *_PASSING)
_OF_WRITES = ("forbidden", "not_found", "conflict", "full", "too_late", *_PASSING)


def record_routes(store: Store, desk: Desk, directory: Directory | None = None) -> list[Route]:
    """Return the doors of all record types of a store; `directory` tells the names of people, `None` where they have none."""
    beside = Beside(store, directory)
    return [
        route
        for record in store.catalog.types.values()
        for route in RecordDoors(record, shapes_of(record), store, desk, beside).routes()
    ]


@dataclass(frozen=True, slots=True)
class RecordDoors:
    """The doors of one record type."""

    record: RecordType
    shapes: Shapes
    store: Store
    desk: Desk
    beside: Beside

    def routes(self) -> Iterator[Route]:
        """Yield the doors to the rows by each of their names, then those of the actions and deeds."""
        for number, path in enumerate((self.record.door, *self.record.also)):
            yield from self._of_all(path, _mark(number))
            yield from self._of_one(f"{path}/{{id}}", _mark(number))
        for action in self.record.actions:
            yield from self._of_action(action)
        for deed in self.record.deeds:
            yield from self._of_deed(deed)

    def _of_all(self, path: str, mark: str) -> Iterator[Route]:
        shapes, kind = self.shapes, self.record
        yield self._route(
            ("GET", path, f"list{mark}"), f"The {_plain(kind.plural)} that one may see, page by page.", self._list,
            query=shapes.query, reply=shapes.page, spellings=shapes.asked,
        )  # fmt: skip
        yield self._route(
            ("POST", path, f"create{mark}"), f"A new {noun(kind)}.", self._create,
            body=shapes.new, reply=shapes.shown, status=201, tagged=True,
        )  # fmt: skip

    def _of_one(self, path: str, mark: str) -> Iterator[Route]:
        shapes, word = self.shapes, f"One {noun(self.record)}"
        shown = {"reply": shapes.shown, "tagged": True}
        changed = {**shown, "matched": True}
        yield self._route(("GET", path, f"read{mark}"), f"{word}.", self._read, query=shapes.look, also=KNOWN, **shown)
        if self.record.update != NOBODY:
            yield self._route(
                ("PUT", path, f"replace{mark}"), f"{word}, all of it anew.", self._update, body=shapes.whole, **changed
            )
            yield self._route(
                ("PATCH", path, f"change{mark}"), f"{word}, in part.", self._update, body=shapes.change, **changed
            )
        yield self._route(
            ("DELETE", path, f"delete{mark}"), f"{word}, taken away.", self._delete, reply=Nothing, matched=True
        )

    def _of_action(self, action: Action) -> Iterator[Route]:
        summary = f"{_plain(action.name).capitalize()}: one {noun(self.record)}."
        for number, door in enumerate((action.door, *action.also)):
            method, _, path = door.partition(" ")
            yield self._route(
                (method, path, action.name + _mark(number)), _words(action.body, summary), partial(self._act, action),
                body=action.body or Nothing, reply=self.shapes.shown, tagged=True, matched=True,
            )  # fmt: skip

    def _of_deed(self, deed: Deed) -> Iterator[Route]:
        summary = f"{_plain(deed.name).capitalize()}: {_plain(self.record.plural)}."
        for number, door in enumerate((deed.door, *deed.also)):
            method, _, path = door.partition(" ")
            yield self._route(
                (method, path, deed.name + _mark(number)), _words(deed.body, summary), partial(self._perform, deed),
                body=deed.body, reply=deed.reply, query=beside(deed), spellings=spellings(deed.asked), takes=(deed.text[0], RAW_TYPE) if deed.text else (),
                status=201 if deed.made else 200, tagged=deed.made is not None and "version" in fields_of(deed.reply),
            )  # fmt: skip

    def _route(self, door: tuple[str, str, str], summary: str, answer: Any, **more: Any) -> Route:
        method, path, name = door
        reads, body = method == "GET", more.get("body")
        words = {} if body is None else other_words(body, self.record)

        async def handler(call: Call) -> Out:
            self.desk.spend(call.person, READ if reads else WRITE)
            out: Out = await answer(call, body)
            return out

        return Route(
            method, path, f"{self.record.name}_{name}", summary, handler, tag=self.record.plural,
            errors=_OF_READS if reads else _OF_WRITES, raw=True, keyed=not reads, body_bytes=BODY_BYTES, words=words, **more,
        )  # fmt: skip

    # --- what each door does

    async def _list(self, call: Call, _: Any) -> Out:
        query = read_list(call.query, self.shapes, self.record)
        found = await self.store.page(self.record, query, call.person.caller)
        beside = await self.beside.of(self.record, query, found, call.person.caller) if query.include else {}
        return Out({"items": found.items, "after": found.after, **beside})

    async def _read(self, call: Call, _: Any) -> Out:
        wanted = read_look(call.query, self.shapes, self.record)
        row = await self.store.read(self.record, row_id(call.path["id"]), call.person.caller)
        # With columns that only some may see a version says too little: what one may see changes without it.
        if not self.record.hidden and is_known(call.headers, str(row["version"])):
            return Out(b"", 304, etag(row["version"]))
        shown = {name: value for name, value in row.items() if not wanted or name in wanted}
        return Out(shown, headers=etag(row["version"]))

    async def _create(self, call: Call, body: type[Struct]) -> Out:
        values = msgspec.to_builtins(await self._given(call, body, self.record.create))
        row = await self.store.create(self.record, values, call.person.caller, key=key_of(call))
        headers = {**etag(row["version"]), "Location": f"{self.record.door}/{row['id']}"}
        return Out(row, 201, headers)

    async def _update(self, call: Call, body: type[Struct]) -> Out:
        name, version = row_id(call.path["id"]), wanted_version(call.match)
        values = msgspec.to_builtins(await self._given(call, body, self.record.update, id=name))
        row = await self.store.update(self.record, name, values, call.person.caller, version, key=key_of(call))
        return Out(row, headers=etag(row["version"]))

    async def _delete(self, call: Call, _: Any) -> Out:
        name, version = row_id(call.path["id"]), wanted_version(call.match)
        await self.store.delete(self.record, name, call.person.caller, version, key=key_of(call))
        return Out(Nothing())

    async def _act(self, action: Action, call: Call, body: type[Struct]) -> Out:
        name, version = row_id(call.path["id"]), wanted_version(call.match)
        given = await self._given(call, body, action.rule, id=name)
        row = await self.store.act(
            self.record, action, name, given if action.body else None, call.person.caller, version, key=key_of(call)
        )
        return Out(row, headers=etag(row["version"]))

    async def _perform(self, deed: Deed, call: Call, body: type[Struct]) -> Out:
        given = await self._given(call, body, deed.rule, path=call.path, deed=deed)
        reply = await self.store.perform(self.record, deed, given, call.person.caller, key=key_of(call))
        if deed.made is None:
            return Out(reply)
        version = etag(reply.version) if "version" in fields_of(deed.reply) else {}
        return Out(reply, 201, {**version, "Location": deed.made(reply)})

    async def _given(
        self,
        call: Call,
        body: type[T],
        rule: Rule,
        *,
        id: str = "",
        path: Mapping[str, str] | None = None,
        deed: Deed | None = None,
    ) -> T:
        """Return what was sent; who has no right by `rule` is told that before what is wrong with it."""
        try:
            return read_record_body(_sent(call, deed), body, self.record, path, _asked(call, deed))
        except (RemoteProtocolError, Refusal):
            await self.store.check_right(self.record, id, rule, call.person.caller)
            raise


def _sent(call: Call, deed: Deed | None) -> bytes | Mapping[str, Any]:
    """Return the body, JSON as it is, a text of the deed's type, or of none in particular, under the name of its field."""
    if deed is not None and deed.text is not None:
        kind, field = deed.text
        if call.headers.get("Content-Type", "").partition(";")[0].strip().lower() in (kind, RAW_TYPE):
            return read_text(call.body, field)
    return call.body  # type: ignore[no-any-return] # a raw door has its bytes


def _asked(call: Call, deed: Deed | None) -> Mapping[str, Any]:
    """Return the fields of a deed's body that stand in the query."""
    if deed is None or not call.query or (query := beside(deed)) is None:
        return {}
    asked: Mapping[str, Any] = msgspec.to_builtins(read_query(respell(call.query, spellings(deed.asked)), query))
    return asked


def _mark(number: int) -> str:
    """Return what tells the further doors of the same from the first one."""
    return f"_{number + 1}" if number else ""


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _words(body: type[Struct] | None, otherwise: str) -> str:
    """Return what a door does: the words of its body, where it has some of its own."""
    return summary_of(body.__doc__, otherwise) if body is not None else otherwise
