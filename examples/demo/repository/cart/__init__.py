"""The shopping cart of a small shop."""

from .basket import Basket, Line
from .coupon import Coupon, CouponExpired, CouponNotStarted
from .receipt import receipt

__all__ = ["Basket", "Coupon", "CouponExpired", "CouponNotStarted", "Line", "receipt"]
