"""Run the web process: webhooks, health, API."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from receiver.app import create_app
from receiver.cli.common import options as arg
from receiver.cli.common.errors import CommandError
from receiver.cli.common.process import run_until_signal, start
from receiver.local import lifeline
from receiver.web.server import serve as serve_http

EXAMPLES = ("receiver serve", "receiver serve --host 0.0.0.0 --strict")

#: The process ends this much before its time to stop is over.
MARGIN_SECONDS = 0.3


def serve(
    host: Annotated[str | None, typer.Option(help="Overrides RECEIVER_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides RECEIVER_PORT.")] = None,
    strict: arg.Strict = False,
) -> None:
    """Run until a signal."""
    settings = start(host=host, port=port)

    async def run(stop: asyncio.Event) -> None:
        app = create_app(settings, strict=strict, stop=stop)
        try:
            await serve_http(app, settings, stop, on_ready=lifeline.report_ready)
        except OSError as error:
            if isinstance(error.__cause__, SystemExit):  # how uvicorn reports a taken port
                raise CommandError(
                    f"{error}; stop what has it, or choose another --port"
                ) from error
            raise

    run_until_signal(run, stop_seconds=settings.shutdown_seconds - MARGIN_SECONDS)
