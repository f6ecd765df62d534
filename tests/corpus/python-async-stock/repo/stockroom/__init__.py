"""Goods and orders."""

from .orders import Orders
from .payment import Declined, Terminal
from .stock import SoldOut, Stock

__all__ = ["Declined", "Orders", "SoldOut", "Stock", "Terminal"]
