"""Random holders at random days and stages with random questions: is anything shown that must not be?

What may be known is judged here anew and from the documents, not by the code under test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from benchmarks.lore_kit import LoreWorld, questions
from domain.lore.chunks import Chunk
from domain.lore.knowing import Knower, labels_of
from domain.lore.search import Asked, search

SEED = 360


@dataclass(slots=True)
class Shown:
    """What random searches showed."""

    searches: int = 0
    shown: int = 0
    against: int = 0


def violations(by: Mapping[str, LoreWorld], searches: int) -> Shown:
    """Search at random, without the encoder's time: a random vector stands for the question's."""
    draw, found = Random(SEED), Shown()
    texts = [question.text for question in questions()]
    vectors = {
        name: [world.shelf.vectors[at] for at in range(len(world.shelf.chunks))]
        for name, world in by.items()
        if world.shelf.vectors is not None
    }
    holders = {name: _holders(world) for name, world in by.items()}
    for _ in range(searches):
        world = by[draw.choice(list(by))]
        holder = draw.choice(holders[world.name])
        groups = draw.choice([(), ("council",), ("keelwrights",)])
        knower = Knower(
            labels_of(holder, world.definition, groups), draw.randint(-5, 460), draw.randint(0, 4), "live"
        )
        vector = draw.choice(vectors[world.name]) if world.name in vectors else None
        hits = search(world.shelf, Asked(draw.choice(texts), knower, vector, world.shelf.encoder)).hits
        found.searches += 1
        found.shown += len(hits)
        found.against += sum(not _may(world.shelf.chunks[hit.at], knower) for hit in hits)
    return found


def _holders(world: LoreWorld) -> list[str]:
    people = [f"person.{each.id}" for each in world.definition.people] if world.definition else []
    return [*people, "everyone", "player.ann", "person.pell_okafor", "person.nobody"]


def _may(chunk: Chunk, knower: Knower) -> bool:
    limits = chunk.limits
    for group in limits.known_by:
        if not any(label in group for label in knower.labels):
            return False
    return (
        len(limits.known_by) > 0
        and knower.stage >= limits.stage
        and limits.from_day <= knower.day
        and knower.day < limits.until_day
    )
