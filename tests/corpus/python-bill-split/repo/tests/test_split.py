import pytest

from billsplit import Bill, split_amount, split_bill


def test_even_amounts():
    assert split_amount(900, [1, 1, 1]) == [300, 300, 300]


def test_weights():
    assert split_amount(1000, [3, 1]) == [750, 250]


def test_zero_weight_pays_nothing():
    assert split_amount(500, [1, 0, 1]) == [250, 0, 250]


def test_refunds_are_negative():
    assert split_amount(-900, [2, 1]) == [-600, -300]


def test_nearest_cent():
    assert split_amount(1000, [2, 1]) == [667, 333]


def test_bad_weights():
    for weights in ([], [0, 0], [1, -1]):
        with pytest.raises(ValueError):
            split_amount(100, weights)


def test_lines_of_some():
    bill = Bill(["ann", "bob", "cem"]).add("pizza", 1200).add("wine", 800, ["ann", "bob"])
    assert split_bill(bill) == {"ann": 800, "bob": 800, "cem": 400}
