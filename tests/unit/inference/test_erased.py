"""A turn whose words were erased with its player's data."""

from uuid import uuid4

import pytest

from bus.ports import StreamWrite
from domain.inference.facts import Ask
from domain.inference.messages import Generate, InferenceCompleted, InferenceRequested
from domain.kernel.decider import Rejected
from domain.kernel.visibility import erased
from domain.registry.messages import ModelRegistered
from tests.unit.inference.kit import Stage, ask, stage

__all__ = ["stage"]


@pytest.mark.parametrize("answered", [False, True])
async def test_a_turn_whose_words_are_erased_is_neither_answered_nor_told_again(
    stage: Stage, answered: bool
) -> None:
    await stage.register()
    sent = ask("where is the lamp", name="erased", player="ann")
    question = Generate.model_validate(sent.payload)
    asked = InferenceRequested.from_example().model_copy(
        update={
            **question.model_dump(include=set(Ask.model_fields)),
            "inference_id": sent.id.hex,
            "model_id": (await _model(stage)),
        }
    )
    answer = InferenceCompleted.from_example().model_copy(update={"inference_id": sent.id.hex})
    recorded = [erased(asked), erased(answer)] if answered else [erased(asked)]
    new = [stage.codec.encode(event, uuid4()) for event in recorded]
    await stage.log.append(StreamWrite(f"inference-{sent.id.hex}", new))

    with pytest.raises(Rejected) as refusal:
        await stage.service()(sent)

    assert refusal.value.code == "turn_erased"
    assert stage.engine.prompts == []


async def _model(stage: Stage) -> str:
    events = [stage.codec.decode(each) for each in await stage.log.read_all()]
    return next(event.model_id for event in events if isinstance(event, ModelRegistered))
