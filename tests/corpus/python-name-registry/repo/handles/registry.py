"""Who has which name."""

from .name import canonical, check


class Taken(Exception):
    """Somebody has the name."""


class Registry:
    """Names and their owners; a name is shown as its owner wrote it."""

    def __init__(self):
        self.owners, self.shown = {}, {}

    def register(self, name, owner):
        problem = check(name)
        if problem:
            raise ValueError(f"{name!r}: {problem}")
        key = canonical(name)
        if self.owners.get(key, owner) != owner:
            raise Taken(name)
        self.owners[key] = owner
        self.shown[key] = name.strip()

    def owner(self, name):
        return self.owners.get(canonical(name))

    def spelling(self, name):
        return self.shown.get(canonical(name))

    def release(self, name, owner):
        key = canonical(name)
        if self.owners.get(key) != owner:
            raise PermissionError(name)
        del self.owners[key], self.shown[key]
