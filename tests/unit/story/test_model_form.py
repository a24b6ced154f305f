"""What a small model is asked, and that what it writes comes back with the plan's own letters and names."""

import re

from aicore.content.line_files import read_corpus, shipped_signatures
from aicore.content.line_preview import between, stated, things
from domain.story.clauses import Stated, Thing
from domain.story.lettering import lettered
from domain.story.model_form import ask_for, foreign, placeholders, tags
from domain.story.plan import Act, Claim, Kind, Length, LinePlan, Mood, read_plan
from domain.story.saying import Saying
from domain.story.slots import SLOT, Filling, fill

SIGNATURES = shipped_signatures()
KNOWN = things({})
BETWEEN = between(KNOWN)
NINE_PENCE = Thing("nine pence", Kind.SUM, Filling("nine pence"))
TOKEN = re.compile(r"<[^<>]+>| \{[A-Z]\}")


def plan_of(text: str) -> LinePlan:
    plan, faults = read_plan(text, SIGNATURES)
    assert plan
    assert not faults
    return plan


def of(predicate: str, *letters: str, at: tuple[str, ...] = ()) -> Stated:
    (claim,) = stated((Claim(predicate, letters, at),), KNOWN, SIGNATURES)
    return claim


def test_letters_come_in_the_order_of_the_plan_and_go_back() -> None:
    asked = ask_for(plan_of("tell killed(B, A; T) | sad warm"), "harbour/ferryman", Length.SHORT)
    assert asked.prompt == "<harbour><ferryman><short><tell><sad><warm><killed> {A} {B}<;> {T}<line>"
    written = "{B}, {T}. It was {A}, and {A.they's} proud of {A.themself}. {B}'s kin know, {H}."
    line = "{A}, {T}. It was {B}, and {B.they's} proud of {B.themself}. {A}'s kin know, {H}."
    assert asked.line(written) == line
    assert asked.written(line) == written


def test_all_that_a_plan_says_is_asked_and_nothing_that_it_hides_is_named() -> None:
    asked = ask_for(plan_of("lie not saw(S, C) & at(?, Q) | unsure | hides killed(A, C)"), "", unsaid="Q")
    assert asked.prompt == (
        "<anyone><anyone><lie><unsure><not><saw> {S} {A}<at><?> {P}<~><hides><killed><line>"
    )
    assert asked.letters == {"A": "C", "P": "Q"}


def test_a_plan_with_more_of_a_kind_than_there_are_letters_is_not_asked() -> None:
    prices = [Stated("price", (KNOWN[good], sum_)) for good, sum_ in (("G", KNOWN["N"]), ("K", NINE_PENCE))]
    assert lettered(Saying(Act.TELL, BETWEEN, (prices[0],)))
    assert lettered(Saying(Act.TELL, BETWEEN, tuple(prices))) is None


def test_every_written_pair_is_made_of_the_models_tokens() -> None:
    """Tags, placeholders and words: a token that is missing would be spelt letter by letter."""
    corpus = read_corpus()
    voices = {f"{pair.voice.genre}/{pair.voice.name}" for pair in corpus.pairs}
    known = {*tags(voices, SIGNATURES), *placeholders()}
    for pair in corpus.pairs[::5]:
        asked = ask_for(pair.plan, f"{pair.voice.genre}/{pair.voice.name}", pair.length, pair.left_out)
        assert set(TOKEN.findall(asked.prompt)) <= known, pair.mark
        assert not TOKEN.sub("", asked.prompt), pair.mark
        written = asked.written(pair.text)
        assert {f"{{{inside}}}" for inside, _ in SLOT.findall(written)} <= known, pair.mark
        assert asked.line(written).lower() == pair.text.lower(), pair.mark
        assert not any(each in written for each in foreign(asked.letters)), pair.mark


def test_a_plan_about_things_names_them_again_when_it_is_filled() -> None:
    saying = Saying(
        Act.TELL, BETWEEN, (of("killed", "B", "S", at=("P",)), of("saw", "H", "B")), mood=Mood.SAD,
        hidden=(of("dead", "C"),),
    )  # fmt: skip
    named = lettered(saying)
    assert named
    assert str(named.plan) == "tell killed(A, S; P) & saw(H, A) | sad | hides dead(B)"
    assert fill("{A} at {P}, {H}.", named.fillings) == (
        f"{KNOWN['B'].filling.name} at {KNOWN['P'].filling.name}, {KNOWN['H'].filling.name}."
    )
    asked = lettered(Saying(Act.ASK, BETWEEN, (Stated("killed", (Kind.PERSON, KNOWN["A"])),)))
    assert asked
    assert str(asked.plan) == "ask killed(?, A)"
