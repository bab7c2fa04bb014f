"""The whole of mapping, over every file that is shipped: outcomes that can stand, or failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mappings.engine.common.identifiers import unfit
from mappings.engine.loading.load import MappingSet, load, read_directory
from mappings.engine.types import DeliveryInput, Kind, Outcome
from receiver.signatures import RULES
from tests.fuzz.reading import Decisions

ROOT = Path(__file__).parents[3] / "mappings"
RECEIVED_AT = datetime(2026, 9, 25, tzinfo=UTC)
XML = "text/xml"
FORM = "application/x-www-form-urlencoded"
TYPES = ("application/json", FORM, XML, "multipart/form-data; boundary=x", "text/plain")


@dataclass(frozen=True, slots=True)
class Case:
    """A payload that is shipped as an example of a source."""

    mappings: MappingSet
    source: str
    body: bytes
    content_type: str


def _cases() -> Iterator[Case]:
    for folder in (ROOT, ROOT / "library"):
        files = read_directory(folder)
        mappings = load(files, timezone="UTC", schemes=RULES)
        for name, source in sorted(mappings.sources.items()):
            start = f"examples/{source.file.removesuffix('.yaml')}-"
            for path in sorted(files):
                if path.startswith(start):
                    kind = {".xml": XML, ".txt": FORM}.get(Path(path).suffix, TYPES[0])
                    yield Case(mappings, name, files[path], kind)


CASES = list(_cases())


def mapped(case: Case, body: bytes, content_type: str) -> tuple[Outcome, ...]:
    """The outcomes; each failure has its words."""
    result = case.mappings.map(
        DeliveryInput(
            source=case.source,
            body=body,
            headers={"content-type": content_type},
            received_at=RECEIVED_AT,
            vendor_id="id1",
            oldest_days=None,
        )
    )
    for failure in result.failures:
        assert failure.detail.encode("utf-8")
    return result.outcomes


def seeds() -> Iterator[bytes]:
    """Every example as it is."""
    for number in range(len(CASES)):
        yield number.to_bytes(2, "big")


def check(data: bytes) -> None:
    """Change an example as the bytes say; every outcome can be written down and billed."""
    decisions = Decisions(data)
    case = CASES[int.from_bytes(decisions.take(2), "big") % len(CASES)]
    body, content_type = case.body, case.content_type
    while not decisions.is_over:
        if decisions.number(8) == 1:
            content_type = decisions.one_of(TYPES)
        body = decisions.spliced(body)
    for outcome in mapped(case, body, content_type):
        assert all(unfit(value) is None for value in json.loads(outcome.key)[2:])
        if outcome.kind is Kind.CHARGE:
            triple = (outcome.agent_id, outcome.customer_id, outcome.indicator)
            assert all(name is not None and unfit(name) is None for name in triple)
            assert outcome.amount_micros is not None
