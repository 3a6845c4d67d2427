"""Between the parts of a running server: what the gateway asks of the actors and what they answer, what the hub is to show.

Rules of this file: nothing is changed on the way. Never here: judging (`judge`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import trio

from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Answer, Envelope, Joined, Outlet, Post, Watch
from homeroom.engine.hub import Hub
from homeroom.engine.ref import ActorRef
from tests.simulation.judge import Judge


class WatchedHub(Hub):
    """The hub; each event is looked at before it is shown."""

    def __init__(self, encoders: Mapping[str, Any], judge: Judge) -> None:
        super().__init__(encoders)
        self._judge = judge

    def publish(self, stream: str, seq: int, events: Sequence[bytes], *, calm: bool = False) -> None:
        """Show events, after a look at them."""
        if events:
            self._judge.published(stream, seq + len(events) - 1)
        super().publish(stream, seq, events, calm=calm)


class WatchedActors:
    """The engine as the gateway sees it; each post is followed to its answer."""

    def __init__(self, engine: Engine, judge: Judge, replay_events: int) -> None:
        self.engine = engine
        self.judge = judge
        self.replay_events = replay_events
        self.waiting: dict[int, str] = {}
        """Posts that have no answer yet."""
        self.newest: tuple[str, Envelope] | None = None
        """The newest command that is to be remembered, and where it went."""
        self.over = False
        """The server was killed: what it still says reaches nobody."""
        self._posts = 0

    def ref(self, address: str) -> "WatchedRef":
        """Return the way to an actor."""
        return WatchedRef(self.engine.ref(address), self)

    def follow(self, what: str) -> int:
        """Expect an answer; returns its key."""
        self._posts += 1
        self.waiting[self._posts] = what
        return self._posts

    def settle(self, key: int, what: str) -> None:
        """Note an answer; the second one is one too many."""
        if self.waiting.pop(key, None) is None:
            self.judge.blame(f"{what} was answered twice")


class WatchedRef:
    """The way to one actor."""

    __slots__ = ("_actors", "_ref")

    def __init__(self, ref: ActorRef, actors: WatchedActors) -> None:
        self._ref = ref
        self._actors = actors

    def tell(self, post: Post) -> None:
        """Hand over a post, and look at its answer."""
        if isinstance(post, Envelope):
            post = self._follow_command(post)
        elif isinstance(post, Watch):
            post = self._follow_watch(post)
        self._ref.tell(post)

    def unwatch(self, outlet: Outlet) -> bool:
        """End a subscription."""
        return self._ref.unwatch(outlet)

    def _follow_command(self, envelope: Envelope) -> Envelope:
        actors, address, began = self._actors, self._ref.address, trio.current_time()
        what = f"{envelope.client}#{envelope.number} {envelope.command.do} at {address}"
        key = actors.follow(what)

        def reply(answer: Answer) -> None:
            actors.settle(key, what)
            if not actors.over:
                actors.judge.answered(address, envelope, answer, trio.current_time() - began)
            envelope.reply(answer)

        if envelope.number:
            actors.newest = (address, envelope)
        return replace(envelope, reply=reply)

    def _follow_watch(self, watch: Watch) -> Watch:
        actors, address = self._actors, self._ref.address
        what = f"watch of {watch.caller.user} at {address}"
        key = actors.follow(what)

        def reply(answer: Any) -> None:
            actors.settle(key, what)
            if isinstance(answer, Joined) and not actors.over:
                actors.judge.joined(address, watch, answer, actors.replay_events)
            watch.reply(answer)

        return replace(watch, reply=reply)
