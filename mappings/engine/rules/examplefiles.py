"""The examples of a mapping file: whether they are there and fit the file.

Owns: finding an example's payload. Refuses: to run one (`examples.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mappings.engine.common.errors import shown
from mappings.engine.common.suggest import nearest
from mappings.engine.payload import BodyRules, PayloadError, parse
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import ProblemReport
from mappings.engine.reasons import Reason
from mappings.engine.rules.model import ExampleModel


def body_of(example: ExampleModel, files: Mapping[str, bytes]) -> bytes | None:
    """The bytes that the example posts; None if its file is not there."""
    if isinstance(example.payload, str):
        return files.get(example.payload)
    return json.dumps(example.payload, ensure_ascii=False).encode("utf-8", "surrogatepass")


def check_examples(
    report: ProblemReport,
    examples: Sequence[tuple[Path, ExampleModel]],
    sources: Sequence[str],
    rules: Sequence[str] | None,
    files: Mapping[str, bytes],
    *,
    body_rules: BodyRules | None,
) -> None:
    """Report examples that cannot be run; `rules` is None where not all names are known."""
    for path, example in examples:
        _check_payload(report, path, example, files, body_rules)
        if (example.outcomes is None) == (example.fails is None):
            report.at_value(
                path,
                "An example must have either `outcomes` or `fails`.",
                "Add `outcomes: []` if it bills nothing.",
            )
        if example.source is not None and example.source not in sources:
            remedy = f"Write one of: {', '.join(sources) or 'none'}."
            report.at_value((*path, "source"), f"There is no source `{example.source}`.", remedy)
        if example.source is None and len(sources) > 1:
            report.at_value(
                path, "The example does not name its source.", f"Add `source: {sources[0]}`."
            )
        for index, expected in enumerate(example.outcomes or ()):
            if rules is not None and expected.rule is not None and expected.rule not in rules:
                close = nearest(expected.rule, rules)
                remedy = f"Write {close}." if close else f"Rules: {', '.join(rules)}."
                report.at_value(
                    (*path, "outcomes", index, "rule"),
                    f"There is no rule `{expected.rule}`.",
                    remedy,
                )


def _check_payload(
    report: ProblemReport,
    path: Path,
    example: ExampleModel,
    files: Mapping[str, bytes],
    body_rules: BodyRules | None,
) -> None:
    body = body_of(example, files)
    at = (*path, "payload")
    if body is None:
        here = [name for name in files if name.startswith("examples/")]
        close = nearest(str(example.payload), here)
        name = shown(str(example.payload))
        remedy = (
            "Put the payload there: `receiver example DELIVERY` makes one of a stored delivery."
        )
        if not name.startswith("examples/"):
            remedy = "Put the payload into examples/, and write examples/NAME.json."
        if close:
            remedy = f"Write {close}, if that is meant, or put the payload there."
        report.at_value(at, f"There is no file {name}.", remedy)
        return
    if example.fails == Reason.PARSE.value:
        return
    try:
        content_type = {k.lower(): v for k, v in example.headers.items()}.get("content-type")
        parse(body, content_type, body_rules)
    except PayloadError as error:
        report.at_value(
            at, f"The payload cannot be read: {error}", "Fix it, or write `fails: parse`."
        )
