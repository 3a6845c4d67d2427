"""Rich texts of rows to be are sanitised, once the caller's right to write them was asked: the light ones at once, the others in a thread.

One thread for all: a person has few units under way at a time (`turns`), and so few texts in front of anybody else's.
Never here: what is allowed in a text (`rich_text`).
"""

from collections.abc import Collection, Sequence

import trio

from homeroom.records.columns import Row
from homeroom.records.declare import RecordType
from homeroom.records.intake import misfit, refitted
from homeroom.records.rich_text import TAGS_MOST, has_too_many_tags, is_light, is_marked, sanitise


class Sanitiser:
    """Sanitises the rich texts of rows. One serves a whole store."""

    def __init__(self) -> None:
        self._thread = trio.CapacityLimiter(1)

    async def sanitised(self, type: RecordType, row: Row, names: Collection[str]) -> Row:
        """Return `row` with its texts `names` sanitised; raises `bad_command` that names one that is out of bounds, as it is then."""
        clean = {name: await self._clean(name, text) for name, text in marked(row, names).items()}
        return refitted(type, row, clean) if clean else row

    async def _clean(self, name: str, text: str) -> str:
        if has_too_many_tags(text):
            raise misfit(name, "too many tags", f"a text with at most {TAGS_MOST} of <")
        if is_light(text):
            return sanitise(text)
        return await trio.to_thread.run_sync(sanitise, text, limiter=self._thread)


def marked(row: Row, names: Collection[str]) -> dict[str, str]:
    """Return those texts of a row that sanitising could change."""
    texts = {name: getattr(row, name) for name in names}
    return {name: text for name, text in texts.items() if text and is_marked(text)}


def any_marked(type: RecordType, rows: Sequence[Row]) -> bool:
    """Tell whether any rich text of `rows` is to be sanitised."""
    return bool(type.rich) and any(marked(row, type.rich) for row in rows)
