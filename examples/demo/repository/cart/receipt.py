"""Receipts as text."""

from .money import show


def receipt(basket, width=32):
    """One row a line, then the discount and the total."""
    rows = [(f"{line.count} x {line.article}", line.total) for line in basket.lines]
    if basket.coupon:
        rows.append((f"coupon {basket.coupon.code}", -basket.discount))
    rows.append(("total", basket.total))
    return "\n".join(f"{text:<{width - 10}}{show(cents):>10}" for text, cents in rows)
