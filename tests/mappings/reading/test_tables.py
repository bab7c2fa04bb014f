"""Tables are text to text, each row at its line, each version the hash of its bytes."""

import hashlib

import pytest
from hypothesis import given, strategies as st

from mappings.engine.reading.tables import Table, clashes, is_table, read_table, table_name


def table(file: str, text: bytes) -> Table:
    read = read_table(file, text)
    assert isinstance(read, Table), read
    return read


def test_a_yaml_table_keeps_texts_as_they_are_written() -> None:
    text = b'# companies\n"8001": acme-corp\nZo\xc3\xab: "007"\non: no\n'
    read = table("tables/companies.yaml", text)
    assert read.name == "companies"
    assert read.rows == {"8001": "acme-corp", "Zoë": "007", "on": "no"}
    assert read.version == hashlib.sha256(text).hexdigest()


def test_in_a_csv_table_everything_is_text() -> None:
    read = table("tables/c.csv", b'key,value\r\n8001,acme-corp\r\n\r\n007,"x, y"\r\n')
    assert read.rows == {"8001": "acme-corp", "007": "x, y"}


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_header() -> None:
    assert table("tables/c.csv", b"\xef\xbb\xbfkey,value\n1,a\n").rows == {"1": "a"}


def test_a_table_without_rows_is_a_table() -> None:
    assert table("tables/c.csv", b"key,value\n").rows == {}
    assert table("tables/c.yaml", b"{}").rows == {}


def test_another_byte_is_another_version() -> None:
    assert table("tables/c.yaml", b"a: b").version != table("tables/c.yaml", b"a: b\n").version


REFUSED = {
    "number-as-key": ("c.yaml", b"8001: acme", (1, 1), "`8001` must be a string", '"8001"'),
    "number-as-value": ("c.yaml", b"a: b\nc: 007", (2, 4), "`c` must be a string", '"007"'),
    "nothing-as-value": ("c.yaml", b"a:", (1, 3), "`a` must be a string", "one text"),
    "mapping-as-value": ("c.yaml", b"a: {b: c}", (1, 4), "`a` must be a string", "one text"),
    "list": ("c.yaml", b"- a", (1, 1), "is a mapping", '"key": value'),
    "duplicate": ("c.yaml", b"a: b\na: c", (2, 1), "duplicated, first on line 1", "Keep one"),
    "empty-key": ("c.yaml", b'"": b', (1, 5), "The key is empty", "remove the row"),
    "blank-value": ("c.yaml", b'a: " "', (1, 4), "The value is empty", "remove the row"),
    "padded-key": ("c.yaml", b'" a": b', (1, 7), "`" + " a`", "Remove the blank"),
    "invisible-value": ("c.yaml", b"a: ac\xe2\x80\x8bme", (1, 4), "U+200B", "Remove"),
    "no-break-space-csv": ("c.csv", b"key,value\na,b\xc2\xa0c", (2, 1), "U+00A0", "Remove"),
    "decomposed-value": ("c.csv", b"key,value\na,e\xcc\x81", (2, 1), "NFC", "normal form NFC"),
    "broken-yaml": ("c.yaml", b"a: b: c", (1, 5), "new key", "single quotes"),
    "bad-name": ("a b.yaml", b"a: b", (0, 0), "not a valid table name", "letters"),
    "no-header": ("c.csv", b"8001,acme\n", (1, 1), "`8001,acme`", "key,value"),
    "empty-csv": ("c.csv", b"", (1, 1), "expected `key,value`", "key,value"),
    "semicolons": ("c.csv", b"key;value\n1;2", (1, 1), "`key;value`", "comma"),
    "three-columns": ("c.csv", b"key,value\na,b,c", (2, 1), "3 columns", "Quote a field"),
    "one-column": ("c.csv", b"key,value\na", (2, 1), "1 columns", "Quote a field"),
    "duplicate-csv": ("c.csv", b"key,value\na,b\nc,d\na,e", (4, 1), "first on line 2", "Keep one"),
    "padded-value-csv": ("c.csv", b"key,value\na, b", (2, 1), "` b`", "Remove the blank"),
    "empty-value-csv": ("c.csv", b"key,value\na,", (2, 1), "The value is empty", "Fill it in"),
    "line-in-a-value": ("c.csv", b'key,value\na,"b\nc"', (3, 1), "control character", "Remove"),
    "open-quote": ("c.csv", b'key,value\n"a,b', (2, 1), "not valid CSV", "quotes"),
    "text-after-quote": ("c.csv", b'key,value\n"a"b,c', (2, 1), "not valid CSV", "quotes"),
    "nul": ("c.csv", b"key,value\na\0,b", (2, 1), "", "Remove"),
    "not-utf-8-csv": ("c.csv", b"key,value\na,\xff", (2, 1), "not UTF-8", "CSV UTF-8"),
    "huge-field": ("c.csv", b"key,value\n" + b"a" * 200_000, (2, 1), "not valid CSV", "this line"),
    "huge-csv": ("c.csv", b"a" * (8 * 1024 * 1024 + 1), (0, 0), "larger than 8 MiB", "Split"),
}


@pytest.mark.parametrize(
    ("file", "text", "place", "said", "remedy"), REFUSED.values(), ids=REFUSED.keys()
)
def test_refuses_at_its_line_with_a_remedy(
    file: str, text: bytes, place: tuple[int, int], said: str, remedy: str
) -> None:
    read = read_table(f"tables/{file}", text)
    assert isinstance(read, tuple)
    assert (read[0].file, read[0].line, read[0].column) == (f"tables/{file}", *place)
    assert said in read[0].message
    assert remedy in read[0].remedy


def test_several_rows_are_told_at_once_but_never_a_flood() -> None:
    read = read_table("tables/c.csv", b"key,value\n" + b"a\n" * 1000)
    assert isinstance(read, tuple)
    assert [problem.line for problem in read] == list(range(2, 22))


def test_two_files_of_one_name_are_refused() -> None:
    assert clashes(["tables/a.yaml", "tables/b.csv"]) == ()
    [problem] = clashes(["tables/a.yaml", "tables/a.csv"])
    assert str(problem) == (
        "tables/a.yaml: The table `a` is already in tables/a.csv. Keep one of the two files."
    )


def test_only_files_right_under_tables_are_tables() -> None:
    assert is_table("tables/a.yaml")
    assert is_table("tables/a.csv")
    assert table_name("tables/a.csv") == "a"
    for file in ("a.yaml", "tables/x/a.yaml", "tables/a.json", "examples/a.csv", "x/tables/a.csv"):
        assert not is_table(file)


@given(st.sampled_from(["tables/a.csv", "tables/a.yaml"]), st.binary(max_size=60))
def test_any_bytes_give_a_table_or_problems(file: str, text: bytes) -> None:
    read = read_table(file, text)
    assert isinstance(read, Table) or all(problem.remedy for problem in read)
