"""What a vendor sends again, reordered or reworded, meets the key that it met before."""

import json
from pathlib import Path
from typing import Any

import pytest

from mappings.engine.loading.load import load, read_directory
from mappings.engine.tooling.examples import RECEIVED_AT
from mappings.engine.types import DeliveryInput, Kind, Mapped
from receiver.signatures import RULES

FILES = read_directory(Path(__file__).parents[3] / "mappings" / "library")
MAPPINGS = load(FILES, timezone="UTC", schemes=RULES)
SOURCE_OF = {source.file.removesuffix(".yaml"): name for name, source in MAPPINGS.sources.items()}
TYPES = {
    "slack-approvals": "application/x-www-form-urlencoded",
    "dropbox-sign": "multipart/form-data; boundary=----------------------------7a1c5e9d3b2f",
}


def mapped(source: str, body: bytes | Any) -> Mapped:
    return MAPPINGS.map(
        DeliveryInput(
            source=source,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"content-type": TYPES.get(source, "text/plain")},
            received_at=RECEIVED_AT,
            oldest_days=None,
        )
    )


def example(name: str) -> Any:
    return json.loads(FILES[f"examples/{name}.json"])


def keys(found: Mapped) -> list[str]:
    assert found.failures == ()
    return [outcome.key for outcome in found.outcomes]


#: What a vendor changes when it sends the same thing again.
RETRIES: dict[str, tuple[str, Any, Any]] = {
    "hubspot-private": (
        "hubspot-private-won",
        lambda body: body[0].update(attemptNumber=4, eventId=9, subscriptionId=7),
        lambda body: body.reverse(),
    ),
    "hubspot-workflows": (
        "hubspot-workflows-won",
        lambda body: body.update(version=42),
        lambda body: body["properties"].pop("closedate"),
    ),
    "salesforce-data360": (
        "salesforce-data360-won",
        lambda body: body["events"][0].update(uuid="other", Offset="99"),
        lambda body: body["events"][0].update(EventPublishDateTime="2026-09-22T00:00:00Z"),
    ),
    "intercom": (
        "intercom-resolved",
        lambda body: body.update(id="notif_other", delivery_attempts=2, first_sent_at=1790000060),
        lambda body: body["data"]["item"].update(updated_at=1790000999),
    ),
    "calendly": (
        "calendly-booked",
        lambda body: body.update(created_at="2026-09-21T14:20:00Z"),
        lambda body: body["payload"].update(updated_at="2026-09-21T14:20:00Z"),
    ),
    "docusign": (
        "docusign-completed",
        lambda body: body.update(retryCount=5, generatedDateTime="2026-09-23T00:00:00Z"),
        lambda body: body.update(configurationId=1),
    ),
    "stripe": (
        "stripe-paid",
        lambda body: body.update(id="evt_other", pending_webhooks=0),
        lambda body: body.update(type="checkout.session.async_payment_succeeded"),
    ),
    "shopify-acme": (
        "shopify-paid",
        lambda body: body.update(updated_at="2026-09-22T10:00:00-04:00"),
        lambda body: body.update(tags="agent, vip", fulfillment_status="fulfilled"),
    ),
    "jira": (
        "jira-done",
        lambda body: body["issue"].update(key="MOVED-1"),
        lambda body: body["changelog"].update(id="1"),
    ),
    "pipedrive": (
        "pipedrive-won",
        lambda body: body["meta"].update(id="other", attempt=3, timestamp="2026-09-21T14:16:00Z"),
        lambda body: body["data"].update(update_time="2026-09-21T14:20:00Z", value=52000),
    ),
    "close": (
        "close-won",
        lambda body: body["event"].update(id="ev_other", request_id="req_other"),
        lambda body: body["event"]["changed_fields"].append("note"),
    ),
    "attio": (
        "attio-listed",
        lambda body: body.update(webhook_id="0e1d2c3b-4a59-4867-8586-94a3b2c1d0e9"),
        lambda body: body["events"][0]["actor"].update(type="system"),
    ),
    "freshdesk": (
        "freshdesk-resolved",
        lambda body: body["freshdesk_webhook"].update(ticket_priority="Low"),
        lambda body: body["freshdesk_webhook"].update(ticket_tags="vip, agent-resolved"),
    ),
    "calcom": (
        "calcom-booked",
        lambda body: body.update(createdAt="2026-09-21T14:20:00.000Z"),
        lambda body: body["payload"].update(title="Demo"),
    ),
    "zoom": (
        "zoom-held",
        lambda body: body.update(event_ts=1789999999999),
        lambda body: body["payload"]["object"].update(topic="Demo"),
    ),
    "pandadoc": (
        "pandadoc-completed",
        lambda body: body[0]["data"].update(date_modified="2026-09-21T14:20:00Z"),
        lambda body: body[0]["data"].update(version="3"),
    ),
    "typeform": (
        "typeform-confirmed",
        lambda body: body.update(event_id="other"),
        lambda body: body["form_response"].update(token="answered-a-second-time"),
    ),
    "greenhouse": (
        "greenhouse-hired",
        lambda body: body["payload"]["application"]["offer"].update(version=3),
        lambda body: body["payload"]["application"]["candidate"].update(first_name="Zoe"),
    ),
    "gitlab": (
        "gitlab-approved",
        lambda body: body["user"].update(id=42, username="bo"),
        lambda body: body["object_attributes"].pop("actioned_at"),
    ),
    "vapi": (
        "vapi-resolved",
        lambda body: body["message"].update(timestamp=1790000999000, cost=0.2),
        lambda body: body["message"]["analysis"].update(summary="Another summary."),
    ),
    "retell": (
        "retell-resolved",
        lambda body: body["call"].update(transcript="Agent: hello"),
        lambda body: body["call"]["call_analysis"].update(user_sentiment="Neutral"),
    ),
    "elevenlabs": (
        "elevenlabs-resolved",
        lambda body: body.update(event_timestamp=1790000999),
        lambda body: body["data"]["metadata"].update(cost=300),
    ),
    "telnyx": (
        "telnyx-resolved",
        lambda body: body["data"].update(id="another event"),
        lambda body: body["data"]["payload"].update(call_leg_id="another leg"),
    ),
    "chatwoot": (
        "chatwoot-resolved",
        lambda body: body.update(unread_count=1, labels=["vip"]),
        lambda body: body.update(updated_at=1790000063.5),
    ),
    "gorgias": (
        "gorgias-closed",
        lambda body: body["ticket"].update(channel="chat"),
        lambda body: body["ticket"].update(updated_datetime="2026-09-21T14:20:00+00:00"),
    ),
    "front": (
        "front-archived",
        lambda body: body["payload"].update(id="evt_other", emitted_at=1790000063.5),
        lambda body: body["payload"]["conversation"].update(subject="Re: something"),
    ),
    "plain": (
        "plain-done",
        lambda body: body["webhookMetadata"].update(webhookDeliveryAttemptNumber=2),
        lambda body: body.update(id="pEv_other"),
    ),
    "chargebee": (
        "chargebee-recovered",
        lambda body: body.update(id="ev_other", source="api"),
        lambda body: body["content"]["transaction"].update(id="txn_other"),
    ),
    "incident-io": (
        "incident-io-resolved",
        lambda body: body["public_incident.incident_status_updated_v2"].update(message="Other"),
        lambda body: body["public_incident.incident_status_updated_v2"]["incident"].update(
            name="B"
        ),
    ),
    "sentry": (
        "sentry-resolved",
        lambda body: body.update(installation={"uuid": "other"}),
        lambda body: body["data"]["issue"].update(title="Other", count="42"),
    ),
    "adyen": (
        "adyen-authorised",
        lambda body: body["notificationItems"][0]["NotificationRequestItem"].update(reason="Other"),
        lambda body: body["notificationItems"][0]["NotificationRequestItem"].update(
            eventDate="2026-09-21T16:13:20+02:00"
        ),
    ),
    "gocardless": (
        "gocardless-confirmed",
        lambda body: body.update(meta={"webhook_id": "WB000OTHER"}),
        lambda body: body["events"].reverse(),
    ),
    "wrike-acme": (
        "wrike-done",
        lambda body: body[0].update(webhookId="OTHER"),
        lambda body: body.reverse(),
    ),
    "pagerduty": (
        "pagerduty-resolved",
        lambda body: body["event"].update(id="01OTHER"),
        lambda body: body["event"]["data"].update(title="Renamed"),
    ),
    "linear": (
        "linear-done",
        lambda body: body.update(webhookTimestamp=1790001798118),
        lambda body: body["data"].update(identifier="FIN-3", number=3),
    ),
}


@pytest.mark.parametrize(("name", "first", "second"), RETRIES.values(), ids=RETRIES.keys())
def test_what_a_vendor_changes_when_it_sends_again_is_no_part_of_the_key(
    request: pytest.FixtureRequest, name: str, first: Any, second: Any
) -> None:
    source = request.node.callspec.id
    whole = example(name)
    [key] = keys(mapped(source, whole))
    [charge] = mapped(source, whole).outcomes
    for change in (first, second):
        change(whole)
        [again] = mapped(source, whole).outcomes
        assert (again.key, again.kind, again.triple) == (key, Kind.CHARGE, charge.triple)


#: A charge, and what takes it back.
PAIRS = {
    "aircall": ("ended.json", "escalated.json"),
    "crisp": ("resolved.json", "reopened.json"),
    "livechat": ("resolved.json", "untagged.json"),
    "dialpad": ("answered.json", "voicemail.json"),
    "gorgias": ("closed.json", "reopened.json"),
    "helpscout": ("closed.json", "reopened.json"),
    "chatwoot": ("resolved.json", "reopened.json"),
    "kustomer": ("done.json", "reopened.json"),
    "front": ("archived.json", "reopened.json"),
    "freshchat": ("resolved.json", "reopened.json"),
    "plain": ("done.json", "reopened.json"),
    "activecampaign": ("won.txt", "reopened.txt"),
    "savvycal": ("booked.json", "cancelled.json"),
    "acuity": ("booked.txt", "cancelled.txt"),
    "oncehub": ("booked.json", "cancelled.json"),
    "highlevel": ("won.json", "reopened.json"),
    "hubspot-workflows": ("won.json", "reopened.json"),
    "hubspot-private": ("won.json", "reopened.json"),
    "salesforce-outbound": ("won.xml", "reopened.xml"),
    "salesforce-data360": ("won.json", "reopened.json"),
    "intercom": ("resolved.json", "reopened.json"),
    "calendly": ("booked.json", "cancelled.json"),
    "slack-approvals": ("approved.txt", "withdrawn.txt"),
    "stripe": ("paid.json", "refunded.json"),
    "chargebee": ("recovered.json", "refunded.json"),
    "razorpay": ("captured.json", "refunded.json"),
    "woocommerce": ("completed.json", "refunded.json"),
    "pagerduty": ("resolved.json", "reopened.json"),
    "incident-io": ("resolved.json", "reopened.json"),
    "sentry": ("resolved.json", "unresolved.json"),
    "adyen": ("authorised.json", "charged-back.json"),
    "gocardless": ("confirmed.json", "charged-back.json"),
    "wrike": ("done.json", "reopened.json"),
    "trello": ("done.json", "taken-out.json"),
    "shopify": ("paid.json", "cancelled.json"),
    "jira": ("done.json", "reopened.json"),
    "pipedrive": ("won.json", "reopened.json"),
    "close": ("won.json", "reopened.json"),
    "attio": ("listed.json", "taken-off.json"),
    "freshdesk": ("resolved.json", "reopened.json"),
    "calcom": ("booked.json", "cancelled.json"),
    "pandadoc": ("completed.json", "voided.json"),
    "typeform": ("confirmed.json", "denied.json"),
    "greenhouse": ("hired.json", "unhired.json"),
    "gitlab": ("approved.json", "unapproved.json"),
    "linear": ("done.json", "reopened.json"),
}


def test_every_mapping_that_reverses_has_its_pair_here() -> None:
    reversing = {
        name
        for name, source in SOURCE_OF.items()
        if any(rule.kind is Kind.REVERSAL for rule in MAPPINGS.sources[source].rules)
    }
    assert set(PAIRS) == reversing


@pytest.mark.parametrize(("name", "files"), PAIRS.items(), ids=PAIRS.keys())
def test_a_reversal_takes_back_the_charge_of_the_same_key_and_comes_later(
    name: str, files: tuple[str, str]
) -> None:
    [charge], [reversal] = (
        mapped(SOURCE_OF[name], FILES[f"examples/{name}-{file}"]).outcomes for file in files
    )
    assert (charge.kind, reversal.kind) == (Kind.CHARGE, Kind.REVERSAL)
    assert charge.key == reversal.key
    if charge.occurred_at is not None:
        assert reversal.occurred_at is not None
        assert charge.occurred_at < reversal.occurred_at


def test_a_meeting_moved_on_calendly_stays_charged_once() -> None:
    moved_to = mapped("calendly", example("calendly-rescheduled-to")).outcomes
    moved_away = mapped("calendly", example("calendly-rescheduled-away")).outcomes
    booked = mapped("calendly", example("calendly-booked")).outcomes
    assert moved_away[0].key == booked[0].key != moved_to[0].key


def test_messages_of_salesforce_about_one_record_share_its_key() -> None:
    body = FILES["examples/salesforce-outbound-won.xml"]
    later = body.replace(b"04lHs00001Z9kQhIAJ", b"04lHs00001Z9zzzIAJ").replace(
        b"48000.0", b"52000.0"
    )
    assert later != body
    source = "salesforce-outbound"
    assert keys(mapped(source, body)) == keys(mapped(source, later))


def test_pressing_a_slack_button_twice_has_one_key() -> None:
    body = FILES["examples/slack-approvals-approved.txt"]
    again = body.replace(b"1789999998.112233", b"1789999999.000001").replace(b"1259.", b"1260.")
    assert again != body
    assert keys(mapped("slack-approvals", body)) == keys(mapped("slack-approvals", again))


def test_a_booking_moved_on_calcom_is_charged_under_its_new_id_and_taken_back_under_the_old() -> (
    None
):
    [booked] = mapped("calcom", example("calcom-booked")).outcomes
    charge, reversal = mapped("calcom", example("calcom-rescheduled")).outcomes
    assert (charge.kind, reversal.kind) == (Kind.CHARGE, Kind.REVERSAL)
    assert reversal.key == booked.key != charge.key


def test_dropbox_sign_bills_a_deal_once_whatever_is_written_around_the_signed_part() -> None:
    body = FILES["examples/dropbox-sign-all-signed.txt"]
    other = body.replace(b"fa5c8a0b0f492d768749333ad6fcc214c111e967", b"0" * 40)
    assert other != body
    assert keys(mapped("dropbox-sign", body)) == keys(mapped("dropbox-sign", other))
