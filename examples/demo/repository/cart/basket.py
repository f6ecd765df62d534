"""What somebody wants to buy."""

from dataclasses import dataclass, field
from typing import Optional

from .coupon import Coupon


@dataclass(frozen=True)
class Line:
    """So many pieces of an article."""

    article: str
    cents: int
    count: int = 1

    @property
    def total(self):
        return self.cents * self.count


@dataclass
class Basket:
    """Lines and at most one coupon."""

    lines: list = field(default_factory=list)
    coupon: Optional[Coupon] = None

    def add(self, article, cents, count=1):
        if count < 1:
            raise ValueError("nothing to add")
        self.lines.append(Line(article, cents, count))
        return self

    def redeem(self, coupon, now):
        """Takes a coupon, instead of an earlier one; raises why it is not valid."""
        coupon.check(now)
        self.coupon = coupon
        return self

    @property
    def subtotal(self):
        return sum(line.total for line in self.lines)

    @property
    def discount(self):
        return self.coupon.discount(self.subtotal) if self.coupon else 0

    @property
    def total(self):
        return self.subtotal - self.discount
