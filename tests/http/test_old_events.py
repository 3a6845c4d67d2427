"""The names of the sources that the activity feed understands are those of `docs/event-names.md`."""

from homeroom.http.old_events import OLD_EVENTS, our_events
from homeroom.records.types import RECORD_TYPES
from tests.docs.test_event_names import Row, mapping

DOMAINS = {record.name for record in RECORD_TYPES}


def events_of(row: Row) -> set[str]:
    """Return the events of records that stand for a name."""
    return {item[1] for item in row.here if item[0] in {"ev", "sig"} and item[1].partition(".")[0] in DOMAINS}


def test_each_name_of_the_page_means_the_event_that_stands_beside_it() -> None:
    rows = {row.name: events_of(row) for row in mapping() if row.way == "out" and events_of(row)}
    assert len(rows) > 20
    for name, events in rows.items():
        assert events == {our_events(name)}, name


def test_no_name_is_understood_that_is_not_on_the_page() -> None:
    assert OLD_EVENTS.keys() <= {row.name for row in mapping() if row.way == "out"}


def test_names_of_ours_stay_as_they_are_beside_others() -> None:
    assert our_events("entry.created,entry:statusChanged") == "entry.created,entry.status_changed"
    assert our_events("") == ""
