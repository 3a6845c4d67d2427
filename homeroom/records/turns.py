"""Whose turn it is: of all who want to write, or to read, a few at a time, and of one person fewer still.

Either holds a connection to the database, a write also rows and names that others may wait for with theirs. So one person never has more
than `each` of them under way, whatever they send; their others wait, in a bounded queue of their own. Persons with something in a
queue are taken in turn. Nobody who comes while there is room waits at all. Never here: what is done in a turn.
"""

from collections import deque

import trio


class Turns:
    """At most `room` turns at a time, `each` of one person, and of one person at most `waiting` who wait for theirs."""

    def __init__(self, room: int, each: int, waiting: int) -> None:
        self._room, self._each, self._waiting = room, each, waiting
        self._busy: dict[str, int] = {}
        self._queues: dict[str, deque[trio.Event]] = {}
        """Who waits, by person; the person who is next stands first."""

    def take(self, person: str) -> bool:
        """Take a turn if there is one at once; tells whether there was."""
        if not self._room or person in self._queues or self._busy.get(person, 0) >= self._each:
            return False
        self._give(person)
        return True

    def is_full(self, person: str) -> bool:
        """Tell whether no more of this person may wait."""
        return len(self._queues.get(person, ())) >= self._waiting

    async def wait(self, person: str) -> None:
        """Wait for a turn that was not there at once; it is taken when this returns, and not when it is cancelled."""
        granted = trio.Event()
        self._queues.setdefault(person, deque()).append(granted)
        try:
            await granted.wait()
        except BaseException:
            self._give_up(person, granted)
            raise

    def leave(self, person: str) -> None:
        """Give a turn back; whoever is next has it."""
        self._room += 1
        if self._busy[person] > 1:
            self._busy[person] -= 1
        else:
            del self._busy[person]
        self._pass_on()

    def statistics(self) -> tuple[int, int]:
        """Return how many turns are taken and how many wait."""
        return sum(self._busy.values()), sum(map(len, self._queues.values()))

    def _give(self, person: str) -> None:
        self._room -= 1
        self._busy[person] = self._busy.get(person, 0) + 1

    def _give_up(self, person: str, granted: trio.Event) -> None:
        """Forget one who does not wait any longer; a turn that came at the last moment goes on."""
        if granted.is_set():
            self.leave(person)
            return
        self._queues[person].remove(granted)
        if not self._queues[person]:
            del self._queues[person]

    def _pass_on(self) -> None:
        """Give the turns that are free to those who may have them, one person after the other."""
        while self._room:
            person = next((one for one in self._queues if self._busy.get(one, 0) < self._each), None)
            if person is None:
                return
            queue = self._queues.pop(person)
            self._give(person)
            queue.popleft().set()
            if queue:
                self._queues[person] = queue
