"""The small model's words for a plan: whose names, which claim, what is cut off, and that they come again."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from aicore.content.line_files import read_tongues, shipped_signatures, shipped_vocabulary, shipped_ways
from aicore.content.line_preview import between, stated, things
from aicore.content.weights import VOICE, shipped_model
from domain.story.clauses import Between, Stated, Thing
from domain.story.corpus import Words, read_file
from domain.story.model_form import others
from domain.story.plan import Act, Certainty, Claim, Kind, LinePlan, Mood, read_plan, read_signatures
from domain.story.saying import Heard, Saying, Tongue, tongues_of
from domain.story.slots import Filling, Gender, slots_of
from domain.story.tails import head_of, tails_for
from handlers.engines.embedded import EmbeddedEngine
from handlers.story.small import CUT, HELD, NO_WORD, TWICE, Freedom, SmallModel, Wording

SIGNATURES = shipped_signatures()
KNOWN = things({})
BETWEEN = between(KNOWN)
VOICES = ("harbour/ferryman", "freighter/mechanic")
CLAIMS = (("dead", "A"), ("killed", "A", "B"), ("price", "G", "N"))


def of(predicate: str, *letters: str, at: tuple[str, ...] = ()) -> Stated:
    (claim,) = stated((Claim(predicate, letters, at),), KNOWN, SIGNATURES)
    return claim


@asynccontextmanager
async def small_model(tongues: Mapping[str, Tongue] | None = None) -> AsyncIterator[SmallModel]:
    engine = EmbeddedEngine(shipped_model(VOICE))
    await engine.start()
    vocabulary = shipped_vocabulary()
    try:
        yield SmallModel(engine, tongues or read_tongues(), SIGNATURES, vocabulary, shipped_ways())
    finally:
        await engine.stop()


async def words(model: SmallModel, saying: Saying, voice: str = VOICES[0], seed: str = "s") -> list[Wording]:
    return await model.wordings(saying, voice, Heard(), seed)


async def test_every_wording_that_is_not_stopped_says_the_plans_things_and_nobody_else() -> None:
    async with small_model() as model:
        usable = 0
        for voice in VOICES:
            for claim in CLAIMS:
                saying = Saying(Act.TELL, BETWEEN, (of(*claim),))
                found = await words(model, saying, voice)
                assert sum(each.times for each in found) == model.count
                assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
                for each in (each for each in found if not each.stopped):
                    usable += each.times
                    assert "{" not in each.text
                    said = set(re.findall(r"\{([A-Z])", each.template)) - {"S", "H"}
                    assert said <= each.plan.letters, each.template
    assert usable >= len(VOICES) * len(CLAIMS)


async def test_the_same_question_has_the_same_words_and_another_seed_others() -> None:
    async with small_model() as model:
        saying = Saying(Act.TELL, BETWEEN, (of("killed", "A", "B"),), mood=Mood.SAD)
        first = await words(model, saying)
        assert await words(model, saying) == first
        assert await words(model, saying, seed="t") != first


async def test_names_make_no_difference_to_the_words() -> None:
    """So a second world needs no training: the same plan about others is said in the same words."""
    other = Thing("person.x", Kind.PERSON, Filling("Ysolde Quaye", Gender.SHE))
    async with small_model() as model:
        here = await words(model, Saying(Act.TELL, BETWEEN, (of("dead", "A"),)))
        there = await words(model, Saying(Act.TELL, BETWEEN, (Stated("dead", (other,)),)))
    assert [each.template for each in there] == [each.template for each in here]
    assert any("Ysolde Quaye" in each.text for each in there)


async def test_held_words_are_clauses_for_the_claim_that_the_model_chooses() -> None:
    """They say the claim whatever the model would have said; another voice and chance choose others."""
    async with small_model() as model:

        async def held(saying: Saying, voice: str = VOICES[0], seed: str = "s") -> list[Wording]:
            sought = model.sought(saying, voice, Heard(), seed)
            assert sought
            return await model.held(sought)

        saying = Saying(Act.TELL, BETWEEN, (of("owes", "A", "B", "N"),))
        first = await held(saying)
        assert await held(saying) == first
        assert len(first) == HELD
        assert [each.score for each in first] == sorted((each.score for each in first), reverse=True)
        for each in first:
            assert {letter for letter, _ in slots_of(each.template)} >= {"A", "B", "N"}
            assert (each.stopped, each.freedom) == ("", Freedom.HELD)
        others = [await held(saying, VOICES[1]), await held(saying, seed="t")]
        assert all({each.template for each in other} != {each.template for each in first} for other in others)
        sought = model.sought(saying, VOICES[0], Heard(), "s")
        assert sought
        assert not await replace(model, ways={}).held(sought)


async def test_who_says_who_they_are_says_their_name() -> None:
    async with small_model() as model:
        works = Stated("works_at", (BETWEEN.speaker, KNOWN["P"]))
        sought = model.sought(Saying(Act.INTRODUCE, BETWEEN, (works,)), VOICES[0], Heard(), "s")
        assert sought
        for each in (*await model.free(sought), *await model.held(sought)):
            assert BETWEEN.speaker.filling.name in each.text


async def test_what_it_was_not_trained_for_is_left_to_the_written_lines() -> None:
    """A predicate that it does not know, more things of a kind than there are letters, nothing to claim."""
    pence = replace(KNOWN["N"], id="nine pence", filling=Filling("nine pence"))
    two = tuple(Stated("price", (KNOWN[good], sum_)) for good, sum_ in (("G", KNOWN["N"]), ("K", pence)))
    async with small_model() as model:
        assert not await words(model, Saying(Act.TELL, BETWEEN, (Stated("haunts", (KNOWN["A"],)),)))
        assert not await words(model, Saying(Act.TELL, BETWEEN, two))
        assert not await words(model, Saying(Act.GREET, BETWEEN))
        assert not await words(model, Saying(Act.ASK, BETWEEN, (of("dead", "A"),)))
        assert await words(model, Saying(Act.TELL, BETWEEN, (of("dead", "A"),)), "moon/nobody")


async def test_what_is_cut_no_word_or_says_something_else_is_stopped() -> None:
    async with small_model() as model:
        assert model._stopped("{A} is dead") == CUT
        assert model._stopped("{A} is blorgled.") == NO_WORD
        assert model._stopped("{A} is {A}.") == TWICE
        assert not model._stopped("{A}'s dead, and {A.they} {A.was} old.")
        plan, _ = read_plan("tell likes(A, B)", SIGNATURES)
        assert plan
        heads = ["{A} likes {B}.", "{A}'s afraid of {B}.", "{A} killed {B}."]
        found = await model._scores(plan, VOICES[0], heads)
        assert [found[head][1] for head in heads] == [True, False, False]


def test_other_plans_have_the_same_letters_and_differ_in_one_claim() -> None:
    few = read_signatures("dead: person\nkilled: person person\nsaw: person person\nat: person place")
    plan, _ = read_plan("tell killed(A, B)", few)
    assert plan
    assert [str(each) for each in others(plan, few)] == [
        "tell not killed(A, B)", "tell killed(B, A)", "tell saw(A, B)"
    ]  # fmt: skip
    double, _ = read_plan("tell dead(A) & at(?, P)", few)
    assert double
    assert [str(each) for each in others(double, few)] == [
        "tell not dead(A) & at(?, P)", "tell dead(A) & not at(?, P)"
    ]  # fmt: skip
    assert not list(others(LinePlan(Act.GREET), few))


@pytest.mark.parametrize(
    ("text", "letters", "head"),
    [
        ("{A} is dead. I saw it. {A}!", "A", "{A} is dead."),
        ("Poor {A}! It was {B} did it. So.", "AB", "Poor {A}! It was {B} did it."),
        ('"{A}." He said so.', "A", '"{A}."'),
        ("{A} is gone, mind.", "AB", "{A} is gone, mind."),
        ("Sit. Eat.", "", "Sit. Eat."),
    ],
)
def test_a_head_ends_where_all_letters_are_said(text: str, letters: str, head: str) -> None:
    assert head_of(text, letters) == head


BODY = """
> tell dead(A)
{A} is gone. Sit with me.
{A}? Dead. He'd have laughed, {A} would.
> tell dead(A; T)
{A}, {T}. The tide was out.
> tell dead(A) | merry
{A}'s dead! Drink up.
> tell dead(A) | hearsay
They say {A}'s dead. They say much.
> mourn dead(A)
Oh, {A}. Put out the lamp.
> ask dead(A)
Is {A} dead? Say it.
"""


def test_a_tail_was_written_behind_the_same_claim_in_a_manner_that_fits() -> None:
    head = "genre: inn\nvoice: host\nfor: host\ngiven: a jug\nhabits: short\n"
    pairs, faults = read_file("inn/host.txt", head + BODY, read_signatures("dead: person"), Words())
    assert not faults
    host = tongues_of(pairs, {})["inn/host"]

    def tails(heard: Heard | None = None, **manner: object) -> set[str]:
        saying = Saying(Act.TELL, BETWEEN, (of("dead", "A"),), **manner)  # type: ignore[arg-type]
        return {tail.text for tail in tails_for(host, saying, heard or Heard())}

    assert tails(mood=Mood.SAD) == {"Sit with me.", "Put out the lamp."}
    assert tails(certainty=Certainty.HEARSAY) == {"They say much."}
    when = Saying(Act.TELL, BETWEEN, (of("dead", "A", at=("T",)),), mood=Mood.SAD)
    assert "The tide was out." in {tail.text for tail in tails_for(host, when, Heard())}
    ids = {tail.id: 1 for tail in tails_for(host, when, Heard())}
    assert not tails(Heard(ids), mood=Mood.SAD)
    unknown: Between = BETWEEN
    assert not tails_for(host, Saying(Act.ASK, unknown, (of("killed", "A", "B"),)), Heard())
