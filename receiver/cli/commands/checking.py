"""`check`: all that is wrong with the mappings, each thing at its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from jobs.errors import is_transient
from jobs.queries.billed_rules import read_billed_rules
from mappings.examples import run_examples
from mappings.load import MappingSet, load
from mappings.rekeying import Billed, refused_changes
from receiver.cli.output import Output, counted
from receiver.cli.session import Session
from receiver.cli.trouble import Trouble
from receiver.signatures import RULES, scheme_of
from receiver.signatures.describing import concerns


def check(folder: Path | None, *, use_database: bool | None, as_json: bool) -> None:
    """Print every problem and raise Trouble if there is one."""
    session, out = Session(), Output(as_json=as_json)
    where = folder or session.settings.mappings
    files = session.files(where)
    mappings = load(files, timezone=session.settings.timezone, schemes=RULES)
    problems = sorted({*mappings.problems, *run_examples(mappings, files)})
    problems += refused_changes(_billed(session, out, use_database), files)
    if as_json:
        out.json([asdict(problem) for problem in problems])
    for problem in problems:
        out.line(f"{where}/{problem}")
    if problems:
        raise Trouble(counted(len(problems), "problem"))
    for concern in _concerns(mappings):
        out.say(f"warning: {concern}")
    sources = counted(len(mappings.sources), "source")
    rules = counted(sum(len(source.rules) for source in mappings.sources.values()), "rule")
    out.line(f"{sources}, {rules}, all examples as expected")


def _concerns(mappings: MappingSet) -> Iterator[str]:
    """What is weak about how a source signs; it is taken all the same."""
    for name, source in sorted(mappings.sources.items()):
        for concern in concerns(scheme_of(source.verify)):
            yield f"source {name} ({source.verify['scheme']}): {concern}"


def _billed(session: Session, out: Output, use_database: bool | None) -> list[Billed]:
    """What has billed; without a database there is nothing to compare with."""
    if use_database is False:
        return []
    try:
        return session.run(read_billed_rules)
    except Trouble as trouble:
        if use_database:
            raise
        reason = str(trouble)
    except Exception as error:
        if use_database or not is_transient(error):
            raise
        reason = "the database does not answer"
    out.say(f"not compared with what has billed: {reason}")
    return []
