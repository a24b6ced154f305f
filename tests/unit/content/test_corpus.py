"""The training corpus: varied, complete, true to its scene, and the same from the same seed."""

import random
import re
from collections import Counter
from itertools import islice

import pytest
from pydantic import ValidationError

from aicore.content.corpus import Example, Source
from aicore.content.prompt import TAGS, Scene, as_prompt, render
from aicore.content.scenes import known_scene
from aicore.content.speech import Speech, load_speech
from aicore.content.templates import LINE, TEMPLATES
from aicore.content.world import VOICES, World, load_world
from domain.prompts.assembly import assemble
from domain.prompts.messages import RegisterTemplate

MANY = 4_000


def drawn(seed: int = 1, count: int = MANY) -> list[Example]:
    return list(islice(Source(load_world(), load_speech(), random.Random(seed)).examples(), count))


pytestmark = pytest.mark.xdist_group("corpus")


@pytest.fixture(scope="module")
def corpus() -> list[Example]:
    return drawn()


def field(example: Example, tag: str) -> str:
    found = re.search(rf"<{tag}> (.*?)(?= <[a-z]+>|$)", example.prompt)
    return found[1] if found else ""


def test_the_same_seed_gives_the_same_corpus(corpus: list[Example]) -> None:
    assert drawn() == corpus
    assert drawn(2, 50) != corpus[:50]


def test_no_slot_is_left_open(corpus: list[Example]) -> None:
    for example in corpus:
        assert not re.search(r"[{}]", example.prompt + example.line), example


def test_the_only_tags_are_those_of_the_prompt(corpus: list[Example]) -> None:
    for example in corpus:
        assert set(re.findall(r"<[^>]*>", example.prompt)) <= set(TAGS)
        assert example.prompt.endswith("<line>")
        assert "<" not in example.line


def test_lines_are_varied(corpus: list[Example]) -> None:
    lines = Counter(example.line for example in corpus)
    assert len(lines) > 0.9 * len(corpus)
    words = [word for example in corpus for word in re.findall(r"[a-z']+", example.line.lower())]
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    assert len(set(trigrams)) > 4_000
    assert len(set(words)) > 500


def test_every_character_speaks_in_every_kind_of_weather(corpus: list[Example]) -> None:
    world = load_world()
    seen = Counter(field(example, "npc").split(",")[0] for example in corpus)
    assert {npc.name for npc in world.npc} <= set(seen)
    assert {field(example, "weather") for example in corpus} >= set(world.words.weather)
    assert {field(example, "time") for example in corpus} >= set(world.words.time)
    assert {field(example, "quest") for example in corpus} >= {quest.aim for quest in world.quest}


def test_all_kinds_of_text_are_there(corpus: list[Example]) -> None:
    bare = sum(example.prompt.startswith("<said>") for example in corpus)
    assert 0.06 < bare / len(corpus) < 0.15
    kinds = Counter(field(example, "kind") for example in corpus)
    assert set(kinds) == {"", "bark", "place", "summary"}
    assert min(kinds.values()) > 0.05 * len(corpus)


@pytest.mark.parametrize(
    ("tag", "clauses"), [("weather", load_speech().weather), ("time", load_speech().time)]
)
def test_a_line_never_speaks_of_another_scene(
    corpus: list[Example], tag: str, clauses: dict[str, tuple[str, ...]]
) -> None:
    """What a line says of weather and time is what its prompt says."""
    said = 0
    for example in corpus:
        for value, forms in clauses.items():
            if any(form in example.line for form in forms):
                said += 1
                assert field(example, tag) == value, example
    assert said > MANY / 20


def test_a_fact_and_a_memory_of_the_prompt_are_always_said(corpus: list[Example]) -> None:
    told = [example for example in corpus if field(example, "lore")]
    assert len(told) > MANY / 5
    for example in told:
        assert field(example, "lore").lower() in example.line.lower(), example
    for example in corpus:
        assert field(example, "memory").lower() in example.line.lower(), example


def test_half_of_the_facts_are_new_each_time(corpus: list[Example]) -> None:
    """So a model cannot learn them by heart: it must read the prompt."""
    known = {fact.text for fact in load_world().lore}
    facts = [field(example, "lore") for example in corpus if field(example, "lore")]
    invented = [fact for fact in facts if fact not in known]
    assert 0.4 < len(invented) / len(facts) < 0.6
    assert len(set(invented)) > 0.9 * len(invented)


def test_an_opening_is_of_the_speakers_voice(corpus: list[Example]) -> None:
    opening = load_speech().open
    for example in corpus:
        voice = field(example, "npc").rpartition(", ")[2]
        for other in set(VOICES) - {voice} if voice else ():
            assert not any(example.line.startswith(f"{form} ") for form in opening[other]), example


def test_an_intent_without_an_answer_of_every_voice_is_refused() -> None:
    fields = load_speech().model_dump()
    del fields["answer"]["bye"]["wry"]
    with pytest.raises(ValidationError, match=r"answer\.bye"):
        Speech.model_validate(fields)
    assert len(load_speech().said) >= 16


def test_the_templates_render_what_the_models_were_trained_on() -> None:
    world = load_world()
    template = RegisterTemplate.model_validate(LINE)
    scene = known_scene(world, "bram_sallow", "What is the tide key?")
    done = assemble(
        template, {**scene, "weather": "fog", "prompt": "What is the tide key?"}, room=200, count=len
    )
    lore = "the tide key opens every lock below the water line"
    npc = "Bram Sallow, collector; enforcer, blunt"
    place, said = "Low Lanterns", "What is the tide key?"
    assert done.text == render(Scene(npc=npc, lore=lore, place=place, weather="fog", said=said))
    for facts in TEMPLATES:
        RegisterTemplate.model_validate(facts)


def test_the_world_has_four_people_per_faction() -> None:
    world = load_world()
    assert len(world.npc) == 24
    assert set(Counter(npc.faction for npc in world.npc).values()) == {4}
    assert len({npc.id for npc in world.npc}) == len({npc.name for npc in world.npc}) == 24
    assert (len(world.district), len(world.faction), len(world.quest)) == (6, 6, 8)


@pytest.mark.parametrize(("key", "value"), [("home", "atlantis"), ("faction", "nobody"), ("voice", "loud")])
def test_a_reference_to_nothing_is_refused(key: str, value: str) -> None:
    fields = load_world().model_dump()
    fields["npc"][0][key] = value
    with pytest.raises(ValidationError, match=f"{fields['npc'][0]['id']}|{key}"):
        World.model_validate(fields)


def test_a_bare_text_becomes_what_a_player_said() -> None:
    assert as_prompt(" Is it\nsafe? ") == "<said> Is it safe? <line>"
    whole = render(Scene(npc="Gault, porter; blunt", said="Hello."))
    assert as_prompt(whole) == whole
