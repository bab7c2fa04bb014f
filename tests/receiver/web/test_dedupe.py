"""Which POSTs are one delivery, by what the scheme signs."""

from __future__ import annotations

import pytest

from receiver.signatures import Verified
from receiver.web.dedupe import dedupe_key, vendor_id


def verified(delivery_id: str | None, *, signed: bool = False) -> Verified:
    return Verified(
        secret_index=0,
        timestamp=None,
        delivery_id=delivery_id,
        delivery_id_signed=signed,
        signed_sha256="s" * 64,
    )


def key(verified: Verified, dedupe: str | None = None) -> str:
    return dedupe_key(verified, body_sha256="b" * 64, delivery_id="d1", dedupe=dedupe)


def test_a_signed_id_stands_alone() -> None:
    assert key(verified("msg_1", signed=True)) == "id:msg_1"


def test_an_unsigned_id_counts_only_together_with_the_body() -> None:
    assert key(verified("msg_1")) == "id+body:msg_1:" + "b" * 64


@pytest.mark.parametrize("missing", [None, ""])
@pytest.mark.parametrize("signed", [True, False])
def test_a_missing_or_empty_id_is_never_a_key(missing: str | None, signed: bool) -> None:
    assert key(verified(missing, signed=signed)) == "signed:" + "s" * 64


def test_dedupe_none_makes_each_post_its_own() -> None:
    assert key(verified("msg_1", signed=True), dedupe="none") == "each:d1"


@pytest.mark.parametrize("odd", ["x" * 256, "tab\there", "nul\x00", "Zoë", "\ud800"])
def test_a_long_or_odd_id_is_kept_as_its_hash(odd: str) -> None:
    kept = vendor_id(verified(odd, signed=True))
    assert kept is not None
    assert kept.startswith("sha256:")
    assert len(kept) <= 255
    assert key(verified(odd, signed=True)) == f"id:{kept}"


def test_the_longest_key_fits_its_column() -> None:
    assert len(key(verified("x" * 255))) <= 400
