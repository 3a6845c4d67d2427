"""Actors' messages to channels: read, appended exactly once, and shown.

Never here: the transaction (`channel_log`), carrying the messages (`courier`), and their structure (`protocol.announce`).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from homeroom.engine.behaviour import Refusal
from homeroom.engine.channel_log import Announcement, Place
from homeroom.engine.channel_services import ChannelServices
from homeroom.engine.envelope import Done, Reply
from homeroom.engine.errors import internal
from homeroom.engine.journal import Message, Unavailable
from homeroom.engine.posted import Posted


class Announcing(Protocol):
    """What such a message says."""

    type: str
    data: Any
    by: str
    also: Mapping[str, Any]


class Announcements:
    """The desk for them. `look_at_heads` shows what is durable and was not heard of."""

    def __init__(
        self,
        kinds: Collection[str],
        services: ChannelServices,
        command: type[Any],
        publish: Callable[[Posted], None],
        look_at_heads: Callable[[Sequence[str]], Awaitable[None]],
        *,
        hears: Callable[[str], bool],
    ) -> None:
        """Make the desk; `hears` tells whether there is what a further stream is of."""
        self._kinds, self._services, self._command = kinds, services, command
        self._hears = hears
        self._publish, self._look_at_heads = publish, look_at_heads
        self.done = 0

    def read(self, message: Message) -> Announcement:
        """Return what is to be appended; raises `bad_command` for what this release cannot read or append."""
        if message.do != self._command.do:
            raise Refusal("bad_command", f"a channel has no verb {message.do}")
        wire = self._services.wire
        try:
            said: Announcing = wire.decode(message.body, self._command)
        except ValueError as error:
            raise Refusal("bad_command", f"{message.do}: {error}") from error
        told = {message.to: said.data, **said.also}
        for stream in told:
            if stream.partition(":")[0] not in self._kinds:
                raise Refusal("bad_command", f"{message.do}: {stream} is no channel")
        bodies = {
            stream: wire.encode(data) for stream, data in told.items() if stream == message.to or self._hears(stream)
        }
        at = self._services.clock.now()
        return Announcement(message.number, message.source, said.type, at, said.by, bodies, said.data)

    async def carry_out(self, announcement: Announcement, reply: Reply) -> None:
        """Append, show and answer: `unavailable` when that is in doubt, and the message comes again. Cancelled: no answer."""
        services = self._services
        try:
            places = await services.log.announce(announcement)
            if places is None:  # done before, by a transaction whose answer was lost or by another server
                await self._look_at_heads(list(announcement.told))
        except Unavailable:
            reply(services.unavailable())
        except Exception as error:  # as an actor's crash: it is carried again, and parked when that goes on
            incident = services.supervisor.report(f"announcement of {announcement.source}", error)
            reply(internal(incident, services.engine.retry_ms))
        else:
            self._show(announcement, places or {})
            self.done += 1
            reply(Done(again=places is None))

    def _show(self, announcement: Announcement, places: Mapping[str, Place]) -> None:
        for stream, place in places.items():
            body = announcement.told[stream]
            event = self._services.wire.event(announcement.type, place.at, announcement.by, body)
            self._publish(Posted(stream, place.seq, [event]))
