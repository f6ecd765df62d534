import pytest

from memo import Cache, key_of, memoised


class Clock:
    now = 0

    def __call__(self):
        return self.now


def counting(cache):
    calls = []

    @memoised(cache)
    def price(*args, **kwargs):
        calls.append((args, kwargs))
        return len(calls)

    return price, calls


def test_second_call_is_remembered():
    price, calls = counting(Cache(Clock()))
    assert price("apple", 2) == price("apple", 2) == 1
    assert len(calls) == 1


def test_order_of_keywords_does_not_matter():
    assert key_of("f", (), {"a": 1, "b": 2}) == key_of("f", (), {"b": 2, "a": 1})


def test_equal_lists_are_equal_calls():
    price, calls = counting(Cache(Clock()))
    assert price(["a", "b"], tags={"x": 1}) == price(["a", "b"], tags={"x": 1})
    assert len(calls) == 1


def test_keys_are_text():
    assert isinstance(key_of("f", (1, "x"), {"y": None}), str)


def test_answers_age():
    clock = Clock()
    price, calls = counting(Cache(clock, ttl=10))
    price("apple")
    clock.now = 10
    price("apple")
    assert len(calls) == 2


def test_oldest_goes_first():
    cache = Cache(Clock(), size=2)
    for key in "abc":
        cache.put(key, key)
    with pytest.raises(LookupError):
        cache.get("a")
    assert cache.get("c") == "c"


def test_forget_one_function():
    cache = Cache(Clock())
    price, calls = counting(cache)
    price("apple")
    price("pear")
    cache.put("other", 1)
    assert price.forget() == 2
    assert cache.get("other") == 1
