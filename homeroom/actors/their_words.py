"""What other systems put into fields that are otherwise here: one yes or no for a word, three fields for a file, texts for times.

Pure, and never a refusal: what none of this is goes on as it came, and the field's own check says what it takes. Never here: other
names for the same value (`Verb.words`), and who asks for which (the rows of the kinds).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from homeroom.engine.kind import Turned
from homeroom.protocol.instant import read_time

UNSAID_TYPE = "application/octet-stream"
"""Of a file whose kind nobody said."""
UNNAMED = "file"


def read_public(value: Any) -> Any:
    """Return the visibility that `isPublic` means."""
    return ("public" if value else "private") if isinstance(value, bool) else value


def read_file(url: Any, name: Any, size: Any) -> dict[str, Any]:
    """Return a file of its parts; without a name it has the last part of its address, without a size none is known: 0."""
    return {"url": url, "name": name or _last_part(url), "size": size or 0, "type": UNSAID_TYPE}


def _last_part(url: Any) -> str:
    path = url.partition("?")[0].partition("#")[0] if isinstance(url, str) else ""
    return path.rpartition("/")[2][:255] or UNNAMED


COURSE_WORDS: Mapping[str, str] = MappingProxyType({"courseId": "course"})
"""What others call the course that a thing belongs to."""
PUBLIC = Turned(("isPublic",), "visibility", read_public)
FILE = Turned(("fileUrl", "fileName", "fileSize"), "file", read_file)
OPENS, CLOSES = (Turned((name,), field, read_time) for name, field in (("startTime", "opens"), ("endTime", "closes")))
STARTS = tuple(Turned((name,), "starts", read_time) for name in ("scheduledAt", "startTime", "scheduledStartTime"))
ENDS = tuple(Turned((name,), "ends", read_time) for name in ("endTime", "scheduledEndTime"))
