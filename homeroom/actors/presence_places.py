"""The places of a person: rooms, sessions and groups whose members see its presence, and sessions that count its time.

A place is the address of a stream; that of a room is kept as its bare id, which is how places were named when there were
only rooms. Never here: which places a person has, and when it is here.
"""

from collections.abc import Iterable

from homeroom.engine.behaviour import Signal, Tell
from homeroom.protocol.presence import PresenceState, RoomPresence
from homeroom.protocol.session_words import Away, Back

_ROOM, _SESSION = "room:", "session:"


def kept_place(place: str) -> str:
    """Return a place as it is kept."""
    return place.removeprefix(_ROOM)


def signal_face(place: str, face: PresenceState) -> Signal:
    """Return the signal that shows `face` in a place. Offline is the absence of a value: it is sent and forgotten."""
    here = face.status != "offline"
    event = RoomPresence(face.user, face.status, face.activity, face.last_heard)
    stream = place if ":" in place else _ROOM + place
    return Signal(stream, f"presence:{face.user}", event, retain=here, drop=not here)


def is_session(place: str) -> bool:
    """Tell whether a place is a session: it is told when the person goes and comes back, hidden or not."""
    return place.startswith(_SESSION)


def sessions_of(places: Iterable[str]) -> tuple[str, ...]:
    """Return those of some places that are sessions."""
    return tuple(place for place in places if place.startswith(_SESSION))


def tell_away(user: str, sessions: Iterable[str], at: int) -> tuple[Tell, ...]:
    """Return the messages that the person was not here since `at`, Unix ms."""
    return tuple(Tell(session, Away(user, at)) for session in sessions)


def tell_back(user: str, sessions: Iterable[str], at: int) -> tuple[Tell, ...]:
    """Return the messages that the person is here since `at`, Unix ms."""
    return tuple(Tell(session, Back(user, at)) for session in sessions)
