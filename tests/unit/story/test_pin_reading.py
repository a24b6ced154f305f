"""What a pin's own words say that its plan does not: told by field, with what may stand there."""

import pytest

from aicore.content.line_files import read_language
from domain.kernel.decider import Rejected
from domain.story.corpus import Words
from domain.story.language import with_names
from domain.story.messages import Pin
from domain.story.pin_reading import known_or_refuse, let_or_refuse, read_pin
from domain.story.pins import pin_pair
from tests.unit.beliefs.test_words import sample
from tests.unit.kit import in_case
from tests.unit.story.talk_kit import mouth


def pinned(plan: str, text: str) -> None:
    pin = Pin.model_validate({**Pin.example, "plan": plan, "text": text})
    language = with_names(read_language("harbour"), sample().names)
    read_pin(pin_pair(pin, mouth().signatures, Words()), language, sample().names, "")


FAULTY = {
    ("greet", "Gault was here. Mind the rope."): ("name: 'Gault'", "a letter of the plan"),
    ("answer at(A, P)", "Gault is at {P}, and {A} too."): ("name: 'Gault'", "{A} instead, and let A be"),
    ("answer at(A, P)", "Nib is at {P}, and {A} too."): ("name: 'Nib'", "{A} instead, and let A be"),
    ("answer at(A, P)", "{A}, at {P}. Ropewalk Quay, that is."): ("the word 'Quay'", "a placeholder"),
    ("tell dead(A)", "{A} is dead. The police found {A.them}."): ("period: 'police'", "people of this time"),
    ("tell dead(A)", "{A} is alive and well."): ("negation: '{A} is alive'", "`not` before it"),
    ("tell dead(A)", "{A} is dead. {H} killed {A.them}."): ("it says killed(", "what the plan claims"),
    ("answer at(A, P)", "{A} is at {P} with ninety crowns."): ("number: 'ninety'", "{N}"),
}


def test_what_a_pin_says_and_its_plan_does_not_is_told_with_what_may_stand_there() -> None:
    for (plan, text), (found, allowed) in FAULTY.items():
        with in_case(text):
            with pytest.raises(Rejected) as refusal:
                pinned(plan, text)
            assert (refusal.value.code, refusal.value.field) == ("bad_pin", "text")
            assert found in str(refusal.value)
            assert allowed in refusal.value.remedy
    for plan, text in {
        "greet | warm": "There you are. Mind the rope.",
        "answer at(A, P)": "{A} is at {P}, as ever.",
        "tell dead(A; T)": "It was {T} we lost {A}. Hold the side if you like.",
    }.items():
        with in_case(text):
            pinned(plan, text)


def test_who_and_what_a_pin_is_for_is_of_this_world() -> None:
    let_or_refuse(["person.nib", "number.3"], sample().names)
    with pytest.raises(Rejected, match=r"no person\.nibb") as refusal:
        let_or_refuse(["person.nibb"], sample().names)
    assert (refusal.value.field, "did you mean person.nib?" in refusal.value.remedy) == ("let", True)
    with pytest.raises(Rejected) as voice:
        known_or_refuse("by", "harbour/clark", mouth().tongues, "a voice")
    assert "harbour/clerk" in voice.value.remedy
