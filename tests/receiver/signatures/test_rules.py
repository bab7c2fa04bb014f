"""Verify blocks of mapping files: what is wrong in one, and the scheme that a right one makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from receiver.signatures import CAUSES, PRESETS, RULES, Response, SchemeInvalid, scheme_of
from receiver.signatures.handshake_knobs import DIGEST_KNOBS, HANDSHAKE_KNOBS
from receiver.signatures.knobs import (
    COMMON_KNOBS,
    FAILURE_KNOBS,
    GENERIC_KNOBS,
    SUCCESS_KNOBS,
)
from tests.support.requests import block_of
from tests.support.scheme_tables import knobs_table, presets_table

HMAC = {
    "scheme": "hmac",
    "secrets": ["A_SECRET"],
    "header": "X-Signature",
    "algorithm": "sha256",
    "encoding": "hex",
    "signed_content": "{body}",
}
TIMED = {
    **HMAC,
    "signed_content": "{timestamp}.{body}",
    "timestamp_header": "X-Time",
    "timestamp_unit": "seconds",
}


def without(block: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key not in keys}


@pytest.mark.parametrize(
    ("block", "path", "message", "remedy"),
    [
        pytest.param({}, (), "no scheme is named", "standard-webhooks", id="no-scheme"),
        pytest.param(
            {"scheme": "zendes"}, ("scheme",), "unknown scheme", "Did you mean zendesk?", id="near"
        ),
        pytest.param(
            {"scheme": "hubspot_v3"},
            ("scheme",),
            "unknown scheme",
            "Did you mean hubspot-v3?",
            id="underscore",
        ),
        pytest.param({"scheme": "?"}, ("scheme",), "unknown scheme", "one of hmac,", id="far"),
        pytest.param({"scheme": ["a"]}, ("scheme",), "unknown scheme", "one of", id="list"),
        pytest.param(
            {"scheme": "github", "header": "X-A"},
            ("header",),
            "fixed by the scheme github",
            "scheme: hmac",
            id="preset-knob",
        ),
        pytest.param(
            {"scheme": "github", "tolerance": 5},
            ("tolerance",),
            "unknown key",
            "Did you mean tolerance_seconds?",
            id="unknown-key",
        ),
        pytest.param(
            {"scheme": "github", 7: 5}, (7,), "unknown key '7'", "Write one of", id="number-as-key"
        ),
        pytest.param(
            {"scheme": "github", "tolerance_seconds": 5},
            ("tolerance_seconds",),
            "signs no time",
            "Remove it",
            id="untimed-preset",
        ),
        pytest.param(
            {"scheme": "zendesk", "tolerance_seconds": 0},
            ("tolerance_seconds",),
            "cannot be '0'",
            "from 1 to 86400",
            id="no-tolerance",
        ),
        pytest.param(
            {"scheme": "zendesk", "tolerance_seconds": True},
            ("tolerance_seconds",),
            "cannot be 'True'",
            "whole seconds",
            id="bool-tolerance",
        ),
        pytest.param(
            {"scheme": "github", "dedupe": "never"},
            ("dedupe",),
            "cannot be 'never'",
            "one of none",
            id="dedupe",
        ),
        pytest.param(
            {"scheme": "github", "success": 200},
            ("success",),
            "cannot be '200'",
            "{status: …",
            id="success-number",
        ),
        pytest.param(
            {"scheme": "github", "success": {"status": 302}},
            ("success", "status"),
            "cannot be '302'",
            "200, 201",
            id="success-status",
        ),
        pytest.param(
            {"scheme": "github", "success": {"text": "ok"}},
            ("success", "text"),
            "unknown key",
            "status, body, content_type",
            id="success-key",
        ),
        pytest.param(
            {"scheme": "github", "success": {"content_type": "a\r\nb: c"}},
            ("success", "content_type"),
            "cannot be",
            "media type",
            id="success-header-injection",
        ),
        pytest.param(
            {"scheme": "github", "success": {"status": 204, "body": "ok"}},
            ("success", "body"),
            "has no body",
            "status: 200",
            id="no-content-with-body",
        ),
        pytest.param(
            without(HMAC, "header"), (), "`header` is missing", "Add `header`", id="header"
        ),
        pytest.param(
            without(HMAC, "algorithm"),
            (),
            "`algorithm` is missing",
            "Add `algorithm`",
            id="algorithm",
        ),
        pytest.param(
            without(HMAC, "encoding"), (), "`encoding` is missing", "Add `encoding`", id="encoding"
        ),
        pytest.param(
            without(HMAC, "signed_content"),
            (),
            "`signed_content` is missing",
            "{body}",
            id="content",
        ),
        pytest.param(
            {**HMAC, "header": "X Signature"},
            ("header",),
            "cannot be",
            "name of an HTTP header",
            id="header-name",
        ),
        pytest.param(
            {**HMAC, "algorithm": "md5"},
            ("algorithm",),
            "cannot be 'md5'",
            "sha256, sha512, sha384, sha1",
            id="md5",
        ),
        pytest.param(
            {**HMAC, "encoding": "base32"}, ("encoding",), "cannot be", "base64url", id="base32"
        ),
        pytest.param(
            {**HMAC, "key_encoding": "b64"}, ("key_encoding",), "cannot be", "whsec", id="key"
        ),
        pytest.param({**HMAC, "prefix": 1}, ("prefix",), "cannot be '1'", "quotes", id="prefix"),
        pytest.param(
            {**HMAC, "separator": ""}, ("separator",), "cannot be ''", "quotes", id="separator"
        ),
        pytest.param(
            {**HMAC, "signed_content": "{url}"},
            ("signed_content",),
            "cannot be",
            "{body}",
            id="body-unsigned",
        ),
        pytest.param(
            {**HMAC, "signed_content": "{bdoy}"},
            ("signed_content",),
            "cannot be",
            "{bdoy} is no placeholder",
            id="placeholder",
        ),
        pytest.param(
            {**HMAC, "signed_content": "{body"}, ("signed_content",), "cannot be", "brace", id="{"
        ),
        pytest.param(
            {**HMAC, "signed_content": "{header:}{body}"},
            ("signed_content",),
            "cannot be",
            "{header:NAME}",
            id="header-placeholder",
        ),
        pytest.param(
            {**HMAC, "signed_content": 1}, ("signed_content",), "cannot be", "template", id="number"
        ),
        pytest.param(
            {**TIMED, "signed_content": "{body}"},
            ("signed_content",),
            "not signed",
            "{timestamp}",
            id="time-unsigned",
        ),
        pytest.param(
            without(TIMED, "timestamp_unit"),
            (),
            "`timestamp_unit` is missing",
            "seconds",
            id="no-unit",
        ),
        pytest.param(
            without(TIMED, "timestamp_header", "timestamp_unit"),
            ("signed_content",),
            "nothing states where",
            "timestamp_header",
            id="time-nowhere",
        ),
        pytest.param(
            {**HMAC, "timestamp_unit": "seconds"},
            ("timestamp_unit",),
            "of no use",
            "timestamp_header",
            id="unit-alone",
        ),
        pytest.param(
            {**HMAC, "tolerance_seconds": 60},
            ("tolerance_seconds",),
            "of no use",
            "timestamp_header",
            id="tolerance-alone",
        ),
        pytest.param(
            {**TIMED, "timestamp_element": "t", "separator": ","},
            ("timestamp_element",),
            "two places",
            "Keep one",
            id="two-places",
        ),
        pytest.param(
            {**without(TIMED, "timestamp_header"), "timestamp_element": "t"},
            (),
            "`separator` is missing",
            "Add separator",
            id="element-alone",
        ),
        pytest.param(
            {**TIMED, "timestamp_unit": "minutes"},
            ("timestamp_unit",),
            "cannot be",
            "iso8601",
            id="minutes",
        ),
        pytest.param(
            {**HMAC, "url_transform": "x"}, ("url_transform",), "cannot be", "hubspot", id="url"
        ),
    ],
)
def test_a_fault_names_its_place_and_its_remedy(
    block: dict[str, Any], path: tuple[str | int, ...], message: str, remedy: str
) -> None:
    found = [
        (where, what, remediation)
        for where, what, remediation in RULES.problems(block)
        if where == path
    ]
    assert any(message in what and remedy in remediation for _, what, remediation in found), (
        RULES.problems(block)
    )
    with pytest.raises(SchemeInvalid):
        scheme_of(block)
    assert RULES.signs_delivery_id(block) is False


def test_all_faults_are_told_at_once() -> None:
    block = {**HMAC, "algorithm": "md5", "encoding": "x", "colour": 1, "dedupe": 2}
    assert {path for path, _, _ in RULES.problems(block)} == {
        ("algorithm",),
        ("encoding",),
        ("colour",),
        ("dedupe",),
    }


@pytest.mark.parametrize("block", [HMAC, TIMED, *map(block_of, PRESETS)])
def test_a_right_block_has_no_faults_and_fits_the_editors_schema(block: dict[str, Any]) -> None:
    assert RULES.problems(block) == []
    properties = RULES.knobs_schema()
    jsonschema.Draft202012Validator.check_schema({"properties": properties})
    schema = {"properties": properties, "additionalProperties": False}
    jsonschema.validate(without(block, "secrets"), schema)


def test_a_preset_is_taken_as_it_is_but_for_what_the_block_sets() -> None:
    assert scheme_of({"scheme": "zendesk", "secrets": ["A"]}) == PRESETS["zendesk"]
    assert scheme_of({"scheme": "zendesk", "tolerance_seconds": 9}).tolerance_seconds == 9


@pytest.mark.parametrize(
    ("success", "expected"),
    [
        ({}, Response(200, b"", None)),
        ({"status": 204}, Response(204, b"", None)),
        ({"body": "Zoë"}, Response(200, "Zoë".encode(), "text/plain; charset=utf-8")),
        (
            {"status": 201, "body": "<a/>", "content_type": "text/xml"},
            Response(201, b"<a/>", "text/xml"),
        ),
    ],
)
def test_the_answer_to_a_kept_delivery_may_be_set(success: Any, expected: Response) -> None:
    assert scheme_of({"scheme": "github"}).success is None
    assert scheme_of({"scheme": "github", "success": success}).success == expected


def test_the_delivery_id_counts_as_signed_only_where_the_content_names_its_header() -> None:
    signs = {name: RULES.signs_delivery_id(block_of(name)) for name in PRESETS}
    assert {name for name, signed in signs.items() if signed} == {
        *("ada", "bigcommerce", "brex", "fathom", "finch", "folk", "gitlab-signing-token"),
        *("humanlayer", "incident-io", "ironclad", "lever", "loops", "mailgun", "openai"),
        *("polar", "quo", "recall-ai", "resend", "sinch", "standard-webhooks", "svix"),
    }
    with_id = {**HMAC, "id_header": "X-Id"}
    assert not RULES.signs_delivery_id(with_id)
    assert RULES.signs_delivery_id({**with_id, "signed_content": "{header:x-ID}{body}"})


def test_names_are_all_that_scheme_may_take() -> None:
    assert RULES.names() == ["hmac", "token", "basic", "path-token", *sorted(PRESETS)]
    assert dict(RULES.knobs_schema())["scheme"]


def test_a_verify_token_must_be_a_secret_of_its_own() -> None:
    """A word that stands in a URL, in the open, is compared with nothing that signs."""
    block = {"scheme": "whatsapp", "secrets": ["APP_SECRET", {"name": "OLD"}]}
    [(path, message, remedy)] = RULES.problems(block)
    assert (path, "`hub.verify_token` in the open" in message) == ((), True)
    assert "Add handshake_secret: WHATSAPP_VERIFY_TOKEN" in remedy
    for name in ("APP_SECRET", "OLD"):
        [(path, message, _)] = RULES.problems(block | {"handshake_secret": name})
        assert (path, "one of `secrets`" in message) == (("handshake_secret",), True)
    assert RULES.problems(block | {"handshake_secret": "A_WORD"}) == []
    needing = [name for name in PRESETS if RULES.problems({"scheme": name})]
    assert "whatsapp" in needing
    assert all("handshake_secret" in RULES.problems({"scheme": name})[0][1] for name in needing)


def test_the_documentation_has_every_preset_knob_and_cause() -> None:
    text = (Path(__file__).parents[3] / "docs" / "schemes.md").read_text("utf-8")
    knobs = (*GENERIC_KNOBS.values(), COMMON_KNOBS, SUCCESS_KNOBS, FAILURE_KNOBS)
    knobs += (HANDSHAKE_KNOBS, DIGEST_KNOBS)
    for table in (presets_table(), *map(knobs_table, knobs)):
        assert table in text, f"docs/schemes.md should hold this table:\n{table}"
    for cause, meaning in CAUSES.items():
        assert f"| `{cause}` | {meaning} |" in text
