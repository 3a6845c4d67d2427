"""What a person chose and is doing, as values: what a choice makes of it, and what others may see of it.

Rules of this file: pure functions of `Own`. Never here: whether the person is here, and what is kept when.
"""

from msgspec.structs import replace

from homeroom.actors.fitting import fit_name
from homeroom.protocol.presence import ENGAGEMENTS_MAX, Engage, Engagement, Own, SetStatus, Status

_RESET: tuple[Status, ...] = ("away", "offline")
"""Choices that end with the visit they were made in; `busy` and `dnd` outlive it."""


def choose(own: Own, command: SetStatus) -> Own:
    """Return `own` with what was chosen; `bad_command` for an activity that is no plain line."""
    if command.status is not None:
        own = replace(own, chosen="online" if command.status == "available" else command.status)
    if command.activity is not None:
        own = replace(own, activity=command.activity and fit_name("activity", command.activity))
    return own


def begin_visit(own: Own) -> Own:
    """Return `own` without a choice that ended with the last visit; who hides has not been seen to end one."""
    return replace(own, chosen="online") if own.chosen in _RESET and not own.hidden else own


def engage(own: Own, command: Engage) -> Own:
    """Return `own` with the newest engagement; one actor has one, and the oldest goes when there are too many."""
    newest = Engagement(command.by, fit_name("activity", command.activity))
    return replace(own, engaged=(*_others(own, command.by), newest)[-ENGAGEMENTS_MAX:])


def disengage(own: Own, by: str) -> Own:
    """Return `own` without the engagement by an actor."""
    return replace(own, engaged=_others(own, by))


def doing(own: Own) -> str:
    """Return the activity of the newest engagement, empty for none."""
    return own.engaged[-1].activity if own.engaged else ""


def shown_activity(own: Own) -> str:
    """Return what others may see that the person does."""
    return "" if own.discreet else doing(own) or own.activity


def without_ended(kept: Own, own: Own) -> Own:
    """Return what was kept without the engagements by actors that have none in `own`: they must not stand again for ever."""
    lasting = {one.by for one in own.engaged}
    left = tuple(one for one in kept.engaged if one.by in lasting)
    return kept if left == kept.engaged else replace(kept, engaged=left)


def _others(own: Own, by: str) -> tuple[Engagement, ...]:
    return tuple(one for one in own.engaged if one.by != by)
