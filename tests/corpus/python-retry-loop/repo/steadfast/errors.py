"""What may go wrong with a call."""


class Temporary(Exception):
    """Trying again may help; `after` is how long the other side wants to be left alone."""

    def __init__(self, message, after=None):
        super().__init__(message)
        self.after = after


class Permanent(Exception):
    """Trying again does not help."""


class TooManyAttempts(Exception):
    """Every attempt failed; the last error is its cause."""

    def __init__(self, attempts):
        super().__init__(f"gave up after {attempts} attempts")
        self.attempts = attempts


def from_status(status):
    """The error for a status of HTTP, or nothing."""
    if status < 400:
        return None
    if status in (408, 425, 429) or status >= 500:
        return Temporary(f"status {status}")
    return Permanent(f"status {status}")
