"""Bills as text."""

from .split import split_bill


def euros(cents):
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def receipt(bill):
    """One line a person, in the order of the table."""
    return "\n".join(f"{name}: {euros(cents)}" for name, cents in split_bill(bill).items())
