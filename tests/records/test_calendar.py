"""The calendar text, read back by a library that is not ours."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from icalendar import Calendar

from homeroom.records.calendar import LAYOUT, LINE_OCTETS, Slot, write_calendar

START = 1_774_253_400_000
PLAIN = Slot("a" * 26, 1, "Maths", "", START, START + 3_600_000, "scheduled", "", START - 5_000, START - 5_000)
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters='\n\t;,\\:"'), min_size=1, max_size=200
)


def when(moment: int) -> datetime:
    return datetime.fromtimestamp(moment // 1000, UTC)


def events(text: bytes) -> list[Any]:
    """Return the events of a calendar, as the library reads them."""
    return Calendar.from_ical(text).walk("VEVENT")


def slot(**different: Any) -> Slot:
    values = {name: getattr(PLAIN, name) for name in PLAIN.__struct_fields__}
    return Slot(**{**values, **different})


def test_a_slot_is_an_event_with_its_time_in_utc() -> None:
    (event,) = events(write_calendar("Timetable", [PLAIN]))
    assert (event["UID"], event["SUMMARY"], event["SEQUENCE"], event["STATUS"]) == (
        f"{'a' * 26}@homeroom",
        "Maths",
        0,
        "CONFIRMED",
    )
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (when(START), when(START + 3_600_000))
    assert (event["DTSTAMP"].dt, event["CREATED"].dt) == (when(PLAIN.updated_at), when(PLAIN.created_at))
    assert "DESCRIPTION" not in event
    assert "URL" not in event


def test_a_slot_called_off_is_cancelled_and_a_changed_one_has_a_later_sequence() -> None:
    text = write_calendar(
        "T", [slot(status="cancelled", version=3), slot(status="completed", link="https://a.example/x?y=1,2")]
    )
    called_off, done = events(text)
    assert (called_off["STATUS"], called_off["SEQUENCE"]) == ("CANCELLED", 2)
    assert (done["STATUS"], done["URL"]) == ("CONFIRMED", "https://a.example/x?y=1,2")


def test_who_is_there_and_where_stands_where_calendars_show_it() -> None:
    text = write_calendar(
        "T",
        [
            slot(description="Bring a pen", teacher="Tara, T.", student="Ann"),
            slot(teacher="Tara", group="7a", place="Room; 101"),
        ],
    )
    talk, lesson = events(text)
    assert str(talk["DESCRIPTION"]) == "Bring a pen\n\nTeacher: Tara, T.\nStudent: Ann"
    assert "LOCATION" not in talk
    assert (str(lesson["DESCRIPTION"]), str(lesson["LOCATION"])) == ("Teacher: Tara\nClass: 7a", "Room; 101")


def test_an_empty_timetable_is_a_calendar_too() -> None:
    calendar = Calendar.from_ical(write_calendar("Ann's lessons, 10a", []))
    as_it_stands = "Ann's lessons\\, 10a"  # the library knows neither name, and leaves their text alone
    assert calendar["X-WR-CALNAME"] == calendar["NAME"] == as_it_stands
    assert (calendar["METHOD"], calendar["VERSION"], calendar.walk("VEVENT")) == ("PUBLISH", "2.0", [])


@given(TEXT, TEXT, TEXT)
@example("a\\,b", "C:\\new", "\\;\\\\\nx")
def test_any_text_comes_back_as_it_was_and_no_line_is_too_long(name: str, title: str, description: str) -> None:
    text = write_calendar(name, [slot(title=title, description=description)])
    lines = text.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= LINE_OCTETS and b"\n" not in line for line in lines)
    assert all(line.decode() is not None for line in lines), "no character is cut"
    (event,) = events(text)
    assert (str(event["SUMMARY"]), str(event["DESCRIPTION"])) == (title, description)


def test_nobody_writes_lines_of_their_own_into_a_calendar() -> None:
    evil = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\nATTACH:https://evil.example\x00\x1b"
    calendar = Calendar.from_ical(write_calendar(evil, [slot(title=evil, description=evil, link="https://a\r\nX:1")]))
    (event,) = calendar.walk("VEVENT")
    assert "ATTACH" not in event
    assert "X" not in event


def test_the_same_slots_are_the_same_text_as_long_as_the_layout_is() -> None:
    slots = [
        slot(description="All, of it", link="https://a.example/x"),
        slot(id="b" * 26, status="cancelled", version=2, teacher="Tara", student="Ann", place="101"),
    ]
    text = write_calendar("Timetable", slots)
    assert {LAYOUT: sha256(text).hexdigest()[:16]} == {3: "aa4885bb21c6dc1b"}, "another text needs another LAYOUT"
