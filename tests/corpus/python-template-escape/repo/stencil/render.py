"""Fills templates."""

import re

from .escape import escape
from .filters import FILTERS

TAG = re.compile(r"\{\{\s*(.+?)\s*\}\}|\{%\s*(.+?)\s*%\}")


class TemplateError(ValueError):
    """The template is wrong."""


def value_of(path, data):
    for step in path.split("."):
        if isinstance(data, dict):
            data = data.get(step)
        else:
            data = getattr(data, step, None)
    return data


def shown(expression, data):
    name, *filters = [part.strip() for part in expression.split("|")]
    value = value_of(name, data)
    for word in filters:
        if word not in FILTERS:
            raise TemplateError(f"no filter {word!r}")
        value = FILTERS[word](value)
    return escape("" if value is None else value)


def render(template, **data):
    """Fills `{{ name }}` and keeps `{% if name %}…{% end %}` when the name is true."""
    out, at, kept = [], 0, [True]
    for tag in TAG.finditer(template):
        if kept[-1]:
            out.append(template[at:tag.start()])
        at = tag.end()
        expression, command = tag.groups()
        if expression is not None:
            if kept[-1]:
                out.append(shown(expression, data))
        elif command.startswith("if "):
            kept.append(kept[-1] and bool(value_of(command[3:].strip(), data)))
        elif command == "end" and len(kept) > 1:
            kept.pop()
        else:
            raise TemplateError(f"not understood: {command!r}")
    if len(kept) > 1:
        raise TemplateError("an if does not end")
    return "".join(out) + template[at:]
