"""How the program writes its log: structlog, for people or as JSON, to stderr or a file, never to stdout."""

import logging
import sys
from contextlib import suppress
from typing import Literal, TextIO, cast

import structlog
from structlog.dev import plain_traceback


class _Lossy:
    """A file that takes what can be written: what fails for want of room is no reason to end the program."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, or do nothing if the disk is full or the terminal is gone."""
        with suppress(OSError):
            return self._file.write(text)
        return 0

    def flush(self) -> None:
        """Flush, if that can be done."""
        with suppress(OSError):
            self._file.flush()


def set_up(level: str, form: Literal["console", "json"], file: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging; may be called again for another file."""
    written = file or sys.stderr
    target = cast("TextIO", _Lossy(written))
    threshold = getattr(logging, level.upper())
    renderers: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        # Not rich's, which shows local variables: among them are players' words.
        else [structlog.dev.ConsoleRenderer(colors=written.isatty(), exception_formatter=plain_traceback)]
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
