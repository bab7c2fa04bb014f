"""Edits of a mapping file that has billed, and what loading makes of them."""

from __future__ import annotations

from collections.abc import Mapping

from mappings.engine.loading.load import MappingSet, load
from mappings.engine.rules.billed import Billed, History, Rekeying
from tests.mappings.kit import FakeSchemes, files_of

BEFORE = """\
source: zendesk
verify: {scheme: signing, secrets: [ZENDESK_SECRET]}
outcomes:
  - name: solved
    when: event.type == "solved"
    agent: bot
    customer: acme
    indicator: solved
    once_per: ${{ id(event.id) }}
  - name: reopened
    when: event.type == "reopened"
    reverses: solved
    once_per: ${{ id(event.id) }}
"""
SCOPED = BEFORE.replace("    once_per: ${{ id", "    scope: shared\n    once_per: ${{ id", 1)
WITH_LET = BEFORE.replace("id(event.id)", "id(key)").replace(
    "outcomes:", "let: {number: event.a, key: number, unused: event.other}\noutcomes:"
)
TIMED = BEFORE.replace("    once_per:", "    occurred_at: ${{ event.at }}\n    once_per:")
WITH_VARS = BEFORE.replace(
    "once_per: ${{ id(event.id) }}", "once_per: ['${{ vars.team }}', '${{ id(event.id) }}']"
).replace("outcomes:", "vars: {team: north, colour: red}\noutcomes:")
REKEYED = BEFORE.replace("event.id", "event.ticket").replace(
    "  - name: solved\n", "  - name: solved\n    rekeyed: true\n"
)
ACCOUNTS = BEFORE.replace(
    "source: zendesk\nverify: {scheme: signing, secrets: [ZENDESK_SECRET]}",
    "sources: [{name: zendesk, secrets: [A]}, {name: other, secrets: [B]}]\n"
    "verify: {scheme: signing}",
)
FILE = "zendesk.yaml"


def billed_by(*texts: str, source: str = "zendesk", rule: str = "solved") -> tuple[Billed, ...]:
    return tuple(Billed(source=source, rule=rule, file=FILE, text=text) for text in texts)


def history(*texts: str, in_force: str | None = None, solved: Rekeying | None = None) -> History:
    """`solved` has billed by these texts in turn; the last of them is in force."""
    files = {FILE: (in_force or texts[-1]).encode()}
    rekeyings = {("zendesk", "solved"): solved} if solved else {}
    return History(billed=billed_by(*texts), texts=files, rekeyings=rekeyings)


def loaded(after: Mapping[str, str] | str, past: History, *, running: bool = False) -> MappingSet:
    """The edited files as `check` judges them, or as a service does that has the old ones."""
    edited = {FILE: after} if isinstance(after, str) else after
    files = files_of() | {name: text.encode() for name, text in edited.items()}
    last_good = files_of() | dict(past.texts) if running else {}
    return load(files, timezone="UTC", schemes=FakeSchemes(), history=past, last_good=last_good)


def refused(after: Mapping[str, str] | str, past: History) -> str:
    return "\n".join(str(problem) for problem in loaded(after, past).problems)


def keys(found: MappingSet, source: str = "zendesk") -> list[tuple[str, str]]:
    return [
        (rule.name, ", ".join(field.template.text for field in rule.once_per or ()))
        for rule in found.sources[source].rules
    ]
