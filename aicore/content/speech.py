"""Loads how the sample world speaks, and checks that every voice has something to say to every intent."""

from functools import lru_cache

from pydantic import BaseModel, ConfigDict, model_validator

from aicore.content.compiled import sample
from aicore.content.world import VOICES

Forms = tuple[str, ...]
By = dict[str, Forms]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SceneForms(_Data):
    """Signs of a place and of an open quest in a line."""

    place: Forms
    quest: Forms


class Barks(_Data):
    """Short calls."""

    archetype: By
    weather: By


class Descriptions(_Data):
    """The two sentences of a place's description."""

    weather: By
    time: By


class Facts(_Data):
    """Templates of facts and memories, and numbers for them."""

    templates: Forms
    counts: Forms
    memories: Forms


class History(_Data):
    """Templates of what was, and of the sentences of a summary."""

    events: Forms
    first: Forms
    then: Forms
    last: Forms
    open: Forms


class Speech(_Data):
    """Everything of the sample world's `speech.yaml`; the file's head tells of the slots."""

    said: By
    open: By
    answer: dict[str, By]
    fact: By
    memory: By
    weather: By
    time: By
    mood: By
    scene: SceneForms
    bark: Barks
    describe: Descriptions
    facts: Facts
    history: History
    closed: By

    @model_validator(mode="after")
    def _answers_everything(self) -> "Speech":
        if set(self.said) != set(self.answer):
            raise ValueError(f"said and answer differ in {sorted(set(self.said) ^ set(self.answer))}")
        by_voice = {"open": self.open, "fact": self.fact, "memory": self.memory}
        by_voice["closed"] = self.closed
        by_voice |= {f"answer.{intent}": forms for intent, forms in self.answer.items()}
        for name, forms in by_voice.items():
            if set(forms) != set(VOICES):
                raise ValueError(f"{name}: voices {sorted(set(forms) ^ set(VOICES))} are missing or unknown")
        return self


@lru_cache(1)
def load_speech() -> Speech:
    """Return how the sample world speaks.

    Raises:
        pydantic.ValidationError: the file is wrong, naming where.
    """
    return Speech.model_validate(sample()["speech"])
