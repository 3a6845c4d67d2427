"""One channel that somebody follows: its events put in order, and who follows it.

Rules of this file: the hub is given each number once and in order, whatever the order in which commits become known; what is known
to be durable and has not come (`holed`) is somebody else's errand to fetch. Nothing here waits, but for what has been shown.
Never here: access and the journal (`channels`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import trio

from homeroom.engine.envelope import Outlet, Watch
from homeroom.engine.hub import Hub
from homeroom.engine.recent import Recent
from homeroom.engine.settings import EngineSettings


@dataclass(slots=True, eq=False)
class Member:
    """One subscription, from its `Watch` to its end.

    `answered`: the watch has its reply; `left`: nobody wants it any more; `doubted`: access was withdrawn from its user while it was
    being looked at, so it is to be looked at again. `scope` ends the reading of missed events.
    """

    watch: Watch
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    answered: bool = False
    joined: bool = False
    left: bool = False
    doubted: bool = False


class Channel:
    """A channel from its first follower to its last."""

    __slots__ = (
        "_early",
        "_early_bytes",
        "_hub",
        "_moved",
        "_recent",
        "_settings",
        "goal",
        "members",
        "mending",
        "name",
        "shown",
    )

    def __init__(self, name: str, hub: Hub, settings: EngineSettings) -> None:
        self.name = name
        self.members: dict[Outlet, Member] = {}
        self.shown: int | None = None  # all up to this number was given to the hub; `None` before the first look
        self.goal = 0  # the newest number that is known to be durable
        self.mending = False
        self._hub = hub
        self._settings = settings
        self._recent = Recent(settings.ring, 2 * settings.page_bytes)
        self._early: dict[int, Sequence[bytes]] = {}
        self._early_bytes = 0
        self._moved = trio.Event()

    @property
    def holed(self) -> bool:
        """Tell whether something is durable that has not been shown."""
        return self.shown is not None and self.goal > self.shown

    def begin(self, head: int) -> None:
        """Note that everything up to `head` is durable; the first time, that those who come now have no need of it.

        Who follows past this (a long poll) is shown it all the same.
        """
        if self.shown is None:
            self.shown = self._hub.newest(self.name) if self._hub.watchers(self.name) else head
        self.goal = max(self.goal, head)
        self._show_early()

    def take(self, seq: int, events: Sequence[bytes]) -> None:
        """Show durable events, the first of which has number `seq`, or keep them until those before them have come."""
        self.goal = max(self.goal, seq + len(events) - 1)
        if self.shown is None or seq > self.shown + 1:
            self._keep(seq, events)
        else:
            self._show(seq, events)
            self._show_early()

    async def wait_shown(self, seq: int) -> None:
        """Wait until the hub has been given everything up to `seq`."""
        while self.shown is None or self.shown < seq:
            await self._moved.wait()

    def newest(self, after: int) -> list[bytes] | None:
        """Return the events behind `after` as far as they were shown, `None` when they are too many to be here or for one frame."""
        return self._recent.newest((self.shown or 0) - after, self._settings.page_bytes)

    def push(self, outlet: Outlet, after: int, events: Sequence[bytes]) -> None:
        """Give one outlet the events behind `after`."""
        if events and not outlet.closed:
            outlet.push(self._hub.encoders[outlet.format].delta(self.name, after + 1, events))

    def join(self, member: Member) -> None:
        """Let a member, who has been given everything that was shown, follow from here on."""
        member.joined = True
        self._hub.subscribe(self.name, member.watch.outlet, self.shown or 0)

    def leave(self, outlet: Outlet) -> bool:
        """Let go of an outlet, whether it has joined or not; tells whether it was here."""
        followed = self._hub.unsubscribe(self.name, outlet)
        return self._drop(outlet) or followed

    def end(self, outlet: Outlet, code: str) -> None:
        """End a subscription with the frame `gone`."""
        self._drop(outlet)
        self._hub.end(self.name, outlet, code)

    def withdraw(self, users: Collection[str]) -> None:
        """End the subscriptions of `users`; those that are being looked at are looked at again."""
        for outlet, member in [*self.members.items()]:
            if outlet.user in users:
                if member.answered:
                    self.end(outlet, "forbidden")
                else:
                    member.doubted = True

    def _drop(self, outlet: Outlet) -> bool:
        member = self.members.pop(outlet, None)
        if member is None:
            return False
        member.left = True
        if member.answered:  # else it is owed an answer
            member.scope.cancel()
        return True

    def _keep(self, seq: int, events: Sequence[bytes]) -> None:
        """Keep what came too early; beyond the bytes of a page it is left to the journal."""
        if seq in self._early:
            return
        self._early_bytes += sum(map(len, events))
        if self._early_bytes > self._settings.page_bytes:
            self._early, self._early_bytes = {}, 0
        else:
            self._early[seq] = events

    def _show_early(self) -> None:
        if self.shown is None:
            return
        for seq in sorted(self._early):
            if seq > self.shown + 1:
                return
            events = self._early.pop(seq)
            self._early_bytes -= sum(map(len, events))
            self._show(seq, events)

    def _show(self, seq: int, events: Sequence[bytes]) -> None:
        shown = self.shown or 0
        news = events[shown + 1 - seq :]
        if not news:
            return
        self._recent.extend(news)
        self.shown = shown + len(news)
        self._hub.publish(self.name, shown + 1, news)
        self._moved.set()
        self._moved = trio.Event()
