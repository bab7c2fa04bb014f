"""Values in wrong files: expressions, templates, times, tags, prices and examples."""

from __future__ import annotations

from tests.mappings.kit import rule, rules
from tests.mappings.rules.wrong_files.case import ONE, REINSTATEMENT, REVERSAL, Wrong

CASES = {
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
    "when in ${{ }}": Wrong(rule(when="⟦${{ event.ok }}"), "plain CEL", "without ${{ }}"),
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
