"""What else a vendor posts to the same URL, or leaves out, is no outcome and no failure either."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mappings.engine.loading.load import load, read_directory
from mappings.engine.reasons import Reason
from mappings.engine.tooling.examples import RECEIVED_AT
from mappings.engine.types import DeliveryInput, Mapped
from receiver.signatures import RULES

FILES = read_directory(Path(__file__).parents[3] / "mappings" / "library")
MAPPINGS = load(FILES, timezone="UTC", schemes=RULES)

CONNECT = b"""<DocuSignEnvelopeInformation>
  <EnvelopeStatus><Status>Completed</Status>$</EnvelopeStatus>
</DocuSignEnvelopeInformation>"""


def mapped(source: str, body: bytes | Any) -> Mapped:
    return MAPPINGS.map(
        DeliveryInput(
            source=source,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"content-type": "text/plain"},
            received_at=RECEIVED_AT,
            oldest_days=None,
        )
    )


def example(name: str) -> Any:
    return json.loads(FILES[f"examples/{name}.json"])


def without(body: Any, *path: str | int) -> Any:
    changed = copy.deepcopy(body)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = None
    return changed


NOTHING: dict[str, tuple[str, Any]] = {
    "hubspot-other-object": (
        "hubspot-private",
        [{**example("hubspot-private-won")[0], "subscriptionType": "contact.propertyChange"}],
    ),
    "hubspot-merge": (
        "hubspot-private",
        [{"eventId": 1, "portalId": 1, "subscriptionType": "deal.merge", "mergedObjectIds": [1]}],
    ),
    "pipedrive-added": (
        "pipedrive",
        {
            "meta": {"action": "create", "entity": "deal", "entity_id": "1", "company_id": "2"},
            "data": {"id": 1, "status": "open", "update_time": "2026-09-21T14:13:18Z"},
            "previous": None,
        },
    ),
    "pipedrive-person": (
        "pipedrive",
        {"meta": {"action": "change", "entity": "person"}, "data": {"id": 1}, "previous": {}},
    ),
    "close-lead": ("close", {"event": {"object_type": "lead", "action": "deleted", "data": None}}),
    "attio-other-event": ("attio", {"events": [{"event_type": "note.created", "id": {}}]}),
    "intercom-user": (
        "intercom",
        {"topic": "contact.user.created", "created_at": 1, "data": {"item": {"type": "contact"}}},
    ),
    "intercom-no-ai": (
        "intercom",
        without(example("intercom-resolved"), "data", "item", "ai_agent"),
    ),
    "calendly-form": (
        "calendly",
        {"event": "routing_form_submission.created", "payload": {"uri": "https://x"}},
    ),
    "calendly-no-tracking": (
        "calendly",
        without(example("calendly-booked"), "payload", "tracking"),
    ),
    "calcom-ping": ("calcom", {"triggerEvent": "PING", "createdAt": "2026-09-21T14:13:16Z"}),
    "calcom-ended": ("calcom", {"triggerEvent": "MEETING_ENDED", "uid": "x", "id": 1}),
    "zoom-app": ("zoom", {"event": "app_deauthorized", "payload": {"user_id": "x"}}),
    "slack-view": ("slack-approvals", {"type": "view_submission", "view": {}, "team": {"id": "T"}}),
    "slack-other-button": (
        "slack-approvals",
        {"type": "block_actions", "actions": [{"action_id": "open", "type": "button"}]},
    ),
    "docusign-no-fields": (
        "docusign",
        without(example("docusign-completed"), "data", "envelopeSummary", "customFields"),
    ),
    "docusign-recipient": ("docusign", {"event": "recipient-completed", "data": {}}),
    "docusign-xml-no-fields": (
        "docusign-xml",
        CONNECT.replace(b"$", b""),
    ),
    "docusign-xml-empty-fields": (
        "docusign-xml",
        CONNECT.replace(b"$", b"<CustomFields/>"),
    ),
    "pandadoc-failed": ("pandadoc", [{"event": "document_creation_failed", "error": {}}]),
    "pandadoc-no-deal": ("pandadoc", without(example("pandadoc-completed"), 0, "data", "metadata")),
    "stripe-other": (
        "stripe",
        {"type": "customer.created", "livemode": True, "data": {"object": {"id": "cus_1"}}},
    ),
    "shopify-cart": ("shopify-acme", {"id": "eb3ef4", "token": "eb3ef4", "line_items": []}),
    "shopify-refund": ("shopify-acme", {"id": 890088186047, "order_id": 820982911946154508}),
    "shopify-test": ("shopify-acme", {**example("shopify-paid"), "test": True}),
    "jira-created": (
        "jira",
        {"webhookEvent": "jira:issue_created", "timestamp": 1, "issue": {"id": "1", "fields": {}}},
    ),
    "jira-comment": ("jira", {"webhookEvent": "comment_created", "comment": {"id": "1"}}),
    "vapi-chat": ("vapi", {"message": {"type": "end-of-call-report", "chat": {"id": "1"}}}),
    "retell-no-analysis": ("retell", without(example("retell-resolved"), "call", "call_analysis")),
    "elevenlabs-other-event": ("elevenlabs", {"type": "voice_removed", "data": {}}),
    "bland-no-answer": ("bland", without(example("bland-answered"), "answered_by")),
    "telnyx-no-results": (
        "telnyx",
        without(example("telnyx-resolved"), "data", "payload", "results"),
    ),
    "aircall-user": ("aircall", {"event": "user.opened", "resource": "user", "data": {"id": 1}}),
    "dialpad-sms": ("dialpad", {"id": 1, "direction": "inbound", "text": "hi"}),
    "chatwoot-message": ("chatwoot", {"event": "message_created", "id": 7, "content": "hi"}),
    "chatwoot-no-assignee": ("chatwoot", without(example("chatwoot-resolved"), "meta")),
    "kustomer-no-changes": ("kustomer", without(example("kustomer-done"), "changes")),
    "front-message": ("front", {"type": "inbound_received", "payload": {"type": "inbound"}}),
    "freshchat-assignment": ("freshchat", {"action": "conversation_assignment", "data": {}}),
    "plain-customer": ("plain", {"type": "customer.customer_created", "payload": {}}),
    "savvycal-poll": ("savvycal", {"type": "poll.response.created", "payload": {"id": "p"}}),
    "highlevel-contact": ("highlevel", {"type": "ContactCreate", "id": "c"}),
    "linear-comment": ("linear", {"type": "Comment", "action": "create", "data": {"id": "1"}}),
    "linear-created": ("linear", {"type": "Issue", "action": "create", "data": {"id": "1"}}),
    "typeform-no-answers": (
        "typeform",
        without(example("typeform-confirmed"), "form_response", "answers"),
    ),
    "greenhouse-no-source": (
        "greenhouse",
        without(example("greenhouse-hired"), "payload", "application", "source"),
    ),
    "gitlab-push": ("gitlab", {"object_kind": "push", "project": {"id": 1903}}),
    "gitlab-no-action": (
        "gitlab",
        without(example("gitlab-approved"), "object_attributes", "action"),
    ),
    "freshdesk-no-tags": (
        "freshdesk",
        without(example("freshdesk-resolved"), "freshdesk_webhook", "ticket_tags"),
    ),
}


@pytest.mark.parametrize(("source", "body"), NOTHING.values(), ids=NOTHING.keys())
def test_it_bills_nothing_and_fails_nothing(source: str, body: Any) -> None:
    found = mapped(source, body)
    assert (found.outcomes, found.failures) == ((), ())


def test_a_payment_is_priced_in_its_own_currency_or_not_at_all() -> None:
    paid = example("stripe-paid")
    session = paid["data"]["object"]
    yen = {**paid, "data": {"object": {**session, "currency": "jpy", "amount_total": 12_345}}}
    [outcome] = mapped("stripe", yen).outcomes
    assert (outcome.amount_micros, outcome.currency) == (309_000_000, "JPY")  # 308.625 to pay
    dollars = {**paid, "data": {"object": {**session, "currency": "usd"}}}
    [failure] = mapped("stripe", dollars).failures
    assert failure.reason is Reason.UNPRICED
    assert "in USD, only in EUR and INR and JPY. Add `{percent:" in failure.detail
    order = {**example("shopify-paid"), "currency": "EUR"}
    assert mapped("shopify-acme", order).failures[0].reason is Reason.UNPRICED


def test_what_is_new_and_won_at_once_bills() -> None:
    deal = without(example("pipedrive-won"), "previous")
    deal["meta"]["action"] = "create"
    opportunity = without(example("salesforce-data360-won"), "events", 0, "PayloadPrevValue")
    for source, body in (("pipedrive", deal), ("salesforce-data360", opportunity)):
        assert [outcome.rule for outcome in mapped(source, body).outcomes] != []


def test_an_outcome_without_whom_to_bill_fails_and_says_so() -> None:
    """A winning deal that names no organisation is visible, not silently unbilled."""
    [failure] = mapped("pipedrive", without(example("pipedrive-won"), "data", "org_id")).failures
    assert (failure.rule, failure.field) == ("deal-won", "customer")


def test_one_field_of_docusign_xml_among_several_is_found() -> None:
    body = FILES["examples/docusign-xml-completed.xml"]
    more = body.replace(
        b"<CustomFields>",
        b"<CustomFields><CustomField><Name>x</Name><Value>y</Value></CustomField>",
    )
    assert more != body
    [outcome] = mapped("docusign-xml", more).outcomes
    assert outcome.customer_id == "acme-corp"


def test_a_time_of_docusign_xml_with_its_zone_is_that_time() -> None:
    body = FILES["examples/docusign-xml-completed.xml"]
    [of_the_zone] = mapped("docusign-xml", body).outcomes
    zoned = body.replace(b"2026-09-21T07:13:15.513", b"2026-09-21T14:13:15.513Z")
    assert zoned != body
    [outcome] = mapped("docusign-xml", zoned).outcomes
    assert outcome.occurred_at == of_the_zone.occurred_at
