"""The places of a person: rooms, sessions and groups whose members see its presence, and sessions that count its time.

A place is the address of a stream; that of a room is kept as its bare id, which is how places were named when there were
only rooms. Never here: which places a person has, and when it is here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from homeroom.engine.behaviour import Decision, Refusal, Signal, Tell
from homeroom.protocol.presence import PLACES_MAX, SESSIONS_MAX, PresenceState, RoomExited, RoomPresence
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


def make_way(entered: Decision, user: str, place: str, rooms: Mapping[str, None], heard: int) -> Decision:
    """Return the decision to enter `place`, and to leave the oldest session when there are too many; raises `full`.

    That session counts its person as away since `heard`, Unix ms, and so as gone after its grace, until it is entered again.
    """
    sessions = sessions_of(rooms)
    if not is_session(place):
        if len(rooms) - len(sessions) >= PLACES_MAX:
            raise Refusal("full", f"a presence is shown in {PLACES_MAX} places")
        return entered
    if len(sessions) < SESSIONS_MAX:
        return entered
    oldest = sessions[0]
    return replace(
        entered,
        events=(RoomExited(oldest), *entered.events),
        signals=(signal_face(oldest, PresenceState(user)), *entered.signals),
        tells=tell_away(user, (oldest,), heard),
    )


def tell_away(user: str, sessions: Iterable[str], at: int) -> tuple[Tell, ...]:
    """Return the messages that the person was not here since `at`, Unix ms."""
    return tuple(Tell(session, Away(user, at)) for session in sessions)


def tell_back(user: str, sessions: Iterable[str], at: int) -> tuple[Tell, ...]:
    """Return the messages that the person is here since `at`, Unix ms."""
    return tuple(Tell(session, Back(user, at)) for session in sessions)
