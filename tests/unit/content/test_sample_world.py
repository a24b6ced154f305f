"""The sample world is right, big enough, and what its models have learnt is still in it, word for word."""

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path

import orjson
import pytest

from aicore.content import compiled
from aicore.content.characters import load_characters
from aicore.content.corpus import Source
from aicore.content.definition import Checked, check_sample
from aicore.content.sample_world import sample_definition
from aicore.content.scenes import known_scene
from aicore.content.speech import load_speech
from aicore.content.suites import default_suite
from aicore.content.templates import TEMPLATES
from aicore.content.world import load_world

MADE_OF_TOML = {
    "world": "fd106dd26ee1fdfa19874b59983476720cc106a230627f48b7c06819cc838b50",
    "speech": "085c08352022ce0b185e1c2b83139817bb4d1caaa213f69c317ba08b3fc7884b",
    "corpus": "3156911991695bdac5d9e0a3484c0ca3177479636448f4e5b3fcbea5bc33ed42",
    "suite": "84946dd078aac40a1e3b4035f3ccf322d96204e495389994b2fd246d4438ada2",
    "templates": "5f38aac553a176d1e7640c97a9c1e911595556b850d128b5b269025009c045a8",
}
"""SHA-256, as JSON, of what `cindermouth.toml` and `speech.toml` gave, which the shipped models have learnt.

Taken on 2026-11-30, before the YAML files took their place. The corpus: its first 3,000 examples of seed 1.
"""


def _made() -> Iterator[tuple[str, object]]:
    world, speech = load_world(), load_speech()
    yield "world", world.model_dump()
    yield "speech", speech.model_dump()
    source = Source(world, speech, random.Random(1))
    yield "corpus", [[example.prompt, example.line] for example in islice(source.examples(), 3_000)]
    yield "suite", default_suite().model_dump(mode="json")
    yield "templates", [dict(template) for template in TEMPLATES]


@pytest.fixture(scope="module")
def checked() -> Checked:
    """The sample world as its files say it; they take a while to read."""
    return check_sample()


def test_models_corpus_suite_and_templates_are_those_that_the_toml_gave() -> None:
    made = {
        name: hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()
        for name, value in _made()
    }

    assert made == MADE_OF_TOML


def test_nothing_is_wrong_with_the_sample_world(checked: Checked) -> None:
    assert checked.faults == ()


def test_the_sample_world_is_big_enough_to_touch_everything() -> None:
    world = sample_definition()
    districts = Counter(district.side for district in world.districts)
    sides = Counter(place.side for place in world.places)

    assert min(districts.values()) >= 3
    assert len(districts) == len(sides) == 2
    assert len(world.places) >= 40
    assert len(world.people) >= 60
    assert len(world.factions) == 8
    assert len(world.goods) >= 120
    assert len(world.quests) >= 25


def test_whoever_asks_finds_each_person_some_relation_and_a_reason() -> None:
    world = sample_definition()

    assert [person.id for person in world.people if not person.story or not person.relations] == []
    assert [faction.id for faction in world.factions if not faction.stances or not faction.purse] == []


def test_whom_no_model_has_learnt_one_may_speak_to_all_the_same() -> None:
    everybody, learnt = load_characters(), load_world()

    assert everybody.model_dump()["npc"][: len(learnt.npc)] == learnt.model_dump()["npc"]
    assert len(everybody.npc) == len(sample_definition().people)
    assert known_scene(everybody, "una_pell", "Is it true what they say of the sea wall?") == {
        "npc": "Una Pell, harbour constable; watch, blunt",
        "place": "the Ropewalk",
        "lore": ["the sea wall must be walked against the tide"],
        "persona": next(each.story for each in sample_definition().people if each.id == "una_pell"),
    }


def test_what_is_compiled_is_what_the_files_say(checked: Checked) -> None:
    """`make world` makes it anew."""
    shipped = orjson.loads(files("aicore.content").joinpath(compiled.COMPILED).read_bytes())

    assert shipped == orjson.loads(orjson.dumps(compiled.compile_sample()))
    assert sample_definition() == checked.definition


@pytest.mark.parametrize("content", [None, b'{"digest": "sha256:of other files", "world": {}}'])
def test_what_was_compiled_of_other_files_is_passed_over(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "compiled.json"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr(compiled, "COMPILED", str(file))
    compiled.sample.cache_clear()
    try:
        assert compiled.sample()["world"]["npc"][0]["id"] == "odalys_pike"
    finally:
        compiled.sample.cache_clear()


def test_what_training_imports_needs_nothing_that_only_the_program_has() -> None:
    """`aicore demo promote` trains in an environment with torch, and without the program's packages."""
    absent = ("orjson", "asyncpg", "nats", "ruamel", "msgpack")
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); import aicore.content.corpus"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
