"""The log: one line an event, on standard error. Never here: what is logged."""

import logging
import sys

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
