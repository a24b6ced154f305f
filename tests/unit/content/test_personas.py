"""Who somebody is in many words, and how they speak, for templates that have a place for it."""

from aicore.content.pack import pack_of
from aicore.content.scenes import known_scene
from aicore.content.templates import LINE
from aicore.content.world import World
from domain.kernel.parse import parse
from domain.prompts.assembly import assemble
from domain.prompts.messages import RegisterTemplate, TemplateFacts
from tests.unit.definition.kit import changed, check

PERSONA = "She has kept the lamp for nine winters, and trusts nobody who whistles."
SAID = ("Wipe your feet.", "Nine winters, and still they ask.")
NPC = {"id": "wen", "name": "Wen", "role": "keeper", "home": "quay", "archetype": "guide", "voice": "blunt"}
PLAIN = {"district": [{"id": "quay", "name": "the Glass Quay"}], "npc": [NPC]}
OWN = {
    "name": "own-line",
    "version": "1",
    "description": "For a model that reads well.",
    "sections": [
        {"name": "npc", "text": "You are {value}.", "cut": 0},
        {"name": "persona", "text": "{value}", "cut": 1},
        {"name": "examples", "text": "You speak like this: {value}", "cut": 2},
        {"name": "prompt", "text": "{value}", "cut": 0},
    ],
    "separator": "\n",
    "budget": 512,
    "operator": "mira",
}


def world(**more: object) -> World:
    return World.model_validate({**PLAIN, "npc": [{**NPC, **more}]})


def prompt(template: dict[str, object], known: World, room: int = 400) -> str:
    """Return the prompt of a question to Wen, as handlers put it together; a word is a token."""
    facts: TemplateFacts = parse(RegisterTemplate, template)
    sections = {each.name for each in facts.sections}
    context = {**known_scene(known, "wen", "Who are you?"), "prompt": "Who are you?"}
    given = {name: value for name, value in context.items() if name in sections}
    return assemble(facts, given, room=room, count=lambda text: len(text.split())).text


def test_a_template_with_a_place_for_it_says_who_somebody_is_and_how_they_speak() -> None:
    assert prompt(OWN, world(persona=PERSONA, examples=SAID)).splitlines() == [
        "You are Wen, keeper; guide, blunt.",
        PERSONA,
        "You speak like this: Wipe your feet. Nine winters, and still they ask.",
        "Who are you?",
    ]
    assert prompt(OWN, world()).splitlines() == ["You are Wen, keeper; guide, blunt.", "Who are you?"]


def test_the_demo_models_prompt_is_as_before_whoever_it_is() -> None:
    assert prompt(dict(LINE), world(persona=PERSONA, examples=SAID)) == prompt(dict(LINE), world())


def test_examples_go_first_when_a_prompt_is_too_long_the_oldest_of_them_first() -> None:
    known = world(persona=PERSONA, examples=SAID)

    assert "Wipe your feet." not in prompt(OWN, known, room=34)
    assert "Nine winters, and still they ask." in prompt(OWN, known, room=34)
    assert PERSONA in prompt(OWN, known, room=25)


def test_a_worlds_people_bring_theirs_and_slips_are_told_with_their_place() -> None:
    files = changed(
        "role: host\n", "role: host\n    story: Ada pours.\n    examples: [Sit., 'Sit down, {name}.']\n"
    )
    definition = check(files).definition
    assert definition
    (ada, _) = pack_of(definition, everybody=True)["npc"]
    assert (ada["persona"], ada["examples"]) == ("Ada pours.", ["Sit.", "Sit down, {name}."])
    for text, path in (("[Sit., Sit.]", "examples[1]"), ("Sit.", "examples"), ("['']", "examples[0]")):
        faults = check(changed("role: host\n", f"role: host\n    examples: {text}\n")).faults
        assert [fault.fault.path for fault in faults] == [f"people.ada.{path}"]
