"""When does everybody have time?"""

from .calendar import Calendar
from .interval import Interval, merge
from .search import free, first_free

__all__ = ["Calendar", "Interval", "first_free", "free", "merge"]
