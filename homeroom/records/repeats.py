"""Requests that come again with the same key: they get the first answer, and nothing is done twice.

A receipt is written by the tail of the transaction that did it; of two at the same time one finds the key taken, is rolled back
and gets the other's answer. Never here: what the keys look like at the door.
"""

from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any, NamedTuple

import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.wire import Wire
from homeroom.records.faults import told_as_refusals
from homeroom.records.sweeping import PERIOD_S, keep_swept

KEPT_MS = 7 * 86_400_000
"""How long a key is remembered: longer than anybody goes on asking."""
_FIND = "SELECT digest, reply FROM record_receipts WHERE client = $1 AND key = $2"
_SWEEP = "DELETE FROM record_receipts WHERE at < $1"


class Request(NamedTuple):
    """What a key stands for: whose it is, and the digest of what was asked for."""

    client: str
    key: str
    digest: bytes


class Repeats:
    """The receipts of keys."""

    def __init__(self, database: Database, clock: Clock, wire: Wire) -> None:
        self._database = database
        self._clock = clock
        self._wire = wire

    async def once(self, request: Request, type: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        """Return the answer of `work`, or that which an earlier request with the key got, as a `type`.

        `work` must leave the receipt. Raises `Refusal`: what `work` raises, and `conflict` for the key of another request.
        """
        answer = await self._find(request)
        if answer is not None:
            return self._wire.decode(answer, type)
        try:
            return await work()
        except Refusal:
            # Whatever is in its way may be what a request with the same key did meanwhile, or this one itself, in doubt.
            answer = await self._find(request)
            if answer is None:
                raise
            return self._wire.decode(answer, type)

    async def sweep(self) -> int:
        """Forget the keys that are older than `KEPT_MS`; returns how many."""
        return await self._database.execute(_SWEEP, self._clock.now() - KEPT_MS)

    async def run(
        self, period_s: float = PERIOD_S, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Sweep now and then, for ever; a database that is away is swept another time."""
        await keep_swept("keys of requests", self.sweep, period_s, task_status=task_status)

    async def _find(self, request: Request) -> bytes | None:
        """Return the stored answer; raises `conflict` when the key was for something else."""
        with told_as_refusals():
            row = await self._database.fetch_row(_FIND, request.client, request.key)
        if row is None:
            return None
        if row["digest"] != request.digest:
            raise Refusal("conflict", "this Idempotency-Key came with another request before: choose a new key")
        return bytes(row["reply"])


def digest_of(wire: Wire, *parts: Any) -> bytes:
    """Return what tells one request from another."""
    return blake2b(wire.encode(parts), digest_size=16).digest()
