"""The examples of mapping files as requests: a body, headers, and the vendor's delivery id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from mappings.engine.loading.mapping_set import MappingSet, Source
from mappings.engine.reading import yamlfile
from mappings.engine.rules.examplefiles import body_of
from mappings.engine.rules.model import ExampleModel, MappingModel
from mappings.engine.tooling.examples import RECEIVED_AT
from mappings.engine.types import DeliveryInput, Mapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One payload that a mapping file shows. Header names are lower-case."""

    source: Source
    name: str
    body: bytes
    headers: dict[str, str]
    delivery_id: str | None
    received_at: datetime

    @property
    def short_name(self) -> str:
        """The name without the source in front of it."""
        return self.name.removeprefix(f"{self.source.name}-")

    def delivery(self, body: bytes | None = None) -> DeliveryInput:
        """What a worker would map, with another body if one is given."""
        return DeliveryInput(
            source=self.source.name,
            body=self.body if body is None else body,
            headers=self.headers,
            received_at=self.received_at,
            vendor_id=self.delivery_id or "example",
            oldest_days=None,
        )


def examples_of(mappings: MappingSet, files: Mapping[str, bytes]) -> Iterator[Example]:
    """The examples of every mapping file, in the order of the file."""
    for file in sorted({source.file for source in mappings.sources.values()} - mappings.stale):
        model = MappingModel.model_validate(yamlfile.parse(files[file], file=file).data)
        sources = [source for source in mappings.sources.values() if source.file == file]
        for number, example in enumerate(model.examples, start=1):
            body = body_of(example, files)
            source = next(one for one in sources if example.source in (None, one.name))
            if body is not None:
                yield _example(source, number, example, body)


def named(examples: Sequence[Example], name: str, mappings: MappingSet) -> Example | None:
    """The example of that name, or the first that gives an outcome of that rule or indicator."""
    wanted = PurePosixPath(name).stem
    for example in examples:
        if wanted in (example.name, example.short_name):
            return example
    for example in examples:
        if name in outcomes_of(mappings.map(example.delivery())):
            return example
    return None


def outcomes_of(mapped: Mapped) -> list[str]:
    """The rules and indicators of what is mapped, as an example may be called by."""
    found = [(one.rule, one.indicator) for one in mapped.outcomes]
    return list(dict.fromkeys(name for pair in found for name in pair if name))


def _example(source: Source, number: int, example: ExampleModel, body: bytes) -> Example:
    is_file = isinstance(example.payload, str)
    at = datetime.fromisoformat(example.received_at) if example.received_at else RECEIVED_AT
    return Example(
        source=source,
        name=PurePosixPath(str(example.payload)).stem if is_file else f"example-{number}",
        body=body,
        headers={
            "content-type": "application/json",
            **{name.lower(): value for name, value in example.headers.items()},
        },
        delivery_id=example.delivery_id,
        received_at=at.astimezone(UTC),
    )
