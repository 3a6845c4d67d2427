"""Who looks at one actor: subscribing, coming back, catching up once, and the feeders of those far behind.

Rules of this file: access is checked by the actor's own rule each time something is shown; all of it happens between turns,
when the state is durable; whatever the actor's code may raise is done before the first answer or push.
Never here: live events to everybody (`hub`), and commands (`actor`).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

import trio

from homeroom.engine.behaviour import Behaviour, Caller
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.envelope import Cursor, Joined, Outlet, Watch
from homeroom.engine.feeder import feed
from homeroom.engine.ring import Entry, Ring
from homeroom.engine.services import Services
from homeroom.engine.words import Missing, Page, Read, Replay, Word

FORBIDDEN = "forbidden"


class Host(Protocol):
    """Whose audience it is."""

    def post(self, post: Word) -> None:
        """Take a word of a feeder."""


class Audience:
    """The subscribers of one actor. It outlives the actor's lives: what was shown stays shown."""

    __slots__ = ("_address", "_blueprint", "_feeding", "_host", "_services", "ring")

    def __init__(self, address: str, blueprint: Blueprint, services: Services, host: Host) -> None:
        self._address = address
        self._blueprint = blueprint
        self._services = services
        self._host = host
        self._feeding: dict[Outlet, tuple[Watch, trio.CancelScope]] | None = None
        self.ring = Ring(services.settings.ring)

    def __len__(self) -> int:
        return self._services.hub.watchers(self._address) + len(self._feeding or ())

    def publish(self, entries: Sequence[Entry], evictions: Sequence[tuple[int, str]]) -> None:
        """Show what has become durable. Each eviction (number, user) comes right behind its event, in ascending order.

        Who may no longer look is let go before anything later is shown, whatever the turn holds besides.
        """
        self.ring.extend(entries)
        for seq, group in groupby(evictions, itemgetter(0)):
            upto = max(seq + 1 - entries[0].fact.seq, 0) if entries else 0
            self._show(entries[:upto])
            self._let_go(frozenset(user for _, user in group))
            entries = entries[upto:]
        self._show(entries)

    def _show(self, entries: Sequence[Entry]) -> None:
        if entries:
            calm = self._blueprint.calm and all(entry.fact.event.type in self._blueprint.calm for entry in entries)
            shown = [entry.shown for entry in entries]
            self._services.hub.publish(self._address, entries[0].fact.seq, shown, calm=bool(calm))

    def _let_go(self, users: frozenset[str]) -> None:
        """End all subscriptions of `users`, those that a feeder serves too."""
        self._services.hub.end_for(self._address, users, FORBIDDEN)
        for outlet in [outlet for outlet in self._feeding or () if outlet.user in users]:
            self._end(outlet, FORBIDDEN)

    def watch(self, behaviour: Behaviour[Any], head: int, post: Watch) -> None:
        """Answer a `Watch` and join the outlet to the stream, at once or at the end of a feeder's work."""
        self._blueprint.check_watch(behaviour, post.caller)
        after = self._resumable(post.since, head)
        if after is None:
            joined = Joined(self._services.epoch, head, behaviour.view(post.caller))
            self._join(post, joined, head, [])
            return
        joined = Joined(self._services.epoch, head, None, head - after)
        entries = self._recent(after, head)
        shown = None if entries is None else self._shown(behaviour, entries, post.caller)
        if shown is None or sum(map(len, shown)) > self._services.settings.page_bytes:
            self._start_feeder(post, joined, after)
        else:
            self._join(post, joined, head, shown)

    def replay(self, behaviour: Behaviour[Any], head: int, word: Replay) -> None:
        """Push a feeder's page; when that reaches the head, or the ring reaches from there, join the outlet.

        A page that was on its way when its subscription ended is nobody's any more.
        """
        watch = word.watch
        if not self._serves(watch):
            word.reply(None)
            return
        self._blueprint.check_watch(behaviour, watch.caller)
        shown = self._page(behaviour, [record for record in word.records if record.seq <= head], watch.caller)
        upto = word.after + len(shown)
        entries = self._recent(upto, head)
        rest = None if entries is None else self._shown(behaviour, entries, watch.caller)
        self._push(watch.outlet, word.after, shown)
        if rest is None or sum(map(len, rest)) > self._services.settings.page_bytes:
            word.reply(upto)
            return
        self._push(watch.outlet, upto, rest)
        if self._feeding is not None:
            self._feeding.pop(watch.outlet, None)  # from here on it is the hub's
        self._services.hub.subscribe(self._address, watch.outlet, head)
        word.reply(None)

    def read(self, behaviour: Behaviour[Any], head: int, word: Read) -> None:
        """Answer a `Read` with a page, or with what must be fetched first."""
        self._blueprint.check_watch(behaviour, word.caller)
        far = word.far and word.since is not None
        after = min(word.since[1], head) if far and word.since else self._resumable(word.since, head)
        epoch = self._services.epoch
        if after is None:
            # built anew from builtin types, since its reader comes to it after later turns
            wire = self._blueprint.wire
            word.reply(Page(epoch, head, wire.decode_plain(wire.encode(behaviour.view(word.caller)))))
            return
        if word.records is not None:
            shown = self._page(behaviour, word.records[: word.limit], word.caller)
        else:
            entries = self._recent(after, head)
            if entries is None:
                word.reply(Missing(after, head))
                return
            shown = self._shown(behaviour, entries[: word.limit], word.caller)
        word.reply(Page(epoch, after + len(shown), None, shown, after + len(shown) < head))

    def leave(self, outlet: Outlet) -> bool:
        """End a subscription at its owner's wish, also one that a feeder serves; tells whether there was one."""
        fed = self._forget(outlet)
        return self._services.hub.unsubscribe(self._address, outlet) or fed

    def _resumable(self, since: Cursor | None, head: int) -> int | None:
        """Return the number after which to go on, `None` when only a snapshot helps."""
        if since is None or since[0] != self._services.epoch:
            return None
        behind = head - since[1]
        return since[1] if 0 <= behind <= self._services.settings.replay_events else None

    def _recent(self, after: int, head: int) -> list[Entry] | None:
        """Return the entries behind `after` up to the head, `None` when they are not all in memory."""
        return [] if after == head else self.ring.after(after)

    def _shown(self, behaviour: Behaviour[Any], entries: Iterable[Entry], caller: Caller) -> list[bytes]:
        return [self._blueprint.shown(behaviour, entry, caller) for entry in entries]

    def _page(self, behaviour: Behaviour[Any], records: Iterable[Any], caller: Caller) -> list[bytes]:
        """Return stored events as they may be shown, up to about the bytes of a page, at least one if there is one."""
        shown: list[bytes] = []
        room = self._services.settings.page_bytes
        for record in records:
            entry = self._blueprint.entry(behaviour, self._blueprint.fact(record), record.body)
            shown.append(self._blueprint.shown(behaviour, entry, caller))
            room -= len(shown[-1])
            if room <= 0:
                break
        return shown

    def _join(self, post: Watch, joined: Joined, head: int, shown: list[bytes]) -> None:
        self.leave(post.outlet)
        post.reply(joined)
        self._push(post.outlet, head - len(shown), shown)
        self._services.hub.subscribe(self._address, post.outlet, head)

    def _push(self, outlet: Outlet, after: int, shown: list[bytes]) -> None:
        if shown:
            outlet.push(self._services.hub.encoders[outlet.format].delta(self._address, after + 1, shown))

    def _start_feeder(self, post: Watch, joined: Joined, after: int) -> None:
        self.leave(post.outlet)
        scope = trio.CancelScope()
        if self._feeding is None:
            self._feeding = {}
        self._feeding[post.outlet] = (post, scope)
        post.reply(joined)
        self._services.counters.feeds += 1
        self._services.start(f"feeder of {self._address}", partial(self._feed, post, after, scope))

    async def _feed(self, post: Watch, after: int, scope: trio.CancelScope) -> None:
        try:
            with scope:
                refusal = await feed(self._services, self._address, self._host.post, post, after)
                if refusal is not None:
                    self._end(post.outlet, refusal.code)
        finally:
            if self._feeding is not None and self._serves(post):
                del self._feeding[post.outlet]

    def _serves(self, watch: Watch) -> bool:
        """Tell whether a feeder still serves this very subscription."""
        served = self._feeding.get(watch.outlet) if self._feeding else None
        return served is not None and served[0] is watch

    def _end(self, outlet: Outlet, code: str) -> None:
        """Let go of an outlet that a feeder serves, with the frame `gone`."""
        self._forget(outlet)
        self._services.hub.end(self._address, outlet, code)

    def _forget(self, outlet: Outlet) -> bool:
        served = self._feeding.pop(outlet, None) if self._feeding else None
        if served is not None:
            served[1].cancel()
        return served is not None
