"""A small mappings folder as texts, for tests of what works with mappings."""

AGENTS = b"""\
agents:
  support-agent:
    name: Support agent
    indicators:
      ticket-resolved: {price: "0.99", currency: USD}
"""
ZENDESK = b"""\
source: zendesk
verify: {scheme: zendesk, secrets: [ZENDESK_SECRET]}
outcomes:
  - name: solved
    when: payload.state == "solved"
    agent: support-agent
    customer: ${{ payload.customer }}
    indicator: ticket-resolved
    once_per: ${{ id(payload.ticket) }}
"""
FILES = {"agents.yaml": AGENTS, "zendesk.yaml": ZENDESK}
