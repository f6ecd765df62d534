"""The decorator."""

import functools

from .key import key_of


def memoised(cache):
    """Calls the function only when the cache does not know the answer."""

    def wrap(function):
        name = function.__qualname__

        @functools.wraps(function)
        def call(*args, **kwargs):
            key = key_of(name, args, kwargs)
            try:
                return cache.get(key)
            except LookupError:
                value = function(*args, **kwargs)
                cache.put(key, value)
                return value

        call.forget = lambda: cache.forget(name)
        return call

    return wrap
