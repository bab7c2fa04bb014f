"""Each ready-made mapping's examples, signed as the vendor would, prove themselves and bill.

The signature stands in the body of some vendors, so this holds scheme, format and rules together.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mappings.engine.loading.load import Source, load, read_directory
from mappings.engine.reading.yamlfile import parse
from mappings.engine.types import DeliveryInput
from receiver.signatures import RULES, SignatureError, scheme_of, signed_request, verify
from tests.support.requests import KEY_PAIRS, private_key

FILES = read_directory(Path(__file__).parents[3] / "mappings" / "library")
MAPPINGS = load(FILES, timezone="UTC", schemes=RULES)
#: Soon after what the examples tell of, so that the limits of age hold as they do live.
RECEIVED_AT = datetime(2026, 10, 1, tzinfo=UTC)
NOW = RECEIVED_AT.timestamp()
URL = "https://hooks.example.com/webhooks/x"
#: Secrets as these vendors show them; any other takes any text.
SECRETS = {
    "close": "6" * 64,
    "gitlab": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "pipedrive": "hook:s3cr3t:with:colons",
    "chargebee": "hook:s3cr3t:with:colons",
}


def secret_of(name: str) -> str:
    if name in KEY_PAIRS:
        return private_key(KEY_PAIRS[name])
    return SECRETS.get(name, "0123456789abcdef0123456789abcdef")


def billing_example(source: Source) -> tuple[bytes, Mapping[str, str]]:
    examples = parse(FILES[source.file], file=source.file).data["examples"]
    found: Any = next(one for one in examples if one["outcomes"])
    return FILES[found["payload"]], found.get("headers", {"Content-Type": "application/json"})


@pytest.mark.parametrize("name", sorted(MAPPINGS.sources))
def test_a_signed_example_is_let_in_and_bills(name: str) -> None:
    source = MAPPINGS.sources[name]
    scheme = scheme_of(source.verify)
    body, headers = billing_example(source)
    secret = secret_of(name)
    sent = signed_request(
        scheme, secret=secret, method="POST", url=URL, headers=headers, body=body, now=NOW
    )
    verified = verify(
        scheme,
        secrets=[secret],
        method=sent.method,
        url=sent.url,
        headers=sent.headers,
        body=sent.body,
        now=NOW,
    )
    found = MAPPINGS.map(
        DeliveryInput(
            source=name,
            body=sent.body,
            headers=sent.headers,
            received_at=RECEIVED_AT,
            vendor_id=verified.delivery_id if verified.delivery_id_signed else None,
        )
    )
    assert (found.failures, found.shadow) == ((), True)
    assert found.outcomes != ()


@pytest.mark.parametrize("name", sorted(MAPPINGS.sources))
def test_an_unsigned_example_is_refused(name: str) -> None:
    source = MAPPINGS.sources[name]
    body, headers = billing_example(source)
    secret = secret_of(name)
    with pytest.raises(SignatureError):
        verify(
            scheme_of(source.verify),
            secrets=[secret],
            method="POST",
            url=URL,
            headers=headers,
            body=body,
            now=NOW,
        )
