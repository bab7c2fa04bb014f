"""What a captured request is still good for, and what becomes of that.

Owns the words, for `receiver schemes` and docs/security.md; they follow from what verification and
the dedupe key go by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from receiver.signatures.records import Coverage, Strength
from receiver.signatures.scheme import Scheme
from receiver.signatures.tolerance import span_text

_FIRST = "if it comes before the vendor's, it bills what it states"
_BODIES: Mapping[tuple[Coverage, bool], str] = {
    (Coverage.FIELDS, False): (
        "With the borders of its fields moved it is a repeat; before the vendor's it fails as "
        "`parse`, unless it moves undocumented fields, or those that no rule reads, alone."
    ),
    (Coverage.PARTS, True): (
        f"With another body around what is signed it fails as `id-reused`; {_FIRST}."
    ),
    (Coverage.PARTS, False): (
        f"With other data around what is signed it is a repeat; {_FIRST}. A part of its list is a "
        "delivery of its own."
    ),
    (Coverage.NOTHING, False): (
        "With another body it is a delivery of its own, and bills what that states."
    ),
}


def takes_unsigned_id(scheme: Scheme) -> bool:
    """Whether another unsigned id makes another delivery of one request."""
    fixed = scheme.coverage in (Coverage.BODY, Coverage.NOTHING)
    return scheme.id_place is not None and not scheme.signs_delivery_id and fixed


def replay(scheme: Scheme) -> str:
    """In a word or two, the most that can be made of it."""
    if scheme.strength is Strength.SHARED:
        return "anything"
    if scheme.coverage is Coverage.NOTHING:
        return "any body"
    if scheme.coverage is Coverage.PARTS:
        return "other parts"
    if scheme.coverage is Coverage.FIELDS:
        return "moved borders"
    return "another id" if takes_unsigned_id(scheme) else "a repeat"


def captured(scheme: Scheme) -> Iterator[str]:
    """The same in sentences."""
    if scheme.strength is Strength.SHARED:
        yield "It shows the secret: anyone who has it can send anything, and it bills."
        return
    yield f"Sent again{_how_long(scheme)}, it is a repeat and bills nothing."
    if takes_unsigned_id(scheme):
        yield "With another id, which is unsigned, it is a delivery of its own under the same keys."
    if (scheme.coverage, scheme.one_body) in _BODIES:
        yield _BODIES[scheme.coverage, scheme.one_body]
    rest = "headers" if "URL" in scheme.signed_parts else "headers and query"
    yield f"Unsigned {rest} can be others; the content type has no say."


def _how_long(scheme: Scheme) -> str:
    if scheme.expires:
        return " until its token expires"
    if scheme.window_seconds is None:
        return " at any time"
    if scheme.window_seconds == scheme.retry_reach_seconds > scheme.tolerance_seconds:
        return f" within {span_text(scheme.window_seconds)}, as its vendor's retries are"
    return f" within {scheme.window_seconds} s"
