"""Makes text harmless."""

SIGNS = (("<", "&lt;"), (">", "&gt;"))


class Safe(str):
    """Markup that is not escaped again."""


def escape(value):
    """The value as text that a page shows as it is."""
    if isinstance(value, Safe):
        return value
    text = str(value)
    for sign, entity in SIGNS:
        text = text.replace(sign, entity)
    return Safe(text)
