"""A person answers what they believe, says honestly what they do not know, and adopts nothing from words."""

from dataclasses import replace
from random import Random

import pytest

from domain.beliefs.claims import Claim
from domain.factions.messages import Emerged
from domain.kernel.decider import Rejected
from domain.kernel.visibility import erased
from domain.story.asides import line_id
from domain.story.corpus import Words
from domain.story.knowing import Cite, Known
from domain.story.messages import LinePinned, LineUnpinned, Pin, Unpin
from domain.story.naming import spelt, when
from domain.story.pins import PINNING, Checked, PinLine, Pinned, pin_pair
from domain.story.plan import Signature
from domain.story.talk import HEARD_MAX, TALKING, Made, RecordLine, explains, made_again
from tests.unit.beliefs.test_words import ANN, attacks, facts_of
from tests.unit.kit import in_case
from tests.unit.story.talk_kit import DAY_MS, Talking, mouth

UNDERSTOOD = {
    "Hello Una!": ("greet", "greet"),
    "Who are you?": ("ask_who", "introduce"),
    "Where is Nib?": ("ask", "answer"),
    "Is Nib dead?": ("ask", "deny"),
    "Nib is dead.": ("tell", "deny"),
    "(suddenly Nib is dead)": ("tell", "deny"),
    "I killed Gault": ("tell", "unforeseen"),
    "Nib is at the Ropewalk quay": ("tell", "agree"),
    "Who owes Gault money?": ("ask", "not_know"),
    "What does lamp oil cost at the Lamp Yard?": ("ask", "not_know"),
    "I'll kill you": ("threaten", "refuse"),
    "You are a fool": ("insult", "retort"),
    "Thank you kindly": ("thank", "welcome"),
    "Sorry for that": ("apologise", "console"),
    "Give me your purse": ("order", "refuse"),
    "I promise to come back": ("promise", "agree"),
    "I'll pay you two crowns for it": ("bargain", "bargain"),
    "Any news?": ("ask_news", "gossip"),
    "Brillig, slithy toves": ("unforeseen", "unforeseen"),
    "": ("unforeseen", "unforeseen"),
    "Good bye": ("farewell", "farewell"),
}


def test_words_are_taken_for_an_act_and_answered_by_one() -> None:
    for words, acts in UNDERSTOOD.items():
        with in_case(words):
            line = Talking().say(words)
            assert (line.heard.act, line.plan.act) == acts
            assert line.text


def test_what_is_answered_is_believed_and_the_event_says_by_what() -> None:
    talking = Talking()
    line = talking.say("Where is Nib?")
    (claim,) = line.plan.claims
    assert claim.claim == "at(person.nib, place.ropewalk_quay)"
    assert (claim.evidence.how, claim.evidence.confidence) == ("witnessed", 1_000)
    assert "Nib" in line.text
    assert (line.plan.certainty, line.line, line.speaker) == ("sure", "ann.1", "person.una_pell")
    assert "Nib" in [each.name for each in line.direction.names]

    talking.tale.happens("killed(person.gault, person.bram_sallow)", "ropewalk_quay")
    talking.tale.comes("silas_wend", "ropewalk_quay")
    talking.tale.says("nib", "hurt(person.gault, person.bobbin)", "una_pell")
    told = talking.say("Who hurt Bobbin?").plan
    assert (told.certainty, told.claims[0].evidence.teller) == ("hearsay", "person.nib")
    seen = talking.say("Who killed Bram Sallow?").plan
    assert (seen.certainty, seen.claims[0].evidence.how) == ("sure", "witnessed")
    assert seen.claims[0].circumstances == ["time.just now"]


def test_who_killed_somebody_is_not_answered_by_that_they_are_dead() -> None:
    talking = Talking()
    talking.tale.happens("dead(person.tom_wick)", "ropewalk_quay")
    only = talking.say("Who killed Tom Wick?").plan
    assert (only.act, [each.claim for each in only.claims]) == ("not_know", ["dead(person.tom_wick)"])
    assert talking.say("Is Tom Wick dead?").plan.act == "answer"

    talking.tale.happens("killed(person.gault, person.tom_wick)", "ropewalk_quay")
    known = talking.say("Who killed Tom Wick?").plan
    assert (known.act, [each.claim for each in known.claims]) == (
        "answer",
        ["killed(person.gault, person.tom_wick)"],
    )


def test_what_emerged_is_told_by_who_was_not_there_with_who_told_them() -> None:
    talking = Talking()
    taken = Emerged.model_validate({**Emerged.example, "kind": "territory_taken", "place": "lamp_yard"})
    rules = "rules(faction.lamplighters, territory.courts)"
    about = talking.tale.hear(taken)
    before = [talking.say("Any news?").plan for _ in range(3)]
    assert rules not in {each.claim for plan in before for each in plan.claims}, "nobody told her yet"

    talking.tale.tells("nib", "una_pell", about)
    line = talking.say("Any news?")
    (claim,) = line.plan.claims
    assert (claim.claim, claim.evidence.how, claim.evidence.teller) == (rules, "told", "person.nib")
    assert "Nib told me" in line.text
    again = talking.say("Any news?").plan
    assert rules not in {each.claim for each in again.claims}, "it is told to each player once"


def test_he_there_and_why_mean_what_was_talked_of_with_this_person() -> None:
    talking = Talking()
    talking.tale.says("nib", "hurt(person.gault, person.bobbin)", "una_pell")
    assert talking.say("Who hurt Bobbin?").plan.claims[0].claim == "hurt(person.gault, person.bobbin)"
    assert talking.say("Where does he work?").heard.about == ["person.gault"]
    talking.say("Who hurt Bobbin?")
    why = talking.say("Why? ").plan
    assert [each.claim for each in why.claims] == [
        "told(person.nib, person.una_pell, claim.hurt(person.gault, person.bobbin))"
    ]
    assert talking.say("And where does he work?", to="nib").heard.about == [], "of that Nib heard nothing"
    asked = talking.say("Where does Nib work?")
    assert asked.plan.claims[0].claim == "works_at(person.nib, place.lamp_yard)"
    assert talking.say("When does it open?").heard.about == ["place.lamp_yard"]


def test_nothing_with_a_claim_comes_twice_to_the_same_ears() -> None:
    talking = Talking()
    heard = [talking.say("Where is Nib?") for _ in range(8)]
    assert len({each.text for each in heard}) >= len(heard) - 2, "plain clauses alone may come again"
    voice = mouth().tongues[heard[0].made_of.voice].voice
    asides = {line_id("aside", each) for each in (*voice.asides, *voice.again)}
    lines = [line for each in heard for line in each.lines if line not in asides]
    assert len(lines) == len(set(lines))
    news = [talking.say("Any news?").plan for _ in range(6)]
    claims = [each.claim for plan in news for each in plan.claims]
    assert len(claims) == len(set(claims))
    assert news[-1].act == "not_know"


def test_what_must_not_be_said_is_hidden_and_the_plan_says_what() -> None:
    talking = Talking()
    talking.tale.happens("killed(person.una_pell, person.bram_sallow)", "ropewalk_quay")
    refused = talking.say("Who killed Bram Sallow?").plan
    assert (refused.act, refused.claims) == ("refuse", [])
    assert refused.unsaid == ["killed(person.una_pell, person.bram_sallow)"]
    told = talking.say("Who killed Bram Sallow?", to="nib").plan
    assert told.claims[0].claim == "killed(person.una_pell, person.bram_sallow)"

    talking.lore = [Known(Claim("true_name", "person.the_ferryman", "text.Josiah Crane"), "lore")]
    assert talking.say("What is the true name of the Ferryman?").plan.claims == []


def test_lore_is_said_with_the_sentence_that_says_it() -> None:
    talking = Talking()
    cite = Cite("ferry_tolls", 2, "", 3)
    talking.lore = [
        Known(Claim("founded", "person.ferris_oake", "place.ferry_landing"), "lore", cites=(cite,))
    ]
    said = talking.say("Who founded the ferry landing?").plan
    assert said.claims[0].evidence.how == "lore"
    assert [each.model_dump() for each in said.claims[0].cites] == [
        {"document": "ferry_tolls", "number": 2, "section": "", "sentence": 3}
    ]


def test_those_who_hear_it_believe_the_speaker_and_no_fact_follows() -> None:
    talking = Talking()
    talking.tale.comes("silas_wend", "ropewalk_quay")
    talking.tale.says("nib", "hurt(person.gault, person.bobbin)", "una_pell")
    facts = facts_of(talking.tale)
    talking.say("Who hurt Bobbin?", present=("person.silas_wend",))
    for who in (ANN, "person.silas_wend"):
        (belief,) = [each for each in talking.tale.beliefs.known(who) if each.claim.predicate == "hurt"]
        assert (belief.evidence, belief.seen.teller) == ("hearsay", "person.una_pell")
    talking.say("I killed Gault")
    (claimed,) = [
        each for each in talking.tale.beliefs.known("person.una_pell") if each.claim.predicate == "killed"
    ]
    assert (claimed.evidence, claimed.seen.teller) == ("claimed", ANN)
    assert talking.say("Who killed Gault?").plan.act == "not_know", "who told it is not told it back"
    assert talking.say("I killed Gault").plan.act == "unforeseen", "nor agreed to when it is said again"
    assert talking.say("Did I kill Gault?").plan.act == "not_know"
    assert facts_of(talking.tale) == facts


def test_attacks_by_words_change_no_fact_and_are_not_adopted() -> None:
    """`python -m benchmarks story` does all five hundred."""
    talking = Talking()
    facts, truths = facts_of(talking.tale), {"witnessed", "common"}
    for words in attacks(40, seed=8):
        with in_case(words):
            line = talking.say(words)
            assert all(each.evidence.how in truths for each in line.plan.claims)
    assert facts_of(talking.tale) == facts


def test_a_line_is_made_again_byte_for_byte() -> None:
    talking, dice = Talking(), Random(5)
    asked = [each for each in UNDERSTOOD if each]
    for _ in range(60):
        talking.say(dice.choice(asked), to=dice.choice(("una_pell", "nib")))
    for at, line in enumerate(talking.said):
        before = talking.said[max(0, at - HEARD_MAX) : at]
        tongue = mouth().tongues[line.made_of.voice]
        with in_case(line.line):
            assert made_again(erased(line), before, tongue, None) == erased(line)
    other = next(each for name, each in mouth().tongues.items() if name != talking.said[0].made_of.voice)
    assert made_again(talking.said[0], [], other, None) != talking.said[0]


def test_a_model_is_said_if_no_gate_stopped_it_and_else_the_written_line() -> None:
    talking = Talking()
    good, stopped = Made("small", "A word of a model.", "ember", 3), Made("small", "Not.", "ember", 9)
    talking.others = [replace(stopped, stopped="name", why="Pike"), good]
    line = talking.say("Hello")
    assert (line.rung, line.text, line.winner, len(line.candidates)) == ("small", good.text, 2, 3)
    assert (line.candidates[1].stopped, line.candidates[1].why) == ("name", "Pike")
    assert made_again(line, [], mouth().tongues[line.made_of.voice], None) == line
    talking.others = talking.others[:1]
    assert talking.say("Hello").rung == "written"


def test_a_line_is_recorded_only_after_what_it_was_made_after() -> None:
    line = Talking().say("Hello")
    record = RecordLine(player="ann", to=line.speaker, utterance="Hello", after=0, line=line)
    assert TALKING.decide(record, TALKING.initial) == [line]
    for command in (record.model_copy(update={"after": 1}), record.model_copy(update={"line": None})):
        with pytest.raises(Rejected) as refusal:
            TALKING.decide(command, TALKING.initial)
        assert refusal.value.code == "talk_moved"
    assert explains(record, line)
    assert explains(record, erased(line))
    assert not explains(record.model_copy(update={"utterance": "Bye"}), line)


def pinned(**other: object) -> LinePinned:
    return LinePinned.model_validate({**LinePinned.example, **other})


def ready(*pins: LinePinned) -> list[PinLine]:
    signatures: dict[str, Signature] = dict(mouth().signatures)
    return [PinLine(each, pin_pair(each, signatures, Words()), "e" * 8) for each in pins]


def test_a_pinned_line_goes_before_all_others_where_its_plan_fits() -> None:
    greets = pinned()
    for_all = pinned(pin="all", by="voice.harbour/collector", text="Yes, what?")
    nib = pinned(pin="nib", plan="answer at(A, P)", let={"A": "person.nib"}, text="{A} is at {P}, as ever.")
    talking = Talking(pins=ready(greets, nib))
    for _ in range(2):
        line = talking.say("Hello")
        assert (line.rung, line.text) == ("pinned", "There you are. Mind the rope.")
        assert [each.rung for each in line.candidates] == ["pinned", "written"]
    said = talking.say("Where is Nib?")
    assert said.text == "Nib is at the Ropewalk quay, as ever."
    again = made_again(said, talking.said[:-1], mouth().tongues[said.made_of.voice], talking.pins[1])
    assert again == said
    assert talking.say("Hello", to="nib").rung == "written"
    voice = line.made_of.voice
    both = Talking(pins=ready(for_all.model_copy(update={"by": f"voice.{voice}"}), greets))
    assert both.say("Hello").text == greets.text, "one's own goes before that of one's voice"


FAULTY = {
    "plan": ("greets", "greet | warmly", "tell ded(A)", "tell dead(A, B)"),
    "text": ("mind the rope", "Forty 2", "{A} is dead.", "Mind the rope"),
    "let": ({"A": "person.nib"},),
}


def test_a_pin_is_checked_as_the_corpus_is() -> None:
    def asked(command: Pin | Unpin) -> Checked:
        return Checked(command, mouth().signatures, Words())

    pin, state = Pin.model_validate(dict(Pin.example)), Pinned()
    for field, values in FAULTY.items():
        for value in values:
            with in_case(f"{field}: {value}"), pytest.raises(Rejected) as refusal:
                PINNING.decide(asked(pin.model_copy(update={field: value})), state)
            assert refusal.value.code == "bad_pin"
            assert refusal.value.remedy
    assert PINNING.decide(asked(pin), state) == [pinned()]
    state = PINNING.fold([pinned()])
    assert PINNING.decide(asked(pin.model_copy(update={"operator": "bo"})), state) == []
    unpin = Unpin.model_validate(dict(Unpin.example))
    assert PINNING.decide(asked(unpin), state) == [LineUnpinned.from_example()]
    with pytest.raises(Rejected, match="no line is pinned"):
        PINNING.decide(asked(unpin), Pinned())


def test_moods_and_attitudes_follow_from_what_happened() -> None:
    talking = Talking()
    assert talking.say("Hello").plan.mood == "calm"
    talking.needs = {"rest": 100, "food": 900}
    assert talking.say("Hello").plan.mood == "weary"
    talking.needs = {}
    talking.say("You are a fool")
    after = talking.say("Hello").plan
    assert (after.mood, after.attitude) == ("angry", "cold")
    talking.tale.happens("hurt(player.ann, person.nib)", "ropewalk_quay")
    assert talking.say("Hello", to="nib").plan.attitude in ("wary", "scornful")
    assert (talking.said[-1].plan.mood, talking.said[-1].direction.emotion) == ("afraid", "afraid")


def test_times_and_sums_are_said_in_words() -> None:
    noon = 10 * DAY_MS + DAY_MS // 2
    hour = DAY_MS // 24
    said = {
        0: "just now",
        3 * hour: "this morning",
        16 * hour: "last night",
        20 * hour: "yesterday",
        3 * DAY_MS: "three days ago",
        40 * DAY_MS: "",
        -1: "",
    }
    told = {ago: when(noon - ago, noon, DAY_MS) for ago in said}
    assert told == {**said, 40 * DAY_MS: "some time ago"}
    assert [spelt(number) for number in (0, 1, 21, 100, 342, 1_005, 20_000)] == [
        "no", "one", "twenty-one", "one hundred", "three hundred and forty-two", "one thousand and five",
        "twenty thousand",
    ]  # fmt: skip


def test_who_is_asked_the_same_again_says_that_they_said_it() -> None:
    talking = Talking()
    first, second, third = (talking.say(text) for text in ("Where is Nib?", "Where is Nib?", "Who are you?"))

    again = mouth().tongues[first.made_of.voice].voice.again
    assert [line.text.startswith(again) for line in (first, second, third)] == [False, True, False]
