"""What people remember: what happened to them and around them, what players told them, with the evidence."""

from collections.abc import Sequence
from random import Random

import numpy as np

from domain.beliefs.claims import read_claim
from domain.beliefs.mind import SURE, Perceived
from domain.memories.memories import DECAY, HOUR_MS, Memories, Shelf, recency
from domain.memories.recalling import Remembered, Wanted, recall
from tests.unit.beliefs.kit import MINUTE_MS, Tale, event_id, holder, words

UNA, NIB, ANN = "person.una", "person.nib", "player.ann"
LATER_MS = 10**12


class Remembering(Tale):
    """A tale that is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.memories = Memories(words())
        self.beliefs.perceives = self.memories.take

    def remembers(self, who: str, *about: str, **more: object) -> list[str]:
        return [str(each.seen.claim) for each in self.found(who, *about, **more)]

    def found(self, who: str, *about: str, **more: object) -> Sequence[Remembered]:
        wanted = Wanted(**{"now_ms": LATER_MS, "about": about, **more})  # type: ignore[arg-type]
        return recall(self.memories, holder(who), wanted, 100).found


def quay() -> Remembering:
    """Una and Nib are at the quay; Ann comes, hurts Nib, and goes."""
    tale = Remembering()
    tale.comes("una", "inn")
    tale.comes("nib", "inn")
    tale.comes("player.ann", "inn")
    tale.happens("hurt(player.ann, person.nib)", "inn")
    tale.goes("player.ann")
    return tale


def test_deeds_are_remembered_by_who_was_there_and_comings_of_people_are_not() -> None:
    tale = quay()
    came, hurt = "arrived(player.ann, place.inn)", "hurt(player.ann, person.nib)"

    assert tale.remembers("una", ANN) == [hurt, came]
    assert tale.remembers("nib") == [hurt, came]
    assert tale.found("nib")[0].importance > tale.found("una")[0].importance
    assert tale.remembers("gault") == tale.remembers("una", "player.ben") == []
    (first, *_) = tale.found("una", ANN)
    assert (first.seen.event, first.seen.position, first.seen.place) == (event_id(4), 4, "inn")


def test_what_a_player_says_is_remembered_as_their_word_and_as_nothing_more() -> None:
    tale = quay()
    tale.comes("player.ben", "inn")
    tale.says("player.ben", "price(place.inn, good.lamp_oil, number.5)", "una")
    tale.says("player.ben", "dead(person.nib)", "una")

    said = [each for each in tale.found("una", "player.ben") if each.seen.steps]
    assert {str(each.seen.claim) for each in said} == {
        "price(place.inn, good.lamp_oil, number.5)",
        "dead(person.nib)",
    }
    assert {each.seen.teller for each in said} == {"player.ben"}
    assert not tale.beliefs.facts.now(read_claim("dead(person.nib)"))
    assert tale.remembers("nib", "good.lamp_oil") == []


def test_the_same_is_remembered_once_whoever_tells_of_it() -> None:
    tale = quay()
    for who in ("gault", "hob"):
        tale.comes(who, "inn")
    tale.tells("una", "gault", 4)
    tale.tells("nib", "gault", 4)
    assert tale.remembers("gault", ANN) == ["hurt(player.ann, person.nib)"]
    assert tale.found("gault")[0].seen.teller == UNA
    tale.happens("hurt(player.ann, person.nib)", "inn")
    assert tale.remembers("gault", ANN) == ["hurt(player.ann, person.nib)"] * 2


def test_memories_are_told_as_of_a_position_and_of_a_game_time() -> None:
    tale = quay()
    tale.comes("gault", "inn")
    tale.tells("una", "gault", 4)

    assert tale.remembers("gault", position=6) == []
    assert tale.remembers("gault", position=7) == ["hurt(player.ann, person.nib)"]
    assert tale.remembers("una", ANN, now_ms=3 * MINUTE_MS) == ["arrived(player.ann, place.inn)"]
    assert tale.remembers("una", ANN, kinds=["arrived"]) == ["arrived(player.ann, place.inn)"]
    assert tale.remembers("una", ANN, newest=True)[0] == "hurt(player.ann, person.nib)"


def test_secrets_are_remembered_by_whom_they_name_only_and_from_their_stage_on() -> None:
    tale = Remembering()
    tale.comes("una", "inn")
    secret = read_claim("true_name(person.una, text.Ansa)")
    seen = Perceived(secret, False, 0, 1, 1, event_id(1), frozenset({UNA, NIB}))
    for who in (UNA, NIB):
        tale.memories.take(who, seen)
    pinned = tale.memories.words.predicates["true_name"].pinned
    assert not pinned
    assert tale.remembers("nib", stage=100) == []


def test_what_is_asked_about_more_wholly_and_what_is_fresher_comes_first() -> None:
    tale = quay()
    for _ in range(3):
        tale.happens("gave(player.ann, person.una, good.lamp_oil)")
    tale.happens("gave(player.ben, person.una, good.tin_saint)")

    both = tale.found("una", ANN, "good.tin_saint")
    assert {each.relevance for each in both} == {500}
    fresh = [each.seen.position for each in tale.found("una", "good.lamp_oil")]
    assert fresh == sorted(fresh, reverse=True)
    assert abs(float(recency(np.array([0]), HOUR_MS)[0]) - DECAY) < 1e-12


def made(dice: Random, count: int) -> list[Perceived]:
    kinds = ("hurt", "gave", "took", "dead")
    found = []
    for n in range(1, count + 1):
        kind, who = dice.choice(kinds), f"player.p{dice.randrange(9)}"
        text = {"dead": f"dead({who})", "hurt": f"hurt({who}, person.nib)"}
        claim = read_claim(text.get(kind, f"{kind}({who}, person.nib, number.{n})"))
        at_ms = dice.randrange(1_000) * HOUR_MS
        found.append(Perceived(claim, False, at_ms, n, n, event_id(n), frozenset({UNA}), "inn"))
    return found


def test_recall_is_what_a_look_at_every_memory_finds() -> None:
    dice = Random(4)
    memories, things = Memories(words()), made(dice, 400)
    for seen in things:
        memories.take(UNA, seen)
    for _ in range(40):
        about = dice.sample([f"player.p{n}" for n in range(10)], dice.randrange(3))
        now_ms, position = dice.randrange(900, 1_100) * HOUR_MS, dice.choice([None, dice.randrange(400)])
        wanted = Wanted(now_ms, about=about, position=position)
        scored = []
        for n, seen in enumerate(things):
            named = sum(name in seen.claim.arguments for name in about)
            if (about and not named) or seen.at_ms > now_ms or (position is not None and n >= position):
                continue
            worth = memories.shelves[UNA].worth[n] / SURE
            near = named / len(about) if about else 0.0
            score = worth + DECAY ** ((now_ms - seen.at_ms) / HOUR_MS) + near
            scored.append((-round(score, 9), -n))
        found = recall(memories, UNA, wanted, 20)
        assert [-n for _, n in sorted(scored)][:20] == [each.seen.position - 1 for each in found.found]
        assert found.left_off == max(0, len(scored) - 20)


def test_who_remembers_too_much_forgets_what_matters_least_and_nothing_that_is_pinned() -> None:
    memories, things = Memories(words(), loose_max=1_000), made(Random(7), 11_000)
    for seen in things:
        memories.take(UNA, seen)
    shelf = memories.shelves[UNA]
    pinned = [seen for seen in things if seen.claim.predicate == "dead"]

    assert [seen for seen in shelf.rows if seen.claim.predicate == "dead"] == pinned
    assert shelf.forgotten == len(things) - len(shelf.rows)
    assert memories.count == len(shelf.rows)
    assert recall(memories, UNA, Wanted(LATER_MS, kinds=["dead"]), 10**6).left_off == 0
    rebuilt = Shelf()
    for seen in shelf.rows:
        rebuilt.take(seen, 1, 0)
    assert {name: list(rows) for name, rows in rebuilt.named.items()} == {
        name: list(rows) for name, rows in shelf.named.items()
    }


def test_players_who_perceived_nothing_for_longest_make_room() -> None:
    memories, things = Memories(words(), rows_max=20), made(Random(1), 30)
    memories.take(UNA, things[0])
    for n, seen in enumerate(things):
        memories.take(f"player.p{n // 10}", seen)
    assert list(memories.shelves) == [UNA, "player.p2"]
    memories.lose(UNA)
    assert memories.count == 10
