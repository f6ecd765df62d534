"""What a name may look like, and when two are the same."""

SHORTEST, LONGEST = 3, 24
RESERVED = frozenset({"admin", "root", "support"})


def canonical(name):
    """The form in which names are compared."""
    return name.strip().lower()


def check(name):
    """Returns why a name cannot be had, or nothing."""
    form = canonical(name)
    if len(form) < SHORTEST:
        return "too short"
    if len(form) > LONGEST:
        return "too long"
    if any(sign.isspace() for sign in form):
        return "has a space"
    if not all(sign.isalnum() or sign in "-_." or ord(sign) > 127 for sign in form):
        return "has a sign that is no letter"
    if form in RESERVED:
        return "reserved"
    return None
