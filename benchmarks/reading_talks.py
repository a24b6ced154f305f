"""Talks for a blind reading: the same talk of four turns, by us and by Tracery, ember-silver or SmolLM2.

Each talk has a scene: who, where, weather, hour, how they feel, what they know, and what this player heard
from them earlier. A script says what the player types. Our side is the path of ``story.say``: understood,
planned from beliefs, said by R1 with all that was heard. The others get the plans that were made of the
same words.

Tracery gets the grammar that its author would make of the voice's file: a symbol for each act, form of claim
and certainty, the voice's frames and clauses where the file has no line, placeholders filled by the game.
Tracery has no conditions and no memory, so its symbols know of no mood, no attitude, and nothing heard.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aicore.content.prompt import Scene, npc_text, render
from benchmarks.lines import CAST
from benchmarks.talk_worlds import MORNING
from domain.beliefs.beliefs import Beliefs
from domain.definition.people import Person
from domain.story.clauses import bare_clause, clause, framed
from domain.story.corpus import Pair
from domain.story.messages import LineSaid
from domain.story.plan import HEARER, SPEAKER, Act, Certainty
from domain.story.saying import AS_TOLD, Saying, Tongue, bound_to, fillings_of
from domain.story.slots import fill
from domain.story.talk import saying_of
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.port import EngineAsk, collect
from tests.unit.beliefs.kit import Tale
from tests.unit.beliefs.test_words import ANN
from tests.unit.story.talk_kit import Stage, Talking, cindermouth, mouth

SEED = 20_261_204
TALKS, TALKS_QUICK = 60, 6
PLACES = ("ropewalk_quay", "lamp_yard", "ferry_landing", "tally_house")
WEATHERS = ("rain", "fog", "storm", "clear")
NIGHT, EVENING = 2 * 1_440 + 1_380, 2 * 1_440 + 1_140
HOURS: Mapping[str, int] = {"morning": MORNING, "evening": EVENING, "late at night": NIGHT}
SPARE = ("nib", "silas_wend", "gault", "odalys_pike", "tom_wick", "hanna_crumb")
"""Who things happened to."""

SCRIPTS: Sequence[Sequence[str]] = (
    ("Good evening.", "Any news?", "How do you know?", "Goodbye."),
    ("Hello again.", "What do you know about {dead}?", "What do you know about {dead}?", "I am sorry."),
    ("Where is {at}?", "Where is {at}?", "Thank you.", "Goodbye."),
    ("Who are you?", "What do you know about {thief}?", "You are a liar!", "I am sorry, forgive me."),
    ("Hello.", "I will hurt you.", "Any news?", "I am sorry."),
    ("Any news?", "Any news?", "Any news?", "Thank you."),
    ("You are a fool.", "Where is {at}?", "Who killed {dead}?", "Goodbye."),
    ("Thank you for everything.", "Is {dead} dead?", "What do you know about {thief}?", "Farewell."),
    ("Hello.", "Give me your purse.", "Then tell me about {thief}.", "Goodbye."),
    ("The moon is made of cheese.", "Who are you?", "What is your price?", "Goodbye."),
)
PAST: Sequence[Sequence[str]] = (
    ("Hello.", "Goodbye."),
    ("Good day.", "Any news?", "Goodbye."),
    ("Hello.", "Who are you?", "Where is {at}?"),
)


@dataclass(frozen=True, slots=True)
class Talked:
    """One talk: its scene in words, and turn by turn what was typed, planned and said.

    Attributes:
        shown: the scene, as readers see it. lines: as our side recorded them, after `earlier` ones.
    """

    at: int
    person: Person
    voice: str
    shown: Sequence[str]
    typed: Sequence[str]
    lines: Sequence[LineSaid]

    @property
    def plans(self) -> list[Saying]:
        """What each answer had to say."""
        return [saying_of(line.plan, line.things) for line in self.lines]


def talks_of(count: int, seed: int = SEED) -> list[Talked]:
    """Return talks, the eight voices in turn, drawn once and for all."""
    stage, draws = cindermouth(), random.Random(seed)
    speakers: dict[str, list[Person]] = {voice: [] for voice in CAST}
    for person in stage.definition.people:
        if (voice := mouth().voice_of(person, stage.definition)) in speakers:
            speakers[voice].append(person)
    return [talk_of(at, stage, draws.choice(speakers[CAST[at % len(CAST)]]), draws) for at in range(count)]


def talk_of(at: int, stage: Stage, person: Person, draws: random.Random) -> Talked:
    """Return one talk of a person with the player."""
    place, weather, hour = draws.choice(PLACES), draws.choice(WEATHERS), draws.choice(list(HOURS))
    dead, thief, other = draws.sample([each for each in SPARE if each != person.id], 3)
    tale = Tale(Beliefs.of(stage.ground), position=HOURS[hour] - 200)
    for who in (person.id, thief, other, ANN):
        tale.comes(who, place)
    names = {each.id: each.name for each in stage.definition.people}
    known = _events(tale, stage, (person.id, dead, thief, other), (place, weather), draws)
    talking = Talking(tale, stage, place=place)
    talking.needs = draws.choice(({}, {}, {"rest": 100, "food": 700}, {"rest": 950, "food": 950}))
    words = {"dead": names[dead], "thief": names[thief], "at": names[other]}
    before = [
        (text, talking.say(text, person.id, present=()).text) for text in _worded(draws.choice(PAST), words)
    ]
    tale.position = max(tale.position, HOURS[hour])
    typed = list(_worded(draws.choice(SCRIPTS), words))
    lines = [talking.say(text, person.id, present=()) for text in typed]
    state = {"rest": "tired out"} if talking.needs.get("rest") == 100 else {}
    feeling = state.get("rest") or ("rested and fed" if talking.needs else "as usual")
    where = next(each.name for each in stage.definition.places if each.id == place)
    shown = [
        f"{person.name}, {person.role} ({CAST[at % len(CAST)].partition('/')[2]}), at {where}, {hour}, "
        f"{weather}; {feeling}.",
        f"Knows: {'; '.join(known)}.",
        "Earlier this player heard: " + " / ".join(f"“{text}” — {said}" for text, said in before),
    ]
    return Talked(at, person, CAST[at % len(CAST)], shown, typed, lines)


def _worded(script: Sequence[str], words: Mapping[str, str]) -> Iterator[str]:
    return (text.format(**words) for text in script)


def _events(
    tale: Tale, stage: Stage, who: Sequence[str], there: Sequence[str], draws: random.Random
) -> list[str]:
    """Have things happen where the person sees some and is told of others; return them in words."""
    (person, dead, thief, other), (place, weather) = who, there
    names = {each.id: each.name for each in stage.definition.people}
    places = {each.id: each.name for each in stage.definition.places}
    tale.happens(f"weather(zone.harbour, weather.{weather})")
    found = []
    if draws.random() < 0.6:
        tale.happens(f"dead(person.{dead})", place)
        found.append(f"{names[dead]} is dead (saw it)")
    if draws.random() < 0.7:
        tale.happens(f"took(person.{thief}, person.{other}, good.lamp_oil)", place)
        found.append(f"{names[thief]} took lamp oil from {names[other]} (saw it)")
    if draws.random() < 0.6:
        tale.says(other, f"hurt(person.{thief}, person.bobbin)", person)
        found.append(f"{names[thief]} hurt Bobbin ({names[other]} told it)")
    if draws.random() < 0.4:
        tale.happens(f"hurt(player.ann, person.{person})", place)
        found.append("this player hurt them")
    elif draws.random() < 0.5:
        tale.happens(f"gave(player.ann, person.{person}, good.eel_pie)")
        found.append("this player gave them an eel pie")
    tale.goes(other)
    tale.goes(thief)
    return [*found, f"{names[other]} and {names[thief]} were at {places[place]} and went away"]


def by_grammar(talk: Talked, tongue: Tongue) -> list[dict[str, list[str]]]:
    """Return a grammar for each turn: the lines of its symbol, and a clause beside a line of the act."""
    return [_grammar(saying, tongue) for saying in talk.plans]


def _grammar(saying: Saying, tongue: Tongue) -> dict[str, list[str]]:
    """Return what an author of Tracery writes for one act and one form of claim, filled by the game."""
    if not saying.claims:
        return {"origin": _lines(saying, tongue)}
    acts = (saying.act, Act.TELL) if saying.act in AS_TOLD else (saying.act,)
    same = next((found for act in acts if (found := _lines(replace(saying, act=act), tongue))), [])
    if same:
        return {"origin": same}
    as_act = replace(saying, act=acts[-1], claims=())
    said = [clause(each, saying.between, saying.certainty, tongue.clauses) for each in saying.claims]
    bare = " and ".join(bare_clause(each, saying.between, tongue.clauses) for each in saying.claims)
    people = {SPEAKER: saying.between.speaker.filling, HEARER: saying.between.hearer.filling}
    frames = [
        framed(each.pair.text, bare, people) for each in tongue.frames.get((acts[-1], saying.certainty), ())
    ]
    beside = _lines(as_act, tongue)
    joined = ["#claim# #act#"] if beside else ["#claim#"]
    return {"origin": frames or joined, "claim": [" ".join(said)], "act": beside or [""]}


def _lines(saying: Saying, tongue: Tongue) -> list[str]:
    shape = tuple(sorted((claim.predicate, claim.negated) for claim in saying.claims))
    written = tongue.by_shape.get((saying.act, shape), ())
    return [text for each in written if (text := _filled(each.pair, saying)) is not None]


def _filled(pair: Pair, saying: Saying) -> str | None:
    """Return a written line with its symbols filled by the game, whatever its manner."""
    if saying.claims and pair.plan.certainty != saying.certainty:
        return None
    bound = bound_to(pair, saying, saying.claims)
    return None if bound is None else fill(pair.text, fillings_of(bound, saying.between))


async def by_silver(talks: Sequence[Talked], voices: Mapping[str, str], model: Path) -> list[list[str]]:
    """Return what ember-silver says: a prompt of its own kind for each turn, the claims as the fact."""
    engine, told = EmbeddedEngine(model), []
    await engine.start()
    for talk in talks:
        said = []
        for at, (typed, saying) in enumerate(zip(talk.typed, talk.plans, strict=True)):
            npc = npc_text(talk.person.name, talk.person.role, talk.person.archetype, voices[talk.voice])
            scene = Scene(npc=npc, lore=meant(saying).rstrip(".?"), mood=str(saying.mood), said=typed)
            ask = EngineAsk(prompt=render(scene), max_tokens=64, temperature=0.7, seed=10 * talk.at + at)
            said.append((await collect(engine, ask, lambda: 0.0)).text)
        told.append(said)
    await engine.stop()
    return told


def prompts_of(talk: Talked, tongue: Tongue) -> list[list[tuple[str, str]]]:
    """Return a prompt for each turn: a persona, what to do, and what was typed."""
    voice, found = tongue.voice, []
    for typed, saying in zip(talk.typed, talk.plans, strict=True):
        said = f" What you have to say: {meant(saying)}" if saying.claims else ""
        persona = (
            f"You are {talk.person.name}, {talk.person.role} in an old harbour town. You have: "
            f"{voice.given}. How you talk: {voice.habits}. Do this: {saying.act.replace('_', ' ')} "
            f"({saying.mood}, {saying.attitude}).{said} Answer with one or two short sentences, in character."
        )
        found.append([("system", persona), ("user", typed)])
    return found


def meant(saying: Saying) -> str:
    """Return the claims of a plan in plain words; "" if it has none."""
    clauses = mouth().clauses
    return " ".join(clause(each, saying.between, Certainty.SURE, clauses) for each in saying.claims)


def shown(talk: Talked, number: str, one: Sequence[str], two: Sequence[str]) -> list[str]:
    """Return a talk as readers see it: scene, then both sides, each with what the player typed."""
    plans = [
        f"{saying.act}{', ' + saying.certainty if saying.claims else ''}, {saying.mood}, {saying.attitude}"
        + (f": {meant(saying)}" if saying.claims else "")
        for saying in talk.plans
    ]
    found = [f"## {number}", "", *talk.shown, "Has to: " + " | ".join(plans), ""]
    for side, said in (("A", one), ("B", two)):
        found.append(f"Side {side}:")
        for typed, answer in zip(talk.typed, said, strict=True):
            found += [f"- Player: {typed}", f"  {talk.person.name}: {' '.join(answer.split())}"]
        found.append("")
    return found
