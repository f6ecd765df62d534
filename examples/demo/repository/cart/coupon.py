"""Coupons: a discount that is valid from one day to another."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from .money import percent_of

# The shop's time zone, without summer time.
SHOP = timezone(timedelta(hours=1), "shop")


class CouponNotStarted(ValueError):
    """The coupon is not valid yet."""


class CouponExpired(ValueError):
    """The coupon is not valid any more."""


@dataclass(frozen=True)
class Coupon:
    """A discount in per cent, valid on every day from `first` to `last`."""

    code: str
    percent: int
    first: date
    last: date

    def __post_init__(self):
        if not 0 < self.percent <= 100:
            raise ValueError(f"{self.percent} per cent is no discount")
        if self.last < self.first:
            raise ValueError("the coupon ends before it begins")

    def check(self, now, zone=SHOP):
        """Raises the reason why the coupon is not valid at this moment."""
        if now < datetime.combine(self.first, time(), zone):
            raise CouponNotStarted(f"coupon {self.code} is valid from {self.first}")
        if now > datetime.combine(self.last, time(), zone):
            raise CouponExpired(f"coupon {self.code} expired on {self.last}")

    def discount(self, cents):
        """What it takes off an amount."""
        return percent_of(cents, self.percent)
