"""Values with a time to live."""


class Cache:
    """Keeps at most `size` values, each for `ttl` seconds; `clock` tells the time."""

    def __init__(self, clock, ttl=60, size=128):
        if size < 1:
            raise ValueError("a cache holds at least one value")
        self.clock, self.ttl, self.size = clock, ttl, size
        self.values = {}
        self.hits = self.misses = 0

    def get(self, key):
        """The value, or `LookupError`."""
        found = self.values.get(key)
        if found is None or found[0] <= self.clock():
            self.values.pop(key, None)
            self.misses += 1
            raise LookupError(key)
        self.hits += 1
        return found[1]

    def put(self, key, value):
        self.values.pop(key, None)
        while len(self.values) >= self.size:
            del self.values[next(iter(self.values))]
        self.values[key] = (self.clock() + self.ttl, value)

    def forget(self, prefix):
        """Drops every call of the function with this name."""
        gone = [key for key in self.values if key == prefix or key.startswith(prefix + ":")]
        for key in gone:
            del self.values[key]
        return len(gone)
