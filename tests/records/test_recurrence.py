"""Recurrence rules: what they mean, across changes of the clocks, beside the library's own reading, and what is refused."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.zones import find_zone, local_time
from homeroom.records.recurrence import (
    ENDLESS_DAYS,
    OCCURRENCES_MAX,
    SPAN_DAYS,
    Meant,
    expand,
    local_difference,
    meant,
    read_rule,
    shift,
)

BERLIN = find_zone("Europe/Berlin")
HOUR, DAY = 3_600_000, 86_400_000


def ms(text: str, zone: str = "Europe/Berlin") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=find_zone(zone)).timestamp()) * 1000


def shown(moments: Sequence[int], zone: str = "Europe/Berlin") -> list[str]:
    return [local_time(moment, find_zone(zone)).isoformat(timespec="minutes") for moment in moments]


def series(rule: str, first: str, zone: str = "Europe/Berlin") -> list[str]:
    return shown(expand(read_rule(rule), ms(first, zone), find_zone(zone)), zone)


# --- what a rule means


def test_a_lesson_at_nine_stays_at_nine_over_both_changes_of_the_clocks() -> None:
    spring = series("FREQ=WEEKLY;COUNT=3", "2026-03-23 09:00")
    assert spring == ["2026-03-23T09:00+01:00", "2026-03-30T09:00+02:00", "2026-04-06T09:00+02:00"]
    autumn = series("FREQ=DAILY;COUNT=3", "2026-10-24 09:00")
    assert autumn == ["2026-10-24T09:00+02:00", "2026-10-25T09:00+01:00", "2026-10-26T09:00+01:00"]


def test_a_time_that_the_clocks_skip_is_an_hour_later_and_of_two_the_first_counts() -> None:
    assert series("FREQ=DAILY;COUNT=3", "2026-03-28 02:30") == [
        "2026-03-28T02:30+01:00", "2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00",
    ]  # fmt: skip
    assert series("FREQ=DAILY;COUNT=3", "2026-10-24 02:30")[1] == "2026-10-25T02:30+02:00"


def test_the_first_one_is_kept_to_the_millisecond_also_in_an_hour_that_comes_twice() -> None:
    second = ms("2026-10-25 02:30") + HOUR + 123
    found = expand(read_rule("FREQ=DAILY;COUNT=2"), second, BERLIN)
    assert found[0] == second
    assert shown(found) == ["2026-10-25T02:30+01:00", "2026-10-26T02:30+01:00"]
    assert found[1] % 1000 == 123


@pytest.mark.parametrize(
    ("rule", "first", "days"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4", "2026-01-05 08:00", ["01-05", "01-07", "01-12", "01-14"]),
        ("RRULE:freq=weekly;interval=2;count=3", "2026-01-05 08:00", ["01-05", "01-19", "02-02"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "2026-01-30 08:00", ["01-30", "02-27", "03-27"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", "2026-01-30 08:00", ["01-30", "02-27"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3", "2026-01-31 08:00", ["01-31", "03-31", "05-31"]),
        ("FREQ=DAILY;UNTIL=20260103", "2026-01-01 23:30", ["01-01", "01-02", "01-03"]),
        ("FREQ=DAILY;UNTIL=20260102T223000Z", "2026-01-01 23:30", ["01-01", "01-02"]),
        ("FREQ=DAILY;UNTIL=20260102T222959Z", "2026-01-01 23:30", ["01-01"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU;COUNT=3", "2026-01-04 08:00", ["01-04", "01-05", "01-18"]),
    ],
)
def test_a_rule_names_its_days(rule: str, first: str, days: list[str]) -> None:
    assert [moment[5:10] for moment in series(rule, first)] == days


def test_a_rule_without_an_end_ends_after_a_year() -> None:
    found = expand(read_rule("FREQ=DAILY"), ms("2026-01-01 08:00"), BERLIN)
    assert len(found) == ENDLESS_DAYS + 1
    assert shown(found[-1:])[0].startswith("2027-01-02")


def test_a_rule_has_one_spelling() -> None:
    assert read_rule("rrule:byday=mo;freq=weekly;").text == "FREQ=WEEKLY;BYDAY=MO"


# --- beside the library


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    in_months = draw(st.booleans())
    interval = 1 if in_months else draw(st.integers(1, 4))  # else the library may look for a day until the year 9999
    parts = [f"FREQ={frequency}", f"INTERVAL={interval}", f"COUNT={draw(st.integers(1, 40))}"]
    days = st.sets(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=4)
    if draw(st.booleans()):
        ordinals = ["1", "2", "-1", "-2"] if frequency == "MONTHLY" and draw(st.booleans()) else [""]
        ordinal = st.sampled_from(ordinals)
        parts.append("BYDAY=" + ",".join(draw(ordinal) + day for day in sorted(draw(days))))
    elif frequency != "WEEKLY" and draw(st.booleans()):
        parts.append(f"BYMONTHDAY={draw(st.sampled_from([1, 15, 28, -1, -3]))}")
    if in_months:
        parts.append("BYMONTH=" + ",".join(map(str, sorted(draw(st.sets(st.integers(1, 12), min_size=1))))))
    return ";".join(parts)


@settings(max_examples=300)
@given(rules(), st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.sampled_from(["Europe/Berlin", "UTC"]))
def test_a_series_is_what_the_library_says_on_the_clocks_of_the_zone(text: str, local: datetime, name: str) -> None:
    zone, local = find_zone(name), local.replace(microsecond=0)
    by_library = list(rrulestr(text, dtstart=local))
    if by_library:
        local = by_library[0]
    by_library = list(rrulestr(text, dtstart=local))
    first = int(local.replace(tzinfo=zone).timestamp()) * 1000
    if local_time(first, zone).replace(tzinfo=None) != local:
        return  # a time that the clocks skip can be nobody's first
    try:
        found = expand(read_rule(text), first, zone)
    except Refusal:
        assert not by_library or by_library[-1] - by_library[0] > timedelta(days=SPAN_DAYS)
        return
    assert list(found) == [int(one.replace(tzinfo=zone).astimezone(UTC).timestamp()) * 1000 for one in by_library]
    assert list(found) == sorted(set(found))


# --- what is refused


@pytest.mark.parametrize(
    "rule",
    [
        "", "COUNT=3", "FREQ=SECONDLY;COUNT=3", "FREQ=MINUTELY;COUNT=3", "FREQ=HOURLY", "FREQ=DAILY;COUNT=371",
        "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=-3", "FREQ=DAILY;COUNT=3;UNTIL=20270101", "FREQ=DAILY;COUNT=3;COUNT=4",
        "FREQ=DAILY;INTERVAL=100", "FREQ=DAILY;BYHOUR=9", "FREQ=YEARLY;BYWEEKNO=20", "FREQ=DAILY;UNTIL=20260231",
        "FREQ=DAILY;UNTIL=20260701T090000", "FREQ=WEEKLY;BYMONTHDAY=3", "FREQ=WEEKLY;BYDAY=2MO", "FREQ=WEEKLY;BYDAY=",
        "FREQ=MONTHLY;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5", "FREQ=MONTHLY;BYDAY=6MO", "FREQ=MONTHLY;BYDAY=1FR,MO", "FREQ=DAILY;WKST=XX",
        "FREQ=DAILY\nDTSTART:20200101", "FREQ=DAILY;UNTIL=\u0662\u0660260701", "DTSTART=20200101;FREQ=DAILY",
    ],
)  # fmt: skip
def test_what_is_no_rule_of_a_timetable_is_refused_by_name(rule: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_rule(rule)
    assert refused.value.code == "bad_command"
    assert refused.value.data["field"] == "series"


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("FREQ=WEEKLY;BYDAY=TU;COUNT=3", "start_at"),
        ("FREQ=MONTHLY;BYMONTHDAY=6;COUNT=3", "start_at"),
        ("FREQ=MONTHLY;BYDAY=2MO;COUNT=3", "start_at"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2;COUNT=3", "start_at"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", "start_at"),
        ("FREQ=DAILY;UNTIL=20260104", "series"),
        ("FREQ=DAILY;UNTIL=20290101", "series"),
        ("FREQ=WEEKLY;UNTIL=20360101", "series"),
        ("FREQ=YEARLY;COUNT=9", "series"),
    ],
)
def test_a_series_that_cannot_be_is_refused_before_anything_is_made(rule: str, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        expand(read_rule(rule), ms("2026-01-05 08:00"), BERLIN)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", field)


def test_no_series_has_more_than_a_year_of_days() -> None:
    until = (datetime(2026, 1, 1, 8) + timedelta(days=OCCURRENCES_MAX - 1)).strftime("%Y%m%d")
    assert len(series(f"FREQ=DAILY;UNTIL={until}", "2026-01-01 08:00")) == OCCURRENCES_MAX
    with pytest.raises(Refusal, match="more than 370"):
        series(f"FREQ=DAILY;UNTIL={until}", "2025-12-31 08:00")


# --- moving


def test_moving_by_a_day_moves_by_the_clocks_and_not_by_hours() -> None:
    moved = shift(Meant(ms("2026-03-28 09:00")), timedelta(days=1), BERLIN)
    assert shown([moved.at]) == ["2026-03-29T09:00+02:00"]
    assert local_difference(Meant(ms("2026-03-28 09:00")), moved.at, BERLIN) == timedelta(days=1)


@given(st.integers(ms("2025-01-01 00:00"), ms("2027-01-01 00:00")), st.integers(-90, 90))
def test_moving_there_and_back_is_no_move_but_in_an_hour_that_comes_twice(moment: int, days: int) -> None:
    there = shift(Meant(moment), timedelta(days=days), BERLIN)
    back = shift(there, -timedelta(days=days), BERLIN)
    assert moment - back.at in {0, HOUR}
    assert back.late == 0
    assert abs(there.at - moment - days * DAY) <= HOUR


def test_a_series_that_is_moved_into_a_skipped_hour_and_back_is_at_its_time_again() -> None:
    made = meant(expand(read_rule("FREQ=DAILY;COUNT=3"), ms("2026-03-28 01:30"), BERLIN), BERLIN)
    there = [shift(one, timedelta(hours=1), BERLIN) for one in made]
    assert shown([one.at for one in there])[1] == "2026-03-29T03:30+02:00"
    assert [one.late for one in there] == [0, HOUR, 0]
    assert [shift(one, -timedelta(hours=1), BERLIN) for one in there] == made
    skipped = expand(read_rule("FREQ=DAILY;COUNT=3"), ms("2026-03-28 02:30"), BERLIN)
    assert meant(skipped, BERLIN) == there


def test_the_skipped_time_itself_is_moved_by_what_is_meant_and_one_that_stays_by_nothing() -> None:
    late = Meant(ms("2026-03-29 03:30"), HOUR)
    assert local_difference(late, ms("2026-03-29 01:30"), BERLIN) == -timedelta(hours=1)
    assert local_difference(late, late.at, BERLIN) == timedelta()
    assert shift(late, timedelta(), BERLIN) == late
    elsewhere = Meant(ms("2026-03-30 03:30"), HOUR)
    assert shift(elsewhere, timedelta(), BERLIN) == Meant(elsewhere.at), "not later than meant, on that day"
