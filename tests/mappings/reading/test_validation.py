"""A fault in a well-formed file is reported at its place, with what to write instead."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mappings.engine.common.suggest import nearest
from mappings.engine.reading.validation import validate, wrong
from mappings.engine.reading.yamlfile import parse
from mappings.engine.types import FileProblem


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(description="What the rule is called", examples=["ticket-resolved"])
    once_per: str | list[str] = Field(default="x", min_length=1, examples=["${{ id(ticket.id) }}"])
    rekeyed: bool = False
    meta_tags: dict[str, str] = {}
    inner: "str | Inner | None" = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name == "bad":
            raise ValueError("It may not be bad")
        return name


class Inner(BaseModel):
    """Something inside."""

    model_config = ConfigDict(extra="forbid", strict=True)

    when: str


class File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    source: str = Field(examples=["zendesk"])
    mode: Literal["live", "shadow"] = "live"
    outcomes: list[Rule] = Field(default_factory=list, min_length=1)

    @model_validator(mode="after")
    def _two_rules(self) -> "File":
        names = [rule.name for rule in self.outcomes]
        if len(set(names)) < len(names):
            raise wrong(
                "Two rules have one name.", "Rename one.", path=("outcomes", 1), at_key=True
            )
        return self


def problems(text: str) -> tuple[FileProblem, ...]:
    read = parse(text.encode(), file="z.yaml")
    assert read.problems == ()
    found = validate(File, read.data, file="z.yaml", positions=read.positions)
    assert isinstance(found, tuple)
    return found


def test_good_data_becomes_the_model() -> None:
    read = parse(b"source: x\noutcomes: [{name: a}]", file="z.yaml")
    file = validate(File, read.data, file="z.yaml", positions=read.positions)
    assert isinstance(file, File)
    assert file.outcomes[0].name == "a"


FAULTS = {
    "misspelt-key": ("source: x\nmoed: live", (2, 1), "`moed` is not known", "Write `mode`."),
    "unknown-key": (
        "source: x\nzzz: 1",
        (2, 1),
        "`zzz` is not known",
        "one of: source, mode, outcomes.",
    ),
    "missing-key": ("mode: live", (1, 1), "`source` is missing", "Add `source: zendesk`."),
    "missing-key-inside": (
        "source: x\noutcomes:\n  - rekeyed: true",
        (3, 5),
        "`name` is missing in `outcomes[1]`",
        "Add `name: ticket-resolved`. What the rule is called.",
    ),
    "number-for-text": ("source: 007", (1, 9), "the number 007, expected text", 'quotes: "007"'),
    "long-fraction-for-text": ("source: 0.990", (1, 9), "expected text", 'quotes: "0.990"'),
    "truth-value-for-text": ("source: True", (1, 9), "the truth value True", 'quotes: "True"'),
    "nothing-for-text": ("source:", (1, 8), "`source` is empty", "For example `source: zendesk`"),
    "list-for-text": ("source: [a]", (1, 9), "is a list, expected text", "source: zendesk"),
    "text-for-a-list": (
        "source: x\noutcomes: a",
        (2, 11),
        'the text "a", expected a list',
        "after `- `",
    ),
    "text-for-a-mapping": (
        "source: x\noutcomes: [a]",
        (2, 12),
        "expected a mapping",
        "indented: name, once_per",
    ),
    "text-for-a-truth-value": (
        "source: x\noutcomes: [{name: a, rekeyed: yes}]",
        (2, 31),
        'the text "yes", expected true or false',
        "Write true or false.",
    ),
    "number-for-text-or-list": (
        "source: x\noutcomes: [{name: a, once_per: 5}]",
        (2, 32),
        "the number 5, expected text or a list",
        'quotes: "5"',
    ),
    "number-in-text-or-list": (
        "source: x\noutcomes: [{name: a, once_per: [b, 5]}]",
        (2, 36),
        "`outcomes[1].once_per[2]` is the number 5, expected text",
        'quotes: "5"',
    ),
    "number-in-a-mapping-of-text": (
        "source: x\noutcomes: [{name: a, meta_tags: {k: 1}}]",
        (2, 37),
        "`outcomes[1].meta_tags.k` is the number 1",
        'quotes: "1"',
    ),
    "one-of-a-few": (
        "source: x\nmode: shdow",
        (2, 7),
        "shdow, expected 'live' or 'shadow'",
        "Write `shadow`.",
    ),
    "too-short": ("source: x\noutcomes: []", (2, 11), "`outcomes` is empty", "after `- `"),
    "deeper-in-a-union": (
        "source: x\noutcomes: [{name: a, inner: {wen: b}}]",
        (2, 30),
        "`wen` is not known in `outcomes[1].inner`",
        "Write `when`.",
    ),
    "value-error": (
        "source: x\noutcomes: [{name: bad}]",
        (2, 19),
        "not allowed: it may not be bad",
        "For example `name: ticket-resolved`",
    ),
    "own-error": (
        "source: x\noutcomes: [{name: a}, {name: a}]",
        (2, 23),
        "Two rules have one name.",
        "Rename one.",
    ),
    "not-a-mapping": ("- a", (1, 1), "The file is a list", "indented: source, mode, outcomes"),
    "nothing": ("---", (2, 1), "The file is empty", "indented: source, mode, outcomes"),
}


@pytest.mark.parametrize(("text", "place", "said", "remedy"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_at_its_place_with_a_remedy(
    text: str, place: tuple[int, int], said: str, remedy: str
) -> None:
    problem = next(found for found in problems(text) if said in found.message)
    assert (problem.line, problem.column) == place
    assert remedy in problem.remedy


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems("source: 1\nmode: x\noutcomes:\n  - name: 2\n    nmae: y\n  - once_per: []\n")
    assert [problem.line for problem in found] == [1, 2, 4, 5, 6, 6]


def test_a_union_tells_of_a_fault_once() -> None:
    assert len(problems("source: x\noutcomes: [{name: a, once_per: 5}]")) == 1
    assert len(problems("source: x\noutcomes: [{name: a, inner: {wen: b, when: c}}]")) == 1


def test_the_nearest_word_is_suggested_without_regard_to_case() -> None:
    assert nearest("Ticket-Resolvd", ["ticket-resolved", "deal-won"]) == "ticket-resolved"
    assert nearest("zzz", ["ticket-resolved"]) is None
    assert nearest("a", []) is None
