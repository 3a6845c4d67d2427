"""When a notice interrupts its person, and when not: one table of reasons, the first that holds wins.

    urgent     always interrupts
    muted      the person muted the type
    hushed     the person sits an exam, or does something else that asks for silence
    dnd        the person asked not to be disturbed: its inbox, or everybody by the status `dnd`
    quiet      it is night, by the person's own clock
    burst      a toast of the same type came within BURST_MS: that one says "and so many more"
    budget     within the hour there were as many toasts as a notice of this priority may follow

Every notice is kept and counted, whatever is decided here. What `hushed`, `dnd` and `quiet` kept back is told by a digest when they
end. Never here: what a digest says (`inbox`).
"""

from collections.abc import Callable
from typing import NamedTuple

from homeroom.actors.hours import covering
from homeroom.actors.inbox_memory import InboxMemory
from homeroom.protocol.hours import Hours
from homeroom.protocol.inbox import FOREVER, Priority, QuietHours, Why

BURST_MS = 60_000
HOUR_MS = 3_600_000
HOURLY: dict[Priority, int] = {"low": 3, "normal": 8, "high": 20}
"""Toasts of any kind within an hour, from which on there are none of a priority; at most `inbox_memory.TOASTS_MAX`."""
_PRESENCE = "presence:"
"""What asks for silence under this kind does so for the person's own status."""


class Asked(NamedTuple):
    """A notice that has come: its type, its priority, and the time, Unix ms."""

    type: str
    priority: Priority
    now: int


def judge(memory: InboxMemory, asked: Asked) -> Why:
    """Return why the notice is no toast; nothing when it is one."""
    if asked.priority == "urgent":
        return ""
    return next((why for why, holds in _REASONS if holds(memory, asked)), "")


def silent_until(memory: InboxMemory, now: int) -> int:
    """Return the end, as far as it is known now, of what keeps everything but urgent notices back; 0: nothing does."""
    shown = memory.shown
    ends = (*shown.hushed.values(), shown.dnd, quiet_until(shown.quiet, now))
    return max((end for end in ends if end > now), default=0)


def quiet_until(quiet: QuietHours | None, now: int) -> int:
    """Return the end of the quiet hours that hold `now`; 0 outside of them."""
    if quiet is None:
        return 0
    found = covering((Hours(day, quiet.start, quiet.end, quiet.zone) for day in range(7)), now)
    return found.end if found else 0


def _muted(memory: InboxMemory, asked: Asked) -> bool:
    return memory.shown.muted.get(asked.type, 0) > asked.now


def _hushed(memory: InboxMemory, asked: Asked) -> bool:
    return any(until > asked.now for by, until in memory.shown.hushed.items() if not by.startswith(_PRESENCE))


def _dnd(memory: InboxMemory, asked: Asked) -> bool:
    by_status = (until for by, until in memory.shown.hushed.items() if by.startswith(_PRESENCE))
    return max(memory.shown.dnd, *by_status, 0) > asked.now


def _quiet(memory: InboxMemory, asked: Asked) -> bool:
    return quiet_until(memory.shown.quiet, asked.now) > asked.now


def _burst(memory: InboxMemory, asked: Asked) -> bool:
    burst = memory.bursts.get(asked.type)
    return burst is not None and asked.now - burst.at < BURST_MS


def _budget(memory: InboxMemory, asked: Asked) -> bool:
    recent = sum(at > asked.now - HOUR_MS for at in memory.toasts)
    return recent >= HOURLY.get(asked.priority, FOREVER)


_REASONS: tuple[tuple[Why, Callable[[InboxMemory, Asked], bool]], ...] = (
    ("muted", _muted),
    ("hushed", _hushed),
    ("dnd", _dnd),
    ("quiet", _quiet),
    ("burst", _burst),
    ("budget", _budget),
)
