"""The digest as a mail."""

from .days import by_day, window, zone


def subject(day):
    return f"Your {day:%A}, {day.day} {day:%B}"


def write(events, day, offset=0):
    """The mail for one day; empty when nothing happened."""
    start, end = window(day, offset)
    chosen = [event for event in events if start <= event.at < end]
    if not chosen:
        return ""
    lines = [subject(day), ""]
    for event in sorted(chosen, key=lambda event: event.at):
        lines.append(f"{event.at.astimezone(zone(offset)):%H:%M} {event.text}")
    return "\n".join(lines)


def overview(events, offset=0):
    """One line a day with the number of events."""
    return [f"{day.isoformat()} {len(found)}" for day, found in by_day(events, offset).items()]
