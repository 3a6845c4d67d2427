"""The doors of operators: is the process alive, can it work, and its figures.

Never here: what a probe asks (the composition root hands probes in).
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog
import trio
from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.engine.journal import JournalError
from homeroom.engine.postgres import DatabaseError
from homeroom.http.metrics import CONTENT_TYPE, Metrics
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.access import ADMINS

log = structlog.get_logger(__name__)
Probe = Callable[[], Awaitable[object]]
"""Returns when all is well; raises `DatabaseError`, `JournalError`, `OSError` or `Refusal` when not."""

PATIENCE_S = 2.0


class Alive(Struct, frozen=True):
    """The process answers."""

    version: str
    status: Literal["ok"] = "ok"


class Ready(Struct, frozen=True):
    """Whether work can be done, and each probe's finding: `ok`, `failed` or `timeout`."""

    ready: bool
    checks: dict[str, str]


@dataclass(frozen=True, slots=True)
class Health:
    """The desk. `probes` by name; `token`: what `/metrics` wants as bearer, `None` for nothing."""

    probes: Mapping[str, Probe]
    metrics: Metrics
    version: str
    token: str | None = None

    def routes(self) -> Iterable[Route]:
        """Return the doors."""
        tag = "operation"
        return (
            Route("GET", "/healthz", "healthz", "The process is alive.", self.alive, tag, reply=Alive, bearer="ignored"),
            Route("GET", "/readyz", "readyz", "Work can be done: database and schema are there (503: not).", self.ready,
                  tag, reply=Ready, bearer="ignored"),
            Route("GET", "/health", "health", "Another name of `/readyz`.", self.ready, tag, reply=Ready,
                  bearer="ignored"),
            Route("GET", "/metrics", "metrics", "The figures, for Prometheus.", self.scrape, tag, bearer="ignored",
                  mimetype="text/plain", errors=("unauthenticated",)),
            Route("GET", "/api/realtime/stats", "stats", "The figures of all parts, for admins.", self.statistics, tag,
                  reply=dict[str, Any], errors=("forbidden",)),
        )  # fmt: skip

    async def alive(self, call: Call) -> Out:
        """Answer without asking anybody."""
        return Out(Alive(self.version))

    async def ready(self, call: Call) -> Out:
        """Ask all probes at once; 503 when one of them says no or nothing."""
        checks: dict[str, str] = {}
        async with trio.open_nursery() as nursery:
            for name, probe in self.probes.items():
                nursery.start_soon(_ask, name, probe, checks)
        good = all(found == "ok" for found in checks.values())
        return Out(Ready(good, dict(sorted(checks.items()))), status=200 if good else 503)

    async def scrape(self, call: Call) -> Out:
        """Answer the figures; with a configured token only to who sends it."""
        if self.token is not None and not hmac.compare_digest(call.bearer.encode(), self.token.encode()):
            raise Refusal("unauthenticated", "the figures need their own bearer token")
        return Out(await self.metrics.scrape(), mimetype=CONTENT_TYPE)

    async def statistics(self, call: Call) -> Out:
        """Answer the figures as JSON."""
        if call.person.role not in ADMINS:
            raise Refusal("forbidden", "for admins")
        return Out(self.metrics.snapshot())


async def _ask(name: str, probe: Probe, checks: dict[str, str]) -> None:
    checks[name] = "timeout"
    with trio.move_on_after(PATIENCE_S):
        try:
            await probe()
        except (DatabaseError, JournalError, OSError, Refusal) as error:
            log.warning("probe failed", probe=name, error=str(error))
            checks[name] = "failed"
        else:
            checks[name] = "ok"
