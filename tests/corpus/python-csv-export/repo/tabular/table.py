"""A table: names of columns and rows of values."""


class Table:
    """Rows with the same columns."""

    def __init__(self, columns, rows=()):
        if len(set(columns)) != len(columns):
            raise ValueError("a column comes twice")
        self.columns, self.rows = list(columns), []
        for row in rows:
            self.add(*row)

    def add(self, *values):
        if len(values) != len(self.columns):
            raise ValueError(f"{len(values)} values for {len(self.columns)} columns")
        self.rows.append(list(values))
        return self

    def column(self, name):
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def __eq__(self, other):
        return isinstance(other, Table) and (self.columns, self.rows) == (other.columns, other.rows)
