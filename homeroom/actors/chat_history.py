"""The read models of a chat: its history for everybody in it, and the audit for those who moderate.

Two tables: `room_messages` holds each message as it may be shown (a retracted one without its text), `room_audit` what
stood there before an edit or a retraction. Both are written in the transaction of the event and read by `history` and `audit`.
Never here: who may read them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from homeroom.engine.behaviour import Fact, Lookup, Row
from homeroom.engine.kind import Table
from homeroom.protocol.chat import (
    Audit,
    AuditPage,
    AuditRow,
    File,
    History,
    HistoryPage,
    Message,
    MessageEdited,
    MessagePosted,
    MessageRetracted,
    ReactionChanged,
)
from homeroom.protocol.chat_state import ChatState, find

MESSAGES = Table(
    "room_messages",
    ("seq",),
    {
        "seq": "bigint", "n": "bigint", "at": "bigint", "author": "text", "name": "text", "body": "text", "kind": "text",
        "reply_to": "text", "file_name": "text", "file_size": "bigint", "file_type": "text", "file_url": "text",
        "mentions": "text", "reactions": "text", "edited": "bigint", "retracted": "text",
    },
)  # fmt: skip
AUDITED = Table(
    "room_audit",
    ("seq",),
    {
        "seq": "bigint", "at": "bigint", "moderator": "text", "action": "text", "message": "text", "author": "text",
        "before": "text", "after": "text", "reason": "text",
    },
)  # fmt: skip
CHAT_TABLES = (MESSAGES, AUDITED)
_NO_FILE = {"file_name": None, "file_size": None, "file_type": None, "file_url": None}


def project_chat(fact: Fact, state: ChatState) -> Iterable[Row]:
    """Return the changes of both tables that `fact` causes; `state` is the one after it."""
    project = _PROJECTIONS.get(type(fact.event))
    return project(fact, fact.event, state) if project else ()


def look_up_history(command: History) -> Lookup:
    """Return the question for one page of messages; one row more than asked for tells whether there are older ones."""

    def into(rows: list[Mapping[str, Any]]) -> HistoryPage:
        kept = rows[: command.limit]
        return HistoryPage(tuple(_read_message(row) for row in reversed(kept)), len(rows) > len(kept))

    return Lookup(
        MESSAGES.name,
        into,
        order="seq",
        limit=command.limit + 1,
        where={"reply_to": command.thread} if command.thread else {},
        below=("seq", int(command.before)) if command.before else None,
    )


def look_up_audit(command: Audit) -> Lookup:
    """Return the question for one page of the audit, newest first."""

    def into(rows: list[Mapping[str, Any]]) -> AuditPage:
        kept = rows[: command.limit]
        return AuditPage(tuple(_read_audit(row) for row in kept), len(rows) > len(kept))

    below = ("seq", command.before) if command.before else None
    return Lookup(AUDITED.name, into, order="seq", limit=command.limit + 1, below=below)


def _project_posted(fact: Fact, e: MessagePosted, state: ChatState) -> Iterable[Row]:
    values = {
        "n": e.n, "at": fact.at, "author": fact.by, "name": e.name, "body": e.text, "kind": e.kind, "reply_to": e.reply_to,
        **_file_columns(e.file), "mentions": " ".join(e.mentions), "reactions": "",
    }  # fmt: skip
    yield Row(MESSAGES.name, {"seq": int(e.id)}, values)


def _project_edited(fact: Fact, e: MessageEdited, state: ChatState) -> Iterable[Row]:
    yield Row(MESSAGES.name, {"seq": int(e.id)}, {"body": e.text, "edited": fact.at})
    yield _audit(fact, action="edited", message=e.id, author=fact.by, before=e.was or "", after=e.text)


def _project_retracted(fact: Fact, e: MessageRetracted, state: ChatState) -> Iterable[Row]:
    blank = {"body": "", **_NO_FILE, "mentions": "", "reactions": "", "retracted": fact.by}
    yield Row(MESSAGES.name, {"seq": int(e.id)}, blank)
    yield _audit(
        fact, action="retracted", message=e.id, author=e.author or "", before=e.was or "", reason=e.reason or ""
    )


def _project_reacted(fact: Fact, e: ReactionChanged, state: ChatState) -> Iterable[Row]:
    message = find(state, e.id)
    if message is not None:
        lines = (" ".join((emoji, *users)) for emoji, users in message.reactions.items())
        yield Row(MESSAGES.name, {"seq": int(e.id)}, {"reactions": "\n".join(lines)})


_PROJECTIONS: dict[type[Any], Callable[[Fact, Any, ChatState], Iterable[Row]]] = {
    MessagePosted: _project_posted,
    MessageEdited: _project_edited,
    MessageRetracted: _project_retracted,
    ReactionChanged: _project_reacted,
}


def _audit(fact: Fact, **values: str) -> Row:
    return Row(
        AUDITED.name, {"seq": fact.seq}, {"at": fact.at, "moderator": fact.by, "after": "", "reason": "", **values}
    )


def _file_columns(file: File | None) -> dict[str, Any]:
    if file is None:
        return _NO_FILE
    return {"file_name": file.name, "file_size": file.size, "file_type": file.type, "file_url": file.url}


def _read_message(row: Mapping[str, Any]) -> Message:
    file = None
    if row["file_name"] is not None:
        file = File(row["file_name"], row["file_size"], row["file_type"], row["file_url"])
    return Message(
        id=str(row["seq"]),
        n=row["n"],
        at=row["at"],
        by=row["author"],
        name=row["name"],
        text=row["body"],
        kind=row["kind"],
        reply_to=row["reply_to"],
        file=file,
        mentions=tuple(row["mentions"].split()),
        edited=row["edited"],
        retracted=row["retracted"],
        reactions={emoji: tuple(users) for emoji, *users in map(str.split, row["reactions"].splitlines())},
    )


def _read_audit(row: Mapping[str, Any]) -> AuditRow:
    return AuditRow(
        seq=row["seq"],
        at=row["at"],
        by=row["moderator"],
        action=row["action"],
        message=row["message"],
        author=row["author"],
        before=row["before"],
        after=row["after"],
        reason=row["reason"],
    )
