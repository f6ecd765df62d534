"""Tiny templates."""

from .escape import Safe, escape
from .render import render

__all__ = ["Safe", "escape", "render"]
