"""What can be made of one captured request: never a second bill, and never another one.

For each preset a request as its vendor sends it goes through the service's own steps (verification,
dedupe key, mapping), and then again with everything changed that its signature does not hold.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given, strategies as st

from mappings.engine.payload import Format, PayloadError, parse
from receiver.signatures import PRESETS, Coverage, SignatureError, Strength, verify
from receiver.signatures.captured import captured
from receiver.signatures.describing import describe
from tests.support.captured import (
    EVENT,
    FORMS,
    IDS,
    SENT,
    SMS,
    TWILIO,
    TYPES,
    ensure_one_bill,
    formats,
    mappings,
    sent,
    taken,
)
from tests.support.effort import examples
from tests.support.requests import signed
from tests.support.scheme_tables import captured_table


@pytest.mark.parametrize(("name", "kind"), SENT, ids=IDS)
def test_a_request_as_its_vendor_sends_it_bills(name: str, kind: Format) -> None:
    found = taken(name, sent(name, kind))
    assert found is not None
    assert len(found.outcomes) == 1


texts = st.text("abcXYZ0189-_.:=", min_size=0, max_size=12)


@st.composite
def unsigned_changes(draw: st.DrawFn, request: dict[str, Any]) -> dict[str, Any]:
    """The request with other headers, content type, id and query."""
    headers = dict(request["headers"])
    headers["content-type"] = draw(st.sampled_from(TYPES))
    names = ["x-request-id", "idempotency-key", "content-encoding", "x-forwarded-for", "x-event"]
    names += [name for name in headers if "signature" not in name]
    names += ["i-twilio-idempotency-token", "x-github-delivery", "x-shopify-webhook-id"]
    for name in draw(st.lists(st.sampled_from(sorted(names)), max_size=3)):
        headers[name] = draw(texts) if name != "content-type" else headers[name]
    for name, value in list(headers.items()):
        if draw(st.integers(0, 9)) == 0:
            headers[name] = draw(st.sampled_from([value.upper(), value.rstrip("="), f" {value} "]))
        if draw(st.integers(0, 19)) == 0:
            headers[name.upper()] = headers.pop(name)
    url = request["url"]
    query = draw(st.sampled_from(["", "&a=2", "?x=1", "&b=%3a", "&AccountSid=1", "#f", ":443"]))
    url = url.replace("example.com", "example.com:443") if query == ":443" else url + query
    return {**request, "headers": headers, "url": url}


@pytest.mark.parametrize(("name", "kind"), SENT, ids=IDS)
@examples(6)
@given(st.data())
def test_nothing_beside_the_body_makes_another_bill(
    name: str, kind: Format, data: st.DataObject
) -> None:
    ensure_one_bill(name, kind, data.draw(unsigned_changes(sent(name, kind))))


def moved_borders(name: str, kind: Format, data: st.DataObject) -> dict[str, Any]:
    """Some of what is signed beside the body moved into it, or the other way round."""
    request = sent(name, kind)
    body, url, headers = request["body"], request["url"], dict(request["headers"])
    scheme = PRESETS[name]
    length = data.draw(st.integers(1, 30))
    places = [header for header in headers if header != "content-type"]
    place = data.draw(st.sampled_from(["url", *places]))
    at_start = data.draw(st.booleans())
    into_body = data.draw(st.booleans())
    value = url if place == "url" else headers[place]
    if into_body:
        cut, value = (
            (value[-length:], value[:-length]) if at_start else (value[:length], value[length:])
        )
        moved = cut.encode("latin-1")
        body = moved + body if at_start else body + moved
    else:
        cut_bytes = body[:length] if at_start else body[-length:]
        body = body[length:] if at_start else body[:-length]
        text = cut_bytes.decode("latin-1")
        value = value + text if at_start else text + value
    assert scheme.name == name
    if place == "url":
        return {**request, "body": body, "url": value}
    return {**request, "body": body, "headers": {**headers, place: value}}


BESIDE_OTHERS = [(name, kind) for name, kind in SENT if PRESETS[name].coverage is Coverage.BODY]


@pytest.mark.parametrize(
    ("name", "kind"), BESIDE_OTHERS, ids=[f"{name}-{kind}" for name, kind in BESIDE_OTHERS]
)
@examples(4)
@given(st.data())
def test_nothing_moved_between_the_body_and_what_is_signed_beside_it_bills(
    name: str, kind: Format, data: st.DataObject
) -> None:
    ensure_one_bill(name, kind, moved_borders(name, kind, data))


# Forms whose signature covers names and values, and not where one ends.


@st.composite
def respelled(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> bytes:
    """The fields in another order, encoded otherwise, some twice, with empty pieces between."""
    changed = draw(st.permutations(pairs))
    changed += draw(st.lists(st.sampled_from(pairs), max_size=2))
    pieces = []
    for name, value in changed:
        plain = quote(value, safe="")
        encoded = "".join(f"%{byte:02x}" for byte in value.encode())
        spelled = draw(st.sampled_from([plain, plain.replace("%20", "+"), encoded]))
        pieces.append(f"{quote(name, safe='')}={spelled}")
    return draw(st.sampled_from(["&", "&&"])).join(pieces).encode()


Fields = list[tuple[str, str]]


@st.composite
def recut(draw: st.DrawFn, pairs: Fields) -> Fields:
    """The same text in the order of names, with a border or two elsewhere."""
    fields = sorted(set(pairs))
    words = [name for name, _ in fields]
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(fields) - 1))
        (name, value), rest = fields[at], fields[at + 1 :]
        swallowed = value + "".join(rest[0]) if rest else value
        found = [one.start() for word in words for one in re.finditer(word, value)]
        place = draw(st.sampled_from(found) if found else st.integers(0, len(value)))
        border = draw(
            st.sampled_from([word for word in words if value[place:].startswith(word)] or [""])
        )
        length = len(border) or draw(st.integers(1, 8))
        later = (value[place : place + length], value[place + length :])
        fields = draw(
            st.sampled_from(
                [
                    [*fields[:at], (name, swallowed), *rest[1:]],
                    [*fields[:at], (name, value[:place]), *([later] if later[0] else []), *rest],
                    [*fields[:at], (name + value[:1], value[1:]), *rest],
                    [*fields[:at], (name[:-1] or name, name[1:][-1:] + value), *rest],
                ]
            )
        )
    return fields


@pytest.mark.parametrize("name", FORMS)
@examples(40)
@given(st.data())
def test_no_form_that_is_signed_alike_is_another_delivery_or_another_bill(
    name: str, data: st.DataObject
) -> None:
    """Other order, spelling or borders: after the first a repeat, and alone no other bill."""
    request = sent(name, Format.FORM)
    pairs = parse_qsl(request["body"].decode())
    cut = data.draw(st.one_of(st.just(pairs), recut(pairs)))
    body = data.draw(respelled(cut))
    other = {"i-twilio-idempotency-token": "2", "content-type": data.draw(st.sampled_from(TYPES))}
    first = taken(name, request)
    again = taken(name, {**request, "body": body, "headers": request["headers"] | other})
    assert first is not None
    if again is not None:
        assert again.key == first.key, body
        assert again.outcomes in ((), first.outcomes), body


MOVED = [
    ("MessageSid=SM9f&NumMedia=0", "MessageSid=SM9fN&umMedia=0"),
    ("MessageSid=SM9f&NumMedia=0", "MessageSid=SM9fNumMedia0"),
    ("MessageSid=SM9f&NumMedia=0", "MessageSi=dSM9f&NumMedia=0"),
    ("MessageSid=SM9f&NumMedia=0", "M=essageSidSM9f&NumMedia=0"),
    ("Body=YESTERDAY&From=1", "Body=YES&TERDAY=From1"),
    ("Body=YES&ButtonText=x", "Body=YESButtonTextx"),
    ("Body=YESlater&From=1", "Body=YES&later=From1"),
    ("ApiVersion=2010&Body=NO&From=1&ProfileName=xBodyYES&To=2",
     "ApiVersion=2010BodyNOFrom1ProfileNamex&Body=YES&To=2"),
    ("ApiVersion=2010&Body=NO&From=1&To=2", "ApiVersion=2010BodyNO&From=1&To=2"),
    ("ApiVersion=2010&Body=YES&From=1&To=2", "ApiVersion=2010&Body=YESFrom1&To=2"),
    ("MessageSid=SM9f&Zone=eu", "MessageSid=SM9&fZone=eu"),
    ("AccountSid=AC1&Body=NO&From=1", "Account=SidAC1&Body=NO&From=1"),
    ('ChannelMetadata={"ProfileName":"YES"}&From=1',
     'ChannelMetadata={"&ProfileName=":"YES"}From1'),
]  # fmt: skip


@pytest.mark.parametrize(("honest", "moved"), MOVED)
def test_a_form_with_moved_borders_is_signed_alike_and_read_by_nobody(
    honest: str, moved: str
) -> None:
    honest_body, moved_body = (text.replace(" ", "%20").encode() for text in (honest, moved))
    request = signed("twilio-form", body=honest_body)
    first = verify("twilio-form", **request)
    assert verify("twilio-form", **request | {"body": moved_body}) == first
    made = mappings().programs["twilio-form"].body_rules
    with pytest.raises(PayloadError):
        parse(moved_body, None, made)


def test_no_field_is_moved_into_the_query() -> None:
    request = signed("twilio-form", body=b"AccountSid=AC1&Body=NO&MessageSid=SM9f")
    assert verify("twilio-form", **request).coverage is Coverage.FIELDS
    moved = {"url": request["url"] + "AccountSidAC1", "body": b"Body=NO&MessageSid=SM9f"}
    with pytest.raises(SignatureError, match="AccountSid"):
        verify("twilio-form", **request | moved)


@pytest.mark.parametrize(
    "body",
    [
        SMS,
        {**SMS, "Body": "From Berlin To Bonn", "ProfileName": "Body Shop"},
        {**SMS, "Body": 'YES "Body"', "ButtonText": "YES", "ButtonPayload": "To=1"},
        {**SMS, "NewField": "what Twilio adds"},
        {**SMS, "MediaUrl0": "https://api.twilio.com/x", "MediaContentType0": "image/png"},
        {**SMS, "ChannelMetadata": '{"data":{"ProfileName":"Zoë","WaId":"4915"}}'},
        {"CallSid": "CA1", "Caller": "+1", "Digits": "1", "From": "+1", "To": "+2"},
        {"From": "+1", "MessageSid": "SM9f", "Body": "YES", "Zone": "eu"},
    ],
)
def test_a_form_as_twilio_sends_it_is_read(body: dict[str, str]) -> None:
    made = mappings().programs["twilio-form"].body_rules
    assert parse(urlencode(body).encode(), None, made) == body


# Signatures that lie in the body and leave the rest of it open.


@st.composite
def around_the_signature(draw: st.DrawFn, name: str, document: dict[str, Any]) -> bytes:
    """Another body with the same signature in it, spelled in some way."""
    changed = {**document, "e": draw(st.sampled_from([EVENT, {**EVENT, "id": "8"}]))}
    if name == "lever" and draw(st.booleans()):
        token, at = document["token"], str(document["triggeredAt"])
        changed |= draw(
            st.sampled_from(
                [
                    {"triggeredAt": at},
                    {"triggeredAt": f"0{at}"},
                    {"token": token + at[0], "triggeredAt": at[1:]},
                    {"token": token[:-1], "triggeredAt": token[-1] + at},
                    {"token": token[:-1], "triggeredAt": f"{token[-1]}{at}"},
                ]
            )
        )
    items = draw(st.permutations(list(changed.items())))
    indent = draw(st.sampled_from([None, 0, 3]))
    return json.dumps(dict(items), indent=indent, ensure_ascii=draw(st.booleans())).encode()


PARTLY = ["adyen", "lever", "dropbox-sign", "msgraph-rich", "mailgun", "synthflow"]


@pytest.mark.parametrize("name", PARTLY)
@examples(20)
@given(st.data())
def test_one_signature_is_one_delivery_whatever_stands_around_it(
    name: str, data: st.DataObject
) -> None:
    request = sent(name, Format.JSON)
    body = data.draw(around_the_signature(name, json.loads(request["body"])))
    first = taken(name, request)
    again = taken(name, data.draw(unsigned_changes({**request, "body": body})))
    assert first is not None
    if again is not None:
        assert again.key == first.key


def test_every_preset_is_one_of_these() -> None:
    """A new one that leaves the body open must say here what becomes of its signature."""
    assert {name for name, one in PRESETS.items() if one.coverage is Coverage.PARTS} == {
        "adyen", "lever", "dropbox-sign", "msgraph-rich", "mailgun", "synthflow", "justcall",
    }  # fmt: skip
    nothing = {name for name, one in PRESETS.items() if one.coverage is Coverage.NOTHING}
    shared = {name for name, one in PRESETS.items() if one.strength is Strength.SHARED}
    assert nothing - shared == {"monday", "jira-connect-or-dynamic"}


# What is said of it is so.


@pytest.mark.parametrize("name", PRESETS)
def test_what_schemes_say_of_a_captured_request_is_what_becomes_of_it(name: str) -> None:
    scheme = PRESETS[name]
    kind = formats(name)[0] if name != "dropbox-sign" else Format.JSON
    said, request, first = describe(scheme).replay, sent(name, kind), taken(name, sent(name, kind))
    assert first is not None
    place = (scheme.id_place or "none").lower()
    if "body:" not in place and not scheme.signs_delivery_id:
        other = taken(name, {**request, "headers": {**request["headers"], place: "another"}})
        assert other is not None
        says_so = "With another id" in " ".join(captured(scheme))
        assert (other.key != first.key) == (
            says_so or (said == "anything" and scheme.id_place is not None)
        )
    body = request["body"].replace(b"acme", b"evil")
    if name in TWILIO:
        body = request["body"].replace(b"NO%2C", b"YES%2C")
    if kind is Format.JWT:
        body = request["body"].replace(b".", b".e", 1)
    if name == "braintree":
        body = request["body"].replace(b"bt_payload=PG", b"bt_payload=PH")
    other = taken(name, {**request, "body": body})
    assert (other is not None) == (said in ("anything", "any body", "other parts"))
    if other is not None:
        assert (other.key == first.key) == (said == "other parts")


def test_the_table_of_what_a_captured_request_can_do_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs" / "security.md").read_text("utf-8")
    assert captured_table() in text, f"docs/security.md should hold this table:\n{captured_table()}"
