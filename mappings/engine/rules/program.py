"""One source's mapping, compiled: a payload to events, each event through all rules.

Owns: the bounds of a delivery, the choice of a separate process for one that may use much memory,
and that every event is evaluated whatever failed before, so that failures and the outcomes they
hold back are both known. Refuses: to raise for anything a sender sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter

from mappings.engine.cel.demand import IN_PROCESS_BYTES, Demand
from mappings.engine.cel.language import EvalError, Expression, Language, Lets
from mappings.engine.cel.runtime_errors import TOO_MUCH_REMEDY
from mappings.engine.common import confined
from mappings.engine.common.amounts import WrittenNumbers
from mappings.engine.payload import BodyRules, PayloadError, parse
from mappings.engine.pricing.catalogue import Catalogue
from mappings.engine.reasons import Reason
from mappings.engine.rules.evaluate import Event, MappingFailed, Rule, failed, matches, outcome_of
from mappings.engine.types import DeliveryInput, Failure, Mapped, Outcome

EVENTS_MAX = 10_000
MAPPED = TypeAdapter(Mapped)
_Result = TypeVar("_Result")
_PATH = re.compile(r"payload(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to do with a delivery of one source; `demand` is that of all its expressions.

    `body_rules` define how its bodies are read; without any, their content type does.
    """

    language: Language
    events: Expression
    lets: Lets
    rules: tuple[Rule, ...]
    variables: Mapping[str, object]
    shadow: bool
    mapping_version: str
    demand: Demand
    body_rules: BodyRules | None = None

    def run(self, delivery: DeliveryInput, catalogue: Catalogue | None) -> Mapped:
        """All outcomes and all failures of the delivery."""
        try:
            return self.on_events(delivery, catalogue, self._mapped, MAPPED)
        except MappingFailed as error:
            return self._mapped(iter(()), error.failure)

    def on_events(
        self,
        delivery: DeliveryInput,
        catalogue: Catalogue | None,
        work: Callable[[Iterator[Event]], _Result],
        form: TypeAdapter[_Result],
        *,
        demand: Demand | None = None,
    ) -> _Result:
        """What `work` makes of the events, in a bounded process where they may take much.

        `form` is that of the result; `demand` that of the work, the program's own if None.
        Raises MappingFailed.
        """
        payload = self._parsed(delivery)
        needed = (demand or self.demand).bytes_for(
            len(delivery.body), (payload, dict(delivery.headers))
        )
        if needed <= IN_PROCESS_BYTES:
            return work(self._read(payload, delivery, catalogue))
        try:
            return confined.run(
                lambda note: work(self._read(payload, delivery, catalogue, note=note)), form
            )
        except confined.Exceeded as error:
            raise self._exceeded(error) from error

    def _parsed(self, delivery: DeliveryInput) -> object:
        """The payload. Raises MappingFailed."""
        try:
            return parse(delivery.body, delivery.headers.get("content-type"), self.body_rules)
        except PayloadError as error:
            raise MappingFailed(Failure(reason=Reason.PARSE, detail=str(error))) from error

    def _mapped(self, events: Iterator[Event], *failed: Failure) -> Mapped:
        outcomes: list[Outcome] = []
        failures: list[Failure] = [*failed]
        count = 0
        try:
            for event in events:
                count += 1
                self._evaluate(event, outcomes, failures)
        except MappingFailed as error:
            failures.append(error.failure)
        return Mapped(
            outcomes=tuple(outcomes),
            failures=tuple(failures),
            events=count,
            shadow=self.shadow,
        )

    def _evaluate(self, event: Event, outcomes: list[Outcome], failures: list[Failure]) -> None:
        for rule in self.rules:
            try:
                if matches(rule, event):
                    outcomes.append(outcome_of(rule, event))
            except MappingFailed as error:
                failures.append(error.failure)

    def _read(
        self,
        payload: object,
        delivery: DeliveryInput,
        catalogue: Catalogue | None,
        *,
        note: Callable[[str], None] | None = None,
    ) -> Iterator[Event]:
        """The events of the delivery, each ready for the rules. Raises MappingFailed."""
        values: dict[str, Any] = {
            "payload": payload,
            "headers": dict(delivery.headers),
            "source": delivery.source,
            "variables": self.variables,
            "received_at": delivery.received_at,
            "numbers": WrittenNumbers(delivery.body),
            "note": note,
        }
        for index, event in enumerate(self._events(payload, values)):
            yield Event(
                index=index,
                activation=self.language.activation(**values, event=event),
                delivery=delivery,
                mapping_version=self.mapping_version,
                catalogue=catalogue,
            )

    def _events(self, payload: object, values: Mapping[str, Any]) -> list[Any]:
        try:
            events = _picked(self.events.text, payload)
            if events is None:
                events = self.events.evaluate(self.language.activation(**values))
        except EvalError as error:
            raise self._unreadable(error.message, error.remedy, error.reason) from error
        if not isinstance(events, list):
            remedy = 'write "[payload]" if each POST is one event'
            raise self._unreadable("it does not give a list", remedy)
        if len(events) > EVENTS_MAX:
            message = f"it gives {len(events)} events, more than {EVENTS_MAX}"
            raise self._unreadable(message, "have the sender post smaller batches")
        return events

    def _exceeded(self, error: confined.Exceeded) -> MappingFailed:
        """The failure of a delivery that took too much in the expression that was noted."""
        rule = next((one.name for one in self.rules if _has(one, error.note)), None)
        field = "events" if rule is None and error.note == self.events.text else None
        message = f"mapping the delivery takes more than {error.bound}"
        return failed(
            message, TOO_MUCH_REMEDY, rule=rule, field=field, expression=error.note or None
        )

    def _unreadable(
        self, message: str, remedy: str, reason: Reason = Reason.MAPPING
    ) -> MappingFailed:
        return failed(message, remedy, field="events", expression=self.events.text, reason=reason)


def _has(rule: Rule, expression: str) -> bool:
    return any(one.text == expression for one in rule.expressions())


def _picked(expression: str, payload: object) -> object:
    """The list that `[payload]`, `payload` or `payload.a.b` names, else None.

    Spares a copy of the payload, which evaluating the expression would make.
    """
    text = "".join(expression.split())
    if text == "[payload]":
        return [payload]
    if not _PATH.fullmatch(text):
        return None
    found = payload
    for name in text.split(".")[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, list) else None
