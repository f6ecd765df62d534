"""Payments take time."""

import asyncio


class Declined(Exception):
    """The card was refused."""


class Terminal:
    """Charges cards; each charge takes some turns of the event loop."""

    def __init__(self, turns=1, declined=()):
        self.turns, self.declined, self.charged = turns, set(declined), []

    async def charge(self, customer, cents):
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if customer in self.declined:
            raise Declined(customer)
        self.charged.append((customer, cents))
