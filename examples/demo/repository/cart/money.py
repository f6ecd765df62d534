"""Amounts are whole cents."""


def percent_of(cents, percent):
    """So many per cent of an amount; half a cent is rounded up."""
    return (cents * percent + 50) // 100


def show(cents):
    """An amount as people write it."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"
