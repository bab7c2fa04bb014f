"""compose.yaml and the Dockerfile, as far as they can be judged without a container engine."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.main import get_command

from mappings.engine.loading.load import load, read_directory
from receiver.cli.app import app
from receiver.config.settings import PREFIX, Settings, variable
from receiver.signatures import RULES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {variable(name) for name in Settings.model_fields}


def instructions(word: str) -> list[list[str]]:
    """What follows that word in the Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    return [shlex.split(rest) for rest in re.findall(rf"^{word} (.*)$", joined, re.MULTILINE)]


def test_compose_is_as_the_compose_specification_has_it() -> None:
    schema = json.loads((ROOT / "tests/support/compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(COMPOSE)
    assert not jsonschema.Draft7Validator(schema).is_valid({"services": {"web": {"imag": "x"}}})


def test_every_setting_that_is_given_exists() -> None:
    given = {name for one in OURS for name in SERVICES[one]["environment"]}
    given |= {word.partition("=")[0] for line in instructions("ENV") for word in line}
    named = {name for name in given if name.startswith(PREFIX)}
    assert "RECEIVER_DATABASE_URL" in named
    assert named <= SETTINGS


def test_every_variable_that_it_reads_is_documented() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    read = set(re.findall(r"\$\{(\w+)", TEXT))
    assert {"POSTGRES_PASSWORD", "PYTHON_IMAGE", "POSTGRES_IMAGE", "VALKEY_IMAGE"} <= read
    assert {name for name in read - SETTINGS if name not in page} == set()


def test_the_secret_shown_is_one_of_a_shipped_mapping() -> None:
    shipped = load(read_directory(ROOT / "mappings"), timezone="UTC", schemes=RULES)
    secrets = {name for source in shipped.sources.values() for name in source.secrets}
    page = (ROOT / "docs" / "operating.md").read_text()
    for shown in (
        *re.findall(r"\./secrets/(\w+)", TEXT),
        *re.findall(r"such as (\w+_SECRET)", page),
    ):
        assert shown in secrets


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_held_to_what_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert ("cap_add" in service) == (name == "postgres")


def test_web_and_worker_share_nothing_that_can_be_written() -> None:
    for name in OURS:
        for volume in SERVICES[name]["volumes"]:
            assert volume.endswith(":ro"), (name, volume)
    assert [name for name, one in SERVICES.items() if "postgres:" in str(one.get("volumes"))] == [
        "postgres"
    ]
    assert list(COMPOSE["volumes"]) == ["postgres"]


def test_one_service_builds_the_image_of_all() -> None:
    assert [name for name, one in SERVICES.items() if "build" in one] == ["migrate"]
    assert {SERVICES[name]["image"] for name in OURS} == {"receiver:local"}
    for name in ("web", "worker"):
        assert SERVICES[name]["pull_policy"] == "never"
        assert "migrate" in SERVICES[name]["depends_on"]


def test_every_base_can_be_named_by_its_digest() -> None:
    assert {line[0] for line in instructions("FROM")} == {"${BASE}"}
    assert [line[0].partition("=")[0] for line in instructions("ARG")] == ["BASE"]
    assert SERVICES["migrate"]["build"]["args"]["BASE"].startswith("${PYTHON_IMAGE:-")
    for name in ("postgres", "valkey"):
        assert re.fullmatch(r"\$\{[A-Z_]+:-[\w./:-]+\}", SERVICES[name]["image"])


@pytest.mark.parametrize("name", OURS)
def test_each_command_exists_with_its_options(name: str) -> None:
    word, *options = SERVICES[name]["command"]
    command = get_command(app).commands[word]  # type: ignore[attr-defined]  # typer's own group
    assert set(options) <= {option for param in command.params for option in param.opts}


def test_migrations_wait_for_a_database_that_answers_by_tcp() -> None:
    check = SERVICES["postgres"]["healthcheck"]["test"]
    assert check[check.index("--host") + 1] == "127.0.0.1"
    assert "--wait" in SERVICES["migrate"]["command"]


def test_all_that_the_image_copies_is_there_and_reaches_the_builder() -> None:
    taken = (ROOT / ".dockerignore").read_text().splitlines()
    for words in instructions("COPY"):
        if words[0].startswith("--from"):
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert any(fnmatch.fnmatch(f"!{source}", line) for line in taken), source


def test_where_the_image_looks_and_writes_there_is_something() -> None:
    named = dict(word.split("=", 1) for line in instructions("ENV") for word in line)
    copied = {words[-1] for words in instructions("COPY")}
    [[volume]] = instructions("VOLUME")
    assert named["RECEIVER_MAPPINGS"] in copied
    assert {named["RECEIVER_DATA_DIR"], named["TMPDIR"], named["SQLITE_TMPDIR"]} == {volume}
    assert named["PATH"].startswith("/opt/receiver/bin:")
    assert "/opt/receiver" in copied
    for mounted in SERVICES["web"]["volumes"]:
        where = mounted.split(":")[1]
        secrets = SERVICES["web"]["environment"]["RECEIVER_SECRETS_DIR"]
        assert where in (named["RECEIVER_MAPPINGS"], secrets)
