import asyncio

import pytest

from stockroom import Declined, Orders, SoldOut, Stock, Terminal


def shop(turns=1, declined=(), **pieces):
    return Orders(Stock(**pieces), Terminal(turns, declined), {"lamp": 1500, "chair": 4900})


def test_an_order():
    orders = shop(lamp=3)
    assert asyncio.run(orders.place("ann", "lamp", 2)) == 1
    assert orders.stock.available("lamp") == 1
    assert orders.terminal.charged == [("ann", 3000)]
    assert orders.revenue() == 3000


def test_sold_out_is_not_charged():
    orders = shop(lamp=1)
    with pytest.raises(SoldOut):
        asyncio.run(orders.place("ann", "lamp", 2))
    assert orders.terminal.charged == []
    assert orders.stock.available("lamp") == 1


def test_declined_leaves_the_stock():
    orders = shop(declined=["ann"], lamp=1)
    with pytest.raises(Declined):
        asyncio.run(orders.place("ann", "lamp"))
    assert orders.stock.available("lamp") == 1
    assert orders.done == []


def test_unknown_article():
    with pytest.raises(SoldOut):
        asyncio.run(shop().place("ann", "table"))


def test_nothing_ordered():
    with pytest.raises(ValueError):
        asyncio.run(shop(lamp=1).place("ann", "lamp", 0))


def test_other_articles_do_not_wait():
    orders = shop(turns=5, lamp=1, chair=1)

    async def both():
        slow = asyncio.create_task(orders.place("ann", "lamp"))
        await asyncio.sleep(0)
        orders.terminal.turns = 1
        await orders.place("bob", "chair")
        assert not slow.done()
        await slow

    asyncio.run(both())
    assert orders.done == [("bob", "chair", 1), ("ann", "lamp", 1)]


def test_enough_for_both():
    orders = shop(lamp=2)

    async def both():
        return await asyncio.gather(orders.place("ann", "lamp"), orders.place("bob", "lamp"))

    assert asyncio.run(both()) == [1, 2]
    assert orders.stock.available("lamp") == 0
