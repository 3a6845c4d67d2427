"""What a class session tells the channels: ids on its table; to its course the plan, unless nobody but those listed may know of it.

Never here: comings and goings, the chat, and reminders, which have streams of their own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from homeroom.actors.telling import Channels, ids, of_course, tell_channels
from homeroom.engine.behaviour import Behaviour, Fact, Guardians, Tell
from homeroom.engine.kind import Told
from homeroom.protocol import session_words as words

_EVENTS: Mapping[type[Any], str] = MappingProxyType(
    {
        words.Created: "session.scheduled",
        words.Changed: "session.updated",
        words.Started: "session.started",
        words.Ended: "session.ended",
        words.Cancelled: "session.cancelled",
    }
)
_TABLE = "table:live-sessions"


def _tell(behaviour: Behaviour[Any], fact: Fact, guardians: Guardians) -> tuple[Tell, ...]:
    said = ids(behaviour.id, "INSERT" if isinstance(fact.event, words.Created) else "UPDATE", fact)
    return tell_channels(_EVENTS[type(fact.event)], behaviour, fact, {_TABLE: said, **_course(behaviour)})


def _course(behaviour: Behaviour[Any]) -> Channels:
    shown = behaviour.state.shown
    if shown.audience == "listed":
        return {}
    said = {
        "id": behaviour.id,
        "title": shown.title,
        "status": shown.status,
        "owner": shown.owner,
        "starts": shown.starts,
        "ends": shown.ends,
    }
    return of_course(shown.course, said)


SESSION_TELLS = tuple(_EVENTS.values())
SESSION_TOLD: Mapping[type[Any], Told] = MappingProxyType(dict.fromkeys(_EVENTS, _tell))
