"""A negotiated price under a name that nothing bills by is found, with the name that was meant."""

from __future__ import annotations

import pytest

from mappings.engine.pricing.agentsfile import read_catalogue
from mappings.engine.pricing.catalogue import Catalogue
from mappings.engine.pricing.unused import unused_prices

PRICE = '{price: "1", currency: USD}'
BILLED = [
    ("bot", "acme-corp", "solved"),
    ("bot", "acme-corp", "saved"),
    ("bot", "globex", "solved"),
    ("seller", "initech", "won"),
]


def catalogue(*customers: str) -> Catalogue:
    lines = "".join(f"      {one}\n" for one in customers)
    text = (
        f"agents:\n  bot:\n    indicators: {{solved: {PRICE}, saved: {PRICE}}}\n"
        f"    customers:\n{lines}"
    )
    read = read_catalogue(text.encode(), timezone="UTC")
    assert isinstance(read, Catalogue), read
    return read


def test_a_price_that_is_used_is_not_named() -> None:
    used = catalogue(f"acme-corp: {{solved: {PRICE}}}", f"globex: {{solved: {PRICE}}}")
    assert unused_prices(used, BILLED) == ()


NEAREST = {
    "a misspelt customer": (f"acme-crop: {{solved: {PRICE}}}", True, "acme-corp"),
    "another case": (f"ACME_Corp: {{solved: {PRICE}}}", True, "acme-corp"),
    "a customer that looks alike": (f"g1obex: {{solved: {PRICE}}}", True, "globex"),
    "a customer that is unlike any": (f"umbrella: {{solved: {PRICE}}}", True, None),
    "a misspelt indicator": (f"acme-corp: {{solvd: {PRICE}}}", False, "solved"),
    "an indicator that is unlike any": (f"acme-corp: {{onboarding: {PRICE}}}", False, None),
    "a known indicator, never billed to it": (f"globex: {{saved: {PRICE}}}", False, None),
}


@pytest.mark.parametrize(("line", "is_customer", "name"), NEAREST.values(), ids=NEAREST.keys())
def test_a_price_that_nothing_uses_is_named_with_the_nearest(
    line: str, *, is_customer: bool, name: str | None
) -> None:
    (found,) = unused_prices(catalogue(line), BILLED)
    assert (found.is_customer, found.nearest) == (is_customer, name)
    assert f"`{found.customer}`" in found.summary
    assert name is None or f"`{name}`" in found.remedy


def test_a_customer_with_a_price_of_its_own_is_no_misspelling_of_another() -> None:
    numbered = catalogue(f"globex: {{solved: {PRICE}}}", f"globex-2: {{solved: {PRICE}}}")
    (found,) = unused_prices(numbered, BILLED)
    assert (found.customer, found.nearest) == ("globex-2", None)


def test_with_nothing_billed_every_own_price_is_unused() -> None:
    (found,) = unused_prices(catalogue(f"acme-corp: {{solved: {PRICE}}}"), [])
    assert found.place == ("agents", "bot", "customers", "acme-corp", "solved")
