"""Check all mapping files and run their examples; print every problem with its place.

With a database, also refuse edits that would bill again what has billed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from jobs.backtest.window import Window, parse_window
from jobs.common.errors import is_transient
from jobs.common.money import money
from jobs.mapping_store import NOTHING_STORED, Stored, read_stored
from jobs.queries.ledger.open_charges import OpenCharges, read_open_charges
from jobs.queries.mappings import problem_items
from jobs.queries.names import read_customers
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet, is_mapping, load
from mappings.engine.loading.rekeyed import left_behind
from mappings.engine.tooling.concerns import price_concerns
from mappings.engine.tooling.examples import run_examples
from mappings.engine.types import FileProblem
from receiver.cli.common import options as arg
from receiver.cli.common.backtest import differences
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session
from receiver.signatures import RULES, scheme_of
from receiver.signatures.describing import concerns
from receiver.sources.unsigned import reliance
from receiver.terminal.output import Output, counted

EXAMPLES = ("receiver check", "receiver check --against 7d")


def check(
    folder: Annotated[
        Path | None, typer.Argument(help="The mappings; RECEIVER_MAPPINGS by default.")
    ] = None,
    use_database: Annotated[
        bool | None,
        typer.Option(
            "--database/--offline",
            help="Compare with what has billed. By default if there is a database.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="7d|N",
            help="Also print what would bill differently from now, over the stored deliveries of"
            " this span (30m, 24h, 7d, 2w), or the last N.",
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Print every problem and raise CommandError if there is one.

    With `against` also print what would be billed differently; that alone is no problem.
    """
    window = _window(against, use_database)
    session, out = Session(), Output(as_json=as_json)
    where = folder or session.settings.mappings
    files = session.files(where)
    is_offline = use_database is False
    timezone = session.settings.timezone_name if is_offline else session.timezone
    stored, customers = _recorded(session, out, use_database)
    mappings = load(files, timezone=timezone, schemes=RULES, history=stored.history)
    problems = tuple(dict.fromkeys((*mappings.problems, *run_examples(mappings, files))))
    for problem in problems:
        out.line(f"{where}/{problem}")
    if window is not None:
        edited = load(files, timezone=timezone, schemes=RULES)
        compared = differences(session, out, window, edited)
        out.json_if_asked(
            {"problems": problem_items(problems), "against": compared and compared.as_json()}
        )
    else:
        out.json_if_asked(problem_items(problems))
    for warning in (*mappings.warnings, *_left_behind(session, stored, files)):
        out.say(f"warning: {where}/{warning}")
    if problems:
        raise CommandError(counted(len(problems), "problem"))
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
        raise CommandError("--against needs the database; leave out --offline", code=MISUSE)
    return window


def _concerns(mappings: MappingSet) -> Iterator[str]:
    """What is weak about how a source signs, and what is keyed by; it is taken all the same."""
    for name, source in sorted(mappings.sources.items()):
        scheme = scheme_of(source.verify)
        for concern in concerns(scheme):
            yield f"source {name} ({source.verify['scheme']}): {concern}"
        for concern in reliance(scheme, source, mappings.programs[name]):
            yield f"source {name}, {concern}"


def _left_behind(
    session: Session, stored: Stored, files: Mapping[str, bytes]
) -> Iterator[FileProblem]:
    """Open charges that no reversal reaches any more, once `rekeyed: true` is in force."""
    texts = {name: body for name, body in files.items() if is_mapping(name)}
    for rekeyed in left_behind(stored.history, texts):
        charges = [
            charge
            for charge in session.run(read_open_charges, rekeyed.source, rekeyed.rules)
            if rekeyed.is_out_of_reach(charge.rule, charge.file, charge.text)
        ]
        if charges:
            yield rekeyed.warning(_counted_and_summed(charges))


def _counted_and_summed(charges: Sequence[OpenCharges]) -> str:
    sums: Counter[str] = Counter()
    for charge in charges:
        sums[charge.currency] += charge.amount_micros
    number = counted(sum(charge.count for charge in charges), "open charge")
    amounts = ", ".join(f"{money(micros)} {currency}" for currency, micros in sorted(sums.items()))
    return f"{number} ({amounts})"


async def _read(database: Database) -> tuple[Stored, frozenset[str] | None]:
    return await read_stored(database, is_thorough=True), await read_customers(database)


def _recorded(
    session: Session, out: Output, use_database: bool | None
) -> tuple[Stored, frozenset[str] | None]:
    """What has billed and whom; without a database there is nothing to compare with."""
    if use_database is False:
        return NOTHING_STORED, None
    try:
        return session.run(_read)
    except CommandError as error:
        if use_database:
            raise
        reason = str(error)
    except Exception as error:
        if use_database or not is_transient(error):
            raise
        reason = "the database does not answer"
    out.say(f"not compared with what has billed: {reason}")
    return NOTHING_STORED, None
