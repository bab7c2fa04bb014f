"""A mapping file's text to rules that run, with all that is wrong in that one file.

Owns: the file as a whole (who posts, how it is verified, events, let) and the order of checks; a
file that breaks one rule still has its other rules checked. Refuses: to look at other mapping
files and at prices (`checks.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mappings import celtext, yamlfile
from mappings.cel import Expression, ExpressionError, Language, Lets
from mappings.examplefiles import check_examples
from mappings.model import ExampleModel, MappingModel, RuleModel, SourceItem
from mappings.positions import Path
from mappings.report import Report
from mappings.rulecompiler import RuleCompiler
from mappings.rules import Rule
from mappings.schemes import SchemeRules
from mappings.tables import Table
from mappings.types import Problem

PartT = TypeVar("PartT", bound=BaseModel)

_LISTS = frozenset({"LIST", "DYN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFile:
    """A mapping file. With any problem in `report` it must not run; what could be read is here."""

    file: str
    body: bytes
    report: Report
    claims: tuple[str, ...]
    model: MappingModel | None = None
    verify: Mapping[str, Any]
    events: Expression | None = None
    lets: Lets
    rules: tuple[Rule, ...]
    rule_models: tuple[tuple[Path, RuleModel], ...]
    examples: tuple[tuple[Path, ExampleModel], ...]
    version: str
    tables: Mapping[str, str]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(sorted(self.report.problems))

    def items(self) -> tuple[SourceItem, ...]:
        """The sources it is for, each with its own secrets and vars."""
        if self.model is None:
            return ()
        if self.model.sources is not None:
            return tuple(self.model.sources)
        secrets = self.model.verify.secrets or []
        name = self.model.source or ""
        return (SourceItem.model_construct(name=name, secrets=secrets, vars={}),)


def compile_file(
    file: str,
    body: bytes,
    *,
    language: Language,
    tables: Mapping[str, Table],
    schemes: SchemeRules,
    files: Mapping[str, bytes] | None,
) -> CompiledFile:
    """Compile one mapping file.

    `files` are looked into for the payloads of its examples; None leaves the examples unchecked.
    """
    read = yamlfile.parse(body, file=file)
    text = body.decode("utf-8", "replace")
    report = Report(file, text, read.positions, list(read.problems))
    data = read.data if isinstance(read.data, dict) else {}
    shape = yamlfile.validate(MappingModel, read.data, file=file, positions=read.positions)
    if isinstance(shape, tuple) and not any(problem.line == 0 for problem in read.problems):
        report.problems += shape
    model = None if isinstance(shape, tuple) else shape
    compiler = _FileCompiler(
        data=data, language=language, schemes=schemes, report=report, model=model
    )
    return compiler.compile(file, body, tables, files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileCompiler:
    data: Mapping[str, Any]
    language: Language
    schemes: SchemeRules
    report: Report
    model: MappingModel | None

    def compile(
        self, file: str, body: bytes, tables: Mapping[str, Table], files: Mapping[str, bytes] | None
    ) -> CompiledFile:
        verify = self._mapping("verify")
        self._check_sources(verify)
        self._check_verify(verify)
        lets = self._lets()
        models = tuple(self._parts("outcomes", RuleModel))
        self._check_names(models)
        compiler = RuleCompiler(
            language=self.language,
            lets=lets,
            report=self.report,
            rules={model.name: model for _, model in reversed(models)},
            signs_delivery_id=self.schemes.signs_delivery_id(verify),
        )
        events = self._events(compiler)
        rules = tuple(
            rule for path, model in models if (rule := compiler.compile(model, path)) is not None
        )
        examples = tuple(self._parts("examples", ExampleModel))
        if files is not None:
            names = [model.name for _, model in models]
            check_examples(self.report, examples, self.claims(), names, files)
        used = _tables_used(self._texts(lets), tables)
        self._check_variables(lets)
        return CompiledFile(
            file=file,
            body=body,
            report=self.report,
            claims=self.claims(),
            examples=examples,
            model=self.model,
            verify=verify,
            events=events,
            lets=lets,
            rules=rules,
            rule_models=models,
            version=_version(body, used),
            tables=used,
        )

    def claims(self) -> tuple[str, ...]:
        """The sources the file is for, as far as they can be read."""
        names = [self.data.get("source"), *(item.get("name") for item in self._items())]
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))

    def _items(self) -> list[dict[str, Any]]:
        items = self.data.get("sources")
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self.data.get(key)
        return value if isinstance(value, dict) else {}

    def _parts(self, key: str, kind: type[PartT]) -> Iterator[tuple[Path, PartT]]:
        """The items of a list that have the right shape; the others are in the report."""
        items = self.data.get(key)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            try:
                yield (key, index), kind.model_validate(item)
            except ValidationError:
                continue

    def _check_sources(self, verify: Mapping[str, Any]) -> None:
        report, data = self.report, self.data
        if not data:
            return
        if "source" not in data and "sources" not in data:
            report.at_value((), "`source` is missing.", "Add `source: NAME`: POST /webhooks/NAME.")
        elif "source" in data and "sources" in data:
            report.at_key(
                ("sources",), "Both `source` and `sources` are here.", "Keep one of the two."
            )
        elif "sources" in data and "secrets" in verify:
            report.at_key(
                ("verify", "secrets"),
                "With `sources` each has secrets of its own.",
                "Move `secrets` into each item of `sources`.",
            )
        elif "source" in data and "verify" in data and "secrets" not in verify:
            report.at_value(
                ("verify",),
                "`secrets` is missing in `verify`.",
                "Add `secrets: [NAME]` with the names of environment variables.",
            )
        names = [item.get("name") for item in self._items()]
        for index, name in enumerate(names):
            if name is not None and name in names[:index]:
                report.at_value(
                    ("sources", index, "name"),
                    f"The source `{name}` is here twice.",
                    "Give each its own name.",
                )

    def _check_verify(self, verify: Mapping[str, Any]) -> None:
        if not isinstance(verify.get("scheme"), str):
            return  # the shape says so
        for path, message, remedy in self.schemes.problems(verify):
            sentence = f"{message[:1].upper()}{message[1:]}"
            at = ("verify", *path)
            if path and message.startswith("unknown key"):
                self.report.at_key(at, sentence, remedy)
            else:
                self.report.at_value(at, sentence, remedy)

    def _lets(self) -> Lets:
        texts = {name: text for name, text in self._mapping("let").items() if isinstance(text, str)}
        try:
            lets, faults = self.language.lets(texts)
        except RuntimeError:  # a name that is none; the shape says so
            return self.language.no_lets
        for name, found in faults.items():
            self.report.inside(("let", name), texts[name], found)
        return lets

    def _events(self, compiler: RuleCompiler) -> Expression | None:
        text = self.data.get("events", "[payload]")
        if not isinstance(text, str):
            return None
        try:
            events = self.language.compile_events(text)
        except ExpressionError as error:
            self.report.inside(("events",), text, error.faults)
            return None
        compiler.check_tables(("events",), text, events)
        if events.kind not in _LISTS:
            self.report.at_value(
                ("events",),
                "`events` never gives a list.",
                'Write "[payload]" if each POST is one event.',
            )
        return events

    def _check_names(self, models: tuple[tuple[Path, RuleModel], ...]) -> None:
        names = [model.name for _, model in models]
        earlier: set[str] = set()
        for index, (path, model) in enumerate(models):
            if model.name in names[:index]:
                self.report.at_value(
                    (*path, "name"),
                    f"A rule `{model.name}` is here already.",
                    "Give each rule its own name; it is part of what bills once.",
                )
            for place, name in enumerate(model.was):
                if name in names or name in earlier:
                    holder = "is a rule of this file" if name in names else "is claimed already"
                    self.report.at_value(
                        (*path, "was", place),
                        f"`{name}` {holder}, so it cannot be the old name of `{model.name}`.",
                        "Remove it, or rename one of the two.",
                    )
                earlier.add(name)

    def _texts(self, lets: Lets) -> Iterator[tuple[Path, str]]:
        """Every text of the file that may hold CEL, with its path."""
        for name in lets.compiled:
            yield ("let", name), str(self._mapping("let").get(name, ""))
        if isinstance(self.data.get("events"), str):
            yield ("events",), self.data["events"]
        outcomes = self.data.get("outcomes")
        for index, item in enumerate(outcomes if isinstance(outcomes, list) else ()):
            yield from _texts_below(item, ("outcomes", index))

    def _check_variables(self, lets: Lets) -> None:
        """`vars.NAME` that some source does not have."""
        shared = set(self._mapping("vars"))
        each = [(item.get("name"), set(item.get("vars") or {}) | shared) for item in self._items()]
        each = each or [(self.data.get("source"), shared)]
        for path, text in self._texts(lets):
            for name, offset in celtext.members(text, "vars"):
                without = [str(owner) for owner, known in each if name not in known]
                if without:
                    self.report.in_text(
                        (path, text),
                        offset,
                        f"There is no `{name}` in the vars of {', '.join(without)}.",
                        f"Add `vars: {{{name}: …}}` there.",
                    )


def _texts_below(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts_below(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts_below(inner, (*path, index))


def _tables_used(texts: Iterator[tuple[Path, str]], tables: Mapping[str, Table]) -> dict[str, str]:
    """The versions of the tables it looks things up in: all, if a name is not written out."""
    used: set[str] = set()
    for _, text in texts:
        found = [name for name, _ in celtext.literal_arguments(text, "lookup")]
        used.update(found)
        calls = sum(token.text == "lookup" for token in celtext.tokens(text))
        if calls > len(found):
            used.update(tables)
    return {name: tables[name].version for name in sorted(used) if name in tables}


def _version(body: bytes, tables: Mapping[str, str]) -> str:
    parts = [hashlib.sha256(body).hexdigest(), dict(tables)]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
