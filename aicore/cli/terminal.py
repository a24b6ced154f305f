"""Shared parts of all commands: output for people or as JSON, exit codes, errors, tables.

Results go to stdout, everything else to stderr, so that ``--json`` can be piped.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from aicore.running import NotRunning, System, find
from aicore.settings import Settings, load_settings

T = TypeVar("T")

WIDTH_PIPED = 200
"""Characters per line where the output is no terminal; nobody wants a table cut at 80."""

BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
CONTROLS = dict.fromkeys({*range(32), *range(127, 160), *BIDI} - {ord("\n"), ord("\t")})
"""Control characters, such as those that reverse a line, for `str.translate`."""


class Plain(Console):
    """A console that leaves control characters of players' and models' texts out."""

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
    """Nothing is running, or a server does not answer."""
    REFUSED = 4
    """The system refused; the reason was printed."""


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


def print_rows(found: "Listing", none: str) -> None:
    """Print a table, or where it has no rows the sentence ``none``."""
    if found.rows:
        out.print(found, crop=False)
    else:
        out.print(none, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON value on one line; bytes as hexadecimal digits."""
    sys.stdout.write(json_line(value).decode())
    sys.stdout.flush()


def json_line(value: object) -> bytes:
    """Return one JSON value as a line; bytes as hexadecimal digits."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)


def time_of(text: str) -> int:
    """Return a time of the command line as µs since 1970; 0 for none."""
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(
            f"{text!r} is no date or time; write 2026-11-21 or 2026-11-21T18:30", code=Exit.USAGE
        ) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def clock_of(us: int) -> str:
    """Return a time of the log in UTC, to the second."""
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def progress() -> Progress:
    """Return a progress bar on stderr that vanishes when done; in a file or a pipe there is none."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


# --- tables -------------------------------------------------------------------------------------------------

GAP = 2
TEXT_MIN = 12
"""Columns of the terminal between two columns of a table, and of free text at least."""
HEAD_MAX = 16
"""Of the heads beside the values of a block; a longer one is folded."""
ID_MIN = 12
"""Characters of an id that are shown where there is no room for all: every command takes a prefix."""


class Kind(Enum):
    """Kind of a column, which decides how it shrinks in a narrow terminal."""

    ID = "an id: whole, or a prefix that no other row has"
    NAME = "a name or a figure: always whole"
    TEXT = "free text: folded within its own column"
    SPARE = "what `show` or --json tells, too: left out first"


Cells = Sequence[str | Text]
"""One row. A `str` is shown as it is, never read as markup: names may have brackets."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A table in which no value runs into another column, however narrow the terminal is.

    Free text is folded. Where that is not enough, ids are shortened, then the heads folded, then the spare
    columns left out. Where even that does not fit, each row is a block with one field a line, and nothing is
    left out. Where the output is no terminal a name makes its line longer instead, and ids stay whole.
    """

    columns: Mapping[str, Kind]
    """Kinds by the columns' heads."""
    rows: Sequence[Cells]
    heads: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table as it fits."""
        room, columns = options.max_width, list(self.columns.items())
        rows: Sequence[Cells] = [[_one_line(cell) for cell in row] for row in self.rows]
        steps = [(True, False, False), (True, False, True), (True, True, True), (False, True, True)]
        if not console.is_terminal:
            steps = [(True, False, False), (True, True, False)]
            room = max(room, sum(_shares(columns, rows, words=True, room=0)) + GAP * len(columns))
        for spare, words, short in steps:
            kept = [n for n, (_, kind) in enumerate(columns) if spare or kind is not Kind.SPARE]
            chosen = [columns[n] for n in kept]
            cells: Sequence[Cells] = [[row[n] for n in kept] for row in rows]
            if short:
                cells = _shortened(chosen, cells)
            widths = _shares(chosen, cells, words=words, room=room)
            if sum(widths) + GAP * (len(widths) - 1) <= room:
                yield _table([head for head, _ in chosen], widths, cells, heads_shown=self.heads)
                return
        yield from _blocks(list(self.columns), rows)


def _table(heads: Sequence[str], widths: Sequence[int], rows: Iterable[Cells], *, heads_shown: bool) -> Table:
    whole = sum(widths) + GAP * (len(widths) - 1)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=heads_shown, width=whole)
    for head, width in zip(heads, widths, strict=True):
        table.add_column(Text(head), width=width, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _blocks(heads: Sequence[str], rows: Sequence[Cells]) -> Iterator[RenderableType]:
    """Yield each row as a block: a field a line, an empty line between two rows."""
    for number, row in enumerate(rows):
        if number:
            yield ""
        block = Table.grid(padding=(0, GAP, 0, 0))
        block.add_column(style="dim", max_width=HEAD_MAX)
        block.add_column(overflow="fold")
        for head, cell in zip(heads, row, strict=True):
            if cell:
                block.add_row(Text(head), cell)
        yield block


def _shares(
    columns: Sequence[tuple[str, Kind]], rows: Sequence[Cells], *, words: bool, room: int
) -> list[int]:
    """Return each column's width: what it holds, and for free text a fair share of what is left of the room.

    ``words``: heads are folded between their words.
    """
    widths = []
    for n, (head, _) in enumerate(columns):
        of_head = max(map(cell_len, head.split() if words else [head]), default=0)
        widths.append(max([of_head, *(cell_len(line) for row in rows for line in str(row[n]).split("\n"))]))
    texts = sorted((n for n, (_, kind) in enumerate(columns) if kind is Kind.TEXT), key=widths.__getitem__)
    left = room - GAP * (len(columns) - 1) - sum(w for n, w in enumerate(widths) if n not in texts)
    for place, n in enumerate(texts):
        widths[n] = min(widths[n], max(TEXT_MIN, left // (len(texts) - place)))
        left -= widths[n]
    return widths


def _shortened(columns: Sequence[tuple[str, Kind]], rows: Sequence[Cells]) -> list[list[str | Text]]:
    """Return the rows with each id cut to a prefix that is no other row's."""
    short = [list(row) for row in rows]
    for n, (_, kind) in enumerate(columns):
        if kind is Kind.ID:
            ids = {str(row[n]) for row in rows}
            length = next(
                size
                for size in range(ID_MIN, max(map(len, ids), default=0) + ID_MIN + 1)
                if len({id_[:size] for id_ in ids}) == len(ids)
            )
            for row in short:
                row[n] = row[n][:length]
    return short


def _one_line(cell: str | Text) -> Text:
    """Return a cell without what would move the terminal's cursor; a `Text` keeps its own lines."""
    if isinstance(cell, str):
        return Text(" ".join(cell.translate(CONTROLS).split("\n")).expandtabs())
    clean = cell.plain.translate(CONTROLS).expandtabs()
    return cell if clean == cell.plain else Text(clean, cell.style)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value)
