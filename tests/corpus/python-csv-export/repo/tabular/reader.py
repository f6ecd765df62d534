"""CSV as tables."""

from .table import Table


def records(text, separator):
    """Splits CSV into records of texts, quoted cells included."""
    record, cell, quoted, place = [], "", False, 0
    while place < len(text):
        sign = text[place]
        if quoted:
            if sign != '"':
                cell += sign
            elif text[place + 1:place + 2] == '"':
                cell += '"'
                place += 1
            else:
                quoted = False
        elif sign == '"' and not cell:
            quoted = True
        elif sign == separator:
            record.append(cell)
            cell = ""
        elif sign in "\r\n":
            if text[place:place + 2] == "\r\n":
                place += 1
            yield [*record, cell]
            record, cell = [], ""
        else:
            cell += sign
        place += 1
    if quoted:
        raise ValueError("a quoted cell does not end")
    if record or cell:
        yield [*record, cell]


def read(text, separator=","):
    """Reads CSV with a header; every cell is a text."""
    rows = records(text, separator)
    header = next(rows, None)
    if header is None:
        raise ValueError("no header")
    return Table(header, rows)
