"""Secrets and settings: whether they are set, who can read their files, and which are throw-away.

Owns their wording. Refuses to show a value.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from jobs.common.problem import Problem, note
from receiver.config.env_file import doubtful_values
from receiver.config.reading import misspelt
from receiver.config.settings import ENV_FILE, Settings
from receiver.health.check import CheckContext, CheckResult
from receiver.sources.registry import SourceState, known_sources, without_public_url
from receiver.sources.rotation import endings_now
from receiver.sources.secret_problems import missing_secrets, secret_problems, throwaway_secrets
from receiver.sources.secrets import Secrets


async def check_secrets(context: CheckContext) -> CheckResult:
    """Whether each source has a secret, of the form that its scheme takes."""
    mappings, secrets, now = context.mappings, context.secrets, datetime.now(UTC)
    missing = missing_secrets(mappings, secrets, now=now)
    problems = [
        Problem(f"source {source} has no secret and answers 503", f"set {' or '.join(names)}")
        for source, names in sorted(missing.items())
    ]
    problems += [
        Problem(f"source {secret.source}: {secret.name} {secret.summary}", secret.remedy)
        for secret in secret_problems(mappings, secrets, now=now)
    ]
    problems += [
        note(
            f"source {source} has a throw-away secret that `receiver up` made",
            f"set {name} to the vendor's secret before you go live",
        )
        for source, name in throwaway_secrets(mappings, secrets)
    ]
    return CheckResult(f"sources: {len(mappings.sources)}", problems)


async def check_settings(_context: CheckContext) -> CheckResult:
    """Whether every RECEIVER_ variable is one that something reads."""
    return await asyncio.to_thread(_check_settings)


def _check_settings() -> CheckResult:
    remediation = "write it as in docs/settings.md, or take it out"
    problems = [note(warning, remediation) for warning in misspelt()]
    problems += [
        note(warning, "see docs/settings.md for how .env is read")
        for warning in doubtful_values(ENV_FILE)
    ]
    return CheckResult("every RECEIVER_ variable is known", problems)


async def check_files(context: CheckContext) -> CheckResult:
    """Whether our files can be read by us, and by no other user of this machine."""
    return await asyncio.to_thread(_check_files, context.settings, context.secrets)


def _check_files(settings: Settings, secrets: Secrets) -> CheckResult:
    problems = [
        Problem(f"{path} cannot be read", "see RECEIVER_SECRETS_DIR, and who may read it")
        for path in sorted(secrets.unreadable)
    ]
    problems += [
        Problem(
            f"{path} can be read by others on this machine",
            "leave it to its owner",
            commands=(f"chmod 600 {shlex.quote(str(path))}",),
        )
        for path in open_files(settings)
    ]
    return CheckResult("only the owner can read the files with secrets and payloads", problems)


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


async def check_rotation(context: CheckContext) -> CheckResult:
    """Whether a secret is still used shortly before it ends."""
    endings = await endings_now(context.mappings, context.database)
    return CheckResult(
        "no secret in use ends soon",
        [
            Problem(f"source {ending.source}: {ending}", "see docs/mappings.md, verify")
            for ending in endings
        ],
    )


async def check_public_url(context: CheckContext) -> CheckResult:
    """Whether it is known what vendors call, where they sign that."""
    settings, mappings, secrets = context.settings, context.mappings, context.secrets
    tried = {source for source, _ in throwaway_secrets(mappings, secrets)}
    known = known_sources(mappings, secrets)
    remediation = "set RECEIVER_PUBLIC_URL to the base URL that vendors call"
    problems = [
        Problem(
            f"the vendor of {name} signs the URL that it calls, which is not set",
            remediation,
            severity="note" if name in tried else "problem",
        )
        for name in without_public_url(known.values(), settings)
        if known[name].state is SourceState.READY
    ]
    base = settings.public_url or (
        "not set" if problems else "not set, and no source in use needs it"
    )
    return CheckResult(f"RECEIVER_PUBLIC_URL: {base}", problems)
