from datetime import date, datetime, timezone

import pytest

from digest import Event, by_day, day_of, parse, window
from digest.days import zone


def test_utc_reader():
    assert day_of(parse("2024-03-01T23:59:00Z late")) == date(2024, 3, 1)


def test_offset_of_the_event_does_not_matter():
    assert day_of(parse("2024-03-02T01:30:00+02:00 night")) == date(2024, 3, 1)


def test_grouping_is_in_order():
    events = [parse("2024-03-02T10:00:00Z b"), parse("2024-03-01T10:00:00Z a")]
    assert [day.day for day in by_day(events)] == [1, 2]


def test_window_is_a_day():
    start, end = window(date(2024, 2, 29))
    assert start == datetime(2024, 2, 29, tzinfo=timezone.utc)
    assert (end - start).total_seconds() == 86400


def test_strange_offsets_are_refused():
    with pytest.raises(ValueError):
        zone(24 * 60)
    with pytest.raises(ValueError):
        day_of(parse("2024-03-01T23:59:00Z late"), 15 * 60)


def test_events_need_an_offset():
    with pytest.raises(ValueError):
        Event(datetime(2024, 3, 1), "x")
