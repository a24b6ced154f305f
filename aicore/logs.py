"""How the program writes its log: structlog, for people or as JSON, to stderr or a file, never to stdout."""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.dev import plain_traceback


def set_up(level: str, form: Literal["console", "json"], file: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging; may be called again for another file."""
    target = file or sys.stderr
    threshold = getattr(logging, level.upper())
    renderers: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        # Not rich's, which shows local variables: among them are players' words.
        else [structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=max(threshold, logging.WARNING), stream=target, format="%(name)s %(message)s", force=True
    )
