"""Whatever a sender puts where, nothing raises, and nothing bills to an id that is not there."""

import copy
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mappings.engine.cel.language import EvalError, Language
from mappings.engine.common.identifiers import unfit
from mappings.engine.loading.load import load, read_directory
from mappings.engine.tooling.examples import RECEIVED_AT
from mappings.engine.types import DeliveryInput, Kind, Mapped, Outcome
from receiver.signatures import RULES
from tests.mappings.kit import mapped as mapped_by, only_failure, rule
from tests.mappings.library.test_ready_made import ROOT
from tests.support.effort import examples

FILES = read_directory(ROOT / "mappings")
READY_MADE = load(FILES, timezone="UTC", schemes=RULES)
BILLING = {
    "zendesk": "zendesk-solved",
    "hubspot": "hubspot-won",
    "github": "github-approved",
    "approvals": "approvals-granted",
}
RAW = "@raw:"
#: What may stand anywhere; texts that begin with RAW go into the JSON as they are.
HOSTILE: dict[str, Any] = {
    "empty": "",
    "blank": "  ",
    "nul": "\0",
    "text-with-nul": "8447346622462\0",
    "newline": "13\n",
    "zero-width": "\u200b",
    "combining": "\u0301",
    "right-to-left": "\u202e13",
    "long": "9" * 257,
    "very-long": "x" * 100_000,
    "zero": 0,
    "negative": -1,
    "int64": 2**63 - 1,
    "uint64": 2**64 - 1,
    "float": 13.0,
    "big-float": 12345678901234567.0,
    "tiny-float": 5e-324,
    "true": True,
    "null": None,
    "list": [],
    "nested-list": [["13"]],
    "object": {},
    "object-with-id": {"id": "13"},
    "template": '${{ lookup("companies", "1") }}',
    "beyond-64-bits": RAW + str(2**70),
    "overflow": RAW + "1e400",
    "nan": RAW + "NaN",
    "lone-surrogate": RAW + r'"\ud800"',
    "half-pair-and-text": RAW + r'"13\udc00"',
    "not-json": RAW + "}",
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value below `value`, containers included."""
    if path:
        yield path
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(payload: Any, path: tuple[Any, ...], value: Any) -> bytes:
    """The payload as JSON with `value` at `path`."""
    changed = copy.deepcopy(payload)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    text = json.dumps(changed)
    if isinstance(value, str) and value.startswith(RAW):
        text = text.replace(json.dumps(value), value.removeprefix(RAW))
    return text.encode()


def mapped(source: str, body: bytes) -> Mapped:
    delivery = DeliveryInput(
        source=source, body=body, headers={}, received_at=RECEIVED_AT, oldest_days=None
    )
    return READY_MADE.map(delivery)


def assert_sound(outcome: Outcome, payload: Any) -> None:
    """Every id is whole and comes from the payload, the tables or the mapping."""
    known = {str(value) for value in leaves(payload) if isinstance(value, str | int)}
    known |= {f"{account}/{deal}" for account in known for deal in known if len(account) < 20}
    for table in READY_MADE.tables.values():
        known |= set(table.rows.values())
    values = json.loads(outcome.key)[2:]
    assert values
    assert all(unfit(value) is None and value in known for value in values)
    if outcome.kind is Kind.CHARGE:
        for name in (outcome.agent_id, outcome.customer_id, outcome.indicator):
            assert name is not None
            assert unfit(name) is None
        assert outcome.amount_micros is not None
        assert outcome.customer_id in {"acme-corp", "globex"}


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("source", BILLING)
def test_a_hostile_value_anywhere_bills_no_wrong_id(source: str, hostile: Any) -> None:
    payload = json.loads(FILES[f"examples/{BILLING[source]}.json"])
    for path in places(payload):
        body = put(payload, path, hostile)
        result = mapped(source, body)
        assert all(failure.detail for failure in result.failures)
        for outcome in result.outcomes:
            assert_sound(outcome, json.loads(body))


@pytest.mark.parametrize("source", BILLING)
def test_a_member_left_out_anywhere_raises_nothing(source: str) -> None:
    payload = json.loads(FILES[f"examples/{BILLING[source]}.json"])
    for path in places(payload):
        changed = copy.deepcopy(payload)
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
        for outcome in mapped(source, json.dumps(changed).encode()).outcomes:
            assert_sound(outcome, changed)


@pytest.mark.parametrize("source", BILLING)
@given(body=st.binary(max_size=80) | st.text(alphabet='[]{}",:0e\\u1', max_size=40).map(str.encode))
@examples(50)
def test_any_bytes_give_outcomes_or_failures(source: str, body: bytes) -> None:
    result = mapped(source, body)
    assert result.outcomes == ()


@given(
    data=st.data(),
    file=st.sampled_from(sorted(name for name in FILES if not name.startswith("examples/"))),
)
@examples(25)
def test_a_garbled_file_raises_nothing_and_costs_only_itself(
    data: st.DataObject, file: str
) -> None:
    body = FILES[file]
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))
    garbage = data.draw(
        st.binary(max_size=4)
        | st.sampled_from([b"\t", b"${{", b"}}", b": ", b"\n- ", b"&a ", b"'", b"!x ", b"\0"])
    )
    garbled = {**FILES, file: body[:start] + garbage + body[end:]}
    result = load(garbled, timezone="UTC", schemes=RULES, last_good=FILES)
    for problem in result.problems:
        assert problem.message
        assert problem.remedy
    others = {
        source.name
        for source in READY_MADE.sources.values()
        if source.file != file and not file.startswith(("tables/", "agents"))
    }
    assert others <= set(result.sources)


HUNDRED_LETS = {f"name{number}": f"name{number - 1}" for number in range(1, 100)}


def test_what_an_expression_costs_is_bounded() -> None:
    """The budget of steps ends it; matches() is linear, and long chains of let are refused."""
    language = Language({})
    activation = language.activation(
        payload={"list": list(range(100_000)), "text": "a" * 500_000},
        headers={},
        source="s",
        variables={},
        received_at=RECEIVED_AT,
    )
    for expression in (
        "payload.list.exists(x, x == -1)",
        "payload.list.all(x, payload.list.exists(y, y == x))",
    ):
        with pytest.raises(EvalError, match="more than the 10,000 steps"):
            language.compile(expression).evaluate(activation)
    blow_up = language.compile('payload.text.matches("(a+)+b") || payload.text.matches("(a|a)*b")')
    assert blow_up.evaluate(activation) is False
    _, faults = language.lets({"name0": "payload", **HUNDRED_LETS})
    assert faults


@pytest.mark.parametrize("vendor_id", ["", " ", "a\0b", "a\nb", "x" * 257, "\ud800"])
def test_a_delivery_id_that_identifies_nothing_bills_nothing(vendor_id: str) -> None:
    failure = only_failure(mapped_by(rule(once_per="delivery"), {}, vendor_id=vendor_id))
    assert (failure.rule, failure.field) == ("solved", "once_per")


OPTIONALS = ['{"k": payload.?a}', "[payload.?a]", '[{"k": [payload.?zz]}]', "payload.?a"]


@pytest.mark.parametrize("expression", OPTIONALS)
def test_an_optional_value_anywhere_is_an_error_and_no_crash(expression: str) -> None:
    language = Language({})
    activation = language.activation(
        payload={"a": 1}, headers={}, source="s", variables={}, received_at=RECEIVED_AT
    )
    with pytest.raises(EvalError, match="optional value"):
        language.compile(expression).evaluate(activation)


@pytest.mark.parametrize("expression", ["payload", "payload[0]", '{"k": payload}', "null"])
def test_reading_a_null_takes_no_reference_from_none(expression: str) -> None:
    """The library would: before Python 3.12 that ends the process."""
    language = Language({})
    activation = language.activation(
        payload=[None] * 10, headers={}, source="s", variables={}, received_at=RECEIVED_AT
    )
    program = language.compile(expression)
    program.evaluate(activation)
    before = sys.getrefcount(None)
    for _ in range(1000):
        program.evaluate(activation)
    assert sys.getrefcount(None) > before - 500
