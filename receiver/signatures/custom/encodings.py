"""Smartsheet: one HMAC that may be written in several ways."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from receiver.signatures.formulas import Formula
from receiver.signatures.hmac_scheme import HmacScheme


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyEncoding(HmacScheme):
    """The digest in `encoding`, or in one of `other_encodings`, where public sources disagree.

    Each way shows the same bytes, so taking several is as safe as taking one. Hex may lack the
    zeros that it begins with: Smartsheet's own Java sample writes the digest as a number.
    """

    other_encodings: tuple[str, ...]

    def formula(self) -> Formula:
        """See Scheme."""
        note = f"written in {' or '.join(self.other_encodings)} it is accepted too"
        return replace(HmacScheme.formula(self), note=note)

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        width = 2 * hashlib.new(self.algorithm).digest_size
        padded = [candidate.zfill(width) for candidate in candidates]
        judge = HmacScheme._signed_by  # noqa: SLF001 - one family of classes
        return (
            sum(
                judge(replace(self, encoding=name), key, content, given)
                for name in (self.encoding, *self.other_encodings)
                for given in [padded if name == "hex" else candidates]
            )
            > 0
        )
