"""The language of `redact:`: what a path may be, and what it stands for."""

from __future__ import annotations

import pytest

from mappings.engine.redact.paths import InvalidPath, RedactPath, parse_path

GOOD = {
    "payload.email": RedactPath("payload", ("email",)),
    "payload.customer.e-mail": RedactPath("payload", ("customer", "e-mail")),
    'payload.customer["e mail"]': RedactPath("payload", ("customer", "e mail")),
    'payload["a\\"b"]': RedactPath("payload", ('a"b',)),
    "payload[*].email": RedactPath("payload", ("email",)),
    "payload.items[*].note": RedactPath("payload", ("items", "note")),
    "payload.tags[*]": RedactPath("payload", ("tags",), items=True),
    "payload.rows[*][*]": RedactPath("payload", ("rows",), items=True),
    "headers.x-user-email": RedactPath("headers", ("x-user-email",)),
    'headers["X-User.Email"]': RedactPath("headers", ("x-user.email",)),
}
BAD = {
    "": "begins with neither",
    "customer.email": "begins with neither",
    "payloads.email": "begins with neither",
    "payload": "is the whole body",
    "payload[*]": "is the whole body",
    "payload.": "cannot be read from `.`",
    "payload..email": "cannot be read from `..email`",
    "payload.items[0].note": "cannot be read from `[0].note`",
    "payload.items[].note": "cannot be read",
    "payload.*.note": "cannot be read",
    "payload.a b": "cannot be read",
    'payload["a\\x"]': "is not a name in quotes",
    "payload." + "a" * 600: "more than 500 characters",
    "payload" + ".a" * 33: "more than 32 names",
    "headers": "names no header",
    "headers.a.b[*]": "names no header",
    "headers.a b": "names no header",
    "headers.Content-Type": "The body is read by `content-type`",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_path_stands_for_names_and_lists_do_not_matter(text: str) -> None:
    assert parse_path(text) == GOOD[text]
    assert parse_path(str(GOOD[text])) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_path_is_refused_and_says_why(text: str) -> None:
    with pytest.raises(InvalidPath) as refused:
        parse_path(text)
    assert BAD[text] in refused.value.message
    assert refused.value.remedy
