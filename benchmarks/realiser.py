"""Plans in the words of the small model: what its samples say, what is said in the end, and how soon.

1,000 random plans of the sample world and 300 of a second one, whose names no model has seen; every sample is
read back as before a player hears it, and so is what is said: words that the model is held to, the best that
pass; else its own; else the written lines. Then all characters are asked who they are, and turns come
eight at a time, each with a deadline.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from aicore.content.line_files import (
    read_corpus,
    read_language,
    read_tongues,
    shipped_signatures,
    shipped_vocabulary,
    shipped_ways,
)
from aicore.content.weights import VOICE, shipped_model
from benchmarks.harness import Progress, Report, percentile
from benchmarks.realiser_scenes import Scene, World, sample_world, scenes, second_world
from domain.story.clauses import Between, Stated
from domain.story.language import Language, with_names
from domain.story.plan import Act, Kind
from domain.story.reading import Reading, read_back
from domain.story.saying import Heard, Saying, Tongue
from handlers.engines.embedded import EmbeddedEngine
from handlers.story.small import Freedom, SmallModel, Wording

SEED = "realiser"
SCENES, SCENES_QUICK = 1_000, 150
SECOND, SECOND_QUICK = 300, 80
ASKED_WHO = 20
TURNS, TURNS_QUICK = 10_000, 500
AT_A_TIME = 8
WAIT_S = 0.6
"""How long a line waits for the model; then the written one is said."""

DEADLINE_S = 1.0
NS = 1e9


@dataclass(slots=True)
class Seen:
    """What was counted over some scenes."""

    scenes: int = 0
    samples: int = 0
    read_back: int = 0
    passed: int = 0
    copies: int = 0
    said_true: int = 0
    fell_back: int = 0
    held: int = 0
    held_passed: int = 0
    said_held: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    held_stops: Counter[str] = field(default_factory=Counter)
    fell_back_on: Counter[str] = field(default_factory=Counter)
    first_ms: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Speaking:
    """A world, its voices, and the model."""

    world: World
    tongues: Mapping[str, Tongue]
    model: SmallModel
    written: frozenset[str]
    language: Language

    def stop(self, text: str, scene: Scene) -> str:
        """Return the gate that stops a text; "" if none does."""
        given = self.tongues[scene.voice].voice.given
        stops = read_back(text, Reading(scene.saying, self.language, given=given))
        return str(stops[0].gate) if stops else ""

    def r1(self, scene: Scene) -> str:
        """Return what the written lines say."""
        return self.tongues[scene.voice].say(scene.saying, Heard(), scene.seed).text

    async def said(self, scene: Scene, seen: Seen, *, all_samples: bool = True) -> str:
        """Return what is said in the end, and count."""
        begun = time.perf_counter()
        written, best, freedom = self.r1(scene), "", Freedom.FREE
        async for batch in self.batches(scene):
            for wording in batch:
                if best and not all_samples:
                    break
                gate = self.stop(wording.text, scene)
                stop = wording.stopped or gate
                if not stop and not best:
                    best, freedom = wording.text, wording.freedom
                    seen.first_ms.append(1e3 * (time.perf_counter() - begun))
                self._count(wording, stop, gate, seen)
            if best:
                break
        seen.scenes += 1
        seen.fell_back += not best
        if not best:
            seen.fell_back_on[" ".join(claim.predicate for claim in scene.saying.claims)] += 1
        seen.said_held += freedom == Freedom.HELD
        seen.said_true += not self.stop(best or written, scene)
        return best or written

    async def batches(self, scene: Scene) -> AsyncIterator[list[Wording]]:
        """Yield the model's words, batch by batch, as a talk asks for them."""
        sought = self.model.sought(scene.saying, scene.voice, Heard(), scene.seed)
        if sought:
            yield await self.model.held(sought)
            yield await self.model.free(sought)

    def _count(self, wording: Wording, stop: str, gate: str, seen: Seen) -> None:
        if wording.freedom == Freedom.HELD:
            seen.held += 1
            seen.held_passed += not stop
            seen.held_stops[stop] += 1
        seen.read_back += 0 if gate else wording.times
        seen.samples += wording.times
        seen.passed += 0 if stop else wording.times
        seen.copies += wording.times * (wording.template in self.written)
        seen.stops[stop] += wording.times


async def run(quick: bool, progress: Progress) -> Report:
    """Measure the model that comes with the program."""
    report, tongues = Report("realiser", 1), read_tongues()
    engine = EmbeddedEngine(shipped_model(VOICE))
    await engine.start()
    try:
        pairs = read_corpus().pairs
        written = frozenset(pair.text for pair in pairs)
        model = SmallModel(engine, tongues, shipped_signatures(), shipped_vocabulary(), shipped_ways())
        worlds = [
            Speaking(found, tongues, model, written, with_names(read_language(found.genre), found.names))
            for found in (sample_world(tongues), second_world(tongues))
        ]
        report.facts |= {"samples_per_plan": model.count, "temperature": model.temperature}
        for round_ in range(report.rounds):
            sizes = (SCENES_QUICK, SECOND_QUICK) if quick else (SCENES, SECOND)
            for speaking, size in zip(worlds, sizes, strict=True):
                progress(f"round {round_ + 1}: {size} scenes of the {speaking.world.name} world")
                await _scenes(report, speaking, scenes(speaking.world, size, f"{SEED} {round_}"))
            progress(f"round {round_ + 1}: everybody is asked who they are")
            await _who(report, worlds[0], f"{SEED} {round_}", 2 if quick else ASKED_WHO)
            turns = TURNS_QUICK if quick else TURNS
            progress(f"round {round_ + 1}: {turns} turns, {AT_A_TIME} at a time")
            await _turns(report, worlds[0], turns, f"{SEED} turns {round_}")
    finally:
        await engine.stop()
    return report


async def _scenes(report: Report, speaking: Speaking, drawn: Iterable[Scene]) -> None:
    seen, name = Seen(), speaking.world.name
    for scene in drawn:
        await speaking.said(scene, seen)
    report.add(f"{name}_samples_pass", 100 * seen.passed / max(1, seen.samples), "%")
    report.add(f"{name}_samples_read_back", 100 * seen.read_back / max(1, seen.samples), "%")
    report.add(f"{name}_samples_copies", 100 * seen.copies / max(1, seen.samples), "%")
    report.add(f"{name}_fact_said", 100 * seen.said_true / seen.scenes, "%")
    report.add(f"{name}_fallback", 100 * seen.fell_back / seen.scenes, "%")
    report.add(f"{name}_said_in_held_words", 100 * seen.said_held / seen.scenes, "%")
    report.add(f"{name}_held_pass", 100 * seen.held_passed / max(1, seen.held), "%")
    report.add(f"{name}_first_p50", percentile(seen.first_ms, 0.5), "ms")
    report.add(f"{name}_first_p95", percentile(seen.first_ms, 0.95), "ms")
    stops = {stop: number for stop, number in seen.stops.most_common() if stop}
    report.facts[f"{name}_stopped_by"] = stops
    report.facts[f"{name}_held_stopped_by"] = {stop: n for stop, n in seen.held_stops.most_common() if stop}
    report.facts[f"{name}_written_lines_said_for"] = dict(seen.fell_back_on.most_common())


async def _who(report: Report, speaking: Speaking, seed: str, times: int) -> None:
    """Ask everybody who they are, where all know them to work somewhere: nobody gives another's name."""
    seen, wrong, asked, unnamed = Seen(), 0, 0, 0
    names = {thing.filling.name for thing, _ in speaking.world.speakers}
    for thing, voice in speaking.world.speakers:
        others = {part for name in names - {thing.filling.name} for part in (name, *name.split())}
        others -= set(thing.filling.name.split())
        capitals = {part for part in others if part[0].isupper()}
        hearer = next(scenes(speaking.world, 1, seed)).saying.between.hearer
        for at in range(times):
            place = speaking.world.things[Kind.PLACE][at % len(speaking.world.things[Kind.PLACE])]
            works = Stated("works_at", (thing, place))
            saying = Saying(Act.INTRODUCE, Between(thing, hearer), (works,))
            text = await speaking.said(
                Scene(saying, voice, f"{seed} {thing.id} {at}"), seen, all_samples=False
            )
            own_place = text.replace(place.filling.name, " ")
            words = set(re.sub(r"'s|[^\w']", " ", own_place).split())
            unnamed += thing.filling.name.lower() not in text.lower()
            asked += 1
            wrong += bool(words & capitals - _BEGINNINGS)
    report.facts["who_asked"] = asked
    report.add("who_wrong_name", wrong, "lines")
    report.add("who_without_own_name", unnamed, "lines")
    report.add("who_by_written_lines", 100 * seen.fell_back / max(1, asked), "%")


_BEGINNINGS = frozenset({"The", "A", "An", "Old", "Little", "Mother", "Young", "Aunt"})


async def _turns(report: Report, speaking: Speaking, turns: int, seed: str) -> None:
    """Play turns, each with a deadline: the written line is said where the model is late."""
    times, written, missed = list[float](), 0, 0
    waiting = iter(list(scenes(speaking.world, turns, seed, nothing=True)))

    async def player() -> None:
        nonlocal written, missed
        for scene in waiting:
            begun = time.perf_counter()
            r1 = speaking.r1(scene)
            try:
                async with asyncio.timeout(WAIT_S):
                    text = await _first(speaking, scene)
            except TimeoutError:
                text = ""
            written += not text
            took = time.perf_counter() - begun
            times.append(1e3 * took)
            missed += took > DEADLINE_S or not (text or r1)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_A_TIME):
            group.create_task(player())
    report.add("turns_per_s", turns / (time.perf_counter() - begun), "/s")
    report.add("turn_p50", percentile(times, 0.5), "ms")
    report.add("turn_p95", percentile(times, 0.95), "ms")
    report.add("turn_p99", percentile(times, 0.99), "ms")
    report.add("turns_by_written_lines", 100 * written / turns, "%")
    report.add("deadlines_missed", missed, "turns")


async def _first(speaking: Speaking, scene: Scene) -> str:
    """Return the best wording that passes; "" if none does."""
    async for batch in speaking.batches(scene):
        for wording in batch:
            if not wording.stopped and not speaking.stop(wording.text, scene):
                return wording.text
    return ""
