"""No secret and no signature is compared in a time that tells how much of it was right.

Read off the code: on a busy machine no clock would notice, and a replaced call changes no answer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import receiver

ROOT = Path(receiver.__file__).parent
#: Judges how a secret of one's own is written, with nothing that a sender gives.
FORMS = ROOT / "signatures" / "secret_forms.py"
PLACES = (*sorted({*(ROOT / "signatures").rglob("*.py")} - {FORMS}), ROOT / "api" / "auth.py")
SECRETIVE = re.compile("secret|signature|digest|expected|mac|token|password|candidate|given|shown")
PLAIN = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
#: What names such a thing and may be compared plainly.
HARMLESS = {
    "base64.b64encode(decoded).decode() != candidate": "the candidate with itself, encoded again",
    "base64.b64encode(found).decode() != candidate": "as above",
    "'{timestamp}' not in template": "a mapping's text",
    "named in _names(secrets if isinstance(secrets, list) else [])": "names of secrets",
}


def names_in(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr


def comparisons(source: str) -> Iterator[tuple[int, str]]:
    """Plain comparisons of what is, or was worked out from, a secret; the innermost ones."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], PLAIN):
            continue
        text = ast.unparse(node)
        if "compare_digest" not in text and any(SECRETIVE.search(one) for one in names_in(node)):
            yield node.lineno, text


def test_nothing_secret_is_compared_plainly() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in PLACES
        for line, text in comparisons(path.read_text("utf-8"))
        if text not in HARMLESS
    ]
    assert found == []


def test_a_plain_comparison_would_be_seen() -> None:
    for text in ("expected == one", "self.expected(key) != one", "given in known_tokens"):
        assert list(comparisons(f"if {text}: pass")) == [(1, text)]


def calls(path: Path) -> int:
    return path.read_text("utf-8").count("hmac.compare_digest(")


def test_every_place_that_verifies_compares_in_constant_time() -> None:
    expected = {
        "signatures/hmac_scheme.py",
        "signatures/tokens.py",
        "signatures/handshakes.py",
        "signatures/custom/jwts.py",
        "signatures/custom/forms.py",
        "api/auth.py",
    }
    assert {path.relative_to(ROOT).as_posix() for path in PLACES if calls(path)} >= expected


def test_no_comparison_stops_at_the_first_that_is_right() -> None:
    """`any` and `or` would tell which of several secrets it was; a sum looks at all."""
    for path in PLACES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            stops = isinstance(node, ast.BoolOp) or (
                isinstance(node, ast.Call) and ast.unparse(node.func) in ("any", "all", "next")
            )
            assert not (stops and "compare_digest" in ast.unparse(node)), (path, ast.unparse(node))
