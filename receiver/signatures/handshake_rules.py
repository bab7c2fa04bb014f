"""Set-up requests that a mapping file spells out: what is wrong in one, the handshake it makes.

Owns the meaning of `handshakes:`, for vendors without a preset. Refuses what would compare a word
with a signing secret, or keep deliveries from being stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from receiver.signatures.fields import Field, Place
from receiver.signatures.handshake_knobs import DIGEST_KNOBS, HANDSHAKE_KNOBS
from receiver.signatures.handshakes import Ask, Digest, Echo, Fixed, Handshake
from receiver.signatures.knobs import Fault, key_faults
from receiver.signatures.records import Response
from receiver.signatures.tokens import ADDED_HEADER

HMAC = "hmac"
PATH_TOKEN = "path-token"  # noqa: S105 - a scheme's name
#: The headers that requests have anyway.
_COMMON_HEADERS = frozenset(
    f"header.{name}"
    for name in ("accept", "authorization", "content-length", "content-type", "host", "user-agent")
)


def handshakes_of(
    verify: Mapping[str, Any], *, credential_header: str | None
) -> tuple[Handshake, ...]:
    """The handshakes of a block without faults; `credential_header` is that of a delivery."""
    key_encoding = verify.get("key_encoding", "utf8")
    return tuple(
        _handshake(item, verify["scheme"], credential_header, key_encoding)
        for item in verify.get("handshakes", ())
    )


def faults_of(verify: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong in the items: path inside the block, message, remedy."""
    items = verify.get("handshakes")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        place = ("handshakes", index)
        if not isinstance(item, Mapping):
            yield place, "this is no handshake.", "Write {echo: query.challenge}."
            continue
        found = [*key_faults(place, item, HANDSHAKE_KNOBS)]
        if isinstance(item.get("digest"), Mapping):
            found += key_faults((*place, "digest"), item["digest"], DIGEST_KNOBS)
        yield from found or _contradictions(place, item, verify)


def _contradictions(
    place: tuple[str | int, ...], item: Mapping[str, Any], verify: Mapping[str, Any]
) -> Iterator[Fault]:
    """What each key alone allows and together makes no sense, or is not safe."""
    scheme, echo = verify["scheme"], item.get("echo", "")
    if not echo:
        for key in ("as_json", "as_header", "digest"):
            if key in item:
                yield (*place, key), f"nothing states what `{key}` repeats.", "Add echo: FIELD."
        if "when" not in item and "learns" not in item:
            yield place, "nothing marks this request.", "Add echo: FIELD or when: {FIELD: TEXT}."
    elif "text" in item:
        yield (*place, "text"), "there is an echo already.", "Keep one of echo and text."
    if "digest" in item and scheme != HMAC:
        yield (*place, "digest"), f"{scheme} has no key for an HMAC.", f"Write scheme: {HMAC}."
    if "verify_token" in item and "handshake_secret" not in verify:
        remedy = "Add handshake_secret: and the name of the verify token's secret."
        yield (*place, "verify_token"), "nothing states which secret it must equal.", remedy
    yield from _unsafe(place, item, verify)


def _unsafe(
    place: tuple[str | int, ...], item: Mapping[str, Any], verify: Mapping[str, Any]
) -> Iterator[Fault]:
    """What would never be recognised, or would keep deliveries from being stored."""
    scheme = verify["scheme"]
    signed, echo = _is_signed(item, scheme), item.get("echo", "")
    if "learns" in item and signed:
        yield (
            (*place, "signed"),
            "what brings the secret cannot be signed yet.",
            "Write signed: false.",
        )
    if _method(item) == "POST" and not signed and scheme == PATH_TOKEN:
        yield (*place, "signed"), "the URL carries the token anyway.", "Write signed: true."
    marks = [echo, *item.get("when", ()), item.get("learns", ""), item.get("verify_token", "")]
    if _method(item) == "GET" and any(one.startswith(("body.", "form.")) for one in marks):
        yield (*place, "method"), "a GET has no body.", "Write method: POST, or name the query."
    when = {**({echo: True} if echo else {}), **item.get("when", {})}
    if _method(item) == "POST" and signed and not any(_tells(verify, *one) for one in when.items()):
        remedy = "Add when: and what no delivery has, such as {body.type: url_verification}."
        named = " and ".join(when)
        yield place, f"each delivery that has {named} would be answered and not stored.", remedy


def _tells(verify: Mapping[str, Any], name: str, text: str | bool) -> bool:
    """Whether a mark tells a signed set-up request from a delivery.

    A member that is merely there does not, nor what deliveries are verified by.
    """
    if text is not True:
        return name.lower() != "header.content-type"
    headers = (verify.get("header", ADDED_HEADER), verify.get("timestamp_header"))
    own = {f"header.{one}".lower() for one in (*headers, verify.get("id_header"))}
    own.add(f"query.{verify.get('parameter', 'token')}")
    is_elsewhere = not name.startswith(("body.", "form."))
    return is_elsewhere and not {name, name.lower()} & (own | _COMMON_HEADERS)


def _handshake(
    item: Mapping[str, Any], scheme: str, credential_header: str | None, key_encoding: str
) -> Handshake:
    signed, method = _is_signed(item, scheme), _method(item)
    echo, learns, gate = (_optional(item.get(key)) for key in ("echo", "learns", "verify_token"))
    asks = [_ask(name, text) for name, text in item.get("when", {}).items()]
    asks += [Ask(found) for found in (echo, learns) if found is not None]
    if method == "POST" and not signed and credential_header is not None:
        asks.append(Ask(Field("header", credential_header), absent=True))
    return Handshake(
        name=item.get("echo") or next(iter(item.get("when", ())), "") or item["learns"],
        asks=tuple(asks),
        reply=_reply(item, echo, key_encoding, in_the_open=not signed),
        method=method,
        signed=signed,
        gate=gate,
        learns=learns,
        shows=tuple(map(_field, item.get("shows", ()))),
    )


def _reply(
    item: Mapping[str, Any], echo: Field | None, key_encoding: str, *, in_the_open: bool
) -> Echo | Fixed | Digest:
    if echo is None:
        text = item.get("text")
        return Fixed(Response(200, text.encode(), "text/plain")) if text else Fixed()
    member, header = item.get("as_json"), item.get("as_header")
    if "digest" not in item:
        kind = "application/json" if member else None if header else "text/plain"
        return Echo(echo, kind, member, header, in_body=bool(member or not header))
    digest = cast("Mapping[str, Any]", item["digest"])
    own = digest.get("member")
    return Digest(
        field=echo,
        member=own or member,
        repeats=member if own else None,
        header=header,
        algorithm=digest.get("algorithm", "sha256"),
        encoding=digest.get("encoding", "hex"),
        prefix=digest.get("prefix", ""),
        key_encoding=key_encoding,
        in_the_open=in_the_open,
    )


def _method(item: Mapping[str, Any]) -> str:
    default = "GET" if item.get("echo", "").startswith("query.") else "POST"
    return cast("str", item.get("method", default))


def _is_signed(item: Mapping[str, Any], scheme: str) -> bool:
    if "signed" in item:
        return cast("bool", item["signed"])
    return "learns" not in item and (_method(item) == "POST" or scheme == PATH_TOKEN)


def _ask(name: str, text: str | bool) -> Ask:
    if isinstance(text, bool):
        return Ask(_field(name), absent=not text)
    return Ask(_field(name), text)


def _optional(name: str | None) -> Field | None:
    return None if name is None else _field(name)


def _field(text: str) -> Field:
    place, _, name = text.partition(".")
    return Field(cast("Place", place), name)


def secret_headers(handshakes: Sequence[Handshake]) -> frozenset[str]:
    """The headers by which a vendor sends the secret itself, in lower case."""
    return frozenset(
        one.learns.name.lower()
        for one in handshakes
        if one.learns is not None and one.learns.place == "header"
    )
