"""Filters: `{{ name | upper }}`."""

from .escape import Safe, escape


def lines(value):
    """Line breaks as `<br>`."""
    return Safe("<br>".join(escape(line) for line in str(value).splitlines()))


def default(value, text="-"):
    return text if value in (None, "") else value


FILTERS = {
    "upper": lambda value: str(value).upper(),
    "trim": lambda value: str(value).strip(),
    "lines": lines,
    "raw": lambda value: Safe(value),
    "default": default,
}
