"""The vendors, as data: what each puts where, with a dated source for it.

Owns no behaviour. A vendor is one entry in one of these modules, with its vectors in the tests;
only what the knobs cannot say is a class, in `receiver.signatures.custom`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from receiver.signatures.presets import (
    billing,
    bookings,
    commerce,
    crm,
    documents,
    helpdesks,
    hiring,
    messaging,
    operations,
    outreach,
    payments,
    people,
    processors,
    scheduling,
    senders,
    software,
    standard,
    support,
    telephony,
    unsigned,
    voice,
    work,
)
from receiver.signatures.scheme import Scheme

_MODULES = (
    standard,
    senders,
    crm,
    outreach,
    support,
    helpdesks,
    voice,
    telephony,
    scheduling,
    bookings,
    messaging,
    documents,
    payments,
    billing,
    processors,
    commerce,
    software,
    operations,
    work,
    hiring,
    people,
    unsigned,
)

PRESETS: Mapping[str, Scheme] = MappingProxyType(
    {scheme.name: scheme for module in _MODULES for scheme in module.SCHEMES}
)
