"""How log lines look, ours and those of libraries alike.

Owns formats and the rule that one event is one line: what a sender chose can never start another.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, Literal, TextIO

import structlog
from rich.cells import cell_len
from structlog.typing import EventDict, Processor, WrappedLogger

#: Libraries that repeat at info what we log better, that log private data at debug (aiosqlite:
#: every statement with its values, so headers and payloads), or that log too much.
QUIETER = {
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "arq": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,  # the address of each request, secrets in it included
    "uvicorn.access": logging.WARNING,
    "uvicorn.error": logging.ERROR,  # a warning for each malformed request, without bound
    "watchfiles": logging.WARNING,
}

#: Columns where a terminal does not say how many it has.
UNKNOWN_COLUMNS = 80
INDENT = "    "
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

#: Half characters, control characters, line separators, and what turns the reading direction round.
_UNFIT = re.compile("[\ud800-\udfff\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def configure_logs(
    log_format: Literal["auto", "console", "json"],
    level: str,
    *,
    stream: TextIO | None = None,
) -> None:
    """Send all logging to `stream` (stderr, so that stdout stays for data)."""
    stream = sys.stderr if stream is None else stream
    on_console = log_format == "console" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        one_line,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(stream, on_console=on_console),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in QUIETER.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write unfit characters out, so that no value breaks or disguises a line."""
    for key, value in event.items():
        event[key] = _indented(value) if key == "exception" else _fit(value)
    return event


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return _written_out(value) if _UNFIT.search(value) else value
    if isinstance(value, dict):
        return {_fit(key): _fit(inner) for key, inner in value.items()}
    return [_fit(inner) for inner in value] if isinstance(value, list | tuple | set) else value


def _indented(traceback: Any) -> Any:
    """A traceback keeps its lines, none of which can pass for the start of another event."""
    if not isinstance(traceback, str):
        return traceback
    lines = traceback.replace("\t", "    ").split("\n")
    return "\n".join("    " + _written_out(line) for line in lines)


def _written_out(text: str) -> str:
    return _UNFIT.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _renderer(stream: TextIO, *, on_console: bool) -> Processor:
    if not on_console:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    if not stream.isatty():
        return structlog.dev.ConsoleRenderer(colors=False)
    rendered = structlog.dev.ConsoleRenderer(colors=True)

    def fitted(logger: WrappedLogger, method: str, event: EventDict) -> str:
        return wrapped_lines(str(rendered(logger, method, event)), _columns_of(stream))

    return fitted


def _columns_of(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or UNKNOWN_COLUMNS
    except (OSError, ValueError):
        return UNKNOWN_COLUMNS


def wrapped_lines(text: str, columns: int) -> str:
    """The lines of a log event, broken between words where a terminal is narrower; colours stay.

    What follows a break is set in, so that it cannot pass for the start of another event.
    """
    return "\n".join(broken for line in text.split("\n") for broken in _broken(line, columns))


def _broken(line: str, columns: int) -> Iterator[str]:
    start = ""
    used = 0
    for blanks, word in re.findall(r"( *)([^ ]+)", line.rstrip(" ")):
        width = cell_len(_COLOURS.sub("", word))
        if used and used + len(blanks) + width > columns:
            yield start
            start, used = INDENT + word, len(INDENT) + width
        else:
            start, used = start + blanks + word, used + len(blanks) + width
    yield start
