"""Compiled rules, and the outcome of each for one event.

Owns: the order in which a rule is evaluated (when, key, triple, time, value, tags, price) and the
sentence for each failure. Refuses: to bill anything that is not fully known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mappings.engine.cel.language import Activation, EvalError, Expression
from mappings.engine.common.errors import MappingsError, shown
from mappings.engine.common.identifiers import unfit
from mappings.engine.pricing.catalogue import Catalogue, Price, UnpricedError
from mappings.engine.reasons import Reason
from mappings.engine.redact.paths import MARK
from mappings.engine.rules.fields import Field, FieldError
from mappings.engine.rules.identity import key_fault, outcome_key
from mappings.engine.types import AHEAD_SECONDS, AmountRule, DeliveryInput, Failure, Kind, Outcome

_EXPRESSION_SHOWN_MAX = 160


class MappingFailed(MappingsError):
    """An event or a whole delivery cannot be mapped or billed, for the reason in `failure`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, compiled. `once_per` None stands for `once_per: delivery`.

    `key_rule` and `scope` are those of its key: for a reversal or reinstatement, of its charge,
    whose present name is `acts_on`.
    """

    name: str
    kind: Kind
    acts_on: str | None
    key_rule: str
    scope: str | None
    when: Expression
    once_per: tuple[Field, ...] | None
    agent: Field | None
    customer: Field | None
    indicator: Field | None
    occurred_at: Field | None
    value: Field | None
    currency: Field | None
    meta_tags: tuple[tuple[str, Field], ...]
    amount_rule: AmountRule = AmountRule.FIRST

    def fields(self) -> Iterator[Field]:
        """Every field it has, in the order of a file."""
        triple = (self.agent, self.customer, self.indicator)
        others = (self.occurred_at, self.value, self.currency)
        tags = (field for _, field in self.meta_tags)
        every = (*triple, *(self.once_per or ()), *others, *tags)
        return (field for field in every if field is not None)

    def expressions(self) -> Iterator[Expression]:
        """Every expression it has."""
        yield self.when
        for field in self.fields():
            yield from field.template.expressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a delivery, ready for all rules."""

    index: int
    activation: Activation
    delivery: DeliveryInput
    mapping_version: str
    catalogue: Catalogue | None


def matches(rule: Rule, event: Event) -> bool:
    """Whether the rule's `when` is true. Raises MappingFailed if that cannot be said."""
    try:
        value = rule.when.evaluate(event.activation)
    except EvalError as error:
        raise _error(
            rule, event, "when", error.message, error.remedy, rule.when.text, error.reason
        ) from error
    if isinstance(value, bool):
        return value
    raise _error(
        rule, event, "when", "it is neither true nor false", "compare it with ==", rule.when.text
    )


def outcome_of(rule: Rule, event: Event) -> Outcome:
    """What a matching rule bills or takes back. Raises MappingFailed."""
    key = _key(rule, event)
    agent, customer, indicator = (
        _value(rule, event, field) for field in (rule.agent, rule.customer, rule.indicator)
    )
    occurred_at = _occurred_at(rule, event)
    value = _value(rule, event, rule.value)
    tags = {name: _value(rule, event, field) for name, field in rule.meta_tags}
    outcome = Outcome(
        event_index=event.index,
        rule=rule.name,
        key=key,
        kind=rule.kind,
        agent_id=agent,
        customer_id=customer,
        indicator=indicator,
        occurred_at=occurred_at,
        value=value,
        meta_tags=tags,
        mapping_version=event.mapping_version,
        amount_rule=rule.amount_rule,
    )
    if rule.kind is not Kind.CHARGE:
        return outcome
    return _priced(rule, event, outcome, _value(rule, event, rule.currency))


def _key(rule: Rule, event: Event) -> str:
    delivery = event.delivery
    if rule.once_per is not None:
        values = [_value(rule, event, field) for field in rule.once_per]
    else:
        values = [_delivery_id(rule, event), str(event.index)]
    key = outcome_key(source=delivery.source, rule=rule.key_rule, scope=rule.scope, values=values)
    fault = key_fault(key)
    if fault is not None:
        text = ", ".join(field.template.text for field in rule.once_per or ()) or "delivery"
        raise _error(rule, event, "once_per", fault, "use other values", text)
    return key


def _delivery_id(rule: Rule, event: Event) -> str:
    vendor_id = event.delivery.vendor_id
    fault = "the delivery came without a signed id" if vendor_id is None else ""
    if vendor_id is not None and (found := unfit(vendor_id)) is not None:
        fault = f"of the delivery's id: {found.message}"
    if vendor_id is None or fault:
        remedy = "map once_per to something in the event"
        raise _error(rule, event, "once_per", fault, remedy, "delivery")
    return vendor_id


def _occurred_at(rule: Rule, event: Event) -> datetime | None:
    moment: datetime | None = _value(rule, event, rule.occurred_at)
    delivery = event.delivery
    if moment is None or rule.occurred_at is None or delivery.oldest_days is None:
        return moment
    received_at, judged_at = delivery.received_at, delivery.judged_at or delivery.received_at
    if moment - max(received_at, judged_at) > timedelta(seconds=AHEAD_SECONDS):
        message = f"{moment.isoformat()} is more than {AHEAD_SECONDS // 60} minutes after receipt"
        remedy = "check its unit and zone: millis(…) or seconds(…)"
    elif min(received_at, judged_at) - moment > timedelta(days=delivery.oldest_days):
        message = f"{moment.isoformat()} is more than {delivery.oldest_days} days before receipt"
        remedy = "check its unit: seconds taken for milliseconds end in 1970"
    else:
        return moment
    text = rule.occurred_at.template.text
    raise _error(rule, event, "occurred_at", message, remedy, text)


def _priced(rule: Rule, event: Event, outcome: Outcome, currency: str | None) -> Outcome:
    agent, customer, indicator = outcome.triple
    if agent is None or customer is None or indicator is None:
        raise _error(rule, event, None, "a charge names agent, customer and indicator", "", None)
    if event.catalogue is None:
        raise _unpriced(rule, event, "There is no usable agents.yaml: fix it.")
    try:
        price = _price(event.catalogue, event, outcome, currency)
    except UnpricedError as error:
        raise _unpriced(rule, event, str(error)) from error
    return replace(
        outcome,
        amount_micros=price.amount_micros,
        currency=price.currency,
        price_version=event.catalogue.version,
    )


def _price(catalogue: Catalogue, event: Event, outcome: Outcome, currency: str | None) -> Price:
    return catalogue.price(
        agent=outcome.agent_id or "",
        indicator=outcome.indicator or "",
        customer=outcome.customer_id or "",
        at=outcome.occurred_at or event.delivery.received_at,
        value=outcome.value,
        currency=currency,
    )


def price_of(outcome: Outcome, event: Event) -> str | None:
    """Which price gave the outcome its amount, for a reader; None where none did."""
    if event.catalogue is None or outcome.amount_micros is None:
        return None
    price = _price(event.catalogue, event, outcome, outcome.currency)
    return price.described(
        outcome.agent_id or "", outcome.customer_id or "", outcome.indicator or ""
    )


def _value(rule: Rule, event: Event, field: Field | None) -> Any:
    if field is None:
        return None
    try:
        value = field.evaluate(event.activation)
    except FieldError as error:
        raise _error(
            rule, event, field.name, error.message, error.remedy, error.expression, error.reason
        ) from error
    if event.delivery.redacted and isinstance(value, str) and MARK in value:
        message = "it gives what was redacted before the delivery was stored"
        remedy = "map it to something else; what was taken out is gone"
        raise _error(rule, event, field.name, message, remedy, field.template.text)
    return value


def _unpriced(rule: Rule, event: Event, advice: str) -> MappingFailed:
    detail = f"Rule {rule.name}: {advice}"
    return MappingFailed(
        Failure(reason=Reason.UNPRICED, detail=detail, rule=rule.name, event_index=event.index)
    )


def _error(
    rule: Rule,
    event: Event,
    field: str | None,
    message: str,
    remedy: str,
    expression: str | None,
    reason: Reason = Reason.MAPPING,
) -> MappingFailed:
    return failed(
        message,
        remedy,
        rule=rule.name,
        field=field,
        expression=expression,
        event_index=event.index,
        reason=reason,
    )


def failed(
    message: str,
    remedy: str,
    *,
    rule: str | None = None,
    field: str | None,
    expression: str | None,
    event_index: int | None = None,
    reason: Reason = Reason.MAPPING,
) -> MappingFailed:
    """The failure whose detail says where, what and what to do, in one sentence."""
    where = ", ".join(part for part in (rule and f"Rule {rule}", field) if part)
    code = shown(" ".join((expression or "").split()), _EXPRESSION_SHOWN_MAX)
    inside = f" in `{code}`" if code else ""
    end = f"; {remedy}" if remedy else ""
    return MappingFailed(
        Failure(
            reason=reason,
            detail=f"{where}: {message}{inside}{end}.",
            rule=rule,
            field=field,
            expression=expression,
            event_index=event_index,
        )
    )
