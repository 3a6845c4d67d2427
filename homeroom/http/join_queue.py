"""The door at which a queue is joined by its instructor's id in the body: a queue usually has that id.

Never here: what joining does (the actor of the queue), and the queue's other doors (`rest`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from homeroom.engine.kind import Kind, Verb
from homeroom.http.rest import Desk, done_with
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.ids import Id
from homeroom.protocol.queue import Join, Question, Topic

KIND = "queue"
_ERRORS = ("forbidden", "not_found", "conflict", "full", "rate_limited", "overloaded", "unavailable", "timeout")


class JoinQueue(Struct, frozen=True):
    """Stand in line with a question for somebody who helps."""

    instructor_id: Id
    question: Question = ""
    topic: Topic = ""


@dataclass(frozen=True, slots=True)
class JoinQueueDoor:
    """The desk."""

    desk: Desk
    kind: Kind

    def routes(self) -> Sequence[Route]:
        """Return the door."""
        verb = self.kind.verb(Join.do)
        return [] if verb is None else [self._route(verb)]

    def _route(self, verb: Verb) -> Route:
        async def join(call: Call) -> Out:
            body: JoinQueue = call.body
            command = Join(body.question, body.topic)
            return Out(await self.desk.carry_out(f"{KIND}:{body.instructor_id}", verb, command, call, call.key))

        return Route(
            "POST", "/api/office-hours/join-queue", "queue_join_of", "Stand in line of an instructor.", join, self.kind.plural,
            body=JoinQueue, reply=done_with(verb.reply), errors=_ERRORS, keyed=True,
            words={"instructorId": "instructor_id"},
        )  # fmt: skip
