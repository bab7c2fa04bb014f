import pytest

from mappings.rekeying import Billed, refused_changes

BEFORE = """\
source: zendesk
verify: {scheme: zendesk, secrets: [ZENDESK_SECRET]}
outcomes:
  - name: solved
    when: "true"
    agent: support-agent
    customer: acme
    indicator: ticket-resolved
    once_per: ${{ id(event.id) }}
  - name: reopened
    when: "true"
    reverses: solved
    once_per: ${{ id(event.id) }}
"""
SCOPED = BEFORE.replace("    once_per: ${{ id", "    scope: shared\n    once_per: ${{ id", 1)

WITH_LET = BEFORE.replace("id(event.id)", "id(key)").replace(
    "outcomes:", "let: {number: event.a, key: number, unused: event.other}\noutcomes:"
)


def _refused(after: str, *, before: str = BEFORE, others: dict[str, bytes] | None = None) -> str:
    billed = [Billed(source="zendesk", rule="solved", file="zendesk.yaml", text=before)]
    files = {"zendesk.yaml": after.encode(), **(others or {})}
    return "\n".join(str(problem) for problem in refused_changes(billed, files))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(BEFORE, BEFORE, id="nothing"),
        pytest.param(BEFORE, BEFORE.replace("acme", "globex"), id="another-customer"),
        pytest.param(
            BEFORE,
            BEFORE.replace("name: solved", "name: done\n    was: [solved]"),
            id="renamed-with-was",
        ),
        pytest.param(
            BEFORE.replace("name: solved", "name: solved\n    was: [first]"),
            BEFORE.replace("name: solved", "name: done\n    was: [first, solved]"),
            id="renamed-twice",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("once_per: ${{ id(event.id) }}", "once_per: ['${{ id(event.id) }}']"),
            id="one-value-as-a-list",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("once_per: ${{ id(event.id) }}", "once_per: x\n    rekeyed: true", 1),
            id="rekeyed-on-purpose",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("source: zendesk", "source: other").replace(
                "name: solved", "name: solved\n    rekeyed: true"
            ),
            id="source-renamed-on-purpose",
        ),
        pytest.param(
            SCOPED, SCOPED.replace("source: zendesk", "source: other"), id="scoped-in-other-source"
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace(
                "source: zendesk",
                "sources: [{name: zendesk, secrets: [A]}, {name: b, secrets: [B]}]",
            ),
            id="one-of-several-accounts",
        ),
        pytest.param("not: [a mapping", BEFORE, id="old-text-unreadable"),
        pytest.param(
            WITH_LET, WITH_LET.replace("event.other", "event.more"), id="let-beside-the-key"
        ),
        pytest.param(
            WITH_LET, WITH_LET.replace("event.a", "event.a "), id="let-with-other-spacing"
        ),
    ],
)
def test_an_edit_that_keeps_the_keys_is_let_through(before: str, after: str) -> None:
    assert _refused(after, before=before) == ""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            BEFORE,
            BEFORE.replace("event.id", "event.ticket"),
            "zendesk.yaml:9:15: The once_per of `solved`, which has billed, "
            "was `${{ id(event.id) }}`. It would bill again what it has billed: put it back, "
            "or write `rekeyed: true` in the rule if that is meant.",
            id="once_per",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("name: solved", "name: done").replace(
                "reverses: solved", "reverses: done"
            ),
            "zendesk.yaml: Rule `solved` of source `zendesk` has billed and is gone. "
            "If it was renamed, write `was: [solved]` in the rule that it is now; "
            'if it shall bill no more, keep it with `when: "false"`.',
            id="vanished",
        ),
        pytest.param(
            BEFORE, SCOPED, "The scope of `solved`, which has billed, was none.", id="scope-added"
        ),
        pytest.param(
            SCOPED,
            BEFORE,
            "The scope of `solved`, which has billed, was `shared`.",
            id="scope-gone",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("source: zendesk", "source: other"),
            "Rule `solved` has billed under source `zendesk`, which was renamed.",
            id="source-renamed",
        ),
        pytest.param(
            BEFORE.replace("name: solved", "name: solved\n    was: [first]"),
            BEFORE,
            "The keys of `solved`, which has billed, are named `first`. Let `was` begin",
            id="was-forgotten",
        ),
        pytest.param(
            WITH_LET,
            WITH_LET.replace("event.a", "event.b"),
            "`number`, behind the once_per of `solved`, which has billed, was `event.a`.",
            id="let-behind-a-let",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("outcomes:", "events: payload.items\noutcomes:"),
            "`events`, behind the once_per of `solved`, which has billed, was `[payload]`.",
            id="events",
        ),
    ],
)
def test_an_edit_that_would_bill_again_is_refused(before: str, after: str, expected: str) -> None:
    assert expected in _refused(after, before=before)


def test_a_rule_is_not_missed_while_its_file_is_broken() -> None:
    assert _refused("source: [") == ""


def test_a_broken_neighbour_hides_nothing() -> None:
    after = BEFORE.replace("event.id", "event.ticket")
    assert "once_per" in _refused(after, others={"broken.yaml": b"source: ["})


def test_tables_and_the_catalogue_are_no_mappings() -> None:
    others = {"agents.yaml": b"agents: {}", "tables/a.yaml": b"a: b", "forward.yaml": b"{}"}
    assert _refused(BEFORE, others=others) == ""
