"""Mapping files are read strictly, with the place of everything."""

import time

import pytest
from hypothesis import given, strategies as st

from mappings.engine.reading.positions import Mark
from mappings.engine.reading.yamlfile import parse


def test_every_key_and_value_has_its_place() -> None:
    read = parse("a: 1\nbé:\n  - x\n  - {c: 0.990}\n".encode(), file="z.yaml")
    assert read.problems == ()
    assert read.data == {"a": 1, "bé": ["x", {"c": 0.99}]}
    assert read.positions.key(("bé",)) == Mark(2, 1)
    assert read.positions.value(("bé", 0)) == Mark(3, 5)
    assert read.positions.key(("bé", 1, "c")) == Mark(4, 6)
    assert read.positions.value(("bé", 1, "c")) == Mark(4, 9)
    assert read.positions.written[("bé", 1, "c")] == "0.990"


def test_what_is_not_there_has_the_place_of_what_would_hold_it() -> None:
    positions = parse(b"a:\n  b: 1\n", file="z.yaml").positions
    assert positions.value(("a", "c", 3)) == Mark(2, 3)
    assert parse(b"", file="z.yaml").positions.value(("a",)) == Mark(1, 1)


TEXTS_OF_YAML_1_1 = ["on", "off", "yes", "no", "y", "N", "2027-01-01", "1_000", "12:30:45", "="]


@pytest.mark.parametrize("text", TEXTS_OF_YAML_1_1)
def test_the_surprises_of_yaml_1_1_are_plain_text(text: str) -> None:
    assert parse(f"a: {text}".encode(), file="z.yaml").data == {"a": text}


def test_the_core_schema_of_yaml_1_2_decides_the_rest() -> None:
    read = parse(b"[1, -2, 0x1f, 0o17, 1.5, 1e3, true, False, ~, null, '', '1', 007]", file="z")
    assert read.data == [1, -2, 31, 15, 1.5, 1000.0, True, False, None, None, "", "1", 7]
    assert read.problems == ()


def test_long_texts_may_be_folded_or_kept() -> None:
    read = parse(b"a: >-\n  x &&\n  y\nb: |\n  x\n  y\nc: x\n  y\n", file="z.yaml")
    assert read.data == {"a": "x && y", "b": "x\ny\n", "c": "x y"}


REFUSED = {
    "empty": (b"", (0, 0), "empty", "remove the file"),
    "only-comments": (b"# x\n", (0, 0), "empty", "remove the file"),
    "too-large": (b"#" * (1024 * 1024 + 1), (0, 0), "larger than 1 MiB", "CSV"),
    "not-utf-8": (b"a: 1\nb: \xff", (2, 4), "not UTF-8", "Save the file as UTF-8"),
    "byte-order-mark": (b"\xef\xbb\xbfa: 1", (1, 1), "byte order mark", "without BOM"),
    "control-character": (b"a: x\0y", (1, 5), "invisible character", "Delete it"),
    "line-separator": ("a: x\u2028y".encode(), (1, 5), "U+2028", "Delete it"),
    "duplicate-key": (b"a: 1\nb: 2\na: 3", (3, 1), "duplicated, first on line 1", "Keep one"),
    "nested-duplicate-key": (b"a: {b: 1, b: 2}", (1, 11), "`b` is duplicated", "Keep one"),
    "number-as-key": (b"8001: x", (1, 1), "`8001` must be a string", '"8001"'),
    "truth-value-as-key": (b"true: x", (1, 1), "`true` must be a string", '"true"'),
    "empty-key": (b"? \n: x", (1, 2), "must be a string", "quotes"),
    "list-as-key": (b"? [a]\n: x", (1, 3), "where a key belongs", "${{"),
    "braces-without-dollar": (b"a: {{ x }}", (1, 5), "where a key belongs", "${{"),
    "anchor": (b"a: &x 1", (1, 4), "`&x` is an anchor", "Write the value out"),
    "anchor-on-a-mapping": (b"a: &x {b: 1}", (1, 4), "`&x` is an anchor", "Write the value out"),
    "alias": (b"a: [*x]", (1, 5), "`*x` is an anchor or alias", "Write the value out"),
    "tag": (b"a: !!python/object:os.system x", (1, 4), "is a tag", "Remove it"),
    "tag-of-a-list": (b"a: !!set [b]", (1, 4), "is a tag", "Remove it"),
    "negation-taken-for-a-tag": (b"a: !has(b.c)", (1, 4), "`!has(b.c)` is a tag", "single quotes"),
    "ampersands": (b"a: && b", (1, 5), "begins with & or *", "single quotes"),
    "two-documents": (b"a: 1\n---\nb: 2", (2, 1), "second document", "remove the `---`"),
    "directive": (b"%FOO\n---\na: 1", (1, 5), "directive", "Remove the line"),
    "tab": (b"a:\n\tb: 1", (2, 1), "tab", "spaces"),
    "colon-in-a-value": (b"a: b ? c : d", (1, 10), "reads as a new key", "single quotes"),
    "text-after-a-quote": (b'a: "b" == c', (1, 8), "follows a closing quote", "single quotes"),
    "open-quote": (b'a: 1\nb: "x\nc: 2', (2, 4), "never closed", "closing quote"),
    "no-colon": (b"a: 1\nb\nc: 2", (3, 1), "neither `key: value`", "Add `: `"),
    "bad-indentation": (b"a:\n  b: 1\n c: 2", (3, 2), "indentation", "neighbours"),
    "key-among-items": (b"- a\nb: c", (2, 1), "does not belong to the list", "`- `"),
    "item-after-a-key": (b"a: - b", (1, 4), "list cannot begin", "line of its own"),
    "template-in-braces": (b"{a: ${{ x }}}", (1, 6), "brace", "Quote values"),
    "at-sign": (b"a: @b", (1, 4), "begin with @", "single quotes"),
    "backquote": (b"a: `b`", (1, 4), "begin with a backquote", "single quotes"),
    "percent": (b"a: %b", (1, 4), "begin with %", "single quotes"),
    "escape": (rb'a: "\d+"', (1, 5), "backslash", "single quotes"),
    "short-escape": (rb'a: "\x1"', (1, 7), "hexadecimal", "single quotes"),
    "text-after-a-bar": (b"a: |b\n  c", (1, 5), "After | or >", "next line"),
    "infinity": (b"a: .inf", (1, 4), "`.inf` is not a usable number", "quotes"),
    "endless-digits": (b"a: " + b"9" * 5000, (1, 4), "is not a usable number", "quotes"),
    "too-deep": (b"[" * 65, (1, 65), "deeper than 64 levels", "flatter"),
    "too-many-values": (b"[" + b"a," * 100_001 + b"]", (1, 200_000), "100000 values", "CSV"),
}


@pytest.mark.parametrize(("text", "place", "said", "remedy"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_at_its_place_with_a_remedy(
    text: bytes, place: tuple[int, int], said: str, remedy: str
) -> None:
    [problem, *_] = parse(text, file="z.yaml").problems
    assert (problem.file, problem.line, problem.column) == ("z.yaml", *place)
    assert said in problem.message
    assert remedy in problem.remedy


def test_all_that_leaves_the_structure_clear_is_told_at_once() -> None:
    read = parse(b"a: !x 1\nb: &y 2\nc: *y\na: 3\n1: 2\nsource: zendesk\n", file="z.yaml")
    assert [problem.line for problem in read.problems] == [1, 2, 3, 4, 5]
    assert read.data["source"] == "zendesk"


def test_a_file_full_of_faults_is_no_flood() -> None:
    read = parse(b"- !x a\n" * 1000, file="z.yaml")
    assert len(read.problems) == 100


def test_what_stands_above_a_syntax_error_can_still_be_read() -> None:
    read = parse(b"source: zendesk\nlet:\n\tx: 1\n", file="z.yaml")
    assert len(read.problems) == 1
    assert read.data["source"] == "zendesk"


HOSTILE = {
    "laughs": b"a: &a [x,x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (n, n) for n in range(30_000)),
    "open-lists": b"[" * 1_000_000,
    "open-mappings": b"{a: " * 250_000,
    "dashes": b"- " * 500_000,
    "questions": b"? " * 500_000,
    "exclamations": b"!" * 1_000_000,
    "blank-lines": b"\n" * 1_000_000,
    "quotes": b'"' * 1_000_000,
    "control-characters": b"\x01" * 1_000_000,
    "items": b"[" + b"a," * 500_000 + b"]",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_mebibyte_is_refused_in_bounded_time(text: bytes) -> None:
    began = time.process_time()
    assert parse(text, file="z.yaml").problems
    assert time.process_time() - began < 10


@given(st.text(alphabet="ab:-[]{}!&*#|>'\"%@`,? \n\t\\$0.1", max_size=40) | st.text(max_size=20))
def test_any_text_gives_data_and_problems_never_an_exception(text: str) -> None:
    for problem in parse(text.encode("utf-8", "surrogatepass"), file="z.yaml").problems:
        assert problem.message
        assert problem.remedy
        assert 0 <= problem.line <= text.count("\n") + text.count("\r") + 2
