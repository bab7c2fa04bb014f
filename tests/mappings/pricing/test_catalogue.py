"""The catalogue finds the one price in effect, exactly, or names what to add and where."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, strategies as st

from mappings.engine.pricing.agentsfile import read_catalogue
from mappings.engine.pricing.catalogue import Catalogue, Price, UnpricedError
from mappings.engine.pricing.prices import MICROS_MAX

DESIGNED = b"""
agents:
  support-agent:
    name: Support agent
    indicators:
      ticket-resolved: {price: "0.99", currency: USD}
      deal-won:
        - {price: "400.00", currency: USD}
        - {price: "450.00", currency: USD, from: 2027-01-01}
      recovered: {percent: "2.5", currency: USD, min: "1.00", max: "500.00"}
      later: {price: "7", currency: EUR, from: 2027-01-01}
    customers:
      acme-corp:
        ticket-resolved: {price: "0.80", currency: USD}
        deal-won: {price: "300", currency: USD, from: 2026-06-01}
        only-acme: {price: "1", currency: USD}
"""
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 7, 1, tzinfo=UTC)
LATE = datetime(2027, 1, 1, tzinfo=UTC)


def catalogue(text: bytes = DESIGNED, timezone: str = "UTC") -> Catalogue:
    read = read_catalogue(text, timezone=timezone)
    assert isinstance(read, Catalogue), read
    return read


@dataclass(frozen=True)
class Asked:
    indicator: str
    customer: str = "globex"
    at: datetime = EARLY
    value: str | None = None


PRICED = {
    "fixed": (Asked("ticket-resolved"), "0.99"),
    "customers-own": (Asked("ticket-resolved", "acme-corp"), "0.80"),
    "before-the-date": (Asked("deal-won", at=LATE - timedelta(microseconds=1)), "400"),
    "from-the-date-on": (Asked("deal-won", at=LATE), "450"),
    "customers-own-not-yet": (Asked("deal-won", "acme-corp"), "400"),
    "customers-own-in-effect": (Asked("deal-won", "acme-corp", MIDDLE), "300"),
    "customers-own-before-a-later-general": (Asked("deal-won", "acme-corp", LATE), "300"),
    "customer-alone": (Asked("only-acme", "acme-corp"), "1"),
    "percent": (Asked("recovered", value="200"), "5"),
    "percent-exact": (Asked("recovered", value="1234.56"), "30.864"),
    "percent-least": (Asked("recovered", value="0"), "1"),
    "percent-most": (Asked("recovered", value="999999"), "500"),
    "percent-half-to-even": (Asked("recovered", value="100.00002"), "2.5"),
    "percent-above-half": (Asked("recovered", value="100.000021"), "2.500001"),
    "value-does-not-count": (Asked("ticket-resolved", value="5"), "0.99"),
}


@pytest.mark.parametrize(("asked", "amount"), PRICED.values(), ids=PRICED.keys())
def test_the_price_in_effect_is_billed(asked: Asked, amount: str) -> None:
    price = catalogue().price(
        agent="support-agent",
        indicator=asked.indicator,
        customer=asked.customer,
        at=asked.at,
        value=None if asked.value is None else Decimal(asked.value),
    )
    assert price == Price(amount_micros=int(Decimal(amount) * 1_000_000), currency="USD")


UNPRICED = {
    "no-agent": (
        ("sales-agent", "deal-won", None),
        'Add under agents: `sales-agent: {indicators: {deal-won: {price: "…", currency: …}}}`.',
    ),
    "misspelt-agent": (
        ("suport-agent", "deal-won", None),
        "currency: …}}}`; or correct the rule, if it means `support-agent`.",
    ),
    "no-indicator": (
        ("support-agent", "churn-averted", None),
        'Add under agents.support-agent.indicators: `churn-averted: {price: "…", currency: …}`.',
    ),
    "misspelt-indicator": (
        ("support-agent", "deal-one", None),
        "currency: …}`; or correct the rule, if it means `deal-won`.",
    ),
    "another-customers": (("support-agent", "only-acme", None), "has no price of `only-acme`"),
    "not-yet": (
        ("support-agent", "later", None),
        "in effect on 2026-01-01; the first is from 2027-01-01. Add one without `from`",
    ),
    "percent-of-nothing": (("support-agent", "recovered", None), "Add `value:` to the rule"),
    "percent-of-a-loss": (
        ("support-agent", "recovered", "-1"),
        "value -1 is not an amount of money",
    ),
    "percent-of-nan": (
        ("support-agent", "recovered", "NaN"),
        "value NaN is not an amount of money",
    ),
    "percent-of-infinity": (("support-agent", "recovered", "Infinity"), "not an amount of money"),
    "percent-of-a-huge-value": (("support-agent", "recovered", "1e999999"), "too many digits"),
    "percent-of-a-tiny-value": (("support-agent", "recovered", "1e-999999"), "too many digits"),
}


@pytest.mark.parametrize(("asked", "said"), UNPRICED.values(), ids=UNPRICED.keys())
def test_no_price_says_what_to_add_where(asked: tuple[str, str, str | None], said: str) -> None:
    agent, indicator, value = asked
    with pytest.raises(UnpricedError) as unpriced:
        catalogue().price(
            agent=agent,
            indicator=indicator,
            customer="globex",
            at=EARLY,
            value=None if value is None else Decimal(value),
        )
    assert said in str(unpriced.value)


def test_an_amount_beyond_64_bits_is_no_amount() -> None:
    steep = catalogue(b'agents: {a: {indicators: {i: {percent: "1000000", currency: USD}}}}')
    with pytest.raises(UnpricedError, match="exceeds what can be recorded"):
        steep.price(agent="a", indicator="i", customer="c", at=EARLY, value=Decimal("1e17"))


def test_dates_begin_at_midnight_of_the_timezone() -> None:
    text = b"""
agents: {a: {indicators: {i: [{price: "1", currency: USD},
  {price: "2", currency: USD, from: 2027-01-01}]}}}
"""
    tokyo = catalogue(text, "Asia/Tokyo")
    midnight = datetime(2026, 12, 31, 15, tzinfo=UTC)
    for at, micros in ((midnight, 2_000_000), (midnight - timedelta(microseconds=1), 1_000_000)):
        price = tokyo.price(agent="a", indicator="i", customer="c", at=at)
        assert price.amount_micros == micros


def test_the_version_is_of_the_bytes() -> None:
    assert catalogue().version != catalogue(DESIGNED + b"\n").version
    assert len(catalogue().version) == 64


def test_the_loader_can_ask_what_is_known() -> None:
    known = catalogue()
    assert known.knows("support-agent")
    assert known.knows("support-agent", "only-acme")
    assert not known.knows("support-agent", "x")
    assert not known.knows("x")
    assert known.needs_value("support-agent", "recovered")
    assert not known.needs_value("support-agent", "deal-won")
    assert not known.needs_value("x", "recovered")


def one(price: str) -> bytes:
    """A catalogue with `price` as the one price of its one indicator."""
    return b"agents:\n  a:\n    indicators:\n      i: " + price.encode() + b"\n"


REFUSED = {
    "float": (one("{price: 0.99, currency: USD}"), (4, 18), "the number 0.99", '"0.99"'),
    "float-with-a-trailing-zero": (one("{price: 0.90, currency: USD}"), (4, 18), "0.90", '"0.90"'),
    "whole-number": (one("{price: 1, currency: USD}"), (4, 18), "the number 1", '"1"'),
    "negative": (one('{price: "-1", currency: USD}'), (4, 18), "not a plain decimal", "digits"),
    "exponent": (one('{price: "1e3", currency: USD}'), (4, 18), "not a plain decimal", "digits"),
    "thousands": (
        one('{price: "1,000.00", currency: USD}'),
        (4, 18),
        "not a plain decimal",
        "digits",
    ),
    "with-currency": (one('{price: "0.99 USD", currency: USD}'), (4, 18), "not a plain", "digits"),
    "other-digits": (one('{price: "\u0661", currency: USD}'), (4, 18), "not a plain", "digits"),
    "blank": (one('{price: " 1", currency: USD}'), (4, 18), "not a plain decimal", "digits"),
    "nan": (one('{price: "NaN", currency: USD}'), (4, 18), "not a plain decimal", "digits"),
    "empty-price": (one('{price: "", currency: USD}'), (4, 18), "not a plain decimal", "digits"),
    "7-decimals": (one('{price: "0.1234567", currency: USD}'), (4, 18), "6 decimals", "Round"),
    "too-much": (one('{price: "9223372036855", currency: USD}'), (4, 18), "exceeds", "smaller"),
    "far-too-much": (
        one(f'{{price: "{"9" * 999}", currency: USD}}'),
        (4, 18),
        "exceeds",
        "small",
    ),
    "lower-case-currency": (one('{price: "1", currency: usd}'), (4, 33), "`usd`", "`USD`"),
    "no-currency-code": (one('{price: "1", currency: Dollar}'), (4, 33), "ISO 4217", "USD"),
    "no-currency": (one('{price: "1"}'), (4, 10), "`currency` is missing", "`currency: USD`"),
    "no-price": (one("{currency: USD}"), (4, 10), "`price` is missing", 'percent: "2.5"'),
    "two-kinds": (
        one('{price: "1", percent: "2", currency: USD}'),
        (4, 23),
        "are both present",
        "Keep one",
    ),
    "min-of-a-price": (one('{price: "1", min: "1", currency: USD}'), (4, 23), "`percent`", "`min`"),
    "min-above-max": (
        one('{percent: "1", min: "2", max: "1.5", currency: USD}'),
        (4, 30),
        "`min` 2 is more than `max` 1.5",
        "Exchange",
    ),
    "no-day": (one('{price: "1", currency: USD, from: 2027-02-29}'), (4, 44), "calendar", "from"),
    "week": (one('{price: "1", currency: USD, from: 2027-W01-1}'), (4, 44), "calendar", "from"),
    "moment": (
        one('{price: "1", currency: USD, from: 2027-01-01T00:00Z}'),
        (4, 44),
        "not a calendar date",
        "",
    ),
    "year": (one('{price: "1", currency: USD, from: 2027}'), (4, 44), "the number 2027", '"2027"'),
    "same-day-twice": (
        one(
            '[{price: "1", currency: USD, from: 2027-01-01}, {price: "2", currency: USD, '
            "from: 2027-01-01}]"
        ),
        (4, 92),
        "Two prices are from 2027-01-01",
        "its own date",
    ),
    "always-twice": (
        one('[{price: "1", currency: USD}, {price: "2", currency: USD}]'),
        (4, 40),
        "Two prices are without `from`",
        "its own date",
    ),
    "no-prices": (one("[]"), (4, 10), "is empty", "`i: {price:"),
    "text-for-a-price": (one('"0.99"'), (4, 10), 'the text "0.99"', "currency"),
    "misspelt-key": (one('{prize: "1", currency: USD}'), (4, 11), "`prize`", "Write `price`."),
    "misspelt-key-in-a-list": (one('[{prize: "1", currency: USD}]'), (4, 12), "`prize`", "`price`"),
    "cost": (one('{price: "1", cost: "2", currency: USD}'), (4, 23), "`cost`", "one of: price"),
    "no-agents": (b"{}", (1, 1), "`agents` is missing", "Add `agents: {"),
    "agents-list": (b"agents: [a]", (1, 9), "is a list, expected a mapping", "agents: {"),
    "padded-name": (b'agents: {" a": {}}', (1, 10), "is not a valid name", "without blanks"),
    "invisible-name": (b'agents: {"a\xe2\x80\x8b": {}}', (1, 10), "U+200B", "visible"),
    "decomposed-customer": (
        b"agents: {a: {customers: {e\xcc\x81: {}}}}",
        (1, 26),
        "not in normal form NFC",
        "normal form NFC",
    ),
    "name-key": (b"agents: {a: {nmae: x}}", (1, 14), "`nmae` is not known", "Write `name`."),
    "customers-price": (
        b"agents: {a: {customers: {c: {i: {price: 5, currency: USD}}}}}",
        (1, 41),
        "`agents.a.customers.c.i.price` is the number 5",
        '"5"',
    ),
    "broken": (b"agents: {a: {", (2, 1), "not closed", "close the"),
}


@pytest.mark.parametrize(("text", "place", "said", "remedy"), REFUSED.values(), ids=REFUSED.keys())
def test_a_fault_is_reported_at_its_place_with_a_remedy(
    text: bytes, place: tuple[int, int], said: str, remedy: str
) -> None:
    read = read_catalogue(text, timezone="UTC")
    assert isinstance(read, tuple)
    problem = next(found for found in read if said in found.message)
    assert (problem.file, problem.line, problem.column) == ("agents.yaml", *place)
    assert remedy in problem.remedy


def test_all_faults_are_told_at_once() -> None:
    read = read_catalogue(
        one('{price: 1, currency: usd}\n      j: {prize: "1"}\n      k: []'), timezone="UTC"
    )
    assert isinstance(read, tuple)
    assert [problem.line for problem in read] == [4, 4, 5, 5, 6]


DAYS = st.dates(date(2020, 1, 1), date(2020, 3, 1))
ZONES = st.sampled_from(["UTC", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"])
MOMENTS = st.builds(
    lambda zone, seconds: datetime(2019, 12, 30, tzinfo=zone) + timedelta(seconds=seconds),
    st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
    st.integers(0, 65 * 86400) | st.integers(0, 65 * 24).map(lambda hours: hours * 3600),
)


@given(
    general=st.dictionaries(st.none() | DAYS, st.integers(0, 9), max_size=4),
    own=st.dictionaries(st.none() | DAYS, st.integers(10, 19), max_size=4),
    zone=ZONES,
    at=MOMENTS,
    customer=st.sampled_from(["acme", "globex"]),
)
def test_the_latest_begun_price_applies_the_customers_before_the_general(
    general: dict[date | None, int],
    own: dict[date | None, int],
    zone: str,
    at: datetime,
    customer: str,
) -> None:
    def listed(prices: dict[date | None, int]) -> str:
        lines = [
            f'{{price: "{price}", currency: USD{f", from: {day}" if day else ""}}}'
            for day, price in prices.items()
        ]
        return f"{{i: [{', '.join(lines)}]}}" if lines else "{}"

    text = f"agents: {{a: {{indicators: {listed(general)}, customers: {{acme: {listed(own)}}}}}}}"
    local = at.astimezone(ZoneInfo(zone)).date()
    expected = None
    for prices in (own if customer == "acme" else {}, general):
        begun = [(day or date.min, price) for day, price in prices.items()]
        begun = [pair for pair in begun if pair[0] <= local]
        if expected is None and begun:
            expected = max(begun)[1]
    try:
        price = catalogue(text.encode(), zone).price(
            agent="a", indicator="i", customer=customer, at=at
        )
    except UnpricedError:
        assert expected is None
    else:
        assert expected is not None
        assert price.amount_micros == expected * 1_000_000


@given(
    percent=st.decimals(0, 1000, places=4),
    value=st.decimals(0, Decimal("1e12"), allow_nan=False, places=9),
    bounds=st.lists(st.decimals(0, 1000, places=2), min_size=2, max_size=2).map(sorted),
)
def test_a_percentage_is_exact_to_the_millionth_half_to_even(
    percent: Decimal, value: Decimal, bounds: list[Decimal]
) -> None:
    least, most = bounds
    with localcontext(prec=100):
        exact = (value * percent / 100).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
        expected = int(min(max(exact, least), most) * 1_000_000)
    text = one(f'{{percent: "{percent}", min: "{least}", max: "{most}", currency: USD}}')
    price = catalogue(text).price(agent="a", indicator="i", customer="c", at=EARLY, value=value)
    assert price.amount_micros == expected


@given(price=st.decimals(0, Decimal(MICROS_MAX) / 1_000_000, places=6))
def test_a_fixed_price_is_billed_to_the_millionth(price: Decimal) -> None:
    assume(price * 1_000_000 <= MICROS_MAX)
    read = catalogue(one(f'{{price: "{price:f}", currency: USD}}'))
    found = read.price(agent="a", indicator="i", customer="c", at=EARLY)
    assert found.amount_micros == int(price * 1_000_000)


@given(value=st.decimals(allow_nan=True, allow_infinity=True))
def test_any_value_gives_an_amount_or_says_why_not(value: Decimal) -> None:
    text = one('{percent: "2.5", currency: USD}')
    try:
        price = catalogue(text).price(agent="a", indicator="i", customer="c", at=EARLY, value=value)
    except UnpricedError:
        return
    assert 0 <= price.amount_micros <= MICROS_MAX
