"""What may be asked of a batch and what happened to it.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from domain.inference.facts import (
    Character,
    Context,
    InferenceId,
    MaxTokens,
    Pattern,
    Prompt,
    Temperature,
)
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.visibility import Discreet, Private
from domain.kernel.vocabulary import Operator, Reason, Text, UseCase

ITEMS_PER_CHUNK_MAX = 500
ITEMS_MAX = 100_000

BatchId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$", description="The batch's id, 32 hexadecimal digits, chosen by its maker."
    ),
]
ItemId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the item, unique in the batch."),
]


class Item(Discreet):
    """One question of a batch: the studio's words, no player's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: ItemId
    prompt: Annotated[Prompt, Private()]
    npc: Character = None
    context: Annotated[Context, Private()] = Field(default_factory=dict)


class Finished(Declared):
    """Outcome of one item."""

    model_config = ConfigDict(frozen=True)

    id: ItemId
    inference_id: InferenceId
    code: str = Field("", max_length=64, description="Why it failed; empty: it was answered.")
    message: str = Field("", max_length=500, description="What went wrong, for a person.")


class BatchFacts(Declared):
    """Settings of all items of a batch."""

    model_config = ConfigDict(frozen=True)

    batch_id: BatchId
    name: Annotated[Text, Field(min_length=1, max_length=128, description="What it is, for a person.")]
    use_case: UseCase
    max_tokens: MaxTokens = 64
    temperature: Temperature = 0.7
    pattern: Pattern = Field(None, description="Regular expression that every answer must match.")
    consent: bool = Field(False, description="Whether the answers may be used to train models.")
    operator: Operator


EXAMPLE = {
    "batch_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c5",
    "name": "harbour descriptions",
    "use_case": "place_description",
    "max_tokens": 64,
    "temperature": 0.7,
    "pattern": None,
    "consent": True,
    "operator": "mira",
}
ITEMS = [
    {"id": "ropewalk-fog", "prompt": "the Ropewalk", "npc": None, "context": {"weather": "fog"}},
    {"id": "ropewalk-rain", "prompt": "the Ropewalk", "npc": None, "context": {"weather": "rain"}},
]

# --- what happened ------------------------------------------------------------------------------------------


class BatchOpened(BatchFacts, Event, name="batch.opened", version=1):
    """A batch was begun; items follow."""

    example: ClassVar = dict(EXAMPLE)


class BatchItemsAdded(Event, name="batch.items_added", version=1):
    """Items were added to an open batch."""

    batch_id: BatchId
    items: list[Item] = Field(max_length=ITEMS_PER_CHUNK_MAX, description="The items, in their order.")

    example: ClassVar = {"batch_id": EXAMPLE["batch_id"], "items": ITEMS}


class BatchSubmitted(Event, name="batch.submitted", version=1):
    """The batch is whole, and its items may be worked on."""

    batch_id: BatchId
    items: int = Field(ge=1, description="How many items it has.")

    example: ClassVar = {"batch_id": EXAMPLE["batch_id"], "items": 2}


class BatchProgressed(Event, name="batch.progressed", version=1):
    """Some items were finished; each item is named once."""

    batch_id: BatchId
    finished: list[Finished] = Field(max_length=ITEMS_PER_CHUNK_MAX, description="The items, as they ended.")

    example: ClassVar = {
        "batch_id": EXAMPLE["batch_id"],
        "finished": [
            {
                "id": "ropewalk-fog",
                "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c6",
                "code": "",
                "message": "",
            }
        ],
    }


class BatchCompleted(Event, name="batch.completed", version=1):
    """Every item was finished."""

    batch_id: BatchId
    answered: int = Field(ge=0, description="Items with an answer.")
    failed: int = Field(ge=0, description="Items without.")

    example: ClassVar = {"batch_id": EXAMPLE["batch_id"], "answered": 2, "failed": 0}


class BatchCancelled(Event, name="batch.cancelled", version=1):
    """The rest is not wanted any more; what was finished stays."""

    batch_id: BatchId
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "batch_id": EXAMPLE["batch_id"],
        "operator": "mira",
        "reason": "the template was the wrong one",
    }


BatchEvent = (
    BatchOpened | BatchItemsAdded | BatchSubmitted | BatchProgressed | BatchCompleted | BatchCancelled
)

# --- what may be asked --------------------------------------------------------------------------------------


class OpenBatch(BatchFacts, Command, name="batch.open", may=(GRANTED, OPERATOR)):
    """Begin a batch. Refused with ``unknown_use_case``, or ``batch_exists`` if the id has other facts."""

    example: ClassVar = dict(EXAMPLE)


class AddItems(Command, name="batch.add_items", may=(GRANTED, OPERATOR)):
    """Add items to an open batch.

    Refused with ``batch_not_found``, ``batch_closed``, ``item_exists`` or ``batch_too_large``.
    """

    batch_id: BatchId
    items: list[Item] = Field(
        min_length=1, max_length=ITEMS_PER_CHUNK_MAX, description="At most 500 at a time; send more in turn."
    )

    example: ClassVar = dict(BatchItemsAdded.example)


class SubmitBatch(Command, name="batch.submit", may=(GRANTED, OPERATOR)):
    """Say that a batch is whole. Refused with ``batch_not_found``, ``batch_closed`` or ``batch_empty``."""

    batch_id: BatchId

    example: ClassVar = {"batch_id": EXAMPLE["batch_id"]}


class CancelBatch(Command, name="batch.cancel", may=(GRANTED, OPERATOR)):
    """Give up the rest of a batch. Refused with ``batch_not_found`` or ``batch_closed``."""

    batch_id: BatchId
    operator: Operator
    reason: Reason

    example: ClassVar = dict(BatchCancelled.example)


class RecordItems(Command, name="batch.record_items"):
    """Internal: record that items were finished; those that are known to be change nothing."""

    batch_id: BatchId
    finished: list[Finished] = Field(min_length=1, max_length=ITEMS_PER_CHUNK_MAX, description="The items.")

    example: ClassVar = dict(BatchProgressed.example)


BatchCommand = OpenBatch | AddItems | SubmitBatch | CancelBatch | RecordItems
