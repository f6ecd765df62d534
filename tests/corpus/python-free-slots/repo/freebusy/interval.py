"""Intervals of minutes: the start belongs to them, the end does not."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Interval:
    start: int
    end: int

    def __post_init__(self):
        if self.end <= self.start:
            raise ValueError(f"ends before it starts: {self.start}-{self.end}")

    @property
    def minutes(self):
        return self.end - self.start

    def __str__(self):
        return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (self.start, self.end))


def parse(text):
    """Reads `09:00-10:30`."""
    try:
        start, end = ([int(part) for part in half.split(":")] for half in text.split("-"))
        return Interval(start[0] * 60 + start[1], end[0] * 60 + end[1])
    except (IndexError, ValueError) as error:
        raise ValueError(f"no interval: {text!r}") from error


def merge(intervals):
    """The same minutes in as few intervals as possible, in order; those that touch become one."""
    merged = []
    for interval in intervals:
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, interval.end)
        else:
            merged.append(interval)
    return merged
