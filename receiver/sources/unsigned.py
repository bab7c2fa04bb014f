"""What of a mapping depends on unsigned values, which a captured request can change.

Owns the warnings of `receiver check` about it: headers wherever they reach an outcome, and times of
receipt where a charge can be reversed. What a scheme signs is in `signatures.describing`.
"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.engine.cel.expression import Expression
from mappings.engine.cel.reads import ANY, reads_of
from mappings.engine.loading.mapping_set import Source
from mappings.engine.rules.evaluate import Rule
from mappings.engine.rules.program import Program
from mappings.engine.types import AmountRule, Kind
from receiver.signatures import Coverage, Scheme, Strength
from receiver.signatures.captured import takes_unsigned_id
from receiver.signatures.describing import signed_headers

_RECEIPT = "received_at"
_KEY = "once_per"


def reliance(scheme: Scheme, source: Source, program: Program) -> Iterator[str]:
    """What the source's rules read of what is unsigned: a sentence each, with the remedy."""
    signed = signed_headers(scheme)
    for header in _unsigned(signed, [program.events]):
        yield f"`events` reads {_of_another(header)}, and it bills its value; {_BODY}"
    for rule in program.rules:
        for place, expressions in _places(rule).items():
            for header in _unsigned(signed, expressions):
                end = _AGAIN if place == _KEY else f"and it bills its value; {_BODY}"
                yield f"rule {rule.name}: {place} reads {_of_another(header)}, {end}"
    yield from _times(scheme, source, program)


_BODY = "take it from the body"
_AGAIN = "and it bills again; take the key from the body"


def _of_another(header: str) -> str:
    name = "headers by names that are worked out" if header == ANY else header
    verb = "are" if header == ANY else "is"
    return (
        f"{name}, which {verb} not in what is signed: anyone who sees one request can send it again"
        " with another one"
    )


def _unsigned(signed: frozenset[str], expressions: list[Expression]) -> list[str]:
    return sorted(reads_of(expressions).headers - signed)


def _places(rule: Rule) -> dict[str, list[Expression]]:
    """Its expressions by the key of the mapping file that they stand under."""
    places = {"when": [rule.when]}
    for field in rule.fields():
        place = field.name.partition("[")[0]
        places.setdefault(place, []).extend(field.template.expressions)
    return places


def _times(scheme: Scheme, source: Source, program: Program) -> Iterator[str]:
    """Rules of keys that can be reversed, and whose order rests on when they were received."""
    reversed_ = {rule.acts_on for rule in program.rules if rule.kind is Kind.REVERSAL}
    reversible = reversed_ | {rule.name for rule in program.rules if rule.acts_on is not None}
    repeated = _repeated(scheme, source)
    for rule in program.rules:
        places = _places(rule)
        if repeated and _reads_receipt(places.get(_KEY, [])):
            yield f"rule {rule.name}: {_KEY} reads {_RECEIPT}: {repeated}, {_AGAIN}"
        if repeated and _counts_the_last_received(rule, places):
            yield (
                f"rule {rule.name}: `amount: latest` counts the last received: {repeated}, and its"
                " amount counts again; take occurred_at from the body"
            )
        # Without occurred_at a key is charged once and reversed once, whatever is sent again.
        if rule.name not in reversible or not _reads_receipt(places.get("occurred_at", [])):
            continue
        if repeated:
            what = _AS_THE_LATEST[rule.kind]
            yield (
                f"rule {rule.name}: occurred_at reads {_RECEIPT}: {repeated}, and as it is the"
                f" latest, {what}; take the time from the body"
            )
        elif _swallows(scheme, source):
            yield f"rule {rule.name}: {_SAME}"


_SAME = (
    "occurred_at reads received_at, and neither an id nor a time is signed: of a charge, its"
    " reversal and the same charge again, the third is answered `duplicate` if its body is that of"
    " the first, and owes nothing; take occurred_at from the body, or have the vendor put a time or"
    " an id into it; `dedupe: none` makes each POST a delivery of its own, at the cost that"
    " anyone who sees one request can send it again, and it bills again"
)


_AS_THE_LATEST = {
    Kind.CHARGE: "it bills again",
    Kind.REVERSAL: "it takes back again",
    Kind.REINSTATEMENT: "it brings back again",
}


def _counts_the_last_received(rule: Rule, places: dict[str, list[Expression]]) -> bool:
    """Whether a charge that is sent again decides on the amount of its key."""
    if rule.kind is not Kind.CHARGE or rule.amount_rule is not AmountRule.LATEST:
        return False
    return rule.occurred_at is None or _reads_receipt(places.get("occurred_at", []))


def _reads_receipt(expressions: list[Expression]) -> bool:
    return _RECEIPT in reads_of(expressions).names


def _repeated(scheme: Scheme, source: Source) -> str:
    """How a captured request becomes another delivery, in words; empty where it does not."""
    if source.verify.get("dedupe") == "none":
        return "under `dedupe: none` anyone who sees one request can send it again"
    if scheme.strength is Strength.SHARED or not takes_unsigned_id(scheme):
        return ""
    window = f" within {scheme.window_seconds} s" if scheme.window_seconds else ""
    return (
        f"anyone who sees one request can send it again{window} with another {scheme.id_place},"
        " which is not signed"
    )


def _swallows(scheme: Scheme, source: Source) -> bool:
    """Whether two POSTs with one body are one delivery, however long they are apart."""
    tells_times_apart = scheme.is_timed and scheme.coverage is not Coverage.NOTHING
    return not (scheme.id_place or tells_times_apart or source.verify.get("dedupe") == "none")
