"""Tables as CSV."""

from datetime import date
from decimal import Decimal


def text_of(value):
    """A value as the text of a cell."""
    if value is None:
        return ""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def cell(value, separator):
    text = text_of(value)
    if separator in text:
        return f'"{text}"'
    return text


def write(table, separator=",", newline="\n"):
    """The table as CSV with a header; plain cells are not quoted."""
    rows = [table.columns, *table.rows]
    return "".join(separator.join(cell(value, separator) for value in row) + newline for row in rows)
