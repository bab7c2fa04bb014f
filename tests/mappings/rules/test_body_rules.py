"""What a body is read as by the rules of its source: the content type, unsigned, has no say."""

from __future__ import annotations

import pytest

from mappings.engine.payload import BodyRules, Format, PayloadError, parse
from mappings.engine.redact.paths import NotRedactable, parse_path
from mappings.engine.redact.redactor import redactor_of
from receiver.signatures import RULES

FORGED = (
    b'--X\r\nContent-Disposition: form-data; name="payload"\r\n\r\n{"deal": "forged"}\r\n--X--\r\n'
)
MULTIPART = "multipart/form-data; boundary=X"
#: A customer's text of several lines, in an XML document that its vendor signed.
XML = b"<note><text>\n" + FORGED + b"</text><deal>won</deal></note>"
TYPES = (
    None,
    "application/json",
    "application/x-www-form-urlencoded",
    "text/xml",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/json; charset=utf-16",
    "text/plain; charset=utf-7",
    "application/json; charset=iso-8859-1",
    MULTIPART,
)
ANY = BodyRules()


def read(body: bytes, content_type: str | None, rules: BodyRules) -> object:
    try:
        return parse(body, content_type, rules)
    except PayloadError:
        return "refused"


@pytest.mark.parametrize(
    ("body", "rules", "value"),
    [
        (b'{"a": "\xc3\xa9"}', ANY, {"a": "é"}),
        (b'{"a": "\xc3\xa9"}', BodyRules(formats=(Format.JSON,)), {"a": "é"}),
        (b'{"a": "\xe9"}', ANY, "refused"),
        (b'{"a": "\xe9"}', BodyRules(charset="windows-1252"), {"a": "é"}),
        (b"a=%E9", BodyRules(charset="windows-1252"), {"a": "é"}),
        (b"a=1&b=2", ANY, {"a": "1", "b": "2"}),
        (b"data[id]=1&b=2", ANY, {"data[id]": "1", "b": "2"}),
        (b'[{"a": "b=2"}]', ANY, [{"a": "b=2"}]),
        (b"a=1&b=2", BodyRules(formats=(Format.JSON,)), "refused"),
        (b"<a>1</a>", ANY, {"a": "1"}),
        (b"<a>1</a>", BodyRules(formats=(Format.JSON, Format.FORM)), "refused"),
        (b'{"a": 1}', BodyRules(formats=(Format.FORM,)), "refused"),
        (b'{"a": 1}', BodyRules(formats=(Format.JSON_LINES,)), [{"a": 1}]),
        (b'{"a": 1}\n{"a": 2}', ANY, "refused"),
        (b'{"a": 1}\n{"a": 2}', BodyRules(formats=(Format.JSON_LINES,)), [{"a": 1}, {"a": 2}]),
        (FORGED, ANY, {"deal": "forged"}),
        (FORGED, BodyRules(formats=(Format.MULTIPART,)), {"deal": "forged"}),
        (FORGED, BodyRules(formats=(Format.JSON, Format.XML)), "refused"),
        (b"\r\n" + FORGED, ANY, {"deal": "forged"}),
        (b"token=abc", ANY, {"token": "abc"}),
        (b"7", BodyRules(not_first="0123456789"), "refused"),
        (b'7{"a": 1}', BodyRules(not_first="0123456789"), "refused"),
        (b'{"a": 1}', BodyRules(not_first="0123456789", not_last="0123456789"), {"a": 1}),
        (b'"a"7', BodyRules(not_last="0123456789"), "refused"),
    ],
)
def test_the_same_is_read_under_every_content_type(
    body: bytes, rules: BodyRules, value: object
) -> None:
    assert [read(body, content_type, rules) for content_type in TYPES] == [value] * len(TYPES)


def test_a_body_in_another_charset_is_refused_with_the_way_out() -> None:
    with pytest.raises(PayloadError, match=r"not UTF-8 at byte 8\. Say what it is by `charset`"):
        parse(b'{"a": "\xe9"}', "application/json; charset=iso-8859-1", ANY)


def test_a_line_break_may_stand_before_the_boundary() -> None:
    by_type = BodyRules(by_content_type=True)
    assert parse(b"\r\n" + FORGED, MULTIPART, by_type) == {"deal": "forged"}
    with pytest.raises(PayloadError, match="does not begin with its boundary"):
        parse(b"x\r\n" + FORGED, MULTIPART, by_type)


def test_a_text_in_a_signed_document_is_no_form_whatever_it_is_called() -> None:
    honest = parse(XML, "text/xml", ANY)
    assert isinstance(honest, dict)
    assert honest["note"]["deal"] == "won"
    for content_type in TYPES:
        assert read(XML, content_type, ANY) == honest
        # What signs nothing goes by its content type, but a boundary is where a body begins.
        by_type = read(XML, content_type, BodyRules(by_content_type=True))
        assert by_type in (honest, "refused")


def test_a_cloud_event_is_unpacked_under_every_content_type() -> None:
    body = (
        b'{"specversion":"1.0","datacontenttype":"application/json","data_base64":"eyJhIjoxfQ=="}'
    )
    for content_type in TYPES:
        found = read(body, content_type, ANY)
        assert isinstance(found, dict)
        assert found["data"] == {"a": 1}
        redactor = redactor_of([parse_path("payload.data.a")], ANY)
        assert redactor is not None
        with pytest.raises(NotRedactable):
            redactor.apply(body, {"content-type": content_type or ""})


def test_what_is_redacted_is_found_by_the_same_rules() -> None:
    redactor = redactor_of([parse_path("payload.a")], ANY)
    assert redactor is not None
    for content_type in TYPES:
        left = redactor.apply(b'{"a": "secret", "b": 1}', {"content-type": content_type or ""})
        assert b"secret" not in left.body


@pytest.mark.parametrize(
    ("verify", "formats"),
    [
        ({"scheme": "github"}, (Format.JSON, Format.FORM)),
        ({"scheme": "github", "format": "xml"}, (Format.XML,)),
        ({"scheme": "twilio-form"}, (Format.FORM,)),
        ({"scheme": "retool"}, ()),
        ({"scheme": "token", "format": "json-lines"}, (Format.JSON_LINES,)),
        ({"scheme": "token", "charset": "windows-1252"}, ()),
    ],
)
def test_a_scheme_says_what_its_bodies_are_and_a_mapping_may_say_otherwise(
    verify: dict[str, object], formats: tuple[Format, ...]
) -> None:
    rules = RULES.body_rules({**verify, "secrets": ["S"]})
    assert rules is not None
    assert (rules.formats, rules.by_content_type) == (formats, False)
    assert rules.charset == verify.get("charset", "utf-8")


@pytest.mark.parametrize(
    ("template", "unit", "ends"),
    [
        ("{timestamp}{body}", "seconds", ("1", "")),
        ("{timestamp}{body}", "iso8601", ("", "")),
        ("{timestamp}.{body}", "seconds", ("", "")),
        ("{url}{body}{timestamp}", "milliseconds", ("1a", "1")),
        ("{url}.{body}{timestamp}", "milliseconds", ("1a", "1")),
        ("{timestamp}{url}\n{body}", "seconds", ("", "")),
        ("{timestamp}.{header:x-id}{body}", "seconds", ("1a", "")),
    ],
)
def test_where_nothing_stands_beside_a_body_its_ends_are_no_part_of_the_neighbour(
    template: str, unit: str, ends: tuple[str, str]
) -> None:
    rules = RULES.body_rules(
        {
            "scheme": "hmac",
            "header": "X-Signature",
            "algorithm": "sha256",
            "encoding": "hex",
            "signed_content": template,
            "timestamp_header": "X-Time",
            "timestamp_unit": unit,
        }
    )
    assert rules is not None
    for refused, end in ((rules.not_first, ends[0]), (rules.not_last, ends[1])):
        assert {char in refused for char in end} <= {True}
        assert bool(refused) == bool(end)
        assert not set('{}[]<>"\n') & set(refused)
