"""The errand of one subscription: looked at, answered, given what was missed, and joined to the stream.

Rules of this file: from the answer on, each step that gives events also says where the next one begins, and joining comes in the same
step as the last of them, so nothing is missed or doubled. What is past is given as the door shows it now; what comes in while that is
asked is as live as for those who follow already. Never here: what the door says, and live events.
"""

from collections.abc import Callable, Sequence

import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.channel import Channel, Member
from homeroom.engine.channel_door import Sight
from homeroom.engine.channel_services import ChannelServices
from homeroom.engine.envelope import Joined
from homeroom.engine.supervisor import backoff


async def admit(services: ChannelServices, channel: Channel, member: Member, mend: Callable[[], None]) -> int:
    """Look, answer, and return the number behind which the member's events begin; raises `Refusal` before the answer.

    A withdrawal that comes while the door is asked counts: then it is asked again. `mend` has what is missing read.
    """
    member.doubted = True
    while member.doubted:
        member.doubted = False
        sight = await services.look(channel.name, member.watch.caller)
        channel.begin(sight.seq)
        mend()
        await _wait_shown(services, channel, sight.seq)
    return _answer(services, channel, member, sight)


async def feed(services: ChannelServices, channel: Channel, member: Member, after: int) -> None:
    """Give the missed events behind `after`, page by page as fast as the outlet takes them, and join it at the end.

    Returns also when the outlet was cut off. Failures of the journal and of the door are waited out, each wait up to a second.
    """
    outlet = member.watch.outlet
    failures, past = 0, channel.shown or 0
    while not member.left:
        rest = channel.newest(after)
        if rest is not None and after >= past:
            channel.push(outlet, after, rest)
            channel.join(member)
            return
        past = channel.shown or 0
        try:
            page = await _past(services, channel, member, after)
        except trio.ClosedResourceError:
            return
        except Refusal:
            failures += 1
            await trio.sleep(backoff(failures, 0.05, services.engine.reload_max_s, services.random))
            continue
        if not member.left:
            channel.push(outlet, after, page)
            after, failures = after + len(page), 0


async def _past(services: ChannelServices, channel: Channel, member: Member, after: int) -> Sequence[bytes]:
    """Return the next missed events as the member may see them now; raises `Refusal`, `trio.ClosedResourceError`."""
    page = channel.newest(after)
    if page is None:
        await member.watch.outlet.wait_room()
        page = await services.page(channel.name, after, channel.shown or 0, services.engine.page_events)
    return await services.review(member.watch.caller, page)


async def _wait_shown(services: ChannelServices, channel: Channel, seq: int) -> None:
    """Wait until those who follow already were shown what the newcomer has seen; raises `unavailable` when that takes too long."""
    with trio.move_on_after(services.settings.patience_s) as patience:
        await channel.wait_shown(seq)
    if patience.cancelled_caught:
        raise services.unavailable()


def _answer(services: ChannelServices, channel: Channel, member: Member, sight: Sight) -> int:
    watch, head = member.watch, channel.shown or 0
    after = services.resumable(watch.since, head)
    member.answered = True
    if after is None:
        watch.reply(Joined(services.epoch, sight.seq, sight.state))
        return sight.seq
    watch.reply(Joined(services.epoch, head, None, head - after))
    return after
