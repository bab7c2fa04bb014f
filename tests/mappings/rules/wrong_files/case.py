"""A wrong mapping file, what must be reported at its mark, and rules to build one of."""

from __future__ import annotations

from dataclasses import dataclass

MARK = "⟦"
TOP = "source: desk\nverify: {scheme: signing, secrets: [S]}\n"
ONE = """\
  - name: solved
    when: "true"
    agent: bot
    customer: acme
    indicator: solved
    once_per: ${{ id(event.id) }}
"""
REVERSAL = """\
  - name: reopened
    when: "true"
    reverses: solved
    once_per: ${{ id(event.id) }}
"""
REINSTATEMENT = """\
  - name: restored
    when: "true"
    reinstates: solved
    once_per: ${{ id(event.id) }}
"""


@dataclass(frozen=True)
class Wrong:
    """A wrong file; `message` and `remedy` are pieces of what must be said at the mark."""

    text: str
    message: str
    remedy: str
    others: dict[str, str] | None = None
    alone: bool = True
