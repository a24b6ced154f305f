"""Stories of who saw what moved, was told what, and left when; and what follows, by other means.

`Oracle` holds a mind for every chain of people and changes all of them at every step. It follows the same
rules as `domain.beliefs`, and shares nothing else with it: beliefs keep what was perceived together and
compute a chain when they are asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from random import Random

from domain.beliefs.claims import Claim
from tests.unit.beliefs.kit import Tale, holder

ORDER_MAX = 4
NOTHING = "-"


def told(steps: Sequence[str]) -> Tale:
    """Return the tale of a story."""
    tale = Tale()
    for step in steps:
        verb, who, *rest = step.split()
        match verb:
            case "comes":
                tale.comes(who, rest[0])
            case "goes":
                tale.goes(who)
            case "sleeps":
                tale.sleeps(who)
            case "moves":
                claim = f"lies_at(good.{rest[0]}, place.{rest[1]})"
                tale.happens(claim, tale.beliefs.presence.where[holder(who)])
            case "says":
                claim = f"lies_at(good.{rest[0]}, place.{rest[1].rstrip(':')})"
                tale.says(who, claim, *rest[2:])
            case _:
                raise AssertionError(step)
    return tale


def answered(tale: Tale, chain: Sequence[str], thing: str) -> str:
    """Return where the first of a chain thinks that … the last believes a thing; nobody: where it is."""
    if not chain:
        facts = tale.beliefs.facts.ask(f"good.{thing}", "lies_at")
        return facts[0].claim.object.partition(".")[2] if facts else NOTHING
    people = [holder(each) for each in chain]
    mind = tale.beliefs.minds.get(people[0]) if len(people) == 1 else tale.beliefs.thinks(people)
    held = mind.held.get(("lies_at", f"good.{thing}", "", "")) if mind else None
    assert held is None or isinstance(held.claim, Claim)
    return held.claim.object.partition(".")[2] if held else NOTHING


@dataclass
class Thought:
    """What a chain ends in: where the thing lies, of when that is, where it was seen (told: "")."""

    where: str
    at: int
    place: str = ""
    step: int = 0


@dataclass
class Oracle:
    """Minds of minds, changed at every step."""

    people: Sequence[str]
    order: int = ORDER_MAX
    thing: str = NOTHING
    step: int = 0
    minds: dict[tuple[str, ...], Thought] = field(default_factory=dict)
    rooms: dict[str, str] = field(default_factory=dict)
    came: dict[str, int] = field(default_factory=dict)
    asleep: set[str] = field(default_factory=set)
    left: dict[tuple[tuple[str, ...], str, str], bool] = field(default_factory=dict)
    """By chain, person and room: whether the last that was perceived of them there is that they left."""

    def chains(self, group: Sequence[str], least: int = 1) -> Iterator[tuple[str, ...]]:
        for length in range(least, self.order + 1):
            for chain in product(group, repeat=length):
                if all(one != other for one, other in pairwise(chain)):
                    yield chain

    def there(self, room: str) -> list[str]:
        return [who for who, where in self.rooms.items() if where == room and who not in self.asleep]

    def run(self, steps: Sequence[str]) -> "Oracle":
        for text in steps:
            self.step += 1
            verb, who, *rest = text.split()
            match verb:
                case "comes":
                    self.rooms[who], self.came[who] = rest[0], self.step
                    self._saw_people(self.there(rest[0]), [*self._in(rest[0])], rest[0])
                case "goes":
                    room = self.rooms[who]
                    for chain in self.chains(self.there(room)):
                        self.left[chain, who, room] = True
                    del self.rooms[who]
                case "sleeps":
                    self.asleep.add(who)
                case "moves":
                    self.thing, room = rest[1], self.rooms[who]
                    for chain in self.chains(self.there(room)):
                        self.minds[chain] = Thought(rest[1], self.step, room, self.step)
                case "says":
                    self._says(who, rest[1].rstrip(":"), rest[2:])
        return self

    def _in(self, room: str) -> Iterator[str]:
        yield from (who for who, where in self.rooms.items() if where == room)

    def _saw_people(self, group: Sequence[str], seen: Sequence[str], room: str) -> None:
        for chain in self.chains(group):
            for who in seen:
                self.left[chain, who, room] = False

    def _says(self, teller: str, where: str, hearers: Sequence[str]) -> None:
        own = self.minds.get((teller,))
        at = own.at if own and own.where == where else self.step
        room, meant = self.rooms[teller], dict[tuple[str, ...], bool]()
        for chain in self.chains([teller, *hearers]):
            before = self.minds.get(chain)
            other = before is None or before.where != where
            if chain[-1] == teller:
                meant[chain] = meant.get(chain[:-1], False)
                takes = meant[chain]
            else:
                newer = before is not None and other and before.at > at
                lied = before is not None and other and not newer and self._lied(chain, before, teller, room)
                meant[chain], takes = not lied, not lied and not newer
            if takes and other:
                self.minds[chain] = Thought(where, at)

    def _lied(self, chain: tuple[str, ...], before: Thought, teller: str, room: str) -> bool:
        looks = before.place == room and before.step >= self.came.get(chain[-1], 2**63)
        return bool(before.place) and (looks or self.left.get((chain, teller, before.place), False))

    def answer(self, chain: Sequence[str]) -> str:
        if not chain:
            return self.thing
        thought = self.minds.get(tuple(chain))
        return thought.where if thought else NOTHING


PEOPLE, ROOMS, SPOTS = ("ada", "bea", "cid", "dov"), ("inn", "lane"), ("basket", "box", "jar", "chest")


def leaving(dice: Random) -> list[str]:
    """All see it moved, and leave one after the other; who is left moves it."""
    order = dice.sample(PEOPLE, 4)
    steps = [f"comes {who} inn" for who in order]
    for who in order:
        steps += [f"moves {who} ring {dice.choice(SPOTS)}", f"goes {who}"]
    return steps


def lying(dice: Random) -> list[str]:
    """As before; then some meet in the lane, and one says something, true or not, to one or to all."""
    steps, met = leaving(dice), dice.sample(PEOPLE, 3)
    steps += [f"comes {who} lane" for who in met]
    for teller in dice.sample(met, 2):
        hearers = [who for who in met if who != teller]
        steps.append(f"says {teller} ring {dice.choice(SPOTS)}: {' '.join(hearers[: dice.randint(1, 2)])}")
    return steps


def wandering(dice: Random) -> list[str]:
    """People come and go, move it where they are, sleep, and tell each other this and that."""
    steps, rooms, asleep = [], dict.fromkeys(PEOPLE, ""), set[str]()
    for _ in range(16):
        who = dice.choice(PEOPLE)
        others = [each for each in PEOPLE if each != who and rooms[each] == rooms[who] and each not in asleep]
        act = dice.random()
        if who in asleep:
            continue
        if not rooms[who]:
            rooms[who] = dice.choice(ROOMS)
            steps.append(f"comes {who} {rooms[who]}")
        elif act < 0.25:
            rooms[who] = ""
            steps.append(f"goes {who}")
        elif act < 0.6 or not others:
            steps.append(f"moves {who} ring {dice.choice(SPOTS)}")
        elif act < 0.65:
            asleep.add(who)
            steps.append(f"sleeps {who}")
        else:
            heard = dice.sample(others, dice.randint(1, len(others)))
            steps.append(f"says {who} ring {dice.choice(SPOTS)}: {' '.join(heard)}")
    return steps


def relayed(dice: Random) -> list[str]:
    """One saw it and tells another, who goes on with it, in good faith or not; a third moves it meanwhile."""
    one, two, three, four = dice.sample(PEOPLE, 4)
    first, then = dice.sample(SPOTS, 2)
    return [
        f"comes {one} inn", f"comes {four} inn", f"comes {two} lane", f"comes {three} lane",
        f"moves {one} ring {first}", f"goes {one}", f"moves {four} ring {then}", f"comes {one} lane",
        f"says {one} ring {dice.choice(SPOTS)}: {two}", f"goes {one}",
        f"says {two} ring {dice.choice(SPOTS)}: {three}", f"goes {four}", f"comes {four} lane",
        f"says {four} ring {then}: {dice.choice([two, three])}",
    ]  # fmt: skip


SHAPES = (leaving, lying, relayed, wandering)


def asks(story: Sequence[str], dice: Random, of_each_order: int) -> Iterator[tuple[str, ...]]:
    """Yield chains to ask of, of each order from 0 on."""
    yield ()
    for order in range(1, ORDER_MAX + 1):
        for _ in range(of_each_order):
            chain = [dice.choice(PEOPLE)]
            while len(chain) < order:
                chain.append(dice.choice([each for each in PEOPLE if each != chain[-1]]))
            yield tuple(chain)


def scored(stories: int, seed: int = 1, of_each_order: int = 12) -> dict[int, tuple[int, int]]:
    """Return by order how many questions were asked, and how many were answered as the oracle does."""
    found = dict.fromkeys(range(ORDER_MAX + 1), (0, 0))
    for number in range(stories):
        dice = Random(seed * 1_000_003 + number)
        story = SHAPES[number % len(SHAPES)](dice)
        tale, oracle = told(story), Oracle(PEOPLE).run(story)
        for chain in asks(story, dice, of_each_order):
            asked, right = found[len(chain)]
            same = answered(tale, chain, "ring") == oracle.answer(chain)
            found[len(chain)] = asked + 1, right + same
    return found
