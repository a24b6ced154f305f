"""What `aicore people` and `aicore explain` say in words."""

from aicore.audit.people import Told
from aicore.cli import explain, people
from domain.people.explain import Explained, Option
from domain.people.messages import PersonDecided

DECIDED = PersonDecided.from_example()
FOUND = {
    "name": "Una Pell",
    "role": "harbour constable",
    "doing": "talking",
    "with_person": "nib",
    "place": "ropewalk_quay",
    "reason": "free",
    "need": None,
    "needs": {"food": 512, "rest": 803},
    "mood": 655,
}


def test_a_person_is_told_in_five_lines() -> None:
    assert people.lines_of(FOUND) == [
        "Una Pell, harbour constable",
        "does    talking with nib at ropewalk_quay",
        "why     free",
        "needs   food 51 %, rest 80 %",
        "mood    65 %",
    ]
    bought = {"market": "drowned_bell", "good": "eel_pie", "quantity": 1, "coins": 6}
    purse = {"coins": 146, "currency": "crowns", "owed": 8, "carries": {"eat": 2}, "bought": bought}
    assert people.lines_of({**FOUND, "purse": purse})[5:] == [
        "purse   1.46 crowns, 0.08 crowns earned and not paid yet",
        "bought  1 eel_pie at drowned_bell for 0.06 crowns",
        "carries enough to eat 2 times",
    ]
    way = {**FOUND, "place": "", "bound_for": "drowned_bell", "reason": "need", "need": "food"}
    assert people.lines_of(way)[1:3] == [
        "does    talking with nib on the way to drowned_bell",
        "why     need: food",
    ]


def test_health_is_told_in_a_line() -> None:
    whole = {"who": "person.una_pell", "health": 1_000, "whole_ms": 7, "dead": None, "game_ms": 7}
    assert people.health_line(whole) == "person.una_pell has 100 % of their health"
    hurt = {**whole, "health": 755, "whole_ms": 7 + 17 * 3_600_000 + 1}
    assert people.health_line(hurt) == "person.una_pell has 75.5 % of their health, whole in 18 game hours"
    dead = {"person": "una_pell", "cause": "a knife", "place": "inn", "at_ms": 7, "estate": "estate.una_pell"}
    assert people.health_line({**whole, "dead": dead}) == "person.una_pell died of a knife at inn"


def test_a_decision_is_told_with_what_it_was_rather_than() -> None:
    option = Option("guard", "ropewalk_quay", {"want": 870}, "", DECIDED.score)
    told = Told(668, 12, Explained(DECIDED, DECIDED, [option], []))

    assert explain.lines_of(told) == [
        "event   668, at 19:00 of day 0",
        "does    guard at ropewalk_quay; rather than eat at drowned_bell",
        "why     routine",
        "needs   food 51 %, rest 80 %",
        "purse   46",
        "earned  8, to be paid now",
        "bought  1 eel_pie at drowned_bell for 6, before that",
    ]
    row = explain.row_of(told)
    assert (row["position"], row["differs"], row["options"][0]["want"]) == (668, [], 870)
    hungry = {"coins": 4, "owed": 7, "earned": 0, "bought": None, "missed": "sold_out"}
    going = DECIDED.model_copy(update={**hungry, "market": "drowned_bell", "pieces": 1})
    assert explain.lines_of(Told(1, 1, Explained(going, going, [], [])))[4:] == [
        "purse   4, 7 earned and not paid yet",
        "missed  what they wanted before: sold_out",
        "buys    1 at drowned_bell at most, once it begins",
    ]
    lost = DECIDED.model_copy(update={"lost": ["drowned_bell"], "coins": None})
    assert explain.lines_of(Told(1, 1, Explained(lost, lost, [], [])))[-1] == "taken   drowned_bell"
    fled = Told(1, 1, Explained(lost, lost, [], [], ["ropewalk_quay"]))
    assert explain.lines_of(fled)[-1] == "fears   ropewalk_quay: somebody was hurt there"


def test_a_name_is_as_good_as_an_id() -> None:
    assert explain.id_of("Una  Pell") == explain.id_of("una_pell") == "una_pell"
    assert explain.id_of("the Sexton") == "the_sexton"
