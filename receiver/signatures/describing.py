"""Schemes in words: the tables of `receiver schemes` and docs, and what is weak about a source.

Owns the words. The facts are those that verification itself goes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from receiver.signatures.captured import captured, replay
from receiver.signatures.formulas import Formula, openssl_command
from receiver.signatures.presets import PRESETS
from receiver.signatures.records import Strength
from receiver.signatures.scheme import Scheme
from receiver.signatures.tolerance import span_text
from receiver.signatures.worked_example import WorkedExample, worked_example

#: A longer answer, such as an envelope in SOAP, is named by its media type.
LONGEST_SHOWN_BODY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One scheme in words.

    `window_seconds` is how long after its signing a request passes: None where no time is signed,
    or where the vendor signs until when (`expires`, its `exp`).
    `ahead_seconds` is how far ahead of our clock it may be signed. `replay` names in a word or two
    what can be made of a captured request, `captured` in sentences. `answer` is what a delivery
    is answered, `retry_span` how long after the first request the vendor may send it again;
    `retries_keep_time` means that it does so under the first signed time.
    """

    scheme: str
    vendor: str
    header: str
    signed: tuple[str, ...]
    window_seconds: int | None
    ahead_seconds: int | None
    expires: bool
    window: str
    delivery_id: str | None
    delivery_id_signed: bool
    strength: str
    protects_body: bool
    handshakes: tuple[str, ...]
    remarks: str
    replay: str
    captured: tuple[str, ...]
    formula: Formula
    openssl: str | None
    example: WorkedExample | None
    answer: str
    retry_span_seconds: int | None
    retry_span: str
    retries_keep_time: bool | None


def describe(scheme: Scheme) -> Description:
    """The scheme in words."""
    return Description(
        scheme=scheme.name,
        vendor=scheme.vendor,
        header=scheme.credential_place,
        signed=scheme.signed_parts,
        window_seconds=scheme.window_seconds,
        ahead_seconds=scheme.ahead_seconds,
        expires=scheme.expires,
        window=_window(scheme),
        delivery_id=scheme.id_place,
        delivery_id_signed=scheme.signs_delivery_id,
        strength=str(scheme.strength),
        protects_body=scheme.protects_body,
        handshakes=tuple(handshake.name for handshake in scheme.handshakes),
        remarks=scheme.remarks,
        replay=replay(scheme),
        captured=tuple(captured(scheme)),
        formula=scheme.formula(),
        openssl=openssl_command(scheme.formula()),
        example=worked_example(scheme),
        answer=_answer(scheme),
        retry_span_seconds=scheme.retry_span_seconds,
        retry_span=retry_span(scheme),
        retries_keep_time=scheme.retries_keep_time,
    )


def all_described() -> list[Description]:
    """Every preset in words, by name."""
    return [describe(PRESETS[name]) for name in sorted(PRESETS)]


def concerns(scheme: Scheme) -> Iterator[str]:
    """What an operator should know of a source that signs like this; it is taken all the same."""
    if not scheme.covers_retries and scheme.retry_reach_seconds > scheme.tolerance_seconds:
        yield (
            "its vendor repeats the first time of signing in its retries, for "
            f"{retry_span(scheme)}: a tolerance of {scheme.tolerance_seconds} s refuses them; "
            "remove tolerance_seconds"
        )
    if scheme.strength is Strength.SHARED:
        yield "it shows a shared secret and signs nothing: one request is enough to make others"
    elif not scheme.protects_body:
        yield (
            "its signature leaves the payload unprotected: anyone who sees one request can change "
            "its content; fetch what you bill for, or bill little on its word"
        )
    elif not scheme.is_timed and not scheme.signs_delivery_id:
        yield (
            "neither a delivery id nor the time is in what it signs: an old request passes as long "
            "as its secret does, so once_per alone keeps it from billing again"
        )


def signed_headers(scheme: Scheme) -> frozenset[str]:
    """The headers that the signature covers, in lower case."""
    signed = {part.lower() for part in scheme.signed_parts}
    if scheme.signs_delivery_id and scheme.id_place is not None:
        signed.add(scheme.id_place.lower())
    timestamp = getattr(scheme, "timestamp_header", None)
    return frozenset(signed | {timestamp.lower()} if timestamp else signed)


def retry_span(scheme: Scheme) -> str:
    """How long the vendor sends again: `none`, `not documented` or a span."""
    if scheme.retry_span_seconds is None:
        return "not documented"
    return span_text(scheme.retry_span_seconds) if scheme.retry_span_seconds else "none"


def _answer(scheme: Scheme) -> str:
    """What a delivery that was kept is answered."""
    if scheme.echo is not None:
        return f"200, with {scheme.echo.field.name} repeated"
    wanted = scheme.success
    if wanted is None:
        return "202, or 200 for a repeat, with JSON"
    if wanted.own_body:
        return f"{wanted.status}, with JSON"
    if len(wanted.body) > LONGEST_SHOWN_BODY:
        return f"{wanted.status}, with its {(wanted.content_type or '').partition(';')[0]}"
    return f"{wanted.status}, {f'`{wanted.body.decode()}`' if wanted.body else 'empty'}"


def _window(scheme: Scheme) -> str:
    """The replay window: seconds before and after now alike, unless it is the vendor's to say.

    Where retries keep the first signed time, or the vendor's own code takes older requests, it
    reaches further back, and no further ahead.
    """
    if scheme.expires:
        until = "until its exp" if scheme.is_timed else "until its exp, if it has one"
        return f"{until}; iat at most {scheme.ahead_seconds} s ahead"
    if scheme.window_seconds is None:
        return "none"
    if scheme.window_seconds == scheme.ahead_seconds:
        return f"{scheme.window_seconds} s"
    back = span_text(scheme.window_seconds)
    which = "for retries" if scheme.window_seconds == scheme.retry_reach_seconds else "back"
    return f"{back} {which}, {scheme.ahead_seconds} s ahead"


def id_text(one: Description) -> str:
    """The delivery id's place, and whether the signature covers it."""
    if one.delivery_id is None:
        return "none"
    return f"{one.delivery_id}, {'signed' if one.delivery_id_signed else 'unsigned'}"
