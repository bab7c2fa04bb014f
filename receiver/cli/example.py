"""Turn a stored delivery into a fixture: personal data removed, the outcomes the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

import typer

from jobs.common.money import money
from jobs.common.timestamps import in_utc
from jobs.queries.deliveries.delivery_input import read_input
from jobs.queries.deliveries.evidence import read_delivery
from jobs.queries.identification import IdKind, whole_id
from mappings.engine.loading.load import MappingSet
from mappings.engine.redact.paths import NotRedactable
from mappings.engine.types import DeliveryInput, Mapped, Outcome
from receiver.authoring.anonymize import Path as Place, Redaction, candidates, path_text
from receiver.cli.common import options as arg
from receiver.cli.common.errors import CommandError
from receiver.cli.common.files import write_new
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted

EXAMPLES = (
    "receiver example 01a208d2",
    "receiver example 01a208d2 --out mappings/examples/desk-solved.json",
)

#: A payload with more personal data than this is redacted in groups of members, not one by one.
MOST_TRIALS = 400


@dataclass(frozen=True, slots=True)
class Fixture:
    """A redacted body; `kept` are the places left as they are, since the outcomes need them."""

    body: bytes
    redacted: int
    kept: tuple[str, ...]
    mapped: Mapped


def example(
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.")],
    path: Annotated[
        Path | None, typer.Option("--out", help="Write it to this file, which must not exist yet.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Print the fixture, or write it to `path`; and the item for `examples:`."""
    session, out = Session(), Output(as_json=as_json)
    delivery = _delivery(session, delivery_id)
    found = redacted(session.edited, delivery)
    if path is not None:
        write_new(path, found.body)
    if as_json:
        body = found.body.decode("utf-8", "replace")
        fixture = {"redacted": found.redacted, "kept": list(found.kept), "body": body}
        out.json({**fixture, "example": _example(found.mapped, delivery, path)})
        return
    if path is None:
        out.verbatim(found.body.decode("utf-8", "replace").rstrip("\n"))
    else:
        out.line(f"written: {path}")
    out.say(f"{counted(found.redacted, 'value')} redacted; read it before you share it")
    for place in found.kept:
        out.say(f"kept, since the outcomes change without it: {place}")
    out.say("below `examples:` in its mapping file:")
    out.say(_as_yaml(_example(found.mapped, delivery, path)))


def _delivery(session: Session, delivery_id: str) -> DeliveryInput:
    delivery_id = session.run(whole_id, delivery_id, {IdKind.DELIVERY})
    evidence = session.run(read_delivery, delivery_id)
    if evidence is None:
        raise CommandError(
            f"there is no delivery {delivery_id!r}; `receiver deliveries` lists them"
        )
    found = session.run(read_input, delivery_id, source=evidence.source, oldest_days=None)
    if found is None:
        raise CommandError(f"delivery {delivery_id} is gone")
    try:
        # One that was stored before its file had `redact` goes out as it would be stored today.
        return session.edited.redacted(found)
    except NotRedactable as error:
        raise CommandError(f"values are to be taken out of {delivery_id}, and {error}") from None


def redacted(mappings: MappingSet, delivery: DeliveryInput) -> Fixture:
    """The delivery's body without personal data; it maps to the outcomes of the original."""
    value, write = _read(delivery)
    before = mappings.map(delivery)

    def maps_alike(paths: frozenset[Place]) -> bool:
        body = write(Redaction().apply(value, paths))
        return _said(mappings.map(replace(delivery, body=body))) == _said(before)

    wanted = list(candidates(value))
    chosen = _largest(wanted, maps_alike)
    kept = tuple(path_text(one) for one in wanted if one not in chosen)
    body = write(Redaction().apply(value, chosen))
    return Fixture(body=body, redacted=len(chosen), kept=kept, mapped=before)


def _largest(wanted: list[Place], is_good: Callable[[frozenset[Place]], bool]) -> frozenset[Place]:
    """As many of the places as can be redacted together; halves are tried before single ones."""
    chosen: frozenset[Place] = frozenset()
    groups = [wanted]
    trials = 0
    while groups:
        group = groups.pop()
        trials += 1
        if is_good(chosen | frozenset(group)):
            chosen |= frozenset(group)
        elif len(group) > 1 and trials < MOST_TRIALS:
            middle = len(group) // 2
            groups += [group[middle:], group[:middle]]
    return chosen


def _said(mapped: Mapped) -> object:
    """What has to stay the same."""
    failures = [(one.reason, one.rule, one.event_index) for one in mapped.failures]
    return mapped.outcomes, failures, mapped.events


def _read(delivery: DeliveryInput) -> tuple[Any, Callable[[Any], bytes]]:
    """The body as a value, and how such a value is written again."""
    try:
        return json.loads(delivery.body), _write_json
    except (ValueError, RecursionError):
        pass
    content_type = delivery.headers.get("content-type", "")
    if content_type.startswith("application/x-www-form-urlencoded"):
        fields = parse_qsl(delivery.body.decode("utf-8", "replace"), keep_blank_values=True)
        return [{name: _inner(text)} for name, text in fields], _write_form
    raise CommandError(
        f"its body ({content_type or 'no content type'}) is neither JSON nor a form; "
        "copy it from `receiver show` and redact it by hand"
    )


def _inner(text: str) -> Any:
    """The JSON object in a form field, such as Slack's `payload`; else its text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, (dict, list)) else text


def _write_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _write_form(fields: Any) -> bytes:
    pairs = [(name, value) for one in fields for name, value in one.items()]
    return urlencode(
        [
            (name, value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))
            for name, value in pairs
        ]
    ).encode()


def _example(mapped: Mapped, delivery: DeliveryInput, path: Path | None) -> dict[str, Any]:
    """The item of `examples:` that this fixture makes."""
    item: dict[str, Any] = {"payload": f"examples/{path.name if path else 'FILE.json'}"}
    content_type = delivery.headers.get("content-type", "")
    if not content_type.startswith("application/json"):
        item["headers"] = {"content-type": content_type}
    item["received_at"] = in_utc(delivery.received_at)
    item["source"] = delivery.source
    if delivery.vendor_id is not None:
        item["delivery_id"] = delivery.vendor_id
    if mapped.failures:
        item["fails"] = str(mapped.failures[0].reason)
    else:
        item["outcomes"] = [_expected(one) for one in mapped.outcomes]
    return item


def _expected(outcome: Outcome) -> dict[str, str]:
    agent, customer, indicator = outcome.triple
    given = {
        "rule": outcome.rule,
        "kind": str(outcome.kind),
        "agent": agent,
        "customer": customer,
        "indicator": indicator,
        "amount": None
        if outcome.amount_micros is None
        else f"{money(outcome.amount_micros)} {outcome.currency}",
    }
    return {name: value for name, value in given.items() if value is not None}


def _as_yaml(item: dict[str, Any]) -> str:
    """The item in YAML; JSON is YAML, a line a key."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in item.items()]
    return "\n".join(f"  {'- ' if index == 0 else '  '}{line}" for index, line in enumerate(lines))
