"""Writes the training corpus: scenes of the sample world, each with a line in its speaker's voice.

A line is put together from clauses: an opening in the voice, what the speaker makes of the player's words,
and facts of the scene (place, weather, time, mood, quest). Each has several forms, and which facts appear and
in what order is drawn, so that the model must read the scene to say it. Seeded and pure.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aicore.content.prompt import Scene, npc_text, render
from aicore.content.world import Npc, Quest, World

TWICE = re.compile(r"\b([Tt]he|[Aa]n?) (?:the|an?) ")
"""Two articles, where a slot that brings its own stands behind one."""

# --- what players say, by intent ----------------------------------------------------------------------------

SAID: dict[str, tuple[str, ...]] = {
    "greet": ("Hello.", "Good evening.", "You there.", "Hello, {name}.", "Is this {place}?", "Do you have a moment?"),
    "work": ("Do you have work for me?", "What needs doing?", "I need coin.", "Any jobs tonight?", "I can help."),
    "buy": ("What would you take for {good}?", "I want to buy {good}.", "How much is the {draught}?",
            "Do you sell {draught}?", "I am looking for {good}."),
    "news": ("What news?", "What happened here?", "Have you heard anything?", "Who runs this place now?",
             "Tell me about {faction}."),
    "threat": ("Talk, or else.", "I could make you tell me.", "You will regret this.", "Stand aside."),
    "thanks": ("Thank you.", "I owe you one.", "That helps.", "Goodbye.", "I must go."),
    "fear": ("Is it safe here?", "Did you hear that?", "What walks out there?", "Should I be afraid?"),
}  # fmt: skip

# --- how each voice begins, answers and ends ----------------------------------------------------------------

OPEN: dict[str, tuple[str, ...]] = {
    "exact": ("Let us be precise.", "One thing first.", "I have it written down.", "For the record:"),
    "blunt": ("Right.", "Listen.", "Say it fast.", "Huh."),
    "wry": ("Well, well.", "Look what the tide left.", "Lovely manners.", "Oh, this will be good."),
    "nervous": ("Not so loud.", "Please, quickly.", "I shouldn't be seen with you.", "Oh. It's you."),
    "courtly": ("You honour me.", "Be welcome, traveller.", "How kind of you to call.", "Permit me."),
    "whisper": ("Closer.", "Hush.", "They listen.", "Softly now."),
    "hungry": ("Mm, fresh company.", "You smell of supper.", "Give, give.", "What have you brought?"),
    "riddling": ("A knot for a knot.", "Ask twice, pay once.", "Every thread has two ends.", "I never lie, I only fold."),
}  # fmt: skip

ANSWER: dict[str, dict[str, tuple[str, ...]]] = {
    "greet": {
        "exact": ("You are expected, and late.", "State your business and I will state mine."),
        "blunt": ("What do you want?", "You've found me. Now what?"),
        "wry": ("A greeting, and it isn't even my birthday.", "Polite, for a thief."),
        "nervous": ("Hello, yes, hello. Were you followed?", "I was told somebody would come."),
        "courtly": ("Your name was spoken kindly below the water.", "Sit, and let us be civil."),
        "whisper": ("I heard your steps before you made them.", "You may stay while the lamp is low."),
        "hungry": ("Come nearer, there is room at the table.", "Hello, hello, little morsel."),
        "riddling": ("You greeted me first, so you owe me second.", "Half a hello is a whole promise."),
    },
    "work": {
        "exact": ("I pay on delivery: {aim}.", "There is one task on the page: {aim}."),
        "blunt": ("Work? Then {aim}.", "Simple job. You {aim}, I pay."),
        "wry": ("Nothing clean. But you could {aim}.", "Since you ask so bravely, {aim}."),
        "nervous": ("If you could {aim}, I might sleep.", "Please, just {aim} and tell nobody."),
        "courtly": ("I would ask a service: {aim}.", "It would please us if you would {aim}."),
        "whisper": ("There is a thing to do. {Aim}.", "Do not say it aloud: {aim}."),
        "hungry": ("Yes, work! {Aim}, then we eat.", "{Aim}, and I share the marrow."),
        "riddling": ("The task is short, the price is long: {aim}.", "You will {aim}, or have done it already."),
    },
    "buy": {
        "exact": ("{Thing} costs forty, and the price rises at noon.", "For {thing} I take coin or a signature."),
        "blunt": ("{Thing}? Forty. No haggling.", "Pay first. Then you get {thing}."),
        "wry": ("{Thing} is not for sale, so it will cost double.", "Everyone wants {thing} until they own it."),
        "nervous": ("I can't keep {thing} here, they check.", "Take {thing}, please, before somebody asks."),
        "courtly": ("{Thing} was a gift; I could part with it for a favour.", "We do not sell {thing}. We exchange."),
        "whisper": ("{Thing} hears you asking.", "I have {thing}, wrapped, where no light comes."),
        "hungry": ("{Thing}! Trade me something warm for it.", "I licked {thing} already. Still want it?"),
        "riddling": ("You may have {thing} if you can say what it cost me.", "{Thing} buys you, never the reverse."),
    },
    "news": {
        "exact": ("{Faction} moved two crates at midnight; I counted.", "The figures say {faction} is short of men."),
        "blunt": ("{Faction} took the corner. That's the news.", "Ask {faction}. I just carry things."),
        "wry": ("{Faction} found religion, or a new cellar.", "They say {faction} pays its debts now. I laughed."),
        "nervous": ("{Faction} came asking. I told them nothing, nearly.", "People vanish, and {faction} smiles."),
        "courtly": ("{Faction} held council, and no one was drowned.", "One hears that {faction} has a new heir."),
        "whisper": ("{Faction} buried something that was not dead.", "The walls told me {faction} is afraid."),
        "hungry": ("{Faction} left good scraps last night.", "{Faction} grows fat, and fat is news."),
        "riddling": ("{Faction} won what it will lose.", "What {faction} hides, it has already sold."),
    },
    "threat": {
        "exact": ("That threat has been noted, with the hour.", "You will find the cost of that exceeds your means."),
        "blunt": ("Try it.", "I have broken better arms than yours."),
        "wry": ("Frightening. Did you practise in a mirror?", "Put it away before you lose it."),
        "nervous": ("Don't, please, I'll tell you what I know.", "I have a family. Well, a cat."),
        "courtly": ("We do not fear what can still drown.", "Your anger is noted, and forgiven once."),
        "whisper": ("Louder, and they will come for both of us.", "I am already a ghost to you."),
        "hungry": ("Anger makes the meat sweet.", "Bite me and see who chews."),
        "riddling": ("Cut the thread and you fall with me.", "A threat is a debt with teeth."),
    },
    "thanks": {
        "exact": ("It is entered under favours.", "Thanks are not currency, but I will note them."),
        "blunt": ("Fine. Go.", "Don't thank me. Pay me."),
        "wry": ("Gratitude! I should frame it.", "Go on, before I grow fond of you."),
        "nervous": ("Go, go, and use the back stair.", "Just forget my name, please."),
        "courtly": ("Go dry-shod, friend.", "The pleasure was mine, the debt is yours."),
        "whisper": ("Walk where the floor does not speak.", "Go, and do not look at the window."),
        "hungry": ("Come back with something to chew.", "Leave a finger next time. I joke. Mostly."),
        "riddling": ("Thanks tie tighter than rope.", "Go left to come back right."),
    },
    "fear": {
        "exact": ("Safe is a number, and tonight it is small.", "Three went out, two came back."),
        "blunt": ("No. Keep your knife close.", "Safe? Not since spring."),
        "wry": ("Perfectly safe, if you are furniture.", "The screaming is mostly the pipes."),
        "nervous": ("No, it isn't, why are we standing here?", "I heard it too, I wish I hadn't."),
        "courtly": ("You are under our roof, and our roof is the sea.", "Nothing here harms a guest before supper."),
        "whisper": ("It is behind you only when you speak of it.", "Breathe slower, it counts breaths."),
        "hungry": ("Something walks, and it is hungrier than I am.", "Afraid? Good. Fear keeps you lean."),
        "riddling": ("What you fear is already afraid of the question.", "The dark is only a door that has forgotten."),
    },
}  # fmt: skip

WEATHER: dict[str, tuple[str, ...]] = {
    "fog": ("The fog is thick enough to sell.", "Nobody sees a face in this fog.", "In fog like this the river talks."),
    "rain": ("The rain has found every hole in my coat.", "Rain like this washes doorsteps clean.", "Mind the rain, it keeps secrets."),
    "storm": ("This storm will bring up wrecks.", "Hold the door, the storm wants in.", "The storm is only clearing its throat."),
    "clear": ("The sky is clear, so everyone is watching.", "Clear weather makes honest men nervous.", "A clear night hides nothing."),
    "frost": ("The frost has split the cobbles.", "Even the ink has frost in it.", "Frost keeps what the ground would lose."),
    "heat": ("This heat turns the harbour sour.", "In such heat even the bells sweat.", "The heat makes tempers cheap."),
}  # fmt: skip

TIME: dict[str, tuple[str, ...]] = {
    "dawn": ("Dawn is for confessions.", "It is hardly dawn, and already you ask.", "The dawn boats are in."),
    "day": ("By day I know nothing.", "Too much daylight for this talk.", "Come by day and you get the honest price."),
    "dusk": ("Dusk, when the two cities touch.", "At dusk the prices change.", "Be gone before dusk is done."),
    "night": ("Night is when the other city wakes.", "At night I answer to another name.", "The night shift has begun."),
}  # fmt: skip

PLACE: tuple[str, ...] = (
    "Here in {place} nothing is free.",
    "{Place} remembers every step.",
    "You are far from home in {place}.",
    "{Place} belongs to whoever is awake.",
    "I have not left {place} in years.",
)

MOOD: dict[str, tuple[str, ...]] = {
    "calm": ("There is time.", "No hurry.", "All is as it should be."),
    "angry": ("I am in no temper for games!", "Enough!", "Do not test me today!"),
    "afraid": ("My hands won't keep still.", "Did the door move?", "I want to be elsewhere."),
    "hopeful": ("Perhaps this ends well.", "I think the tide is turning for us.", "It might yet come right."),
    "tired": ("I have not slept in three days.", "Ask me when I am younger.", "My bones want a chair."),
    "amused": ("Ha!", "You do make me laugh.", "This is the best part of my week."),
}

QUEST: tuple[str, ...] = (
    "And do not forget the {word}.",
    "Have you seen to the {word} yet?",
    "The matter of the {word} still waits.",
    "First the {word}, then we talk.",
    "About the {word}: somebody else is asking, too.",
)


@dataclass(frozen=True, slots=True)
class Example:
    """One example: the prompt and the line that should follow."""

    prompt: str
    line: str


def examples(world: World, draws: random.Random) -> Iterator[Example]:
    """Yield examples for ever, drawn from ``draws``."""
    while True:
        yield example(world, draws)


def example(world: World, draws: random.Random) -> Example:
    """Return one example. One in eight is a bare text, as a player of no game would type."""
    npc = draws.choice(world.npc)
    bare = draws.random() < 1 / 8
    intent = draws.choice(tuple(SAID))
    quest = draws.choice(world.quest)
    place = world.district_name(npc.home if draws.random() < 0.6 else draws.choice(world.district).id)
    scene = Scene(
        npc="" if bare else npc_text(npc.name, npc.role, npc.voice),
        mood=_sometimes(draws, 0.6, world.words.mood, bare),
        place="" if bare or draws.random() < 0.25 else place,
        weather=_sometimes(draws, 0.7, world.words.weather, bare),
        time=_sometimes(draws, 0.6, world.words.time, bare),
        quest=quest.aim if not bare and (intent == "work" or draws.random() < 0.35) else "",
    )
    thing = draws.choice(world.words.good + world.words.draught)
    faction = draws.choice(world.faction).name
    said = _fill(
        draws.choice(SAID[intent]), name=npc.name, place=place, good=thing, draught=thing, faction=faction
    )
    about = faction if faction in said else next(f.name for f in world.faction if f.id == npc.faction)
    prompt = render(Scene(**{**{key: getattr(scene, key) for key in scene.__slots__}, "said": said}))
    line = _line(_Speech(npc, scene, intent, quest, thing, about), draws)
    return Example(prompt, line)


@dataclass(frozen=True, slots=True)
class _Speech:
    npc: Npc
    scene: Scene
    intent: str
    quest: Quest
    thing: str
    about: str


def _line(speech: _Speech, draws: random.Random) -> str:
    """Put a line together: at most five clauses, facts in a drawn order."""
    scene, voice = speech.scene, speech.npc.voice
    parts = [draws.choice(OPEN[voice])] if draws.random() < 0.6 else []
    answer = draws.choice(ANSWER[speech.intent][voice])
    parts.append(_fill(answer, aim=speech.quest.aim, thing=speech.thing, faction=speech.about))
    facts: list[Callable[[], str]] = []
    if scene.weather:
        facts.append(lambda: draws.choice(WEATHER[scene.weather]))
    if scene.time:
        facts.append(lambda: draws.choice(TIME[scene.time]))
    if scene.place:
        facts.append(lambda: _fill(draws.choice(PLACE), place=scene.place))
    if scene.mood:
        facts.append(lambda: draws.choice(MOOD[scene.mood]))
    if scene.quest and speech.intent != "work":
        facts.append(lambda: _fill(draws.choice(QUEST), word=speech.quest.word))
    draws.shuffle(facts)
    parts += [fact() for fact in facts[: draws.choice((1, 2, 2, 3))]]
    return " ".join(parts)


def _sometimes(draws: random.Random, share: float, words: tuple[str, ...], never: bool) -> str:
    return "" if never or draws.random() >= share else draws.choice(words)


def _fill(template: str, **values: str) -> str:
    """Fill the slots of a template; a capitalised slot begins a sentence, an article stands once."""
    capitals = {key.capitalize(): value[:1].upper() + value[1:] for key, value in values.items()}
    return TWICE.sub(r"\1 ", template.format(**values, **capitals))
