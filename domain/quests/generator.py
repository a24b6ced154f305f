"""Quests made by rule of what the world has: somebody asks for what is to be had or reached. Pure.

Chance is a hash of the world's seed, the player and a number, so whoever has these, and the same news, makes
the same quest. What it names exists, and is not gone; its deadline ends it whatever happens. Every second one
comes of something that emerged among factions lately, if anything did that somebody would ask help for.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, TypeVar

from domain.definition.definition import Definition
from domain.definition.goods import Good
from domain.definition.people import Person
from domain.definition.places import Place
from domain.kernel.vocabulary import ConfigurationValue
from domain.quests.checker.world import World
from domain.quests.vocabulary import Thing

COUNT_MAX = 5
DAYS_MAX = 4
FEE = 150
"""Hundredths of the good's currency, on top of what it costs; for errands all there is."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Roll:
    """Numbers that look like chance and are not: a hash of a key and a counter."""

    key: str

    def below(self, most: int, what: str) -> int:
        """Return a number from 0 to ``most`` - 1; another one for each ``what``."""
        digest = sha256(f"{self.key}/{what}".encode()).digest()
        return int.from_bytes(digest[:8], "big") * most >> 64

    def of(self, among: Sequence[T], what: str) -> T:
        """Return one of several."""
        return among[self.below(len(among), what)]


@dataclass(frozen=True, slots=True)
class News:
    """Something that emerged among factions.

    Attributes:
        kind: of what emerges; those of `SAYS` make quests.
        factions: whom it is about, by id; the first did it.
    """

    kind: str
    place: str
    factions: tuple[str, ...]


SAYS: Mapping[str, str] = {
    "territory_claimed": "{one} have taken ground at {place}",
    "territory_taken": "{one} have taken the ground at {place} from {other}",
    "territory_retaken": "{one} have taken back the ground at {place} from {other}",
    "reclaim_failed": "{one} have tried for the ground at {place}, and failed",
    "unrest": "There is unrest at {place}",
    "protest": "There is a protest at {place}",
    "raid": "{one} have raided {other} at {place}",
    "feud_begun": "{one} and {other} are in feud",
    "crisis_begun": "{one} are in need",
}
"""What a quest says of news: there somebody wants help."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a quest may be about: all of it exists, can be had or reached, and is not gone.

    Attributes:
        news: what emerged lately, the newest first.
        called: name of each faction, by id.
    """

    people: tuple[Person, ...]
    goods: tuple[Good, ...]
    places: tuple[Place, ...]
    news: tuple[News, ...] = ()
    called: Mapping[str, str] = field(default_factory=dict)


def ground_of(
    definition: Definition, world: World, gone: Collection[Thing], news: Sequence[News] = ()
) -> Ground:
    """Return what quests may be about now."""
    return Ground(
        tuple(each for each in definition.people if Thing("person", each.id) not in gone),
        tuple(
            each
            for each in definition.goods
            if not each.unique
            and each.sold_at
            and each.id in world.obtainable
            and Thing("good", each.id) not in gone
        ),
        tuple(
            each
            for each in definition.places
            if each.id in world.reachable
            and not (each.owner or each.lock or each.hours)
            and Thing("place", each.id) not in gone
        ),
        tuple(news),
        {each.id: each.name for each in definition.factions},
    )


def task_id(seed: int, player: str, number: int) -> str:
    """Return the id of a player's so-manieth made quest."""
    return f"task_{sha256(f'{seed}/{player}/{number}'.encode()).hexdigest()[:20]}"


def made(ground: Ground, roll: Roll) -> dict[str, ConfigurationValue] | None:
    """Return a quest as a definition would write it; None if the world has nothing for one."""
    if len(ground.people) < 2 or not ground.goods or not ground.places:
        return None
    about = [each for each in ground.news if each.kind in SAYS]
    if about and roll.below(2, "news") and (found := _of_news(ground, roll, roll.of(about, "which"))):
        return found
    giver = roll.of(ground.people, "giver")
    return roll.of(MAKERS, "kind")(ground, roll, giver)


def _of_news(ground: Ground, roll: Roll, news: News) -> dict[str, Any] | None:
    """Return a watch where it happened, or an answer from the other side; None if nobody is there to ask."""
    concerned = [each for each in ground.people if each.faction in news.factions]
    there = [each for each in ground.places if each.id == news.place]
    if not concerned or not there:
        return None
    giver = roll.of(concerned, "giver")
    one, other = (ground.called.get(each, each) for each in (news.factions * 2)[:2])
    said = SAYS[news.kind].format(one=one, other=other, place=there[0].name)
    others = [each for each in concerned if each.faction != giver.faction]
    if others and roll.below(2, "answer"):
        quest = _message(replace(ground, people=(giver, *others)), roll, giver)
    else:
        quest = _watch(replace(ground, places=(there[0],)), roll, giver)
    first = next(iter(quest["stages"].values()))
    first["text"] = f"{said[0].upper()}{said[1:]}. {first['text']}"
    return {**quest, **_asked(ground, giver, quest["aim"], quest["word"])}


def _fetch(ground: Ground, roll: Roll, giver: Person) -> dict[str, Any]:
    good, count = roll.of(ground.goods, "good"), 1 + roll.below(COUNT_MAX, "count")
    pay = good.price.amount * count * 5 // 4 + FEE
    return {
        **_asked(
            ground, giver, f"bring me {good.name}" + (f", {count} of them" if count > 1 else ""), "errand"
        ),
        "stages": {
            "fetch": {
                "text": f"{giver.name} wants {count} times {good.name}. It is sold at {good.sold_at[0]}.",
                "do": [
                    {"collect": good.id, "count": count},
                    {"deliver": good.id, "count": count, "to": giver.id},
                ],
                "next": "done",
                **_deadline(roll),
            }
        },
        "ends": _ends(giver, f"{pay // 100}.{pay % 100:02} {good.price.currency}"),
    }


def _message(ground: Ground, roll: Roll, giver: Person) -> dict[str, Any]:
    other = roll.of([person for person in ground.people if person.id != giver.id], "other")
    return {
        **_asked(ground, giver, f"ask {other.name} for an answer", "answer"),
        "stages": {
            "ask": {
                "text": f"{giver.name} waits for an answer of {other.name}, {other.role}.",
                "do": [{"talk": other.id}],
                "next": "tell",
                **_deadline(roll),
            },
            "tell": {
                "text": f"Bring {giver.name} the answer.",
                "do": [{"talk": giver.id}],
                "next": "done",
                **_deadline(roll),
            },
        },
        "ends": _ends(giver, _fee(ground)),
    }


def _watch(ground: Ground, roll: Roll, giver: Person) -> dict[str, Any]:
    place, hours = roll.of(ground.places, "place"), 1 + roll.below(3, "hours")
    return {
        **_asked(ground, giver, f"keep watch at {place.name}", "watch"),
        "stages": {
            "watch": {
                "text": f"{giver.name} wants somebody at {place.name} for {hours} hours.",
                "do": [{"go": place.id}, {"wait": f"{hours} h"}],
                "next": "tell",
                **_deadline(roll),
            },
            "tell": {
                "text": f"Tell {giver.name} what there was.",
                "do": [{"talk": giver.id}],
                "next": [
                    {"to": "done", "choice": "Tell all of it."},
                    {"to": "kept", "choice": "Keep some of it."},
                ],
                **_deadline(roll),
            },
        },
        "ends": {
            **_ends(giver, _fee(ground)),
            "kept": {
                "outcome": "completed",
                "text": f"{giver.name} knows that there is more.",
                "reward": {"experience": 15},
            },
        },
    }


def _clear(ground: Ground, roll: Roll, giver: Person) -> dict[str, Any]:
    place = roll.of(ground.places, "place")
    return {
        **_asked(ground, giver, f"banish what comes to {place.name}", "banishing"),
        "stages": {
            "banish": {
                "text": f"Something comes to {place.name} that {giver.name} would have gone.",
                "do": [{"banish": place.id}],
                "next": "done",
                **_deadline(roll),
            }
        },
        "ends": _ends(giver, _fee(ground)),
    }


MAKERS: Sequence[Callable[[Ground, Roll, Person], dict[str, Any]]] = (_fetch, _message, _watch, _clear)


def _asked(ground: Ground, giver: Person, aim: str, word: str) -> dict[str, Any]:
    """Return what every quest says; who is of the giver's faction stands in for them."""
    kin = [each.id for each in ground.people if each.faction == giver.faction and each.id != giver.id]
    gone = {"rule": "close", "text": f"{giver.name} is gone, and nobody else asks for it."}
    if kin and giver.faction:
        told = f"{giver.name} is gone. Somebody else still asks for it."
        gone = {"rule": "pass_on", "to": kin[0], "text": told}
    return {
        "name": f"For {giver.name}"[:128],
        "aim": aim,
        "word": word,
        "giver": giver.id,
        "if_giver_gone": gone,
        "if_target_gone": {"rule": "close", "text": "It cannot be done any more. Nobody is to blame."},
    }


def _deadline(roll: Roll) -> dict[str, Any]:
    return {"within": f"{1 + roll.below(DAYS_MAX, 'days')} days", "late": "late"}


def _ends(giver: Person, pay: str) -> dict[str, Any]:
    standing = {"standing": {giver.faction: 0.01}} if giver.faction else {}
    return {
        "done": {
            "outcome": "completed",
            "text": f"{giver.name} pays, and says thank you.",
            "reward": {"money": [pay], "experience": 20, **standing},
        },
        "late": {"outcome": "failed", "text": f"{giver.name} has asked somebody else."},
    }


def _fee(ground: Ground) -> str:
    return f"{FEE // 100}.{FEE % 100:02} {ground.goods[0].price.currency}"
