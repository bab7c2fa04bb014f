"""What can be said of an expression's text without evaluating it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mappings.engine.cel import text as celtext
from mappings.engine.cel.text import Operand


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("event.type == source", {"event", "source"}),
        ('a.?b.orValue("c")', {"a"}),
        ('"x" + y // z', {"y"}),
        ("'it''s' + x", {"x"}),
        (r'r"\" + x', {"x"}),
        ('"""a " b""" + x', {"x"}),
        ('"\\"q" + x', {"x"}),
        ("has(a.b) && true", {"has", "a"}),
        ("x in [1, null]", {"x"}),
        ("a.`b-c`", {"a"}),
        ("{'k': v}[w]", {"v", "w"}),
        ("1.5e3 + 0x1Fu + n", {"n"}),
        ('"never closed', set()),
        ("", set()),
    ],
)
def test_names_of_variables_and_functions(expression: str, found: set[str]) -> None:
    assert celtext.names(expression) == found


def test_members_of_a_variable_with_their_places() -> None:
    text = 'vars.a + x.vars.b + vars.?c + "vars.d" + vars.e.f'
    assert [(name, text[at:].startswith(name)) for name, at in celtext.members(text, "vars")] == [
        ("a", True),
        ("e", True),
    ]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('lookup("a", x) + lookup(\'b\', y, "d")', ["a", "b"]),
        ("lookup(t, x)", []),
        ('lookup("a" + t, x)', []),
        ('x.lookup("a", y)', []),
        ('lookup("a\\"b", x)', []),
        ('"lookup(\\"a\\", x)"', []),
    ],
)
def test_tables_written_out(expression: str, found: list[str]) -> None:
    assert [name for name, _ in celtext.literal_arguments(expression, "lookup")] == found


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("${{ a }}", " a "),
        ('${{ {"a": {"b": 1}}["a"].b }}', ' {"a": {"b": 1}}["a"].b '),
        ('${{ "}}" + x }} }}', ' "}}" + x '),
        ("${{ a", None),
        ("${{ [a }}", None),
        ('${{ "a }}', None),
    ],
)
def test_where_an_expression_in_a_text_ends(text: str, inner: str | None) -> None:
    end = celtext.end_of_expression(text, 3)
    assert (None if end is None else text[3:end]) == inner


def shape(operand: Operand) -> object:
    return (operand.sign, *map(shape, operand.parts)) if operand.parts else operand.text


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("a", "a"),
        ("a && b && c", ("&&", "a", "b", "c")),
        ("a || b && c", ("||", "a", ("&&", "b", "c"))),
        ("(a || b) && c", ("&&", ("||", "a", "b"), "c")),
        ("((a))", "a"),
        ("(a) + (b)", "(a) + (b)"),
        ("a == 1 && b in [1, 2]", ("&&", ("==", "a", "1"), ("in", "b", "[1, 2]"))),
        ("!(a != b)", ("!", ("!=", "a", "b"))),
        ("f(a && b) || c", ("||", "f(a && b)", "c")),
        ("l.exists(e, e == 1 && x)", ("exists", "l", ("&&", ("==", "e", "1"), "x"))),
        ("a.b.all(e, f(e, 1))", ("all", "a.b", "f(e, 1)")),
        ("l.map(e, e == 1)", "l.map(e, e == 1)"),
        ("l.exists(e, e).x", "l.exists(e, e).x"),
        ("exists(e, e)", "exists(e, e)"),
        ("a ? b && c : d", "a ? b && c : d"),
        ("(a ? b : c) == d", ("==", "a ? b : c", "d")),
        ('a.?b.orValue("") == "&& x"', ("==", 'a.?b.orValue("")', '"&& x"')),
        ("a == b == c", "a == b == c"),
        ("a <= 5", ("<=", "a", "5")),
        ("", ""),
        (")(", ")("),
    ],
)
def test_conditions_are_taken_apart(expression: str, found: object) -> None:
    assert shape(celtext.operands(expression)) == found


@given(st.text("ab.?!&|=<>()[]{}\"'`\\ \n/,:1$", max_size=40))
def test_no_text_makes_them_raise(text: str) -> None:
    celtext.operands(text)
    celtext.names(text)
    celtext.end_of_expression(text, 0)
    list(celtext.members(text, "a"))
    list(celtext.literal_arguments(text, "b"))
    assert (
        "".join(t.text for t in celtext.tokens(text)).replace(" ", "")
        in text.replace(" ", "").replace("\n", "")
        or "//" in text
        or "\n" in text
    )
