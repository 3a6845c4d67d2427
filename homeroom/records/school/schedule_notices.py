"""What whoever is taught is told of their slots: that there is one, that it is another than it was, that it is off.

Of a series all is told once. Never here: what parents see, who follow the slots themselves.
"""

from dataclasses import replace

from homeroom.records.notice import Notice
from homeroom.records.school.schedule_slot import Schedule

_TOLD = ("title", "start_at", "end_at", "link", "zone")
"""What is told when it changes."""
_WHO = (
    "SELECT r.student_id UNION"
    " SELECT m.user_id FROM class_memberships m WHERE m.class_id = r.class_id AND m.part = 'student'"
)


def _about(slot: Schedule) -> str:
    return slot.series_id or slot.id


def _title(slot: Schedule) -> str:
    return slot.title


def _whose(slot: Schedule) -> tuple[str | None, str | None]:
    return slot.student_id, slot.class_id


def _is_assigned(old: Schedule | None, new: Schedule | None) -> bool:
    """Tell whether a slot is somebody else's than before; one that is made with its series is told with it."""
    if new is None or new.status != "scheduled" or (old is None and new.series_id is not None):
        return False
    return old is None or _whose(old) != _whose(new)


def _is_anothers(old: Schedule, new: Schedule) -> bool:
    """Tell whether a slot is somebody else's than before: whoever had it sees it no more."""
    return _whose(old) != _whose(new)


def _is_moved(old: Schedule | None, new: Schedule | None) -> bool:
    if old is None or new is None or new.status != "scheduled" or _whose(old) != _whose(new):
        return False
    return old.status == "cancelled" or any(getattr(old, name) != getattr(new, name) for name in _TOLD)


def _is_off(old: Schedule | None, new: Schedule | None) -> bool:
    if old is None or old.status != "scheduled":
        return False
    return new is None or new.status == "cancelled"


def _notice(what: str, message: str) -> Notice:
    return Notice(
        type=f"schedule.{what}",
        to=_WHO,
        title=_title,
        message=lambda slot: message,
        data=("start_at", "end_at", "zone", "mentor_id", "series_id"),
        url="/schedules/{id}",
        about=_about,
    )


SCHEDULE_NOTICES = (
    replace(_notice("assigned", "A slot of your timetable is new"), when=_is_assigned, over=_is_anothers),
    replace(_notice("updated", "A slot of your timetable has changed"), when=_is_moved, over=_is_anothers),
    replace(_notice("cancelled", "A slot of your timetable is off"), when=_is_off, priority="high", lasting=True),
)
ASSIGNED_SERIES = _notice("assigned", "A series of slots of your timetable is new")
"""For the deed that makes a series: about its first slot."""
