"""Which knobs of `scheme: hmac` verify a request that the configured ones do not.

Pure. Owns the order in which they are tried, the nearest to what is configured first, and the
bounds: so many HMACs over so many bytes, then the search ends. What it finds is verified by a
signature, so it is never a guess.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from receiver.authoring.diagnosis.sightings import Digest, Stamp, digests, id_headers, stamps
from receiver.signatures import PRESETS, HmacScheme, Request, Scheme, SchemeInvalid, SignatureError
from receiver.signatures.codecs import KEY_ENCODINGS
from receiver.signatures.content import URL_TRANSFORMS, SignedContent
from receiver.signatures.knob_lines import knobs_of
from receiver.signatures.rules import scheme_of

MOST_HMACS = 20_000
MOST_BYTES = 64 * 1024 * 1024

_SEPARATORS = ("", ".", ":", "|", "\n", ",", "-", " ", ";", "_", "+")
#: The orders in which vendors sign, the usual ones first.
_ORDERS = (
    ("{body}",),
    ("{timestamp}", "{body}"),
    ("{id}", "{timestamp}", "{body}"),
    ("{body}", "{timestamp}"),
    ("{url}", "{body}"),
    ("{body}", "{url}"),
    ("{method}", "{url}", "{body}"),
    ("{method}", "{url}", "{body}", "{timestamp}"),
    ("{method}", "{url}", "{timestamp}", "{body}"),
    ("{timestamp}", "{method}", "{url}", "{body}"),
    ("{url}", "{timestamp}", "{body}"),
    ("{timestamp}", "{url}", "{body}"),
    ("{id}", "{body}"),
    ("{timestamp}", "{id}", "{body}"),
    ("v0", "{timestamp}", "{body}"),
    ("v1", "{timestamp}", "{body}"),
)


#: What the vendors with a preset sign, for those that copy one of them.
_PRESET_TEMPLATES = tuple(
    dict.fromkeys(
        scheme.signed_content.template()
        for scheme in PRESETS.values()
        if type(scheme) is HmacScheme
    )
)


@dataclass(frozen=True, slots=True)
class Fit:
    """Knobs that verify the request: `changes` are those that differ, None for a line to remove.

    `secret_index` is the place of the secret in the list given.
    """

    scheme: HmacScheme
    changes: Mapping[str, Any]
    secret_index: int


@dataclass(slots=True)
class _Budget:
    hmacs: int
    bytes: int

    def spend(self, size: int) -> bool:
        self.hmacs -= 1
        self.bytes -= size + 128
        return self.hmacs >= 0 and self.bytes >= 0


def fitting_knobs(
    configured: HmacScheme, request: Request, secrets: Sequence[str], *, share: int = 1
) -> Fit | None:
    """The nearest knobs that verify the request; None where none of those tried do.

    The search ends after one `share`th of the bounds.
    """
    budget = _Budget(MOST_HMACS // share, MOST_BYTES // share)
    seen: dict[tuple[str, bytes], list[Digest]] = {}
    for one in digests(request.headers):
        seen.setdefault((one.algorithm, one.value), []).append(one)
    algorithms = {algorithm for algorithm, _ in seen}
    for signed in _hashed(configured, request, secrets, algorithms, budget):
        if signed.result in seen:
            fit = _nearest(configured, request, seen[signed.result], signed, secrets)
            if fit is not None:
                return fit
    return None


@dataclass(frozen=True, slots=True)
class _Hashed:
    """An HMAC that was made: of what, with which key, and its algorithm and bytes."""

    template: str
    stamp: Stamp | None
    secret_index: int
    key_encoding: str
    result: tuple[str, bytes]


def _hashed(
    configured: HmacScheme,
    request: Request,
    secrets: Sequence[str],
    algorithms: Collection[str],
    budget: _Budget,
) -> Iterator[_Hashed]:
    """Every HMAC that may be the signature, as far as the budget goes."""
    in_order = sorted(algorithms, key=lambda name: (name != configured.algorithm, name))
    keys = list(_keys(secrets, configured.key_encoding))
    for template, stamp in _contents(configured, request) if algorithms else ():
        content = _rendered(template, configured, request, stamp)
        if content is None:
            continue
        for (index, encoding, key), algorithm in product(keys, in_order):
            if not budget.spend(len(content)):
                return
            result = (algorithm, hmac.digest(key, content, algorithm))
            yield _Hashed(template, stamp, index, encoding, result)


def _keys(secrets: Sequence[str], configured: str) -> Iterator[tuple[int, str, bytes]]:
    for encoding in sorted(KEY_ENCODINGS, key=lambda name: name != configured):
        for index, secret in enumerate(secrets):
            try:
                key = KEY_ENCODINGS[encoding](secret)
            except ValueError:
                continue
            if key:
                yield index, encoding, key


def _contents(configured: HmacScheme, request: Request) -> Iterator[tuple[str, Stamp | None]]:
    """What may have been signed, the configured template first."""
    own = configured.signed_content.template()
    times = sorted(stamps(request.headers), key=lambda one: _is_elsewhere(configured, one))
    ids = list(dict.fromkeys([configured.id_header, *id_headers(request.headers)]))
    tried: set[tuple[str, Stamp | None]] = set()
    for template in (own, *_templates([one for one in ids if one]), *_PRESET_TEMPLATES):
        for stamp in times if "{timestamp}" in template else [None]:
            if (template, stamp) not in tried:
                tried.add((template, stamp))
                yield template, stamp


def _templates(ids: Sequence[str]) -> Iterator[str]:
    for order in _ORDERS:
        for separator in _SEPARATORS[: 1 if len(order) == 1 else None]:
            template = separator.join(order)
            if "{id}" not in template:
                yield template
            else:
                yield from (template.replace("{id}", f"{{header:{one}}}") for one in ids)


def _is_elsewhere(configured: HmacScheme, stamp: Stamp) -> bool:
    if stamp.element is not None:
        return stamp.element != configured.timestamp_element
    return stamp.header.lower() != (configured.timestamp_header or "").lower()


def _rendered(
    template: str, configured: HmacScheme, request: Request, stamp: Stamp | None
) -> bytes | None:
    url = request.url
    if configured.url_transform is not None:
        url = URL_TRANSFORMS[configured.url_transform](url)
    text = stamp.text if stamp is not None else None
    try:
        return SignedContent.parse(template).render(request, url=url, timestamp=text)
    except SignatureError:
        return None


def _nearest(
    configured: HmacScheme,
    request: Request,
    seen: Sequence[Digest],
    signed: _Hashed,
    secrets: Sequence[str],
) -> Fit | None:
    """Of the ways to read the signature that was found, the one that changes least."""
    fits: list[Fit] = []
    stamp, index = signed.stamp, signed.secret_index
    for one in seen:
        if stamp is not None and stamp.element is not None and stamp.separator != one.separator:
            continue
        knobs = _knobs(configured, one, signed)
        try:
            scheme = scheme_of({name: value for name, value in knobs.items() if value is not None})
        except SchemeInvalid:
            continue
        if isinstance(scheme, HmacScheme) and _verifies(scheme, request, secrets[index]):
            before = knobs_of(configured)
            changes = {name: knobs[name] for name in before if knobs[name] != before[name]}
            fits.append(Fit(scheme, changes, index))
    return min(fits, key=lambda fit: len(fit.changes), default=None)


def _knobs(configured: HmacScheme, one: Digest, signed: _Hashed) -> dict[str, Any]:
    stamp, template = signed.stamp, signed.template
    in_header = stamp.header if stamp is not None and stamp.element is None else None
    signed_id = template.partition("{header:")[2].partition("}")[0]
    return {
        "scheme": "hmac",
        "header": _spelt(one.header, configured.header),
        "prefix": one.prefix,
        "separator": one.separator,
        "algorithm": one.algorithm,
        "encoding": one.encoding,
        "key_encoding": signed.key_encoding,
        "signed_content": template,
        "timestamp_header": in_header and _spelt(in_header, configured.timestamp_header),
        "timestamp_element": stamp.element if stamp is not None else None,
        "timestamp_unit": _unit(configured, stamp),
        "id_header": configured.id_header or signed_id or None,
        "url_transform": configured.url_transform,
    }


def _spelt(header: str, configured: str | None) -> str:
    """The header's name as it is configured, where it is that one."""
    return configured if configured and configured.lower() == header.lower() else header


def _unit(configured: HmacScheme, stamp: Stamp | None) -> str | None:
    if stamp is None:
        return None
    either = configured.timestamp_unit == "seconds-or-milliseconds" and not stamp.unit.startswith(
        "iso8601"
    )
    return configured.timestamp_unit if either else stamp.unit


def _verifies(scheme: Scheme, request: Request, secret: str) -> bool:
    try:
        scheme.verify(request, secrets=[secret], now=0.0)
    except SignatureError as error:
        return error.cause in ("stale-timestamp", "future-timestamp")
    return True
