"""Gaps that suit everybody."""

from .calendar import working_day
from .interval import Interval, merge


def busy(calendars):
    """When somebody has something to do."""
    return merge([interval for calendar in calendars for interval in sorted(calendar.busy)])


def free(calendars, day=None, minutes=30):
    """The gaps of at least so many minutes within the day."""
    day = day or working_day()
    gaps, at = [], day.start
    for interval in busy(calendars):
        if interval.start >= day.end:
            break
        if interval.start - at >= minutes:
            gaps.append(Interval(at, interval.start))
        at = max(at, interval.end)
    if day.end - at >= minutes:
        gaps.append(Interval(at, day.end))
    return gaps


def first_free(calendars, minutes=30, day=None):
    """The first gap, cut to the wanted length, or nothing."""
    for gap in free(calendars, day, minutes):
        return Interval(gap.start, gap.start + minutes)
    return None
