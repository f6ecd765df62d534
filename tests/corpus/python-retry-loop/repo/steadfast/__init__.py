"""Try again, but not for ever."""

from .errors import Permanent, Temporary, TooManyAttempts
from .policy import Policy
from .retry import retry

__all__ = ["Permanent", "Policy", "Temporary", "TooManyAttempts", "retry"]
