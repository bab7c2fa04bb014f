"""The text of `agents.yaml`: written whole, or with prices added to an existing text.

Pure. Refuses to change a line of an existing text: prices are added as lines of their own, and the
result is read again to prove that nothing else became different.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from copy import deepcopy
from typing import Any

from mappings.engine.pricing.catalogue import FILE
from mappings.engine.reading.yamlfile import parse

#: What stands below `agents:`, as YAML reads it.
Prices = dict[str, dict[str, Any]]

HEAD = """\
# yaml-language-server: $schema=./agents.schema.json
# What each outcome costs: write your own prices. Amounts are quoted: "0.99" is exact, a bare 0.99
# would be a float. The price in effect when the outcome occurred applies; what is billed stays.
"""
_QUOTED = frozenset({"price", "percent", "min", "max"})
_PLAIN = re.compile(r"[A-Za-z][\w.-]*(?: [\w.-]+)*", re.ASCII)
#: How far the agents of a text are indented.
_INDENT = re.compile(r"^agents:[ \t]*(?:#[^\n]*)?\n(?:\s*#[^\n]*\n|[ \t]*\n)*( +)\S", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_RESERVED = frozenset({"true", "false", "null"})


def chosen(agents: Prices, pairs: Collection[tuple[str, str]]) -> Prices:
    """The prices of these pairs of agent and indicator, customers' own included."""
    return {
        agent: _only(agents[agent], {indicator for name, indicator in pairs if name == agent})
        for agent in sorted({agent for agent, _ in pairs} & agents.keys())
    }


def _only(entry: dict[str, Any], indicators: Collection[str]) -> dict[str, Any]:
    def of(prices: dict[str, Any]) -> dict[str, Any]:
        return {name: price for name, price in prices.items() if name in indicators}

    own = {name: of(prices) for name, prices in entry.get("customers", {}).items()}
    return {
        **{key: value for key, value in entry.items() if key == "name"},
        "indicators": of(entry["indicators"]),
        **({"customers": {k: v for k, v in own.items() if v}} if any(own.values()) else {}),
    }


def merged(prices: Prices, more: Prices) -> Prices:
    """Both; where both have a price of an indicator, that of `prices`."""
    result = deepcopy(prices)
    for agent, entry in deepcopy(more).items():
        if agent not in result:
            result[agent] = entry
            continue
        known = result[agent].get("indicators", {})
        added = _only(entry, entry["indicators"].keys() - known.keys())
        if added["indicators"]:
            result[agent]["indicators"] = {**known, **added["indicators"]}
        for customer, own in added.get("customers", {}).items():
            result[agent].setdefault("customers", {}).setdefault(customer, {}).update(own)
    return result


def priced_text(prices: Prices) -> str:
    """A whole `agents.yaml`."""
    if not prices:
        return f"{HEAD}agents: {{}}\n"
    return f"{HEAD}agents:\n" + "\n".join(_block(one, prices[one], "  ") for one in prices)


def extended(text: str, wanted: Prices) -> str | None:
    """The text with those of the wanted prices that it lacks; None where lines cannot add them.

    An agent that is there gets indicators alone: what its customers pay is known to its owner.
    """
    agents, indent = _agents_in(text), _INDENT.search(text)
    if agents is None or indent is None:
        return None
    more = {
        agent: {k: v for k, v in entry.items() if agent not in agents or k != "customers"}
        for agent, entry in wanted.items()
    }
    expected = merged(agents, more)
    result = text
    for agent, entry in expected.items():
        if agent not in agents:
            result = f"{result.rstrip()}\n\n{_block(agent, entry, indent[1])}"
        elif entry != agents[agent]:
            new = entry["indicators"].keys() - agents[agent]["indicators"].keys()
            result = _with_indicators(result, agent, {k: entry["indicators"][k] for k in new})
    return result if _agents_in(result) == expected else None


def _agents_in(text: str) -> Prices | None:
    read = parse(text.encode(), file=FILE)
    agents = read.data.get("agents") if isinstance(read.data, dict) else None
    return agents if isinstance(agents, dict) and not read.problems else None


def _with_indicators(text: str, agent: str, indicators: dict[str, Any]) -> str:
    """The text with lines below the `indicators:` of the agent."""
    place = re.compile(
        rf"^(?P<above>( +){re.escape(as_yaml(agent))}:[^\n]*\n(?:(?:\2 +[^\n]*| *)\n)*?"
        r"\2 +indicators:[ \t]*(?:#[^\n]*)?\n)(?P<indent> +)",
        re.MULTILINE,
    )
    found = place.search(text)
    if found is None:
        return text
    lines = "".join(_prices(indicators, found["indent"]))
    return text[: found.end("above")] + lines + text[found.end("above") :]


def _block(agent: str, entry: dict[str, Any], indent: str) -> str:
    """One agent as lines."""
    lines = [f"{indent}{as_yaml(agent)}:\n"]
    if "name" in entry:
        lines.append(f"{indent}  name: {as_yaml(entry['name'])}\n")
    lines += [f"{indent}  indicators:\n", *_prices(entry["indicators"], indent + "    ")]
    customers = entry.get("customers", {})
    if customers:
        lines.append(
            f"{indent}  customers:  # a customer's own price goes before the general one\n"
        )
    for customer, own in customers.items():
        lines += [f"{indent}    {as_yaml(customer)}:\n", *_prices(own, indent + "      ")]
    return "".join(lines)


def _prices(prices: dict[str, Any], indent: str) -> Iterator[str]:
    for indicator, price in sorted(prices.items()):
        if isinstance(price, list):
            yield f"{indent}{as_yaml(indicator)}:\n"
            yield from (f"{indent}  - {_flow(one)}\n" for one in price)
        else:
            yield f"{indent}{as_yaml(indicator)}: {_flow(price)}\n"


def _flow(price: dict[str, str]) -> str:
    members = (
        f"{key}: {json.dumps(value) if key in _QUOTED else as_yaml(value)}"
        for key, value in price.items()
    )
    return f"{{{', '.join(members)}}}"


def as_yaml(text: str) -> str:
    """The text as YAML takes it for text."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _RESERVED
    return text if is_plain or _DATE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
