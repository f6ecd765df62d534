"""User names."""

from .name import canonical, check
from .registry import Registry, Taken

__all__ = ["Registry", "Taken", "canonical", "check"]
