"""What a kind's row says of its replies and snapshots is what the engine sends: the documents are made from these rows."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec
import pytest
import trio

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol.access import ROLES
from tests.http.access_lines import IDS, STAGES, Person
from tests.http.rest_school import School
from tests.http.test_access_matrix import example


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_view_of_a_kind_is_of_the_type_that_its_row_names(kind: Kind) -> None:
    behaviour = kind.behaviour("x", kind.behaviour.fresh("x"))
    view = behaviour.view(Caller("pat", "super_admin"))
    assert msgspec.convert(msgspec.to_builtins(view), kind.shown) == view


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_every_verb_of_a_kind_replies_what_its_row_names(nursery: trio.Nursery, kind: Kind) -> None:
    school = await School().open(nursery)
    stage, relations = STAGES.get(kind.name, (no_stage, ("anybody",)))
    replied = set()
    for number, (verb, role, relation) in enumerate(product(kind.verbs, roles(kind), relations)):
        name = IDS.get((kind.name, relation), "{}").format("pat" if relation == "self" else f"thing-{number}")
        message = await stage(school, name, relation, ("pat", role))
        found = await reply_of(school, f"{kind.name}:{name}", verb, Caller("pat", role), message)
        replied |= {verb.command.do} if fits(found, verb) else set()
    declared = {verb.command.do for verb in kind.verbs if verb.reply is not None}
    assert replied == declared or kind.name not in STAGES


def roles(kind: Kind) -> Sequence[str]:
    """Return who tries: those whom the stage lets do everything between them, else everybody."""
    return ["super_admin", "student"] if kind.name in STAGES else ROLES


async def no_stage(school: School, name: str, relation: str, person: Person) -> str:
    """Prepare nothing."""
    return "1"


async def reply_of(school: School, address: str, verb: Verb, caller: Caller, message: str) -> Any:
    """Carry out a verb and return its reply as the wire has it, `None` for none and for a refusal."""
    command = msgspec.convert(example(verb, message), verb.command)
    answer = await school.engine.ref(address).ask(command, caller)
    return None if isinstance(answer, Refusal) else msgspec.to_builtins(answer.reply)


def fits(reply: Any, verb: Verb) -> bool:
    """Check a reply against the row, and tell whether there was one."""
    if reply is None:
        return False
    assert verb.reply is not None, f"{verb.command.do} replies {reply!r}: its row has to say so"
    assert msgspec.to_builtins(msgspec.convert(reply, verb.reply)) == reply
    return True
