"""The door of one's own dashboard: the figures that `user:<id>` tells live, once.

Never here: what the figures are (`records.figures`); there is no door to another's.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from homeroom.http.rest import Desk
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.dashboard import Figures
from homeroom.records.figures import FigureReader, Reader


@dataclass(frozen=True, slots=True)
class DashboardDesk:
    """The desk."""

    desk: Desk
    figures: FigureReader

    def routes(self) -> Iterable[Route]:
        """Return the door."""
        return (
            Route(
                "GET",
                "/api/dashboard",
                "dashboard",
                "The figures of one's own dashboard, by one's role: the same that `metrics.updated` tells on `user:<id>`.",
                self.read,
                "dashboard",
                reply=Figures,
                errors=("rate_limited", "overloaded", "unavailable", "timeout"),
            ),
        )

    async def read(self, call: Call) -> Out:
        """Answer the figures of whoever asks."""
        self.desk.spend(call.person, "read")
        caller = call.person.caller
        return Out((await self.figures.of([Reader(caller.user, caller.role)]))[caller.user])
