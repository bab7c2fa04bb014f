"""An edit that would bill again what has billed is refused, and one that would not is not."""

from __future__ import annotations

import pytest

from mappings.engine.rules.billed import History
from tests.mappings.loading.edits import (
    ACCOUNTS,
    BEFORE,
    FILE,
    REKEYED,
    SCOPED,
    TIMED,
    WITH_LET,
    WITH_VARS,
    billed_by,
    history,
    keys,
    loaded,
    refused,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(BEFORE, BEFORE, id="nothing"),
        pytest.param(BEFORE, BEFORE.replace("acme", "globex"), id="another-customer"),
        pytest.param(
            BEFORE,
            BEFORE.replace("name: solved", "name: done\n    was: [solved]").replace(
                "reverses: solved", "reverses: done"
            ),
            id="renamed-with-was",
        ),
        pytest.param(
            BEFORE.replace("name: solved", "name: solved\n    was: [first]"),
            BEFORE.replace("name: solved", "name: done\n    was: [first, solved]").replace(
                "reverses: solved", "reverses: done"
            ),
            id="renamed-twice",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("once_per: ${{ id(event.id) }}", "once_per: ['${{ id(event.id) }}']"),
            id="one-value-as-a-list",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace("${{ id(event.id) }}", "${{id( event . id )}}"),
            id="once-per-with-other-spacing",
        ),
        pytest.param(BEFORE, REKEYED, id="rekeyed-on-purpose"),
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
        pytest.param(BEFORE, ACCOUNTS, id="one-of-several-accounts"),
        pytest.param("not: [a mapping", BEFORE, id="old-text-unreadable"),
        pytest.param(
            WITH_LET, WITH_LET.replace("event.other", "event.more"), id="let-beside-the-key"
        ),
        pytest.param(
            WITH_LET.replace("event.a,", "event.a+'x',"),
            WITH_LET.replace("event.a,", "event.a+'x'  ,"),
            id="let-with-other-spacing",
        ),
        pytest.param(WITH_VARS, WITH_VARS.replace("red", "blue"), id="vars-beside-the-key"),
        pytest.param(
            BEFORE,
            BEFORE.replace("name: reopened", "name: open-again\n    was: [reopened]"),
            id="reversal-renamed-with-was",
        ),
        pytest.param(
            BEFORE,
            BEFORE.replace('when: event.type == "reopened"', 'when: "false"'),
            id="reversal-that-takes-nothing-back",
        ),
    ],
)
def test_an_edit_that_keeps_the_keys_is_let_through(before: str, after: str) -> None:
    assert refused(after, history(before)) == ""


CHANGED = [
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
        BEFORE.replace("name: solved", "name: done").replace("reverses: solved", "reverses: done"),
        "zendesk.yaml: Rule `solved` of source `zendesk` has billed and is gone. "
        "If it was renamed, write `was: [solved]` in the rule that it is now; "
        'if it must no longer bill, keep it with `when: "false"`.',
        id="vanished",
    ),
    pytest.param(
        BEFORE, SCOPED, "The scope of `solved`, which has billed, was none.", id="scope-added"
    ),
    pytest.param(
        SCOPED, BEFORE, "The scope of `solved`, which has billed, was `shared`.", id="scope-gone"
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
        "`number`, used by the once_per of `solved`, which has billed, was `event.a`.",
        id="let-behind-a-let",
    ),
    pytest.param(
        WITH_LET.replace("number: event.a", "number: event.a + 'x y'"),
        WITH_LET.replace("number: event.a", "number: event.a + 'x  y'"),
        "`number`, used by the once_per of `solved`, which has billed, was `event.a + 'x y'`.",
        id="blanks-within-a-text",
    ),
    pytest.param(
        BEFORE,
        BEFORE.replace("outcomes:", "events: payload.items\noutcomes:"),
        "`events`, used by the once_per of `solved`, which has billed, was `[payload]`.",
        id="events",
    ),
    pytest.param(
        WITH_VARS,
        WITH_VARS.replace("north", "south"),
        '`vars.team`, used by the once_per of `solved`, which has billed, was `"north"`.',
        id="vars-behind-the-key",
    ),
    pytest.param(
        BEFORE,
        TIMED,
        "The occurred_at of `solved`, which has billed, was not mapped. "
        "What was taken back would be owed by another order",
        id="occurred_at-put-in",
    ),
    pytest.param(
        TIMED,
        BEFORE,
        "The occurred_at of `solved`, which has billed, was `${{ event.at }}`.",
        id="occurred_at-taken-out",
    ),
    pytest.param(
        BEFORE,
        BEFORE[::-1].replace("event.id"[::-1], "event.Id"[::-1], 1)[::-1],
        "zendesk.yaml:13:15: The once_per of `reopened`, which takes back what `solved` has billed,"
        " was `${{ id(event.id) }}`. It would no longer find what has billed: put it back",
        id="reversal's-once_per",
    ),
    pytest.param(
        BEFORE,
        BEFORE[: BEFORE.index("  - name: reopened")],
        "zendesk.yaml: Rule `reopened` of source `zendesk`, which takes back what `solved` has"
        " billed, is gone. Put it back",
        id="reversal-gone",
    ),
    pytest.param(
        REKEYED,
        REKEYED[: REKEYED.index("  - name: reopened")],
        "Rule `reopened` of source `zendesk`, which takes back what `solved` has billed, is gone.",
        id="reversal-gone-from-a-rekeyed-rule",
    ),
    pytest.param(
        BEFORE,
        BEFORE.replace("reverses: solved", "reverses: other")
        + BEFORE[BEFORE.index("  - name: solved") : BEFORE.index("  - name: reopened")].replace(
            "name: solved", "name: other"
        ),
        "zendesk.yaml:12:15: `reopened` took back what `solved` has billed, and no longer does."
        " Let it name `solved` again",
        id="reversal-of-another-rule",
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), CHANGED)
def test_an_edit_that_would_bill_again_is_refused(before: str, after: str, expected: str) -> None:
    assert expected in refused(after, history(before))


@pytest.mark.parametrize(("before", "after", "_expected"), CHANGED)
def test_a_running_service_goes_on_with_the_text_in_force(
    before: str, after: str, _expected: str
) -> None:
    found = loaded(after, history(before), running=True)
    assert found.problems
    assert found.stale == {FILE}
    assert FILE not in found.good
    assert keys(found) == keys(loaded(before, history(before)))
    back = loaded(before, history(before), running=True)
    assert (back.problems, back.stale) == ((), frozenset())


def test_a_rule_is_not_missed_while_its_file_is_broken() -> None:
    assert "has billed" not in refused("source: [", history(BEFORE))


def test_a_broken_neighbour_hides_nothing() -> None:
    after = {FILE: BEFORE.replace("event.id", "event.ticket"), "broken.yaml": "source: ["}
    assert "once_per" in refused(after, history(BEFORE))


def test_a_source_that_is_gone_is_refused_once_and_goes_on() -> None:
    """Its file is deleted, and a namesake of its rule in another source is not taken for it."""
    other = BEFORE.replace("source: zendesk", "source: desk")
    texts = {FILE: BEFORE.encode(), "desk.yaml": other.encode()}
    past = History(billed=billed_by(BEFORE), texts=texts)
    found = loaded({"desk.yaml": other}, past, running=True)
    (problem,) = found.problems
    assert str(problem).startswith("zendesk.yaml: Source `zendesk` has billed and is gone.")
    assert found.stale == {FILE}
    assert sorted(found.sources) == ["desk", "zendesk"]


def test_a_source_that_has_not_billed_may_go() -> None:
    found = loaded({}, History(texts={FILE: BEFORE.encode()}), running=True)
    assert (found.problems, dict(found.sources)) == ((), {})


def test_a_file_may_be_renamed() -> None:
    found = loaded({"helpdesk.yaml": BEFORE}, history(BEFORE), running=True)
    assert found.problems == ()
    assert found.sources["zendesk"].file == "helpdesk.yaml"


def test_an_edit_hidden_in_the_renaming_of_a_file_is_refused() -> None:
    after = {"helpdesk.yaml": BEFORE.replace("event.id", "event.ticket")}
    found = loaded(after, history(BEFORE), running=True)
    assert [problem.file for problem in found.problems] == ["helpdesk.yaml"]
    assert found.sources["zendesk"].file == FILE
    assert keys(found) == keys(loaded(BEFORE, history(BEFORE)))


def test_a_source_renamed_with_its_file_is_refused_and_goes_on_under_its_name() -> None:
    after = {"other.yaml": BEFORE.replace("source: zendesk", "source: other")}
    found = loaded(after, history(BEFORE), running=True)
    assert "under source `zendesk`, which was renamed" in str(found.problems[0])
    assert list(found.sources) == ["zendesk"]
    assert found.unusable == {"other"}


def test_an_account_that_leaves_a_list_goes_on_beside_the_others_new_file() -> None:
    """What of the last good text another file has by now is served by that one."""
    other = BEFORE.replace("source: zendesk", "source: other").replace("acme", "globex")
    past = history(ACCOUNTS)
    after = {FILE: BEFORE.replace("event.id", "event.ticket"), "other.yaml": other}
    found = loaded(after, past, running=True)
    assert [problem.file for problem in found.problems] == [FILE]
    assert {name: source.file for name, source in found.sources.items()} == {
        "zendesk": FILE,
        "other": "other.yaml",
    }


def test_an_edit_elsewhere_in_the_folder_is_in_force_all_the_same() -> None:
    other = BEFORE.replace("source: zendesk", "source: desk")
    texts = {FILE: BEFORE.encode(), "desk.yaml": other.encode()}
    past = History(billed=billed_by(BEFORE), texts=texts)
    edited = other.replace("event.id", "event.ticket")
    after = {FILE: BEFORE.replace("event.id", "event.ticket"), "desk.yaml": edited}
    found = loaded(after, past, running=True)
    assert found.stale == {FILE}
    assert keys(found, "desk")[0] == ("solved", "${{ id(event.ticket) }}")
