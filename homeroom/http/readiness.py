"""One task that waits for all sockets, instead of one wait a socket and message.

A message that wakes a task of its own costs two system calls and a turn of trio's loop beside its reading: a third of the server's
CPU at 500 messages a second. Here a socket is registered once and its news is a plain call; and while commits keep their
distance (`Company`), news lies for as long as its commit would wait anyway, so that one turn of the loop takes all of it.

Never here: what is read and what it means (`websocket_stream`), and sockets' ends (`listener`).
"""

import selectors
from collections.abc import Callable

import trio

from homeroom.engine.company import Company

AT_ONCE = 16
"""Sockets whose news is taken before everybody else gets a turn."""


class _Parked:
    """A task that waits for a socket."""

    __slots__ = ("error", "readable", "task")

    def __init__(self, task: trio.lowlevel.Task, readable: Callable[[], bool]) -> None:
        self.task: trio.lowlevel.Task | None = task
        self.readable = readable
        self.error: Exception | None = None


class Readiness:
    """The sockets that somebody waits for; `company` says how long news may lie."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._selector = selectors.DefaultSelector()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Pass news on, once and for ever; then the descriptor is given back."""
        news: int = self._selector.fileno()  # what waits for many can be waited for itself
        task_status.started()
        try:
            while True:
                await trio.lowlevel.wait_readable(news)
                await self._company.gather(self._pass_on)
        finally:
            self._selector.close()

    async def wait(self, descriptor: int, readable: Callable[[], bool]) -> None:
        """Have `readable()` called whenever there is something to read, until it says that this is enough.

        What it raises is raised here. Cancelled, it is not called any more.
        """
        parked = _Parked(trio.lowlevel.current_task(), readable)
        self._selector.register(descriptor, selectors.EVENT_READ, parked)

        def abort(_: object) -> trio.lowlevel.Abort:
            self._unpark(descriptor, parked)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if parked.error is not None:
            raise parked.error

    async def _pass_on(self) -> None:
        for number, (key, _) in enumerate(self._selector.select(0)):
            if number % AT_ONCE == AT_ONCE - 1:
                await trio.lowlevel.checkpoint()
            if key.data.task is not None:  # else it went away during the others' turns
                self._call(key.fd, key.data)

    def _call(self, descriptor: int, parked: _Parked) -> None:
        try:
            if not parked.readable():
                return
        except Exception as error:  # raised where it belongs: in the task that waits
            parked.error = error
        task = self._unpark(descriptor, parked)
        if task is not None:
            trio.lowlevel.reschedule(task)

    def _unpark(self, descriptor: int, parked: _Parked) -> trio.lowlevel.Task | None:
        task, parked.task = parked.task, None
        if task is not None and self._selector.get_map() is not None:  # closed already when all ends at once
            self._selector.unregister(descriptor)
        return task
