"""Writes chosen inferences as training data, JSON Lines or Parquet, with a manifest of where they came from.

The file appears whole or not at all, and its manifest after it. The same range of the log, filters and
ratings give the same rows in the same order, and in JSON Lines the same bytes.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent, Where
from domain.inference.export import COLUMNS, FORMAT_VERSION, Export, Fact, Row, Selection, Verdict
from domain.inference.messages import InferenceCompleted, InferenceFailed, InferenceRequested
from protocol.errors import WireError
from protocol.packing import unpack

TYPES = (InferenceRequested.event_name, InferenceCompleted.event_name, InferenceFailed.event_name)
RATED = "inference.rated"
"""Feedback on an inference: an event with its ``inference_id`` and a number ``rating``."""

LEFT_OUT: tuple[Verdict, ...] = ("no_consent", "filtered", "failed", "unanswered", "erased", "unknown")
PAGE = 500
ROW_GROUP = 5_000
CHUNK_BYTES = 1024 * 1024
MANIFEST_SUFFIX = ".manifest.json"

Progress = Callable[[int, int], None]
"""Called with the position reached and the last one."""


class ExportError(Exception):
    """The export cannot be made as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An export: selection, file, and the circumstances for the manifest."""

    file: Path
    realm: str
    selection: Selection
    after: int = 0
    upto: int = 0
    """Last position that is read; 0: the log's end."""
    made_us: int
    made_by: str
    overwrite: bool = False


class Sink(Protocol):
    """Takes rows."""

    def write(self, row: Row) -> None:
        """Write one row."""
        ...


async def export(log: EventLog, codec: EventCodec, plan: Plan, progress: Progress) -> Mapping[str, Any]:
    """Write the file and its manifest; return the manifest.

    Raises:
        ExportError: the file is there already, its kind is unknown, or what is asked for is not there.
        LogUnavailable: the log is away; nothing was written.
    """
    head = (await log.head()).position
    upto = min(plan.upto or head, head)
    ratings = await _ratings(log, plan.after, upto)
    if plan.selection.rating_min is not None and not ratings:
        raise ExportError("no inference in this range was rated; leave --rating-min out")
    making = Export(plan.selection, ratings)
    with _file(plan) as (draft, sink):
        async for page in _pages(log, Where(types=TYPES), plan.after, upto):
            for row in making.rows(_facts(codec, page)):
                sink.write(row)
            progress(page[-1].position, upto)
    making.end()
    last = await log.read_all(after=upto - 1, limit=1) if upto else []
    return _publish(draft, plan, _manifest(plan, making, upto, last))


def _publish(draft: Path, plan: Plan, manifest: dict[str, Any]) -> Mapping[str, Any]:
    """Give the draft its name, write the manifest beside it, and return the manifest."""
    manifest |= {"sha256": _sha256(draft), "bytes": draft.stat().st_size}
    draft.rename(plan.file)
    note = plan.file.with_name(plan.file.name + MANIFEST_SUFFIX)
    note.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return manifest


def _manifest(plan: Plan, making: Export, upto: int, at_end: Sequence[RecordedEvent]) -> dict[str, Any]:
    """Return where the rows came from, without the file's own digest."""
    chosen, defaults = asdict(plan.selection), asdict(Selection())
    filters = {key: value for key, value in chosen.items() if value != defaults[key]}
    reason = filters.pop("without_consent_reason", "")
    first, last = making.positions
    return {
        "format": FORMAT_VERSION,
        "file": plan.file.name,
        "realm": plan.realm,
        "made_at": datetime.fromtimestamp(plan.made_us / 1e6, UTC).isoformat(timespec="seconds"),
        "made_by": plan.made_by,
        "read": {"after": plan.after, "upto": upto, "hash_at_upto": at_end[0].hash.hex() if at_end else ""},
        "positions": {"first": first, "last": last},
        "filters": filters,
        "consent": {"required": not reason, "why_not": reason},
        "rows": making.counts["selected"],
        "left_out": {k: making.counts[k] for k in LEFT_OUT},
        "models": [
            {"name": name, "version": version, "id": model_id, "artefacts_digest": digest, "rows": rows}
            for (name, version, model_id, digest), rows in sorted(making.models.items())
        ],
        "columns": {name: kind.__name__ for name, kind in COLUMNS.items()},
    }


# --- reading ------------------------------------------------------------------------------------------------


async def _pages(
    log: EventLog, where: Where, after: int, upto: int
) -> AsyncIterator[Sequence[RecordedEvent]]:
    """Yield the matching events up to a position, in pages that are not empty."""
    while after < upto:
        page = await log.read_all(after=after, limit=PAGE, where=where)
        wanted = [event for event in page if event.position <= upto]
        if wanted:
            yield wanted
        if len(page) < PAGE or len(wanted) < len(page):
            return
        after = page[-1].position


def _facts(codec: EventCodec, page: Sequence[RecordedEvent]) -> Iterator[Fact]:
    return (Fact(codec.decode(event), event.position, event.recorded_us) for event in page)


async def _ratings(log: EventLog, after: int, upto: int) -> Mapping[str, float]:
    """Return the latest rating of each inference."""
    found: dict[str, float] = {}
    async for page in _pages(log, Where(types=(RATED,)), after, upto):
        for event in page:
            payload = unpack(event.payload, "payload")
            inference_id, rating = payload.get("inference_id"), payload.get("rating")
            if not isinstance(inference_id, str) or not isinstance(rating, int | float):
                raise WireError("invalid_field", "payload.rating", f"event {event.position} is no rating")
            found[inference_id] = float(rating)
    return found


# --- writing ------------------------------------------------------------------------------------------------


@contextmanager
def _file(plan: Plan) -> Iterator[tuple[Path, Sink]]:
    """Yield a draft beside the file and what writes rows to it; a failure leaves nothing."""
    path = plan.file
    if path.exists() and not plan.overwrite:
        raise ExportError(f"{path} is there already; choose another name, or say --overwrite")
    kinds = {".jsonl": _json_lines, ".parquet": _parquet}
    if path.suffix not in kinds:
        raise ExportError(f"{path.name}: the name must end in {' or '.join(kinds)}")
    draft = path.with_name(path.name + ".draft")
    try:
        with kinds[path.suffix](draft) as sink:
            yield draft, sink
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


class _JsonLines:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, row: Row) -> None:
        self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _json_lines(path: Path) -> Iterator[Sink]:
    with path.open("wb") as file:
        yield _JsonLines(file)


class _Parquet:
    """Gathers rows into groups."""

    def __init__(self, arrow: Any, writer: Any, schema: Any) -> None:
        self._arrow, self._writer, self._schema = arrow, writer, schema
        self._rows: list[Row] = []

    def write(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write the group; an empty file has none."""
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


@contextmanager
def _parquet(path: Path) -> Iterator[Sink]:
    try:
        import pyarrow  # noqa: PLC0415 - optional: the extra `export`
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ExportError("Parquet needs pyarrow: install aicore[export], or export to .jsonl") from error
    kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        sink = _Parquet(pyarrow, writer, schema)
        yield sink
        sink.flush()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
