"""The feeder: reads the missed events of one subscriber from the journal, page by page, as fast as the outlet takes them.

It reads outside the actor's turns; each page is shown and pushed inside one (`Replay`), and the last one joins the outlet to
the stream, so live events follow without a gap or an overlap. Never here: what a page shows (`audience`).
"""

from collections.abc import Callable

import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Watch
from homeroom.engine.journal import Unavailable
from homeroom.engine.services import Services
from homeroom.engine.supervisor import backoff
from homeroom.engine.waiter import Waiter
from homeroom.engine.words import Replay, Word

_ALL = 2**53 - 1


async def feed(
    services: Services, address: str, post: Callable[[Word], None], watch: Watch, after: int
) -> Refusal | None:
    """Serve one outlet until it is joined; returns the refusal when it must end: access withdrawn, our fault.

    Returns also when the outlet was cut off. Failures of the journal are waited out, each wait up to a second.
    """
    failures = 0
    while True:
        try:
            answer = await _step(services, address, post, watch, after)
        except trio.ClosedResourceError:
            return None
        if isinstance(answer, Refusal):
            if answer.retry_ms is None or answer.code == "internal":
                return answer
            failures += 1
            await trio.sleep(backoff(failures, 0.05, services.settings.reload_max_s, services.random))
        elif answer is None:
            return None
        else:
            after, failures = answer, 0


async def _step(
    services: Services, address: str, post: Callable[[Word], None], watch: Watch, after: int
) -> int | Refusal | None:
    """Read and show one page; returns the number reached, `None` when joined."""
    await watch.outlet.wait_room()
    try:
        records = await services.journal.read(address, after, _ALL, services.settings.page_events)
    except Unavailable:
        return services.unavailable()
    waiter: Waiter[int | Refusal | None] = Waiter()
    post(Replay(watch, after, records, waiter.take))
    return await waiter.wait()
