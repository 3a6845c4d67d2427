"""The read models of an inbox: every notice there was, for those who look further back than the newest, and how many are unread.

Whether one was read stands in the actor's state alone, which knows every unread notice; so `read_all` rewrites one row here.
Never here: who may read (`inbox`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

from homeroom.actors.inbox_memory import InboxMemory, unread_of
from homeroom.engine.behaviour import Decision, Fact, Lookup, Recall, Row
from homeroom.engine.kind import Table
from homeroom.protocol.inbox import (
    AllRead,
    Dismissed,
    ListNotices,
    Notice,
    NoticePage,
    NoticesRead,
    Notified,
    Priority,
    TakeBack,
)
from homeroom.protocol.inbox_state import find_notice, read_data, write_data

_PRIORITIES: Mapping[str, Priority] = MappingProxyType({one: one for one in get_args(Priority)})
"""The very words of the type: the encoder leaves a default out by its identity alone."""

NOTICES = Table(
    "inbox_notices",
    ("seq",),
    {
        "seq": "bigint", "at": "bigint", "type": "text", "title": "text", "message": "text", "data": "text", "priority": "text",
        "url": "text", "toast": "boolean", "why": "text", "more": "bigint", "dismissed": "boolean",
    },
    indexes=(("url",),),
)  # fmt: skip
INBOXES = Table("inboxes", (), {"person": "text", "unread": "bigint"})
"""One row an inbox, for the figures of dashboards: whose it is, and how many notices are unread."""
SENDER = "from"
"""Stands in the data of what a person has sent."""
TAKEN_MAX = 100
"""So many notices of one thing are taken back, the newest, where they are not shown any more."""
OLDER_PAGE = 20
"""Unread notices that are not shown any more come from the journal one by one: at most so many a page."""


def project_inbox(person: str, fact: Fact) -> Iterable[Row]:
    """Return the changes of the tables that `fact` causes in the inbox of `person`."""
    project = _PROJECTIONS.get(type(fact.event))
    if project is not None:
        yield from project(fact, fact.event)
        yield count_unread(person, fact.event.unread)


def count_unread(person: str, unread: int) -> Row:
    """Return the row that says how many notices in the inbox of `person` are unread."""
    return Row(INBOXES.name, {}, {"person": person, "unread": unread})


def look_up_notices(memory: InboxMemory, command: ListNotices) -> Lookup:
    """Return the question for a page; one row more than asked for tells whether there are older ones."""
    unread = frozenset(unread_of(memory))

    def into(rows: list[Mapping[str, Any]]) -> NoticePage:
        kept = tuple(_read_row(row, unread) for row in rows[: command.limit])
        return NoticePage(kept, len(rows) > len(kept), len(unread))

    below = ("seq", int(command.before)) if command.before else None
    return Lookup(NOTICES.name, into, "seq", command.limit + 1, {"dismissed": False}, below)


def look_up_about(command: TakeBack) -> Lookup:
    """Return the question for the numbers of the notices that are to be taken back."""

    def into(rows: list[Mapping[str, Any]]) -> tuple[int, ...]:
        return tuple(row["seq"] for row in rows if _is_meant(command, row["type"], read_data(row["data"])))

    return Lookup(NOTICES.name, into, "seq", TAKEN_MAX, {"url": command.url, "dismissed": False})


def shown_about(memory: InboxMemory, command: TakeBack) -> Iterator[int]:
    """Yield the numbers of those of them that are shown."""
    for notice in memory.shown.notices:
        if notice.url == command.url and _is_meant(command, notice.type, notice.data):
            yield int(notice.id)


def _is_meant(command: TakeBack, type: str, data: Mapping[str, Any]) -> bool:
    """Tell whether a notice of such a link is to be taken back: what people sent is not."""
    return type in command.types and SENDER not in data


def page_unread(memory: InboxMemory, command: ListNotices, recalled: Mapping[int, Fact | None]) -> Decision | Recall:
    """Return a page of unread notices; those not shown any more are recalled first, and then the page may be a short one."""
    before = int(command.before) if command.before else None
    found = [seq for seq in reversed(unread_of(memory)) if before is None or seq < before]
    newest = [seq for seq in found if seq > memory.dropped]
    seqs = [*newest, *found[len(newest) :][:OLDER_PAGE]][: command.limit]
    missing = tuple(seq for seq in seqs if seq <= memory.dropped and seq not in recalled)
    if missing:
        return Recall(missing)
    notices = (find_notice(memory.shown, str(seq)) or _notice(recalled.get(seq)) for seq in seqs)
    kept = tuple(notice for notice in notices if notice is not None)
    return Decision(reply=NoticePage(kept, len(found) > len(seqs), len(unread_of(memory))))


def _notice(fact: Fact | None) -> Notice | None:
    return fact.event.notice if fact is not None and isinstance(fact.event, Notified) else None


def _project_notified(fact: Fact, e: Notified) -> Iterable[Row]:
    n = e.notice
    values = {
        "at": n.at, "type": n.type, "title": n.title, "message": n.message, "data": write_data(n.data),
        "priority": n.priority, "url": n.url, "toast": n.toast, "why": n.why, "more": 0, "dismissed": False,
    }  # fmt: skip
    yield Row(NOTICES.name, {"seq": fact.seq}, values)
    if e.head is not None:
        yield Row(NOTICES.name, {"seq": int(e.head)}, {"more": e.more})


def _project_dismissed(fact: Fact, e: Dismissed) -> Iterable[Row]:
    yield Row(NOTICES.name, {"seq": int(e.notification)}, {"dismissed": True})


def _count_alone(fact: Fact, e: Any) -> Iterable[Row]:
    return ()


_PROJECTIONS: dict[type[Any], Callable[[Fact, Any], Iterable[Row]]] = {
    Notified: _project_notified,
    Dismissed: _project_dismissed,
    NoticesRead: _count_alone,
    AllRead: _count_alone,
}
"""Events after which another number of notices is unread, each of which says it."""


def _read_row(row: Mapping[str, Any], unread: frozenset[int]) -> Notice:
    return Notice(
        id=str(row["seq"]),
        at=row["at"],
        type=row["type"],
        title=row["title"],
        message=row["message"],
        data=read_data(row["data"]),
        priority=_PRIORITIES[row["priority"]],
        url=row["url"],
        toast=row["toast"],
        why=row["why"],
        read=row["seq"] not in unread,
        more=row["more"],
    )
