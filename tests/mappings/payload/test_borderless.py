"""A form without signed borders: no moved border bills, and the vendor may add fields."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from mappings.engine.cel.language import Language
from mappings.engine.cel.reads import reads_of
from mappings.engine.payload import PayloadError, parse
from receiver.signatures import PRESETS

TEXT = {
    "AccountSid": "AC1",
    "ApiVersion": "2010-04-01",
    "Body": "YES",
    "From": "+14155550101",
    "FromCity": "TOLEDO",
    "MessageSid": "SM1",
    "NumMedia": "0",
    "SmsStatus": "received",
    "To": "+15017122661",
    "ToCountry": "US",
}
CALL = {
    "AccountSid": "AC1",
    "ApiVersion": "2010-04-01",
    "CallSid": "CA1",
    "CallStatus": "completed",
    "From": "client:anna",
    "To": "+15017122661",
}
ALL = frozenset({"Body", "From", "To", "MessageSid", "SmsStatus"})
SOME = frozenset({"MessageSid", "SmsStatus"})
NEW = """OptInType TotalSegments TollFree TokenId CampaignToken FromCarrier ToCarrier FromName
BodyEncoding BrandSid DateSent ErrorUrl2 SmsErrorCode Price Tags Zone MessageSidFallback"""


def read(fields: dict[str, str], names: frozenset[str]) -> object:
    rules = PRESETS["twilio-form"].body_rules
    assert rules.form is not None
    rules = replace(rules, form=replace(rules.form, read=names))
    return parse(urlencode(fields).encode(), None, rules)


@pytest.mark.parametrize("names", [ALL, SOME], ids=["all read", "some read"])
@pytest.mark.parametrize("new", NEW.split())
def test_a_field_that_the_vendor_adds_is_taken(new: str, names: frozenset[str]) -> None:
    fields = {**TEXT, new: "x1"}
    assert read(fields, names) == fields


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({**TEXT, "From": "Toyota"}, ALL),
        ({**TEXT, "From": "client:JaneTodd"}, ALL),
        ({"MessageSid": "SM1", "SmsStatus": "sent", "From": "StateFarm", "To": "+1"}, SOME),
        ({**TEXT, "Body": "From me To you"}, ALL),
        ({**TEXT, "Body": "what is ErrorCode 5?"}, SOME),
        ({**CALL, "From": "client:Tom"}, ALL),
        ({**CALL, "From": "client:JaneTodd"}, SOME),
        ({**CALL, "To": "", "Called": "", "Caller": "client:Tom"}, ALL),
        (
            {"TaskSid": "WT1", "TaskAttributes": '{"a":"{\\"CallSid\\":\\"CA1\\"}"}'},
            frozenset({"TaskAttributes", "a"}),
        ),
        ({"TaskSid": "WT1", "TaskAttributes": '{"a":"{\\"CallSid\\":\\"CA1\\"}"}'}, SOME),
    ],
)
def test_what_people_and_vendors_write_into_fields_is_taken(
    fields: dict[str, str], names: frozenset[str]
) -> None:
    assert read(fields, names) == fields


@pytest.mark.parametrize(
    ("honest", "forged", "names"),
    [
        ({"MessageSid": "SM1", "NumMedia": "0"}, {"MessageSid": "SM1N", "umMedia": "0"}, ALL),
        ({"MessageSid": "SM1", "NumMedia": "0"}, {"MessageSid": "SM1NumMedia0"}, ALL),
        ({"FromCity": "X"}, {"From": "CityX"}, ALL),
        ({"From": "+1", "To": "+2"}, {"From": "+1To+2"}, ALL),
        ({"MessageSid": "SM1"}, {"Message": "SidSM1"}, frozenset({"Body"})),
        ({"From": "+1s", "To": "+2"}, {"From": "+1", "sTo": "+2"}, ALL),
        ({"Body": "NO", "From": "+1"}, {"Body": "N", "OFrom": "+1"}, ALL),
        ({"Body": "NO", "From": "+1"}, {"Bod": "yNO", "From": "+1"}, ALL | {"Bod"}),
        (
            {"ApiVersion": "2010", "Body": "NO", "From": "+1"},
            {"Api": "Version2010", "Body": "NOFrom+1"},
            ALL - {"From"},
        ),
        (
            {"AccountSid": "AC1", "ApiVersion": "2010", "Body": "NO", "From": "+1"},
            {"AccountSid": "AC1ApiVersion2010", "Body": "NOFrom+1"},
            frozenset({"Body"}),
        ),
        ({"Body": "NO But no"}, {"Body": "NO ", "But": " no"}, ALL),
        ({"From": "client:a", "To": "bTo+1"}, {"From": "client:aTob", "To": "+1"}, ALL),
        ({"SmsStatus": "sent", "To": "x"}, {"SmsStatus": "sentTox"}, frozenset({"*"})),
    ],
)
def test_a_moved_border_of_what_is_read_is_refused(
    honest: dict[str, str], forged: dict[str, str], names: frozenset[str]
) -> None:
    joined = ["".join(n + v for n, v in sorted(one.items())) for one in (honest, forged)]
    assert joined[0] == joined[1]
    with pytest.raises(PayloadError):
        read(forged if "ApiVersion" in joined[0] else {"ApiVersion": "2010", **forged}, names)


@pytest.mark.parametrize(
    ("expression", "members"),
    [
        ("payload.Body == 'x' && event['From'] != ''", {"Body", "From"}),
        ("payload.exists(name, name == 'Body')", {"*"}),
        ("event[payload.Name] == ''", {"*", "Name"}),
        ("[event].exists(one, one.Body == '')", {"*", "Body"}),
        ("has(payload.Body)", {"Body"}),
    ],
)
def test_which_fields_a_rule_reads(expression: str, members: set[str]) -> None:
    assert reads_of([Language({}).compile(expression)]).members == members
