"""Edits after rules have billed: what is refused, what is let through, what goes on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mappings.engine.loading.load import MappingSet, load
from mappings.engine.rules.billed import Billed, History, Rekeying
from tests.mappings.kit import FakeSchemes, files_of

BEFORE = """\
source: zendesk
verify: {scheme: signing, secrets: [ZENDESK_SECRET]}
outcomes:
  - name: solved
    when: event.type == "solved"
    agent: bot
    customer: acme
    indicator: solved
    once_per: ${{ id(event.id) }}
  - name: reopened
    when: event.type == "reopened"
    reverses: solved
    once_per: ${{ id(event.id) }}
"""
SCOPED = BEFORE.replace("    once_per: ${{ id", "    scope: shared\n    once_per: ${{ id", 1)
WITH_LET = BEFORE.replace("id(event.id)", "id(key)").replace(
    "outcomes:", "let: {number: event.a, key: number, unused: event.other}\noutcomes:"
)
TIMED = BEFORE.replace("    once_per:", "    occurred_at: ${{ event.at }}\n    once_per:")
WITH_VARS = BEFORE.replace(
    "once_per: ${{ id(event.id) }}", "once_per: ['${{ vars.team }}', '${{ id(event.id) }}']"
).replace("outcomes:", "vars: {team: north, colour: red}\noutcomes:")
REKEYED = BEFORE.replace("event.id", "event.ticket").replace(
    "  - name: solved\n", "  - name: solved\n    rekeyed: true\n"
)
ACCOUNTS = BEFORE.replace(
    "source: zendesk\nverify: {scheme: signing, secrets: [ZENDESK_SECRET]}",
    "sources: [{name: zendesk, secrets: [A]}, {name: other, secrets: [B]}]\n"
    "verify: {scheme: signing}",
)
FILE = "zendesk.yaml"


def billed_by(*texts: str, source: str = "zendesk", rule: str = "solved") -> tuple[Billed, ...]:
    return tuple(Billed(source=source, rule=rule, file=FILE, text=text) for text in texts)


def history(*texts: str, in_force: str | None = None, solved: Rekeying | None = None) -> History:
    """`solved` has billed by these texts in turn; the last of them is in force."""
    files = {FILE: (in_force or texts[-1]).encode()}
    rekeyings = {("zendesk", "solved"): solved} if solved else {}
    return History(billed=billed_by(*texts), texts=files, rekeyings=rekeyings)


def loaded(after: Mapping[str, str] | str, past: History, *, running: bool = False) -> MappingSet:
    """The edited files as `check` judges them, or as a service does that has the old ones."""
    edited = {FILE: after} if isinstance(after, str) else after
    files = files_of() | {name: text.encode() for name, text in edited.items()}
    last_good = files_of() | dict(past.texts) if running else {}
    return load(files, timezone="UTC", schemes=FakeSchemes(), history=past, last_good=last_good)


def refused(after: Mapping[str, str] | str, past: History) -> str:
    return "\n".join(str(problem) for problem in loaded(after, past).problems)


def keys(found: MappingSet, source: str = "zendesk") -> list[tuple[str, str]]:
    return [(rule.name, rule.once_per) for rule in found.sources[source].rules]


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


def declared(text: str) -> Rekeying:
    """What is kept once an edit with `rekeyed: true` is in force."""
    return loaded(text, history(BEFORE)).rekeyings["zendesk", "solved"]


class TestRekeyedOnPurpose:
    """`rekeyed: true` is meant once; what it declared stays, and what it left does not."""

    NEW = REKEYED.replace("    rekeyed: true\n", "")

    def test_it_may_be_taken_out_again_before_the_new_keys_have_billed(self) -> None:
        past = history(BEFORE, in_force=REKEYED, solved=declared(REKEYED))
        assert refused(self.NEW, past) == ""
        assert loaded(self.NEW, past).rekeyings == past.rekeyings

    def test_it_may_be_taken_out_again_after_the_new_keys_have_billed(self) -> None:
        assert refused(self.NEW, history(BEFORE, REKEYED)) == ""
        assert refused(self.NEW, history(BEFORE, self.NEW, solved=declared(REKEYED))) == ""

    def test_the_old_keys_may_be_put_back_before_the_new_ones_have_billed(self) -> None:
        past = history(BEFORE, in_force=REKEYED, solved=declared(REKEYED))
        assert refused(BEFORE, past) == ""
        assert loaded(BEFORE, past).rekeyings == {}

    @pytest.mark.parametrize("second", [REKEYED, NEW], ids=["by-its-text", "by-what-is-kept"])
    def test_the_old_keys_are_an_edit_again_once_the_new_ones_have_billed(
        self, second: str
    ) -> None:
        kept = declared(REKEYED) if second == self.NEW else None
        said = refused(BEFORE, history(BEFORE, second, solved=kept))
        assert (
            "The once_per of `solved`, which has billed, was, since `rekeyed: true`,"
            " `${{ id(event.ticket) }}`." in said
        )

    def test_a_source_renamed_on_purpose_is_followed(self) -> None:
        moved = BEFORE.replace("source: zendesk", "source: other").replace(
            "  - name: solved\n", "  - name: solved\n    rekeyed: true\n"
        )
        past = history(BEFORE)
        kept = loaded({"other.yaml": moved}, past).rekeyings
        later = History(
            billed=billed_by(BEFORE) + billed_by(moved, source="other"),
            rekeyings=kept,
            texts={"other.yaml": moved.encode()},
        )
        plain = moved.replace("    rekeyed: true\n", "")
        assert refused({"other.yaml": plain}, later) == ""
        edited = plain.replace("event.id", "event.ticket")
        assert "The once_per of `solved`" in refused({"other.yaml": edited}, later)

    def test_it_is_warned_of_while_it_stands_there_for_nothing(self) -> None:
        (warning,) = loaded(REKEYED, history(BEFORE, REKEYED)).warnings
        assert "`rekeyed: true` is still here. Remove it" in str(warning)
        assert loaded(REKEYED, history(BEFORE)).warnings == ()


def test_what_a_bad_edit_billed_in_the_past_keeps_no_old_text_out() -> None:
    """Earlier versions took such edits up: both forms have billed, and neither was declared."""
    bad = BEFORE.replace("event.id", "event.ticket")
    past = history(BEFORE, bad)
    assert refused(BEFORE, past) == ""
    assert refused(bad, past) == ""
    assert "was `${{ id(event.ticket) }}`" in refused(BEFORE.replace("event.id", "event.x"), past)


def test_a_last_good_text_that_would_bill_again_is_not_served() -> None:
    """An earlier version has it in force, and it has not billed yet: the source is shut instead."""
    bad = BEFORE.replace("event.id", "event.ticket")
    found = loaded(bad, history(BEFORE, in_force=bad), running=True)
    assert (list(found.sources), found.unusable) == ([], frozenset({"zendesk"}))
    assert found.problems
    back = loaded(BEFORE, history(BEFORE, in_force=bad), running=True)
    assert (back.problems, list(back.sources)) == ((), ["zendesk"])


def test_a_reversal_is_compared_with_the_text_in_force_as_well() -> None:
    """It came after the last charge, and nothing has billed by its text."""
    alone = BEFORE[: BEFORE.index("  - name: reopened")]
    past = history(alone, in_force=BEFORE)
    assert "Rule `reopened`" in refused(alone, past)
    edited = BEFORE[::-1].replace("event.id"[::-1], "event.Id"[::-1], 1)[::-1]
    assert "The once_per of `reopened`" in refused(edited, past)


def test_a_reversal_is_rekeyed_with_its_rule_or_on_its_own() -> None:
    edited = BEFORE[::-1].replace("event.id"[::-1], "event.Id"[::-1], 1)[::-1]
    own = edited.replace("  - name: reopened\n", "  - name: reopened\n    rekeyed: true\n")
    both = edited.replace("  - name: solved\n", "  - name: solved\n    rekeyed: true\n")
    assert refused(own, history(BEFORE)) == refused(both, history(BEFORE)) == ""
    assert refused(edited, history(BEFORE, in_force=own)) == ""


PART = """\
  - name: solved-by-voice
    when: event.type == "solved" && event.channel == "voice"
    agent: bot
    customer: acme
    indicator: solved
    once_per: ${{ id(event.id) }}
"""


class TestSplit:
    """A rule that has billed becomes two."""

    NARROWED = BEFORE.replace('"solved"', '"solved" && event.channel != "voice"')
    AS_PART = PART.replace("voice\n    when", "voice\n    was: [solved]\n    when")

    def test_parts_share_the_keys_of_the_rule_that_they_were(self) -> None:
        found = loaded(self.NARROWED + self.AS_PART, history(BEFORE))
        assert (found.problems, found.warnings) == ((), ())
        rules = {rule.name: rule.key_rule for rule in found.sources["zendesk"].rules}
        assert rules == {"solved": "solved", "reopened": "solved", "solved-by-voice": "solved"}

    def test_the_old_name_may_go(self) -> None:
        text = self.NARROWED.replace("name: solved", "name: solved-else\n    was: [solved]")
        text = text.replace("reverses: solved", "reverses: solved-else")
        assert refused(text + self.AS_PART, history(BEFORE)) == ""

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            pytest.param(
                "name: solved\n", "name: solved\n    was: [first]\n", "named `first`", id="living"
            ),
            pytest.param(
                "name: solved\n",
                "name: solved-else\n    was: [first, solved]\n",
                "named `first`",
                id="renamed",
            ),
        ],
    )
    def test_parts_under_different_key_names_are_refused(
        self, old: str, new: str, expected: str
    ) -> None:
        text = (self.NARROWED + self.AS_PART).replace(old, new)
        said = refused(text, History())
        assert expected in said
        assert "Let `was` begin with `first`" in said

    def test_a_reversal_is_no_part_of_a_charge(self) -> None:
        text = BEFORE + self.AS_PART.replace("was: [solved]", "was: [reopened]")
        assert "of the two one is a reversal" in refused(text, History())

    def test_each_part_must_keep_the_keys(self) -> None:
        text = self.NARROWED + self.AS_PART.replace("event.id", "event.call")
        assert "The once_per of `solved-by-voice`, which has billed" in refused(
            text, history(BEFORE)
        )

    def test_a_part_that_is_renamed_without_was_is_refused(self) -> None:
        text = self.NARROWED + self.AS_PART
        both = (*billed_by(BEFORE), *billed_by(text, rule="solved-by-voice"))
        past = History(billed=both, texts={FILE: text.encode()})
        for old, other in (("solved\n", "solved-by-voice"), ("solved-by-voice\n", "solved")):
            renamed = text.replace(f"name: {old}", "name: another\n").replace(
                "reverses: solved", f"reverses: {other}"
            )
            renamed = renamed.replace("another\n    was: [solved]\n", "another\n")
            said = refused(renamed, past)
            assert f"its once_per is that of `{old.strip()}`, which is gone" in said
            as_part = renamed.replace("name: another\n", "name: another\n    was: [solved]\n")
            assert refused(as_part, past) == ""

    def test_a_part_may_go_and_a_rule_renamed_beside_a_new_one(self) -> None:
        text = self.NARROWED + self.AS_PART
        both = (*billed_by(BEFORE), *billed_by(text, rule="solved-by-voice"))
        assert refused(BEFORE, History(billed=both, texts={FILE: text.encode()})) == ""
        renamed = BEFORE.replace("name: solved\n", "name: done\n    was: [solved]\n").replace(
            "reverses: solved", "reverses: done"
        )
        found = loaded(renamed + PART, history(BEFORE))
        assert (found.problems, len(found.warnings)) == ((), 1)

    def test_a_part_that_does_not_say_so_is_warned_of_until_it_has_billed(self) -> None:
        text = self.NARROWED + PART
        found = loaded(text, history(BEFORE))
        (warning,) = found.warnings
        assert found.problems == ()
        assert str(warning).startswith(
            "zendesk.yaml:19:15: `solved-by-voice` is new, and its once_per is that of `solved`,"
        )
        assert "write `was: [solved]` in it" in str(warning)
        has_billed = (*billed_by(BEFORE), *billed_by(text, rule="solved-by-voice"))
        assert loaded(text, History(billed=has_billed)).warnings == ()
        assert loaded(text, history(text)).warnings == ()
        rekeyed = text.replace("name: solved-by-voice", "name: solved-by-voice\n    rekeyed: true")
        assert loaded(rekeyed, history(BEFORE)).warnings == ()
