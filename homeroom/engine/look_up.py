"""Questions to read models: asked of the journal outside the actor's turn, a bounded number at a time.

Never here: the actor's state; the answer is made of rows alone.
"""

from functools import partial
from typing import Any

import structlog

from homeroom.engine.behaviour import Lookup, Refusal
from homeroom.engine.envelope import Answer, Done, Reply
from homeroom.engine.errors import internal
from homeroom.engine.journal import JournalError
from homeroom.engine.services import Services

log = structlog.get_logger("homeroom.engine")


def start_look_up(services: Services, address: str, lookup: Lookup, reply: Reply, seq: int | None) -> None:
    """Answer `reply` with what `lookup` finds in `address`; `seq` is the last event of its command, if any."""
    if services.look_ups >= services.settings.look_ups:
        services.counters.overloads += 1
        reply(services.overloaded())
        return
    _count(services)
    services.start(f"look-up of {address}", partial(_look_up, services, address, lookup, reply, seq))


async def look_up_everywhere(services: Services, lookup: Lookup) -> Any:
    """Return what a question to the rows of all streams finds; raises `Refusal`, `ValueError` for any other question."""
    if not lookup.everywhere:
        raise ValueError(f"nobody in particular is asked for {lookup.table!r}: the question has to be `everywhere`")
    if services.draining:
        raise services.unavailable()
    if services.look_ups >= services.settings.look_ups:
        services.counters.overloads += 1
        raise services.overloaded()
    _count(services)
    try:
        return lookup.into(await services.journal.look_up("", lookup))
    except JournalError as error:
        log.warning("look-up failed", table=lookup.table, error=str(error))
        raise services.unavailable() from error
    finally:
        services.look_ups -= 1


def _count(services: Services) -> None:
    services.look_ups += 1
    services.counters.look_ups += 1


async def _look_up(services: Services, address: str, lookup: Lookup, reply: Reply, seq: int | None) -> None:
    """Ask and answer; cancelled, the answer is `unavailable`."""
    answer: Answer = services.unavailable()
    try:
        rows = await services.journal.look_up(address, lookup)
        answer = Done(lookup.into(rows), seq)
    except Refusal as refusal:
        answer = refusal
    except JournalError as error:
        log.warning("look-up failed", actor=address, table=lookup.table, error=str(error))
    except Exception as error:  # the kind's own `into` or a bad question: our fault, but no state is touched
        answer = internal(services.supervisor.report(address, error), services.settings.retry_ms)
    finally:
        services.look_ups -= 1
        reply(answer)
