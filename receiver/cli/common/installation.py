"""Which service a command speaks to: the one that runs on this data directory, or the settings.

Owns that choice. A `receiver up` of one terminal is found from another, with the URL,
port, database and mappings that it was started with. Refuses a mixture of a running service and an
environment that names something else, with a message that names the choices.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import make_url

from receiver.cli.common.errors import MISUSE, CommandError
from receiver.config.data_dir import DEMO, is_demo
from receiver.config.reading import load_settings
from receiver.config.settings import ENV_FILE, Settings, variable
from receiver.local.running_service import RunningService, running_service
from receiver.terminal.output import Output

#: What makes a service another one. Of all else the running service's values count, but for the
#: mappings: edited copies are checked and tried beside it.
IDENTITY = ("database_url", "redis_url")
CHOSEN_HERE = ("mappings",)


def settings_here() -> Settings:
    """The settings of the running service, else those of environment and `.env`.

    Raises CommandError for a mixture.
    """
    own = load_settings()
    running = running_service(own.data_dir)
    if running is not None:
        if not running.is_demo:
            _refuse_another_service(own, running)
    elif is_demo(own.data_dir):
        refuse_demo_environment(own, running_service(own.data_dir.absolute().parent))
    else:
        running = running_service(own.data_dir / DEMO)
        if running is not None:
            _refuse_beside_demo(own, running)
    if running is None:
        return own
    if running.is_demo:
        Output().say(f"this is the demo, which runs on {short(running.settings.data_dir)}")
    kept = {name: getattr(own, name) for name in CHOSEN_HERE if name in own.model_fields_set}
    return running.settings.model_copy(update=kept)


def refuse_demo_environment(own: Settings, running: RunningService | None) -> None:
    """CommandError where the environment is the demo's and `running` is another service."""
    if running is not None and not running.is_demo:
        raise CommandError(
            f"RECEIVER_DATA_DIR={own.data_dir} is the demo's, and {running.name} runs. Open a new"
            " terminal, or unset RECEIVER_DATA_DIR and the demo's other variables, to use that one;"
            " stop it to look at the demo's database",
            code=MISUSE,
        )


def refuse_demo_directory(settings: Settings) -> None:
    """CommandError where `receiver up` would serve the demo's database as a real one."""
    names = [
        variable(name)
        for name, folder in (
            ("data_dir", settings.data_dir),
            ("database_url", _folder_of_database(settings) if settings.database_url else None),
        )
        if folder is not None and is_demo(folder)
    ]
    if names:
        raise CommandError(
            f"{' and '.join(names)} {'name' if len(names) > 1 else 'names'} the demo's directory,"
            " and `receiver up` serves no invented revenue. Open a new terminal without the demo's"
            f" variables, or `unset {' '.join(names)}`; `receiver up --demo` runs the demo",
            code=MISUSE,
        )


def short(path: Path) -> str:
    """The path as a person would write it from here."""
    return min(os.path.relpath(path), str(path), key=len)


def _refuse_another_service(own: Settings, running: RunningService) -> None:
    for name in IDENTITY:
        here = getattr(own, name)
        if name in own.model_fields_set and here and here != getattr(running.settings, name):
            raise CommandError(
                f"{variable(name)} {_set_where(name)} is not that of {running.name}. Unset it to"
                " use the running service, or set RECEIVER_DATA_DIR to another directory to use"
                " what it names",
                code=MISUSE,
            )


def _refuse_beside_demo(own: Settings, demo: RunningService) -> None:
    """The demo's revenue is invented: it is never shown where another ledger may be meant."""
    folder = _folder_of_database(own)
    if own.database_url:
        what = f"{variable('database_url')} {_set_where('database_url')} names another database"
    elif folder is not None and (folder / "receiver.db").exists():
        what = f"there is a database in {short(folder)} too"
    else:
        return
    raise CommandError(
        f"{demo.name} runs, and {what}. Stop the demo (Ctrl-C in its terminal) to use that"
        f" database, or set RECEIVER_DATA_DIR={short(demo.settings.data_dir)} to use the demo",
        code=MISUSE,
    )


def _folder_of_database(settings: Settings) -> Path | None:
    """The folder of a SQLite file; None for any other database."""
    url = make_url(settings.database)
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(url.database).parent if is_file and url.database else None


def _set_where(name: str) -> str:
    return "in the environment" if os.environ.get(variable(name)) else f"in {ENV_FILE}"
