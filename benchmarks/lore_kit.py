"""Two worlds of lore with their questions, and what a search is measured by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aicore.content.lore import check_lore
from aicore.content.sample_world import sample_definition
from domain.definition.definition import Definition
from domain.lore.documents import digest_of
from domain.lore.keeping import Encoder
from domain.lore.knowing import Knower, labels_of
from domain.lore.messages import Content, DocumentAdded
from domain.lore.search import Asked
from domain.lore.senses import Senses
from domain.lore.shelf import Shelf
from handlers.lore.library import shelf_of

FOLDER = Path(__file__).parent / "lore_worlds"
QUESTIONS = FOLDER / "questions.txt"
TRAINING = FOLDER / "training.txt"
K = 5
BATCH = 64

Half = Literal["tuning", "kept"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and where its answer stands; nowhere: it is to be refused."""

    world: str
    kind: str
    holder: str
    day: int
    stage: int
    text: str
    gold: frozenset[str]
    half: Half


@dataclass(frozen=True, slots=True)
class LoreWorld:
    """A world's lore, with vectors if there is an encoder."""

    name: str
    definition: Definition | None
    shelf: Shelf

    def knower(self, question: Question) -> Knower:
        """Return who asks."""
        labels = labels_of(question.holder, self.definition)
        return Knower(labels, question.day, question.stage, "live")


def questions() -> list[Question]:
    """Return all questions, every second of a kind for tuning."""
    found: list[Question] = []
    met: dict[tuple[str, str], int] = {}
    for each in _read(QUESTIONS):
        number = met[each.world, each.kind] = met.get((each.world, each.kind), 0) + 1
        found.append(replace(each, half="tuning" if number % 2 == 0 else "kept"))
    return found


def questions_to_train() -> list[Question]:
    """Return what weights are fitted on: the tuning half, and the questions for training alone."""
    return [each for each in questions() if each.half == "tuning"] + _read(TRAINING)


def _read(file: Path) -> list[Question]:
    found: list[Question] = []
    for line in file.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        world, kind, holder, day, stage, text, gold = (part.strip() for part in line.split("|"))
        where = frozenset() if gold == "-" else frozenset(part.strip() for part in gold.split(","))
        found.append(Question(world, kind, holder, int(day), int(stage), text, where, "tuning"))
    return found


def added(contents: Sequence[Content]) -> list[DocumentAdded]:
    """Return documents as events have them, each in its first version."""
    by = {"number": 1, "operator": "bench", "reason": "a benchmark"}
    return [DocumentAdded(**each.model_dump(), digest=digest_of(each), **by) for each in contents]


def worlds(encoder: Encoder | None) -> Mapping[str, LoreWorld]:
    """Return both worlds."""
    definition = sample_definition()
    cinder = shelf_of(added(check_lore(None, definition).contents), definition)
    ship = shelf_of(added(check_lore(FOLDER / "perennial", None).contents), None)
    for shelf in (cinder, ship):
        if encoder is not None:
            give_vectors(shelf, encoder)
    return {"cinder": LoreWorld("cinder", definition, cinder), "ship": LoreWorld("ship", None, ship)}


def give_vectors(shelf: Shelf, encoder: Encoder) -> None:
    """Give a shelf the vectors of its passages, sentences and words, as the program does."""
    for chunk in shelf.chunks:
        shelf.give(encoder.digest, {chunk.digest: encoder.vectors(chunk.read)})
    give_words(shelf, encoder)


def give_words(shelf: Shelf, encoder: Encoder) -> None:
    """Give a shelf the vectors of its words."""
    words = list(shelf.spoken.items())
    found: dict[str, NDArray[np.float32]] = {}
    for begin in range(0, len(words), BATCH):
        part = dict(words[begin : begin + BATCH])
        found |= zip(part, encoder.vectors(list(part.values())), strict=True)
    shelf.senses = Senses(found)


def asked_of(encoder: Encoder, world: LoreWorld, question: Question) -> Asked:
    """Return a question with its vectors, as the program reads it."""
    knower = world.knower(question)
    strange = world.shelf.strange_words(question.text)
    rows = encoder.vectors([world.shelf.meant(question.text, knower), *strange.values()])
    senses = dict(zip(strange, rows[1:], strict=True))
    return Asked(question.text, knower, rows[0], world.shelf.encoder, senses=senses)


def sections_of(shelf: Shelf, order: Sequence[int], count: int = K) -> list[str]:
    """Return the sections of the best chunks, each once, so many at most."""
    found = dict.fromkeys(f"{shelf.chunks[at].document}#{shelf.chunks[at].section}" for at in order)
    return list(found)[:count]


@dataclass(slots=True)
class Ranks:
    """At which places right answers came; 0: not among the first five."""

    places: list[int]

    @property
    def recall(self) -> float:
        """Share of the questions whose answer is among the first five."""
        return float(np.mean([place > 0 for place in self.places])) if self.places else 0.0

    @property
    def reciprocal(self) -> float:
        """Mean reciprocal rank, 0 beyond the fifth."""
        return float(np.mean([1 / place if place else 0.0 for place in self.places])) if self.places else 0.0


Order = Callable[[LoreWorld, Question], Sequence[int]]
"""Chunks that a way of searching finds for a question, the best first."""


def ranks(order: Order, by: Mapping[str, LoreWorld], asked: Sequence[Question]) -> Ranks:
    """Return at which places the answers come."""
    places = []
    for question in asked:
        found = sections_of(by[question.world].shelf, order(by[question.world], question))
        places.append(next((at for at, section in enumerate(found, 1) if section in question.gold), 0))
    return Ranks(places)


def plain_vectors(encoder: Encoder, asked: Sequence[Question]) -> Mapping[Question, NDArray[np.float32]]:
    """Return the vectors of questions, as they are written."""
    return dict(zip(asked, encoder.vectors([each.text for each in asked]), strict=True))
