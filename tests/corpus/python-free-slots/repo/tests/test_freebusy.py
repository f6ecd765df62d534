import pytest

from freebusy import Calendar, Interval, first_free, free, merge
from freebusy.interval import parse


def times(intervals):
    return [str(interval) for interval in intervals]


def test_parse():
    assert str(parse("09:05-10:00")) == "09:05-10:00"
    for text in ("9", "10:00-09:00", "a-b", ""):
        with pytest.raises(ValueError):
            parse(text)


def test_overlap_is_merged():
    assert merge([Interval(0, 10), Interval(5, 20)]) == [Interval(0, 20)]


def test_touching_is_merged():
    assert merge([Interval(0, 10), Interval(10, 20)]) == [Interval(0, 20)]


def test_apart_stays_apart():
    assert merge([Interval(0, 10), Interval(11, 20)]) == [Interval(0, 10), Interval(11, 20)]


def test_merge_leaves_its_argument_alone():
    given = [Interval(0, 10), Interval(5, 20)]
    merge(given)
    assert given == [Interval(0, 10), Interval(5, 20)]


def test_gaps_of_a_day():
    ann = Calendar("ann", "09:00-10:00", "12:00-13:00")
    assert times(free([ann])) == ["10:00-12:00", "13:00-17:00"]


def test_short_gaps_are_left_out():
    ann = Calendar("ann", "09:00-10:00", "10:15-16:50")
    assert times(free([ann])) == []
    assert times(free([ann], minutes=15)) == ["10:00-10:15"]


def test_outside_of_the_day():
    ann = Calendar("ann", "07:00-08:00", "18:00-19:00")
    assert times(free([ann])) == ["09:00-17:00"]


def test_first_free():
    assert str(first_free([Calendar("ann", "09:00-09:30")], 45)) == "09:30-10:15"
    assert first_free([Calendar("ann", "09:00-17:00")]) is None


def test_load_counts_what_is_booked_twice():
    assert Calendar("ann", "09:00-10:00", "09:30-10:30").load() == 120


def test_appointments_stay_in_booking_order():
    ann = Calendar("ann", "12:00-13:00", "09:00-10:00")
    free([ann])
    assert times(ann.busy) == ["12:00-13:00", "09:00-10:00"]
