"""Which day an event belongs to."""

from datetime import datetime, time, timedelta, timezone


def zone(minutes):
    """The zone so many minutes east of Greenwich."""
    if not -14 * 60 <= minutes <= 14 * 60:
        raise ValueError("no such offset")
    return timezone(timedelta(minutes=minutes))


def day_of(event, offset=0):
    """The calendar day of an event for a reader."""
    zone(offset)
    return event.at.astimezone(timezone.utc).date()


def window(day, offset=0):
    """The first moment of a day and the first of the next."""
    start = datetime.combine(day, time(), tzinfo=timezone.utc)
    return start, start + timedelta(days=1)


def by_day(events, offset=0):
    """Groups events by day; days and events in order of time."""
    days = {}
    for event in sorted(events, key=lambda event: event.at):
        days.setdefault(day_of(event, offset), []).append(event)
    return days
