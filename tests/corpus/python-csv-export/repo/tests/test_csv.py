from datetime import date
from decimal import Decimal

import pytest

from tabular import Table, read, write


def test_plain_cells_are_not_quoted():
    assert write(Table(["name", "age"], [["Ann Lee", 41]])) == "name,age\nAnn Lee,41\n"


def test_comma_is_quoted():
    assert write(Table(["name"], [["Lee, Ann"]])) == 'name\n"Lee, Ann"\n'


def test_other_separator():
    assert write(Table(["a", "b"], [["x,y", "p;q"]]), ";") == 'a;b\nx,y;"p;q"\n'


def test_values():
    row = [None, True, date(2024, 2, 29), Decimal("1E+2")]
    assert write(Table(list("abcd"), [row])).splitlines()[1] == ",yes,2024-02-29,100"


def test_windows_lines():
    assert write(Table(["a"], [[1], [2]]), newline="\r\n") == "a\r\n1\r\n2\r\n"


def test_spaces_stay_unquoted():
    assert write(Table(["a"], [["  x  "]])) == "a\n  x  \n"


def test_reading_quotes():
    assert read('a,b\n"x ""y""",2\n').rows == [['x "y"', "2"]]


def test_reading_an_open_quote():
    with pytest.raises(ValueError):
        read('a\n"x')


def test_round_trip():
    table = Table(["name", "city"], [["Lee, Ann", "Rome"], ["", "Oslo"]])
    assert read(write(table)) == table
