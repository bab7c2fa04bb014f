"""What is wrong between files: sources claimed twice, prices missing, keys only partly timed.

Owns: the checks that need more than one file. Each problem is reported in the file to fix, at the
place. Refuses: to compile anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mappings.engine.pricing.catalogue import Catalogue
from mappings.engine.reading.positions import Path
from mappings.engine.rules.billed import sources_in
from mappings.engine.rules.compiledfile import CompiledFile
from mappings.engine.rules.dependencies import account_in, key_name, values_of
from mappings.engine.rules.model import RuleModel
from mappings.engine.types import FileProblem, Kind

_OPENING = "${{"
#: So many sources of one file are accounts that a shared scope would mix up.
MANY = 2


def check_sources(files: Sequence[CompiledFile]) -> None:
    """Two files for one source: a problem in each."""
    for compiled in files:
        for name in compiled.claims:
            others = [
                other.file for other in files if other is not compiled and name in other.claims
            ]
            if others:
                compiled.report.at_value(
                    _place_of_source(compiled, name),
                    f"The source `{name}` is in {', '.join(others)} as well.",
                    "Keep one file for it, or rename one of the two.",
                )


def _place_of_source(compiled: CompiledFile, name: str) -> Path:
    if compiled.model is not None and compiled.model.sources is not None:
        names = [item.name for item in compiled.model.sources]
        return ("sources", names.index(name), "name") if name in names else ("sources",)
    return ("source",)


def check_prices(compiled: CompiledFile, catalogue: Catalogue) -> None:
    """Agents and indicators written out, for which the catalogue has no price."""
    wrong = compiled.report.paths
    for path, rule in compiled.rule_models:
        if rule.acts_on is None and not {(*path, "agent"), (*path, "indicator")} & wrong:
            currency = _literal(rule.currency) if (*path, "currency") not in wrong else None
            for key, message, remedy in _price_faults(rule, currency, catalogue):
                compiled.report.at_value((*path, key), message, remedy)


def _price_faults(
    rule: RuleModel, currency: str | None, catalogue: Catalogue
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the price of a charge: under which key, the message, the remedy."""
    agent, indicator = _literal(rule.agent), _literal(rule.indicator)
    if agent is not None and not catalogue.knows(agent):
        yield "agent", *catalogue.advice(agent, indicator)
    elif indicator is None:
        return
    elif agent is None:
        if not any(catalogue.knows(name, indicator) for name in catalogue.agents):
            message = f"No agent in agents.yaml has a price of `{indicator}`."
            remedy = f"Add `{indicator}:` with a price under the indicators of its agents."
            yield "indicator", message, remedy
    elif not catalogue.knows(agent, indicator):
        yield "indicator", *catalogue.advice(agent, indicator)
    elif rule.value is None and catalogue.needs_value(agent, indicator):
        message = f"`{indicator}` is priced by percent, and `{rule.name}` has no `value`."
        yield "indicator", message, "Add `value: ${{ … }}` with what the percentage is taken of."
    elif rule.currency is None and (several := catalogue.agents[agent].open_currencies(indicator)):
        yield "indicator", *catalogue.open_advice(agent, indicator, several)
    elif currency is not None:
        code, priced = currency.upper(), catalogue.agents[agent].currencies(indicator)
        if code not in priced:
            yield "currency", *catalogue.currency_advice(agent, indicator, code, priced)


def check_times(files: Sequence[CompiledFile]) -> None:
    """Rules of one key of which only some say when it happened."""
    for members in _rules_by_key(files):
        timed = [rule for _, _, rule in members if rule.occurred_at is not None]
        for compiled, path, rule in members:
            if timed and rule.occurred_at is None:
                compiled.report.at_value(
                    path,
                    f"`{rule.name}` maps no `occurred_at`, and `{timed[0].name}`, "
                    "which shares its keys, does.",
                    "Map it in all rules of one key, or in none.",
                )


def check_amounts(files: Sequence[CompiledFile]) -> None:
    """Rules of one key that do not agree on which amount counts."""
    for members in _rules_by_key(files):
        charges = [one for one in members if one[2].kind is Kind.CHARGE]
        for compiled, path, rule in charges[1:]:
            first = charges[0][2]
            if rule.amount_rule is not first.amount_rule:
                compiled.report.at_value(
                    (*path, "amount") if rule.amount else path,
                    f"`{rule.name}` bills by `amount: {rule.amount_rule}`, and `{first.name}`, "
                    f"which shares its keys, by `{first.amount_rule}`.",
                    "Write the same `amount` in all rules of one key.",
                )


def _rules_by_key(
    files: Sequence[CompiledFile],
) -> Iterable[list[tuple[CompiledFile, Path, RuleModel]]]:
    """The rules that share keys, together: of one file, or of any file under one scope."""
    groups: dict[tuple[str, str], list[tuple[CompiledFile, Path, RuleModel]]] = {}
    for compiled in files:
        rules = {rule.name: rule for _, rule in compiled.rule_models}
        for path, rule in compiled.rule_models:
            charge = rules.get(rule.acts_on or rule.name)
            if charge is not None and charge.kind is Kind.CHARGE:
                key = ("", charge.scope) if charge.scope else (compiled.file, key_name(charge))
                groups.setdefault(key, []).append((compiled, path, rule))
    return groups.values()


def check_scopes(files: Sequence[CompiledFile]) -> None:
    """Accounts of one file that share a scope, and keys that do not hold which account it is."""
    for compiled in files:
        model = compiled.model
        names = sources_in(model) if model is not None else []
        rules = {rule.name: rule for _, rule in compiled.rule_models}
        for path, rule in compiled.rule_models:
            scope = rules.get(rule.acts_on or rule.name, rule).scope
            if model is None or scope is None or len(names) < MANY:
                continue
            accounts = [account_in(model, name, rule) for name in names]
            if any(one in accounts[:index] for index, one in enumerate(accounts)):
                compiled.report.at_value(
                    (*path, "once_per"),
                    f"The scope `{scope}` is shared by {', '.join(names)}, and this does not hold"
                    " the account: what one account has billed would count as billed for all.",
                    "Begin it with the account: `once_per: [${{ source }}, …]`, or one of the"
                    " `vars` that differs between them.",
                )


def of_scopes(files: Sequence[CompiledFile]) -> Iterator[FileProblem]:
    """Rules of several files, for accounts of one vendor, that share keys and hold no account."""
    seen: dict[object, str] = {}
    for compiled in files:
        for path, rule in compiled.rule_models:
            if compiled.model is None or rule.scope is None:
                continue
            for name in sources_in(compiled.model):
                account = account_in(compiled.model, name, rule)
                held = (account[0], tuple(account[1].items()))
                key = (rule.scope, compiled.verify.get("scheme"), tuple(values_of(rule)), held)
                first = seen.setdefault(key, compiled.file)
                if first != compiled.file:
                    yield FileProblem.at(
                        compiled.file,
                        compiled.report.positions.value((*path, "scope")),
                        f"The scope `{rule.scope}` is shared with {first}, which has the same"
                        f" scheme: what is `{values_of(rule)[0]}` there counts as the same"
                        " outcome.",
                        "If these are two accounts, begin `once_per` with `${{ source }}`.",
                    )


def _literal(text: str | None) -> str | None:
    return text if text is not None and _OPENING not in text else None
