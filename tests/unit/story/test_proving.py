"""A text that names all of its plan need not say it: words that nobody wrote for it are asked for a proof."""

from dataclasses import replace

from aicore.content.line_files import CLAUSES, shipped_folder, shipped_signatures
from domain.story.clauses import Between, Stated, Thing, clause, read_clauses
from domain.story.plan import Act, Certainty, Kind
from domain.story.reading import Gate, Reading, read_back
from domain.story.saying import Saying
from tests.unit.story.test_reading import KILLED as KILLED_THEN
from tests.unit.story.test_reading import reading
from tests.unit.story.test_stating import (
    ADA,
    CORIN,
    FORTY,
    KEY,
    KILLED,
    LAST_NIGHT,
    MILL,
    OWES,
    QUAY,
    SILAS,
    UNA,
    against,
    thing,
)

FAIR = thing("faction.fair", "the Fair")
LAMPS = thing("faction.lamps", "the Lampmen")
THINGS = {
    Kind.PERSON: (ADA, CORIN),
    Kind.PLACE: (QUAY, MILL),
    Kind.FACTION: (FAIR, LAMPS),
    Kind.GOOD: (KEY, KEY),
    Kind.SUM: (FORTY, FORTY),
    Kind.TIME: (LAST_NIGHT, LAST_NIGHT),
    Kind.WEATHER: (thing("weather.fog", "fog"),) * 2,
    Kind.QUEST: (thing("quest.lamp", "the matter of the lamp"),) * 2,
}
SHUT = Stated("shut", (QUAY,))


def unsaid(text: str, against_: Reading) -> bool:
    return Gate.UNSAID in {stop.gate for stop in read_back(text, replace(against_, proof=True))}


def test_names_alone_do_not_say_what_is_claimed_of_them() -> None:
    for text in (
        "Corin Vey and Ada Gull.",
        "What Corin Vey did to Ada Gull, nobody will wash off.",
        "Corin Vey has a face for Ada Gull.",
        "Did Corin Vey kill Ada Gull?",
        "If Corin Vey killed Ada Gull, I know nothing of it.",
    ):
        assert unsaid(text, against(KILLED)), text
        assert not {stop.gate for stop in read_back(text, against(KILLED))} & {Gate.UNSAID}, "none is asked"

    for text in ("It was Corin Vey who killed Ada Gull.", "Ada Gull was murdered by Corin. I know."):
        assert not unsaid(text, against(KILLED)), text
    assert unsaid("The Quay? Ropewalk Quay.", against(SHUT))
    assert unsaid("Ada Gull. Corin Vey. Forty crowns!", against(OWES))


def test_a_denial_is_proved_by_what_it_denies_and_a_question_by_asking() -> None:
    assert not unsaid("Corin Vey did not kill Ada Gull.", against(KILLED, act=Act.DENY))
    assert unsaid("I never saw Corin Vey or Ada Gull.", against(KILLED, act=Act.DENY))
    assert not unsaid("Did Corin Vey kill Ada Gull?", against(KILLED, act=Act.ASK))
    assert not unsaid("Not a word of Corin Vey and Ada Gull.", against(KILLED, act=Act.REFUSE))


def test_who_is_not_sure_may_suppose_it() -> None:
    supposed = "Perhaps Corin Vey killed Ada Gull."
    sure = against(KILLED)

    assert unsaid(supposed, sure)
    assert not unsaid(supposed, replace(sure, saying=replace(sure.saying, certainty=Certainty.UNSURE)))


def test_each_claim_of_a_plan_is_asked_for() -> None:
    assert unsaid("Corin Vey killed Ada Gull, and there is Ropewalk Quay.", against(KILLED, SHUT))
    assert not unsaid("Corin Vey killed Ada Gull. Ropewalk Quay is shut.", against(KILLED, SHUT))


def test_what_was_written_for_the_claim_is_known_though_no_wording_is() -> None:
    """The language of `test_reading` has written lines and no wordings at all."""
    line = "It was last night that Corin Vey killed Ada Gull."
    then = reading(KILLED_THEN)
    assert not then.language.wordings.patterns

    assert not unsaid(f"{line} Sit low.", then)
    assert unsaid(f"{line} Sit low, I say.", then), "a sentence without a word of its predicate"
    assert unsaid("Corin Vey did for Ada Gull.", then)


def test_the_plain_clause_of_every_claim_is_read_by_wordings_alone() -> None:
    clauses, between = read_clauses((shipped_folder() / CLAUSES).read_text()), Between(UNA, SILAS)
    language = against().language
    assert not language.bank.vocabulary, "no written line is known"

    for predicate, signature in shipped_signatures().items():
        drawn: list[Thing] = []
        for role in signature:
            own = THINGS[min(role.kinds)]
            drawn.append(own[own[0] in drawn])
        for negated in (False, True):
            claim = Stated(predicate, tuple(drawn), negated=negated)
            text = clause(claim, between, Certainty.SURE, clauses)
            assert not unsaid(text, Reading(Saying(Act.TELL, between, (claim,)), language)), text
