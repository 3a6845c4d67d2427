"""Sessions that a study group plans: each is a session actor of its own, owned by who planned it, listed in the group while it is to come.

The group enrols whoever joins it later, and takes whoever goes out of them again; what a member planned who goes belongs to an admin
from then on. Its admins call off any of them, and with the group its sessions end: all that may still be live, as none of this asks how
far a session has come.
Never here: what happens in a session (`session`).
"""

from collections.abc import Iterable

from homeroom.actors.fitting import fit_name, fit_text
from homeroom.engine.behaviour import Context, Decision, Refusal, Tell
from homeroom.protocol import session_words
from homeroom.protocol.group import SESSIONS_MAX, CallOff, Schedule, Scheduled, SessionCalledOff, SessionScheduled
from homeroom.protocol.group_state import GroupState, heir_of, unfinished, upcoming

AHEAD_MS = 366 * 86_400_000
"""So far ahead a session may be planned."""
KEPT_MAX = 5 * SESSIONS_MAX
"""Sessions that one group keeps in mind at a time, those included that should be over."""
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
    if len(unfinished(group, context.now)) >= KEPT_MAX:
        raise Refusal("full", f"{KEPT_MAX} sessions in so short a time")
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


def take_out(group: GroupState, user: str, now: int) -> Iterable[Tell]:
    """Return the messages that take a member who goes out of the sessions, and give its own to an admin."""
    heir = heir_of(group, user)
    name = group.members[heir].name if heir else ""
    hand_over = session_words.HandOver(heir, name) if heir else None
    out = session_words.Expel((user,))
    kept = unfinished(group, now).items()
    told = ((session, hand_over if meeting.by == user else out) for session, meeting in kept)
    return tuple(Tell(f"session:{session}", command) for session, command in told if command is not None)


def call_off(group: GroupState, command: CallOff, context: Context) -> Decision:
    """`not_found` for what is no session of the group that may still be live; one that has ended already stays as it was."""
    if command.session not in unfinished(group, context.now):
        raise Refusal("not_found", "no such session of this group")
    reason = command.reason and fit_name("reason", command.reason)
    gone = Tell(f"session:{command.session}", session_words.Cancel(reason))
    return Decision((SessionCalledOff(command.session),), tells=(gone,))


def cancel_all(group: GroupState, now: int) -> Iterable[Tell]:
    """Return the messages that end every session, because the group ends."""
    gone = session_words.Cancel("the study group was deleted")
    return tuple(Tell(f"session:{session}", gone) for session in unfinished(group, now))
