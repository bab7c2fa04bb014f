"""Secrets and settings: there or not, whom their files let read, and which are for trying only.

Owns those sentences. Refuses to show a value.
"""

from __future__ import annotations

import os
import shlex
import stat
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from mappings.engine.loading.load import MappingSet
from receiver.config.env_file import doubtful_values
from receiver.config.reading import misspelt
from receiver.config.settings import ENV_FILE, Settings
from receiver.health.problem import Finding, Report, note
from receiver.sources.registry import SourceState, known_sources, without_public_url
from receiver.sources.secret_problems import missing_secrets, secret_problems, throwaway_secrets
from receiver.sources.secrets import Secrets


def check_secrets(mappings: MappingSet, secrets: Secrets, now: datetime) -> Report:
    """Whether each source has a secret, of the form that its scheme takes."""
    missing = missing_secrets(mappings, secrets, now=now)
    findings = [
        Finding(f"source {source} has no secret and answers 503", f"set {' or '.join(names)}")
        for source, names in sorted(missing.items())
    ]
    findings += [
        Finding(f"source {one.source}: {one.name} {one.summary}", one.remedy)
        for one in secret_problems(mappings, secrets, now=now)
    ]
    findings += [
        note(
            f"source {source} has the throw-away secret that `receiver up` made for {name}",
            f"set {name} to the vendor's before you count on it",
        )
        for source, name in throwaway_secrets(mappings, secrets)
    ]
    return Report.of(f"{len(mappings.sources)} sources", findings)


def check_settings() -> Report:
    """Whether every RECEIVER_ variable is one that something reads."""
    remediation = "write it as in docs/settings.md, or take it out"
    findings = [note(one, remediation) for one in misspelt()]
    findings += [
        note(one, "docs/settings.md says how .env is read") for one in doubtful_values(ENV_FILE)
    ]
    return Report.of("each is one that is read", findings)


def check_files(settings: Settings, secrets: Secrets) -> Report:
    """Whether our files can be read by us, and by nobody else on this machine."""
    findings = [
        Finding(f"{path} cannot be read", "see RECEIVER_SECRETS_DIR, and who may read it")
        for path in sorted(secrets.unreadable)
    ]
    findings += [
        Finding(
            f"{path} can be read by others on this machine", f"chmod 600 {shlex.quote(str(path))}"
        )
        for path in open_files(settings)
    ]
    return Report.of("files with secrets and payloads are their owner's alone", findings)


def open_files(settings: Settings) -> list[Path]:
    """Our own files of secrets, and of what was delivered, that others can read.

    Another user's files are that user's business: orchestrators mount secrets as they see fit.
    """
    folders = (settings.secrets_dir, settings.made_secrets_dir, settings.paired_secrets_dir)
    paths = [ENV_FILE]
    for folder in folders:
        if folder is not None and folder.is_dir():
            paths += sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and url.database:
        paths.append(Path(url.database))
    return [path for path in paths if _is_open(path)]


def _is_open(path: Path) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    return is_ours and bool(status.st_mode & stat.S_IROTH)


def check_public_url(settings: Settings, mappings: MappingSet, secrets: Secrets) -> Report:
    """Whether it is known what vendors call, where they sign that."""
    tried = {source for source, _ in throwaway_secrets(mappings, secrets)}
    known = known_sources(mappings, secrets)
    remediation = "set RECEIVER_PUBLIC_URL to what it calls"
    findings = [
        Finding(
            f"the vendor of {name} signs the URL, and nothing says what it calls",
            remediation,
            is_problem=name not in tried,
        )
        for name in without_public_url(known.values(), settings)
        if known[name].state is SourceState.READY
    ]
    base = settings.public_url or (
        "not set" if findings else "not set, and no source in use needs it"
    )
    return Report.of(f"RECEIVER_PUBLIC_URL: {base}", findings)
