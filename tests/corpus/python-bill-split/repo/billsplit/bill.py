"""Bills and their lines. Amounts are whole cents."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One position of a bill; without names everybody shares it."""

    text: str
    cents: int
    people: tuple = ()


@dataclass
class Bill:
    """A bill that several people share."""

    people: list
    lines: list = field(default_factory=list)
    tip_percent: int = 0

    def add(self, text, cents, people=()):
        unknown = [name for name in people if name not in self.people]
        if unknown:
            raise ValueError(f"not at the table: {', '.join(unknown)}")
        self.lines.append(Line(text, cents, tuple(people)))
        return self

    def subtotal(self):
        return sum(line.cents for line in self.lines)

    def tip(self):
        # half a cent goes to the waiter
        return (self.subtotal() * self.tip_percent + 50) // 100

    def total(self):
        return self.subtotal() + self.tip()
