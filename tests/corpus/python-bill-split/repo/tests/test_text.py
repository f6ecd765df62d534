from billsplit import Bill
from billsplit.text import euros, receipt


def test_euros():
    assert [euros(5), euros(1234), euros(-250)] == ["0.05", "12.34", "-2.50"]


def test_receipt_keeps_the_order_of_the_table():
    bill = Bill(["zoe", "ann"], tip_percent=10).add("lunch", 2000)
    assert receipt(bill) == "zoe: 11.00\nann: 11.00"
