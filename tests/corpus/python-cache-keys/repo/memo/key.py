"""Keys of calls."""


def key_of(name, args, kwargs):
    """A text that stands for one call; the order of keyword arguments does not matter."""
    parts = [name]
    parts += [str(arg) for arg in args]
    parts += [f"{word}={kwargs[word]}" for word in sorted(kwargs)]
    return ":".join(parts)
