"""A quest with everything in it, and the facts that it is decided by."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.definition.entries import digest_of
from domain.quests.commands import Abandon, Accept, Advance, Choose, Join, Look
from domain.quests.facts import Facts, Moment
from domain.quests.going import after
from domain.quests.instance import Instance
from domain.quests.messages import QuestEvent
from domain.quests.quests import QUEST, Asked, Offer
from domain.quests.terms import quest_of
from domain.quests.vocabulary import Thing, instance_of

HOUR = 3_600_000
TERMS: dict[str, Any] = {
    "name": "The Lamp",
    "aim": "bring me a lamp",
    "word": "lamp",
    "giver": "nib",
    "again": "1 day",
    "party": True,
    "stages": {
        "fetch": {
            "text": "Find a lamp, by night, at the wall.",
            "do": [
                {"collect": "lamp"},
                {"go": "wall", "when": {"phase": ["night"]}},
                {"wait": "1 h"},
            ],
            "next": [{"to": "bring", "choice": "Bring it."}, {"to": "free", "choice": "Let it go."}],
            "within": "8 h",
            "late": "dark",
        },
        "bring": {
            "text": "Bring it to Nib.",
            "do": [{"deliver": "lamp", "to": "nib"}],
            "next": [{"to": "lit", "when": {"alive": "maud"}}, {"to": "dim"}],
        },
    },
    "ends": {
        "lit": {
            "outcome": "completed",
            "text": "It is lit.",
            "reward": {
                "money": ["2.50 crowns"],
                "goods": {"oil": 2},
                "standing": {"watch": 0.1},
                "experience": 5,
            },
        },
        "dim": {"outcome": "completed", "text": "It is dim."},
        "free": {"outcome": "completed", "text": "It is free."},
        "dark": {"outcome": "failed", "text": "It is dark.", "reward": {"standing": {"watch": -0.1}}},
    },
    "if_giver_gone": {"rule": "pass_on", "to": "maud", "text": "Maud takes it."},
    "if_target_gone": {"rule": "close", "text": "There is no lamp left."},
}
LAMP = instance_of("the_lamp", "ann", 1)
NIB, MAUD = Thing("person", "nib"), Thing("person", "maud")


def offer(**changes: Any) -> Offer:
    """Return the quest, with other fields."""
    terms = {**TERMS, **changes}
    return Offer(quest_of("the_lamp", terms), terms, digest_of(terms))


def facts(now_ms: int = 0, phase: str = "day", **more: Any) -> Facts:
    """Return facts: by day, nobody anywhere, nothing gone."""
    places: Mapping[str, str] = more.pop("places", {})
    holds: Mapping[tuple[str, str], int] = more.pop("holds", {})
    return Facts(
        Moment(now_ms, phase),
        place=lambda player: places.get(player, ""),
        holds=lambda player, good: holds.get((player, good), 0),
        **more,
    )


def accept(given: Facts | None = None, player: str = "ann", **more: Any) -> Asked:
    command = Accept(player=player, session=1, quest="the_lamp")
    return Asked(command, given or facts(), more.pop("offer", offer()), **more)


def join(player: str, **more: Any) -> Asked:
    return Asked(Join(player=player, session=1, instance=LAMP), facts(), **more)


def look(given: Facts) -> Asked:
    return Asked(Look(instance=LAMP), given)


def advance(stage: str, objective: int, given: Facts, player: str = "ann") -> Asked:
    said = {"player": player, "session": 1, "instance": LAMP, "stage": stage, "objective": objective}
    return Asked(Advance.model_validate(said), given)


def choose(stage: str, choice: int, given: Facts, player: str = "ann") -> Asked:
    said = {"player": player, "session": 1, "instance": LAMP, "stage": stage, "choice": choice}
    return Asked(Choose.model_validate(said), given)


def abandon(player: str = "ann") -> Asked:
    return Asked(Abandon(player=player, session=1, instance=LAMP), facts())


def taken(**changes: Any) -> list[QuestEvent]:
    """Return what follows from ann's taking the quest."""
    return list(QUEST.decide(accept(offer=offer(**changes)), None))


def bringing() -> list[QuestEvent]:
    """Return a quest whose first stage is done, and in which ann chose to bring the lamp."""
    events = taken()
    night = facts(3 * HOUR, "night", places={"ann": "wall"}, holds={("ann", "lamp"): 1})
    state = QUEST.fold(events)
    events += QUEST.decide(look(night), state)
    events += QUEST.decide(choose("fetch", 0, night), QUEST.fold(events))
    return events


def after_all(events: list[QuestEvent]) -> Instance:
    found = QUEST.fold(events)
    assert isinstance(found, Instance)
    return found


__all__ = ["after", "replace"]
