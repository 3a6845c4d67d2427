"""What kinds tell the channels of which admins alone are to know: ids, on the table of the kind.

Queues and study groups are no matter of a course: a queue is its teacher's, and who is in a group is the group's own.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from homeroom.actors.telling import Operation, ids, tell_channels
from homeroom.engine.behaviour import Behaviour, Fact, Guardians, Tell
from homeroom.engine.kind import Told
from homeroom.protocol import group, queue_events


def _tell(
    table: str, operation: Operation, behaviour: Behaviour[Any], fact: Fact, guardians: Guardians
) -> tuple[Tell, ...]:
    return tell_channels(fact.event.type, behaviour, fact, {f"table:{table}": ids(behaviour.id, operation, fact)})


QUEUE_TOLD: Mapping[type[Any], Told] = MappingProxyType(
    {
        queue_events.Created: partial(_tell, "office-hours", "INSERT"),
        queue_events.Opened: partial(_tell, "office-hours", "UPDATE"),
        queue_events.Closed: partial(_tell, "office-hours", "UPDATE"),
    }
)
GROUP_TOLD: Mapping[type[Any], Told] = MappingProxyType(
    {
        group.GroupCreated: partial(_tell, "study-groups", "INSERT"),
        group.GroupDeleted: partial(_tell, "study-groups", "DELETE"),
    }
)
QUEUE_TELLS, GROUP_TELLS = (tuple(event.type for event in told) for told in (QUEUE_TOLD, GROUP_TOLD))
