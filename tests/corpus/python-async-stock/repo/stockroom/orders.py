"""Orders: from the check to the receipt."""

from .stock import SoldOut


class Orders:
    """Takes orders; an order is a customer, an article and a count."""

    def __init__(self, stock, terminal, prices):
        self.stock, self.terminal, self.prices = stock, terminal, prices
        self.done = []

    async def place(self, customer, article, count=1):
        """Charges and hands out; gives the number of the order.

        Raises `SoldOut` before anything is charged, and `Declined` with the stock as it was.
        """
        if count < 1:
            raise ValueError("nothing ordered")
        if self.stock.available(article) < count:
            raise SoldOut(article)
        await self.terminal.charge(customer, self.prices[article] * count)
        self.stock.take(article, count)
        self.done.append((customer, article, count))
        return len(self.done)

    def revenue(self):
        return sum(self.prices[article] * count for _, article, count in self.done)
