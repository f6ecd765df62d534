"""How often and how fast."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """At most `attempts` calls; pauses double from `first` seconds up to `longest`."""

    attempts: int = 4
    first: float = 0.5
    longest: float = 8.0

    def __post_init__(self):
        if self.attempts < 1:
            raise ValueError("at least one attempt")

    def pause(self, failures, after=None):
        """The pause after so many failures; a wish of the other side is respected, up to `longest`."""
        pause = self.first * 2 ** (failures - 1)
        if after is not None:
            pause = max(pause, after)
        return min(pause, self.longest)
