"""The exceptions that are not bugs, each with a message for the user of the command."""

from __future__ import annotations

from pathlib import Path

from alembic.util import CommandError as AlembicError
from sqlalchemy.exc import DBAPIError

from jobs.common.errors import FilterInvalid, JobsError, is_transient
from jobs.mapping_watch import MappingsRefused
from receiver.cli.common.errors import BEGIN, MISUSE, CommandError
from receiver.config.reading import SettingsInvalid, load_settings
from receiver.config.settings import DEFAULT_MAPPINGS, variable
from receiver.terminal.output import counted

#: Settings that name a folder, the narrower ones first.
FOLDERS = ("mappings", "secrets_dir", "data_dir")


def explanation(error: Exception) -> CommandError | None:
    """The message and the exit code; None for a bug."""
    match error:
        case FilterInvalid() | SettingsInvalid():
            return CommandError(str(error), code=MISUSE)
        case MappingsRefused(problems=problems):
            return CommandError(f"the mappings have {counted(len(problems), 'problem')}:\n{error}")
        case JobsError():
            return CommandError(str(error))
        case AlembicError():
            return CommandError(f"the database cannot be migrated by this version: {error}")
        case OSError(filename=str(name)):
            return CommandError(f"{name}: {error.strerror}{_hint_at_setting(Path(name))}")
        case _:
            return _of_database(error)


def _hint_at_setting(path: Path) -> str:
    """The setting that names this path, or a folder that it is in: what to change."""
    try:
        settings = load_settings()
    except SettingsInvalid:
        return ""
    for field in FOLDERS:
        folder = getattr(settings, field)
        if folder is not None and path.absolute().is_relative_to(folder.absolute()):
            is_begun = path != DEFAULT_MAPPINGS
            return f"; check {variable(field)}" if is_begun else f"; {BEGIN}"
    return ""


def _of_database(error: Exception) -> CommandError | None:
    if is_transient(error):
        where = "check RECEIVER_DATABASE_URL"
        return CommandError(f"the database does not answer: {_first_line(error)}; {where}")
    if isinstance(error, DBAPIError):
        return CommandError(f"the database refused: {_first_line(error)}")
    return None


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return (lines[0] if lines else type(cause).__name__)[:300]
