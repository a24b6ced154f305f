"""The rules of a batch, said as given / when / then, and as invariants over any history."""

from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from domain.batch.batch import BATCH, Batch
from domain.batch.messages import (
    AddItems,
    BatchCancelled,
    BatchCompleted,
    BatchEvent,
    BatchItemsAdded,
    BatchOpened,
    BatchProgressed,
    BatchSubmitted,
    CancelBatch,
    Finished,
    Item,
    OpenBatch,
    RecordItems,
    SubmitBatch,
)
from domain.kernel.decider import Rejected
from tests.unit.spec import changed, given

OPEN = OpenBatch.model_validate(OpenBatch.example)
ID = OPEN.batch_id
OPENED = BatchOpened.from_example()
ADD = AddItems.model_validate(AddItems.example)
ADDED = BatchItemsAdded.from_example()
SUBMIT = SubmitBatch(batch_id=ID)
SUBMITTED = BatchSubmitted.from_example()
CANCEL = CancelBatch.model_validate(CancelBatch.example)
CANCELLED = BatchCancelled.from_example()
FOG = Finished(id="ropewalk-fog", inference_id="1" * 32)
RAIN = Finished(id="ropewalk-rain", inference_id="2" * 32, code="prompt_too_long")


def record(*finished: Finished) -> RecordItems:
    return RecordItems(batch_id=ID, finished=list(finished))


def progressed(*finished: Finished) -> BatchProgressed:
    return BatchProgressed(batch_id=ID, finished=list(finished))


def test_a_batch_is_opened_filled_and_submitted() -> None:
    given(BATCH).when(OPEN).then(OPENED)
    given(BATCH, OPENED).when(ADD).then(ADDED)
    given(BATCH, OPENED, ADDED).when(SUBMIT).then(SUBMITTED)


def test_every_step_said_twice_changes_nothing() -> None:
    whole: list[BatchEvent] = [OPENED, ADDED, SUBMITTED]
    for command in (OPEN, ADD, SUBMIT):
        given(BATCH, *whole).when(command).then_nothing()
    given(BATCH, *whole, CANCELLED).when(CANCEL).then_nothing()


def test_items_are_finished_once_and_the_last_one_completes_the_batch() -> None:
    whole: list[BatchEvent] = [OPENED, ADDED, SUBMITTED]
    given(BATCH, *whole).when(record(FOG)).then(progressed(FOG))
    given(BATCH, *whole, progressed(FOG)).when(record(FOG)).then_nothing()
    done = BatchCompleted(batch_id=ID, answered=1, failed=1)
    given(BATCH, *whole, progressed(FOG)).when(record(FOG, RAIN)).then(progressed(RAIN), done)


def test_what_comes_after_a_cancellation_changes_nothing() -> None:
    given(BATCH, OPENED, ADDED, SUBMITTED, CANCELLED).when(record(FOG)).then_nothing()


@pytest.mark.parametrize(
    ("history", "command", "code"),
    [
        ([], ADD, "batch_not_found"),
        ([OPENED], SUBMIT, "batch_empty"),
        ([OPENED], changed(OPEN, name="another"), "batch_exists"),
        ([OPENED, ADDED], changed(ADD, items=[changed(ADD.items[0], prompt="x")]), "item_exists"),
        ([OPENED], changed(ADD, items=[ADD.items[0], changed(ADD.items[0], prompt="x")]), "item_exists"),
        ([OPENED, ADDED, SUBMITTED], changed(ADD, items=[Item(id="new", prompt="x")]), "batch_closed"),
        ([OPENED, ADDED, CANCELLED], SUBMIT, "batch_closed"),
        (
            [OPENED, ADDED, SUBMITTED, progressed(FOG, RAIN), BatchCompleted.from_example()],
            CANCEL,
            "batch_closed",
        ),
    ],
)
def test_what_a_batch_refuses(history: list[Any], command: Any, code: str) -> None:
    given(BATCH, *history).when(command).then_rejected(
        code, field="items" if code == "item_exists" else "batch_id"
    )


COMMANDS = [OPEN, ADD, SUBMIT, CANCEL, record(FOG), record(RAIN), record(FOG, RAIN)]


@any_of(st.lists(st.sampled_from(COMMANDS), max_size=14))
def test_any_commands_leave_one_end_and_every_item_finished_once(commands: list[Any]) -> None:
    state, history = Batch(), list[Any]()
    for command in commands:
        try:
            events = BATCH.decide(command, state)
        except Rejected as refusal:
            assert refusal.remedy
            continue
        history.extend(events)
        state = BATCH.fold(events, state)
    assert sum(isinstance(event, (BatchCompleted, BatchCancelled)) for event in history) <= 1
    named = [item.id for event in history if isinstance(event, BatchProgressed) for item in event.finished]
    assert len(named) == len(set(named))
    assert (state.status == "completed") == (
        state.status != "cancelled" and bool(state.items) and len(named) == len(state.items)
    )
