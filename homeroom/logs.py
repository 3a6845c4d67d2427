"""The log: one line an event, on standard error, which may fail without harm. Never here: what is logged."""

import io
import logging
import sys
from contextlib import suppress
from typing import Any, BinaryIO, cast

import structlog
import structlog.tracebacks

from homeroom.config import Config


def set_up_logging(config: Config) -> None:
    """Write log lines to standard error: for people on a terminal, as JSON elsewhere."""
    level = getattr(logging, config.log_level.upper())
    as_json = config.log_format == "json" or (config.log_format == "auto" and not sys.stderr.isatty())
    # Local variables stay out of tracebacks: they hold tokens and passwords.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = structlog.processors.JSONRenderer() if as_json else plain
    traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    exceptions = [traceback] if as_json else []
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def outlive_standard_error() -> None:
    """Let writing to standard error never fail from now on: what a full disk or a closed pipe cannot take is lost."""
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError):  # no file at all: a test's
        return
    raw = cast("BinaryIO", _LossyFile(descriptor, "w", closefd=False))  # unbuffered, as Python itself does it for -u
    sys.stderr = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


class _LossyFile(io.FileIO):
    """A file whose failures are nobody's concern."""

    def write(self, data: Any) -> int:
        """Write, or lose it; returns the size in any case."""
        with suppress(OSError):
            super().write(data)
        return memoryview(data).nbytes
