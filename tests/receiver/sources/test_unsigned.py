"""What `check` warns of in rules that depend on unsigned values, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mappings.engine.loading.load import load
from receiver.signatures import RULES, scheme_of
from receiver.sources.unsigned import reliance

AGENTS = """\
agents:
  bot: {indicators: {solved: {price: "1.00", currency: USD}, saved: {percent: "2", currency: USD}}}
"""
CHARGE = {
    "when": 'event.state == "Resolved"',
    "agent": "bot",
    "customer": "acme",
    "indicator": "saved",
    "value": '"${{ event.value }}"',
    "once_per": "${{ id(event.ticket) }}",
}


def said(
    scheme: str,
    *,
    head: str = "",
    reversal: Mapping[str, str] | None = None,
    reinstatement: Mapping[str, str] | None = None,
    **changes: Any,
) -> list[str]:
    """The warnings of one charge, and a reversal and reinstatement where there is one."""
    rules = [{"name": "solved", **CHARGE, **changes}]
    if reversal is not None:
        when = 'event.state == "Open"'
        keys = {"when": when, "reverses": "solved", "once_per": CHARGE["once_per"]}
        rules.append({"name": "opened", **keys, **reversal})
    if reinstatement is not None:
        when = 'event.state == "Restored"'
        keys = {"when": when, "reinstates": "solved", "once_per": CHARGE["once_per"]}
        rules.append({"name": "restored", **keys, **reinstatement})
    text = f"source: desk\nverify: {{scheme: {scheme}, secrets: [S]}}\n{head}outcomes:\n"
    for rule in rules:
        lines = [f"{key}: {value}" for key, value in rule.items()]
        text += f"  - {lines[0]}\n    " + "\n    ".join(lines[1:]) + "\n"
    files = {"agents.yaml": AGENTS.encode(), "desk.yaml": text.encode()}
    files["tables/tenants.yaml"] = b'"a": acme\n'
    made = load(files, timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in made.problems] == []
    source = made.sources["desk"]
    return list(reliance(scheme_of(source.verify), source, made.programs["desk"]))


FORGED = '${{ headers["x-tenant"] }}'


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ("when", {"when": '\'event.state == "Resolved" && headers["x-tenant"] == "a"\''}),
        ("when", {"when": '\'headers.?x-tenant.orValue("") == "a"\''.replace("x-tenant", "x")}),
        ("agent", {"agent": FORGED}),
        ("customer", {"customer": FORGED}),
        ("customer", {"customer": '${{ lookup("tenants", headers["x-tenant"]) }}'}),
        ("customer", {"customer": "${{ tenant }}", "head": "let: {tenant: 'headers[\"x-t\"]'}\n"}),
        (
            "customer",
            {
                "customer": "${{ vars[headers.tenant] }}",
                "head": "vars: {a: acme, b: globex}\n",
            },
        ),
        ("indicator", {"indicator": FORGED}),
        ("value", {"value": FORGED}),
        ("occurred_at", {"occurred_at": FORGED}),
        ("meta_tags.tenant", {"meta_tags": "{tenant: '${{ headers.tenant }}'}"}),
        ("once_per", {"once_per": "['${{ id(event.ticket) }}', '${{ headers.tenant }}']"}),
        ("customer", {"customer": "${{ headers[event.name] }}"}),
        ("once_per", {"once_per": "${{ vars[headers.tenant] }}", "head": "vars: {a: acme}\n"}),
        ("once_per", {"once_per": "${{ headers[vars.name] }}", "head": "vars: {name: x-id}\n"}),
        ("once_per", {"once_per": '${{ lookup("tenants", headers["x-tenant"]) }}'}),
        ("once_per", {"once_per": '${{ headers[lookup("tenants", id(event.ticket))] }}'}),
        (
            "once_per",
            {"once_per": "${{ key }}", "head": "let: {key: 'lookup(\"tenants\", headers.t)'}\n"},
        ),
    ],
)
def test_an_unsigned_header_is_named_wherever_it_reaches_an_outcome(
    place: str, changes: dict[str, Any]
) -> None:
    [warning] = said("github", **changes)
    assert warning.startswith(f"rule solved: {place} reads ")
    assert "not in what is signed: anyone who sees one request" in warning


def test_an_unsigned_header_that_makes_the_events_is_named() -> None:
    [warning] = said("github", head="events: 'headers.kind == \"a\" ? [payload] : []'\n")
    assert warning.startswith("`events` reads kind, which is not in what is signed")


@pytest.mark.parametrize(
    ("scheme", "header"),
    [("standard-webhooks", "webhook-id"), ("slack-events", "x-slack-request-timestamp")],
)
def test_a_signed_header_is_none_to_warn_of(scheme: str, header: str) -> None:
    assert said(scheme, once_per='${{ headers["%s"] }}' % header) == []  # noqa: UP031


RECEIVED = "${{ received_at }}"
SENT = "${{ event.at }}"


@pytest.mark.parametrize("dedupe", ["", ", dedupe: none"])
@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        # Neither id nor time: the third of three, with the body of the first, is swallowed.
        ("calcom", "answered `duplicate`"),
        ("retool", "answered `duplicate`"),
        ("twilio-json", "answered `duplicate`"),
        # An unsigned id: anyone who has one request bills it again after its reversal.
        ("github", "another X-GitHub-Delivery, which is not signed, and as it is the latest"),
        ("zendesk", "within 300 s with another X-Zendesk-Webhook-Invocation-Id"),
        # What is signed tells two POSTs apart.
        ("stripe", None),
        ("standard-webhooks", None),
    ],
)
def test_a_time_of_receipt_is_named_where_a_charge_can_be_reversed(
    scheme: str, words: str | None, dedupe: str
) -> None:
    received = {"occurred_at": RECEIVED}
    warnings = said(scheme + dedupe, reversal=received, occurred_at=RECEIVED)
    if dedupe:
        words = "under `dedupe: none` anyone who sees one request can send it again"
    assert len(warnings) == (2 if words else 0)
    for warning, rule in zip(warnings, ("solved", "opened"), strict=False):
        assert warning.startswith(f"rule {rule}: occurred_at reads received_at")
        assert words is not None
        assert words in warning


@pytest.mark.parametrize("scheme", ["calcom", "github", "calcom, dedupe: none"])
def test_nothing_is_said_of_a_time_in_the_body_nor_without_reversals_nor_without_times(
    scheme: str,
) -> None:
    assert said(scheme, occurred_at=SENT, reversal={"occurred_at": SENT}) == []
    assert said(scheme, occurred_at=RECEIVED) == []
    assert said(scheme, reversal={}) == []


@pytest.mark.parametrize("times", [{}, {"occurred_at": RECEIVED}], ids=["untimed", "received"])
def test_a_latest_amount_is_named_where_an_old_request_can_be_the_last_received(
    times: dict[str, Any],
) -> None:
    [warning] = said("github", amount="latest", **times)
    assert warning.startswith("rule solved: `amount: latest` counts the last received: anyone")
    assert said("standard-webhooks", amount="latest", **times) == []


def test_nothing_is_said_of_a_latest_amount_with_a_time_in_the_body() -> None:
    assert said("github", amount="latest", occurred_at=SENT) == []


def test_a_reinstatement_by_the_time_of_receipt_is_named() -> None:
    reversal = {"occurred_at": SENT}
    back = {"occurred_at": RECEIVED}
    warnings = said("github", occurred_at=SENT, reversal=reversal, reinstatement=back)
    assert [warning.partition(":")[0] for warning in warnings] == ["rule restored"]
    assert "as it is the latest, it brings back again" in warnings[0]


def test_a_key_of_the_time_of_receipt_is_named_where_a_request_can_be_sent_again() -> None:
    key = "${{ string(received_at) }}"
    [warning] = said("github", once_per=key)
    assert warning.startswith(
        "rule solved: once_per reads received_at: anyone who sees one request"
    )
    assert said("standard-webhooks", once_per=key) == []
