"""A hamlet: a lane, an inn with two seats, a market with one stall, a chapel, and three houses in a row."""

from collections.abc import Sequence
from dataclasses import replace

from aicore.content.sample_world import sample_definition
from domain.definition.definition import Definition
from domain.definition.people import (
    TRAITS,
    Activity,
    Archetype,
    Engagement,
    Gain,
    Kind,
    Need,
    Person,
    Relation,
    Trait,
)
from domain.definition.places import Means, Opening, Place, Way
from domain.people.agenda import Agenda
from domain.people.lives import People
from domain.people.messages import PersonJoined
from domain.people.rules import MINUTE_MS, RULES, Rules
from domain.people.scene import Times, World
from domain.places.city import City, city_of
from tests.unit.people.kit import day, real_us
from tests.unit.places.kit import place, way

HOUR_S = 3_600
NOON_MS = 12 * 60 * MINUTE_MS

NEEDS = (
    Need("coin", "coin", 96 * HOUR_S, 150),
    Need("company", "company", 48 * HOUR_S, 150),
    Need("food", "food", 16 * HOUR_S, 250),
    Need("rest", "rest", 26 * HOUR_S, 200),
)
ACTIVITIES = (
    Activity("eat", "eating", HOUR_S // 2, (Gain("food", 750),)),
    Activity("sleep", "sleeping", 7 * HOUR_S, (Gain("rest", 950),)),
    Activity("talk", "talking", HOUR_S // 3, (Gain("company", 350),)),
    Activity("trade", "keeping a stall", 4 * HOUR_S, (Gain("coin", 500),)),
)
KINDS = (
    Kind("house", "a house", ("sleep",)),
    Kind("inn", "an inn", ("eat", "talk")),
    Kind("lane", "a lane", ("talk",)),
    Kind("market", "a market", ("trade", "talk")),
)
FULL_LEVELS = {"coin": 900_000, "company": 900_000, "food": 900_000, "rest": 900_000}


def places() -> tuple[Place, ...]:
    return (
        place("inn", 0, kind="inn", capacity=2),
        place("market", 100, kind="market", capacity=1, hours=(Opening(8 * 60, 20 * 60),)),
        place("lane", 50, kind="lane"),
        place("house_a", 200, kind="house"),
        place("house_b", 210, kind="house"),
        place("house_c", 220, kind="house"),
        place("far_inn", 2_000, kind="inn"),
    )


def ways() -> tuple[Way, ...]:
    return (
        way("w_inn", "lane", "inn", 60),
        way("w_market", "lane", "market", 60),
        way("w_a", "lane", "house_a", 120),
        way("w_b", "lane", "house_b", 120),
        way("w_c", "lane", "house_c", 120),
        way("w_far", "lane", "far_inn", 900),
    )


def person(id_: str, *schedule: Engagement, home: str = "", **more: object) -> Person:
    values = {"name": id_.title(), "role": "peasant", "archetype": "plain", "voice": "wry", **more}
    return Person(id=id_, home=home or f"house_{id_[0]}", schedule=schedule, **values)  # type: ignore[arg-type]


def entry(opens: int, closes: int, at: str, do: str) -> Engagement:
    """An engagement between two hours of the day."""
    return Engagement(Opening(opens * 60, closes * 60), at, do)


def likes(other: str, regard: int) -> Relation:
    return Relation(other, regard)


def definition(*people: Person) -> Definition:
    plain = Archetype("plain", "plain", tuple(Trait(trait, 500) for trait in TRAITS))
    return replace(
        sample_definition(),
        needs=NEEDS,
        activities=ACTIVITIES,
        kinds=KINDS,
        archetypes=(plain,),
        places=places(),
        ways=ways(),
        means=(Means("foot", "on foot", 80),),
        people=people,
    )


def city(*people: Person) -> City:
    return city_of(definition(*people))


def world(*people: Person, rules: Rules = RULES) -> World:
    return World(definition(*people), city(*people), Times(day, real_us), rules=rules)


def settled(
    made: World, *, at: Sequence[tuple[str, str]] = (), levels: dict[str, dict[str, int]] | None = None
) -> Agenda:
    """Everybody at noon, full of everything unless told otherwise, at home or where ``at`` says."""
    people, where, differs = People(), dict(at), levels or {}
    for each in made.cast.people:
        known = {**FULL_LEVELS, **differs.get(each.id, {})}
        joined = PersonJoined(
            person=each.id, place=where.get(each.id, each.home), levels=known, at_ms=NOON_MS
        )
        people.evolve(joined)
    return Agenda(people, made)
