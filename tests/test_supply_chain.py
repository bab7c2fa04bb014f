"""What the product is made of, and what is said of it."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[1]
SBOM = ROOT / "sbom.cdx.json"


def tool(name: str) -> ModuleType:
    """One of the programs of .ci/."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


AUDIT = tool("audit")


def pins(lock: str) -> set[tuple[str, str]]:
    found = re.findall(r"^([\w.\-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, re.MULTILINE)
    return {(name, version) for name, version in found}


def test_the_list_of_parts_has_exactly_the_packages_of_the_lock() -> None:
    parts = [(one["name"], one["version"]) for one in json.loads(SBOM.read_text())["components"]]
    assert set(parts) == pins((ROOT / "requirements.lock").read_text())
    assert len(parts) == len(set(parts)) > 30


def test_the_list_of_parts_is_what_make_sbom_writes_now() -> None:
    """Run `make sbom` after a change of requirements.lock; `make lock` does."""
    assert SBOM.read_text() == tool("sbom").made()


def test_the_list_of_parts_is_valid_and_names_no_index() -> None:
    text = SBOM.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert not re.search(r"https?://(?!cyclonedx\.org/schema)", text)
    assert json.loads(text)["metadata"]["component"]["name"] == "receiver"


def test_the_image_has_the_list_where_its_label_says() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    label = re.search(r'LABEL .*sbom="?([^"\s]+)', dockerfile)
    assert label is not None
    assert f"COPY sbom.cdx.json {label[1]}" in dockerfile
    assert "!sbom.cdx.json" in (ROOT / ".dockerignore").read_text().splitlines()
    assert label[1] in (ROOT / "docs" / "security.md").read_text()


class Asked:
    """pip-audit, as it answers; what it was asked for."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.about: list[str] = []
        self.said: list[str] = []

    def __call__(self, lock: Path) -> Any:
        self.about.append(lock.name if lock.name in AUDIT.LOCKS else lock.read_text())
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def audit(self) -> int:
        code: int = AUDIT.audit(self, self.said.append)
        return code


CLEAN = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
UNKNOWN = {"dependencies": [{"name": "a", "skip_reason": "Dependency not found"}]}
KNOWN = {
    "dependencies": [
        {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
    ]
}


def test_without_a_finding_both_locks_were_asked_about() -> None:
    asked = Asked(CLEAN, CLEAN, CLEAN)
    assert asked.audit() == 0
    assert asked.about[1:] == ["requirements.lock", "requirements-dev.lock"]
    assert pins(asked.about[0]) < pins((ROOT / "requirements.lock").read_text())


@pytest.mark.parametrize("answers", [(KNOWN, CLEAN), (CLEAN, KNOWN)], ids=["ours", "tools"])
def test_a_finding_in_either_lock_fails_and_is_named(answers: tuple[Any, Any]) -> None:
    asked = Asked(CLEAN, *answers)
    assert asked.audit() == 1
    assert "audit: b 2: PYSEC-1, fixed in 2.1" in asked.said


@pytest.mark.parametrize("answer", [AUDIT.Unreachable("x"), UNKNOWN], ids=["away", "knows-nothing"])
def test_without_data_it_is_skipped_aloud_after_one_question(answer: Any) -> None:
    asked = Asked(answer)
    assert asked.audit() == 0
    assert asked.said == [
        "audit: SKIPPED, the list of known vulnerabilities cannot be reached from here"
    ]


def test_a_lock_that_is_not_reached_half_way_is_named_and_hides_no_finding() -> None:
    asked = Asked(CLEAN, KNOWN, AUDIT.Unreachable("x"))
    assert asked.audit() == 1
    assert any("SKIPPED requirements-dev.lock" in line for line in asked.said)


def test_what_nobody_knows_is_named() -> None:
    asked = Asked(CLEAN, UNKNOWN, CLEAN)
    assert asked.audit() == 0
    assert any("NOT AUDITED in requirements.lock" in line and ": a" in line for line in asked.said)


def test_a_tool_that_fails_is_no_clean_answer() -> None:
    with pytest.raises(AUDIT.Broken):
        Asked(CLEAN, AUDIT.Broken("a fault")).audit()


def test_ci_runs_the_checks_the_tests_and_the_audit() -> None:
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert {"make check", "make test", "make audit"} <= set(steps)


def test_ruffs_security_rules_are_on_and_nothing_of_them_is_off_for_product_code() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert not [rule for rule in lint["ignore"] if re.fullmatch(r"S\d*", rule)]
    for places, rules in lint["per-file-ignores"].items():
        if places.startswith(("receiver", "jobs", "mappings")):
            assert not [rule for rule in rules if re.fullmatch(r"S\d*|ALL", rule)], places


def product_code() -> Iterator[Path]:
    for package in ("receiver", "jobs", "mappings"):
        yield from (ROOT / package).rglob("*.py")


def test_product_code_exempts_single_lines_by_rule_and_with_a_reason() -> None:
    """No blanket `noqa`, no file without lint; a security rule is waived with its reason."""
    for path in product_code():
        lines = path.read_text("utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            where = f"{path.relative_to(ROOT)}:{number}"
            assert not re.search(r"#\s*(ruff|flake8):\s*noqa", line), where
            found = re.search(r"#\s*noqa(.*)", line)
            if found is None:
                continue
            waived = re.match(r":\s*((?:[A-Z]+\d+(?:,\s*)?)+)(.*)", found[1])
            assert waived, f"{where}: a blanket noqa"
            if re.search(r"\bS\d", waived[1]):
                above = lines[number - 2].strip()
                reason = above if above.startswith("# ") else waived[2].strip(" -#")
                assert len(reason) > 5, f"{where}: {waived[1]} without a reason"


#: Read back what the same process wrote into a file without a name.
UNPICKLES = {"jobs/ledger/spill.py"}


def test_product_code_never_evaluates_text_or_unpickles() -> None:
    forbidden = {"eval", "exec", "compile", "__import__"}
    for path in product_code():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in forbidden, f"{path}:{node.lineno}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                found = {"pickle", "marshal", "shelve", "dill"} & {one.name for one in node.names}
                assert not found or path.relative_to(ROOT).as_posix() in UNPICKLES, path
