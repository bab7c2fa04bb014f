"""`new`: a starting mapping file for a source."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

import mappings
from mappings.engine.load import RESERVED_FILES, load
from mappings.engine.pricing.catalogue import FILE as AGENTS_FILE
from mappings.engine.rules.model import SourceName
from receiver.cli.output import Output
from receiver.cli.session import Session
from receiver.cli.trouble import MISUSE, Trouble
from receiver.signatures import RULES
from receiver.sourcelist import source_url
from receiver.starting import (
    AGENTS_TEXT,
    EXAMPLE,
    GENERIC,
    first_billable,
    known_scheme,
    secret_name,
    starting_text,
)


def new(source: str, *, scheme: str | None, as_json: bool) -> None:
    """Write SOURCE.yaml, and agents.yaml where there is none; overwrite nothing."""
    session, out = Session(), Output(as_json=as_json)
    _refuse_bad_name(source)
    scheme = scheme or (source if known_scheme(source) else None)
    _refuse_unknown_scheme(scheme, source)
    folder = session.settings.mappings
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_known(session, source)
    written = [_write(folder / AGENTS_FILE, AGENTS_TEXT)] if _lacks_agents(folder) else []
    billable = first_billable(session.edited.catalogue) or EXAMPLE
    url = source_url(session.settings, source)
    text = starting_text(source=source, scheme=str(scheme), url=url, billable=billable)
    written.append(_write(folder / f"{source}.yaml", text))
    for path in _ready_made(str(scheme)):
        out.say(f"a ready-made mapping for {scheme}, to copy instead: {path}")
    _tell(session, out, source, url, written)


def _refuse_bad_name(source: str) -> None:
    try:
        TypeAdapter(SourceName).validate_python(source)
    except ValidationError as error:
        said = error.errors()[0]["ctx"]
        raise Trouble(f"{said['message']} {said['remedy']}", code=MISUSE) from None
    if f"{source}.yaml" in RESERVED_FILES:
        message = f"{source}.yaml is no mapping file; give the source another name"
        raise Trouble(message, code=MISUSE)


def _refuse_unknown_scheme(scheme: str | None, source: str) -> None:
    if scheme is not None and known_scheme(scheme):
        return
    names = list(RULES.names())
    wanted = scheme or source
    near = [name for name in names if name.startswith(wanted)]
    near = near or difflib.get_close_matches(wanted, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    what = f"there is no scheme {scheme!r}" if scheme else "say how it signs with --scheme"
    raise Trouble(f"{what}; {hint}", code=MISUSE)


def _refuse_known(session: Session, source: str) -> None:
    found = session.edited.sources.get(source)
    if found is not None:
        raise Trouble(f"source {source} is in {found.file} already; nothing was written")


def _lacks_agents(folder: Path) -> bool:
    return not (folder / AGENTS_FILE).exists()


def _ready_made(scheme: str) -> list[Path]:
    """The mappings of the library, where it is installed, that are for this scheme."""
    if scheme in GENERIC:
        return []
    library = Path(mappings.__file__).parent / "library"
    line = re.compile(rf"^\s*scheme: {re.escape(scheme)}\b(?!-)", re.MULTILINE)
    return [path for path in sorted(library.glob("*.yaml")) if line.search(path.read_text("utf-8"))]


def _write(path: Path, text: str) -> Path:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Trouble(f"{path} exists already; nothing is overwritten") from None
    return path


def _tell(session: Session, out: Output, source: str, url: str, written: list[Path]) -> None:
    secret = secret_name(source)
    if out.as_json:
        paths = [str(path) for path in written]
        out.json({"source": source, "url": url, "secret": secret, "written": paths})
    for path in written:
        out.line(f"written: {path}")
    out.line(f"URL to enter at the vendor: {url}")
    out.line(f"secret to set here: {secret}")
    out.line("next: `receiver sources` says what is still missing; the file says the rest")
    loaded = load(session.files(), timezone=session.timezone, schemes=RULES)
    for problem in loaded.problems:
        if problem.file == f"{source}.yaml":
            out.say(f"to mend: {problem}")
