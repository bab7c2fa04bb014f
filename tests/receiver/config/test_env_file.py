"""A value in `.env` is taken as it stands: secrets hold `$`, `#` and backslashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.config.env_file import doubtful_values, read_env_file
from receiver.config.reading import SettingsInvalid, load_settings
from receiver.sources.secrets import Secrets

LINES = {
    "plain": ("A=whsec_abc+/=", "whsec_abc+/="),
    "a variable": ("A=x${HOME}y$HOME", "x${HOME}y$HOME"),
    "a variable in quotes": ('A="x${HOME}"', "x${HOME}"),
    "a variable in single quotes": ("A='${HOME}'", "${HOME}"),
    "a hash": ("A=pass#word", "pass#word"),
    "a hash behind a blank": ("A=pass #word", "pass #word"),
    "a hash at the start": ("A=#word", "#word"),
    "an equals sign": ("A=a=b==", "a=b=="),
    "a backslash": (r"A=a\nb\\c", r"a\nb\\c"),
    "single quotes": (r"A=' a\nb #c '", r" a\nb #c "),
    "double quotes": (r'A="a\nb \"c\" \\ \$d \q"', 'a\nb "c" \\ $d \\q'),
    "a comment behind quotes": ("A='abc' # from the vendor", "abc"),
    "quotes inside": ("A=it's\"so", "it's\"so"),
    "a quote that is not closed": ("A='abc", "'abc"),
    "text behind quotes": ('A="a"b', '"a"b'),
    "several lines": ("A='one\ntwo'", "one\ntwo"),
    "blanks at the ends": ("A =  abc \t", "abc"),
    "export": ("export A=abc", "abc"),
    "the last counts": ("A=one\nA=two", "two"),
    "empty": ("A=\nB=x", ""),
    "a comment before": ("# A=no\n  # A=no\nA=yes", "yes"),
    "not ASCII": ("A=pä$$wörd", "pä$$wörd"),
}


@pytest.mark.parametrize(("text", "value"), LINES.values(), ids=LINES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
def test_a_value_is_read_as_it_stands(
    tmp_path: Path, text: str, value: str, ends: str, mark: str
) -> None:
    path = tmp_path / ".env"
    path.write_bytes(f"{mark}FIRST=1\n{text}\nLAST=2".replace("\n", ends).encode())
    found = read_env_file(path)
    assert (found["A"], found["FIRST"], found["LAST"]) == (value, "1", "2")


def test_secrets_and_settings_are_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("DESK_SECRET=a${HOME} #b\nRECEIVER_ADMIN_TOKEN=t${HOME} #u\nRECEIVER_PORT=\n")
    assert Secrets(environ={}, env_file=path).get("DESK_SECRET") == "a${HOME} #b"
    monkeypatch.delenv("RECEIVER_ADMIN_TOKEN", raising=False)
    assert load_settings(path).admin_token == "t${HOME} #u"
    assert load_settings(path).port == 8080
    monkeypatch.setenv("RECEIVER_ADMIN_TOKEN", "from the environment")
    assert load_settings(path).admin_token == "from the environment"


def test_what_looks_like_a_comment_is_warned_of_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=abc # of the vendor\nB='abc #d'\nC=a#b\n")
    (warning,) = doubtful_values(path)
    assert warning.startswith("A in ")
    assert "abc" not in warning


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"RECEIVER_PORT=\xff\n")
    with pytest.raises(SettingsInvalid, match=r"\.env cannot be read"):
        load_settings(path)
    assert read_env_file(tmp_path / "none") == {}


def test_a_comment_in_place_of_a_value_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("EMPTY_SECRET=  # fill in\nOTHER_SECRET=whsec_a#b\n")
    (warning,) = doubtful_values(path)
    assert warning.startswith("EMPTY_SECRET in ")
