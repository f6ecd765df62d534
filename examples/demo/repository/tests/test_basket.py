import unittest
from datetime import date, datetime

from cart import Basket, Coupon, CouponExpired, receipt
from cart.coupon import SHOP

SPRING = Coupon("SPRING20", 20, date(2026, 3, 1), date(2026, 4, 15))


class BasketTest(unittest.TestCase):
    def basket(self):
        return Basket().add("tea", 450, 2).add("mug", 1295)

    def test_totals(self):
        basket = self.basket()
        self.assertEqual((basket.subtotal, basket.discount, basket.total), (2195, 0, 2195))

    def test_coupon_is_taken_off(self):
        basket = self.basket().redeem(SPRING, datetime(2026, 3, 20, 18, tzinfo=SHOP))
        self.assertEqual((basket.discount, basket.total), (439, 1756))

    def test_a_refused_coupon_changes_nothing(self):
        basket = self.basket()
        with self.assertRaises(CouponExpired):
            basket.redeem(SPRING, datetime(2026, 5, 1, tzinfo=SHOP))
        self.assertEqual(basket.total, 2195)

    def test_nothing_to_add(self):
        with self.assertRaises(ValueError):
            Basket().add("tea", 450, 0)

    def test_receipt(self):
        basket = self.basket().redeem(SPRING, datetime(2026, 3, 20, 18, tzinfo=SHOP))
        self.assertEqual(
            receipt(basket).split("\n"),
            [
                "2 x tea                     9.00",
                "1 x mug                    12.95",
                "coupon SPRING20            -4.39",
                "total                      17.56",
            ],
        )
