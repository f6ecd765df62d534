"""Daily digests."""

from .days import by_day, day_of, window
from .event import Event, parse
from .mail import subject, write

__all__ = ["Event", "by_day", "day_of", "parse", "subject", "window", "write"]
