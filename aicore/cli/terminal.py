"""What every command shares: output for people or as JSON, the exit codes, and how errors are told.

Results go to stdout, everything else to stderr, so that ``--json`` can be piped.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment

from aicore.running import NotRunning, System, find
from aicore.settings import Settings, load_settings

T = TypeVar("T")

WIDTH_PIPED = 200
"""Characters per line where the output is no terminal; nobody wants a table cut at 80."""

BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
CONTROLS = dict.fromkeys({*range(32), *range(127, 160), *BIDI} - {ord("\n"), ord("\t")})
"""Signs that tell a terminal what to do, such as to show a line backwards, for `str.translate`."""


class Plain(Console):
    """A console on which words of players and models are words: what they tell the terminal is left out."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield what is to be written; colours and the cursor are told in other ways than in its text."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else segment.text.translate(CONTROLS)
            yield Segment(text, segment.style, segment.control)


out = Plain(highlight=False, width=None if sys.stdout.isatty() else WIDTH_PIPED)
err = Plain(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAULT = 1
    """Something is wrong: a check failed, or an unexpected error."""
    USAGE = 2
    """The command line or a setting is wrong; also if it names something that is not there."""
    UNREACHABLE = 3
    """Nothing runs there, or a server does not answer."""
    REFUSED = 4
    """The system understood and refused; the reason was printed."""


class Failure(Exception):
    """A command ends here: one sentence, what to do, and the exit code."""

    def __init__(self, message: str, *, remedy: str = "", code: Exit = Exit.FAULT) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code


def running() -> tuple[Settings, System]:
    """Return the settings and the running system they lead to.

    What this shell does not set is as the system was started: its engines, content, scorers.

    Raises:
        SettingsError, NotRunning: told by `main`.
    """
    settings = load_settings()
    system = find(settings)
    return settings.completed(system.given), system


def known_settings() -> Settings:
    """Return the settings as `running` does, or this shell's alone where nothing runs."""
    try:
        return running()[0]
    except NotRunning:
        return load_settings()


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop where it is installed."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def loop_factory() -> Any:
    """Return uvloop's loop factory, or None for asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - optional: not made for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def print_json(value: object) -> None:
    """Print one JSON value on one line; bytes as hexadecimal digits."""
    sys.stdout.write(orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()


def time_of(text: str) -> int:
    """Return a time of the command line as µs since 1970; 0 for none."""
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{text!r} is no time; write 2026-11-21 or 2026-11-21T18:30", code=Exit.USAGE) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def clock_of(us: int) -> str:
    """Return a time of the log in UTC, to the second."""
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def progress() -> Progress:
    """Return a progress bar on stderr that vanishes when done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value)
