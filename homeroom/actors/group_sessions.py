"""Sessions that a study group plans: each is a session actor of its own, owned by who planned it, listed in the group while it is to come.

The group enrols whoever joins it later, and takes whoever leaves off the lists again; the planner of a session keeps it. With the group
its sessions end.
Never here: what happens in a session (`session`).
"""

from collections.abc import Iterable

from homeroom.actors.fitting import fit_name, fit_text
from homeroom.engine.behaviour import Context, Decision, Refusal, Tell
from homeroom.protocol import session_words
from homeroom.protocol.group import SESSIONS_MAX, Schedule, Scheduled, SessionScheduled
from homeroom.protocol.group_state import GroupState, upcoming

AHEAD_MS = 366 * 86_400_000
"""So far ahead a session may be planned."""
_MINUTE_MS = 60_000


def schedule(id: str, group: GroupState, command: Schedule, context: Context) -> Decision:
    """Make a session for all members of the group `id`; replies with the session's id.

    `too_late` for a start that has passed, `bad_command` for one too far ahead or a title without anything visible, `full` at
    `SESSIONS_MAX` sessions to come.
    """
    if command.starts < context.arrived:
        raise Refusal("too_late", "this time has passed")
    if command.starts > context.now + AHEAD_MS:
        allowed = {"field": "starts", "allowed": "a time within a year, in Unix milliseconds"}
        raise Refusal("bad_command", "starts: more than a year ahead", data=allowed)
    if len(upcoming(group, context.now)) >= SESSIONS_MAX:
        raise Refusal("full", f"{SESSIONS_MAX} sessions are planned")
    session, title = f"{context.random.getrandbits(96):024x}", fit_name("title", command.title)
    planned = SessionScheduled(session, title, command.starts, command.starts + command.minutes * _MINUTE_MS)
    made = session_words.Create(
        title=title,
        starts=command.starts,
        description=command.description and fit_text("description", command.description),
        course=group.course,
        minutes=command.minutes,
        audience="listed",
        owner=context.caller.user,
        owner_name=context.caller.name[:200],
        people=tuple(group.members),
        group=id,
    )
    return Decision((planned,), reply=Scheduled(session), tells=(Tell(f"session:{session}", made),))


def enrol(group: GroupState, user: str, now: int) -> Iterable[Tell]:
    """Return the messages that let a new member into the sessions to come."""
    return tuple(Tell(f"session:{session}", session_words.Enroll((user,))) for session in upcoming(group, now))


def call_off(group: GroupState, user: str, now: int) -> Iterable[Tell]:
    """Return the messages that take a member who goes out of the sessions to come, but for those that are its own."""
    others = (session for session, meeting in upcoming(group, now).items() if meeting.by != user)
    return tuple(Tell(f"session:{session}", session_words.Expel((user,))) for session in others)


def cancel_all(group: GroupState, now: int) -> Iterable[Tell]:
    """Return the messages that end every session to come, because the group ends."""
    gone = session_words.Cancel("the study group was deleted")
    return tuple(Tell(f"session:{session}", gone) for session in upcoming(group, now))
