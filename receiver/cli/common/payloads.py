"""A payload named on the command line: a file, an example of a mapping, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mappings.engine.loading.load import Source
from mappings.engine.reading import yamlfile
from mappings.engine.reading.validation import validate
from mappings.engine.rules.model import ExampleModel, MappingModel
from receiver.cli.common.errors import MISUSE, CommandError

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A body and what goes with it. Header names are lower-case."""

    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    delivery_id: str | None = None
    example: ExampleModel | None = None

    def with_headers(self, given: Iterable[str]) -> Payload:
        """The payload with these `Name: value` headers. CommandError for a malformed one."""
        added: dict[str, str] = {}
        for line in given:
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                raise CommandError(f"--header is {line!r}; write 'Name: value'", code=MISUSE)
            added[name.strip().lower()] = value.strip()
        return replace(self, headers={**self.headers, **added})


def payload_of(folder: Path, source: Source, file: str) -> Payload:
    """The body of `file`, with headers and id of the source's example where it is one."""
    if file == STANDARD_INPUT:
        return Payload(body=sys.stdin.buffer.read())
    path = Path(file)
    try:
        body = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", code=MISUSE) from error
    example = _example(folder, source, path)
    if example is None:
        return Payload(body=body)
    named = {name.lower(): value for name, value in example.headers.items()}
    return Payload(
        body=body,
        headers={"content-type": "application/json", **named},
        delivery_id=example.delivery_id,
        example=example,
    )


def _example(folder: Path, source: Source, path: Path) -> ExampleModel | None:
    """The example of the source's mapping file whose payload this file is."""
    try:
        parsed = yamlfile.parse((folder / source.file).read_bytes(), file=source.file)
    except OSError:
        return None
    model = validate(MappingModel, parsed.data, file=source.file, positions=parsed.positions)
    if isinstance(model, tuple):
        return None
    for example in model.examples:
        of_source = example.source in (None, source.name)
        if of_source and isinstance(example.payload, str):
            here = folder / example.payload
            if here.exists() and here.samefile(path):
                return example
    return None
