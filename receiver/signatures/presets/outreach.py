"""Sales and e-mail: HighLevel, Jobber, ActiveCampaign, Mailgun, Postmark and others."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.custom.keys import PublicKeyScheme
from receiver.signatures.custom.members import SignedMembers
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import BasicScheme, PathTokenScheme, TokenScheme

SCHEMES: tuple[Scheme, ...] = (
    # GoHighLevel/highlevel-api-sdk README.md and lib/webhook/webhook-manager.ts (2026-11): Ed25519
    # over the body, preferred to the older header wherever it is sent.
    PublicKeyScheme(
        key_algorithm="ed25519",
        name="highlevel",
        vendor="HighLevel (GoHighLevel)",
        header="x-ghl-signature",
        algorithm="sha512",
        encoding="base64",
        remarks="secret: HighLevel's public key (Ed25519), the same for all apps",
    ),
    # GoHighLevel/highlevel-api-docs docs/oauth/WebhookAuthentication.md, which has the public key
    # (2026-11).
    PublicKeyScheme(
        key_algorithm="rsa",
        name="highlevel-rsa",
        vendor="HighLevel (older header)",
        header="x-wh-signature",
        encoding="base64",
        remarks="secret: HighLevel's older public key (RSA); take highlevel where it is sent",
    ),
    # https://developer.getjobber.com/docs/using_jobbers_api/setting_up_webhooks/ and Nango's
    # jobber-webhook-routing.ts (2026-11). No time is signed.
    HmacScheme(
        name="jobber",
        vendor="Jobber",
        header="X-Jobber-Hmac-SHA256",
        encoding="base64",
        remarks="secret: the app's client secret; bodies hold ids only",
    ),
    # https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    # and ../webhook-retries (2026-11). The token is used once, so it is the delivery id. Mailgun
    # tries for 8 hours, and a 406 ends it. Whether a retry is signed again is not documented: the
    # window covers them.
    SignedMembers(
        name="mailgun",
        vendor="Mailgun",
        header="",
        signature_path="signature.signature",
        signed_paths=("signature.timestamp", "signature.token"),
        time_path="signature.timestamp",
        token_path="signature.token",  # noqa: S106 - a path, no password
        retry_span_seconds=8 * 3600,
        retries_keep_time=True,
        success=STATUS_200,
        remarks="event-data itself is not signed; secret: the HTTP webhook signing key",
    ),
    # https://postmarkapp.com/developer/webhooks/webhooks-overview (2026-11)
    BasicScheme(
        name="postmark",
        vendor="Postmark",
        success=STATUS_200,
        remarks="unsigned; secret: user:password, as in the webhook's basic auth",
    ),
    # https://developers.brevo.com/docs/secured-webhooks (2026-11): `auth` with a bearer token when
    # the webhook is made by API; a user and password in the URL are the alternative.
    TokenScheme(
        name="brevo",
        vendor="Brevo",
        header="Authorization",
        prefix="Bearer ",
        remarks="unsigned; secret: the token of the webhook's auth",
    ),
    # https://helpcenter.smartlead.ai/en/articles/403-quick-tips-for-testing-with-sample-webhook-payloads
    # (2026-11): `sha256=…`, the raw body under the signing secret; hexadecimal in public receivers.
    HmacScheme(
        name="smartlead",
        vendor="Smartlead",
        header="X-Smartlead-Signature",
        prefix="sha256=",
        id_header="X-Request-Id",
    ),
    # https://developers.activecampaign.com/page/webhooks (2026-11): no signature, no headers of
    # your own, and never tried again. A 410 ends the webhook.
    PathTokenScheme(
        name="activecampaign",
        formats=(Format.FORM,),
        vendor="ActiveCampaign",
        retry_span_seconds=0,
        remarks="unsigned; a secret in the URL is all there is",
    ),
    # https://developer.copper.com/webhooks/create-new-subscription.html (2026-11): a newer form of
    # a subscription may have headers of its own. Never tried again.
    TokenScheme(
        name="copper-headers",
        vendor="Copper (headers)",
        retry_span_seconds=0,
        remarks='unsigned; subscribe with "headers": {"X-Webhook-Token": "…"}',
    ),
    # https://api-docs.affinity.co/#webhooks (2026-11, by way of github.com/yaniv-golan/
    # affinity-api-docs): a subscription has a URL and events, and no secret.
    PathTokenScheme(
        name="affinity",
        vendor="Affinity",
        remarks="unsigned; a secret in the URL is all there is",
    ),
)
