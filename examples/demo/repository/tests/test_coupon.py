import unittest
from datetime import date, datetime, timedelta, timezone

from cart import Coupon, CouponExpired, CouponNotStarted
from cart.coupon import SHOP

SUMMER = Coupon("SUMMER10", 10, date(2026, 6, 1), date(2026, 6, 30))


class CouponTest(unittest.TestCase):
    def test_valid_in_between(self):
        SUMMER.check(datetime(2026, 6, 15, 12, tzinfo=SHOP))

    def test_valid_from_the_first_minute(self):
        SUMMER.check(datetime(2026, 6, 1, 0, 0, tzinfo=SHOP))

    def test_not_valid_before(self):
        with self.assertRaises(CouponNotStarted):
            SUMMER.check(datetime(2026, 5, 31, 23, 59, tzinfo=SHOP))

    def test_not_valid_afterwards(self):
        with self.assertRaises(CouponExpired):
            SUMMER.check(datetime(2026, 7, 1, 0, 0, tzinfo=SHOP))
        with self.assertRaises(CouponExpired):
            SUMMER.check(datetime(2026, 7, 1, 0, 0, 1, tzinfo=SHOP))

    def test_days_are_those_of_the_shop(self):
        with self.assertRaises(CouponNotStarted):
            SUMMER.check(datetime(2026, 5, 31, 22, 59, tzinfo=timezone.utc))
        SUMMER.check(datetime(2026, 5, 31, 23, 0, tzinfo=timezone.utc))
        SUMMER.check(datetime(2026, 6, 1, 9, 0, tzinfo=timezone(timedelta(hours=10))))

    def test_discount_is_rounded(self):
        self.assertEqual([SUMMER.discount(cents) for cents in (1000, 1005, 1004, 4)], [100, 101, 100, 0])

    def test_what_is_no_coupon(self):
        with self.assertRaises(ValueError):
            Coupon("X", 0, date(2026, 6, 1), date(2026, 6, 2))
        with self.assertRaises(ValueError):
            Coupon("X", 5, date(2026, 6, 2), date(2026, 6, 1))
