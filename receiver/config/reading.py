"""Settings as the environment and `.env` give them.

Owns which of the two counts, and every error and warning about a variable: it names the variable
and what to write instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mappings.engine.common.suggest import nearest
from receiver.config.env_file import read_env_file
from receiver.config.settings import ENV_FILE, PREFIX, Settings, variable

#: Set by `receiver up` for its own children, not by an operator.
INTERNAL_PREFIX = "RECEIVER_UP_"
#: Variables of earlier versions and the name of each now. The old ones are never read.
RENAMED: Mapping[str, str] = {
    "RECEIVER_NOTIFY_URL": "RECEIVER_ALERT_URL",
    "RECEIVER_NOTIFY_FORMAT": "RECEIVER_ALERT_FORMAT",
    "RECEIVER_NOTIFY_SECRET": "RECEIVER_ALERT_SECRET",
    "RECEIVER_OLDEST_OUTCOME_DAYS": "RECEIVER_MAX_OUTCOME_AGE_DAYS",
    "RECEIVER_HEAD_TIMEOUT_SECONDS": "RECEIVER_HEADER_TIMEOUT_SECONDS",
    "RECEIVER_BODIES_IN_MEMORY_BYTES": "RECEIVER_BODY_BUFFER_BYTES",
}


class SettingsInvalid(Exception):
    """Invalid settings; each line names a variable and what to write instead."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def load_settings(env_file: Path | None = ENV_FILE, **given: Any) -> Settings:
    """Read environment and `.env`; raise SettingsInvalid naming every error at once.

    `given` (field names) goes before both, as options of the command line do.
    """
    try:
        return Settings(_env_file=None, **(_from_file(env_file) | given))
    except ValidationError as error:
        raise SettingsInvalid(_line(dict(fault)) for fault in error.errors()) from None


def _from_file(env_file: Path | None) -> dict[str, str]:
    """The fields that the file sets and the environment does not."""
    try:
        found = read_env_file(env_file)
    except (OSError, ValueError):
        line = f"{env_file} cannot be read: it must be UTF-8 text, readable by this user"
        raise SettingsInvalid([line]) from None
    in_environment = {name.upper() for name, value in os.environ.items() if value}
    in_file = {name.upper(): value for name, value in found.items() if value}
    names = {name: variable(name) for name in Settings.model_fields}
    return {
        name: in_file[known]
        for name, known in names.items()
        if known in in_file and known not in in_environment
    }


def misspelt(
    environ: Mapping[str, str] | None = None, env_file: Path | None = ENV_FILE
) -> list[str]:
    """A warning for each RECEIVER_ variable that is no setting, with the nearest one."""
    known = [variable(name) for name in Settings.model_fields]
    in_environment = os.environ if environ is None else environ
    names = {name.upper() for name in (*in_environment, *read_env_file(env_file))}
    return [
        _unread(name, known)
        for name in sorted(names)
        if name.startswith(PREFIX) and not name.startswith(INTERNAL_PREFIX) and name not in known
    ]


def _unread(name: str, known: list[str]) -> str:
    if name in RENAMED:
        return f"{name} is called {RENAMED[name]} now and is not read under its old name"
    near = nearest(name, known)
    return f"{name} is no setting" + (f"; did you mean {near}?" if near else " and is not read.")


def _line(error: dict[str, Any]) -> str:
    """One error in words. The value is left out where it may hold a password."""
    name = str(error["loc"][0])
    field = Settings.model_fields[name]
    value = f" is {str(error['input'])[:80]!r}:" if field.repr else ":"
    message = str(error["msg"]).removeprefix("Value error, ")
    example = f"{variable(name)}={(field.examples or [''])[0]}"
    return f"{variable(name)}{value} {message}. Write for example {example}"
