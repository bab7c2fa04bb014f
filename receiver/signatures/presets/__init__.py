"""The vendors, as data: what each puts where, with a dated source for it.

Owns no behaviour. A vendor is one entry in one of these modules, with its vectors in the tests;
only what the knobs cannot say is a class, in `receiver.signatures.custom`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from receiver.signatures.presets import (
    billing,
    crm,
    documents,
    messaging,
    operations,
    outreach,
    payments,
    people,
    scheduling,
    software,
    standard,
    support,
    telephony,
    unsigned,
    voice,
)
from receiver.signatures.scheme import Scheme

_MODULES = (
    standard,
    crm,
    outreach,
    support,
    voice,
    telephony,
    scheduling,
    messaging,
    documents,
    payments,
    billing,
    software,
    operations,
    people,
    unsigned,
)

PRESETS: Mapping[str, Scheme] = MappingProxyType(
    {scheme.name: scheme for module in _MODULES for scheme in module.SCHEMES}
)
