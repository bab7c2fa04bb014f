"""What vendors post one after the other, and how many charges are owed in the end."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mappings.engine.loading.load import load, read_directory
from mappings.engine.loading.mapping_set import MappingSet
from mappings.engine.tooling.examples import RECEIVED_AT
from mappings.engine.types import DeliveryInput, Outcome
from receiver.signatures import RULES
from tests.jobs.model import ModelOutcome, owes

FILES = read_directory(Path(__file__).parents[3] / "mappings" / "library")
MAPPINGS = load(FILES, timezone="UTC", schemes=RULES)


def example(name: str, **changes: Any) -> Any:
    body = json.loads(FILES[f"examples/{name}.json"])
    return {**body, **changes} if changes else body


def outcomes_of(source: str, body: Any, mappings: MappingSet = MAPPINGS) -> Sequence[Outcome]:
    found = mappings.map(
        DeliveryInput(
            source=source,
            body=json.dumps(body).encode(),
            headers={},
            received_at=RECEIVED_AT,
            oldest_days=None,
        )
    )
    assert found.failures == ()
    return found.outcomes


def owed(outcomes: Sequence[Outcome]) -> int:
    """How many keys are left with a charge, by the model that the ledger is held to."""
    said: dict[str, list[ModelOutcome]] = {}
    for outcome in outcomes:
        at = outcome.occurred_at.timestamp() if outcome.occurred_at else None
        rule = str(outcome.amount_rule)
        said.setdefault(outcome.key, []).append(ModelOutcome(outcome.kind, at, 0, rule=rule))
    return sum(owes(history) is not None for history in said.values())


CALENDLY_CANCELLED_AFTER = copy.deepcopy(example("calendly-cancelled"))
CALENDLY_CANCELLED_AFTER["payload"]["uri"] = example("calendly-rescheduled-to")["payload"]["uri"]
CALENDLY_CANCELLED_AFTER["created_at"] = "2026-09-23T08:00:00Z"
CALCOM_CANCELLED_AFTER = copy.deepcopy(example("calcom-cancelled"))
CALCOM_CANCELLED_AFTER["payload"]["uid"] = example("calcom-rescheduled")["payload"]["uid"]
CALCOM_CANCELLED_AFTER["createdAt"] = "2026-09-23T08:00:00Z"
CALENDLY_MOVED = [
    example(f"calendly-{name}") for name in ("booked", "rescheduled-away", "rescheduled-to")
]
CALCOM_MOVED = [example("calcom-booked"), example("calcom-rescheduled")]

FRONT_ARCHIVED_AGAIN = copy.deepcopy(example("front-archived"))
FRONT_ARCHIVED_AGAIN["payload"]["emitted_at"] = 1790007262.5


def gorgias(status: str, at: str, **more: str) -> Any:
    body = copy.deepcopy(example("gorgias-closed"))
    body["ticket"].update(status=status, updated_datetime=f"2026-09-21T{at}:00+00:00", **more)
    return body


def adyen(name: str, at: str, code: str | None = None) -> Any:
    body = copy.deepcopy(example(f"adyen-{name}"))
    item = body["notificationItems"][0]["NotificationRequestItem"]
    item |= {"eventDate": at, "eventCode": code or item["eventCode"]}
    return body


def hubspot(happened: str, hour: int, stage: str | None = None) -> Any:
    (body,) = json.loads(FILES["examples/hubspot-private-reopened.json"])
    body |= {"subscriptionType": f"deal.{happened}", "occurredAt": 1790000000000 + hour * 3_600_000}
    if stage is None:
        return [{key: value for key, value in body.items() if not key.startswith("property")}]
    return [{**body, "propertyValue": stage}]


HUBSPOT_WON = hubspot("propertyChange", 1, "closedwon")
HUBSPOT_DELETED, HUBSPOT_RESTORED = hubspot("deletion", 3), hubspot("restore", 4)

STORIES: dict[str, tuple[str, list[Any], int]] = {
    "hubspot-won-and-deleted": ("hubspot-private", [HUBSPOT_WON, HUBSPOT_DELETED], 0),
    "hubspot-won-deleted-and-restored": (
        "hubspot-private",
        [HUBSPOT_WON, HUBSPOT_DELETED, HUBSPOT_RESTORED],
        1,
    ),
    "hubspot-lost-deleted-and-restored": (
        "hubspot-private",
        [
            HUBSPOT_WON,
            hubspot("propertyChange", 2, "closedlost"),
            HUBSPOT_DELETED,
            HUBSPOT_RESTORED,
        ],
        0,
    ),
    "hubspot-restored-alone": ("hubspot-private", [HUBSPOT_RESTORED], 0),
    "calendly-moved": ("calendly", CALENDLY_MOVED, 1),
    "calendly-moved-and-cancelled": ("calendly", [*CALENDLY_MOVED, CALENDLY_CANCELLED_AFTER], 0),
    "calcom-moved": ("calcom", CALCOM_MOVED, 1),
    "calcom-moved-and-cancelled": ("calcom", [*CALCOM_MOVED, CALCOM_CANCELLED_AFTER], 0),
    "stripe-completed-then-paid": (
        "stripe",
        [example("stripe-unpaid-yet"), example("stripe-paid-later"), example("stripe-paid-later")],
        1,
    ),
    "stripe-refunded-in-two-parts": (
        "stripe",
        [
            example("stripe-paid"),
            example("stripe-refunded-in-part"),
            example("stripe-refunded", id="evt_other"),
        ],
        0,
    ),
    "stripe-refunded-and-it-failed": (
        "stripe",
        [example("stripe-paid"), example("stripe-refunded"), example("stripe-refund-failed")],
        1,
    ),
    "stripe-refunded-in-part-and-that-failed": (
        "stripe",
        [
            example("stripe-paid"),
            example("stripe-refunded-in-part"),
            example("stripe-refund-failed"),
        ],
        1,
    ),
    "stripe-disputed-and-won": (
        "stripe",
        [example("stripe-paid"), example("stripe-disputed"), example("stripe-dispute-won")],
        1,
    ),
    "stripe-disputed-and-lost": (
        "stripe",
        [example("stripe-paid"), example("stripe-disputed"), example("stripe-dispute-lost")],
        0,
    ),
    "stripe-refunded-then-disputed-and-won": (
        "stripe",
        [
            example("stripe-paid"),
            example("stripe-refunded"),
            example("stripe-disputed"),
            example("stripe-dispute-won"),
        ],
        0,
    ),
    "stripe-won-without-a-payment": ("stripe", [example("stripe-dispute-won")], 0),
    "razorpay-disputed-and-won": (
        "razorpay",
        [example(f"razorpay-{name}") for name in ("captured", "disputed", "dispute-won")],
        1,
    ),
    "razorpay-refunded-then-disputed-and-won": (
        "razorpay",
        [
            example(f"razorpay-{name}")
            for name in ("captured", "refunded", "disputed", "dispute-won")
        ],
        0,
    ),
    "chargebee-refunded": (
        "chargebee",
        [
            example("chargebee-recovered"),
            example("chargebee-refunded-in-part"),
            example("chargebee-refunded"),
        ],
        0,
    ),
    "gocardless-charged-back-and-cancelled": (
        "gocardless",
        [
            example(f"gocardless-{name}")
            for name in ("confirmed", "paid-out", "charged-back", "chargeback-cancelled")
        ],
        1,
    ),
    "gocardless-failed-late": (
        "gocardless",
        [example("gocardless-confirmed"), example("gocardless-failed")],
        0,
    ),
    "gocardless-failed-and-tried-again": (
        "gocardless",
        [
            example("gocardless-failed"),
            json.loads(
                FILES["examples/gocardless-confirmed.json"].replace(
                    b"2026-09-21T14", b"2026-09-24T14"
                )
            ),
        ],
        1,
    ),
    "adyen-refund-failed": (
        "adyen",
        [
            example(f"adyen-{name}")
            for name in ("authorised", "captured", "refunded", "refund-failed")
        ],
        1,
    ),
    "adyen-chargeback-reversed": (
        "adyen",
        [
            example(f"adyen-{name}")
            for name in ("authorised", "dispute-opened", "charged-back", "chargeback-reversed")
        ],
        1,
    ),
    "adyen-charged-back-twice": (
        "adyen",
        [
            example("adyen-authorised"),
            example("adyen-charged-back"),
            example("adyen-chargeback-reversed"),
            adyen("charged-back", "2026-10-14T01:00:00+02:00", "SECOND_CHARGEBACK"),
        ],
        0,
    ),
    "adyen-cancelled": (
        "adyen",
        [
            example("adyen-authorised"),
            adyen("refunded", "2026-09-21T16:20:00+02:00", "CANCELLATION"),
        ],
        0,
    ),
    "incident-io-closed-after-resolved": (
        "incident-io",
        [example(f"incident-io-{name}") for name in ("fixing", "resolved", "closed")],
        1,
    ),
    "incident-io-reopened-and-resolved-by-a-person": (
        "incident-io",
        [
            example(f"incident-io-{name}")
            for name in ("resolved", "reopened", "resolved-by-a-person")
        ],
        0,
    ),
    "sentry-regressed": (
        "sentry",
        [example("sentry-created"), example("sentry-resolved"), example("sentry-unresolved")],
        0,
    ),
    "sentry-resolved-twice": (
        "sentry",
        [example("sentry-resolved"), example("sentry-resolved")],
        1,
    ),
    "wrike-done-again-by-a-person": (
        "wrike-acme",
        [example(f"wrike-{name}") for name in ("done", "reopened", "done-by-a-person")],
        0,
    ),
    "wrike-deleted": ("wrike-acme", [example("wrike-done"), example("wrike-deleted")], 0),
    "woocommerce-refunded-in-two-steps": (
        "woocommerce-acme",
        [example(f"woocommerce-{n}") for n in ("completed", "refunded-in-part", "refunded")],
        0,
    ),
    "trello-taken-out": ("trello", [example("trello-done"), example("trello-taken-out")], 0),
    "pagerduty-reopened": (
        "pagerduty",
        [example("pagerduty-resolved"), example("pagerduty-reopened")],
        0,
    ),
    "pagerduty-resolved-again": (
        "pagerduty",
        [
            example("pagerduty-resolved"),
            example("pagerduty-reopened"),
            example(
                "pagerduty-resolved",
                event=example("pagerduty-resolved")["event"]
                | {"occurred_at": "2026-09-21T18:00:00Z"},
            ),
        ],
        1,
    ),
    "shopify-edited-and-refunded": (
        "shopify-acme",
        [
            example("shopify-paid"),
            example("shopify-paid", updated_at="2026-09-22T10:00:00-04:00", tags="vip"),
            example("shopify-refunded"),
            example("shopify-refunded", updated_at="2026-09-25T10:00:00-04:00"),
        ],
        0,
    ),
    "jira-done-again": (
        "jira",
        [
            example("jira-done"),
            example("jira-reopened"),
            example("jira-done", timestamp=1790007200000),
        ],
        1,
    ),
    "gorgias-open-closed-open-closed": (
        "gorgias",
        [
            gorgias("open", "13:00"),
            gorgias("closed", "14:00"),
            gorgias("open", "15:00"),
            gorgias("closed", "16:00"),
        ],
        1,
    ),
    "gorgias-taken-over-by-a-person": (
        "gorgias",
        [
            gorgias("closed", "14:00"),
            gorgias("open", "15:00"),
            gorgias("closed", "16:00", assignee="kim@example.com"),
        ],
        0,
    ),
    "chatwoot-reopened-and-resolved-by-a-person": (
        "chatwoot",
        [example(f"chatwoot-{name}") for name in ("resolved", "reopened", "resolved-by-a-person")],
        0,
    ),
    "chatwoot-handed-over-first": (
        "chatwoot",
        [
            example("chatwoot-reopened", updated_at=1789999000.0),
            example("chatwoot-resolved"),
            example("chatwoot-resolved", updated_at=1790000065.5),
        ],
        1,
    ),
    "front-archived-again-by-a-person": (
        "front",
        [example(f"front-{name}") for name in ("archived", "reopened", "archived-by-a-person")],
        0,
    ),
    "helpscout-closed-again-by-a-person": (
        "helpscout",
        [
            example("helpscout-closed"),
            example("helpscout-reopened"),
            example("helpscout-closed-by-a-person", closedAt="2026-02-01T09:30:00Z"),
        ],
        0,
    ),
    "kustomer-done-again-by-a-person": (
        "kustomer",
        [
            example("kustomer-done"),
            example("kustomer-reopened"),
            example("kustomer-done-by-a-person", createdAt="2026-09-21T16:14:22.000Z"),
        ],
        0,
    ),
    "freshchat-resolved-again-by-a-person": (
        "freshchat",
        [
            example("freshchat-resolved"),
            example("freshchat-reopened"),
            example("freshchat-resolved-by-a-person", action_time="2026-09-21T16:14:22.207Z"),
        ],
        0,
    ),
    "front-archived-again": (
        "front",
        [example("front-archived"), example("front-reopened"), FRONT_ARCHIVED_AGAIN],
        1,
    ),
    "crisp-customer-writes-again": (
        "crisp",
        [example(f"crisp-{name}") for name in ("resolved", "reopened", "other-segments")],
        0,
    ),
    "crisp-open-before-it-was-resolved": (
        "crisp",
        [example("crisp-reopened", timestamp=1789999000000), example("crisp-resolved")],
        1,
    ),
    "aircall-escalated-then-ended": (
        "aircall",
        [example("aircall-escalated"), example("aircall-ended")],
        0,
    ),
    "aircall-ended-with-no-one-it-was-escalated-to": (
        "aircall",
        [example("aircall-ended", data=example("aircall-ended")["data"] | {"escalated_to": None})],
        1,
    ),
    "dialpad-went-to-voicemail": (
        "dialpad",
        [example("dialpad-ringing"), example("dialpad-voicemail"), example("dialpad-answered")],
        0,
    ),
    "retell-ended-then-analyzed": (
        "retell",
        [example("retell-ended"), example("retell-resolved"), example("retell-resolved")],
        1,
    ),
    "linear-reopened": ("linear", [example("linear-done"), example("linear-reopened")], 0),
    "attio-taken-off": ("attio", [example("attio-taken-off"), example("attio-listed")], 0),
    "freshdesk-reopened-then-closed": (
        "freshdesk",
        [example(f"freshdesk-{name}") for name in ("resolved", "reopened", "closed")],
        0,
    ),
    "intercom-reopened": (
        "intercom",
        [
            example("intercom-resolved"),
            example("intercom-reopened"),
            example("intercom-resolved", delivery_attempts=2),
        ],
        0,
    ),
    "intercom-resolved-again": (
        "intercom",
        [
            example("intercom-resolved"),
            example("intercom-reopened"),
            example("intercom-resolved", created_at=1790007200),
        ],
        1,
    ),
}
