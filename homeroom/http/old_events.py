"""The names that the sources have for events of records, and ours: what `type=` of the activity feed understands.

The page `docs/event-names.md` has the same rows. Never here: names of verbs and streams, which nobody asks the feed for.
"""

from collections.abc import Mapping
from types import MappingProxyType

OLD_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "student:registered": "student.registered",
        "entry:created": "entry.created",
        "entry:statusChanged": "entry.status_changed",
        "comment:added": "comment.added",
        "task:assigned": "task.assigned",
        "schedule:created": "schedule.created",
        "schedule:assigned": "schedule.assigned",
        "schedule:updated": "schedule.updated",
        "application.statusChanged": "application.status_changed",
        "upload.progress": "upload.progressed",
    }
)
"""Source name → the event that stands for it."""


def our_events(names: str) -> str:
    """Return names of events, joined by commas, with those of the sources in our words; any other stays as it is."""
    return ",".join(OLD_EVENTS.get(name, name) for name in names.split(","))
