"""`check`: all that is wrong with the mappings, each thing at its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from jobs.against.window import Window, parse_window
from jobs.database import Database
from jobs.errors import is_transient
from jobs.queries.billed_rules import read_billed_rules
from jobs.queries.names import read_customers
from mappings.concerns import price_concerns
from mappings.examples import run_examples
from mappings.load import MappingSet, load
from mappings.rekeying import Billed, refused_changes
from receiver.cli.commands.differing import differences
from receiver.cli.output import Output, counted
from receiver.cli.session import Session
from receiver.cli.trouble import MISUSE, Trouble
from receiver.signatures import RULES, scheme_of
from receiver.signatures.describing import concerns
from receiver.unsigned import reliance


def check(
    folder: Path | None, *, use_database: bool | None, against: str | None, as_json: bool
) -> None:
    """Print every problem and raise Trouble if there is one.

    With `against` also print what would be billed otherwise; that alone is no problem.
    """
    window = _window(against, use_database)
    session, out = Session(), Output(as_json=as_json)
    where = folder or session.settings.mappings
    files = session.files(where)
    is_offline = use_database is False
    timezone = session.settings.timezone_name if is_offline else session.timezone
    mappings = load(files, timezone=timezone, schemes=RULES)
    problems = sorted({*mappings.problems, *run_examples(mappings, files)})
    billed, customers = _recorded(session, out, use_database)
    problems += refused_changes(billed, files)
    for problem in problems:
        out.line(f"{where}/{problem}")
    listed = [asdict(problem) for problem in problems]
    if window is not None:
        found = differences(session, out, window, mappings)
        out.json_if_asked({"problems": listed, "against": found and found.as_json()})
    else:
        out.json_if_asked(listed)
    if problems:
        raise Trouble(counted(len(problems), "problem"))
    for concern in (*_concerns(mappings), *price_concerns(mappings, customers)):
        out.say(f"warning: {concern}")
    sources = counted(len(mappings.sources), "source")
    rules = counted(sum(len(source.rules) for source in mappings.sources.values()), "rule")
    out.line(f"{sources}, {rules}, all examples as expected")


def _window(against: str | None, use_database: bool | None) -> Window | None:
    if against is None:
        return None
    window = parse_window(against)
    if use_database is False:
        raise Trouble("--against needs the database; leave out --offline", code=MISUSE)
    return window


def _concerns(mappings: MappingSet) -> Iterator[str]:
    """What is weak about how a source signs, and what is keyed by; it is taken all the same."""
    for name, source in sorted(mappings.sources.items()):
        own_gate = "handshake_secret" in source.verify
        scheme = scheme_of(source.verify)
        for concern in concerns(scheme, has_own_gate=own_gate):
            yield f"source {name} ({source.verify['scheme']}): {concern}"
        for concern in reliance(scheme, source, mappings.programs[name]):
            yield f"source {name}, {concern}"


async def _read(database: Database) -> tuple[list[Billed], frozenset[str] | None]:
    return await read_billed_rules(database), await read_customers(database)


def _recorded(
    session: Session, out: Output, use_database: bool | None
) -> tuple[list[Billed], frozenset[str] | None]:
    """Which rules billed, and whom; without a database there is nothing to compare with."""
    if use_database is False:
        return [], None
    try:
        return session.run(_read)
    except Trouble as trouble:
        if use_database:
            raise
        reason = str(trouble)
    except Exception as error:
        if use_database or not is_transient(error):
            raise
        reason = "the database does not answer"
    out.say(f"not compared with what has billed: {reason}")
    return [], None
