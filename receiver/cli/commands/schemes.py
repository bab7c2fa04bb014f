"""`schemes`: every way to sign that has a name, as a table that a person can read."""

from __future__ import annotations

from dataclasses import asdict

from rich.text import Text

from receiver.cli.output import Output, counted
from receiver.cli.trouble import MISUSE, Trouble
from receiver.signatures import Strength
from receiver.signatures.describing import Description, all_described, id_text
from receiver.signatures.formulas import steps
from receiver.signatures.worked_example import EXAMPLE_TIME

_STYLES = {Strength.STRONG: "green", Strength.LEGACY: "yellow"}
_COLUMNS = (
    "=scheme",
    "vendor",
    "header",
    "what is signed",
    "replay window",
    "delivery id",
    "if captured",
    "strength",
    "remarks",
)


def schemes(word: str | None, *, as_json: bool) -> None:
    """Print all schemes, or those with the word in name or vendor and what is weak in them."""
    out = Output(as_json=as_json)
    found = [one for one in all_described() if not word or _is_meant(one, word)]
    if word and not found:
        raise Trouble(f"no scheme has {word!r} in its name", code=MISUSE)
    if as_json:
        out.json([asdict(one) for one in found])
        return
    out.table(_COLUMNS, map(_row, found))
    for one in found if word else ():
        _show_formula(out, one)
        _show_answer(out, one)
        out.line(f"\n{one.scheme}: what can be made of a captured request")
        for sentence in one.captured:
            out.line(f"  {sentence}")
    out.say(f"{counted(len(found), 'scheme')}; any other vendor: hmac, token, basic, path-token")


def _show_formula(out: Output, one: Description) -> None:
    """How a request is signed, so that it can be copied whole from any terminal."""
    out.line(f"\n{one.scheme}: how a request is signed")
    for name, text in (steps(one.formula) | _example(one)).items():
        for number, line in enumerate(text.splitlines()):
            out.line(f"  {'' if number else name:<10} {line}")


def _show_answer(out: Output, one: Description) -> None:
    """What the vendor is answered, and when it sends again."""
    out.line(f"\n{one.scheme}: what it is answered, and how long it sends again")
    out.facts({"answer": one.answer, "retries": _retries(one), "window": one.window})


def _retries(one: Description) -> str:
    if one.retry_span_seconds is None or not one.retry_span_seconds:
        return one.retry_span
    if one.retries_keep_time is None:
        return f"for {one.retry_span}"
    when = (
        "under the first time of signing" if one.retries_keep_time else "signed at their own time"
    )
    return f"for {one.retry_span}, {when}"


def _example(one: Description) -> dict[str, str]:
    """A request that is signed so, as it is sent."""
    if one.example is None:
        return {}
    headers = [f"{name}: {value}" for name, value in one.example.headers.items()]
    with_what = f"SECRET='{one.example.secret}'"
    if one.formula.time_unit is not None:
        with_what += f", at {EXAMPLE_TIME}"
    request = [f"{one.example.method} {one.example.url}", *headers, "", one.example.body]
    return {"example": "\n".join([with_what, *request])}


def _is_meant(one: Description, word: str) -> bool:
    text = f"{one.scheme} {one.vendor}".lower()
    return word.lower() in text or word.lower().replace("_", "-") in text


def _row(one: Description) -> tuple[str | Text | None, ...]:
    return (
        one.scheme,
        one.vendor,
        one.header,
        ", ".join(one.signed) or "nothing",
        one.window,
        id_text(one),
        one.replay,
        Text(one.strength, style=_STYLES.get(Strength(one.strength), "red")),
        one.remarks or None,
    )
