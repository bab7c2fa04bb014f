"""Write a commented mapping file to start from, in shadow mode; overwrite nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from mappings.engine.common.suggest import completed
from mappings.engine.loading.load import RESERVED_FILES, load
from mappings.engine.pricing.catalogue import FILE as AGENTS_FILE
from mappings.engine.rules.model import SourceName
from mappings.engine.tooling.examples import run_examples
from receiver.authoring.folder import schema_files
from receiver.authoring.library import ReadyMade, for_scheme, library
from receiver.authoring.pricelist import extended, priced_text
from receiver.authoring.scaffold import (
    AGENTS_TEXT,
    EXAMPLE,
    WITHOUT_PRESET,
    Billable,
    billables,
    known_scheme,
    preset_of,
    secret_name,
    starting_text,
)
from receiver.cli.common import options as arg
from receiver.cli.common.consent import can_ask
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.files import write_new
from receiver.cli.common.ready_made import entry_of
from receiver.cli.common.session import Session
from receiver.signatures import RULES
from receiver.sources.listing import source_url
from receiver.terminal.output import Output

Wanted = tuple[str | None, str | None]


EXAMPLES = ("receiver new desk --scheme hmac", "receiver new stripe --from stripe")


def new(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The new source's name.")],
    scheme: Annotated[
        str | None,
        typer.Option(help="Its signature scheme, such as zendesk or hmac; SOURCE by default."),
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="ENTRY", help="Copy this ready-made mapping, its tables and examples."
        ),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="The agent of the outcome; asked on a terminal by default.")
    ] = None,
    indicator: Annotated[
        str | None, typer.Option(help="The indicator; the agent's first by default.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Write SOURCE.yaml, and agents.yaml if there is none; or copy a ready-made mapping."""
    if entry is None:
        _new_from_scheme(source, scheme, (agent, indicator), as_json=as_json)
        return
    for option, value in {"--scheme": scheme, "--agent": agent, "--indicator": indicator}.items():
        if value is not None:
            raise CommandError(f"--from brings its own; leave out {option}", code=MISUSE)
    _copy_entry(source, entry, as_json=as_json)


def _new_from_scheme(source: str, scheme: str | None, wanted: Wanted, *, as_json: bool) -> None:
    """Write a mapping file for the scheme."""
    session, out = Session(), Output(as_json=as_json)
    _refuse_bad_name(source)
    scheme = scheme or (source if known_scheme(source) else None)
    _refuse_unknown_scheme(scheme, source)
    scheme = str(scheme)
    folder = _folder(session)
    _refuse_known(session, source)
    _refuse_existing(folder / f"{source}.yaml")
    agents = {} if (folder / AGENTS_FILE).exists() else {AGENTS_FILE: AGENTS_TEXT}
    among = [EXAMPLE] if agents else billables(session.edited.catalogue)
    billable = _billable(out, among, wanted, scheme)
    url = source_url(session.settings, source)
    takes_path = getattr(preset_of(scheme), "takes_path", False)
    text = starting_text(
        source=source,
        scheme=scheme,
        url=f"{url}/<{secret_name(source)}>" if takes_path else url,
        billable=billable,
        among=among,
    )
    written = _write_all(folder, {**agents, f"{source}.yaml": text, **_missing_schemas(folder)})
    _report(session, out, source, (secret_name(source),), written)
    named = [entry for name, entry in library().items() if name == source]
    for entry in for_scheme(scheme) or named:
        out.say(
            f"there is a ready-made mapping for {entry.scheme}; to have it instead, remove"
            f" {folder / source}.yaml and run `receiver new {source} --from {entry.name}`"
        )


def _copy_entry(source: str, name: str, *, as_json: bool) -> None:
    """Copy the entry of that name under the source's, with all that belongs to it.

    Existing tables, examples and prices stay unchanged.
    """
    session, out = Session(), Output(as_json=as_json)
    _refuse_bad_name(source)
    entry = entry_of(name)
    if len(entry.sources) != 1:
        message = f"{name} has several sources; copy it with `receiver init DIR --with {name}`"
        raise CommandError(message, code=MISUSE)
    entry = entry.under(source)
    folder = _folder(session)
    _refuse_known(session, source)
    _refuse_existing(folder / entry.file)
    kept = [folder / file for file in entry.files if (folder / file).exists()]
    missing = {file: body for file, body in entry.files.items() if folder / file not in kept}
    written = _write_all(folder, {entry.file: entry.text, **missing, **_missing_schemas(folder)})
    written += _add_prices(out, folder / AGENTS_FILE, entry)
    _report(session, out, source, entry.secrets, written)
    for path in kept:
        out.say(f"kept as it is: {path}")


def _folder(session: Session) -> Path:
    folder = session.settings.mappings
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _refuse_bad_name(source: str) -> None:
    try:
        TypeAdapter(SourceName).validate_python(source)
    except ValidationError as error:
        fault = error.errors()[0]["ctx"]
        raise CommandError(f"{fault['message']} {fault['remedy']}", code=MISUSE) from None
    if f"{source}.yaml" in RESERVED_FILES:
        message = f"{source}.yaml is no mapping file; give the source another name"
        raise CommandError(message, code=MISUSE)


def _refuse_unknown_scheme(scheme: str | None, source: str) -> None:
    if scheme is not None and known_scheme(scheme):
        return
    names = list(RULES.names())
    wanted = scheme or source
    near = completed(wanted, names)
    hint = f"did you mean {' or '.join(near)}?" if near else "`receiver schemes` lists all."
    what = f"there is no scheme {scheme!r}" if scheme else "say how it signs with --scheme"
    ready = [name for name in library() if name.startswith(wanted)]
    copied = f" A ready-made mapping: --from {' or --from '.join(ready)}" if ready else ""
    raise CommandError(f"{what}; {hint}{copied} {WITHOUT_PRESET}", code=MISUSE)


def _refuse_known(session: Session, source: str) -> None:
    found = session.edited.sources.get(source)
    if found is not None:
        raise CommandError(f"source {source} is in {found.file} already; nothing was written")


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise CommandError(f"{path} exists already; nothing is overwritten")


def _billable(out: Output, among: list[Billable], wanted: Wanted, scheme: str) -> Billable | None:
    """What the rule bills: as wanted, what alone has a price, as typed; else that of the vendor."""
    agent, indicator = wanted
    if agent or indicator:
        return _of_names(among, agent, indicator)
    if len(among) < 2:  # noqa: PLR2004 - a choice takes two
        return among[0] if among else EXAMPLE
    if can_ask() and not out.as_json:
        return _chosen(out, among)
    pairs = {
        Billable(agent, indicator)
        for entry in for_scheme(scheme)
        for agent, prices in entry.prices.items()
        for indicator in prices["indicators"]
    }
    return next((one for one in among if one in pairs), None)


def _of_names(among: list[Billable], agent: str | None, indicator: str | None) -> Billable:
    for one in among:
        if agent in (None, one.agent) and indicator in (None, one.indicator):
            return one
    listed = ", ".join(f"{one.agent} {one.indicator}" for one in among) or "none"
    raise CommandError(
        f"{AGENTS_FILE} has no such agent and indicator with a fixed price; there are {listed}",
        code=MISUSE,
    )


def _chosen(out: Output, among: list[Billable]) -> Billable | None:
    """The one whose number is typed; None for any other answer."""
    for number, one in enumerate(among, 1):
        out.say(f"  {number}  {one.agent} · {one.indicator}")
    answer = out.ask("Whose outcome is it? A number, or nothing to write it later: ")
    is_number = answer.isascii() and answer.isdigit() and 0 < int(answer) <= len(among)
    return among[int(answer) - 1] if is_number else None


def _missing_schemas(folder: Path) -> dict[str, str]:
    """What the first lines of the files written name."""
    return {name: text for name, text in schema_files().items() if not (folder / name).exists()}


def _write_all(folder: Path, files: Mapping[str, str | bytes]) -> list[Path]:
    for name, text in files.items():
        write_new(folder / name, text.encode() if isinstance(text, str) else text)
    return [folder / name for name in files]


def _add_prices(out: Output, path: Path, entry: ReadyMade) -> list[Path]:
    """Give agents.yaml the prices that the entry needs and that it lacks."""
    if not path.exists():
        write_new(path, priced_text(entry.prices).encode())
        return [path]
    text = path.read_text("utf-8")
    longer = extended(text, entry.prices)
    if longer is None:
        out.say(f"prices to copy into {path} where they are missing:\n{priced_text(entry.prices)}")
    elif longer != text:
        path.write_text(longer, "utf-8")
        out.say(f"prices were added to {path}; write your own there")
    return []


def _report(
    session: Session, out: Output, source: str, secrets: tuple[str, ...], written: list[Path]
) -> None:
    url = source_url(session.settings, source)
    if out.as_json:
        paths = [str(path) for path in written]
        out.json({"source": source, "url": url, "secret": secrets[0], "written": paths})
    for path in written:
        out.line(f"written: {path}")
    out.line(f"URL to enter at the vendor: {url}")
    out.line(f"secret to set here: {', '.join(secrets)}")
    out.line("next: `receiver sources` lists what is still missing; the file explains the rest")
    files = session.files()
    loaded = load(files, timezone=session.timezone, schemes=RULES)
    for problem in (*loaded.problems, *run_examples(loaded, files)):
        if problem.file == f"{source}.yaml":
            out.say(f"to fix: {problem}")
