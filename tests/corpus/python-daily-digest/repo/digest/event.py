"""What happened, and when."""

from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class Event:
    """Something that happened; `at` knows its offset."""

    at: datetime
    text: str

    def __post_init__(self):
        if self.at.tzinfo is None:
            raise ValueError("the time of an event needs an offset")


def parse(line):
    """Reads `2024-03-01T22:15:00+02:00 deployed web`; `Z` means UTC."""
    stamp, _, text = line.strip().partition(" ")
    if not text:
        raise ValueError(f"no text: {line!r}")
    at = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return Event(at, text)
