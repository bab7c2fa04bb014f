"""Whatever bytes of whatever type arrive: a value or a PayloadError, in bounded time."""

import time

import pytest
from hypothesis import given, strategies as st

from mappings.engine.payload import PayloadError, parse

MIB = 1024 * 1024
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xYz"
XML = "text/xml; charset=UTF-8"
LINES = "application/x-ndjson"
EVENT = "application/cloudevents+json"


def multipart(*parts: str, newline: str = "\r\n") -> bytes:
    lines = [f"--xYz{newline}{part}{newline}" for part in parts]
    return ("".join(lines) + f"--xYz--{newline}").encode()


def field(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "billion-laughs": (f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>'.encode(), XML),
    "quadratic-blow-up": (
        b'<!DOCTYPE a [<!ENTITY x "' + b"x" * (MIB // 2) + b'">]><a>' + b"&x;" * 100_000 + b"</a>",
        XML,
    ),
    "open-elements": (b"<a>" * (MIB // 3), XML),
    "open-tags": (b"<" * MIB, XML),
    "attributes": (b"<a " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b">", XML),
    "namespaces": (b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(60_000)) + b">", XML),
    "attribute-value": (b'<a b="' + b"x" * MIB, XML),
    "comment": (b"<!--" + b"- " * (MIB // 2), XML),
    "cdata": (b"<a><![CDATA[" + b"]]" * (MIB // 2), XML),
    "references": (b"<a>" + b"&#38;" * (MIB // 5), XML),
    "siblings": (b"<a>" + b"<b/>" * (MIB // 4), XML),
    "declaration": (b"<?xml " + b"encoding=" * (MIB // 9), XML),
    "blanks-then-xml": (b" " * MIB + b"<", XML),
    "boundaries": (b"\r\n--xYz" * (MIB // 7), MULTIPART),
    "boundary-blanks": (b"--xYz" + b" " * MIB, MULTIPART),
    "newlines": (b"\r\n" * (MIB // 2), MULTIPART),
    "headers": (b"--xYz\r\n" + b"a:b\r\n" * (MIB // 5) + b"\r\n\r\n--xYz--", MULTIPART),
    "parts": (multipart(*[field("a", "")] * 20_000), MULTIPART),
    "parameters": (b"x", "multipart/form-data" + ';a="' * (MIB // 4)),
    "parameter-blanks": (b"x", "multipart/form-data;" + " " * MIB),
    "form-fields": (b"a&" * (MIB // 2), FORM),
    "form-percents": (b"%" * MIB + b"&json={", FORM),
    "lines": (b"\n" * MIB, LINES),
    "lines-of-lists": (b"[" * MIB, LINES),
    "base64": (b'{"datacontenttype":"json","data_base64":"' + b"W1tb" * (MIB // 4) + b'"}', EVENT),
}


@pytest.mark.parametrize(("body", "content_type"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_mebibyte_is_refused_in_bounded_time(body: bytes, content_type: str) -> None:
    began = time.process_time()
    with pytest.raises(PayloadError):
        parse(body, content_type)
    assert time.process_time() - began < 5


TYPES = st.sampled_from(
    [None, FORM, MULTIPART, XML, "application/soap+xml", LINES, EVENT, f"{FORM}; charset=utf-16"]
) | st.text(max_size=40)
PIECES = (
    b'<a>|</a>|<!DOCTYPE a [|]>|&#x1;|<?xml encoding=\'|\'?>|x="1"|\r\n|--xYz|--|\n\n|{|}|[|"a":'
    b'|Content-Disposition: x; name="json"|%7B|&|=|payload|\xff\xfe|\x00|\xc3\xa9|1'
).split(b"|")
BODIES = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)


@given(BODIES | st.binary(max_size=64), TYPES)
def test_any_bytes_of_any_type_give_a_value_or_a_payload_error(
    body: bytes, content_type: str | None
) -> None:
    try:
        parse(body, content_type)
    except PayloadError as refused:
        str(refused).encode("utf-8")


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]), max_size=8)


@given(st.lists(st.tuples(NAMES, WORDS), max_size=6))
def test_what_multipart_can_say_comes_back_unchanged(pairs: list[tuple[str, str]]) -> None:
    value = parse(multipart(*(field(f"f-{name}", word) for name, word in pairs)), MULTIPART)
    assert isinstance(value, dict)
    for name, _ in pairs:
        said = [word for other, word in pairs if other == name]
        assert value[f"f-{name}"] == (said[0] if len(said) == 1 else said)
