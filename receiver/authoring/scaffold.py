"""The text of a starting mapping file: commented, in shadow mode, for any scheme.

Pure. Owns the words. Refuses to write: the caller never overwrites a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mappings.engine.payload import Format
from mappings.engine.pricing.catalogue import Catalogue
from receiver.authoring.pricelist import as_yaml
from receiver.signatures import PRESETS, RULES, Scheme, SchemeInvalid, scheme_of
from receiver.signatures.rules import shown_in_set_up
from receiver.signatures.tokens import SHORTEST_PATH_TOKEN, BasicScheme, PathTokenScheme

SPELLED_OUT = "hmac"
#: Schemes of no vendor.
GENERIC = frozenset({SPELLED_OUT, "token", "basic", "path-token"})

#: What a vendor that has no preset takes.
WITHOUT_PRESET = (
    "A vendor without a preset: `--scheme hmac` where it signs by HMAC, `--scheme token` where it "
    "signs nothing"
)

_KNOBS = """\
  # How it signs, as the vendor's page describes it; `receiver schemes hmac` has all keys. Or leave
  # this as it is, save one request with its headers, and `receiver verify {source} --request FILE`
  # names the lines to write. `receiver schemes {source}` prints what this comes to, for openssl.
  header: X-Signature               # where the signature stands
  prefix: ""                        # what stands before it there, such as "sha256=" or "v1="
  algorithm: sha256                 # or sha512, sha384, sha1
  encoding: hex                     # or base64, base64url
  key_encoding: utf8                # the secret as it is shown; or base64, hex, whsec
  signed_content: "{{body}}"          # or "{{timestamp}}.{{body}}", "{{method}}{{url}}{{body}}" …
  # With {{timestamp}} in what is signed, where the time stands: in a header of its own,
  # timestamp_header: X-Timestamp
  # or in the header of the signature, as in t=1790000000,v1=5257a8…:
  # separator: ","
  # timestamp_element: t
  # timestamp_unit: seconds         # or milliseconds, iso8601 …
  # id_header: X-Delivery-Id        # the vendor's id of a delivery
  # handshakes: [{{echo: query.challenge}}]   # a set-up request that it wants repeated
"""


@dataclass(frozen=True, slots=True)
class Billable:
    """An agent and an indicator that have a price."""

    agent: str
    indicator: str


def secret_name(source: str) -> str:
    """`zendesk-acme` → `ZENDESK_ACME_SECRET`."""
    name = re.sub(r"[^A-Z0-9]", "_", source.upper())
    return f"{'_' if name[:1].isdigit() else ''}{name}_SECRET"


def billables(catalogue: Catalogue | None) -> list[Billable]:
    """All that a rule can bill without a `value:`, in the order of the catalogue."""
    if catalogue is None:
        return []
    return [
        Billable(agent, indicator)
        for agent, entry in catalogue.agents.items()
        for indicator in entry.known()
        if not catalogue.needs_value(agent, indicator)
    ]


def starting_text(
    *, source: str, scheme: str, url: str, billable: Billable | None, among: Sequence[Billable] = ()
) -> str:
    """The file's text. `url` is what to paste at the vendor.

    Without a `billable` the payload has to name agent and indicator, until the choice of `among`
    is written there.
    """
    head = _HEAD.format(
        source=source, url=url, secret=secret_name(source), form=_secret_form(scheme)
    )
    return "".join(
        (
            head,
            f"source: {source}\n",
            _verify_block(source, scheme),
            "mode: shadow\n",
            _EVENTS,
            _rules(billable, among),
            _examples(billable, among) if _sends_json(scheme) else _NO_EXAMPLES,
        )
    )


_HEAD = """\
# yaml-language-server: $schema=./mapping.schema.json
# {source}: begun by `receiver new`. In shadow mode it bills nothing: deliveries settle as
# `ignored: shadow` and show what they would bill.
#
# 1. At the vendor, enter the URL: {url}
# 2. Set its secret here, {secret}{form}: in the environment, in .env, or in a
#    file of that name in RECEIVER_SECRETS_DIR. `receiver sources` shows what is still missing.
# 3. Let the vendor send something: `receiver deliveries --source {source}`. Nothing there?
#    `receiver rejections --source {source}` shows why.
# 4. Make a fixture of one: `receiver example DELIVERY --out mappings/examples/{source}.json`.
# 5. Write the rules below: `receiver check`, `receiver try {source} DELIVERY`.
# 6. When it shows what it should, write `mode: live`.
"""


def verify_token_name(source: str) -> str:
    """`whatsapp-acme` → `WHATSAPP_ACME_VERIFY_TOKEN`."""
    return f"{secret_name(source).removesuffix('_SECRET')}_VERIFY_TOKEN"


def _verify_block(source: str, scheme: str) -> str:
    knobs = _KNOBS.format(source=source) if scheme == SPELLED_OUT else ""
    if shown := shown_in_set_up(scheme):
        name = verify_token_name(source)
        knobs += f"  handshake_secret: {name}   # a word of yours, which it shows as {shown}\n"
    return (
        "verify:\n"
        f"  scheme: {scheme}\n"
        f"  secrets: [{secret_name(source)}]   # names, never the secrets themselves\n"
        f"{knobs}"
    )


_EVENTS = """
# One POST may hold several events; this is how to get at them.
# events: payload                     # where the body itself is a list
# events: payload.events              # where a member is one

# Named expressions, for what is used more than once.
let:
  kind: event.?type.orValue("")
"""


def _rules(billable: Billable | None, among: Sequence[Billable]) -> str:
    return f"""
outcomes:
  - name: done
    # Which events: CEL over `event`, `payload`, `headers` and what `let` names.
    when: kind == "example.done"
{_choice(billable, among)}\
    # Whom it is billed to. With a table: ${{{{ lookup("companies", id(event.company_id)) }}}}
    customer: ${{{{ event.customer }}}}
    # Bills once for each of these, ever: the id of the thing that was achieved.
    once_per: ${{{{ id(event.id) }}}}
    # When it happened, where the vendor sends it; all rules of one key, or none, map it.
    # occurred_at: ${{{{ event.time }}}}

  # What takes a charge back, such as a ticket that is reopened:
  # - name: undone
  #   when: kind == "example.undone"
  #   reverses: done
  #   once_per: ${{{{ id(event.id) }}}}
"""


def _choice(billable: Billable | None, among: Sequence[Billable]) -> str:
    """Which agent achieved which indicator."""
    if billable is not None:
        return _named(billable, "    ")
    choices = "\n".join(_named(one, "    # ") for one in among)
    return (
        "    # Whose outcome it is, and which: write one of these pairs of agents.yaml, or new\n"
        "    # names and a price there. Until then the payload itself has to name both.\n"
        f"{choices}"
        "    agent: ${{ event.agent }}\n"
        "    indicator: ${{ event.indicator }}\n"
    )


def _named(one: Billable, indent: str) -> str:
    return f"{indent}agent: {as_yaml(one.agent)}\n{indent}indicator: {as_yaml(one.indicator)}\n"


def _examples(billable: Billable | None, among: Sequence[Billable]) -> str:
    billed = billable or among[0]
    pair = f"agent: {as_yaml(billed.agent)}, indicator: {as_yaml(billed.indicator)}"
    named = "" if billable else f", {pair}"
    return f"""
# Run by `receiver check`. Replace it by a payload that the vendor sent.
examples:
  - payload: {{type: example.done, id: 17, customer: example-customer{named}}}
    outcomes:
      - {{customer: example-customer, {pair}}}
  - payload: {{type: something.else, id: 18}}
    outcomes: []
"""


def preset_of(scheme: str) -> Scheme | None:
    """The scheme of that name, without knobs; None where it needs some."""
    try:
        return scheme_of({"scheme": scheme})
    except SchemeInvalid:
        return None


def _secret_form(scheme: str) -> str:
    """What the secret has to look like, where any text does not do."""
    match preset_of(scheme):
        case BasicScheme():
            return ", written as `user:password`"
        case PathTokenScheme():
            return f" ({SHORTEST_PATH_TOKEN} characters or more, the end of that URL)"
        case _:
            return ""


def _sends_json(scheme: str) -> bool:
    preset = PRESETS.get(scheme)
    return preset is None or not preset.formats or Format.JSON in preset.formats


_NO_EXAMPLES = """
# Run by `receiver check`. This vendor does not send JSON: step 4 makes the file of a payload.
# examples:
#   - payload: examples/FILE
#     outcomes: []
"""


AGENTS_TEXT = """\
# yaml-language-server: $schema=./agents.schema.json
# What each agent's outcomes cost. Begun by `receiver new`: write your own names and prices.
agents:
  example-agent:
    name: Example agent
    indicators:
      example-done: {price: "1.00", currency: USD}
"""
EXAMPLE = Billable("example-agent", "example-done")


def known_scheme(name: str) -> bool:
    """Whether `scheme:` may name it."""
    return name in RULES.names()
