"""The head of a wrong file: sources, verify, let, events, and the shape of rules."""

from __future__ import annotations

from tests.mappings.kit import rule, rules
from tests.mappings.rules.wrong_files.case import ONE, TOP, Wrong

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
}
