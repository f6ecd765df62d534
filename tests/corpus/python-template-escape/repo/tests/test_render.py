import pytest

from stencil import Safe, escape, render


def test_names_and_paths():
    assert render("Hi {{ user.name }}!", user={"name": "Ann"}) == "Hi Ann!"


def test_missing_is_empty():
    assert render("[{{ nothing }}]") == "[]"


def test_tags_are_escaped():
    assert render("{{ x }}", x="<b>") == "&lt;b&gt;"


def test_safe_stays():
    assert render("{{ x }}", x=Safe("<b>&amp;</b>")) == "<b>&amp;</b>"
    assert render("{{ x | raw }}", x="<hr>") == "<hr>"


def test_escaping_twice_is_escaping_once():
    once = escape("a < b")
    assert escape(once) == once


def test_filters():
    assert render("{{ x | trim | upper }}", x=" ab ") == "AB"
    assert render("{{ x | default }}", x="") == "-"
    assert render("{{ x | lines }}", x="a\n<b>") == "a<br>&lt;b&gt;"


def test_numbers():
    assert render("{{ n }}", n=3) == "3"


def test_conditions():
    template = "{% if a %}A{% if b %}B{% end %}{% end %}C"
    assert render(template, a=1, b=0) == "AC"
    assert render(template, a=0, b=1) == "C"


def test_template_itself_is_not_escaped():
    assert render("<p title=\"x\">{{ n }}</p>", n="it is") == "<p title=\"x\">it is</p>"


@pytest.mark.parametrize("template", ["{% if a %}", "{% end %}", "{% loop %}", "{{ a | nothing }}"])
def test_faults(template):
    with pytest.raises(ValueError):
        render(template)
