"""The shape of `agents.yaml`, and the catalogue it makes.

Owns: what a price may be: decimal text in quotes (an unquoted 0.99 would be a float), at most 6
decimals, never negative, within what a ledger's 64-bit column holds. Refuses: everything else, all
faults at once, each at its place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from mappings.engine.common.currencies import DECIMALS, near_code
from mappings.engine.common.errors import shown
from mappings.engine.common.identifiers import unfit
from mappings.engine.pricing.catalogue import FILE, Agent, Catalogue, Prices
from mappings.engine.pricing.prices import MICROS_MAX, PriceEntry, micros
from mappings.engine.reading.validation import Strict, validate, wrong
from mappings.engine.reading.yamlfile import parse
from mappings.engine.types import FileProblem

_DECIMAL = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_DATE = re.compile(r"(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}")
_DECIMALS_MAX = 6
_EXAMPLE = '{price: "0.99", currency: USD}'


def _amount(text: str) -> str:
    """Decimal text that fits: no sign, exponent, separator or currency."""
    if not _DECIMAL.fullmatch(text):
        raise wrong(f"`{shown(text)}` is not a plain decimal number.", 'Write digits: "1234.50".')
    if len(text.partition(".")[2]) > _DECIMALS_MAX:
        raise wrong(f"`{shown(text)}` has more than 6 decimals.", "Round it to 6 decimals.")
    if len(text) > len(str(MICROS_MAX)) + 1 or micros(Decimal(text)) > MICROS_MAX:
        raise wrong(f"`{shown(text)}` exceeds what can be recorded.", "Write a smaller amount.")
    return text


def _currency(text: str) -> str:
    if text in DECIMALS:
        return text
    upper = text.strip().upper()
    meant = upper if upper in DECIMALS else near_code(upper)
    remedy = f"Write `{meant}`." if meant else "For example `currency: USD`."
    raise wrong(
        f"`{shown(text)}` is not a currency code: 3 capital letters of a currency in use by ISO"
        " 4217.",
        remedy,
    )


def _date(text: str) -> str:
    with suppress(ValueError):
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    raise wrong(f"`{shown(text)}` is not a calendar date.", "For example `from: 2027-01-01`.")


def _name(text: str) -> str:
    fault = unfit(text)
    if fault is not None:
        raise wrong(
            f"{shown(text)!a} is not a valid name: {fault.message}.",
            "Write 1 to 256 visible characters in normal form NFC, without blanks around them.",
        )
    return text


_Amount = Annotated[str, AfterValidator(_amount)]
_Name = Annotated[str, AfterValidator(_name)]


class PriceShape(Strict):
    """A fixed price, or a percentage of the outcome's value."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    price: _Amount | None = Field(
        None, description="What one outcome costs, in major units, quoted.", examples=['"0.99"']
    )
    percent: _Amount | None = Field(
        None, description="Percentage of the rule's `value:`, quoted.", examples=['"2.5"']
    )
    min: _Amount | None = Field(
        None, description="The least that a percentage comes to.", examples=['"1.00"']
    )
    max: _Amount | None = Field(
        None, description="The most that a percentage comes to.", examples=['"500.00"']
    )
    currency: Annotated[str, AfterValidator(_currency)] = Field(
        description="The currency, by ISO 4217.", examples=["USD"]
    )
    from_: Annotated[str, AfterValidator(_date)] | None = Field(
        None,
        alias="from",
        description="The day from whose beginning the price applies; without it, always.",
        examples=["2027-01-01"],
    )
    round: Literal["minor"] | None = Field(
        None, description="Rounds the amount half-even to what can be paid.", examples=["minor"]
    )

    @model_validator(mode="after")
    def _one_kind(self) -> PriceShape:
        if self.price is None and self.percent is None:
            raise wrong("`price` is missing.", 'Add `price: "0.99"` or `percent: "2.5"`.')
        if self.price is not None and self.percent is not None:
            raise wrong(
                "`price` and `percent` are both present.",
                "Keep one of the two.",
                path=("percent",),
                at_key=True,
            )
        self._check_bounds()
        return self

    def entry(self, zone: ZoneInfo) -> PriceEntry:
        """The price as the catalogue has it; its day begins at 00:00 in `zone`."""
        since = datetime.fromisoformat(self.from_).replace(tzinfo=zone) if self.from_ else None
        return PriceEntry(
            currency=self.currency,
            price_micros=_micros(self.price),
            percent=None if self.percent is None else Decimal(self.percent),
            min_micros=_micros(self.min),
            max_micros=_micros(self.max),
            since=since,
            to_minor=self.round == "minor",
        )

    def _check_bounds(self) -> None:
        bounds = [key for key in ("min", "max") if getattr(self, key) is not None]
        if self.percent is None and bounds:
            raise wrong(
                f"`{bounds[0]}` belongs to a `percent`, and this is a fixed `price`.",
                f"Remove `{bounds[0]}`.",
                path=(bounds[0],),
                at_key=True,
            )
        if self.min is not None and self.max is not None and Decimal(self.min) > Decimal(self.max):
            raise wrong(
                f"`min` {self.min} is more than `max` {self.max}.",
                "Exchange the two.",
                path=("min",),
            )


def _one_or_list(value: object) -> str:
    return "list of prices" if isinstance(value, list) else "one price"


def _distinct_dates(prices: list[PriceShape]) -> list[PriceShape]:
    """Each currency has prices of its own, one a date."""
    seen: set[tuple[str, str | None]] = set()
    for index, price in enumerate(prices):
        if (price.currency, price.from_) in seen:
            which = f"from {price.from_}" if price.from_ else "without `from`"
            raise wrong(
                f"Two prices are {which}, both in {price.currency}.",
                "Keep one of them, or give each its own date: `from: 2027-01-01`.",
                path=(index, "from") if price.from_ else (index,),
            )
        seen.add((price.currency, price.from_))
    return prices


PricesShape = Annotated[
    Annotated[PriceShape, Tag("one price")]
    | Annotated[
        list[PriceShape],
        Field(min_length=1),
        AfterValidator(_distinct_dates),
        Tag("list of prices"),
    ],
    Discriminator(_one_or_list),
]


class AgentShape(Strict):
    """One agent: what it achieves, and what that costs."""

    name: _Name | None = Field(None, description="How people call it.", examples=["Support agent"])
    indicators: dict[_Name, PricesShape] = Field(
        default_factory=dict,
        description="What each indicator costs: one price, or a list by date and currency.",
        examples=[f"{{ticket-resolved: {_EXAMPLE}}}"],
    )
    customers: dict[_Name, dict[_Name, PricesShape]] = Field(
        default_factory=dict,
        description="Prices of single customers, which go before the general ones.",
        examples=[f"{{acme-corp: {{ticket-resolved: {_EXAMPLE}}}}}"],
    )

    def prices(self, key: str, zone: ZoneInfo) -> Agent:
        """The agent as the catalogue has it under `key`."""
        customers = {name: _prices(prices, zone) for name, prices in self.customers.items()}
        return Agent(
            name=self.name or key,
            indicators=_prices(self.indicators, zone),
            customers=MappingProxyType(customers),
        )


class AgentsShape(Strict):
    """The catalogue of prices: `agents.yaml`."""

    agents: dict[_Name, AgentShape] = Field(
        description="Each agent by its id.",
        examples=[f"{{support-agent: {{indicators: {{ticket-resolved: {_EXAMPLE}}}}}}}"],
    )


def read_catalogue(
    body: bytes, *, timezone: str, file: str = FILE
) -> Catalogue | tuple[FileProblem, ...]:
    """The catalogue in `body`, or all that is wrong with it.

    Dates begin at 00:00 in `timezone`, a name of the IANA database.
    """
    read = parse(body, file=file)
    if read.problems:
        return read.problems
    shape = validate(AgentsShape, read.data, file=file, positions=read.positions)
    if isinstance(shape, tuple):
        return shape
    agents = {key: agent.prices(key, ZoneInfo(timezone)) for key, agent in shape.agents.items()}
    version = hashlib.sha256(body).hexdigest()
    return Catalogue(version=version, agents=MappingProxyType(agents))


def _prices(shapes: Mapping[str, PriceShape | list[PriceShape]], zone: ZoneInfo) -> Prices:
    lists = {name: [one] if isinstance(one, PriceShape) else one for name, one in shapes.items()}
    return MappingProxyType(
        {name: tuple(price.entry(zone) for price in prices) for name, prices in lists.items()}
    )


def _micros(text: str | None) -> int | None:
    return None if text is None else micros(Decimal(text))
