"""Whether a stale request may be a retry of its vendor, by what the vendor documents."""

from __future__ import annotations

from receiver.signatures import Scheme
from receiver.signatures.tolerance import span_text


def retry_cause(scheme: Scheme, age_seconds: float) -> str:
    """What to add to a stale time of signing; empty where no retry explains it."""
    span = scheme.retry_span_seconds
    if span == 0 or scheme.retries_keep_time is False:
        return ""  # it sends once, or signs each retry at its own time
    if span is None:
        return (
            "; or it is a retry of the vendor, for how long is not documented: if retries repeat "
            "the first time of signing, widen tolerance_seconds"
        )
    if age_seconds > span + scheme.tolerance_seconds and age_seconds > scheme.retry_reach_seconds:
        return f"; it is too old for a retry of the vendor, which sends again for {span_text(span)}"
    if scheme.retries_keep_time:
        return (
            f"; it is a retry of the vendor, which repeats the first time of signing for "
            f"{span_text(span)}: remove tolerance_seconds, and the window covers it"
        )
    return (
        f"; or it is a retry of the vendor, which sends again for {span_text(span)}: if retries "
        "repeat the first time of signing, widen tolerance_seconds"
    )
