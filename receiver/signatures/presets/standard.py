"""Standard Webhooks, and those that sign as it or Svix does, under the names people look for.

Quo, Recall.ai, Fathom, OpenAI, Folk, Loops, GitLab; Resend, Ada and HumanLayer through Svix.
"""

from __future__ import annotations

from typing import Any

from receiver.signatures.content import SignedContent
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme

#: Svix's schedule, as https://resend.com/docs/webhooks/retries-and-replays has it (2026-11): 5 s,
#: 5 min, 30 min, 2 h, 5 h, 10 h and 10 h apart.
_SVIX_SPAN_SECONDS = 5 + 300 + 1_800 + 7_200 + 18_000 + 36_000 + 36_000


def standard_webhooks(
    name: str, vendor: str, *, prefix: str = "webhook", **knobs: Any
) -> HmacScheme:
    """A vendor that signs as Standard Webhooks does, its headers named by `prefix`.

    `knobs` are those of HmacScheme in which it differs.
    """
    standard = {
        "header": f"{prefix}-signature",
        "prefix": "v1,",
        "separator": " ",
        "encoding": "base64",
        "key_encoding": "whsec",
        "signed_content": SignedContent.parse(f"{{header:{prefix}-id}}.{{timestamp}}.{{body}}"),
        "timestamp_header": f"{prefix}-timestamp",
        "id_header": f"{prefix}-id",
        "remarks": "signs as Standard Webhooks",
    }
    return HmacScheme(name=name, vendor=vendor, **{**standard, **knobs})


SCHEMES: tuple[Scheme, ...] = (
    # https://github.com/standard-webhooks/standard-webhooks (spec, 2026-08). Signatures of other
    # versions (v1a is ed25519) stand in the same header and are passed over.
    standard_webhooks(
        "standard-webhooks",
        "Standard Webhooks",
        retries_keep_time=False,
        remarks="for tools of your own: sign like this",
    ),
    # https://docs.svix.com/receiving/verifying-payloads/how-manual (2026-08). Newer senders add
    # webhook-* headers, which `standard-webhooks` reads; the two are never mixed.
    standard_webhooks(
        "svix",
        "Svix",
        prefix="svix",
        retry_span_seconds=99_305,
        retries_keep_time=False,
        remarks="",
    ),
    # https://docs.gitlab.com/user/project/integrations/webhooks/ (2026-08): the signing token.
    # X-Gitlab-Token may ride along and is never taken instead.
    standard_webhooks(
        "gitlab-signing-token",
        "GitLab (signing token)",
        secret_headers=frozenset({"x-gitlab-token"}),
        success=STATUS_200,
        remarks="",
    ),
    # https://www.humanlayer.dev/docs (2026-08): no scheme is published; its deliveries come
    # through Svix. Should they not, put a token of your own in front instead.
    standard_webhooks(
        "humanlayer",
        "HumanLayer",
        prefix="svix",
        retries_keep_time=False,
        remarks="the vendor publishes no scheme; this is Svix's",
    ),
    # https://www.quo.com/docs/mdx/beta/webhooks-quickstart (2026-11): webhooks of the newer API.
    standard_webhooks(
        "quo", "Quo (OpenPhone, newer webhooks)", remarks="older webhooks: use the preset openphone"
    ),
    # https://docs.recall.ai/docs/authenticating-requests-from-recallai (2026-11). Accounts made
    # before 15 December 2025 sign by svix-* headers in the dashboard's webhooks.
    standard_webhooks(
        "recall-ai",
        "Recall.ai",
        remarks="set a workspace secret; accounts from before December 2025 may need svix",
    ),
    # https://developers.fathom.ai/webhooks#verifying-webhooks (2026-11)
    standard_webhooks("fathom", "Fathom"),
    # https://platform.openai.com/docs/guides/webhooks (2026-11): realtime.call.incoming and
    # others
    standard_webhooks("openai", "OpenAI"),
    # https://developer.folk.app (2026-11), as Nango's folk-webhook-routing.ts verifies it
    standard_webhooks("folk", "folk"),
    # https://loops.so/docs/webhooks (2026-11)
    standard_webhooks("loops", "Loops"),
    # https://resend.com/docs/webhooks/verify-webhooks-requests (2026-11)
    standard_webhooks(
        "resend",
        "Resend",
        prefix="svix",
        remarks="sent by Svix",
        retry_span_seconds=_SVIX_SPAN_SECONDS,
        success=STATUS_200,
    ),
    # https://docs.ada.cx/reference/webhooks/overview (2026-11): sent by Svix, tries for a week
    standard_webhooks(
        "ada", "Ada", prefix="svix", remarks="sent by Svix", retry_span_seconds=7 * 86_400
    ),
)
