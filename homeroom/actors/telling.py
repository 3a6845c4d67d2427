"""What things tell the channels of the school: tables beside the kinds say which events, where, and what is said there.

Of one event a channel is told once, and all of them in one message. What admins follow (the table) comes first and holds ids alone: it is
also the line in the feed of activity, which whoever may follow one of the channels may read. So where nobody but people themselves are
told, what comes first is for all of them. Never here: which events (`<kind>_told`), and carrying it out (the engine).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from homeroom.engine.behaviour import Behaviour, Fact, Tell
from homeroom.protocol.announce import Announce, changed

Operation = Literal["INSERT", "UPDATE", "DELETE"]
Channels = Mapping[str, Mapping[str, Any]]
"""Stream -> what is said there."""


def tell_channels(event: str, behaviour: Behaviour[Any], fact: Fact, channels: Channels) -> tuple[Tell, ...]:
    """Return the message that tells `event`, nothing where there is nobody to tell."""
    if not channels:
        return ()
    (first, data), *rest = channels.items()
    also = {stream: dict(said) for stream, said in rest}
    return (Tell(first, Announce(event, dict(data), behaviour.signer(fact), also)),)


def ids(id: str, operation: Operation, fact: Fact) -> dict[str, Any]:
    """Return what a table is told of a thing: its version is the number of its event."""
    return changed(id, operation, fact.seq)


def of_course(course: str, said: Mapping[str, Any]) -> Channels:
    """Return what a course is told; nothing where there is none."""
    return {f"course:{course}": said} if course else {}


def of_people(people: Iterable[str], said: Mapping[str, Any]) -> Channels:
    """Return what people are told on their own streams, each once."""
    return {f"user:{person}": said for person in dict.fromkeys(people) if person}
