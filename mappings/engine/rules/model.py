"""The shape of a mapping file, for pydantic and for editors.

Owns: keys, types, and the form of names. Refuses: meaning (whether an expression compiles, a rule
is whole, a price exists), which `filecompiler.py` and `checks.py` decide with places in hand.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mappings.engine.cel.functions import FUNCTIONS
from mappings.engine.reading.validation import wrong
from mappings.engine.redact.paths import InvalidPath, parse_path
from mappings.engine.rules.interval import Interval
from mappings.engine.rules.secrets import Secrets
from mappings.engine.types import AmountRule, Kind

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TAGS_MAX = 20
_REDACT_MAX = 100

#: Words that a `let` cannot take: variables, functions, and what CEL itself knows.
_CEL_WORDS = """
as break const continue else false for function if import in let loop package namespace null return
true var void while has all exists exists_one map filter int uint double bool string bytes list
type null_type timestamp duration dyn size matches contains startsWith endsWith google cel optional
"""
RESERVED = frozenset(
    {"payload", "event", "headers", "source", "vars", "received_at"}
    | {*FUNCTIONS, *_CEL_WORDS.split()}
)


def _written_as(pattern: str, noun: str, remedy: str, shown: int = 80) -> AfterValidator:
    """Refuses text that does not match `pattern`; `noun` is what it should be."""

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise wrong(f"`{text[:shown]}` is not {noun}.", remedy)
        return text

    return AfterValidator(checked)


def _let_name(name: str) -> str:
    if name in RESERVED:
        raise wrong(f"`{name}` already means something in CEL.", "Use another name.", at_key=True)
    if not _VARIABLE.fullmatch(name):
        remedy = "Use letters, digits and _, beginning with a letter."
        raise wrong(f"`{name[:80]}` is not a valid name for a let.", remedy, at_key=True)
    return name


def _variables(values: dict[str, str | int | bool]) -> dict[str, str | int | bool]:
    for name, value in values.items():
        if not _VARIABLE.fullmatch(name):
            remedy = "Use letters, digits and _, beginning with a letter."
            raise wrong(f"`{name[:80]}` is not a valid name.", remedy, path=(name,), at_key=True)
        if isinstance(value, str) and ("\0" in value or not value.isprintable()):
            raise wrong("This has an invisible character.", "Remove it.", path=(name,))
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise wrong("This number has more than 64 bits.", "Put it in quotes.", path=(name,))
    return values


def _tags(tags: dict[str, str | int | bool]) -> dict[str, str | int | bool]:
    if len(tags) > _TAGS_MAX:
        raise wrong(f"There are {len(tags)} meta_tags, more than {_TAGS_MAX}.", "Remove some.")
    for key in tags:
        if not _TAG.fullmatch(key):
            remedy = "Use up to 64 letters, digits, _ and -."
            raise wrong(f"`{key[:80]}` is not a valid tag key.", remedy, path=(key,), at_key=True)
    return tags


def _moment(text: str) -> str:
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise wrong(f"`{text[:40]}` is not a time.", 'Write it like "2026-01-31T09:30:00Z".')
    return text


def _redact_path(text: str) -> str:
    try:
        parse_path(text)
    except InvalidPath as error:
        raise wrong(error.message, error.remedy) from None
    return text


def _redact(texts: list[str]) -> list[str]:
    if len(texts) > _REDACT_MAX:
        raise wrong(
            f"There are {len(texts)} paths, more than {_REDACT_MAX}.", "Name what is above."
        )
    paths = [parse_path(text) for text in texts]
    for index, path in enumerate(paths):
        for other, wider in enumerate(paths):
            if other != index and wider.covers(path) and (path != wider or other < index):
                message = f"`{texts[index]}` goes with `{texts[other]}` anyway."
                raise wrong(message, "Keep one of the two.", path=(index,))
    return texts


SourceName = Annotated[
    str,
    _written_as(
        r"[a-z0-9][a-z0-9-]{0,63}",
        "a valid source name",
        "It is part of the URL: up to 64 of a-z, 0-9 and -, beginning with no -.",
    ),
]
Name = Annotated[
    str,
    _written_as(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
        "a valid name",
        "Use up to 64 letters, digits, and - _ . in between.",
    ),
]
LetName = Annotated[str, AfterValidator(_let_name)]
Variables = Annotated[
    dict[str, str | int | bool],
    AfterValidator(_variables),
    Field(description="Values that expressions read as vars.NAME.", examples=["{customer: acme}"]),
]
Tags = Annotated[dict[str, str | int | bool], AfterValidator(_tags)]
RedactPath = Annotated[str, AfterValidator(_redact_path)]
Redact = Annotated[
    list[RedactPath],
    AfterValidator(_redact),
    Field(
        description="Values taken out of the body, or headers, before a delivery is stored.",
        examples=["[payload.customer.email]"],
    ),
]
Amount = Annotated[
    str,
    _written_as(r"-?\d+(\.\d{1,6})? [A-Z]{3}", "an amount", 'Write it like "0.99 USD".', shown=40),
]
Moment = Annotated[str, AfterValidator(_moment)]


class Part(BaseModel):
    """A part of a mapping file: only known keys, no type converted into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Verify(BaseModel):
    """How the source proves itself; what else may stand here is the scheme's business."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    scheme: str = Field(description="How the source signs.", examples=["zendesk"])
    secrets: Secrets | None = None


class SourceItem(Part):
    """One of several accounts of one vendor."""

    name: SourceName = Field(description="The path: POST /webhooks/NAME.")
    secrets: Secrets
    vars: Variables = {}
    expect_every: Interval | None = None


class RuleModel(Part):
    """One outcome: when it happened, and what it bills, takes back or brings back."""

    name: Name = Field(description="A name of its own in this file.", examples=["ticket-resolved"])
    when: str = Field(
        description='CEL, true where this outcome happened; "true" for every event.',
        examples=["event.type == 'solved'"],
    )
    agent: str | None = Field(None, description="Who achieved it.", examples=["support-agent"])
    customer: str | None = Field(
        None, description="Whom it is billed to.", examples=['${{ lookup("companies", id(…)) }}']
    )
    indicator: str | None = Field(
        None, description="What was achieved.", examples=["ticket-resolved"]
    )
    once_per: str | list[str] | None = Field(
        None, description="Bills once for each of these, ever.", examples=["${{ id(event.id) }}"]
    )
    occurred_at: str | None = Field(
        None, description="When it happened.", examples=["${{ event.time }}"]
    )
    value: str | None = Field(
        None, description="What a percentage is taken of.", examples=["${{ event.amount }}"]
    )
    currency: str | None = Field(
        None,
        description="The currency of `value`; only prices in it apply.",
        examples=["${{ event.currency }}"],
    )
    meta_tags: Tags = Field({}, description="At most 20, shown with the billing event.")
    amount: Literal["first", "latest"] | None = Field(
        None, description="Which charge counts where one outcome comes with several amounts."
    )
    reverses: Name | None = Field(
        None, description="The rule of this file whose charge it takes back."
    )
    reinstates: Name | None = Field(
        None, description="The rule of this file whose charge it brings back."
    )
    scope: Name | None = Field(
        None, description="A name that rules of several files share keys under."
    )
    was: list[Name] = Field([], description="Earlier names of this rule, the oldest first.")
    rekeyed: bool = Field(
        False, description="Declares that this rule is meant to bill under other keys than before."
    )

    @property
    def kind(self) -> Kind:
        """What its outcomes do to the ledger of their key."""
        if self.reverses is not None:
            return Kind.REVERSAL
        return Kind.CHARGE if self.reinstates is None else Kind.REINSTATEMENT

    @property
    def acts_on(self) -> str | None:
        """The charge rule whose keys it has, for a reversal or reinstatement; None for a charge."""
        return self.reverses or self.reinstates

    @property
    def amount_rule(self) -> AmountRule:
        """Which of several charges between two reversals counts."""
        return AmountRule(self.amount or AmountRule.FIRST)


class Expected(Part):
    """What an example expects of one outcome; keys left out are not compared."""

    rule: str | None = None
    kind: Literal["charge", "reversal", "reinstatement"] = Kind.CHARGE.value
    agent: str | None = None
    customer: str | None = None
    indicator: str | None = None
    amount: Amount | None = None
    key: str | None = None
    occurred_at: Moment | None = None
    meta_tags: dict[str, str] | None = None


class ExampleModel(Part):
    """A payload, and what it bills or how it fails."""

    payload: str | dict[str, Any] | list[Any] = Field(
        description="A file beside this one, or the payload itself.",
        examples=["examples/solved.json"],
    )
    outcomes: list[Expected] | None = Field(
        None, description="What it bills, in order.", examples=["[]"]
    )
    fails: Literal["parse", "mapping", "unmapped", "unpriced"] | None = Field(
        None, description="How it fails."
    )
    headers: dict[str, str] = {}
    received_at: Moment | None = None
    source: SourceName | None = None
    delivery_id: str | None = None


class MappingModel(Part):
    """A whole mapping file."""

    source: SourceName | None = Field(
        None, description="The path: POST /webhooks/NAME.", examples=["zendesk"]
    )
    sources: list[SourceItem] | None = Field(
        None, min_length=1, description="Instead of source: several accounts of one vendor."
    )
    verify: Verify
    mode: Literal["live", "shadow"] = Field(
        "live", description="shadow shows what it would bill.", examples=["shadow"]
    )
    expect_every: Interval | None = None
    vars: Variables = {}
    redact: Redact = []
    events: str = Field(
        "[payload]", description="CEL: the list of events in one POST.", examples=['"[payload]"']
    )
    let: dict[LetName, str] = Field({}, description="Named CEL, used below.")
    outcomes: list[RuleModel] = Field(
        min_length=1, description="The rules, each after `- `; every matching one bills."
    )
    examples: list[ExampleModel] = Field([], description="Run by `receiver check` and the tests.")
