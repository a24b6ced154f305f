"""Who was there and awake knows it, who was told knows it by whom, and nobody else does."""

from dataclasses import replace

import pytest

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.claims import Claim
from domain.beliefs.mind import Conclusion
from domain.beliefs.vocabulary import vocabulary
from tests.unit.beliefs.kit import Tale, event_id, ground, words


def test_who_is_there_and_awake_knows_and_nobody_else() -> None:
    tale = Tale()
    for who, place in (("ada", "inn"), ("bea", "inn"), ("cid", "lane")):
        tale.comes(who, place)
    tale.sleeps("bea")

    tale.comes("player.ann", "inn")

    at = "at(player.ann, place.inn)"
    assert tale.knows("ada", at)
    assert not tale.knows("bea", at)
    assert not tale.knows("cid", at)
    assert tale.knows("player.ann", at)


def test_who_comes_sees_who_is_there_and_what_stands_there() -> None:
    tale = Tale()
    tale.comes("ada", "inn")
    tale.happens("shut(place.inn)", "inn")
    tale.happens("sold_out(place.inn, good.ale)", "inn")

    tale.comes("bea", "inn")

    assert tale.knows("bea", "at(person.ada, place.inn)")
    assert tale.knows("bea", "shut(place.inn)")
    assert not tale.knows("bea", "sold_out(place.inn, good.ale)")


def test_what_moves_a_player_is_what_they_saw_done_and_nothing_that_they_were_told() -> None:
    words_ = {each.id: each for each in words().predicates.values()}
    moving = vocabulary([replace(words_["killed"], tension=450), words_["at"], words_["dead"]])
    tale = Tale(Beliefs.of(ground(vocabulary=moving)))
    for who, place in (("ada", "inn"), ("player.ann", "inn"), ("player.ben", "lane"), ("cid", "lane")):
        tale.comes(who, place)
    killed = tale.happens("killed(person.ada, person.dot)", "inn")
    tale.happens("dead(person.dot)", "inn")
    tale.says("ada", "killed(person.ada, person.dot)", "player.ann", "player.ben")

    assert [(each.position, each.claim.predicate) for each in tale.beliefs.sights["player.ann"]] == [
        (killed, "killed")
    ]
    assert not tale.beliefs.sights["player.ben"]


def test_who_comes_to_a_crowd_makes_as_many_perceptions_as_are_there_and_not_their_square() -> None:
    """The scar: 45 people on each of 64 places kept the process of commands busy for minutes."""
    tale = Tale()
    taken: list[tuple[str, str]] = []
    for number in range(30):
        tale.comes(f"player.p{number}", "inn")
    tale.beliefs.perceives = lambda holder, seen: taken.append((holder, seen.claim.subject))

    tale.comes("player.ann", "inn")

    assert len(set(taken)) == 31 + 30
    assert len(taken) <= 4 * 31
    assert {each for holder, each in taken if holder == "player.p7"} == {"player.ann"}
    assert tale.knows("player.ann", "at(player.p7, place.inn)")
    thought = tale.beliefs.thinks(("player.p7", "player.ann"))
    assert thought.believes(Claim("at", "player.p3", "place.inn"))


def test_it_is_looked_for_whom_to_forget_at_twice_as_many_and_not_at_each_thing_that_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The scar: of more players than are kept, who all were there, each perception looked at all of them."""
    looks: list[int] = []
    make_room = Beliefs._make_room

    def look(beliefs: Beliefs) -> None:
        looks.append(len(beliefs.minds))
        make_room(beliefs)

    monkeypatch.setattr("domain.beliefs.beliefs.PLAYERS_MAX", 4)
    monkeypatch.setattr(Beliefs, "_make_room", look)
    tale = Tale()
    tale.beliefs._room = 4

    for number in range(20):
        tale.comes(f"player.p{number}", "inn")
    assert looks == [4, 8, 16]
    assert len(tale.beliefs.minds) == 20, "all are there"
    for number in range(20):
        tale.goes(f"player.p{number}")
    for number in range(20, 40):
        tale.comes(f"player.p{number}", "lane")

    assert looks == [4, 8, 16, 32]
    assert len(tale.beliefs.minds) == 20 + 2, "all who are there, and half of four"


def test_who_left_is_believed_where_they_were_seen_last() -> None:
    tale = Tale()
    tale.comes("ada", "inn")
    tale.comes("bea", "inn")
    tale.comes("cid", "inn")
    tale.goes("cid")

    tale.goes("ada")
    tale.comes("ada", "lane")

    assert tale.knows("cid", "at(person.ada, place.inn)")
    assert not tale.knows("bea", "at(person.ada, place.inn)")
    assert tale.beliefs.facts.now(Claim("at", "person.ada", "place.lane"))
    assert not tale.knows("bea", "at(person.ada, place.lane)")


def test_what_one_is_told_leads_back_to_who_saw_it() -> None:
    tale = Tale()
    for who, place in (("ada", "inn"), ("bea", "lane"), ("cid", "mill")):
        tale.comes(who, place)
    came = tale.comes("player.ann", "inn")
    first = tale.tells("ada", "bea", came)
    second = tale.tells("bea", "cid", came, evidence=first, hands=1)

    belief = tale.beliefs.minds["person.cid"].believes(Claim("at", "player.ann", "place.inn"))

    assert belief is not None
    assert [(step.teller, step.position) for step in belief.seen.steps] == [
        ("person.ada", first),
        ("person.bea", second),
    ]
    assert (belief.evidence, belief.confidence, belief.seen.root) == ("hearsay", 640, event_id(came))


def test_older_news_does_not_replace_what_one_saw_since() -> None:
    tale = Tale()
    tale.comes("ada", "inn")
    tale.comes("bea", "lane")
    came = tale.comes("player.ann", "inn")
    tale.goes("player.ann")
    tale.comes("player.ann", "lane")

    tale.tells("ada", "bea", came)

    assert tale.knows("bea", "at(player.ann, place.lane)")
    assert not tale.knows("bea", "at(player.ann, place.inn)")


def test_what_all_know_is_known_until_one_sees_otherwise() -> None:
    rules = Claim("rules", "faction.reds", "territory.lanes")
    tale = Tale(Beliefs.of(ground(common=frozenset({rules}))))
    tale.comes("ada", "inn")
    tale.comes("bea", "mill")

    tale.happens("rules(faction.blues, territory.lanes)", "inn")

    assert not tale.knows("ada", str(rules))
    assert tale.knows("ada", "rules(faction.blues, territory.lanes)")
    assert tale.knows("bea", str(rules))
    assert not tale.knows("player.ann", str(rules))


def test_who_sees_that_it_is_over_knows_that_too() -> None:
    keeps = Claim("keeps", "person.ada", "place.inn")
    tale = Tale(Beliefs.of(ground(common=frozenset({keeps}))))
    tale.comes("bea", "inn")
    tale.comes("cid", "lane")

    tale.happens(str(keeps), "inn", over=True)

    assert not tale.knows("bea", str(keeps))
    assert tale.knows("cid", str(keeps))


def test_the_dead_perceive_nothing_and_are_nowhere() -> None:
    tale = Tale()
    tale.comes("ada", "inn")
    tale.comes("bea", "inn")
    tale.happens("dead(person.bea)", "inn")
    tale.comes("cid", "inn")

    assert tale.knows("ada", "dead(person.bea)")
    assert not tale.knows("ada", "at(person.bea, place.inn)")
    assert not tale.knows("bea", "at(person.cid, place.inn)")
    assert not tale.beliefs.facts.ask("person.bea", "at")


def test_a_secret_is_known_to_its_party_and_told_to_nobody() -> None:
    tale = Tale()
    tale.comes("ada", "inn")
    tale.comes("bea", "inn")
    event = tale.happens("true_name(person.ada, text.Wren)", "inn")
    tale.tells("ada", "bea", event)
    tale.says("ada", "true_name(person.ada, text.Wren)", "bea")

    assert words().predicates["true_name"].secret
    assert not tale.knows("bea", "true_name(person.ada, text.Wren)")


def test_a_version_without_a_predicate_ends_its_claims_and_the_world_goes_on() -> None:
    tale = Tale()
    tale.comes("ada", "inn")
    came = tale.comes("bea", "inn")
    tale.happens("shut(place.inn)", "inn")
    fewer = vocabulary(each for each in words().predicates.values() if each.id not in ("at", "shut", "dead"))

    tale.beliefs.redefine(ground(vocabulary=fewer), tale.position, "")
    tale.comes("cid", "inn")
    tale.goes("ada")
    tale.tells("bea", "cid", came)

    assert not tale.beliefs.facts.ask(predicate="at")
    assert {each.claim.predicate for each in tale.beliefs.known("person.bea")} == {"arrived", "left"}
    assert [step.teller for each in tale.beliefs.known("person.cid") for step in each.seen.steps] == [
        "person.bea"
    ]
    tale.beliefs.redefine(ground(), tale.position, "")
    tale.comes("dov", "inn")
    assert tale.knows("cid", "at(person.dov, place.inn)")


def test_of_what_there_is_one_from_now_on_the_newest_is_left() -> None:
    tale = Tale()
    tale.happens("works_at(person.ada, place.inn)")
    tale.happens("works_at(person.ada, place.lane)")
    single = [
        replace(each, one_per="subject") for each in words().predicates.values() if each.id == "works_at"
    ]

    tale.beliefs.redefine(ground(vocabulary=vocabulary(single)), 3, "")

    assert [fact.claim.object for fact in tale.beliefs.facts.ask("person.ada")] == ["place.lane"]


def test_what_one_concludes_is_held_as_surely_as_it_shows_and_shakes_nothing_surer() -> None:
    tale = Tale()
    tale.comes("player.ann", "inn")
    seen = tale.happens("hurt(person.bea, person.ada)", "inn")
    tale.happens("promised(player.ann, person.ada, number.3)", "inn")

    def concludes(claim: str, sure: int, about: int) -> None:
        tale.position += 1
        found = Conclusion(claim, sure, about * 60_000, event_id(about), about, "inn")
        tale.beliefs.conclude("player.ann", found, event_id(tale.position), tale.position)

    def sure_of(claim: str) -> tuple[int, str, bool]:
        held = [each for each in tale.beliefs.known("player.ann") if str(each.claim) == claim]
        return (held[0].confidence, held[0].evidence, held[0].doubted) if held else (0, "", False)

    hurt, killed = "hurt(person.bea, person.ada)", "killed(person.bea, person.ada)"
    broke = "broke_promise(player.ann, person.ada, number.3)"
    for about in (seen, seen + 1):
        concludes(hurt, 300, about)
        assert sure_of(hurt) == (1_000, "witnessed", False)
    concludes(killed, 400, seen)
    concludes(killed, 700, seen)
    concludes(killed, 500, seen)
    assert sure_of(killed) == (700, "inferred", False)
    concludes("shut(place.inn)", 600, seen)
    assert sure_of("shut(place.inn)") == (600, "inferred", False)
    concludes("at(player.ann, place.mill)", 900, tale.position)
    assert sure_of("at(player.ann, place.mill)") == (900, "inferred", True), "they see where they are"
    concludes(broke, 800, seen)
    assert sure_of("promised(player.ann, person.ada, number.3)")[0] == 1_000, "nor by what it ends"

    tale.comes("ada", "inn")
    tale.says("player.ann", killed, "ada")
    told = next(each for each in tale.beliefs.known("person.ada") if str(each.claim) == killed)
    assert (told.confidence, told.seen.basis) == (700 * 4 // 5 // 2, "inferred")
