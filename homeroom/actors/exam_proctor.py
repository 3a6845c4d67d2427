"""The stream on which an exam's staff follow its students: `proctor:<exam>`. It decides nothing but who may look.

Never here: the progress itself, which each sitting signals onto this stream.
"""

from typing import Any

from homeroom.engine.behaviour import NOTHING, Behaviour, Caller, Context, Decision, Fact, Fired
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol.access import ADMINS, STAFF, SYSTEM_ONLY, allow
from homeroom.protocol.exam_messages import SetStaff
from homeroom.protocol.exam_proctor import PROCTOR_EVENTS, ProctorsSet, ProctorState, reduce_proctor, show_proctor


class Proctor(Behaviour[ProctorState]):
    """The staff's view of one exam. Relations: `proctor` (its owner included), `outsider`."""

    @classmethod
    def fresh(cls, id: str) -> ProctorState:
        """Return the view of an exam that does not exist yet."""
        return ProctorState()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return the one relation of `caller`."""
        return frozenset(("proctor" if caller.user in self.state.staff else "outsider",))

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such thing to everybody but the staff of the exam and admins."""
        known = caller.user in self.state.staff or caller.role in ADMINS
        return not (self.state.title and known)

    def decide(self, command: Any, context: Context) -> Decision:
        """Take the staff that the exam has now; who may look no longer, does not."""
        if isinstance(command, Fired) or (command.staff, command.title) == (self.state.staff, self.state.title):
            return NOTHING
        gone = tuple(user for user in self.state.staff if user not in command.staff)
        return Decision((ProctorsSet(command.title, command.staff),), evict=gone)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change who may look."""
        reduce_proctor(self.state, fact)

    def view(self, caller: Caller) -> ProctorState:
        """Return the title and the staff."""
        return show_proctor(self.state)


PROCTOR = Kind(
    name="proctor",
    plural="proctors",
    behaviour=Proctor,
    state=ProctorState,
    verbs=(Verb(SetStaff, SYSTEM_ONLY, None, "control"),),
    events=PROCTOR_EVENTS,
    watch=allow(STAFF, "proctor") | allow(ADMINS),
)
