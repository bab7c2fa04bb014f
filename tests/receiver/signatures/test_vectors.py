"""Every captured vector, as its vendor signed it and as an attacker would change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from receiver.signatures import PRESETS, SignatureError, Strength, verify

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = [
    pytest.param(path.stem, vector, id=vector["id"])
    for path in sorted(VECTORS.glob("*.json"))
    for vector in json.loads(path.read_text("utf-8"))
]


@pytest.mark.parametrize(("scheme", "vector"), CASES)
def test_a_vector_is_judged_as_its_vendor_would(scheme: str, vector: dict[str, Any]) -> None:
    assert judged(scheme, vector) == vector["expect"], vector["note"]


def test_every_preset_that_signs_has_vectors() -> None:
    known = {path.stem for path in VECTORS.glob("*.json")}
    signing = {name for name, one in PRESETS.items() if one.strength is not Strength.SHARED}
    assert signing - known == {"jira-connect-or-dynamic"}


def judged(scheme: str, vector: dict[str, Any]) -> str:
    try:
        verify(
            scheme,
            secrets=[vector["secret"]],
            method=vector["method"],
            url=vector["url"],
            headers=vector["headers"],
            body=vector["body"].encode(),
            now=vector["now"],
        )
    except SignatureError:
        return "invalid"
    return "valid"
