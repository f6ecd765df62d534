"""Remember what slow functions answered."""

from .cache import Cache
from .decorate import memoised
from .key import key_of

__all__ = ["Cache", "key_of", "memoised"]
