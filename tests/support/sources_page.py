"""docs/sources.md and docs/vendors.md, made of the schemes, docs/vendors.yaml and the mappings.

`python -m tests.support.sources_page` writes both, what the schemes know into vendors.yaml, and the
tables of schemes in docs/schemes.md and docs/security.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from receiver.signatures import PRESETS
from receiver.signatures.describing import Description, all_described, describe
from tests.support.markdown import ROOT
from tests.support.scheme_tables import captured_table, presets_table

DOCS = ROOT / "docs"
PAGE = DOCS / "sources.md"
FACTS = DOCS / "vendors.yaml"
NOT_FOUND = DOCS / "not-found.yaml"
TABLE = DOCS / "vendors.md"
SCHEMES = DOCS / "schemes.md"
SECURITY = DOCS / "security.md"

_HEAD = """\
# Every source, in six lines each

Where to click, the URL, the secret, the response, the vendor's retries, and its quirks. Answers,
retries and windows of all are in [one table](vendors.md), what their signatures cover in
[the table of schemes](schemes.md); [the first afternoon](first-source.md) has every step. This page
is generated from `docs/vendors.yaml` and the schemes; (?) marks unconfirmed facts. Click paths and
links were not all checked again, and vendors change them: if one differs, the vendor's own
documentation is right.

`HOST` is the https host that the vendor can reach, yours or a tunnel's; `SOURCE` is the name
in your mapping. `receiver sources` prints the URL to paste.
"""

_NOT_FOUND_HEAD = """\
## Not found

No public source describes how the webhooks of these vendors are verified, so there is no preset
for them. This list is generated from `docs/not-found.yaml`.

| vendor | what was read | what it states | how to connect it |
|---|---|---|---|
"""

_TABLE_HEAD = """\
# Expected responses and retries of each vendor

Every preset, with the page that has the facts and the month in which it was looked up. (?)
marks unconfirmed facts; `not documented` is what no public page has. Nothing is guessed.

- **asks for**: the response that the vendor's documentation requires for an accepted delivery.
- **is answered**: the receiver's response; the same for a repeat unless it is named.
- **sends again for**: the time from the first request to the last retry.
- **time of a retry**: a few vendors sign once and repeat the same request. Their window
  covers all retries and a margin, since a narrow one would refuse every retry. It is no wider
  ahead of this service's clock.
- **window**: how old a signed request may be: 300 s, or as the vendor's own code accepts. A wide
  window accepts a captured request for longer, but it still bills nothing: the same bytes, or the
  same signed id, are a repeat ([security](security.md)). `tolerance_seconds` in the mapping sets
  another window, in both directions.

| preset | asks for | is answered | sends again for | time of a retry | window | documentation |
|---|---|---|---|---|---|---|
"""


@cache
def vendors() -> dict[str, dict[str, str]]:
    """The facts of each preset, by its name."""
    # As text: nothing in it is a number or a date.
    text = FACTS.read_text("utf-8")
    found: dict[str, dict[str, str]] = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - text only
    return found


@cache
def not_found() -> dict[str, dict[str, str]]:
    """What was read of each vendor that has no preset, by its name."""
    text = NOT_FOUND.read_text("utf-8")
    found: dict[str, dict[str, str]] = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - text only
    return found


@cache
def mapping_files() -> dict[Path, dict[str, Any]]:
    """The shipped mappings, those in use first: path from the root, and the file's content."""
    paths = [*sorted((ROOT / "mappings").glob("*.yaml"))]
    paths += sorted((ROOT / "mappings" / "library").glob("*.yaml"))
    read = {path.relative_to(ROOT): yaml.safe_load(path.read_text("utf-8")) for path in paths}
    return {path: said for path, said in read.items() if "verify" in said}


def set_up_pages() -> dict[str, Path]:
    """The page of each preset that has one: that page links a mapping of the preset."""
    return {
        said["verify"]["scheme"]: page
        for page in sorted((DOCS / "sources").glob("*.md"))
        for path, said in mapping_files().items()
        if f"(../../{path.as_posix()})" in page.read_text("utf-8")
    }


def as_page() -> str:
    """The whole page."""
    said, pages, mappings = vendors(), set_up_pages(), mapping_files()
    named = sorted({page.stem for page in pages.values()})
    parts = [_HEAD, "These have a page with every command: ", ""]
    parts[1] += ", ".join(f"[{name}](sources/{name}.md)" for name in named) + "."
    for one in sorted(all_described(), key=lambda found: found.vendor.casefold()):
        ready = [path for path, file in mappings.items() if file["verify"]["scheme"] == one.scheme]
        parts += [*_section(one, said[one.scheme], ready, pages.get(one.scheme)), ""]
    return "\n".join(parts) + "\n" + _not_found_table()


def _not_found_table() -> str:
    rows = (
        (vendor, said["looked"], said["found"], said["instead"])
        for vendor, said in sorted(not_found().items(), key=lambda one: one[0].casefold())
    )
    cells = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return _NOT_FOUND_HEAD + "".join(f"| {row} |\n" for row in cells)


def _section(
    one: Description, said: dict[str, str], ready: list[Path], page: Path | None
) -> Iterator[str]:
    links = [f"[every step](sources/{page.name})"] if page else []
    links += [f"mapping [{path.name}](../{path.as_posix()})" for path in ready]
    yield f"## {one.vendor}"
    yield ""
    yield " · ".join([f"`{one.scheme}`", *links])
    yield ""
    yield f"- **Where**: {said['where']} [Its documentation]({said['docs']})."
    yield f"- **URL**: {_url(one)}"
    yield f"- **Secret**: {said['secret']} Verified by: `{one.header}`, {one.strength}."
    yield f"- **Answer**: {_asked(said['answer'])}; it gets {one.answer}."
    yield f"- **Sends again**: {said['retries']}"
    yield f"- **Quirks**: {_quirks(one, said['quirks'])}"


def _asked(answer: str) -> str:
    if answer.startswith("not documented"):
        return "the required response is not documented"
    return f"it asks for {answer}"


def _url(one: Description) -> str:
    url = "`HOST/webhooks/SOURCE`"
    if one.header.startswith("URL: last part"):
        parameter = one.header.partition("?")[2]
        return f"`HOST/webhooks/SOURCE/SECRET`, or `HOST/webhooks/SOURCE?{parameter}SECRET`."
    if "URL" in one.signed:
        return f"{url}, exactly: it is signed, so set `RECEIVER_PUBLIC_URL` to `HOST`."
    return f"{url}."


def _quirks(one: Description, quirks: str) -> str:
    remarks = f" {one.remarks[:1].upper()}{one.remarks[1:]}." if one.remarks else ""
    window = f" Its clock may differ from this service's by {one.window}."
    if one.expires:
        window = f" A request is accepted {one.window}."
    elif one.retries_keep_time:
        window = (
            f" Its retries keep the first signed time, so a request is accepted for {one.window}."
        )
    return quirks + remarks + (window if one.window != "none" else "")


def as_table() -> str:
    """docs/vendors.md: answer, retry span and window of every preset, with source and date."""
    rows = [
        (
            f"`{one.scheme}`",
            said["answer"],
            one.answer,
            one.retry_span,
            _kept(one),
            one.window,
            f"[{one.vendor}]({said['docs']}), {said['checked']}",
        )
        for one in all_described()
        for said in (vendors()[one.scheme],)
    ]
    cells = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return _TABLE_HEAD + "".join(f"| {row} |\n" for row in cells)


def _kept(one: Description) -> str:
    if one.window_seconds is None:
        return "no time is judged"
    if one.retries_keep_time is None:
        return "not documented"
    return "the first" if one.retries_keep_time else "its own"


def with_table(page: Path, table: str) -> str:
    """The page with that table in the place of the one that has its head."""
    lines, head = page.read_text("utf-8").splitlines(), table.partition("\n")[0]
    start = lines.index(head)
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("|"))
    return "\n".join([*lines[:start], *table.splitlines(), *lines[end:], ""])


def as_facts() -> str:
    """docs/vendors.yaml with what the schemes know of each preset written into it."""
    lines: list[str] = []
    name = ""
    for line in FACTS.read_text("utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            lines += _known(name)
            name = line.removesuffix(":")
        if not line.startswith(("  retry_span:", "  window:")):
            lines.append(line)
    return "\n".join([*lines, *_known(name), ""])


def _known(name: str) -> list[str]:
    if name not in PRESETS:
        return []
    one = describe(PRESETS[name])
    return [f"  retry_span: {one.retry_span}", f"  window: {one.window}"]


if __name__ == "__main__":
    FACTS.write_text(as_facts(), "utf-8")
    vendors.cache_clear()
    PAGE.write_text(as_page(), "utf-8")
    TABLE.write_text(as_table(), "utf-8")
    for page, table in ((SCHEMES, presets_table()), (SECURITY, captured_table())):
        page.write_text(with_table(page, table), "utf-8")
