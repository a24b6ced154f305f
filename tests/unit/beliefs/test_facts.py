"""What is true: facts begin and end by declared structure, and are asked as of both times."""

from random import Random

import pytest

from domain.beliefs.changes import Begins, Change, Ends, Retires
from domain.beliefs.claims import Claim, read_claim
from domain.beliefs.facts import Facts
from domain.kernel.decider import Rejected
from tests.unit.beliefs.kit import MINUTE_MS, words
from tests.unit.kit import in_case

AT = Claim("at", "person.ada", "place.inn")


def facts(*said: str, over_max: int = 1_000) -> Facts:
    """Return facts after claims, a minute each; ``!`` before one ends it."""
    found = Facts(words(), over_max)
    for position, text in enumerate(said, 1):
        claim = read_claim(text.removeprefix("!"))
        kind = Ends if text.startswith("!") else Begins
        found.apply([kind(claim, position * MINUTE_MS)], position, str(position))
    return found


def holding(
    found: Facts, argument: str = "", *, at_ms: int | None = None, position: int | None = None
) -> list[str]:
    return sorted(str(fact.claim) for fact in found.ask(argument, at_ms=at_ms, position=position))


def test_a_claim_is_read_as_it_is_written() -> None:
    for text in (
        "dead(person.ada)",
        "at(person.ada, place.inn)",
        "owes(person.ada, player.ann, text.a cow, or two)",
        "told(person.ada, person.bea, claim.at(person.cid, place.inn))",
    ):
        with in_case(text):
            assert str(read_claim(text)) == text
    for text in ("", "at", "at(person.ada", "At(person.ada)", "at person.ada"):
        with in_case(text), pytest.raises(Rejected):
            read_claim(text)


def test_only_declared_claims_are_facts() -> None:
    found = facts(
        "flies(person.ada)", "at(person.ada)", "at(place.inn, place.inn)", "dead(person.ada, place.inn)"
    )

    assert holding(found) == []
    assert found.unadopted == 4


def test_what_there_is_one_of_ends_the_one_before() -> None:
    found = facts(
        "at(person.ada, place.inn)",
        "at(person.bea, place.inn)",
        "at(person.ada, place.lane)",
        "keeps(person.ada, place.inn)",
        "keeps(person.bea, place.inn)",
        "price(place.inn, good.ale, number.4)",
        "price(place.inn, good.pie, number.4)",
        "price(place.inn, good.ale, number.5)",
    )

    assert holding(found) == [
        "at(person.ada, place.lane)",
        "at(person.bea, place.inn)",
        "keeps(person.bea, place.inn)",
        "price(place.inn, good.ale, number.5)",
        "price(place.inn, good.pie, number.4)",
    ]


def test_what_excludes_ends_whichever_was_before_both_ways_round() -> None:
    found = facts("allied(faction.reds, faction.blues)", "in_feud(faction.blues, faction.reds)")
    assert holding(found) == ["in_feud(faction.blues, faction.reds)"]

    found = facts("likes(person.ada, person.bea)", "dislikes(person.bea, person.ada)")
    assert len(holding(found)) == 2

    found = facts("sells(place.inn, good.ale)", "sold_out(place.inn, good.ale)", "sells(place.inn, good.ale)")
    assert holding(found) == ["sells(place.inn, good.ale)"]


def test_the_dead_are_nowhere_and_go_nowhere() -> None:
    found = facts("at(person.ada, place.inn)", "dead(person.ada)", "at(person.ada, place.lane)")

    assert holding(found, "person.ada") == ["dead(person.ada)"]
    assert found.unadopted == 1


def test_a_kept_promise_ends_that_promise_and_no_other() -> None:
    promised = "promised(player.ann, person.ada, quest.comb)"
    found = facts(
        promised,
        "promised(player.ann, person.ada, quest.bell)",
        "promised(player.ben, person.ada, quest.comb)",
        "kept_promise(player.ann, person.ada, quest.comb)",
        promised,
    )

    assert holding(found, "player.ann", at_ms=4 * MINUTE_MS) == [
        "kept_promise(player.ann, person.ada, quest.comb)",
        "promised(player.ann, person.ada, quest.bell)",
    ]
    assert promised in holding(found)


def test_what_is_retired_ends_every_state_that_names_it() -> None:
    found = facts(
        "at(person.ada, place.inn)", "likes(person.bea, person.ada)", "arrived(person.ada, place.inn)"
    )

    found.apply([Retires("person.ada", 4 * MINUTE_MS)], 4, "4")

    assert holding(found) == ["arrived(person.ada, place.inn)"]


def test_what_holds_both_ways_is_one_fact_and_the_inverse_asks_from_the_other_side() -> None:
    found = facts(
        "kin(person.bea, person.ada)", "kin(person.ada, person.bea)", "rules(faction.reds, place.inn)"
    )

    assert holding(found, "person.ada") == ["kin(person.ada, person.bea)"]
    assert [fact.claim.subject for fact in found.ask("place.inn", "ruled_by")] == ["faction.reds"]


def test_the_same_claim_twice_is_one_fact() -> None:
    found = facts(str(AT), str(AT))

    (fact,) = found.ask("person.ada")
    assert (fact.begun, fact.from_ms) == (1, MINUTE_MS)


def test_pinned_facts_are_never_let_go_and_the_bound_holds() -> None:
    found = Facts(words(), over_max=50)
    owes = Claim("owes", "person.ada", "person.bea", "number.9")
    found.apply([Begins(owes, 0)], 1, "1")
    for position in range(2, 1_000):
        place = f"place.p{position % 7}"
        changes: list[Change] = [
            Begins(Claim("at", "person.ada", place), position),
            Begins(Claim("arrived", "person.ada", place), position),
        ]
        found.apply(changes, position, "")

    assert found.now(owes)
    assert len(found.ask()) <= 53
    with pytest.raises(LookupError):
        found.ask("person.ada", position=10)
    assert [fact.claim.object for fact in found.ask("person.ada", "at", position=990)] == ["place.p3"]


PREDICATES = (
    "at", "keeps", "price", "allied", "in_feud", "likes", "dislikes", "shut", "owes", "sells", "sold_out",
)  # fmt: skip


def script(seed: int, count: int) -> list[tuple[Change, int]]:
    """Return facts that change, a position each, over a few subjects."""
    dice, made = Random(seed), list[tuple[Change, int]]()
    for position in range(1, count + 1):
        predicate = words().predicates[dice.choice(PREDICATES)]
        arguments = [
            f"{kind}.{'abcdefgh'[dice.randrange(8)]}" if kind != "number" else f"number.{dice.randrange(9)}"
            for kinds in (predicate.subject, predicate.object, predicate.value)
            for kind in (kinds[:1] if kinds else ())
        ]
        claim = Claim(predicate.id, *arguments)
        kind = Ends if dice.random() < 0.15 else Begins
        made.append((kind(claim, position * MINUTE_MS), position))
    return made


def expected(script_: list[tuple[Change, int]], each: int) -> dict[int, set[str]]:
    """Say what holds by the declarations read anew, after every so many: what nothing later ended."""
    holds: dict[str, Claim] = {}
    found = {}
    for change, position in script_:
        assert isinstance(change, Begins | Ends)
        claim = words().normal(change.claim)
        assert claim
        over = isinstance(change, Ends)
        for key, other in list(holds.items()):
            if other == claim if over else other != claim and rivals(claim, other):
                del holds[key]
        if not over:
            holds.setdefault(str(claim), claim)
        if position % each == 0:
            found[position] = set(holds)
    return found


def rivals(one: Claim, other: Claim) -> bool:
    predicate = words().predicates[one.predicate]
    if one.predicate == other.predicate:
        match predicate.one_per:
            case "subject":
                return one.subject == other.subject
            case "object":
                return one.object == other.object
            case "pair":
                return one[1:3] == other[1:3]
            case _:
                return False
    back = words().predicates[other.predicate].excludes
    excluded = other.predicate in predicate.excludes or one.predicate in back
    return excluded and one[1:] == other[1:]


def test_a_thousand_facts_that_change_are_right_now_and_as_of_any_position() -> None:
    """Now, as of 40 positions and as of 40 game times; and nothing unrelated has ended."""
    made = script(7, 1_000)
    found = Facts(words())
    for change, position in made:
        found.apply([change], position, str(position))

    for position, holds in expected(made, 25).items():
        assert set(holding(found, position=position)) == holds, position
        assert set(holding(found, at_ms=position * MINUTE_MS)) == holds, position
    assert set(holding(found)) == holds


def test_as_of_a_position_is_what_folding_up_to_it_gives() -> None:
    made = script(8, 300)
    whole = Facts(words())
    for change, position in made:
        whole.apply([change], position, str(position))

    part = Facts(words())
    for change, position in made:
        part.apply([change], position, str(position))
        if position % 10 == 0:
            assert holding(part) == holding(whole, position=position), position
