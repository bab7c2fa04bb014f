"""Arithmetic that loses cents is refused under `value` at load, wherever it hides."""

from __future__ import annotations

import pytest

from mappings.engine.reasons import Reason
from tests.mappings.kit import delivery, good, loaded, mapped, only_failure, only_outcome, rule

LETS = "let:\n  sub: event.sub\n  half: event.amount / 2\n  halved: half\n  unused: event.q / 3\n"
DIVIDED = "12050 / 100 is 120"
CUT = "int() cuts off"

LOSING = {
    "of a member": ("sub.mrr / 100", DIVIDED),
    "of two members": ("event.a / event.b", DIVIDED),
    "of whole numbers": ("1 / 3", DIVIDED),
    "then multiplied": ("event.amount / 100 * 3", DIVIDED),
    "the remainder": ("event.amount % 100", DIVIDED),
    "as text": ("string(event.amount / 100)", DIVIDED),
    "as a floating number, too late": ("double(event.amount / 100)", DIVIDED),
    "in one branch": ("event.x ? event.amount / 100 : 5", DIVIDED),
    "in a let": ("half", "(in `let` half)"),
    "in a let of a let": ("halved * 2", "(in `let` half)"),
    "in a loop": ("event.rows.map(r, r.amount / 100)[0]", DIVIDED),
    "of a loop's items": ("[event.amount / 2].map(x, x)[0]", DIVIDED),
    "of an optional": ("event.?amount.orValue(0) / 100", DIVIDED),
    "inside minor": ("minor(event.amount / 10, 'USD')", DIVIDED),
    "negated": ("-(event.amount / 100)", DIVIDED),
    "of int": ("int(event.amount) / 100", DIVIDED),
    "cut off": ("int(event.amount)", CUT),
    "cut off of a floating number": ("int(12.5)", CUT),
    "cut off and made text": ("string(int(event.amount)) + '.00'", CUT),
    "cut off without a sign": ("uint(event.amount)", CUT),
}
KEEPING = {
    "as it is": "event.amount",
    "a text": "event.amount.replace(',', '')",
    "minor": "minor(event.amount, 'USD')",
    "minor of int": "minor(int(event.amount), 'USD')",
    "floating numbers": "double(event.amount) / 100.0",
    "a member and a floating number": "event.amount / 100.0",
    "multiplied": "event.amount * 2",
    "int of text": "int(event.amount.replace(',', ''))",
    "divided in a condition alone": "event.n / 2 > 3 ? '5' : '6'",
}


def valued(expression: str) -> str:
    return rule(indicator="saved", value=f'"${{{{ {expression} }}}}"', let=LETS)


@pytest.mark.parametrize(("expression", "said"), LOSING.values(), ids=LOSING.keys())
def test_what_loses_cents_is_refused_with_the_way_out(expression: str, said: str) -> None:
    problems = loaded(valued(expression)).problems
    assert problems
    assert any(said in problem.message for problem in problems)
    assert all("minor(x" in p.remedy or "read exactly" in p.remedy for p in problems)
    assert {problem.file for problem in problems} == {"desk.yaml"}


@pytest.mark.parametrize("expression", KEEPING.values(), ids=KEEPING.keys())
def test_what_keeps_them_is_taken(expression: str) -> None:
    assert loaded(valued(expression)).problems == ()


def test_each_expression_of_a_mixed_text_is_looked_at() -> None:
    text = rule(indicator="saved", value='"${{ event.v / 100 }}.${{ event.v % 100 }}"')
    columns = [problem.column for problem in loaded(text).problems]
    assert len(columns) == 2
    assert columns[0] < columns[1]


def test_elsewhere_whole_numbers_divide_as_they_like() -> None:
    text = rule(meta_tags='{half: "${{ event.n / 2 }}"}', once_per="${{ event.n / 2 }}")
    assert only_outcome(mapped(text, {"n": 7})).meta_tags == {"half": "3"}


@pytest.mark.parametrize(
    ("count", "currency", "amount"),
    [
        (12050, "USD", "120.50"),
        ("12050", "USD", "120.50"),
        (12050, "usd", "120.50"),
        (5, "EUR", "0.05"),
        (0, "USD", "0.00"),
        (12050, "JPY", "12050"),
        (12050, "KWD", "12.050"),
        (12050, "CLF", "1.2050"),
        ("000012", "USD", "0.12"),
    ],
)
def test_minor_units_become_the_amount_in_major_ones(
    count: object, currency: str, amount: str
) -> None:
    text = rule(indicator="saved", value='"${{ minor(event.v, event.c) }}"')
    outcome = only_outcome(mapped(text, {"id": 1, "v": count, "c": currency}))
    assert str(outcome.value) == amount


@pytest.mark.parametrize(
    ("count", "currency", "said"),
    [
        (120.5, "USD", "write int(…) around a floating number that is whole"),
        (12050.0, "USD", "write int(…) around a floating number that is whole"),
        ("120.50", "USD", "is not a whole number of minor units"),
        ("1e3", "USD", "is not a whole number of minor units"),
        ("", "USD", "is not a whole number of minor units"),
        (-5, "USD", '"-0.05" is negative'),
        (5, "UDS", '"UDS" is not a currency in use by ISO 4217'),
        (5, "DEM", '"DEM" is not a currency in use by ISO 4217'),
        (5, "XXX", '"XXX" is not a currency in use by ISO 4217'),
        (5, "", "is not a currency in use"),
        (5, 840, "minor() does not take"),
    ],
)
def test_what_minor_refuses_fails_with_the_reason(
    count: object, currency: object, said: str
) -> None:
    text = rule(indicator="saved", value='"${{ minor(event.v, event.c) }}"')
    failure = only_failure(mapped(text, {"id": 1, "v": count, "c": currency}))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "value")
    assert said in failure.detail


def test_a_subscription_of_120_50_bills_its_share_of_120_50() -> None:
    text = rule(indicator="saved", value='"${{ minor(event.sub.mrr, event.sub.currency) }}"')
    event = {"id": 1, "sub": {"mrr": 12050, "currency": "eur"}}
    found = good(text, agents_yaml=TENTH).map(delivery(event))
    assert only_outcome(found).amount_micros == 12_050_000


TENTH = 'agents: {bot: {indicators: {saved: {percent: "10", currency: EUR}}}}\n'
