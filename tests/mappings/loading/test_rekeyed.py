"""`rekeyed: true`, reversals of an edited rule, and a rule that is split in several."""

from __future__ import annotations

import pytest

from mappings.engine.rules.billed import History, Rekeying
from tests.mappings.loading.edits import (
    BEFORE,
    FILE,
    REKEYED,
    billed_by,
    history,
    loaded,
    refused,
)


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
