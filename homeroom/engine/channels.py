"""Streams without an actor: what records and announcements append to, for those who may follow them.

    ref.tell(Watch) ─► errand: look (access, state, number) ─► missed events ─► joined to the hub
    publish(posted) ─► channel, in order ─► hub             deliver(message) ─► log ─► publish

Rules of this file: nothing that is called from outside waits; every watch is answered exactly once. Who has joined was looked at
after the last withdrawal known here, and is looked at again every `recheck_s`, since other servers change the same records.
Never here: who may follow what (`channel_door`), and the order of one channel's events (`channel`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from random import Random
from typing import Any, TypeVar

import structlog
import trio

from homeroom.engine.announcements import Announcements
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.blueprint import NO_SUCH_THING
from homeroom.engine.channel import Channel, Member
from homeroom.engine.channel_door import ChannelDoor, ChannelListener, Follower, Unheard
from homeroom.engine.channel_log import ChannelLog
from homeroom.engine.channel_ref import ChannelRef
from homeroom.engine.channel_services import ChannelServices, ChannelSettings
from homeroom.engine.channel_watch import admit, feed
from homeroom.engine.clock import Clock
from homeroom.engine.envelope import Answer, Cursor, Envelope, Outlet, Post, Watch
from homeroom.engine.errors import internal
from homeroom.engine.hub import Hub
from homeroom.engine.journal import Journal, Message, Unavailable
from homeroom.engine.posted import Posted
from homeroom.engine.settings import DEFAULTS, EngineSettings
from homeroom.engine.statistics import Counters
from homeroom.engine.supervisor import Supervisor, backoff
from homeroom.engine.wire import Wire
from homeroom.engine.words import Page

log = structlog.get_logger("homeroom.engine")

_BATCH = 500
ThingT = TypeVar("ThingT")
_DEFAULTS = ChannelSettings()
_UNHEARD = Unheard()


def _everything(stream: str) -> bool:
    """Return that actors may tell it what they like: the channels of a program that knows no places."""
    return True


class Channels:
    """All channels of one node. Made once, run once; `announce` is the structure of an actor's message to them."""

    def __init__(
        self,
        kinds: Collection[str],
        log: ChannelLog,
        door: ChannelDoor,
        journal: Journal,
        wire: Wire,
        *,
        hub: Hub,
        announce: type[Any],
        clock: Clock,
        random: Random,
        settings: ChannelSettings = _DEFAULTS,
        engine: EngineSettings = DEFAULTS,
        listener: ChannelListener = _UNHEARD,
        hears: Callable[[str], bool] = _everything,
    ) -> None:
        """Make channels that do not run yet; `hears` tells whether there is what a stream is of: else actors tell it nothing."""
        self.kinds = frozenset(kinds)
        self._counters = Counters()
        supervisor = Supervisor(random, self._counters)
        self._services = ChannelServices(log, door, journal, wire, hub, clock, random, supervisor, engine, settings)
        self._announcements = Announcements(
            self.kinds, self._services, announce, self.publish, self._look_at_heads, hears=hears
        )
        self._channels: dict[str, Channel] = {}
        self._nursery: trio.Nursery | None = None
        self._withdrawn = 0
        self._listener = listener

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run errands, and look again at those who follow, until cancelled; raises `Unavailable` when the epoch cannot be read.

        Cancelled: every watch that waits is answered `unavailable`.
        """
        self._services.epoch = await self._services.journal.epoch()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                task_status.started()
                while True:
                    await trio.sleep(self._services.settings.recheck_s)
                    await self._look_again()
            finally:
                self._nursery = None

    # --- for those who follow

    def ref(self, address: str) -> ChannelRef:
        """Return the way to a channel; raises `Refusal("not_found")` for an unknown kind."""
        kind, _, name = address.partition(":")
        if kind not in self.kinds or not name:
            raise Refusal("not_found", NO_SUCH_THING)
        return ChannelRef(address, self)

    def post(self, address: str, post: Post) -> None:
        """Take a watch, or refuse a command."""
        if isinstance(post, Watch):
            self._watch(address, post)
        elif isinstance(post, Envelope):
            self.refuse_command(address, post.reply)

    def refuse_command(self, address: str, reply: Callable[[Answer], None]) -> None:
        """Answer a command: `bad_command`."""
        reply(Refusal("bad_command", f"a {address.partition(':')[0]} has no verbs"))

    async def read(self, address: str, caller: Caller, since: Cursor | int | None, limit: int) -> Page:
        """Return the state, or events behind `since`; a bare number: the events themselves, however far back; raises `Refusal`."""
        services = self._services
        sight = await services.look(address, caller)
        if isinstance(since, int):
            after: int | None = min(since, sight.seq)
        else:
            after = services.resumable(since, sight.seq)
        if after is None:
            return Page(services.epoch, sight.seq, sight.state)
        most = max(limit, 1)
        shown = await services.page(address, after, sight.seq, most) if after < sight.seq else []
        seen = await services.review(caller, shown)
        return Page(services.epoch, after + len(shown), None, seen, after + len(shown) < sight.seq)

    def unwatch(self, address: str, outlet: Outlet) -> bool:
        """End a subscription; tells whether there was one."""
        channel = self._channels.get(address)
        if channel is None:
            return self._services.hub.unsubscribe(address, outlet)
        found = channel.leave(outlet)
        self._forget_if_idle(channel)
        return found

    # --- for those who write

    def publish(self, posted: Posted) -> None:
        """Show what has become durable; what came before it, and has not been heard of, is read from the journal first."""
        channel = self._channel_if_followed(posted.stream)
        if channel is not None:
            channel.take(posted.seq, posted.events)
            self._listener.published(posted.stream)
            self._mend(channel)

    def publish_all(self, posted: Iterable[Posted]) -> None:
        """Show what one transaction has appended to several channels."""
        for one in posted:
            self.publish(one)

    def withdraw(self, stream: str, users: Iterable[str]) -> None:
        """End the subscriptions of `users`, who may follow no longer, with `gone`, code `forbidden`."""
        gone = frozenset(users)
        channel = self._channels.get(stream)
        if channel is not None:
            channel.withdraw(gone)
            self._forget_if_idle(channel)
        self._services.hub.end_for(stream, gone, "forbidden")

    def deliver(self, message: Message, reply: Callable[[Answer], None]) -> None:
        """Carry out an actor's durable message; raises `Refusal` when this release cannot read it."""
        announcement = self._announcements.read(message)
        if self._nursery is None:
            reply(self._services.unavailable())
        else:
            self._nursery.start_soon(self._announcements.carry_out, announcement, reply)

    def statistics(self) -> Mapping[str, float]:
        """Return the figures: channels and subscriptions now, looks that wait, announcements and withdrawals so far."""
        return {
            "channels": len(self._channels),
            "subscriptions": sum(len(channel.members) for channel in self._channels.values()),
            "waiting": self._services.turns.statistics().tasks_waiting,
            "feeds": self._counters.feeds,
            "crashes": self._counters.crashes,
            "announced": self._announcements.done,
            "withdrawn": self._withdrawn,
        }

    # --- subscriptions

    def _watch(self, address: str, watch: Watch) -> None:
        if self._nursery is None:
            watch.reply(self._services.unavailable())
            return
        channel = self._channel(address)
        channel.leave(watch.outlet)
        member = channel.members[watch.outlet] = Member(watch)
        self._nursery.start_soon(self._serve, channel, member)

    async def _serve(self, channel: Channel, member: Member) -> None:
        """Serve one subscription until it is joined; whatever happens, the watch is answered, and its channel not left behind."""
        try:
            with member.scope:
                await self._admit(channel, member)
        except Exception as error:  # as an actor's crash: contained here, reported, and told
            incident = self._services.supervisor.report(f"watch of {channel.name}", error)
            self._refuse(channel, member, internal(incident, self._services.engine.retry_ms))
        finally:
            if not member.answered:
                self._refuse(channel, member, self._services.unavailable())
            if not member.joined and channel.members.get(member.watch.outlet) is member:
                channel.leave(member.watch.outlet)
            self._forget_if_idle(channel)

    async def _admit(self, channel: Channel, member: Member) -> None:
        try:
            after = await admit(self._services, channel, member, partial(self._mend, channel))
        except Refusal as refusal:
            self._refuse(channel, member, refusal)
            return
        if channel.newest(after) is None:
            self._counters.feeds += 1
        await feed(self._services, channel, member, after)
        if member.joined:
            self._listener.joined(channel.name, member.watch.caller)

    def _refuse(self, channel: Channel, member: Member, refusal: Refusal) -> None:
        """Answer, or end what was granted already."""
        if not member.answered:
            member.answered = True
            member.watch.reply(refusal)
        elif not member.left:
            channel.end(member.watch.outlet, refusal.code)

    # --- what is shown

    def _channel(self, address: str) -> Channel:
        found = self._channels.get(address)
        if found is None:
            found = self._channels[address] = Channel(address, self._services.hub, self._services.engine)
        return found

    def _channel_if_followed(self, address: str) -> Channel | None:
        """Return the channel, made now for those who follow past this (a long poll); `None` when nobody follows."""
        channel = self._channels.get(address)
        if channel is None and self._services.hub.watchers(address):
            channel = self._channel(address)
            channel.begin(0)
        return channel

    def _forget_if_idle(self, channel: Channel) -> None:
        if not channel.members and not channel.mending and self._channels.get(channel.name) is channel:
            del self._channels[channel.name]

    def _mend(self, channel: Channel) -> None:
        """Have what is missing read from the journal, unless that is under way."""
        if channel.holed and not channel.mending and self._nursery is not None:
            channel.mending = True
            self._nursery.start_soon(self._read_missing, channel)
        else:
            self._forget_if_idle(channel)

    async def _read_missing(self, channel: Channel) -> None:
        """Show what is durable and has not come, in order; failures of the journal are waited out."""
        services, failures = self._services, 0
        try:
            while channel.holed and (channel.members or services.hub.watchers(channel.name)):
                shown = channel.shown or 0
                try:
                    page = await services.page(channel.name, shown, channel.goal, services.engine.page_events)
                except Refusal:
                    failures += 1
                    await trio.sleep(backoff(failures, 0.05, services.engine.reload_max_s, services.random))
                else:
                    channel.take(shown + 1, page)
                    self._listener.published(channel.name)
        finally:
            channel.mending = False
            self._forget_if_idle(channel)

    # --- what others have written

    async def _look_again(self) -> None:
        """Show what other servers have appended, and let go of those who may follow no longer; a failure waits for the next time."""
        try:
            await self._look_at_heads([*self._services.hub])
            await self._recheck()
        except (Unavailable, Refusal) as error:
            log.warning("channels could not be looked at again", error=str(error))

    async def _look_at_heads(self, streams: Iterable[str]) -> None:
        """Show what is durable in those of `streams` that are followed channels, and has not been heard of; raises `Unavailable`."""
        for batch in _batches(streams):
            followed = [stream for stream in batch if stream.partition(":")[0] in self.kinds]
            for stream, head in (await self._heads(followed)).items():
                channel = self._channel_if_followed(stream)
                if channel is not None and channel.shown is not None:
                    channel.begin(head)
                    self._mend(channel)

    async def _heads(self, streams: Sequence[str]) -> Mapping[str, int]:
        await trio.lowlevel.checkpoint()
        return await self._services.log.heads(streams) if streams else {}

    async def _recheck(self) -> None:
        """End what is granted no longer, of the subscriptions there were when it was asked; raises `Refusal`."""
        channels = [*self._channels.values()]
        for batch in _batches((channel, member) for channel in channels for member in [*channel.members.values()]):
            asked: dict[Follower, list[tuple[Channel, Member]]] = {}
            for channel, member in batch:
                follower = Follower(channel.name, member.watch.outlet.user, member.watch.caller.role)
                asked.setdefault(follower, []).append((channel, member))
            await trio.lowlevel.checkpoint()
            for follower, code in (await self._services.door.lost(list(asked))).items():
                for channel, member in asked[follower]:
                    self._let_go(channel, member, code)

    def _let_go(self, channel: Channel, member: Member, code: str) -> None:
        if member.answered and not member.left:
            self._withdrawn += 1
            channel.end(member.watch.outlet, code)
            self._forget_if_idle(channel)


def _batches(things: Iterable[ThingT]) -> Iterator[list[ThingT]]:
    """Yield the things some at a time, so that nothing else waits long for the event loop."""
    rest = iter(things)
    while batch := list(islice(rest, _BATCH)):
        yield batch
