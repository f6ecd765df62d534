"""Small tables."""

from .reader import read
from .table import Table
from .writer import write

__all__ = ["Table", "read", "write"]
