"""The door at which students hand in an exam by the exam's own name: their sitting of it follows from who they are.

Never here: what handing in does (the actor of the sitting), and the sitting's other doors (`rest`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from homeroom.engine.kind import Kind, Verb
from homeroom.http.rest import Desk, checked_id, done_with
from homeroom.http.routes import Call, Out, Route

KIND, VERB = "sitting", "submit"
_ERRORS = ("forbidden", "not_found", "conflict", "too_late", "rate_limited", "overloaded", "unavailable", "timeout")


@dataclass(frozen=True, slots=True)
class OwnSitting:
    """The desk."""

    desk: Desk
    kind: Kind

    def routes(self) -> Sequence[Route]:
        """Return the door."""
        verb = self.kind.verb(VERB)
        return [] if verb is None else [self._route(verb)]

    def _route(self, verb: Verb) -> Route:
        async def submit(call: Call) -> Out:
            command = self.desk.verbs.decode_body(KIND, VERB, call.body, {})
            sitting = checked_id(f"{call.path['exam']}.{call.person.id}")
            return Out(await self.desk.carry_out(f"{KIND}:{sitting}", verb, command, call, call.key))

        return Route(
            "POST", "/api/exams/{exam}/submit", "exam_submit", "Hand in one's own sitting of an exam.", submit, "exams",
            body=verb.command, reply=done_with(verb.reply), errors=_ERRORS, raw=True, keyed=True,
        )  # fmt: skip
