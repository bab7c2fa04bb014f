"""The examples of mapping files, run: each payload against the outcomes it expects.

Owns: the comparison, and the sentence that shows expected and got. Refuses: to look at files
whose mapping has problems of its own; those come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from mappings.engine.common.amounts import money
from mappings.engine.loading.mapping_set import MappingSet
from mappings.engine.reading import yamlfile
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import ProblemReport
from mappings.engine.reading.tables import is_table, table_name
from mappings.engine.reasons import Reason
from mappings.engine.redact.paths import NotRedactable
from mappings.engine.rules.examplefiles import body_of
from mappings.engine.rules.model import ExampleModel, Expected, MappingModel
from mappings.engine.rules.usage import looks_into
from mappings.engine.types import DeliveryInput, FileProblem, Mapped, Outcome

#: When an example arrives that does not say so; without limits to how old its events are.
RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_OF_A_LET = re.compile(r": (.*? in `let` \w+): ")


def run_examples(mappings: MappingSet, files: Mapping[str, bytes]) -> tuple[FileProblem, ...]:
    """A problem for each example that does not bill what it expects, at its line.

    `files` are those that `mappings` was loaded from. Files that are served from an earlier text,
    or not at all, are left out, and so are examples that need a table or prices which cannot be
    read: what they bill now is no test of the mapping. Of several that fail for one cause the
    first is reported.
    """
    found: list[FileProblem] = []
    for file in sorted({source.file for source in mappings.sources.values()} - mappings.stale):
        found += _run_file(mappings, file, files)
    return tuple(found)


def _run_file(mappings: MappingSet, file: str, files: Mapping[str, bytes]) -> Sequence[FileProblem]:
    read = yamlfile.parse(files[file], file=file)
    model = MappingModel.model_validate(read.data)
    report = ProblemReport(file, files[file].decode(), read.positions)
    if looks_into(read.data, _unreadable_tables(mappings)):
        return ()
    first = model.source or next(iter(model.sources or ())).name
    causes: set[str] = set()
    for index, example in enumerate(model.examples):
        body = body_of(example, files) or b""
        delivery = _delivery(example, body, example.source or first)
        mapped = mappings.map(delivery)
        if mappings.catalogue is None and _is_unpriced(mapped):
            continue
        if cause := _cause(example, mapped):
            if cause in causes:
                continue
            causes.add(cause)
        for path, message in _differences(example, mapped):
            at = ("examples", index, *path)
            report.at_value(at, message, "Fix the rule, or what the example expects.")
        if fault := _redaction_fault(mappings, delivery, mapped):
            report.at_value(("examples", index, "payload"), *fault)
    return report.problems


def _unreadable_tables(mappings: MappingSet) -> frozenset[str]:
    """The names of tables that have a problem, and so are not there."""
    files = {problem.file for problem in mappings.problems if is_table(problem.file)}
    return frozenset(map(table_name, files)) - mappings.tables.keys()


def _cause(example: ExampleModel, mapped: Mapped) -> str | None:
    """What makes the example fail unexpectedly; a `let` fails the rules that use it alike."""
    reasons = {failure.reason.value for failure in mapped.failures}
    if not reasons or example.fails in reasons:
        return None
    detail = mapped.failures[0].detail
    of_a_let = _OF_A_LET.search(detail)
    return of_a_let[1] if of_a_let else detail


def _is_unpriced(mapped: Mapped) -> bool:
    return any(failure.reason is Reason.UNPRICED for failure in mapped.failures)


def _redaction_fault(
    mappings: MappingSet, delivery: DeliveryInput, mapped: Mapped
) -> tuple[str, str] | None:
    """What is wrong with the example once it is redacted: it must bill the same."""
    try:
        redacted = mappings.redacted(delivery)
    except NotRedactable as error:
        message = f"`redact` cannot be applied to this payload: {error}."
        return message, "Such a POST is answered 503: fix the payload, or leave `redact` out."
    again = mappings.map(redacted)
    if (again.outcomes, again.failures) == (mapped.outcomes, mapped.failures):
        return None
    message = f"Redacted, it gives {_said(again)}; as it comes, {_said(mapped)}."
    return message, "Remove what the rules need from `redact`."


def _delivery(example: ExampleModel, body: bytes, source: str) -> DeliveryInput:
    at = datetime.fromisoformat(example.received_at) if example.received_at else RECEIVED_AT
    return DeliveryInput(
        source=source,
        body=body,
        headers={name.lower(): value for name, value in example.headers.items()},
        received_at=at.astimezone(UTC),
        vendor_id=example.delivery_id,
        oldest_days=None,
    )


def _differences(example: ExampleModel, mapped: Mapped) -> Iterator[tuple[Path, str]]:
    if example.fails is not None:
        reasons = [failure.reason.value for failure in mapped.failures]
        if example.fails not in reasons:
            yield ("fails",), f"Expected it to fail as {example.fails}, got {_said(mapped)}."
        return
    if mapped.failures:
        yield (), f"Expected {_listed(example.outcomes or ())}, got {_said(mapped)}."
        return
    expected = example.outcomes or []
    if len(expected) != len(mapped.outcomes):
        yield ("outcomes",), f"Expected {_listed(expected)}, got {_said(mapped)}."
        return
    for index, (wanted, got) in enumerate(zip(expected, mapped.outcomes, strict=True)):
        for key, want, have in _compared(wanted, got):
            here: Path = ("outcomes", index)
            at = (*here, key) if key in wanted.model_fields_set else here
            yield at, f"Expected {key} {want}, got {have or 'none'}."


def _compared(wanted: Expected, got: Outcome) -> Iterator[tuple[str, str, str | None]]:
    """What differs: key, expected, got."""
    for key, have in shown(got).items():
        want = getattr(wanted, key)
        if want is None or (key == "kind" and want == have):
            continue
        if key == "amount":
            same = _amount(want) == _amount(str(have)) if have else False
        elif key == "occurred_at":
            same = got.occurred_at == datetime.fromisoformat(want)
        else:
            same = want == have
        if not same:
            yield key, str(want), None if have is None else str(have)


def shown(outcome: Outcome) -> dict[str, object]:
    """An outcome with the keys of an example."""
    return {
        "rule": outcome.rule,
        "kind": outcome.kind.value,
        "agent": outcome.agent_id,
        "customer": outcome.customer_id,
        "indicator": outcome.indicator,
        "amount": amount_text(outcome),
        "key": outcome.key,
        "occurred_at": outcome.occurred_at.isoformat() if outcome.occurred_at else None,
        "meta_tags": dict(outcome.meta_tags),
    }


def amount_text(outcome: Outcome) -> str | None:
    """The price as an example has it, with two decimals or as many as it takes: "0.99 USD"."""
    if outcome.amount_micros is None:
        return None
    return f"{money(outcome.amount_micros)} {outcome.currency}"


def _amount(text: str) -> tuple[Decimal, str]:
    number, _, currency = text.partition(" ")
    return Decimal(number), currency


def _said(mapped: Mapped) -> str:
    if mapped.failures:
        failure = mapped.failures[0]
        return f"{failure.reason.value}: {failure.detail.rstrip('.')}"
    outcomes = [_one_line(shown(outcome)) for outcome in mapped.outcomes]
    return f"{len(outcomes)}: {'; '.join(outcomes)}" if outcomes else "none"


def _listed(expected: Sequence[Expected]) -> str:
    return f"{len(expected)} outcomes" if len(expected) != 1 else "1 outcome"


def _one_line(outcome: Mapping[str, object]) -> str:
    keys = ("rule", "kind", "agent", "customer", "indicator", "amount")
    return ", ".join(f"{key} {outcome[key]}" for key in keys if outcome[key] is not None)
