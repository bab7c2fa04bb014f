"""Payloads made to blow up the expressions and the readers that they meet: bounded in memory."""

from __future__ import annotations

import time

import pytest

from mappings.engine.cel.language import EvalError, Language
from mappings.engine.cel.values import LARGEST
from mappings.engine.loading.load import load, read_directory
from mappings.engine.payload import PayloadError, parse
from mappings.engine.tooling.examples import RECEIVED_AT
from receiver.signatures import RULES
from tests.mappings.library.test_ready_made import ROOT
from tests.mappings.payload.test_hostile import HOSTILE
from tests.support.memory import MIB, needs_proc, taken_by

LANGUAGE = Language({})
PAYLOAD = {"items": list(range(9000)), "text": "a" * 500_000}


def evaluate(expression: str, payload: object = PAYLOAD) -> object:
    activation = LANGUAGE.activation(
        payload=payload, headers={}, source="s", variables={}, received_at=RECEIVED_AT
    )
    return LANGUAGE.compile(expression).evaluate(activation)


@needs_proc
def test_a_long_text_for_each_of_many_items_is_refused() -> None:
    """100 MiB, which CEL itself holds by then, out of a body of 0.1 MiB; it would go on to GiB."""
    payload = {"items": list(range(1000)), "text": "a" * 100_000}

    def refused() -> None:
        with pytest.raises(EvalError, match="gives more than 64 MiB"):
            evaluate("payload.items.map(item, {'item': item, 'text': payload.text})", payload)

    began = time.process_time()
    assert taken_by(refused) < 100 * MIB + LARGEST + 64 * MIB
    assert time.process_time() - began < 10


def test_what_was_sent_may_be_given_back_whole() -> None:
    assert evaluate("[payload]") == [PAYLOAD]


PATTERNS = {
    "nested repetition": "(a+)+b",
    "alternatives": "(a|a)*b",
    "optional": "(a?){50}a{50}b",
    "counted": "(.*){10}b",
}


@needs_proc
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_regular_expression_takes_one_pass(pattern: str) -> None:
    began = time.process_time()
    assert taken_by(lambda: evaluate(f"payload.text.matches('{pattern}')")) < 64 * MIB
    assert time.process_time() - began < 3


def test_a_pattern_out_of_a_payload_is_an_error_or_an_answer() -> None:
    for pattern in ("(" * 1000, "a{1000}{1000}", "[" + "a" * 100_000, "(?<=a)b", "\\1"):
        with pytest.raises(EvalError):
            evaluate("'a'.matches(payload.pattern)", {"pattern": pattern})


@needs_proc
@pytest.mark.parametrize(("body", "content_type"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_mebibyte_is_refused_in_bounded_memory(body: bytes, content_type: str) -> None:
    def refused() -> None:
        with pytest.raises(PayloadError):
            parse(body, content_type)

    assert taken_by(refused) < 256 * MIB


JSON = {
    "lists": b"[" * MIB,
    "objects": b'{"a":' * (MIB // 5),
    "small lists": b"[" + b"[]," * (MIB // 3 - 1) + b"[]]",
    "digits": b"[" + b"9" * (MIB - 2) + b"]",
    "a vast exponent": b"[1e" + b"9" * (MIB // 2) + b"]",
    "small numbers": b"[" + b"1," * (MIB // 2 - 1) + b"1]",
    "one name again and again": b"{" + b'"a":1,' * (MIB // 6) + b'"a":1}',
    "escapes": b'["' + b"\\u0041" * (MIB // 6) + b'"]',
    "half characters": b'["' + b"\\ud800" * (MIB // 6) + b'"]',
}


@needs_proc
@pytest.mark.parametrize("body", JSON.values(), ids=JSON)
def test_a_mebibyte_of_json_is_read_or_refused_within_time_and_memory(body: bytes) -> None:
    messages: list[str] = []

    def read_or_refused() -> None:
        try:
            parse(body, "application/json")
        except PayloadError as refused:
            messages.append(str(refused))

    began = time.process_time()
    assert taken_by(read_or_refused) < 160 * MIB
    assert all(len(one) < 1000 for one in messages)
    assert time.process_time() - began < 5


FILES = read_directory(ROOT / "mappings")
LAUGHS = b"a: &a [x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (n, n, n - 1, n - 1, n - 1, n - 1)
    for n in range(ord("b"), ord("z"))
)
YAML = {
    "billion-laughs": LAUGHS,
    "deep lists": b"a: " + b"[" * 50_000,
    "deep blocks": b"".join(b" " * n + b"a:\n" for n in range(1000)),
    "a long key": b"? " + b"a" * MIB + b"\n: b\n",
    "many keys": b"".join(b"k%d: v\n" % n for n in range(20_000)),
    "a tag": b"a: !!python/object/apply:os.system [true]\n",
    "merged": b"base: &base {a: b}\nother:\n  <<: *base\n",
}


@needs_proc
@pytest.mark.parametrize("name", ["github.yaml", "agents.yaml", "tables/companies.yaml"])
@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_a_hostile_file_is_a_problem_within_time_and_memory(name: str, text: bytes) -> None:
    problems: list[object] = []

    def read() -> None:
        loaded = load({**FILES, name: text}, timezone="UTC", schemes=RULES)
        problems.extend(one for one in loaded.problems if one.file == name)

    began = time.process_time()
    assert taken_by(read) < 256 * MIB
    assert time.process_time() - began < 10
    assert problems or (name.startswith("tables/") and text.startswith(b"k0:"))
