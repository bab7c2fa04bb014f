"""Software and work: GitHub, GitLab, Linear, Jira, Asana, Notion, ClickUp, Trello, Wrike."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.digests import AnyEncoding
from receiver.signatures.custom.jira import JiraConnectScheme
from receiver.signatures.custom.places import SeveralHeaders, TimeInBody
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Digest, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200, Coverage
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import TokenScheme

_HOOK_SECRET = Field("header", "X-Hook-Secret")
_VERIFICATION_TOKEN = Field("body", "verification_token")
_SMARTSHEET_CHALLENGE = Field("header", "Smartsheet-Hook-Challenge")

SCHEMES: tuple[Scheme, ...] = (
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries (2026-08).
    # X-Hub-Signature (SHA-1) rides along and is never taken instead.
    HmacScheme(
        name="github",
        formats=(Format.JSON, Format.FORM),
        vendor="GitHub",
        header="X-Hub-Signature-256",
        prefix="sha256=",
        id_header="X-GitHub-Delivery",
        retry_span_seconds=0,
        handshakes=(
            Handshake(name="ping", asks=(Ask(Field("header", "X-GitHub-Event"), "ping"),)),
        ),
    ),
    # https://docs.gitlab.com/user/project/integrations/webhooks/ (2026-08): the older secret token.
    TokenScheme(
        name="gitlab-token",
        vendor="GitLab (secret token)",
        header="X-Gitlab-Token",
        id_header="Idempotency-Key",
        success=STATUS_200,
        remarks="prefer gitlab-signing-token",
    ),
    # See custom.places. Retries after 1 minute, 1 hour and 6 hours repeat the first request with
    # its webhookTimestamp (https://linear.app/developers/webhooks, 2026-11).
    TimeInBody(
        name="linear",
        vendor="Linear",
        header="Linear-Signature",
        time_member="webhookTimestamp",
        timestamp_unit="milliseconds",
        tolerance_seconds=60,
        id_header="Linear-Delivery",
        success=STATUS_200,
        retry_span_seconds=25_260,
        retries_keep_time=True,
    ),
    # https://developer.atlassian.com/cloud/jira/platform/webhooks/ (2026-08). SHA-256 under the
    # name that others use for SHA-1.
    HmacScheme(
        name="jira",
        vendor="Jira",
        header="X-Hub-Signature",
        prefix="sha256=",
        id_header="X-Atlassian-Webhook-Identifier",
        success=STATUS_200,
        retry_span_seconds=4500,
        remarks="Jira Automation signs nothing: use token",
    ),
    # See custom.jira.
    JiraConnectScheme(
        name="jira-connect-or-dynamic",
        vendor="Jira (Connect, OAuth 2.0)",
        algorithm="HS256",
        coverage=Coverage.NOTHING,
        secret_headers=frozenset({"authorization"}),
        success=STATUS_200,
        retry_span_seconds=4500,
        remarks="secret: the app's shared or client secret; Forge signs otherwise",
    ),
    # https://developers.asana.com/docs/webhooks-guide (2026-08). The secret comes with the first
    # POST, while the call that creates the webhook is still open.
    HmacScheme(
        name="asana",
        vendor="Asana",
        header="X-Hook-Signature",
        secret_headers=frozenset({"x-hook-secret"}),
        success=STATUS_200,
        retry_span_seconds=86_400,
        handshakes=(
            Handshake(
                name="hook-secret",
                asks=(Ask(_HOOK_SECRET),),
                reply=Echo(_HOOK_SECRET, content_type=None, header="X-Hook-Secret", in_body=False),
                signed=False,
                learns=_HOOK_SECRET,
            ),
        ),
        remarks="set up with `receiver pair`; an empty batch is a heartbeat",
    ),
    # https://developers.notion.com/reference/webhooks (2026-08)
    HmacScheme(
        name="notion",
        vendor="Notion",
        header="X-Notion-Signature",
        prefix="sha256=",
        retry_span_seconds=86_400,
        handshakes=(
            Handshake(
                name="verification-token",
                asks=(
                    Ask(_VERIFICATION_TOKEN),
                    Ask(Field("header", "X-Notion-Signature"), absent=True),
                ),
                signed=False,
                learns=_VERIFICATION_TOKEN,
                shows=(_VERIFICATION_TOKEN,),
            ),
        ),
        remarks="set up with `receiver pair`: it shows the token to paste into Notion",
    ),
    # https://developer.clickup.com/docs/webhooksignature (2026-08)
    HmacScheme(
        name="clickup",
        vendor="ClickUp",
        header="X-Signature",
    ),
    # https://airtable.com/developers/web/api/webhooks-overview (2026-08)
    HmacScheme(
        name="airtable",
        vendor="Airtable",
        header="X-Airtable-Content-MAC",
        prefix="hmac-sha256=",
        key_encoding="base64",
        success=EMPTY,
        retry_span_seconds=81_910,
        remarks="a ping without data: a tool must fetch the payloads",
    ),
    # https://developers.webflow.com/data/docs/working-with-webhooks (2026-08)
    HmacScheme(
        name="webflow",
        vendor="Webflow",
        header="x-webflow-signature",
        signed_content=SignedContent.parse("{timestamp}:{body}"),
        timestamp_header="x-webflow-timestamp",
        timestamp_unit="milliseconds",
        success=STATUS_200,
        remarks="older webhooks made in the dashboard are unsigned: use path-token",
    ),
    # https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks (2026-11): the callback
    # URL as it was given, behind the body. A HEAD request must be answered 200 first.
    HmacScheme(
        name="trello",
        vendor="Trello",
        header="X-Trello-Webhook",
        algorithm="sha1",
        encoding="base64",
        signed_content=SignedContent.parse("{body}{url}"),
        success=STATUS_200,
        remarks="secret: the OAuth secret of the app that made the webhook",
    ),
    # https://developers.wrike.com/docs/webhooks.md and public implementers (2026-11): events carry
    # the signature in X-Hook-Signature, older ones in X-Hook-Secret. A new webhook is tried with a
    # token that is answered with its HMAC. Answers of 4xx suspend the webhook.
    SeveralHeaders(
        name="wrike",
        vendor="Wrike",
        header="X-Hook-Signature",
        others=("X-Hook-Secret",),
        success=STATUS_200,
        handshakes=(
            Handshake(
                name="secret-verification",
                asks=(
                    Ask(_HOOK_SECRET),
                    Ask(Field("body", "requestType"), "WebHook secret verification"),
                ),
                reply=Digest(field=_HOOK_SECRET, header="X-Hook-Secret", in_the_open=True),
                signed=False,
            ),
        ),
        remarks="give the webhook a `secret` when you create it; without one nothing is signed",
    ),
    # https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-verification and
    # webhook-callbacks (2026-11). The challenge comes again every 100 callbacks. In base 16 by
    # _webhooks.html.md.erb of github.com/smartsheet-platform/api-docs; some verifiers use base64.
    AnyEncoding(
        name="smartsheet",
        vendor="Smartsheet",
        header="Smartsheet-Hmac-SHA256",
        other_encodings=("base64",),
        success=STATUS_200,
        handshakes=(
            Handshake(
                name="challenge",
                asks=(Ask(_SMARTSHEET_CHALLENGE), Ask(Field("body", "challenge"))),
                reply=Echo(
                    _SMARTSHEET_CHALLENGE,
                    content_type="application/json",
                    member="smartsheetHookResponse",
                    header="Smartsheet-Hook-Response",
                ),
                signed=False,
            ),
        ),
        remarks="names of changed rows, no cells: a tool must fetch them",
    ),
    # https://developer.todoist.com/api/v1#tag/Webhooks (2026-11) and public verifiers. The key is
    # the app's client secret.
    HmacScheme(
        name="todoist",
        vendor="Todoist",
        header="X-Todoist-Hmac-SHA256",
        encoding="base64",
        id_header="X-Todoist-Delivery-ID",
        success=STATUS_200,
    ),
    # https://www.sanity.io/docs/webhooks and signature.ts of github.com/sanity-io/webhook-toolkit
    # (2026-11). Two retries at 30 s, since April 2026:
    # https://www.sanity.io/docs/changelog/50ec6abf-fe0c-475b-ae72-314148860132
    HmacScheme(
        name="sanity",
        vendor="Sanity",
        header="sanity-webhook-signature",
        prefix="v1=",
        separator=",",
        encoding="base64url",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
        timestamp_unit="milliseconds",
        retry_span_seconds=60,
    ),
)
