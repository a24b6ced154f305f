"""Training data from the log: whose answers are taken, what a row is, and what the manifest says of it."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid5

import pytest
from pyarrow import parquet

from aicore.audit.export import RATED, ExportError, Plan, export
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import NewEvent, StreamWrite
from domain.inference.export import COLUMNS, Export, Fact, Row, Selection
from domain.inference.messages import InferenceCompleted, InferenceFailed, InferenceRequested
from domain.kernel.event import Event
from domain.kernel.visibility import ERASED, erased
from protocol.packing import pack
from tests.unit.spec import changed
from tests.vectors_make import SPACE

CODEC = EventCodec(domain_catalogue())
REQUESTED = InferenceRequested.from_example()
COMPLETED = InferenceCompleted.from_example()
FAILED = InferenceFailed.from_example()


def of(number: int, event: Any, **changes: object) -> Any:
    """Return the event for another inference."""
    return changed(event, inference_id=f"{number:032x}", **changes)


def given(*events: Event) -> list[Fact]:
    return [Fact(event, position, position * 1_000_000) for position, event in enumerate(events, 1)]


def when(
    facts: list[Fact], ratings: Mapping[str, float] | None = None, **selection: Any
) -> tuple[list[Row], Export]:
    making = Export(Selection(**selection), ratings or {})
    rows = list(making.rows(facts))
    making.end()
    return rows, making


def ids(rows: list[Row]) -> list[int]:
    return [int(str(row["inference_id"]), 16) for row in rows]


# --- whose answers are taken --------------------------------------------------------------------------------


def test_a_question_is_joined_with_its_answer_whatever_lies_between() -> None:
    facts = given(
        of(1, REQUESTED), of(2, REQUESTED), of(2, COMPLETED, text="two"), of(1, COMPLETED, text="one")
    )
    rows, making = when(facts)

    assert [(row["completion"], row["request_position"], row["answer_position"]) for row in rows] == [
        ("two", 2, 3),
        ("one", 1, 4),
    ]
    assert making.positions == (1, 4)
    assert list(making.models.values()) == [2]


def test_without_consent_nothing_is_taken_unless_there_is_a_reason() -> None:
    facts = given(of(1, REQUESTED, consent=False), of(1, COMPLETED), of(2, REQUESTED), of(2, COMPLETED))

    rows, making = when(facts)
    assert (ids(rows), making.counts["no_consent"]) == ([2], 1)
    rows, making = when(facts, without_consent_reason="an audit of the tone, never for training")
    assert (ids(rows), [row["consent"] for row in rows]) == ([1, 2], [False, True])


def test_what_was_recorded_before_there_was_consent_means_no() -> None:
    payload = {key: value for key, value in REQUESTED.example.items() if key != "consent"}
    old = CODEC.decode_payload("inference.requested", 1, pack(payload))

    rows, making = when(given(old, COMPLETED))
    assert (rows, making.counts["no_consent"]) == ([], 1)


@pytest.mark.parametrize(
    "facts",
    [
        given(erased(REQUESTED), COMPLETED),
        given(REQUESTED, erased(COMPLETED)),
        given(changed(REQUESTED, rendered_prompt=ERASED), COMPLETED),
    ],
    ids=["question", "answer", "rendered"],
)
def test_from_what_is_erased_nothing_is_learnt(facts: list[Fact]) -> None:
    rows, making = when(facts)

    assert rows == []
    assert making.counts == {"erased": 1, "unanswered": 0}


def test_a_player_is_in_no_row() -> None:
    rows, _ = when(given(changed(REQUESTED, player="ann"), COMPLETED))

    assert "ann" not in json.dumps(rows)
    assert list(rows[0]) == list(COLUMNS)


def test_a_row_says_whose_words_they_are() -> None:
    first = of(1, COMPLETED, engine="embedded-silver", served_tier="silver")
    again = of(2, COMPLETED, engine="embedded-silver", served_tier="silver", source_inference_id=f"{1:032x}")
    own_line = of(3, COMPLETED, engine="", served_tier=None, finish_reason="authored")
    asked = [of(number, REQUESTED, tier="gold") for number in (1, 2, 3)]
    rows, _ = when(given(*asked, first, again, own_line))

    assert [(row["engine"], row["served_tier"], row["source_inference_id"]) for row in rows] == [
        ("embedded-silver", "silver", None),
        ("embedded-silver", "silver", f"{1:032x}"),
        ("", "gold", None),
    ]


def test_failures_and_missing_answers_are_counted_and_left_out() -> None:
    rows, making = when(given(of(1, REQUESTED), of(1, FAILED), of(2, REQUESTED), of(3, COMPLETED)))

    assert rows == []
    assert dict(making.counts) == {"failed": 1, "unanswered": 1}


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({}, [1, 2, 3]),
        ({"use_case": "lore"}, [2]),
        ({"tier": "silver"}, [3]),
        ({"npc": "smith"}, [1]),
        ({"model": "lamplight"}, [1, 2]),
        ({"model": "lamplight:0.2"}, [2]),
        ({"model": "ember:0.2"}, []),
        ({"since_us": 3_000_000}, [2, 3]),
        ({"since_us": 3_000_000, "until_us": 5_000_000}, [2]),
        ({"rating_min": 0.5}, [2]),
        ({"rating_min": 0.0}, [1, 2]),
    ],
)
def test_filters(selection: dict[str, Any], found: list[int]) -> None:
    facts = given(
        of(1, REQUESTED, npc="smith"),
        of(1, COMPLETED),
        of(2, REQUESTED, use_case="lore", model_version="0.2"),
        of(2, COMPLETED),
        of(3, REQUESTED, tier="silver", model_name="ember"),
        of(3, COMPLETED),
    )
    ratings = {f"{1:032x}": 0.2, f"{2:032x}": 0.5}

    rows, making = when(facts, ratings, **selection)
    assert ids(rows) == found
    assert making.counts["filtered"] == 3 - len(found)


# --- files --------------------------------------------------------------------------------------------------


async def recorded(*events: Event) -> MemoryLog:
    """Return a log with the events; question and answer of an inference share a stream."""
    log = MemoryLog("demo", lambda: 1_790_000_000_000_000)
    for number, event in enumerate(events):
        made = CODEC.encode(event, uuid5(SPACE, str(number)))
        inference_id = event.inference_id  # type: ignore[attr-defined]  # each of ours has one
        await log.append(StreamWrite(f"inference-{inference_id}", [made]))
    return log


def plan(file: Path, upto: int = 0, *, overwrite: bool = False, **selection: Any) -> Plan:
    return Plan(
        file=file,
        realm="demo",
        selection=Selection(**selection),
        upto=upto,
        made_us=1_790_000_000_000_000,
        made_by="aicore 0",
        overwrite=overwrite,
    )


def nothing(done: int, total: int) -> None:
    assert done <= total


async def test_rows_and_manifest_say_what_was_asked_answered_and_where_from(tmp_path: Path) -> None:
    log = await recorded(
        of(1, REQUESTED), of(1, COMPLETED), of(2, REQUESTED, consent=False), of(2, COMPLETED)
    )
    file = tmp_path / "lines.jsonl"
    manifest = await export(log, CODEC, plan(file, tier="gold"), nothing)

    (row,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert (row["prompt"], row["completion"]) == (REQUESTED.prompt, COMPLETED.text)
    assert json.loads((tmp_path / "lines.jsonl.manifest.json").read_text()) == manifest
    assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest["consent"] == {"required": True, "why_not": ""}
    assert manifest["filters"] == {"tier": "gold"}
    assert manifest["read"] == {"after": 0, "upto": 4, "hash_at_upto": (await log.head()).hash.hex()}
    assert (manifest["rows"], manifest["left_out"]["no_consent"]) == (1, 1)
    assert manifest["models"][0]["version"] == REQUESTED.model_version
    assert (manifest["made_at"], manifest["made_by"]) == ("2026-09-21T14:13:20+00:00", "aicore 0")


async def test_the_same_range_gives_the_same_bytes_although_the_log_went_on(tmp_path: Path) -> None:
    log = await recorded(of(1, REQUESTED), of(1, COMPLETED), of(2, REQUESTED), of(2, COMPLETED))
    first = await export(log, CODEC, plan(tmp_path / "a.jsonl", upto=3), nothing)
    again = await export(log, CODEC, plan(tmp_path / "b.jsonl", upto=3), nothing)

    assert first["sha256"] == again["sha256"]
    assert (first["rows"], first["left_out"]["unanswered"], first["read"]["upto"]) == (1, 1, 3)


async def test_parquet_has_the_same_rows(tmp_path: Path) -> None:
    log = await recorded(of(1, REQUESTED, npc=None), of(1, COMPLETED), of(2, REQUESTED), of(2, COMPLETED))
    await export(log, CODEC, plan(tmp_path / "a.jsonl"), nothing)
    await export(log, CODEC, plan(tmp_path / "a.parquet"), nothing)

    table = parquet.read_table(tmp_path / "a.parquet")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert table.to_pylist() == lines
    assert table.column_names == list(COLUMNS)


async def test_ratings_are_joined_the_latest_counts(tmp_path: Path) -> None:
    log = await recorded(of(1, REQUESTED), of(1, COMPLETED), of(2, REQUESTED), of(2, COMPLETED))
    with pytest.raises(ExportError, match="rated"):
        await export(log, CODEC, plan(tmp_path / "a.jsonl", rating_min=0.5), nothing)
    for number, rating in ((1, 0.9), (2, 0.9), (1, 0.1)):
        payload = pack({"inference_id": f"{number:032x}", "rating": rating})
        event = NewEvent(uuid5(SPACE, f"rated {number} {rating}"), RATED, 1, payload)
        await log.append(StreamWrite(f"feedback-{number}", [event]))

    await export(log, CODEC, plan(tmp_path / "a.jsonl", rating_min=0.5), nothing)
    (row,) = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert (row["inference_id"], row["rating"]) == (f"{2:032x}", 0.9)


async def test_a_file_that_is_there_stays_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    log = await recorded(of(1, REQUESTED), of(1, COMPLETED))
    file = tmp_path / "a.jsonl"
    file.write_text("mine")
    with pytest.raises(ExportError, match="--overwrite"):
        await export(log, CODEC, plan(file), nothing)
    with pytest.raises(ExportError, match=r"\.jsonl or \.parquet"):
        await export(log, CODEC, plan(tmp_path / "a.csv"), nothing)
    assert os.listdir(tmp_path) == ["a.jsonl"]

    assert (await export(log, CODEC, plan(file, overwrite=True), nothing))["rows"] == 1


async def test_an_empty_log_gives_an_empty_file(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.parquet"):
        manifest = await export(await recorded(), CODEC, plan(tmp_path / name), nothing)
        assert (manifest["rows"], manifest["positions"]) == (0, {"first": 0, "last": 0})
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 0
