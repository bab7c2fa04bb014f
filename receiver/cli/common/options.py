"""Options that several commands share: one name and one meaning each.

A command that takes a filter declares its options as `**given: DeliveryFilter`; see `expanded`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, get_args

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, the same objects as the API.")]
SourceName = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.")]
Ids = Annotated[
    list[str] | None, typer.Argument(help="Delivery ids, or the starts of ids.", show_default=False)
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many.", show_default=False)]
Note = Annotated[str | None, typer.Option(help="The reason; recorded with the action.")]
MappingVersion = Annotated[
    str | None,
    typer.Option(
        metavar="VERSION",
        help="The version that a dry run printed; refused once other mappings are in force.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would happen and change nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; required without a terminal.")]
Header = Annotated[list[str] | None, typer.Option(help="A header, 'Name: value'; may be repeated.")]
Url = Annotated[str | None, typer.Option(help="The target URL; this service by default.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse to start while any mapping file has a problem.")
]

Options = Mapping[str, Any]

_A_TIME = "2026-01-31T08:00:00Z, a date, or a span: 1h, 7d."


def _options(panel: str | None, **help_texts: str) -> Options:
    """Options that take a text, in one panel of `--help`."""
    return {
        name: typer.Option(help=text, rich_help_panel=panel) for name, text in help_texts.items()
    }


def _only(options: Options, *names: str) -> Options:
    return {name: options[name] for name in names}


_PERIOD = {"since": f"At this time or later: {_A_TIME}", "until": "Before this time."}
_BILLED = {
    "since": f"Occurred at this time or later: {_A_TIME}",
    "until": "Occurred before this time.",
    "recorded_since": "Recorded at this time or later.",
    "recorded_until": "Recorded before this time.",
}
_DELIVERIES = _options(
    "Which deliveries",
    state="received, recorded, ignored, failed or discarded.",
    reason="The reason of the failure, such as unpriced or mapping.",
    source="The source that posted it.",
    rule="The rule that failed.",
    group="The group of failures, as `failures` prints it.",
    since=f"Received at this time or later: {_A_TIME}",
    until="Received before this time.",
)

DeliveryFilter = Annotated[str | None, _DELIVERIES]
FailureFilter = Annotated[
    str | None, _only(_DELIVERIES, "reason", "source", "rule", "group", "since", "until")
]
FeedFilter = Annotated[str | None, _only(_DELIVERIES, "source", "state", "reason", "rule", "since")]
RejectionFilter = Annotated[
    str | None,
    _options(
        None,
        source="Of this source; `unknown` for those not configured.",
        cause="Of this cause only.",
        **_PERIOD,
    ),
]
ActionFilter = Annotated[
    str | None,
    _options(
        None,
        kind="Of this kind only, such as reverse, replay or purge.",
        actor="By this person only.",
        **_PERIOD,
    ),
]
ChargeFilter = Annotated[
    str | None,
    _options(
        "Which charges",
        source="The source that billed.",
        rule="The rule that billed.",
        **_BILLED,
        received_since="Its delivery was received at this time or later.",
        received_until="Its delivery was received before this time.",
        agent="The agent of the outcome.",
        customer="The customer that was billed.",
        indicator="The indicator that was billed.",
    ),
]
_BILLING_EVENTS = _options(
    "Which billing events",
    agent="Of this agent.",
    customer="Of this customer.",
    indicator="Of this indicator.",
    source="From this source.",
    rule="Caused by this rule.",
    kind="charge or reversal.",
    currency="In this currency.",
    delivery="Posted by this delivery.",
    outcome_key="Of this outcome key, as `show` prints it.",
    **_BILLED,
)
BillingFilter = Annotated[str | None, _BILLING_EVENTS]
RevenueFilter = Annotated[
    str | None,
    _only(
        _BILLING_EVENTS,
        *("agent", "customer", "indicator", "source", "rule", "kind", "currency"),
        *_BILLED,
    ),
]


def expanded(function: Callable[..., None], *, run: Callable[..., None]) -> Callable[..., None]:
    """`run` with the signature of the function; the options of its `**given` before its own."""
    signature = inspect.signature(function, eval_str=True)
    parameters = list(signature.parameters.values())

    @functools.wraps(function)
    def command(**values: Any) -> None:
        run(**values)

    ordered = sorted(
        [given for parameter in parameters for given in _expand(parameter)],
        key=lambda parameter: parameter.kind,
    )
    command.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]  # as PEP 362 has it
    return command


def _expand(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
        yield parameter
        return
    value_type, options = get_args(parameter.annotation)
    for name, option in options.items():
        yield inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None,
            annotation=Annotated[value_type, option],
        )
