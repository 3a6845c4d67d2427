"""An inbox as its person sees it, and what an event does to that.

`reduce_inbox` serves the actor and every client alike. The newest notices stand here; older ones are asked for by `list`.
Never here: the words themselves (`inbox`), and what the actor remembers beside this (`actors.inbox_memory`).
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.protocol.chat_state import Happening
from homeroom.protocol.ids import Millis
from homeroom.protocol.inbox import (
    AllRead,
    Data,
    Dismissed,
    DndChanged,
    Hushed,
    Notice,
    NoticeId,
    NoticesRead,
    Notified,
    QuietHours,
    QuietHoursChanged,
    TypeMuted,
    TypeUnmuted,
    Unhushed,
    Unread,
)

KEPT = 100
"""Notices that a view holds, the newest."""


class InboxState(Struct):
    """An inbox: its newest notices, oldest first, the count of all unread ones, and what keeps it silent.

    `muted` (by type) and `hushed` (by address) hold times, Unix ms, until which they do; `dnd` is such a time; one that has
    passed means nothing.
    """

    unread: Unread = 0
    notices: list[Notice] = field(default_factory=list)
    muted: dict[str, int] = field(default_factory=dict)
    hushed: dict[str, int] = field(default_factory=dict)
    dnd: Millis = 0
    quiet: QuietHours | None = None


def reduce_inbox(state: InboxState, fact: Happening) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact, fact.event)


def show_inbox(state: InboxState) -> InboxState:
    """Return a copy of `state` that later changes do not reach."""
    return replace(state, notices=list(state.notices), muted=dict(state.muted), hushed=dict(state.hushed))


def find_notice(state: InboxState, id: NoticeId) -> Notice | None:
    """Return a notice if it is among the newest."""
    place = _place(state, id)
    return None if place is None else state.notices[place]


def write_data(data: Data) -> str:
    """Return the data of a notice as one text, for a table."""
    return msgspec.json.encode(data).decode()


def read_data(text: str) -> Data:
    """Return the data that `write_data` wrote."""
    return msgspec.json.decode(text, type=Data)


def _place(state: InboxState, id: NoticeId) -> int | None:
    place = bisect_left(state.notices, int(id), key=_seq)
    found = place < len(state.notices) and state.notices[place].id == id
    return place if found else None


def _seq(notice: Notice) -> int:
    return int(notice.id)


def _put(state: InboxState, id: NoticeId, **changes: Any) -> None:
    """Change a notice if it is among the newest."""
    place = _place(state, id)
    if place is not None:
        state.notices[place] = replace(state.notices[place], **changes)


def _notified(state: InboxState, fact: Happening, e: Notified) -> None:
    state.unread = e.unread
    if e.head is not None:
        _put(state, e.head, more=e.more)
    state.notices.append(e.notice)
    del state.notices[:-KEPT]


def _read(state: InboxState, fact: Happening, e: NoticesRead) -> None:
    state.unread = e.unread
    for notice in e.notifications:
        _put(state, notice, read=True)


def _all_read(state: InboxState, fact: Happening, e: AllRead) -> None:
    state.unread, upto = e.unread, int(e.upto)
    for place, notice in enumerate(state.notices):
        if not notice.read and int(notice.id) <= upto:
            state.notices[place] = replace(notice, read=True)


def _dismissed(state: InboxState, fact: Happening, e: Dismissed) -> None:
    state.unread = e.unread
    place = _place(state, e.notification)
    if place is not None:
        del state.notices[place]


def _muted(state: InboxState, fact: Happening, e: TypeMuted) -> None:
    state.muted = {**_still(state.muted, fact.at), e.notices: e.until}


def _unmuted(state: InboxState, fact: Happening, e: TypeUnmuted) -> None:
    state.muted.pop(e.notices, None)


def _hushed(state: InboxState, fact: Happening, e: Hushed) -> None:
    state.hushed = {**_still(state.hushed, fact.at), e.by: e.until}


def _unhushed(state: InboxState, fact: Happening, e: Unhushed) -> None:
    state.hushed.pop(e.by, None)


def _quiet(state: InboxState, fact: Happening, e: QuietHoursChanged) -> None:
    state.quiet = e.quiet


def _dnd(state: InboxState, fact: Happening, e: DndChanged) -> None:
    state.dnd = e.until


def _still(until: dict[str, int], at: int) -> dict[str, int]:
    """Return what has not passed at `at`, so that neither map grows for ever."""
    return {name: end for name, end in until.items() if end > at}


_CHANGES: dict[type[Any], Callable[[InboxState, Any, Any], None]] = {
    Notified: _notified,
    NoticesRead: _read,
    AllRead: _all_read,
    Dismissed: _dismissed,
    TypeMuted: _muted,
    TypeUnmuted: _unmuted,
    Hushed: _hushed,
    Unhushed: _unhushed,
    QuietHoursChanged: _quiet,
    DndChanged: _dnd,
}
