"""The alert rules that we ship: well formed, on metrics that exist, one for each check."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.audits.auditor import AUDITS
from jobs.common.states import DeliveryState
from receiver.app import WebProcess
from receiver.cli.app import COMMANDS
from receiver.config.settings import Settings
from receiver.health.metrics import Metrics
from receiver.health.registry import NAMES
from receiver.sources.secrets import Secrets

FILE = Path(__file__).parents[1] / "docs" / "alerts.yaml"
#: It only ever finds what is worth knowing, which wakes no one.
NOTES_ALONE = {"paths", "rules", "settings"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(FILE.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def samples() -> set[str]:
    """The names under which each metric is scraped."""
    found = set()
    for metric in Metrics().registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        found |= {metric.name + suffix for suffix in suffixes.get(metric.type, [""])}
    return found


def selectors() -> Iterator[tuple[str, str]]:
    """Each `label="value"` of each expression."""
    for rule in rules():
        yield from re.findall(r'(\w+)="([^"]*)"', rule["expr"])


def test_the_file_is_shaped_as_prometheus_takes_it() -> None:
    top = yaml.safe_load(FILE.read_text("utf-8"))
    assert list(top) == ["groups"]
    names = [group["name"] for group in top["groups"]]
    assert len(names) == len(set(names))
    assert all(group.keys() == {"name", "rules"} for group in top["groups"])
    for rule in rules():
        assert {"alert", "expr", "labels", "annotations"} <= rule.keys()
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        for opening, closing in ("()", "{}", "[]"):
            assert rule["expr"].count(opening) == rule["expr"].count(closing)
    alerts = [rule["alert"] for rule in rules()]
    assert len(alerts) == len(set(alerts))


def test_every_metric_in_a_rule_is_exposed() -> None:
    named = {name for rule in rules() for name in re.findall(r"receiver_\w+", rule["expr"])}
    assert named
    assert named <= samples()


def test_every_check_has_its_rule_and_no_rule_another_check() -> None:
    assert {rule["labels"]["check"] for rule in rules()} == set(NAMES) - NOTES_ALONE


def test_every_value_that_a_rule_looks_for_can_be_exposed(tmp_path: Path) -> None:
    process = WebProcess(Settings(data_dir=tmp_path), secrets=Secrets(environ={}))
    known: dict[str, set[str]] = {
        "check": set(process.health.names),
        "audit": set(AUDITS),
        "state": set(DeliveryState),
        "source": {"unknown"},
    }
    for label, value in selectors():
        assert value in known[label], f'{label}="{value}"'


def test_every_audit_has_its_rule() -> None:
    assert {value for label, value in selectors() if label == "audit"} == set(AUDITS)


def test_every_setting_and_command_named_in_a_rule_exists() -> None:
    text = FILE.read_text("utf-8")
    known = {f"RECEIVER_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"RECEIVER_[A-Z_]+", text)) <= known
    commands = {name for names in COMMANDS.values() for name in names}
    assert set(re.findall(r"`receiver ([a-z]+)", text)) <= commands


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_file() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(FILE)], check=False)
    assert done.returncode == 0
