"""A mapping file's text to rules that run, with all that is wrong in that one file.

Owns: the file as a whole (who posts, how it is verified, events, let) and the order of checks; a
file that breaks one rule still has its other rules checked. Refuses: to look at other mapping
files and at prices (`checks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mappings.engine.cel.language import Expression, ExpressionError, Language, Lets
from mappings.engine.cel.reads import reads_of
from mappings.engine.common.suggest import nearest
from mappings.engine.payload import BodyRules
from mappings.engine.reading import yamlfile
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import ProblemReport
from mappings.engine.reading.tables import Table
from mappings.engine.reading.validation import validate
from mappings.engine.redact.paths import parse_path
from mappings.engine.rules.compiledfile import CompiledFile
from mappings.engine.rules.dependencies import key_name
from mappings.engine.rules.evaluate import Rule
from mappings.engine.rules.examplefiles import check_examples
from mappings.engine.rules.fieldcompiler import FieldCompiler
from mappings.engine.rules.model import ExampleModel, MappingModel, RuleModel
from mappings.engine.rules.redacting import RedactChecker, redact_paths
from mappings.engine.rules.rulecompiler import RuleCompiler
from mappings.engine.rules.usage import (
    check_variables,
    mapping_version,
    misspelt_parts,
    tables_used,
    texts_of,
)
from mappings.engine.schemes import SchemeRules

PartT = TypeVar("PartT", bound=BaseModel)

_LISTS = frozenset({"LIST", "DYN"})
_ONE_EVENT = "[payload]"
#: For a name whose own expression is a problem already.
_ANY_VALUE = "dyn(null)"


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

    For a file that could not be read to its end only that is reported; the rest would be guesses.
    `files` have the payloads of its examples. None stands for a text that was good before, whose
    examples and tables are not checked again.
    """
    read = yamlfile.parse(body, file=file)
    text = body.decode("utf-8", "replace")
    report = ProblemReport(file, text, read.positions, list(read.problems))
    data = read.data if isinstance(read.data, dict) else {}
    shape = validate(MappingModel, read.data, file=file, positions=read.positions)
    if isinstance(shape, tuple) and not any(problem.line == 0 for problem in read.problems):
        report.problems += shape
    model = None if isinstance(shape, tuple) else shape
    compiler = _FileCompiler(
        data=data, language=language, schemes=schemes, report=report, model=model
    )
    compiled = compiler.compile(file, body, tables, files)
    if not read.cut_off:
        return compiled
    only_that = ProblemReport(file, text, read.positions, list(read.problems))
    return replace(compiled, report=only_that, rule_models=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileCompiler:
    data: Mapping[str, Any]
    language: Language
    schemes: SchemeRules
    report: ProblemReport
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
        known = None if files is None else self.language.tables
        fields = FieldCompiler(self.language, lets, self.report, known)
        for name, let in lets.compiled.items():
            fields.check_tables(("let", name), let.text, let)
        compiler = RuleCompiler(
            fields=fields,
            report=self.report,
            rules={model.name: model for _, model in reversed(models)},
            has_all_rules=self._has_all(models),
            signs_delivery_id=self.schemes.signs_delivery_id(verify),
        )
        events = self._events(fields)
        rules = tuple(
            rule for path, model in models if (rule := compiler.compile(model, path)) is not None
        )
        secret = tuple(map(parse_path, self.schemes.secret_members(verify)))
        redact = (*redact_paths(self.data), *secret)
        RedactChecker(report=self.report, paths=redact, secret=frozenset(secret), lets=lets).check(
            events, rules, {model.name: path for path, model in models}
        )
        examples = tuple(self._parts("examples", ExampleModel))
        body_rules = _for_mapping(self.schemes.body_rules(verify), events, rules)
        if files is not None:
            names = [model.name for _, model in models]
            are_known = self._has_all(models) and len(set(names)) == len(names)
            check_examples(
                self.report,
                examples,
                self.claims(),
                names if are_known else None,
                files,
                body_rules=body_rules,
            )
        texts = tuple(texts_of(self.data))
        used = tables_used((text for _, text in texts), tables)
        check_variables(self.report, self.data, texts)
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
            version=mapping_version(body, used),
            tables=used,
            redact=redact,
            body_rules=body_rules,
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

    def _has_all(self, models: Sequence[tuple[Path, RuleModel]]) -> bool:
        """Whether every rule has the right shape: else one may be missing for that alone."""
        items = self.data.get("outcomes")
        return isinstance(items, list) and len(models) == len(items)

    def _check_sources(self, verify: Mapping[str, Any]) -> None:
        report, data = self.report, self.data
        if not data:
            return
        has_secrets = nearest("secrets", map(str, verify)) is not None  # a misspelling is reported
        if "source" not in data and "sources" not in data:
            report.at_value((), "`source` is missing.", "Add `source: NAME`: POST /webhooks/NAME.")
        elif "source" in data and "sources" in data:
            report.at_key(
                ("sources",), "`source` and `sources` are both present.", "Keep one of the two."
            )
        elif "sources" in data and "secrets" in verify:
            report.at_key(
                ("verify", "secrets"),
                "With `sources` each has secrets of its own.",
                "Move `secrets` into each item of `sources`.",
            )
        elif "source" in data and "verify" in data and not has_secrets:
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
                    f"The source `{name}` is duplicated.",
                    "Give each its own name.",
                )

    def _check_verify(self, verify: Mapping[str, Any]) -> None:
        if not isinstance(verify.get("scheme"), str):
            return  # reported by the shape
        for path, message, remedy in self.schemes.problems(verify):
            sentence = f"{message[:1].upper()}{message[1:]}"
            at = ("verify", *path)
            if path and message.startswith("unknown key"):
                self.report.at_key(at, sentence, remedy)
            else:
                self.report.at_value(at, sentence, remedy)

    def _lets(self) -> Lets:
        texts = {
            name: text if isinstance(text, str) else _ANY_VALUE
            for name, text in self._mapping("let").items()
        }
        for part in misspelt_parts(self.data):  # its users are not blamed as well
            names = part if isinstance(part, dict) else ()
            texts |= {name: _ANY_VALUE for name in names if str(name).isidentifier()}
        try:
            lets, faults = self.language.lets(texts)
        except RuntimeError:  # an invalid name; reported by the shape
            return self.language.no_lets
        for name, found in faults.items():
            self.report.inside(("let", name), texts[name], found)
        return lets

    def _events(self, fields: FieldCompiler) -> Expression | None:
        text = self.data.get("events", _ONE_EVENT)
        if not isinstance(text, str):
            return None
        try:
            events = self.language.compile_events(text)
        except ExpressionError as error:
            self.report.inside(("events",), text, error.faults)
            return None
        fields.check_tables(("events",), text, events)
        if events.kind not in _LISTS:
            self.report.at_value(
                ("events",),
                "`events` never gives a list.",
                f'Write "{_ONE_EVENT}" if each POST is one event.',
            )
        return events

    def _check_names(self, models: tuple[tuple[Path, RuleModel], ...]) -> None:
        names = [model.name for _, model in models]
        for index, (path, model) in enumerate(models):
            if model.name in names[:index]:
                self.report.at_value(
                    (*path, "name"),
                    f"The rule name `{model.name}` is duplicated.",
                    "Give each rule its own name; it is part of what bills once.",
                )
            for place, name in enumerate(model.was):
                others = [
                    rule
                    for before, (_, rule) in enumerate(models)
                    if name == rule.name or (before < index and name in rule.was)
                ]
                self._check_was((*path, "was", place), model, name, others)

    def _check_was(
        self, path: Path, model: RuleModel, name: str, others: Sequence[RuleModel]
    ) -> None:
        """Rules that have one name among theirs, as after a split, share their keys."""
        for other in others:
            if (other.acts_on is None) != (model.acts_on is None):
                self.report.at_value(
                    path,
                    f"`{name}` is a name of `{other.name}`, and of the two one is a reversal.",
                    "Remove it.",
                )
            elif key_name(other) != key_name(model):
                self.report.at_value(
                    path,
                    f"`{name}` is a name of `{other.name}`, whose keys are named"
                    f" `{key_name(other)}`; those of `{model.name}` are `{key_name(model)}`.",
                    f"Let `was` begin with `{key_name(other)}`, so that one key bills once.",
                )


def _for_mapping(
    rules: BodyRules | None, events: Expression | None, compiled: Sequence[Rule]
) -> BodyRules | None:
    """The rules of the scheme, with the fields that the mapping reads where that matters."""
    if rules is None or rules.form is None:
        return rules
    expressions = [expression for rule in compiled for expression in rule.expressions()]
    if events is not None and events.text != _ONE_EVENT:
        expressions.append(events)
    read = reads_of(expressions).members
    return replace(rules, form=replace(rules.form, read=read))
