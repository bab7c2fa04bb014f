"""What each kind of exception means and what fixes it, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.common.parsing import check_choice
from jobs.exceptions.detection import AMOUNT_DIFFERS, OF_KEYS, WAITING_REVERSAL

LOOKALIKE_CUSTOMER, UNUSED_PRICE = "lookalike-customer", "unused-price"
KINDS = (*OF_KEYS, LOOKALIKE_CUSTOMER, UNUSED_PRICE)

REMEDIATIONS: Mapping[str, str] = {
    WAITING_REVERSAL: (
        "If the charge stands under another key, take it back by hand, and let both rules build"
        " the same once_per. If nothing was billed, give the reversal's rule the condition of the"
        " charge's. Then dismiss the exception with `receiver exceptions --dismiss`."
    ),
    AMOUNT_DIFFERS: (
        "Bill the amount of the later delivery with the command, or dismiss the exception with"
        " `receiver exceptions --dismiss`. Where an amount may be corrected by the vendor, give"
        " the rule `amount: latest`."
    ),
    LOOKALIKE_CUSTOMER: (
        "If they are one customer, let the mapping give one id (a table, `trim(x)`,"
        " `x.lowerAscii()`), and bill again with --rebill what stands under the wrong one."
    ),
    UNUSED_PRICE: (
        "Correct the name in agents.yaml, or remove the price. What was billed at the general"
        " price meanwhile is billed again with --rebill."
    ),
}
DETAILS: Mapping[str, tuple[str, str]] = {
    WAITING_REVERSAL: (
        "1 outcome key has a reversal and no charge, so nothing was taken back",
        "{} outcome keys have a reversal and no charge, so nothing was taken back",
    ),
    AMOUNT_DIFFERS: (
        "1 outcome was reported again with another amount than the one that is billed",
        "{} outcomes were reported again with another amount than the one that is billed",
    ),
    LOOKALIKE_CUSTOMER: (
        "1 group of customers has ids that look alike; each is billed by itself",
        "{} groups of customers have ids that look alike; each is billed by itself",
    ),
    UNUSED_PRICE: (
        "1 negotiated price stands under a name that nothing uses",
        "{} negotiated prices stand under names that nothing uses",
    ),
}


def parse_kinds(kind: str | None) -> Sequence[str]:
    """The kinds of exceptions to list: that one, or all. Raises FilterInvalid."""
    check_choice("kind", kind, KINDS)
    return KINDS if kind is None else (kind,)
