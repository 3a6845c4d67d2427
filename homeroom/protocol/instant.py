"""Moments as people and other systems write them in the bodies of requests: ISO 8601 with an offset, where the wire has Unix milliseconds.

Which fields hold a moment is said by their types, by the mark `INSTANT`. Pure. Never here: times of a day and days, which no offset
makes a moment.
"""

from datetime import datetime
from typing import Any

from msgspec import inspect

INSTANT = {"instant": True}
"""What the type of a moment has beside its bounds (`Meta(extra=…)`)."""


def is_instant(info: inspect.Type) -> bool:
    """Tell whether a type is that of a moment, or of one that may lack; where a text may stand, that text is meant."""
    match info:
        case inspect.Metadata():
            return bool((info.extra or {}).get("instant")) or is_instant(info.type)
        case inspect.UnionType():
            return not any(isinstance(one, inspect.StrType) for one in info.types) and any(map(is_instant, info.types))
    return False


def read_time(value: Any) -> Any:
    """Return Unix ms of a time as ISO 8601 writes it; one without an offset is no moment. What is none comes back as it is."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return value if moment.tzinfo is None else round(moment.timestamp() * 1000)
