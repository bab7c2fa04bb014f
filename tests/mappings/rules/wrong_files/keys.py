"""Rules of wrong files: what a rule must have, which amount counts, what bills once."""

from __future__ import annotations

from tests.mappings.kit import rule, rules
from tests.mappings.rules.wrong_files.case import ONE, REINSTATEMENT, REVERSAL, Wrong

CASES = {
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
}
