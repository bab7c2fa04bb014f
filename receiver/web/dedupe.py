"""Which POSTs are one delivery.

Owns the dedupe key. Refuses an empty or missing id as a key, and an unsigned one where the body can
be changed under one signature: there what was signed is the identity.
"""

from __future__ import annotations

import hashlib

from receiver.signatures import Coverage, Verified

#: Longer ids are kept as their hash; the columns and their indexes are bounded.
LONGEST_ID = 255
#: The same signed content may come in many bodies, each of which would be new with an unsigned id.
_BODY_VARIES = (Coverage.FIELDS, Coverage.PARTS)


def dedupe_key(
    verified: Verified, *, body_sha256: str, delivery_id: str, dedupe: str | None = None
) -> str:
    """The text that is unique within a source for each delivery.

    A signed vendor id stands alone; an unsigned one, which anybody can change, only together
    with the body, and not where the signature leaves the body open; otherwise the signed bytes
    count. `dedupe` "none" makes each POST its own, by the receiver's own `delivery_id`.
    """
    if dedupe == "none":
        return f"each:{delivery_id}"
    identity = vendor_id(verified)
    if identity is not None and verified.delivery_id_signed:
        return f"id:{identity}"
    if identity is None or verified.coverage in _BODY_VARIES:
        return f"signed:{verified.signed_sha256}"
    return f"id+body:{identity}:{body_sha256}"


def vendor_id(verified: Verified) -> str | None:
    """The vendor's delivery id in a form that can be kept: an odd or long one as its hash."""
    identity = verified.delivery_id
    if not identity:
        return None
    if len(identity) <= LONGEST_ID and identity.isascii() and identity.isprintable():
        return identity
    return "sha256:" + hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()
