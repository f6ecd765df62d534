"""How many of what there are."""


class SoldOut(Exception):
    """There are not enough pieces."""


class Stock:
    """Pieces by article."""

    def __init__(self, **pieces):
        self.pieces = dict(pieces)

    def available(self, article):
        return self.pieces.get(article, 0)

    def take(self, article, count):
        self.pieces[article] = self.available(article) - count

    def put_back(self, article, count):
        self.pieces[article] = self.available(article) + count
