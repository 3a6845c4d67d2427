"""The read models of queues: the queues themselves, who belongs to them, and every entry there ever was.

All are written in the transaction of their events. Notes and questions stand in `queue_entries`, which is read by those who help
in that queue, and by students for their own rows without the notes. Never here: who may ask.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from homeroom.actors.queue_memory import QueueMemory
from homeroom.engine.behaviour import Caller, Fact, Lookup, Refusal, Row
from homeroom.engine.kind import Listing, Table
from homeroom.protocol import queue_events as said
from homeroom.protocol.access import ADMINS, EVERYBODY
from homeroom.protocol.paging import cut_page, decode_after
from homeroom.protocol.queue import AskHistory, ListHelped
from homeroom.protocol.queue_answers import EntryRow, EntryRows, HelpedRow, HelpedRows
from homeroom.protocol.queue_lists import QueueRow, QueueRows, QueuesQuery, TicketRow, TicketRows, TicketsQuery

QUEUES = Table(
    "queues",
    (),
    {
        "title": "text", "owner": "text", "owner_name": "text", "audience": "text", "mode": "text", "status": "text",
        "waiting": "bigint", "created": "bigint",
    },
    indexes=(("audience", "created"), ("owner", "created")),
)  # fmt: skip
PEOPLE = Table(
    "queue_people",
    ("person",),
    {"person": "text", "name": "text", "listed": "boolean", "helps": "boolean", "times": "bigint", "last": "bigint"},
    indexes=(("times",),),
)
ENTRIES = Table(
    "queue_entries",
    ("entry",),
    {
        "entry": "bigint", "student": "text", "name": "text", "question": "text", "topic": "text", "status": "text",
        "joined": "bigint", "assistant": "text", "room": "text", "admitted": "bigint", "ended": "bigint", "reason": "text",
        "note": "text",
    },
    indexes=(("student", "joined"), ("student", "entry")),
)  # fmt: skip
QUEUE_TABLES = (QUEUES, PEOPLE, ENTRIES)


# --- rows


def project_queue(fact: Fact, memory: QueueMemory) -> Iterable[Row]:
    """Return the changes of all tables that `fact` causes; `memory` is the one after it."""
    event = fact.event
    project = _PROJECTIONS.get(type(event))
    if project is not None:
        yield from project(fact, event, memory)
    if type(event) in _COUNTED:
        yield Row(QUEUES.name, {}, {"status": memory.shown.status, "waiting": len(memory.shown.line)})


def _created(fact: Fact, e: said.Created, memory: QueueMemory) -> Iterable[Row]:
    values = {"owner": e.owner, "owner_name": e.owner_name, "created": fact.at, "status": "closed", "waiting": 0}
    yield Row(QUEUES.name, {}, {**values, **_settings(e)})
    yield _person(memory, e.owner, name=e.owner_name, helps=True)


def _edited(fact: Fact, e: said.Edited, memory: QueueMemory) -> Iterable[Row]:
    yield Row(QUEUES.name, {}, _settings(e))


def _appointed(fact: Fact, e: said.Appointed, memory: QueueMemory) -> Iterable[Row]:
    yield _person(memory, e.user, name=e.name, helps=True)


def _retired(fact: Fact, e: said.Retired, memory: QueueMemory) -> Iterable[Row]:
    yield _person(memory, e.user, helps=False)


def _listed(fact: Fact, e: said.Enlisted | said.Struck, memory: QueueMemory) -> Iterable[Row]:
    for user in e.users:
        yield _person(memory, user, listed=isinstance(e, said.Enlisted))


def _joined(fact: Fact, e: said.Joined, memory: QueueMemory) -> Iterable[Row]:
    status = "waiting" if e.position else "pending"
    yield _person(memory, e.student, name=e.name)
    values = {"student": e.student, "name": e.name, "question": e.question, "topic": e.topic, "joined": fact.at}
    yield _entry(e.entry, **values, status=status)


def _waiting(fact: Fact, e: said.Confirmed | said.Returned, memory: QueueMemory) -> Iterable[Row]:
    yield _entry(e.entry, status="waiting", assistant=None)


def _requeued(fact: Fact, e: said.Requeued, memory: QueueMemory) -> Iterable[Row]:
    yield _entry(e.entry, status="waiting", assistant=None, room=None, admitted=None)


def _claimed(fact: Fact, e: said.Claimed, memory: QueueMemory) -> Iterable[Row]:
    yield _entry(e.entry, status="claimed", assistant=e.assistant)


def _admitted(fact: Fact, e: said.Admitted, memory: QueueMemory) -> Iterable[Row]:
    for entry in e.entries:
        yield _entry(entry, status="admitted", assistant=e.assistant, room=e.room, admitted=fact.at)


def _completed(fact: Fact, e: said.Completed, memory: QueueMemory) -> Iterable[Row]:
    note = {"note": e.note} if e.note else {}
    for entry, student in zip(e.entries, e.students, strict=True):
        yield _entry(entry, status="completed", ended=fact.at, reason=e.reason, **note)
        yield _person(memory, student, last=fact.at)


def _left(fact: Fact, e: said.Left, memory: QueueMemory) -> Iterable[Row]:
    yield _entry(e.entry, status="cancelled", ended=fact.at, reason=e.reason)


def _noted(fact: Fact, e: said.Noted, memory: QueueMemory) -> Iterable[Row]:
    yield _entry(e.entry, note=e.text)


_PROJECTIONS: dict[type[Any], Callable[[Fact, Any, QueueMemory], Iterable[Row]]] = {
    said.Created: _created,
    said.Edited: _edited,
    said.Appointed: _appointed,
    said.Retired: _retired,
    said.Enlisted: _listed,
    said.Struck: _listed,
    said.Joined: _joined,
    said.Confirmed: _waiting,
    said.Returned: _waiting,
    said.Requeued: _requeued,
    said.Claimed: _claimed,
    said.Admitted: _admitted,
    said.Completed: _completed,
    said.Left: _left,
    said.Noted: _noted,
}
_COUNTED = frozenset({
    said.Opened, said.Closed, said.Joined, said.Confirmed, said.Claimed, said.Returned, said.Requeued, said.Admitted, said.Left,
})  # fmt: skip
"""Events after which the queue's own row says something else."""


def _settings(e: said.Created | said.Edited) -> dict[str, Any]:
    return {"title": e.settings.title, "audience": e.settings.audience, "mode": e.settings.mode}


def _person(memory: QueueMemory, user: str, **values: Any) -> Row:
    return Row(PEOPLE.name, {"person": user}, {"times": memory.helped.get(user, 0), **values})


def _entry(entry: str, **values: Any) -> Row:
    return Row(ENTRIES.name, {"entry": int(entry)}, values)


# --- questions


def look_up_history(command: AskHistory) -> Lookup:
    """Return the question for one page of entries; one more than asked for tells whether there are older ones."""

    def into(rows: list[Mapping[str, Any]]) -> EntryRows:
        return EntryRows(tuple(map(_read_entry, rows[: command.limit])), len(rows) > command.limit)

    return Lookup(
        ENTRIES.name,
        into,
        order="entry",
        limit=command.limit + 1,
        where={"student": command.student} if command.student else {},
        below=("entry", int(command.before)) if command.before else None,
    )


def look_up_helped(command: ListHelped) -> Lookup:
    """Return the question for those who were helped most often."""

    def into(rows: list[Mapping[str, Any]]) -> HelpedRows:
        kept = (HelpedRow(row["person"], row["name"] or "", row["times"], row["last"] or 0) for row in rows)
        return HelpedRows(tuple(kept)[: command.limit], len(rows) > command.limit)

    return Lookup(PEOPLE.name, into, order="times", limit=command.limit + 1, above=("times", 0))


def _list_queues(query: QueuesQuery, caller: Caller) -> Lookup:
    """`forbidden` for the scope `all` to all but admins; the other scopes hold what the caller may see by themselves."""
    if query.scope == "all" and caller.role not in ADMINS:
        raise Refusal("forbidden", "only admins see all queues", data={"field": "scope"})
    where = {"audience": "open"} if query.scope == "open" else {}
    named = {"owner": query.owner, "status": query.status}
    column = {"listed": "listed", "helping": "helps"}.get(query.scope)
    return Lookup(
        QUEUES.name,
        lambda rows: _read_queues(rows, query.limit),
        order="created",
        limit=query.limit + 1,
        where={**where, **{name: value for name, value in named.items() if value is not None}},
        everywhere=True,
        within=(PEOPLE.name, {"person": caller.user, column: True}) if column else None,
        beyond=decode_after(query.after, int),
    )


def _list_tickets(query: TicketsQuery, caller: Caller) -> Lookup:
    """Return the question for the caller's own entries, in all queues."""
    return Lookup(
        ENTRIES.name,
        lambda rows: _read_tickets(rows, query.limit),
        order="joined",
        limit=query.limit + 1,
        where={"student": caller.user, **({"status": query.status} if query.status else {})},
        everywhere=True,
        beyond=decode_after(query.after, int),
    )


QUEUE_LISTS = (
    Listing("/api/office-hours", "queue_list", QueuesQuery, QueueRows, _list_queues, EVERYBODY),
    Listing("/api/office-hours/mine", "queue_tickets", TicketsQuery, TicketRows, _list_tickets, EVERYBODY),
)


def _read_entry(row: Mapping[str, Any]) -> EntryRow:
    return EntryRow(
        entry=str(row["entry"]),
        student=row["student"],
        name=row["name"],
        status=row["status"],
        joined=row["joined"],
        question=row["question"],
        topic=row["topic"],
        assistant=row["assistant"] or "",
        room=f"room:{row['room']}" if row["room"] else "",
        note=row["note"] or "",
        admitted=row["admitted"] or 0,
        ended=row["ended"] or 0,
        reason=row["reason"] or "",
    )


def _read_queues(rows: list[Mapping[str, Any]], limit: int) -> QueueRows:
    kept, after = cut_page(rows, limit, "created")
    return QueueRows(tuple(map(_read_queue, kept)), after)


def _read_queue(row: Mapping[str, Any]) -> QueueRow:
    return QueueRow(
        id=_id(row),
        title=row["title"],
        owner=row["owner"],
        owner_name=row["owner_name"],
        audience=row["audience"],
        mode=row["mode"],
        status=row["status"],
        waiting=row["waiting"],
        created=row["created"],
    )


def _read_tickets(rows: list[Mapping[str, Any]], limit: int) -> TicketRows:
    kept, after = cut_page(rows, limit, "joined")
    return TicketRows(tuple(map(_read_ticket, kept)), after)


def _read_ticket(row: Mapping[str, Any]) -> TicketRow:
    return TicketRow(
        queue=_id(row),
        entry=str(row["entry"]),
        status=row["status"],
        joined=row["joined"],
        question=row["question"],
        topic=row["topic"],
        room=f"room:{row['room']}" if row["room"] else "",
        admitted=row["admitted"] or 0,
        ended=row["ended"] or 0,
        reason=row["reason"] or "",
    )


def _id(row: Mapping[str, Any]) -> str:
    stream: str = row["stream"]
    return stream.partition(":")[2]
