"""Standard Webhooks, and those that sign as it does."""

from __future__ import annotations

from receiver.signatures.content import SignedContent
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme

SCHEMES: tuple[Scheme, ...] = (
    # https://github.com/standard-webhooks/standard-webhooks (spec, 2026-08). Signatures of other
    # versions (v1a is ed25519) stand in the same header and are passed over.
    HmacScheme(
        name="standard-webhooks",
        vendor="Standard Webhooks",
        header="webhook-signature",
        prefix="v1,",
        separator=" ",
        encoding="base64",
        key_encoding="whsec",
        signed_content=SignedContent.parse("{header:webhook-id}.{timestamp}.{body}"),
        timestamp_header="webhook-timestamp",
        timestamp_unit="seconds",
        id_header="webhook-id",
        retries_keep_time=False,
        remarks="for tools of your own: sign like this",
    ),
    # https://docs.svix.com/receiving/verifying-payloads/how-manual (2026-08). Newer senders add
    # webhook-* headers, which `standard-webhooks` reads; the two are never mixed.
    HmacScheme(
        name="svix",
        vendor="Svix",
        header="svix-signature",
        prefix="v1,",
        separator=" ",
        encoding="base64",
        key_encoding="whsec",
        signed_content=SignedContent.parse("{header:svix-id}.{timestamp}.{body}"),
        timestamp_header="svix-timestamp",
        id_header="svix-id",
        retry_span_seconds=99_305,
        retries_keep_time=False,
    ),
    # https://docs.gitlab.com/user/project/integrations/webhooks/ (2026-08): the signing token.
    # X-Gitlab-Token may ride along and is never taken instead.
    HmacScheme(
        name="gitlab-signing-token",
        vendor="GitLab (signing token)",
        header="webhook-signature",
        prefix="v1,",
        separator=" ",
        encoding="base64",
        key_encoding="whsec",
        signed_content=SignedContent.parse("{header:webhook-id}.{timestamp}.{body}"),
        timestamp_header="webhook-timestamp",
        id_header="webhook-id",
        secret_headers=frozenset({"x-gitlab-token"}),
        success=STATUS_200,
    ),
    # https://www.humanlayer.dev/docs (2026-08): no scheme is published; its deliveries come
    # through Svix. Should they not, put a token of your own in front instead.
    HmacScheme(
        name="humanlayer",
        vendor="HumanLayer",
        header="svix-signature",
        prefix="v1,",
        separator=" ",
        encoding="base64",
        key_encoding="whsec",
        signed_content=SignedContent.parse("{header:svix-id}.{timestamp}.{body}"),
        timestamp_header="svix-timestamp",
        id_header="svix-id",
        retries_keep_time=False,
        remarks="the vendor publishes no scheme; this is Svix's",
    ),
)
