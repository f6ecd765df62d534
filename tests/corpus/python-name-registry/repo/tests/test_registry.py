import pytest

from handles import Registry, Taken, check
from handles.mention import mentioned


def test_case_does_not_matter():
    registry = Registry()
    registry.register("Anna", 1)
    with pytest.raises(Taken):
        registry.register("aNNA", 2)


def test_spelling_of_the_owner_is_kept():
    registry = Registry()
    registry.register("  McCoy ", 1)
    assert registry.spelling("mccoy") == "McCoy"


def test_accents_make_a_difference():
    registry = Registry()
    registry.register("rene", 1)
    registry.register("ren\u00e9", 2)
    assert (registry.owner("rene"), registry.owner("REN\u00c9")) == (1, 2)


def test_owner_may_change_the_case():
    registry = Registry()
    registry.register("anna", 1)
    registry.register("Anna", 1)
    assert registry.spelling("anna") == "Anna"


def test_release():
    registry = Registry()
    registry.register("anna", 1)
    with pytest.raises(PermissionError):
        registry.release("anna", 2)
    registry.release("ANNA", 1)
    assert registry.owner("anna") is None


@pytest.mark.parametrize("name, problem", [
    ("al", "too short"), ("x" * 25, "too long"), ("a b c", "has a space"), ("a/b/c", "has a sign that is no letter"),
    ("Admin", "reserved"), ("anna-1", None), ("\u00c5sa_2", None),
])
def test_check(name, problem):
    assert check(name) == problem


def test_mentions():
    registry = Registry()
    registry.register("Anna", 1)
    registry.register("bob", 2)
    assert mentioned("@bob, ask @anna or @BOB.", registry) == [2, 1]
