"""What a stranger says first is answered to the point: what is sold, how late it is, "And she?"."""

import re
from collections.abc import Iterator
from random import Random

import pytest

from benchmarks.talk_worlds import WORLDS, evening, scored
from domain.beliefs.beliefs import Beliefs
from domain.definition.people import Person
from domain.story.clauses import framed
from domain.story.naming import clock_words
from domain.story.plan import Act
from domain.story.variety import ALIKE, likeness
from tests.unit.beliefs.kit import Tale
from tests.unit.beliefs.test_words import ANN, facts_of
from tests.unit.kit import in_case
from tests.unit.story.talk_kit import DAY_MS, Talking, cindermouth

POINT, WANTING = 0.85, 0.05


def test_a_stranger_is_answered_to_the_point_in_two_worlds() -> None:
    """`python -m benchmarks story` prints the shares; the kept half is for that and for this alone."""
    for name in WORLDS:
        for half, score in zip(("tuned", "kept"), scored(name), strict=True):
            with in_case(f"{name}, {half}"):
                assert score.answered >= POINT * score.said, (score.answered, score.said)
                assert score.unsaid <= WANTING * score.known, (score.unsaid, score.known)


def test_prices_and_the_sky_are_known_to_who_sees_them_and_to_whose_stall_it_is() -> None:
    talking = Talking()
    talking.tale.happens("price(place.lamp_yard, good.lamp_oil, number.45)", "lamp_yard")
    talking.tale.happens("weather(zone.harbour, weather.rain)")
    own, other = (talking.say("How much is lamp oil?", to=who).plan for who in ("nib", "una_pell"))
    assert (own.act, own.certainty) == ("answer", "likely"), "he works there, and is not there now"
    assert own.claims[0].evidence.event, "by the event that posted it"
    assert (other.act, [each.predicate for each in other.claims]) == ("not_know", ["sells"])
    talking.place = "lamp_yard"
    assert talking.say("How much is lamp oil?").plan.certainty == "sure", "who is there reads it"
    assert talking.say("Will it rain?").plan.claims[0].claim == "weather(zone.harbour, weather.rain)"
    talking.tale.happens("sold_out(place.lamp_yard, good.lamp_oil)", "lamp_yard")
    asked = talking.say("Do you sell lamp oil here?").plan
    assert [each.predicate for each in asked.claims] == ["sold_out"], "what they see ends what all know"


def test_not_to_know_points_to_what_helps_and_is_true() -> None:
    line = Talking().say("Who killed Odalys Pike?")
    assert line.plan.act == Act.NOT_KNOW
    assert [each.claim for each in line.plan.claims] == ["works_at(person.odalys_pike, place.tally_house)"]
    assert "works at the Tally House" in line.text
    assert Talking().say("Who killed Zaphod?").plan.claims == []


def test_what_one_remembers_of_a_player_is_what_they_did_and_said_and_never_that_it_is_so() -> None:
    talking = Talking()
    assert talking.say("Have we met?").plan.act == "not_know"
    talking.say("Odalys Pike is at the Lamp Yard")
    facts = facts_of(talking.tale)
    told = talking.say("What did I tell you?")
    (claim,) = told.plan.claims
    assert claim.claim == "told(player.ann, person.una_pell, claim.at(person.odalys_pike, place.lamp_yard))"
    assert "that Odalys Pike is at the Lamp Yard" in told.text
    assert claim.evidence.event, "the line by which she heard it"
    assert talking.say("Do you remember me?").plan.claims[0].predicate == "talked_with"
    assert talking.say("Where is Odalys Pike?").plan.claims[0].predicate == "works_at"
    assert facts_of(talking.tale) == facts
    talking.tale.happens("gave(player.ann, person.una_pell, good.eel_pie)")
    assert talking.say("Remember me?").plan.claims[0].claim == f"gave({ANN}, person.una_pell, good.eel_pie)"


def test_promises_are_answered_from_memory_and_not_adopted() -> None:
    talking = Talking()
    for words in ("You promised me lamp oil.", "You promised me a song!", "You owe me 30."):
        with in_case(words):
            plan = talking.say(words).plan
            assert (plan.act, plan.claims[0].over) == ("deny", True)
    talking.tale.happens("promised(person.una_pell, player.ann, good.lamp_oil)")
    kept = talking.say("You promised me lamp oil.").plan
    assert (kept.act, kept.claims[0].claim) == (
        "answer",
        "promised(person.una_pell, player.ann, good.lamp_oil)",
    )


def test_a_quest_can_be_spoken_of() -> None:
    """Its forms stand beside its name, which made it what no set can hold."""
    talking = Talking()
    talking.tale.happens("quest_offered(person.nib, quest.the_lamp_that_cried)")
    plan = talking.say("Do you have any work for me?", to="nib").plan
    assert (plan.act, plan.claims[0].predicate) == ("answer", "quest_offered")


def test_two_questions_are_answered_at_once_and_and_asks_the_same_of_another() -> None:
    both = Talking().say("Where is Nib, and who works at the Tally House?").plan
    assert [each.predicate for each in both.claims] == ["at", "works_at"]
    talking = evening("cindermouth")
    talking.say("Where is Gault?")
    assert talking.say("And Silas Wend?").heard.asks == talking.said[-2].heard.asks
    assert talking.say("What about him?").plan.claims[0].claim.startswith("at(person.silas_wend")


def test_the_hour_is_said_in_words() -> None:
    hour = DAY_MS // 24
    said = {
        0: "midnight",
        9.5: "half past nine in the morning",
        12: "noon",
        18.75: "a quarter to seven in the evening",
    }
    assert {at: clock_words(round(at * hour), DAY_MS) for at in said} == {
        at: f"about {words}" for at, words in said.items()
    }
    assert clock_words(23 * hour + 59 * hour // 60, DAY_MS) == "about midnight"


TRADES = {
    r"\b(?:my|a|own a|the) boat\b|\bferry\w*|\bmy fare\b|\bpassengers?\b": ("ferry",),
    r"\bthe law\b|\bmy (?:round|beat|whistle)\b": ("constable", "inspector", "sergeant"),
    r"\bi lend\b|\bpawn\w*|\bmy (?:counter|tickets)\b": ("pawn", "lend", "Unpawned"),
    r"\bthe figures\b|\bmy ledgers?\b": ("clerk", "ledger", "reeve"),
    r"\bletters stop working\b|\bi collect\b": ("collector",),
    r"\bnurse\b": ("nurse",),
    r"\bmy (?:stall|awning|barrow)\b": ("seller",),
}
"""What says somebody's trade, and words of the trades of which it is true."""

INTRODUCED, INTRODUCED_ALL = 4, 20


def introductions(count: int) -> Iterator[tuple[Person, str]]:
    """Yield what everybody in the sample world says to "Who are you?", so many times."""
    stage = cindermouth()
    for person in stage.definition.people:
        talking = Talking(Tale(Beliefs.of(stage.ground)), stage)
        for who in (person.id, ANN):
            talking.tale.comes(who, "ropewalk_quay")
        for _ in range(count):
            yield person, talking.say("Who are you?", to=person.id).text


@pytest.mark.parametrize(
    "count", [INTRODUCED, pytest.param(INTRODUCED_ALL, marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_nobody_says_that_they_are_somebody_else_or_have_anothers_trade(count: int) -> None:
    people = cindermouth().definition.people
    for person, text in introductions(count):
        with in_case(f"{person.id}: {text}"):
            low = text.lower()
            assert person.name.lower() in low, "who asks hears the name"
            for other in people:
                named = re.search(rf"\b{re.escape(other.name.lower())}\b", low)
                assert not named or other is person or other.name.lower() in person.name.lower()
                trade = re.search(rf"\b(?:am|is) (?:an?|the) {re.escape(other.role)}\b", low)
                assert not trade or other.role == person.role
            for form, roles in TRADES.items():
                own = any(role.lower() in person.role.lower() for role in roles)
                works = re.sub(r"\bi (?:work at|keep) [^.]*\.", "", low)
                assert own or not re.search(form, works)


def test_what_is_passed_over_for_speed_changes_no_likeness() -> None:
    dice, words = Random(1), ["alpha", "bo", "cat", "delta", "echo", "fig", "golf", "hut", "ink", "jam"]
    for _ in range(500):
        text, *others = (dice.choices(words, k=dice.randint(1, 9)) for _ in range(9))
        own, sets = frozenset(text), [frozenset(each) for each in others]
        most = max(len(own & each) / len(own | each) for each in sets)
        assert likeness(" ".join(text), sets) == most
        assert likeness(" ".join(text), sets, ALIKE) == max(ALIKE, most)


def test_a_claim_begins_a_sentence_with_a_capital_wherever_its_frame_has_it() -> None:
    said = "you came to the quay"
    framed_as = {
        "{claim}. Said it.": "You came to the quay. Said it.",
        "Boots off the table. {claim}.": "Boots off the table. You came to the quay.",
        "Mind: {claim}.": "Mind: you came to the quay.",
    }
    assert {frame: framed(frame, said, {}) for frame in framed_as} == framed_as
