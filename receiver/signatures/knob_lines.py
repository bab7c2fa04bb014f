"""The knobs of `scheme: hmac` as they are written in a mapping file.

Owns the way back from a scheme to the lines of `verify:` that make it: advice that can be copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.knobs import HMAC_KNOBS

#: What a knob is without its line.
DEFAULTS: Mapping[str, Any] = {
    "prefix": "",
    "separator": None,
    "key_encoding": "utf8",
    "timestamp_header": None,
    "timestamp_element": None,
    "timestamp_unit": None,
    "id_header": None,
    "url_transform": None,
}


def knobs_of(scheme: HmacScheme) -> dict[str, Any]:
    """The knobs of a scheme by name, those included that have their default."""
    values = {name: getattr(scheme, name) for name in HMAC_KNOBS}
    values["signed_content"] = scheme.signed_content.template()
    if not scheme.is_timed:
        values["timestamp_unit"] = None
    return values


def written(value: Any) -> str:
    """A value as YAML has it: text in quotes where it needs them."""
    text = str(value)
    is_plain = text.replace("-", "").replace("_", "").isalnum() and not text.isdecimal()
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def as_hmac_block(scheme: HmacScheme, **changes: Any) -> str:
    """The knobs that spell a scheme out, in a line that can be copied under `verify:`."""
    values = knobs_of(replace(scheme, **changes)) if changes else knobs_of(scheme)
    knobs = {name: value for name, value in values.items() if value != DEFAULTS.get(name)}
    if "key_encoding" in changes:
        knobs["key_encoding"] = changes["key_encoding"]
    lines = [f"{name}: {written(value)}" for name, value in {"scheme": "hmac", **knobs}.items()]
    return f"{{{', '.join(lines)}}}"
