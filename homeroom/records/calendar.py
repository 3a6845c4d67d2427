"""Slots of a timetable as an iCalendar text (RFC 5545), for calendars that subscribe to it.

Each slot is an event of its own with its time in UTC, so no reader needs to know zones or to expand rules; one that was
called off stays as `CANCELLED`, and `SEQUENCE` grows with each change. Our own writer, because the library's takes a
hundred times as long for a feed; the tests read it with the library. Pure. Never here: whose slots (`feeds`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from msgspec import Struct

ICS_TYPE = "text/calendar; charset=utf-8"
LINE_OCTETS = 75
LAYOUT = 3
"""Another number whenever the same slots become another text: programs that have the text of before then read it anew."""
REFRESH = "PT15M"
"""How often a calendar is asked to come back."""

_STATUS: Mapping[str, str] = MappingProxyType({"cancelled": "CANCELLED"})
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NO_LINK = re.compile(r"[\x00-\x20\x7f]")
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


class Slot(Struct, frozen=True):
    """What a calendar shows of a schedule; times in Unix ms, what there is none of is empty.

    `teacher` and `student` are names, `group` is the title of the class, `place` its room.
    """

    id: str
    version: int
    title: str
    description: str
    start_at: int
    end_at: int
    status: str
    link: str
    created_at: int
    updated_at: int
    teacher: str = ""
    student: str = ""
    group: str = ""
    place: str = ""

    @property
    def mark(self) -> str:
        """Return what tells this state of it from any other: names and rooms change without its version."""
        return f"{self.id}.{self.version}.{'|'.join((self.teacher, self.student, self.group, self.place))}"


def write_calendar(name: str, slots: Iterable[Slot]) -> bytes:
    """Return the calendar called `name` as UTF-8 text; each line ends with CR LF and has at most 75 octets."""
    lines = [*_head(name), *(line for slot in slots for line in _event(slot)), "END:VCALENDAR"]
    return b"".join(_fold(line) for line in lines)


def _head(name: str) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Homeroom//Schedules//EN", "CALSCALE:GREGORIAN")
    yield from ("METHOD:PUBLISH", f"NAME:{_text(name)}", f"X-WR-CALNAME:{_text(name)}")
    yield from (f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}", f"X-PUBLISHED-TTL:{REFRESH}")


def _event(slot: Slot) -> Iterator[str]:
    yield from ("BEGIN:VEVENT", f"UID:{slot.id}@homeroom", f"SEQUENCE:{slot.version - 1}")
    yield from (f"DTSTAMP:{_utc(slot.updated_at)}", f"CREATED:{_utc(slot.created_at)}")
    yield f"LAST-MODIFIED:{_utc(slot.updated_at)}"
    yield from (f"DTSTART:{_utc(slot.start_at)}", f"DTEND:{_utc(slot.end_at)}")
    yield f"SUMMARY:{_text(slot.title)}"
    if said := _said(slot):
        yield f"DESCRIPTION:{_text(said)}"
    if slot.place:
        yield f"LOCATION:{_text(slot.place)}"
    if slot.link:
        yield f"URL:{_NO_LINK.sub('', slot.link)}"
    yield from (f"STATUS:{_STATUS.get(slot.status, 'CONFIRMED')}", "END:VEVENT")


def _said(slot: Slot) -> str:
    """Return the description, and who is there: calendars have no field of their own for that which all of them show."""
    there = (("Teacher", slot.teacher), ("Student", slot.student), ("Class", slot.group))
    people = "\n".join(f"{word}: {name}" for word, name in there if name)
    return "\n\n".join(filter(None, (slot.description, people)))


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    """Return a text as a value: its own signs escaped, CR and other control characters left out."""
    return _UNFIT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_ESCAPES)


def _fold(line: str) -> bytes:
    """Return a line in pieces of at most 75 octets, none of which cuts a character."""
    rest = line.encode()
    if len(rest) <= LINE_OCTETS:
        return rest + b"\r\n"
    pieces, room = [], LINE_OCTETS
    while rest:
        end = min(room, len(rest))
        while end < len(rest) and rest[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(rest[:end])
        rest, room = rest[end:], LINE_OCTETS - 1
    return b"\r\n ".join(pieces) + b"\r\n"
