"""What is kept for a time only, swept now and then. Never here: what is swept, and how."""

from collections.abc import Awaitable, Callable

import structlog
import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.postgres import DatabaseError

log = structlog.get_logger(__name__)

PERIOD_S = 3_600.0


async def keep_swept(
    what: str,
    sweep: Callable[[], Awaitable[int]],
    period_s: float = PERIOD_S,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Sweep now and then, for ever, and say of `what` how many went; a database that is away is swept another time."""
    task_status.started()
    while True:
        try:
            gone = await sweep()
            log.info("swept", what=what, gone=gone)
        except (DatabaseError, Refusal) as error:
            log.warning("not swept", what=what, error=str(error))
        await trio.sleep(period_s)
