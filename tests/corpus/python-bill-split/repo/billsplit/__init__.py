"""Split bills fairly."""

from .bill import Bill, Line
from .split import split_amount, split_bill

__all__ = ["Bill", "Line", "split_amount", "split_bill"]
