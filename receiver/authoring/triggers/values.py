"""A new id in the form of an old one, and a time moved in the form that it is written in."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from receiver.authoring.triggers.bodies import Scalar

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ENDS_IN_DIGITS = re.compile(r"(?P<head>.*?)(?P<digits>[0-9]+)", re.DOTALL)
_TAIL = re.compile(r"(?P<head>.*[^A-Za-z0-9])?(?P<tail>[A-Za-z0-9]+)", re.DOTALL)
#: Shorter than this, random letters are too few for a new id each time.
_SHORTEST_TAIL = 10

_DATE_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:(?P<sign>[T ])(?P<time>\d\d:\d\d(?::\d\d)?)"
    r"(?P<rest>(?:\.\d+)? ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?)?))?"
)
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?$")
_SECONDS_TEXT = re.compile(r"(?P<whole>\d{9,19})(?P<rest>\.\d+)?")
#: How many there are in a second, by the number of digits that a time since 1970 has.
_UNITS = {9: 1, 10: 1, 12: 1000, 13: 1000, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}


@dataclass(slots=True)
class FreshIds:
    """New ids, the same one for the same old one. `now` in seconds makes numbers new."""

    now: float
    random: Random
    _given: dict[Scalar, Scalar] = field(default_factory=dict)

    def of(self, old: Scalar) -> Scalar:
        """The id in place of `old`, in its form."""
        if old not in self._given:
            self._given[old] = self._new(old)
        return self._given[old]

    def keep(self, old: Scalar) -> None:
        """Let `old` stand for itself from now on: another example may refer to it."""
        self._given[old] = old

    def _new(self, old: Scalar) -> Scalar:
        if not isinstance(old, str):
            return int(self._number())
        if _UUID.search(old):
            return _UUID.sub(lambda _: self._uuid(), old)
        name, sign, host = old.partition("@")
        if sign:
            return f"{self._like(name)}@{host}"
        if found := _ENDS_IN_DIGITS.fullmatch(old):
            return found["head"] + self._number()
        return self._like(old)

    def _number(self) -> str:
        """Sixteen digits: microseconds, so that JavaScript's numbers hold it."""
        return str(int(self.now * 1_000_000) + len(self._given))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _like(self, old: str) -> str:
        """The same with other letters and digits behind its last sign."""
        found = _TAIL.fullmatch(old)
        head, tail = (found["head"] or "", found["tail"]) if found else (old + "-", "")
        letters = "".join(map(self._letter, tail.rjust(_SHORTEST_TAIL, "a")))
        return head + letters

    def _letter(self, old: str) -> str:
        if old.isdigit():
            return self.random.choice("0123456789")
        letters = "abcdef" if old.islower() else "ABCDEF"
        return self.random.choice(letters)


def moment_of(value: Scalar) -> datetime | None:
    """The time that a value writes; without an offset as UTC. None where it is no time."""
    if isinstance(value, str) and (found := _DATE_TIME.fullmatch(value)):
        at = _naive(found)
        return None if at is None else at.replace(tzinfo=UTC) - _offset(found["rest"] or "")
    unit, whole = _since_1970(value)
    return datetime.fromtimestamp(whole / unit, UTC) if unit else None


def moved(value: Scalar, by: timedelta) -> Scalar | None:
    """The value moved by whole seconds, in its own form; None where it is no time."""
    if isinstance(value, str) and (found := _DATE_TIME.fullmatch(value)):
        at = _naive(found)
        return None if at is None else _as_written(at + by, found)
    unit, whole = _since_1970(value)
    if not unit:
        return None
    new = whole + int(by.total_seconds()) * unit
    if isinstance(value, float):
        return value + new - whole
    return new if isinstance(value, int) else value.replace(str(whole), str(new), 1)


def _naive(found: re.Match[str]) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00'}")
    except ValueError:
        return None


def _offset(rest: str) -> timedelta:
    found = _OFFSET.search(rest)
    if found is None:
        return timedelta()
    ahead = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return -ahead if found["sign"] == "-" else ahead


def _as_written(at: datetime, found: re.Match[str]) -> str:
    if found["time"] is None:
        return f"{at:%Y-%m-%d}"
    seconds = f"{at:%H:%M:%S}"[: len(found["time"])]
    return f"{at:%Y-%m-%d}{found['sign']}{seconds}{found['rest'] or ''}"


def _since_1970(value: Scalar) -> tuple[int, int]:
    """How many of its units are in a second, and how many whole ones it is; 0, 0 for no time."""
    text = value if isinstance(value, str) else str(int(value))
    found = _SECONDS_TEXT.fullmatch(text)
    unit = _UNITS.get(len(found["whole"]), 0) if found else 0
    return (unit, int(found["whole"])) if found and unit else (0, 0)
