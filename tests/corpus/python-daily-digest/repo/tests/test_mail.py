from datetime import date

from digest import parse, write
from digest.mail import overview

EVENTS = [parse("2024-03-01T12:00:00Z lunch"), parse("2024-03-01T09:30:00Z stand-up")]


def test_mail_is_sorted():
    assert write(EVENTS, date(2024, 3, 1)) == "Your Friday, 1 March\n\n09:30 stand-up\n12:00 lunch"


def test_clock_of_the_reader():
    assert "14:00 lunch" in write(EVENTS, date(2024, 3, 1), 120)


def test_nothing_happened():
    assert write(EVENTS, date(2024, 3, 5)) == ""


def test_overview():
    assert overview(EVENTS) == ["2024-03-01 2"]
