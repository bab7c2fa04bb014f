"""Pseudonyms of purged customers, and the places where they replace an id: pure.

Owns the pseudonym and every part of an outcome that it goes to. Refuses to know who was purged;
`jobs.privacy.guard` reads that, in the transaction that settles.

Code that compares an outcome with the ledger takes a `Pseudonymized`, and only `pseudonymized`
makes one: no path can forget that a purged id stands in the ledger under another name.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NewType

from mappings.engine.types import Failure, Mapped, Outcome

PREFIX = "purged-"
#: 128 bits: two customers never share a pseudonym.
HEX_CHARS = 32
#: The values of an outcome key follow its source and rule, or its scope and an empty text.
FIRST_VALUE = 2
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'|`[^`]*`')
#: Punctuation around a word of a sentence.
_AROUND = "\"'`.,;:()[]{}"

#: Members of the JSON we write that never contain a customer, even if their text looks like one.
_NO_CUSTOMER = frozenset({
    "action", "agent", "agent_id", "amount", "currency", "delivery", "group", "id", "ids",
    "indicator", "kind", "reason", "replay", "rule", "source", "state",
})  # fmt: skip

#: A mapping's result with pseudonyms in place of purged ids.
Pseudonymized = NewType("Pseudonymized", Mapped)


def pseudonym_of(customer: str, *, secret: str) -> str:
    """The customer's pseudonym; `secret` is hex. It identifies no one without it."""
    digest = hmac.new(bytes.fromhex(secret), customer.encode(), hashlib.sha256)
    return PREFIX + digest.hexdigest()[:HEX_CHARS]


def ids_of(outcome: Outcome) -> set[str]:
    """What in this outcome may be a purged id: its customer and the values of its key."""
    customer = set() if outcome.customer_id is None else {outcome.customer_id}
    return customer.union(values_of(outcome.key))


def pseudonymized(mapped: Mapped, purged: Mapping[str, str]) -> Pseudonymized:
    """What was mapped, with each id in `purged` replaced by its pseudonym.

    Tags of such an outcome are dropped: they would bring back what was erased.
    """
    if not purged:
        return Pseudonymized(mapped)
    outcomes = tuple(_outcome(outcome, purged) for outcome in mapped.outcomes)
    failures = tuple(_failure(failure, purged) for failure in mapped.failures)
    return Pseudonymized(replace(mapped, outcomes=outcomes, failures=failures))


def ids_in_text(text: str) -> set[str]:
    """What in the text of a failure may be a purged id: its quoted parts, and its words."""
    quoted = {part[1:-1] for part in _QUOTED.findall(text)}
    return quoted | {word.strip(_AROUND) for word in text.split()} - {""}


def _failure(failure: Failure, purged: Mapping[str, str]) -> Failure:
    detail = failure.detail
    for customer in sorted(purged, key=len, reverse=True):
        if customer in detail:
            detail = Wording(customer, purged[customer]).text(detail)
    return replace(failure, detail=detail)


def _outcome(outcome: Outcome, purged: Mapping[str, str]) -> Outcome:
    key = key_without(outcome.key, purged)
    customer = outcome.customer_id
    is_theirs = customer in purged if customer is not None else key != outcome.key
    return replace(
        outcome,
        key=key,
        customer_id=customer if customer is None else purged.get(customer, customer),
        meta_tags={} if is_theirs else outcome.meta_tags,
    )


def values_of(key: str) -> list[str]:
    """The values in the key; none in a text that is not an outcome key."""
    return _parts(key)[FIRST_VALUE:]


def key_without(key: str, purged: Mapping[str, str]) -> str:
    """The key with pseudonyms in place of values that are purged ids."""
    parts = _parts(key)
    values = [purged.get(value, value) for value in parts[FIRST_VALUE:]]
    if values == parts[FIRST_VALUE:]:
        return key
    together = [*parts[:FIRST_VALUE], *values]
    return json.dumps(together, ensure_ascii=False, separators=(",", ":"))


def _parts(key: str) -> list[str]:
    try:
        parts = json.loads(key)
    except ValueError:
        return []
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        return []
    return parts


class Wording:
    """Replaces one id in texts we wrote, where it stands as a word of its own."""

    def __init__(self, customer: str, pseudonym: str) -> None:
        self._pseudonym = pseudonym
        forms = sorted({customer, *escaped(customer)}, key=len, reverse=True)
        words = "|".join(map(re.escape, forms))
        # Not within another id: `acme` is not a word in `acme-corp`, `acme.io` or `e@acme`.
        self._word = re.compile(rf"(?<![\w@+:.-])(?:{words})(?![\w@+-]|[.:][\w@+-])")

    def text(self, text: str) -> str:
        """The text without the id."""
        return self._word.sub(self._pseudonym, text)

    def value(self, value: Any) -> Any:
        """A JSON value without the id, in texts at any depth."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {
                name: item if name in _NO_CUSTOMER else self.value(item)
                for name, item in value.items()
            }
        return value


def escaped(customer: str) -> set[str]:
    """The id as written within JSON, and within JSON in JSON."""
    once = {_inside(customer, ascii_only=False), _inside(customer, ascii_only=True)}
    return once | {_inside(form, ascii_only=True) for form in once}


def _inside(text: str, *, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]
