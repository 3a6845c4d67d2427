"""What one actor has armed: its durable deadlines, its timers of this life, and what it is owed since the owner's start.

Rules of this file: a deadline counts only while it stands here with the very time it fires at; the durable ones are the
journal's, brought up to date by each turn and read anew with each life. Never here: waiting for time (`timers`).
"""

from collections.abc import Mapping

from homeroom.engine.behaviour import After, At, Disarm
from homeroom.engine.envelope import Due
from homeroom.engine.timers import Timers
from homeroom.engine.turn import Turn

_NEVER = 0
"""No durable deadline has this due time; `None` means the owner's start."""


class Agenda:
    """The deadlines and timers of one actor."""

    __slots__ = ("_address", "_deadlines", "_owed", "_timers", "_volatile")

    def __init__(self, address: str, timers: Timers, owed: frozenset[str]) -> None:
        """Make the agenda of an actor whose deadlines `owed` are to fire since the owner starts anew."""
        self._address = address
        self._timers = timers
        self._deadlines: dict[str, int | None] | None = None  # both are made when needed: most actors arm nothing
        self._volatile: dict[str, int] | None = None
        self._owed = owed

    @property
    def empty(self) -> bool:
        """Tell whether nothing durable is armed."""
        return not self._deadlines

    @property
    def restless(self) -> bool:
        """Tell whether something of this life matters: a volatile timer, or a deadline for the owner's next start."""
        return bool(self._volatile or self._owed or (self._deadlines and None in self._deadlines.values()))

    def load(self, deadlines: Mapping[str, int | None], now: int) -> list[Due]:
        """Begin a life: hand what is still to come to the timers; returns what is overdue, the owed first."""
        self.forget_volatile()
        self._deadlines = dict(deadlines) or None
        if self._owed:  # else an empty set of its own would be made for each actor
            self._owed = frozenset(key for key in self._owed if self._due(key) is None)
        overdue = [Due(key, None) for key in sorted(self._owed)]
        for due, key in sorted((due, key) for key, due in deadlines.items() if due is not None):
            if due <= now:
                overdue.append(Due(key, due))
            else:
                self._timers.arm(self._address, key, due)
        return overdue

    def stands(self, due: Due) -> bool:
        """Tell whether this very deadline or timer is armed; one for the owner's start counts only while it is owed."""
        if self._is_volatile(due):
            return True
        if self._due(due.key) != due.due:
            return False
        return due.due is not None or due.key in self._owed

    def clear(self, turn: Turn, due: Due) -> None:
        """Take out what fires now; a durable one is disarmed in the turn's append."""
        if self._is_volatile(due):
            (self._volatile or {}).pop(due.key)
        else:
            self._disarm(turn, due.key)
            turn.owed.append(due.key)

    def leave_alone(self, due: Due) -> None:
        """Leave a deadline that crashes its actor to a later, better release: it stays in the journal."""
        self._owed = self._owed - {due.key}

    def change(self, turn: Turn, timers: tuple[At | Disarm | After, ...]) -> None:
        """Note what a decision arms and disarms; what stands already costs nothing."""
        for timer in timers:
            if isinstance(timer, At):
                self._arm(turn, timer.key, timer.due)
            else:
                if isinstance(timer, Disarm):
                    self._disarm(turn, timer.key)
                turn.volatile.append(timer)

    def finish(self, turn: Turn) -> None:
        """Hand the changes of a turn that is durable over to the timers."""
        for key in sorted(turn.disarm):
            self._timers.disarm(self._address, key)
        for key, due in turn.arm.items():
            if due is None:
                self._timers.disarm(self._address, key)
            else:
                self._timers.arm(self._address, key, due)
        for timer in turn.volatile:
            self._set_volatile(timer, turn.at)
        if turn.owed:
            self._owed = self._owed.difference(turn.owed)

    def forget_volatile(self) -> None:
        """Drop the timers of a life that ended."""
        for key in self._volatile or ():
            self._timers.disarm(self._address, key, volatile=True)
        self._volatile = None

    def _arm(self, turn: Turn, key: str, due: int | None) -> None:
        if self._due(key) != due:
            if self._deadlines is None:
                self._deadlines = {}
            self._deadlines[key] = turn.arm[key] = due
            turn.disarm.discard(key)

    def _disarm(self, turn: Turn, key: str) -> None:
        if self._deadlines and key in self._deadlines:
            del self._deadlines[key]
            turn.arm.pop(key, None)
            turn.disarm.add(key)

    def _due(self, key: str) -> int | None:
        """Return when the durable deadline `key` is due, `None` for the owner's start, `_NEVER` when it is not armed."""
        return self._deadlines.get(key, _NEVER) if self._deadlines else _NEVER

    def _set_volatile(self, timer: At | After | Disarm, now: int) -> None:
        if isinstance(timer, After):
            if self._volatile is None:
                self._volatile = {}
            self._volatile[timer.key] = now + timer.ms
            self._timers.arm(self._address, timer.key, now + timer.ms, volatile=True)
        elif self._volatile and self._volatile.pop(timer.key, None) is not None:
            self._timers.disarm(self._address, timer.key, volatile=True)

    def _is_volatile(self, due: Due) -> bool:
        return bool(self._volatile) and due.due is not None and (self._volatile or {}).get(due.key) == due.due
