"""What holds of every tale: nobody knows what nothing brought them, and the past is as it was."""

from collections import defaultdict
from collections.abc import Iterator
from random import Random

import pytest

from domain.beliefs.claims import Claim
from domain.beliefs.mind import Mind, Perceived
from tests.unit.beliefs.kit import Tale, event_id, holder, words
from tests.unit.kit import in_case

PEOPLE = ("ada", "bea", "cid", "dov", "player.ann")
ROOMS = ("inn", "lane", "mill")
CLAIMS = (
    "shut(place.inn)", "sold_out(place.lane, good.ale)", "sells(place.lane, good.ale)", "dead(person.eve)",
    "took(player.ben, place.inn, good.ale)", "hurt(player.ben, person.eve)",
    "lies_at(good.ring, place.box)", "lies_at(good.ring, place.jar)",
)  # fmt: skip


class Rover:
    """A tale that goes on at random, and who can know of which event by any path: kept beside, by itself."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.tale = Tale()
        self.where: dict[str, str] = {}
        self.asleep: set[str] = set()
        self.reached: defaultdict[str, set[str]] = defaultdict(set)
        """By event, who can know of it."""
        self.events: list[int] = []
        self.standing: defaultdict[str, list[int]] = defaultdict(list)
        """By room, the events by which it is shut, as one sees who comes."""

    def step(self) -> None:
        who = self.dice.choice([each for each in PEOPLE if each not in self.asleep])
        here = self.where.get(who)
        act = self.dice.random()
        if here is None:
            self._come(who)
        elif act < 0.2:
            self._reach(self.tale.goes(who), here)
            del self.where[who]
        elif act < 0.25 and who != "player.ann" and len(self.asleep) < 2:
            self.tale.sleeps(who)
            self.asleep.add(who)
        elif act < 0.6:
            self._happen(self.dice.choice(CLAIMS), here)
        else:
            self._talk(who, here)

    def _happen(self, claim: str, here: str) -> None:
        event = self.tale.happens(claim, here)
        self._reach(event, here)
        if claim.startswith("shut"):
            self.standing[here].append(event)

    def _come(self, who: str) -> None:
        self.where[who] = self.dice.choice(ROOMS)
        at = self.tale.comes(who, self.where[who])
        self._reach(at, self.where[who])
        for event in self.standing[self.where[who]]:
            self.reached[event_id(event)].update(self.awake(self.where[who]))

    def awake(self, room: str) -> Iterator[str]:
        yield from (who for who, at in self.where.items() if at == room and who not in self.asleep)

    def _reach(self, event: int, room: str) -> None:
        self.events.append(event)
        self.reached[event_id(event)].update(self.awake(room))

    def _talk(self, who: str, here: str) -> None:
        others = [each for each in self.awake(here) if each != who]
        knows = [event for event in self.events[-12:] if who in self.reached[event_id(event)]]
        if not others or not knows or who == "player.ann":
            return
        other, event = self.dice.choice(others), self.dice.choice(knows)
        if other == "player.ann":
            return
        self.tale.tells(who, other, event)
        self.reached[event_id(event)].add(other)


def rover(seed: int, steps: int = 120) -> Rover:
    found = Rover(seed)
    for _ in range(steps):
        found.step()
    return found


def test_nobody_knows_what_no_path_brought_them() -> None:
    seen = 0
    for seed in range(12):
        found = rover(seed)
        for who in PEOPLE:
            for belief in found.tale.beliefs.known(holder(who)):
                seen += 1
                with in_case(f"{seed}: {who} believes {belief.claim}"):
                    assert who in found.reached[belief.seen.root]
                    steps = [step.teller for step in belief.seen.steps]
                    assert holder(who) not in steps[-1:]
    assert seen > 500


def test_as_of_any_position_is_what_one_believed_then() -> None:
    for seed in range(6):
        found = Rover(seed)
        then: dict[int, dict[str, list[str]]] = {}
        for _ in range(120):
            found.step()
            beliefs = found.tale.beliefs
            then[found.tale.position] = {
                who: sorted(f"{each.claim} {each.seen.position}" for each in beliefs.known(holder(who)))
                for who in PEOPLE
            }
        for position, believed in list(then.items())[::7]:
            for who, wanted in believed.items():
                asked = found.tale.beliefs.known(holder(who), position=position)
                with in_case(f"{seed}: {who} at {position}"):
                    assert sorted(f"{each.claim} {each.seen.position}" for each in asked) == wanted


def test_the_order_of_what_has_nothing_to_do_with_each_other_does_not_matter() -> None:
    """What happens in two places to other people and things gives the same beliefs, whichever is first."""
    steps = [
        ["comes ada inn", "comes bea inn", "happens shut(place.inn) inn", "goes bea"],
        ["comes cid mill", "comes dov mill", "happens rules(faction.reds, place.mill) mill", "goes dov"],
    ]

    def believed(order: list[int]) -> dict[str, list[str]]:
        tale, todo = Tale(), [list(each) for each in steps]
        tale.comes("eve", "lane")
        for turn in order:
            verb, *rest = todo[turn].pop(0).split(" ", 1)
            if verb == "happens":
                claim, _, place = rest[0].rpartition(" ")
                tale.happens(claim, place)
            elif verb == "comes":
                tale.comes(*rest[0].split())
            else:
                tale.goes(rest[0])
        return {who: sorted(str(each.claim) for each in tale.beliefs.known(holder(who))) for who in PEOPLE}

    one = believed([0, 0, 0, 0, 1, 1, 1, 1])
    dice = Random(3)
    for _ in range(20):
        order = [0, 0, 0, 0, 1, 1, 1, 1]
        dice.shuffle(order)
        assert believed(order) == one, order


def perceived(claim: Claim, position: int) -> Perceived:
    return Perceived(claim, False, position, position, position, "", frozenset(("person.ada",)))


def test_a_mind_stays_within_its_bounds_and_forgets_no_promise_debt_or_death() -> None:
    mind, pinned = Mind(words(), held_max=20, past_max=30), set()
    for number in range(3_000):
        claim = Claim("took", f"player.p{number}", "place.inn", "good.ale")
        if number % 100 == 0:
            claim = Claim("promised", f"player.p{number}", "person.ada", "quest.comb")
            pinned.add(claim)
        if number % 100 == 1:
            claim = Claim("dead", f"person.p{number}")
            pinned.add(claim)
        mind.take_in(
            Perceived(claim, False, number, number, number, "", frozenset(("person.ada",))), "person.ada"
        )

    held = {belief.claim for belief in mind.held.values()}
    assert pinned <= held
    assert len(held - pinned) == 20
    assert len(mind.past) == 30
    with pytest.raises(LookupError):
        list(mind.as_of(mind.since - 1))


def test_what_spreads_least_is_forgotten_first() -> None:
    mind = Mind(words(), held_max=2)
    for number, claim in enumerate(
        (
            Claim("took", "player.ann", "place.inn", "good.ale"),
            Claim("arrived", "player.ben", "place.inn"),
            Claim("arrived", "player.cid", "place.inn"),
        )
    ):
        mind.take_in(
            Perceived(claim, False, number, number, number, "", frozenset(("person.ada",))), "person.ada"
        )

    assert [belief.claim.subject for belief in mind.held.values()] == ["player.ann", "player.cid"]


def test_what_is_kept_is_bounded_however_many_come_and_go() -> None:
    """Players who came once leave nothing for ever: neither facts, nor minds, nor empty shelves of either."""
    tale = Tale()
    tale.beliefs.facts.over_max = 60
    tale.comes("ada", "inn")
    for number in range(300):
        tale.comes(f"player.p{number}", "inn")
        tale.goes(f"player.p{number}")

    facts = tale.beliefs.facts
    assert len(facts.ask()) <= 62
    assert len(facts._states) <= 2
    assert len(facts._of) <= 60
    assert len(tale.beliefs.minds["person.ada"].held) <= 402
