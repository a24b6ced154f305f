"""Writes the training corpus: scenes of the sample world, each with the text that they ask for.

Most are lines: an opening in the voice, what the speaker makes of the player's words, and what the scene gives
(a fact, a memory, place, weather, time, mood, quest). Each has several forms, and which appear and in what order
is drawn, so that a model must read the scene to say it. A fact or a memory in the prompt always shows in the line;
half the facts are made up anew each time, so that they cannot be learnt by heart. The others are barks,
descriptions of places and summaries of what happened. Seeded and pure.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from aicore.content.prompt import Scene, npc_text, render
from aicore.content.speech import Speech
from aicore.content.world import Npc, Quest, World

TWICE = re.compile(r"\b([Tt]he|[Aa]n?) (?:the|an?) ", re.IGNORECASE)
"""Two articles, where a slot that brings its own stands behind one."""

BARE, BARK, PLACE, SUMMARY = 1 / 10, 1 / 10, 1 / 12, 1 / 12
"""Shares of the other kinds; bare is a player's text without any scene."""

FACT, MEMORY = 0.4, 0.2
"""Shares of the lines whose prompt gives a fact, and a memory."""

SPOKEN = ("dawn", "dusk", "night")
"""Times of day that go with "at" and "last"."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Example:
    """One example: the prompt and the text that should follow."""

    prompt: str
    line: str


@dataclass(frozen=True, slots=True)
class Source:
    """Stock that examples are drawn from."""

    world: World
    speech: Speech
    draws: random.Random = field(default_factory=random.Random)

    def examples(self) -> Iterator[Example]:
        """Yield examples for ever."""
        while True:
            yield self.example()

    def example(self) -> Example:
        """Return one example."""
        kind = self.draws.random()
        if kind < BARK:
            return self._bark()
        if kind < BARK + PLACE:
            return self._place()
        if kind < BARK + PLACE + SUMMARY:
            return self._summary()
        return self._line(bare=kind > 1 - BARE)

    # --- kinds ------------------------------------------------------------------------------------------

    def _line(self, *, bare: bool) -> Example:
        npc, quest, slots = self._pick(self.world.npc), self._pick(self.world.quest), self._slots()
        intent = self._pick(tuple(self.speech.said))
        home = next(d for d in self.world.district if d.id == npc.home)
        place = home.name if self.draws.random() < 0.6 else slots["where"]
        slots |= {"name": npc.name, "role": npc.role, "place": place, "aim": quest.aim, "word": quest.word}
        said = fill(self._pick(self.speech.said[intent]), slots)
        if slots["faction"] not in said:
            slots["faction"] = next(f.name for f in self.world.faction if f.id == npc.faction)
        scene = Scene() if bare else self._scene(npc, quest, place, intent)
        line = self._answer(npc, scene, intent, slots)
        return Example(render(replace(scene, said=said)), line)

    def _scene(self, npc: Npc, quest: Quest, place: str, intent: str) -> Scene:
        words = self.world.words
        return Scene(
            npc=npc_text(npc.name, npc.role, npc.archetype, npc.voice),
            lore=self._fact() if self.draws.random() < FACT or intent == "lore" else "",
            memory=self._memory() if self.draws.random() < MEMORY else "",
            mood=self._sometimes(0.5, words.mood),
            place=place if self.draws.random() < 0.75 else "",
            weather=self._sometimes(0.6, words.weather),
            time=self._sometimes(0.5, words.time),
            quest=quest.aim if intent == "work" or self.draws.random() < 0.3 else "",
        )

    def _answer(self, npc: Npc, scene: Scene, intent: str, slots: dict[str, str]) -> str:
        """Put a line together: an answer, the fact and the memory, and one or two things of the scene."""
        speech, voice = self.speech, npc.voice
        parts = [self._pick(speech.open[voice])] if self.draws.random() < 0.5 else []
        if not scene.lore or intent != "lore":
            parts.append(fill(self._pick(speech.answer[intent][voice]), slots))
        if scene.lore:
            parts.append(fill(self._pick(speech.fact[voice]), {"fact": scene.lore}))
        if scene.memory:
            parts.append(fill(self._pick(speech.memory[voice]), {"memory": scene.memory}))
        touches: list[Callable[[], str]] = []
        for forms, value in (
            (speech.weather, scene.weather),
            (speech.time, scene.time),
            (speech.mood, scene.mood),
        ):
            if value:
                touches.append(lambda forms=forms, value=value: self._pick(forms[value]))  # type: ignore[misc]
        if scene.place:
            touches.append(lambda: fill(self._pick(speech.scene.place), {"place": scene.place}))
        if scene.quest and intent != "work":
            touches.append(lambda: fill(self._pick(speech.scene.quest), slots))
        self.draws.shuffle(touches)
        told = bool(scene.lore) + bool(scene.memory)
        many = self._pick((1, 2, 2, 3)) if not told else self._pick((0, 1, 1))
        return " ".join([*parts, *(touch() for touch in touches[:many])])

    def _bark(self) -> Example:
        npc, words = self._pick(self.world.npc), self.world.words
        scene = Scene(
            kind="bark",
            npc=npc_text(npc.name, npc.role, npc.archetype, npc.voice),
            mood=self._sometimes(0.5, words.mood),
            weather=self._sometimes(0.5, words.weather),
        )
        barks = self.speech.bark
        forms = barks.weather[scene.weather] if scene.weather else barks.archetype[npc.archetype]
        mood = self._pick(self.speech.mood[scene.mood]) if scene.mood else ""
        return Example(render(scene), f"{mood} {self._pick(forms)}".strip())

    def _place(self) -> Example:
        district, words, described = self._pick(self.world.district), self.world.words, self.speech.describe
        scene = Scene(
            kind="place",
            lore=self._fact() if self.draws.random() < FACT else "",
            place=district.name,
            weather=self._pick(words.weather),
            time=self._pick(words.time),
        )
        slots = {"place": district.name, "word": district.word}
        parts = [self._pick(described.weather[scene.weather]), self._pick(described.time[scene.time])]
        text = " ".join(fill(part, slots) for part in parts)
        return Example(
            render(scene), text + (fill(" It is said that {fact}.", {"fact": scene.lore})) * bool(scene.lore)
        )

    def _summary(self) -> Example:
        history, quest = self.speech.history, self._pick(self.world.quest)
        count = self._pick((2, 3))
        happened = [fill(self._pick(history.events), self._slots()) for _ in range(count)]
        scene = Scene(
            kind="summary",
            quest=quest.aim if self.draws.random() < 0.5 else "",
            history=" ".join(capital(clause) + "." for clause in happened),
        )
        forms = [history.first, history.then, history.last] if count > 2 else [history.first, history.last]
        slots = dict(zip("abc" if count > 2 else "ac", happened, strict=True)) | {"word": quest.word}
        parts = [fill(self._pick(form), slots) for form in forms]
        if scene.quest:
            parts.append(fill(self._pick(history.open), slots))
        return Example(render(scene), " ".join(parts))

    # --- values -----------------------------------------------------------------------------------------

    def _fact(self) -> str:
        if self.draws.random() < 0.5:
            return self._pick(self.world.lore).text
        return fill(self._pick(self.speech.facts.templates), self._slots())

    def _memory(self) -> str:
        return fill(self._pick(self.speech.facts.memories), self._slots())

    def _slots(self) -> dict[str, str]:
        """Return a value for every slot that is not the speaker's."""
        world, draws = self.world, self.draws
        who, who2 = draws.sample(world.npc, 2)
        faction, other = draws.sample(world.faction, 2)
        where = self._pick(world.district)
        quest, quest2 = draws.sample(world.quest, 2)
        return {
            "who": who.name, "who2": who2.name, "faction": faction.name, "other": other.name,
            "thing": self._pick(world.words.good + world.words.draught), "place": where.name, "where": where.name,
            "way": where.way, "count": self._pick(self.speech.facts.counts), "time": self._pick(SPOKEN),
            "weather": self._pick(("fog", "storm", "frost")), "word": quest.word, "aim2": plain(quest2.aim),
        }  # fmt: skip

    def _pick(self, values: Sequence[T]) -> T:
        return self.draws.choice(values)

    def _sometimes(self, share: float, words: tuple[str, ...]) -> str:
        return self._pick(words) if self.draws.random() < share else ""


def plain(aim: str) -> str:
    """Return a quest's aim as somebody else tells it."""
    return re.sub(r"\bbring me\b", "bring", aim)


def capital(text: str) -> str:
    """Return ``text`` as it begins a sentence."""
    return text[:1].upper() + text[1:]


def fill(template: str, values: dict[str, str]) -> str:
    """Fill the slots of a template; a capitalised slot begins a sentence, an article stands once."""
    capitals = {capital(key): capital(value) for key, value in values.items()}
    return TWICE.sub(r"\1 ", template.format_map({**values, **capitals}))
