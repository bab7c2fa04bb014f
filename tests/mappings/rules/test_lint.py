"""Wrong mapping files: each fault is reported at its place, with what to write instead.

A case marks the place of its fault with ⟦: the mark is taken out before the file is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from mappings.engine.loading.load import load
from mappings.engine.types import Problem
from tests.mappings.kit import FakeSchemes, files_of, rule, rules

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


CASES = {
    # the file as a whole
    "no source": Wrong(
        f"⟦verify: {{scheme: signing, secrets: [S]}}\noutcomes:\n{ONE}",
        "`source` is missing",
        "Add `source: NAME`",
    ),
    "source and sources": Wrong(
        f"source: desk\n⟦sources: [{{name: a, secrets: [A]}}]\n"
        f"verify: {{scheme: signing, secrets: [S]}}\noutcomes:\n{ONE}",
        "`source` and `sources` are both present",
        "Keep one of the two",
    ),
    "source's name does not fit a path": Wrong(
        f"source: ⟦My Desk\nverify: {{scheme: signing, secrets: [S]}}\noutcomes:\n{ONE}",
        "`My Desk` is not a valid source name",
        "a-z, 0-9 and -",
    ),
    "source's name begins with a dash": Wrong(
        f"source: ⟦-desk\nverify: {{scheme: signing, secrets: [S]}}\noutcomes:\n{ONE}",
        "is not a valid source name",
        "beginning with no -",
    ),
    "no verify": Wrong(
        f"⟦source: desk\noutcomes:\n{ONE}", "The key `verify` is missing", "Add `verify:`"
    ),
    "no outcomes": Wrong(f"⟦{TOP}", "The key `outcomes` is missing", "Add `outcomes:`"),
    "empty outcomes": Wrong(f"{TOP}outcomes: ⟦[]\n", "`outcomes` is empty", "The rules"),
    "outcomes is a mapping": Wrong(
        f"{TOP}outcomes:\n  ⟦solved: {{}}\n", "`outcomes` is a mapping", "- "
    ),
    "unknown key at the top": Wrong(
        f"{TOP}⟦outcome: []\noutcomes:\n{ONE}", "`outcome` is not known", "Write `outcomes`"
    ),
    "duplicate key": Wrong(
        f"{TOP}mode: live\n⟦mode: shadow\noutcomes:\n{ONE}", "`mode` is duplicated", "Keep one"
    ),
    "unknown mode": Wrong(
        f"{TOP}mode: ⟦dry-run\noutcomes:\n{ONE}", "`mode` is dry-run", "Write `shadow`"
    ),
    "a rhythm without a unit": Wrong(
        f"{TOP}expect_every: ⟦90\noutcomes:\n{ONE}",
        "`90` is not an interval between deliveries",
        "2h",
    ),
    "a rhythm in words": Wrong(
        f"{TOP}expect_every: ⟦2 hours\noutcomes:\n{ONE}",
        "`2 hours` is not an interval between deliveries",
        "such as 2h",
    ),
    "a rhythm of nothing": Wrong(
        f"{TOP}expect_every: ⟦0m\noutcomes:\n{ONE}",
        "`0m` is not an interval between deliveries",
        "a whole number and m, h or d",
    ),
    "a rhythm of years": Wrong(
        f"{TOP}expect_every: ⟦367d\noutcomes:\n{ONE}",
        "`367d` is not an interval between deliveries",
        "up to 366d",
    ),
    "a rhythm of one account": Wrong(
        f"sources: [{{name: a, secrets: [A], expect_every: ⟦soon}}]\n"
        f"verify: {{scheme: signing}}\noutcomes:\n{ONE}",
        "`soon` is not an interval between deliveries",
        "such as 2h",
    ),
    "the file is a list": Wrong("⟦- source: desk\n", "The file is a list", "keys"),
    # verify
    "unknown scheme": Wrong(
        f"source: desk\nverify: {{scheme: ⟦signin, secrets: [S]}}\noutcomes:\n{ONE}",
        "Unknown scheme 'signin'",
        "Write one of signing",
    ),
    "no scheme": Wrong(
        f"source: desk\nverify: ⟦{{secrets: [S]}}\noutcomes:\n{ONE}",
        "`scheme` is missing",
        "Add `scheme: zendesk`",
    ),
    "unknown knob": Wrong(
        f"source: desk\nverify: {{scheme: signing, secrets: [S], ⟦sise: 3}}\noutcomes:\n{ONE}",
        "Unknown key 'sise'",
        "Did you mean size?",
    ),
    "wrong knob": Wrong(
        f"source: desk\nverify: {{scheme: signing, secrets: [S], size: ⟦12}}\noutcomes:\n{ONE}",
        "Size cannot be 12",
        "Write 1 to 9",
    ),
    "no secrets": Wrong(
        f"source: desk\nverify: ⟦{{scheme: signing}}\noutcomes:\n{ONE}",
        "`secrets` is missing",
        "Add `secrets: [NAME]`",
    ),
    "empty secrets": Wrong(
        f"source: desk\nverify: {{scheme: signing, secrets: ⟦[]}}\noutcomes:\n{ONE}",
        "`verify.secrets` is empty",
        "[ZENDESK_SECRET]",
    ),
    "secrets is one text": Wrong(
        f"source: desk\nverify: {{scheme: signing, secrets: ⟦S}}\noutcomes:\n{ONE}",
        "expected a list",
        "[ZENDESK_SECRET]",
    ),
    "the secret itself": Wrong(
        f"source: desk\nverify: {{scheme: signing, secrets: [⟦whsec_abc123]}}\noutcomes:\n{ONE}",
        "not the name of a secret",
        "never the secret itself",
    ),
    # sources
    "empty sources": Wrong(
        f"sources: ⟦[]\nverify: {{scheme: signing}}\noutcomes:\n{ONE}", "`sources` is empty", ""
    ),
    "a source of sources without secrets": Wrong(
        f"sources: [⟦{{name: a}}]\nverify: {{scheme: signing}}\noutcomes:\n{ONE}",
        "`secrets` is missing",
        "[ZENDESK_SECRET]",
    ),
    "secrets beside sources": Wrong(
        "sources: [{name: a, secrets: [A]}]\n"
        f"verify: {{scheme: signing, ⟦secrets: [S]}}\noutcomes:\n{ONE}",
        "each has secrets of its own",
        "Move `secrets` into each item",
    ),
    "one name twice in sources": Wrong(
        "sources: [{name: a, secrets: [A]}, {name: ⟦a, secrets: [B]}]\n"
        f"verify: {{scheme: signing}}\noutcomes:\n{ONE}",
        "`a` is duplicated",
        "its own name",
    ),
    "a var that one source lacks": Wrong(
        "sources: [{name: a, secrets: [A], vars: {who: acme}}, {name: b, secrets: [B]}]\n"
        "verify: {scheme: signing}\noutcomes:\n"
        + ONE.replace("customer: acme", "customer: ${{ vars.⟦who }}"),
        "There is no `who` in the vars of b",
        "Add `vars: {who: …}`",
    ),
    "a var that is a list": Wrong(
        f"{TOP}vars: {{who: ⟦[acme]}}\noutcomes:\n{ONE}", "`vars.who` is a list", ""
    ),
    "a var beyond 64 bits": Wrong(
        f"{TOP}vars: {{who: ⟦99999999999999999999}}\noutcomes:\n{ONE}",
        "more than 64 bits",
        "Put it in quotes",
    ),
    # let and events
    "let takes a variable's name": Wrong(
        f"{TOP}let: {{⟦event: payload.x}}\noutcomes:\n{ONE}",
        "`event` already means something",
        "Use another name",
    ),
    "let takes a function's name": Wrong(
        f"{TOP}let: {{⟦lookup: payload.x}}\noutcomes:\n{ONE}",
        "`lookup` already means something",
        "Use another name",
    ),
    "let's name is no name": Wrong(
        f"{TOP}let: {{⟦a-b: payload.x}}\noutcomes:\n{ONE}",
        "`a-b` is not a valid name for a let",
        "letters, digits and _",
    ),
    "let uses a later one": Wrong(
        f"{TOP}let:\n  first: ⟦second + 1\n  second: event.n\noutcomes:\n{ONE}",
        "no variable `second`",
        "There are: payload",
    ),
    "let does not compile": Wrong(
        f"{TOP}let: {{a: event.x ⟦=== 1}}\noutcomes:\n{ONE}".replace("⟦===", "==⟦="),
        "`=` is not CEL",
        "Write ==",
    ),
    "events uses event": Wrong(
        f"{TOP}events: ⟦event.items\noutcomes:\n{ONE}", "no `event` here", "use payload"
    ),
    "events is no list": Wrong(
        f"{TOP}events: ⟦'{{\"a\": 1}}'\noutcomes:\n{ONE}",
        "`events` never gives a list",
        'Write "[payload]"',
    ),
    # a rule's shape
    "unknown key in a rule": Wrong(
        rule(agent="bot\n    ⟦custommer: x"), "`custommer` is not known", "Write `customer`"
    ),
    "no name": Wrong(
        rules('  - ⟦when: "true"\n    agent: bot\n'), "`name` is missing", "Add `name:"
    ),
    "a name with blanks": Wrong(
        rule(name="⟦a rule"), "`a rule` is not a valid name", "letters, digits"
    ),
    "no when": Wrong(
        rules(ONE.replace('    when: "true"\n', "").replace("name:", "⟦name:")),
        "`when` is missing",
        '"true" for every event',
    ),
    "when is a YAML truth value": Wrong(rule(when="⟦true"), "the truth value true", '"true"'),
    "agent is a number": Wrong(rule(agent="⟦8001"), "the number 8001", 'quotes: "8001"'),
    "rekeyed is text": Wrong(rule(rekeyed="⟦yes"), "expected true or false", ""),
    "was is one text": Wrong(rule(was="⟦old"), "expected a list", ""),
    "two rules of one name": Wrong(
        rules(ONE + ONE.replace("name: solved", "name: ⟦solved")),
        "The rule name `solved` is duplicated",
        "its own name",
    ),
    "was names a rule that has keys of an older name": Wrong(
        rules(
            ONE.replace("name: solved", "name: solved\n    was: [first]")
            + ONE.replace("name: solved", "name: other\n    was: [⟦solved]")
        ),
        "`solved` is a name of `solved`, whose keys are named `first`",
        "Let `was` begin with `first`",
    ),
    "was claimed twice, under two key names": Wrong(
        rules(
            ONE.replace("name: solved", "name: a\n    was: [old]")
            + ONE.replace("name: solved", "name: b\n    was: [older, ⟦old]")
        ),
        "`old` is a name of `a`, whose keys are named `old`",
        "Let `was` begin with `old`",
    ),
    "a scope that accounts share without a difference": Wrong(
        rules(ONE.replace("once_per: ", "scope: tickets\n    once_per: ⟦")).replace(
            "source: desk\nverify: {scheme: signing, secrets: [DESK_SECRET]}",
            "sources: [{name: a, secrets: [A], vars: {team: x}},"
            " {name: b, secrets: [B], vars: {team: x}}]\nverify: {scheme: signing}",
        ),
        "The scope `tickets` is shared by a, b, and this does not hold the account",
        "Begin it with the account: `once_per: [${{ source }}, …]`",
    ),
    # what a rule must have
    "a charge without agent": Wrong(
        rules(ONE.replace("    agent: bot\n", "").replace("name:", "⟦name:")),
        "`agent` is missing",
        "Add `agent:`",
    ),
    "a charge without customer": Wrong(
        rules(ONE.replace("    customer: acme\n", "").replace("name:", "⟦name:")),
        "`customer` is missing",
        "Add `customer:`",
    ),
    "a charge without indicator": Wrong(
        rules(ONE.replace("    indicator: solved\n", "").replace("name:", "⟦name:")),
        "`indicator` is missing",
        "Add `indicator:`",
    ),
    "a rule without once_per": Wrong(
        rules(ONE.replace("    once_per: ${{ id(event.id) }}\n", "").replace("name:", "⟦name:")),
        "`once_per` is missing",
        "Add `once_per:",
    ),
    "a reversal of nothing known": Wrong(
        rules(ONE + REVERSAL.replace("reverses: solved", "reverses: ⟦solvd")),
        "no rule `solvd`",
        "Write solved",
    ),
    "a reversal by the charge's old name": Wrong(
        rules(
            ONE.replace("name: solved", "name: resolved\n    was: [solved]")
            + REVERSAL.replace("reverses: solved", "reverses: ⟦solved")
        ),
        "no rule `solved`",
        "Write resolved",
    ),
    "a reversal of a reversal": Wrong(
        rules(
            ONE
            + REVERSAL
            + REVERSAL.replace("name: reopened", "name: again").replace(
                "reverses: solved", "reverses: ⟦reopened"
            )
        ),
        "`reopened` is a reversal itself",
        "Name the rule that charges: solved",
    ),
    "a reversal with a value": Wrong(
        rules(ONE + REVERSAL + "    ⟦value: ${{ event.v }}\n"),
        "A reversal has no `value`",
        "Remove it",
    ),
    "a reversal with a scope": Wrong(
        rules(ONE + REVERSAL + "    ⟦scope: shared\n"), "A reversal has no `scope`", "Remove it"
    ),
    "a reversal of another width": Wrong(
        rules(
            ONE
            + REVERSAL.replace("once_per: ${{ id(event.id) }}", "once_per: ⟦['${{ event.a }}', b]")
        ),
        "This has 2 values and that of `solved` 1",
        "Give the values that `solved` gives",
    ),
    "a reversal of what bills per delivery": Wrong(
        rules(
            ONE.replace("${{ id(event.id) }}", "delivery")
            + REVERSAL.replace("reverses: solved", "reverses: ⟦solved")
        ),
        "which no reversal can name",
        "Map `once_per` of `solved`",
    ),
    "a reversal per delivery": Wrong(
        rules(
            ONE.replace("${{ id(event.id) }}", "delivery")
            + REVERSAL.replace("once_per: ${{ id(event.id) }}", "once_per: ⟦delivery")
        ),
        "in another delivery than its charge",
        "of both rules",
    ),
    "a reinstatement of nothing": Wrong(
        rules(ONE + REINSTATEMENT.replace("reinstates: solved", "reinstates: ⟦solvd")),
        "no rule `solvd`",
        "Write solved",
    ),
    "a reinstatement that names the reversal": Wrong(
        rules(
            ONE + REVERSAL + REINSTATEMENT.replace("reinstates: solved", "reinstates: ⟦reopened")
        ),
        "`reopened` is a reversal itself",
        "Name the rule that charges: solved",
    ),
    "a reversal of a reinstatement": Wrong(
        rules(ONE + REINSTATEMENT + REVERSAL.replace("reverses: solved", "reverses: ⟦restored")),
        "`restored` is a reinstatement itself",
        "Name the rule that charges: solved",
    ),
    "a reinstatement with a value": Wrong(
        rules(ONE + REINSTATEMENT + "    ⟦value: ${{ event.v }}\n"),
        "A reinstatement has no `value`: it takes that of `solved`",
        "Remove it",
    ),
    "a reinstatement of another width": Wrong(
        rules(
            ONE
            + REINSTATEMENT.replace(
                "once_per: ${{ id(event.id) }}", "once_per: ⟦['${{ event.a }}', b]"
            )
        ),
        "it would never find the charge",
        "Give the values that `solved` gives",
    ),
    "a reinstatement per delivery": Wrong(
        rules(
            ONE.replace("${{ id(event.id) }}", "delivery")
            + REINSTATEMENT.replace("once_per: ${{ id(event.id) }}", "once_per: ⟦delivery")
        ),
        "A reinstatement comes in another delivery than its charge",
        "of both rules",
    ),
    "a reversal and a reinstatement in one": Wrong(
        rules(ONE + REVERSAL + "    ⟦reinstates: solved\n"),
        "takes charges back or brings them back, not both",
        "Remove `reverses` or `reinstates`",
    ),
    # amount
    "an amount that is no rule": Wrong(
        rule(amount="⟦last"), "is last, expected 'first' or 'latest'", "`first`, `latest`"
    ),
    "a reversal with a rule for amounts": Wrong(
        rules(ONE + "    amount: latest\n" + REVERSAL + "    ⟦amount: latest\n"),
        "A reversal has no `amount`: it takes that of `solved`",
        "Remove it",
    ),
    "two rules of one scope with two rules for amounts": Wrong(
        rules(
            ONE
            + "    scope: deals\n    amount: latest\n"
            + ONE.replace("name: solved", "name: won")
            + "    scope: deals\n    amount: ⟦first\n"
        ),
        "`won` bills by `amount: first`, and `solved`, which shares its keys, by `latest`",
        "the same `amount` in all rules of one key",
    ),
    "two rules of one scope of which one leaves the amount out": Wrong(
        rules(
            ONE
            + "    scope: deals\n    amount: latest\n"
            + ONE.replace("name: solved", "⟦name: won")
            + "    scope: deals\n"
        ),
        "`won` bills by `amount: first`, and `solved`, which shares its keys, by `latest`",
        "the same `amount` in all rules of one key",
    ),
    # once_per
    "once_per without an expression": Wrong(
        rule(once_per="⟦ticket"), "would bill once, ever", "${{ id(event.id) }}"
    ),
    "once_per of literals": Wrong(
        rule(once_per="⟦[a, b]"), "would bill once, ever", "${{ id(event.id) }}"
    ),
    "once_per: delivery without a signed id": Wrong(
        rule(once_per="⟦delivery").replace("scheme: signing", "scheme: plain"),
        "needs a scheme that signs the delivery id",
        "${{ id(event.id) }}",
    ),
    "once_per: delivery of a scope": Wrong(
        rule(once_per="⟦delivery", scope="shared"), "means something to one source only", "scope"
    ),
    "once_per is a floating number": Wrong(
        rule(once_per="${{ ⟦double(event.id) }}"), "a floating number", "is never an id"
    ),
    # expressions
    "when does not compile": Wrong(
        rule(when='event.type == "a" ⟦and event.n'), "`and` is not CEL", "Write &&"
    ),
    "an unknown variable": Wrong(
        rule(when="⟦evnt.type == 'a'"), "no variable `evnt`", "Write event"
    ),
    "an unknown function": Wrong(
        rule(once_per="${{ ⟦lokup(event.id) }}"), "no function `lokup`", "Write lookup()"
    ),
    "when is text": Wrong(rule(when="⟦event.type + 'x'"), "`when` never gives true or false", "=="),
    "when compares text with a number": Wrong(
        rule(when="source ⟦== 5"), "`==` does not take text and a whole number", "like with like"
    ),
    "when in ${{ }}": Wrong(rule(when="⟦${{ event.ok }}"), "CEL as it stands", "without ${{ }}"),
    "an optional value": Wrong(
        rule(customer="${{ ⟦event.?who }}"), "an optional value", ".orValue"
    ),
    "the second line of a block": Wrong(
        rule(when="|\n      event.a == 1 &&\n      ⟦nope == 2"), "no variable `nope`", "There are:"
    ),
    "inside single quotes": Wrong(
        rule(when="'event.a == ''b'' && ⟦nope'"), "no variable `nope`", "There are:"
    ),
    "inside double quotes": Wrong(
        rule(when='"event.a == \\"b\\" && ⟦nope"'), "no variable `nope`", "There are:"
    ),
    "the second expression of a text": Wrong(
        rule(once_per="${{ event.a }}/${{ ⟦nope }}"), "no variable `nope`", "There are:"
    ),
    # templates
    "an expression is not closed": Wrong(
        rule(customer='"⟦${{ event.a"'), "never closed", "Add `}}`"
    ),
    "another template language": Wrong(
        rule(customer='"⟦{{ event.a }}"'), "is not an expression here", "Write ${{ … }}"
    ),
    "an expression without braces": Wrong(
        rule(customer="⟦event.company.name"), "taken literally", "Write ${{ … }} around it"
    ),
    "a call without braces": Wrong(
        rule(customer="⟦id(event.company)"), "taken literally", "Write ${{ … }} around it"
    ),
    "an agent of blanks": Wrong(
        rule(agent='⟦" "'), "cannot identify anything: it is blank", "Write a name"
    ),
    "a customer with a blank at its end": Wrong(
        rule(customer='⟦"acme "'), "cannot identify anything: it ends with a blank", "Write a name"
    ),
    "a customer with an invisible character": Wrong(
        rule(customer='⟦"ac\\u200bme"'), "U+200B ZERO WIDTH SPACE", "visible characters"
    ),
    "an indicator that is not in normal form": Wrong(
        rule(indicator='⟦"cafe\\u0301"'), "not in normal form NFC", "form NFC"
    ),
    "a key with a no-break space beside an expression": Wrong(
        rule(once_per='⟦"no\\u00a0${{ id(event.id) }}"'), "U+00A0 NO-BREAK SPACE", "visible"
    ),
    "trim of a number": Wrong(
        rule(customer="${{ ⟦trim(5) }}"), "trim() does not take a whole number", "id(…)"
    ),
    "minor without a currency": Wrong(
        rule(value="${{ ⟦minor(5) }}"), "minor() does not take", 'minor(event.amount, "USD")'
    ),
    "a customer that is a number": Wrong(
        rule(customer="${{ ⟦event.n + 1 }}"), "a whole number where text belongs", "id(…)"
    ),
    # look-ups
    "an unknown table": Wrong(
        rule(customer='${{ lookup(⟦"company", id(event.c)) }}'),
        "no table `company`",
        "Write 'companies'",
    ),
    "an unknown table in let": Wrong(
        rule(let="let: {who: 'lookup(⟦\"people\", event.c)'}\n", customer="${{ who }}"),
        "no table `people`",
        "Make tables/people.yaml",
    ),
    "a look-up by number": Wrong(
        rule(customer='${{ ⟦lookup("companies", 5) }}'), "does not take text and a", "id(…)"
    ),
    # time, value, tags
    "occurred_at is a constant": Wrong(
        rule(occurred_at="⟦2026-01-01T00:00:00Z"), "the same for every event", "${{ … }}"
    ),
    "occurred_at is a number": Wrong(
        rule(occurred_at="${{ ⟦int(event.at) }}"), "a whole number where a timestamp", "millis(…)"
    ),
    "a value that is no amount": Wrong(
        rule(value="⟦ten"), '"ten" is not a decimal amount', '"1200.50"'
    ),
    "a value that is a truth value": Wrong(
        rule(value="${{ ⟦event.v == 1 }}"), "true or false where an amount", "Give an amount"
    ),
    "a value divided by a whole number": Wrong(
        rule(value="${{ event.v ⟦/ 100 }}"), "12050 / 100 is 120", 'minor(x, "USD")'
    ),
    "a tag's key": Wrong(
        rule(meta_tags="{⟦a b: c}"), "`a b` is not a valid tag key", "letters, digits, _ and -"
    ),
    "a tag's text is too long": Wrong(
        rule(meta_tags=f"{{a: ⟦{'x' * 257}}}"), "more than 256 characters", "Shorten it"
    ),
    "too many tags": Wrong(
        rule(meta_tags="⟦{" + ", ".join(f"t{n}: a" for n in range(21)) + "}"),
        "21 meta_tags, more than 20",
        "Remove some",
    ),
    # prices
    "an agent that has no price": Wrong(
        rule(agent="⟦robot"), "agents.yaml has no agent `robot`", "Add under agents: `robot:"
    ),
    "an indicator that has no price": Wrong(
        rule(indicator="⟦solvd"), "no price of `solvd`", "Write `solved`"
    ),
    "an indicator no agent has": Wrong(
        rule(agent="${{ event.agent }}", indicator="⟦won"),
        "No agent in agents.yaml has a price of `won`",
        "Add `won:`",
    ),
    "a percentage of nothing": Wrong(rule(indicator="⟦saved"), "priced by percent", "Add `value:"),
    # one key
    "a reversal that is not timed": Wrong(
        rules(
            ONE
            + "    occurred_at: ${{ event.at }}\n"
            + REVERSAL.replace("name: reopened", "⟦name: reopened")
        ),
        "`reopened` maps no `occurred_at`, and `solved`",
        "in all rules of one key, or in none",
    ),
    "a reinstatement that is not timed": Wrong(
        rules(
            ONE
            + "    occurred_at: ${{ event.at }}\n"
            + REINSTATEMENT.replace("name: restored", "⟦name: restored")
        ),
        "`restored` maps no `occurred_at`, and `solved`",
        "in all rules of one key, or in none",
    ),
    # examples
    "an example's file is missing": Wrong(
        rule() + "examples: [{payload: ⟦examples/solvd.json, outcomes: []}]\n",
        "no file examples/solvd.json",
        "Write examples/solved.json",
        {"examples__solved_json": "{}"},
    ),
    "an example's file is no JSON": Wrong(
        rule() + "examples: [{payload: ⟦examples/a.json, outcomes: []}]\n",
        "cannot be read",
        "Fix it, or write `fails: parse`",
        {"examples__a_json": "{"},
    ),
    "an example that expects nothing": Wrong(
        rule() + "examples: [⟦{payload: {}}]\n", "either `outcomes` or `fails`", "`outcomes: []`"
    ),
    "an example that expects both": Wrong(
        rule() + "examples: [⟦{payload: {}, outcomes: [], fails: unmapped}]\n",
        "either `outcomes` or `fails`",
        "`outcomes: []`",
    ),
    "an example's amount": Wrong(
        rule() + "examples: [{payload: {}, outcomes: [{amount: ⟦0.99$}]}]\n",
        "`0.99$` is not an amount",
        '"0.99 USD"',
    ),
    "an example of an unknown rule": Wrong(
        rule() + "examples: [{payload: {}, outcomes: [{rule: ⟦solvd}]}]\n",
        "no rule `solvd`",
        "Write solved",
    ),
    "an example's reason": Wrong(
        rule() + "examples: [{payload: {}, fails: ⟦unmaped}]\n", "unmaped", "Write `unmapped`"
    ),
    "an example's time": Wrong(
        rule() + "examples: [{payload: {}, outcomes: [], received_at: ⟦yesterday}]\n",
        "`yesterday` is not a time",
        '"2026-01-31T09:30:00Z"',
    ),
    "an example of another source": Wrong(
        rule() + "examples: [{payload: {}, outcomes: [], source: ⟦crm}]\n",
        "no source `crm`",
        "Write one of: desk",
    ),
    "an example without its source": Wrong(
        "sources: [{name: a, secrets: [A]}, {name: b, secrets: [B]}]\n"
        f"verify: {{scheme: signing}}\noutcomes:\n{ONE}"
        "examples: [⟦{payload: {}, outcomes: []}]\n",
        "does not name its source",
        "Add `source: a`",
    ),
}


def problems_of(text: str, others: dict[str, str] | None = None) -> tuple[Problem, ...]:
    files = files_of(text, **(others or {}))
    return load(files, timezone="UTC", schemes=FakeSchemes()).problems


def place_of_mark(text: str) -> tuple[int, int]:
    before = text[: text.index(MARK)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


@pytest.mark.parametrize("wrong", CASES.values(), ids=CASES.keys())
def test_a_wrong_file_is_reported_where_it_is_with_a_remedy(wrong: Wrong) -> None:
    line, column = place_of_mark(wrong.text)
    found = problems_of(wrong.text.replace(MARK, ""), wrong.others)
    at_mark = [p for p in found if (p.file, p.line, p.column) == ("desk.yaml", line, column)]
    shown = "\n".join(map(str, found))
    assert any(wrong.message in p.message and wrong.remedy in p.remedy for p in at_mark), shown
    assert len(found) == 1 or not wrong.alone, shown


def test_at_least_sixty_wrong_files_are_tried() -> None:
    assert len(CASES) >= 60


def begins_with_name(text: str) -> bool:
    """Whether a sentence begins with the name of a file or function, which stays as it is."""
    return text.startswith(("agents.yaml", "id()", "lookup()", "minor()", "trim()"))


def test_every_message_and_remedy_is_a_sentence() -> None:
    for wrong in CASES.values():
        for problem in problems_of(wrong.text.replace(MARK, ""), wrong.others):
            for text in (problem.message, problem.remedy):
                assert text[:1] in "`\"'" or text[:1].isupper() or begins_with_name(text), text
                assert text.endswith((".", "?", "`")), text


def _at(problem: Problem) -> Any:
    return (problem.file, problem.line, problem.column)


def test_all_faults_of_all_files_are_told_at_once() -> None:
    first = rule(when="event.a = 1", customer="${{ nope }}", once_per="x")
    second = rule(agent="robot").replace("source: desk", "source: other")
    found = load(files_of(first, second), timezone="UTC", schemes=FakeSchemes()).problems
    assert {(p.file, p.line) for p in found} == {
        ("desk.yaml", 5),
        ("desk.yaml", 7),
        ("desk.yaml", 9),
        ("desk2.yaml", 6),
    }


def test_a_rule_of_the_wrong_shape_does_not_hide_faults_of_others() -> None:
    text = rules(ONE.replace("agent: bot", "agnt: bot") + ONE.replace("event.id", "evnt.id"))
    messages = [p.message for p in problems_of(text)]
    assert any("`agnt` is not known" in message for message in messages)
    assert any("no variable `evnt`" in message for message in messages)


def test_a_broken_let_does_not_blame_the_rules_that_use_it() -> None:
    text = rule(let="let: {who: nope.x}\n", customer="${{ who.name }}")
    assert [_at(p) for p in problems_of(text)] == [("desk.yaml", 3, 12)]


def test_two_faults_of_one_expression_are_both_told() -> None:
    text = rule(when="nope == 1 && neither == 2")
    assert [p.column for p in problems_of(text)] == [11, 24]


@pytest.mark.parametrize("when", ["event.a ? event.b : event.c", '"a" in event.b', "{'a': 1}.a"])
def test_a_file_that_cannot_be_read_to_its_end_is_not_blamed_for_what_was_not_read(
    when: str,
) -> None:
    assert [p.line for p in problems_of(rule(when=when))] == [5]
