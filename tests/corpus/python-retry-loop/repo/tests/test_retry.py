import pytest

from steadfast import Permanent, Policy, Temporary, TooManyAttempts, retry
from steadfast.errors import from_status


class Flaky:
    """Fails with these errors, then answers."""

    def __init__(self, *errors):
        self.errors, self.calls = list(errors), 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_first_try():
    pauses = []
    assert retry(Flaky(), sleep=pauses.append) == "done"
    assert pauses == []


def test_pauses_double():
    pauses = []
    assert retry(Flaky(*[Temporary("x")] * 3), sleep=pauses.append) == "done"
    assert pauses == [0.5, 1.0, 2.0]


def test_pauses_have_a_limit():
    assert Policy(longest=3).pause(9) == 3
    assert Policy(longest=3).pause(1, after=60) == 3


def test_wish_of_the_other_side():
    pauses = []
    retry(Flaky(Temporary("busy", after=4)), sleep=pauses.append)
    assert pauses == [4]


def test_time_outs_of_the_system_are_repeated():
    flaky = Flaky(TimeoutError("slow"), ConnectionResetError("cut"))
    assert retry(flaky, sleep=lambda _: None) == "done"
    assert flaky.calls == 3


def test_gives_up_in_the_end():
    flaky = Flaky(*[Temporary("x")] * 99)
    with pytest.raises(TooManyAttempts) as caught:
        retry(flaky, sleep=lambda _: None)
    assert isinstance(caught.value.__cause__, Temporary)


def test_log_names_each_failure():
    lines = []
    retry(Flaky(Temporary("a"), Temporary("b")), sleep=lambda _: None, log=lines.append)
    assert lines == ["attempt 1: a", "attempt 2: b"]


def test_status():
    assert from_status(204) is None
    assert isinstance(from_status(503), Temporary)
    assert isinstance(from_status(404), Permanent)
