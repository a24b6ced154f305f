"""How the program writes its log: structlog, for people or as JSON, to stderr or a file, never to stdout.

No line shows what is declared personal or private. Declarations hide it in their own representations; here is
the second line, for values that go by a declared name, and for what pydantic quotes of its input.
"""

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from io import StringIO
from typing import Any, Literal, Protocol, TextIO, cast

import structlog
from pydantic import BaseModel
from structlog.dev import plain_traceback

from domain.contexts import CONTEXTS
from domain.kernel.visibility import Discreet, hidden_names

HIDDEN = "<hidden>"
QUOTED = re.compile(r"input_value=.*?, input_type=", re.DOTALL)
"""How pydantic quotes what it refused."""


@cache
def _names() -> frozenset[str]:
    return hidden_names(
        kind
        for each in CONTEXTS
        for kind in (*each.events, *each.commands, *each.internal, *each.queries, *each.live)
    )


def hide(_logger: Any, _method: str, line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the log without what is declared personal or private, however deep (structlog)."""
    return {key: _hidden(key, value) for key, value in line.items()}


def _hidden(key: object, value: Any) -> Any:
    if key in _names() and isinstance(value, str | bytes | Mapping | list | tuple | BaseModel):
        return HIDDEN
    match value:
        case str():
            return _unquoted(value)
        case BaseModel() if not isinstance(value, Discreet):
            return type(value).__name__
        case dict():
            return {name: _hidden(name, each) for name, each in value.items()}
        case list() | tuple():
            return [_hidden("", each) for each in value]
        case _:
            return value


def _unquoted(text: str) -> str:
    return QUOTED.sub(f"input_value={HIDDEN}, input_type=", text)


def _write_traceback(file: TextIO, error: Any) -> None:
    """Write a traceback for people."""
    # Not rich's, which shows local variables: among them are players' words.
    written = StringIO()
    plain_traceback(written, error)
    file.write(_unquoted(written.getvalue()))


class _Formatter(logging.Formatter):
    """Formats what libraries say, asyncio's lost exceptions among it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line, and the traceback below it if there is one."""
        return _unquoted(super().format(record))


class Written(Protocol):
    """Destination of the log: a stream, or a `LogFile`. One call of `write` is a whole entry."""

    def write(self, text: str, /) -> int:
        """Append an entry."""
        ...

    def flush(self) -> None:
        """Hand on what is kept back."""
        ...

    def isatty(self) -> bool:
        """Say whether people read it as it comes."""
        ...


class _Lossy:
    """A file that takes what can be written: what fails for want of room is no reason to end the program."""

    def __init__(self, file: Written) -> None:
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


def set_up(level: str, form: Literal["console", "json"], file: Written | None = None) -> None:
    """Configure structlog and the standard library's logging; may be called again for another file."""
    written = file or sys.stderr
    target = cast("TextIO", _Lossy(written))
    threshold = getattr(logging, level.upper())
    renderers: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, hide, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=written.isatty(), exception_formatter=_write_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_Formatter("%(name)s %(message)s"))
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
