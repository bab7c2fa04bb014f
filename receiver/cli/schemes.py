"""List the schemes: header, what is signed, window, strength, what a captured request allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer
from rich.text import Text

from receiver.authoring.scaffold import WITHOUT_PRESET
from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session
from receiver.signatures import Strength, scheme_of
from receiver.signatures.describing import Description, all_described, describe, id_text
from receiver.signatures.formulas import steps
from receiver.signatures.handshake_knobs import HANDSHAKE_KNOBS
from receiver.signatures.knobs import COMMON_KNOBS, GENERIC_KNOBS, Knob
from receiver.signatures.worked_example import EXAMPLE_TIME
from receiver.terminal.output import Columns, Output, counted

EXAMPLES = ("receiver schemes", "receiver schemes stripe")

_STYLES = {Strength.STRONG: "green", Strength.LEGACY: "yellow"}
_COLUMNS: Columns[Description] = {
    "=scheme": lambda description: description.scheme,
    "vendor": lambda description: description.vendor,
    "header": lambda description: description.header,
    "what is signed": lambda description: ", ".join(description.signed) or "nothing",
    "replay window": lambda description: description.window,
    "delivery id": id_text,
    "if captured": lambda description: description.replay,
    "strength": lambda description: _strength(description.strength),
    "remarks": lambda description: description.remarks or None,
}


def schemes(
    word: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A word in its name or vendor, `hmac` for its keys, or a source of yours.",
            show_default=False,
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Print all schemes, or those with the word in name or vendor and their weaknesses.

    The word may also be a source of the mappings, or a scheme of no vendor: then its keys follow.
    """
    out = Output(as_json=as_json)
    knobs = GENERIC_KNOBS.get(word or "")
    descriptions = [each for each in all_described() if not word or _is_meant(each, word)]
    if word and knobs is None:
        descriptions = _of_source(word) or descriptions
    if word and knobs is None and not descriptions:
        raise CommandError(
            f"no scheme has {word!r} in its name, and no source here; `receiver schemes` lists "
            f"the presets. {WITHOUT_PRESET}",
            code=MISUSE,
        )
    if as_json:
        out.json(descriptions)
        return
    if word and knobs is not None:
        _show_knobs(out, word, knobs)
    if descriptions:
        out.records(_COLUMNS, descriptions)
    for description in descriptions if word and knobs is None else ():
        _show_formula(out, description)
        _show_answer(out, description)
        out.line(f"\n{description.scheme}: what can be made of a captured request")
        for sentence in description.captured:
            out.line(f"  {sentence}")
    out.say(
        f"{counted(len(descriptions), 'scheme')}; any other vendor: hmac, token, basic, path-token"
    )


def _of_source(name: str) -> list[Description]:
    """How the source of this name signs, where its scheme is no preset."""
    session = Session()
    if not session.settings.mappings.is_dir():
        return []
    source = session.edited.sources.get(name)
    if source is None or source.verify["scheme"] not in GENERIC_KNOBS:
        return []
    return [replace(describe(scheme_of(source.verify)), scheme=name, vendor=f"source {name}")]


def _show_knobs(out: Output, scheme: str, knobs: Mapping[str, Knob]) -> None:
    """What a verify block with this scheme may say."""
    out.line(f"scheme: {scheme}, the keys under `verify:`")
    for name, knob in {**knobs, **COMMON_KNOBS}.items():
        _show_knob(out, name, knob)
    out.line("\nand `handshakes`, a list of set-up requests such as `{echo: query.challenge}`:")
    for name, knob in HANDSHAKE_KNOBS.items():
        _show_knob(out, name, knob)
    out.line()


def _show_knob(out: Output, name: str, knob: Knob) -> None:
    choices = knob.shape.get("enum")
    listed = f" One of {', '.join(map(str, choices))}." if isinstance(choices, list) else ""
    required = " Required." if knob.required else ""
    out.line(Text.assemble("  ", (name, "bold"), f"  {knob.description}{required}{listed}"), hang=4)


def _show_formula(out: Output, description: Description) -> None:
    """How a request is signed, so that it can be copied whole from any terminal."""
    out.line(f"\n{description.scheme}: how a request is signed")
    for name, text in (steps(description.formula) | _example(description)).items():
        for number, line in enumerate(text.splitlines()):
            out.line(f"  {'' if number else name:<10} {line}")


def _show_answer(out: Output, description: Description) -> None:
    """What the vendor is answered, and when it sends again."""
    out.line(f"\n{description.scheme}: what it is answered, and how long it sends again")
    out.facts(
        {
            "answer": description.answer,
            "retries": _retries(description),
            "window": description.window,
        }
    )


def _retries(description: Description) -> str:
    if description.retry_span_seconds is None or not description.retry_span_seconds:
        return description.retry_span
    if description.retries_keep_time is None:
        return f"for {description.retry_span}"
    when = (
        "under the first time of signing"
        if description.retries_keep_time
        else "signed at their own time"
    )
    return f"for {description.retry_span}, {when}"


def _example(description: Description) -> dict[str, str]:
    """A request that is signed so, as it is sent."""
    if description.example is None:
        return {}
    headers = [f"{name}: {value}" for name, value in description.example.headers.items()]
    with_what = f"SECRET='{description.example.secret}'"
    if description.formula.time_unit is not None:
        with_what += f", at {EXAMPLE_TIME}"
    request = [
        f"{description.example.method} {description.example.url}",
        *headers,
        "",
        description.example.body,
    ]
    return {"example": "\n".join([with_what, *request])}


def _is_meant(description: Description, word: str) -> bool:
    text = f"{description.scheme} {description.vendor}".lower()
    return word.lower() in text or word.lower().replace("_", "-") in text


def _strength(strength: str) -> Text:
    return Text(strength, style=_STYLES.get(Strength(strength), "red"))
