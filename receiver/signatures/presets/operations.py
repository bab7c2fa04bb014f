"""Operations: PagerDuty, Sentry, incident.io, FireHydrant, Rootly, and what builds and deploys."""

from __future__ import annotations

from receiver.signatures.content import SignedContent
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.presets.standard import standard_webhooks
from receiver.signatures.scheme import Scheme

_DAY = 86_400

SCHEMES: tuple[Scheme, ...] = (
    # docs/webhooks of github.com/PagerDuty/developer-docs (2026-11): 2xx within 5 s; 4xx but 429 is
    # final, everything else is tried again for 48 hours. One signature for each active secret.
    HmacScheme(
        name="pagerduty",
        vendor="PagerDuty (v3)",
        header="X-PagerDuty-Signature",
        prefix="v1=",
        separator=",",
        retry_span_seconds=2 * _DAY,
    ),
    # https://docs.sentry.io/organization/integrations/integration-platform/webhooks/ (2026-11). The
    # key is the integration's client secret; Sentry-Hook-Timestamp is not signed.
    HmacScheme(
        name="sentry",
        vendor="Sentry",
        header="Sentry-Hook-Signature",
        id_header="Request-ID",
        remarks="the kind of event is in Sentry-Hook-Resource, which is not signed",
    ),
    # https://docs.incident.io/api-reference/webhooks (2026-11): as Standard Webhooks, by Svix.
    standard_webhooks(
        "incident-io",
        "incident.io",
        retry_span_seconds=_DAY,
        remarks="",
    ),
    # https://docs.firehydrant.com/docs/runbook-step-send-a-webhook (2026-11): a runbook step, whose
    # body you write.
    HmacScheme(
        name="firehydrant",
        vendor="FireHydrant",
        header="fh-signature",
        remarks="the webhook step of a runbook, with an HMAC secret set",
    ),
    # https://docs.rootly.com/configuration/webhooks (2026-11): time and body touch.
    HmacScheme(
        name="rootly",
        vendor="Rootly",
        header="X-Rootly-Signature",
        prefix="v1=",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}{body}"),
        timestamp_element="t",
    ),
    # https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/ (2026-11); Bitbucket Data
    # Center signs alike. Without a secret it signs nothing.
    HmacScheme(
        name="bitbucket",
        vendor="Bitbucket",
        header="X-Hub-Signature",
        prefix="sha256=",
        remarks="the kind of event is in X-Event-Key, which is not signed",
    ),
    # https://vercel.com/docs/webhooks (2026-11).
    HmacScheme(
        name="vercel",
        vendor="Vercel",
        header="x-vercel-signature",
        algorithm="sha1",
    ),
    # https://circleci.com/docs/guides/integration/outbound-webhooks/ (2026-11): other versions may
    # stand beside v1 and are passed over. 2xx within 10 s.
    HmacScheme(
        name="circleci",
        vendor="CircleCI",
        header="circleci-signature",
        prefix="v1=",
        separator=",",
    ),
    # https://buildkite.com/docs/apis/webhooks/pipelines (2026-11): with "send an HMAC signature";
    # the plain token is the alternative. The time is that of this request.
    HmacScheme(
        name="buildkite",
        vendor="Buildkite",
        header="X-Buildkite-Signature",
        prefix="signature=",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="timestamp",
    ),
    # https://developer.hashicorp.com/terraform/cloud-docs/workspaces/settings/notifications
    # (2026-11) and public verifiers.
    HmacScheme(
        name="terraform-cloud",
        vendor="HCP Terraform",
        header="X-TFE-Notification-Signature",
        algorithm="sha512",
        remarks="a first notification, `verification`, must be answered 2xx; it bills nothing",
    ),
    # https://launchdarkly.com/docs/home/infrastructure/webhooks (2026-11) and public verifiers.
    HmacScheme(
        name="launchdarkly",
        vendor="LaunchDarkly",
        header="X-LD-Signature",
    ),
)
