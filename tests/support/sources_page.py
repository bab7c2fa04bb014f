"""docs/sources.md, made of what schemes know of themselves, docs/vendors.yaml and the mappings.

`python -m tests.support.sources_page` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from receiver.signatures.describing import Description, all_described
from tests.support.markdown import ROOT

DOCS = ROOT / "docs"
PAGE = DOCS / "sources.md"

_HEAD = """\
# Every source, in five lines each

Where to click, what URL, which secret, what the vendor sends again, and what is odd about it.
What its signature covers is in [the table of schemes](schemes.md); what to do from beginning to end
in [the first afternoon](first-source.md). This page is made of `docs/vendors.yaml` and the schemes;
(?) marks what is from hearsay. Click paths and links were not all looked up anew, and vendors move
things: where one differs, its own documentation is right.

`HOST` is what the vendor can reach, https and a name of yours or a tunnel's; `SOURCE` is the name
in your mapping. `receiver sources` prints the URL as it has to be pasted.
"""


@cache
def vendors() -> dict[str, dict[str, str]]:
    """What is said of each preset, by its name."""
    found: dict[str, dict[str, str]] = yaml.safe_load((DOCS / "vendors.yaml").read_text("utf-8"))
    return found


@cache
def mapping_files() -> dict[Path, dict[str, Any]]:
    """The shipped mappings, those in use first: path from the root, and what the file says."""
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
    parts = [_HEAD, "A page each, with every command, have: ", ""]
    parts[1] += ", ".join(f"[{name}](sources/{name}.md)" for name in named) + "."
    for one in sorted(all_described(), key=lambda found: found.vendor.casefold()):
        ready = [path for path, file in mappings.items() if file["verify"]["scheme"] == one.scheme]
        parts += [*_section(one, said[one.scheme], ready, pages.get(one.scheme)), ""]
    return "\n".join(parts)


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
    yield f"- **Secret**: {said['secret']} Proof: `{one.header}`, {one.strength}."
    yield f"- **Sends again**: {said['retries']}"
    yield f"- **Quirks**: {_quirks(one, said['quirks'])}"


def _url(one: Description) -> str:
    url = "`HOST/webhooks/SOURCE`"
    if one.header.startswith("URL: last part"):
        parameter = one.header.partition("?")[2]
        return f"`HOST/webhooks/SOURCE/SECRET`, or `HOST/webhooks/SOURCE?{parameter}SECRET`."
    if "URL" in one.signed:
        return f"{url}, to the letter: it is signed, so set `RECEIVER_PUBLIC_URL` to `HOST`."
    return f"{url}."


def _quirks(one: Description, quirks: str) -> str:
    remarks = f" {one.remarks[:1].upper()}{one.remarks[1:]}." if one.remarks else ""
    window = f" Its clock may differ from ours by {one.window}."
    if one.expires:
        window = f" A request passes {one.window}."
    return quirks + remarks + (window if one.window != "none" else "")


if __name__ == "__main__":
    PAGE.write_text(as_page(), "utf-8")
