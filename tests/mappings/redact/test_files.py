"""`redact:` in a mapping file: reported where it is wrong, and the mark is never billed."""

from __future__ import annotations

import pytest

from mappings.engine.loading.load import load
from mappings.engine.loading.mapping_set import MappingSet
from mappings.engine.reasons import Reason
from mappings.engine.redact.paths import NotRedactable
from mappings.engine.tooling.examples import run_examples
from mappings.engine.types import Failure, FileProblem
from tests.mappings.kit import (
    AT,
    MAPPING,
    FakeSchemes,
    delivery,
    files_of,
    good,
    only_failure,
    only_outcome,
    rule,
)

MARK = "⟦"
SOLVED = {"type": "solved", "company": 1, "id": 7, "at": AT, "contact": {"email": "a@b.c"}}
REDACTING = MAPPING.replace("outcomes:", "redact: [payload.contact]\noutcomes:", 1)


def problems_of(text: str) -> tuple[FileProblem, ...]:
    return load(files_of(text), timezone="UTC", schemes=FakeSchemes()).problems


def wrong(paths: str, **changes: str) -> str:
    head = changes.pop("head", "")
    return rule(let=f"redact: {paths}\n{head}", **changes)


CASES = {
    "no path": (wrong("[⟦customer.email]"), "begins with neither", "payload.customer.email"),
    "the whole body": (wrong("[⟦payload]"), "`payload` is the whole body", "Name the members"),
    "an index": (wrong('[⟦"payload.items[0].note"]'), "cannot be read from `[0].note`", "items[*]"),
    "no list": (wrong("⟦payload.contact"), "a list", "redact"),
    "no text": (wrong("[⟦1]"), "is the number 1, expected text", "in quotes"),
    "the same path twice": (
        wrong("[payload.a, ⟦payload.a]"),
        "`payload.a` goes with `payload.a` anyway",
        "Keep one of the two",
    ),
    "a path below another": (
        wrong("[⟦payload.a.b, payload.a]"),
        "`payload.a.b` goes with `payload.a` anyway",
        "Keep one of the two",
    ),
    "a needed header": (wrong("[⟦headers.content-type]"), "is read by `content-type`", "Leave it"),
    "when": (
        wrong("[payload.a]", when='⟦event.a == "x"'),
        "This reads `payload.a`, which `redact` takes out",
        "Use another member, or remove the path from `redact`.",
    ),
    "agent": (wrong("[payload.a]", agent="${{ ⟦event.a }}"), "reads `payload.a`", "from `redact`"),
    "customer": (
        wrong("[payload.a]", customer='x-${{ ⟦lookup("companies", event.a) }}'),
        "reads `payload.a`",
        "from `redact`",
    ),
    "indicator": (
        wrong("[payload.a]", indicator="${{ ⟦event.a }}"),
        "reads `payload.a`",
        "from `redact`",
    ),
    "once_per": (
        wrong("[payload.a]", once_per="${{ ⟦id(event.a) }}"),
        "reads `payload.a`",
        "from `redact`",
    ),
    "one of several keys": (
        wrong("[payload.a]", once_per='["${{ id(event.b) }}", "${{ ⟦id(event.a) }}"]'),
        "reads `payload.a`",
        "from `redact`",
    ),
    "occurred_at": (
        wrong("[payload.a]", occurred_at="${{ ⟦event.a }}"),
        "reads `payload.a`",
        "from `redact`",
    ),
    "value": (wrong("[payload.a]", value="${{ ⟦event.a }}"), "reads `payload.a`", "from `redact`"),
    "a tag": (
        wrong("[payload.a]", meta_tags='{mail: "${{ ⟦event.a }}"}'),
        "reads `payload.a`",
        "from `redact`",
    ),
    "let, reported once": (
        wrong("[payload.a]", head="let: {who: ⟦event.a}\n", customer="${{ who }}"),
        "reads `payload.a`",
        "from `redact`",
    ),
    "a let that stands for what holds it": (
        wrong("[payload.a.b]", head="let: {who: event.a}\n", customer="${{ ⟦string(who) }}"),
        "This uses `payload.a` as a whole, and with it `payload.a.b`, which `redact` takes out.",
        "Name the member that is needed, or remove the path from `redact`.",
    ),
    "events": (
        wrong("[payload.a]", head="events: ⟦payload.a\n"),
        "reads `payload.a`",
        "from `redact`",
    ),
    "an event's member": (
        wrong("[payload.items.a]", head="events: payload.items\n", when='⟦event.a == "x"'),
        "reads `payload.items.a`",
        "from `redact`",
    ),
    "any member": (
        wrong("[payload.a.b]", when='⟦event.a[event.c] == "x"'),
        "This may read `payload.a.b`",
        "from `redact`",
    ),
    "the source's secret": (
        rule(when='⟦event.password == "x"').replace("scheme: signing", "scheme: showing"),
        "This reads `payload.password`, which holds the source's secret and is taken out before",
        "Use another member.",
    ),
    "a header": (
        wrong("[headers.x-user]", when='⟦headers["x-user"] == "x"'),
        "reads `headers.x-user`",
        "from `redact`",
    ),
}


@pytest.mark.parametrize(("text", "message", "remedy"), CASES.values(), ids=CASES.keys())
def test_a_wrong_redact_is_reported_where_it_is_with_a_remedy(
    text: str, message: str, remedy: str
) -> None:
    before = text.partition(MARK)[0]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    (found,) = problems_of(text.replace(MARK, ""))
    assert (found.line, found.column) == place, found
    assert message in found.message
    assert remedy in found.remedy


def test_a_path_that_no_rule_reads_is_good_and_told_of_the_source() -> None:
    found = good(REDACTING)
    assert found.sources["desk"].redact == ("payload.contact",)
    redacted = found.redacted(delivery(SOLVED))
    assert redacted.redacted == 1
    assert b"a@b.c" not in redacted.body
    assert only_outcome(found.map(redacted)) == only_outcome(found.map(delivery(SOLVED)))


def test_a_file_redacts_for_all_of_its_sources() -> None:
    text = REDACTING.replace(
        "source: desk", "sources: [{name: a, secrets: [A]}, {name: b, secrets: [B]}]"
    ).replace(", secrets: [DESK_SECRET]", "")
    found = good(text)
    for name in ("a", "b"):
        assert found.redacted(delivery(SOLVED, source=name)).redacted == 1


def test_a_secret_that_the_scheme_shows_in_the_body_is_taken_out_unasked() -> None:
    found = good(MAPPING.replace("scheme: signing", "scheme: showing"))
    redacted = found.redacted(delivery(SOLVED | {"password": "hunter2"}))
    assert b"hunter2" not in redacted.body
    assert (found.sources["desk"].redact, redacted.redacted) == (("payload.password",), 1)


def test_a_source_without_redact_keeps_all_as_it_came() -> None:
    given = delivery(b"no JSON at all")
    assert good(MAPPING).redacted(given) is given


def test_a_bad_edit_goes_on_redacting_as_the_last_good_text_does() -> None:
    broken = REDACTING.replace("agent: bot", "agent: robot").replace("[payload.contact]", "[]")
    found = load(
        files_of(broken),
        timezone="UTC",
        schemes=FakeSchemes(),
        last_good={"desk.yaml": REDACTING.encode()},
    )
    assert found.sources["desk"].redact == ("payload.contact",)
    assert found.redacted(delivery(SOLVED)).redacted == 1


def failure_of(mapping: str, redacted: int) -> Failure:
    payload = SOLVED | {"company": "[redacted]", "note": "x [redacted]"}
    return only_failure(good(mapping).map(delivery(payload, redacted=redacted)))


PLAIN = MAPPING.replace('lookup("companies", id(event.company))', "'acme'")
BY_FIELD = {
    "agent": PLAIN.replace("agent: bot", "agent: ${{ event.company }}"),
    "customer": PLAIN.replace("'acme'", "event.company"),
    "indicator": PLAIN.replace("indicator: solved", "indicator: ${{ event.company }}"),
    "once_per": PLAIN.replace("id(event.id)", "event.note"),
    "meta_tags.who": PLAIN.replace(
        "indicator: solved", "indicator: solved\n    meta_tags: {who: '${{ event.note }}'}"
    ),
}


@pytest.mark.parametrize("field", BY_FIELD)
def test_what_was_redacted_is_never_billed_as_a_value(field: str) -> None:
    found = failure_of(BY_FIELD[field], redacted=1)
    assert (found.reason, found.field) == (Reason.MAPPING, field)
    assert "what was redacted before the delivery was stored" in found.detail


def test_a_sender_that_writes_the_mark_itself_is_billed_as_it_says() -> None:
    payload = SOLVED | {"id": "[redacted]"}
    assert only_outcome(good(MAPPING).map(delivery(payload))).key.endswith('"[redacted]"]')


def run(text: str, examples: str) -> tuple[FileProblem, ...]:
    files = files_of(f"{text}examples:\n{examples}")
    found: MappingSet = load(files, timezone="UTC", schemes=FakeSchemes())
    assert [str(problem) for problem in found.problems] == []
    return run_examples(found, files)


EXAMPLE = f'  - payload: {{type: solved, company: "1", id: 7, at: "{AT}", contact: {{a: 1}}}}\n'


def test_an_example_is_run_as_it_comes_and_as_it_is_stored() -> None:
    assert run(REDACTING, f"{EXAMPLE}    outcomes: [{{customer: acme}}]\n") == ()


def test_an_example_that_bills_otherwise_once_it_is_redacted_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Proven not to happen: so the proof is taken away."""
    monkeypatch.setattr("mappings.engine.rules.redacting.conflicts", lambda *_: frozenset())
    text = REDACTING.replace("[payload.contact]", "[payload.company]")
    (problem,) = run(text, f"{EXAMPLE}    outcomes: [{{customer: acme}}]\n")
    assert problem.message.startswith("Redacted, it gives unmapped: Rule solved, customer:")
    assert "as it comes, 1: rule solved" in problem.message


def test_an_example_that_cannot_be_redacted_is_a_problem() -> None:
    example = "  - payload: <a/>\n    headers: {content-type: text/xml}\n    fails: mapping\n"
    files = files_of(
        f"{REDACTING}examples:\n{example.replace('<a/>', 'examples/a.xml')}",
        examples__a_xml="<a/>",
    )
    found = load(files, timezone="UTC", schemes=FakeSchemes())
    (problem,) = run_examples(found, files)
    assert "`redact` cannot be applied to this payload: it is XML" in problem.message
    assert "answered 503" in problem.remedy


def test_a_delivery_that_cannot_be_redacted_says_so() -> None:
    with pytest.raises(NotRedactable):
        good(REDACTING).redacted(delivery(b"{"))
