"""A player of quests over the wire: plays what the checker's search says, at the right time and place."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aicore.client import Client, Refused
from aicore.content.sample_world import sample_definition
from benchmarks.quest_mutants import originals, sample_world
from domain.definition.quests import Quest
from domain.quests.checker.rehearsal import Move, Rehearsal, Scene
from domain.quests.checker.search import HOSTILE, Key, Search, searched
from domain.quests.messages import Completed, Failed, StageReached
from domain.quests.quests import Offer

SLACK_MS = 300_000
PATIENCE_S, ASKED_MAX = 60.0, 60
BY = {"operator": "test", "reason": "a test"}


@dataclass
class Script:
    """A quest, everything that may happen to it, and the way to one of its branches or ends."""

    rehearsal: Rehearsal
    found: Search
    key: Key
    left: str
    to: str

    @property
    def steps(self) -> list[tuple[Move, Key]]:
        """The moves, each with the scene that it leads to."""
        found, key = list[tuple[Move, Key]](), self.key
        while key in self.found.came:
            before, move = self.found.came[key]
            found.append((move, key))
            key = before
        return found[::-1]


@dataclass
class Library:
    """The scripts of the shipped quests."""

    quests: dict[str, tuple[Offer, Search]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for offer in originals():
            self.quests[offer.quest.id] = offer, searched(Rehearsal(offer, sample_world()))

    def scripts(self, quest: str) -> Iterator[Script]:
        """Yield a script for each way on of each stage, and for each time that is over."""
        offer, found = self.quests[quest]
        seen: set[tuple[str, str]] = set()
        for key, scene in found.scenes.items():
            for event in scene.events:
                if not isinstance(event, StageReached | Completed | Failed) or event.by == "gone":
                    continue
                to = event.stage if isinstance(event, StageReached) else event.end
                if (event.left, to) not in seen and not _hostile(found, key):
                    seen.add((event.left, to))
                    yield Script(Rehearsal(offer, sample_world()), found, key, event.left, to)

    def completing(self, quest: str, end: str = "") -> Script:
        """Return a script that completes a quest, at an end or at any."""
        for script in self.scripts(quest):
            state = script.found.scenes[script.key].state
            if state is not None and state.over == "completed" and (not end or state.end == end):
                return script
        raise LookupError(quest, end)

    def before(self, quest: Quest, to: str) -> list[Script]:
        """Return what a player must have done so that a quest is offered, and a way on open."""
        wants = [self.completing(quest.offered.done)] if quest.offered.done else []
        if quest.offered.standing:
            wants.append(self.completing("three_bells"))
        if to == "misread":
            wants.append(self.completing("two_oclock", "lived"))
        return [script for want in wants for script in (*self.before(want.rehearsal.offer.quest, ""), want)]


def _hostile(found: Search, key: Key) -> bool:
    while key in found.came:
        key, move = found.came[key]
        if move.kind in HOSTILE:
            return True
    return False


class Bot:
    """One player."""

    def __init__(self, client: Client, player: str, others: Sequence[str] = ()) -> None:
        self._client = client
        self._others = others
        self._player = player
        self._mine: dict[str, Any] = {"player": player}
        self._place = ""
        self.refused = ""

    async def opens(self) -> None:
        """Open the player's session."""
        found = await self._client.command("session.open", {"player": self._player})
        self._mine["session"] = found.result["session"]

    async def plays(self, script: Script) -> dict[str, Any]:
        """Play a script; return the quest's entry in the journal, once it is where the script leads."""
        rehearsal, scene, instance = script.rehearsal, Scene(now_ms=await self._now()), ""
        objectives = [each for stage in rehearsal.offer.quest.stages for each in stage.objectives]
        for good in {each.good for each in objectives if each.good} & rehearsal.world.unique:
            await self._finds(good, 1)  # another one has it, or a person got it for good
        for move, key in script.steps:
            scene = rehearsal.changed(scene, now_ms=max(scene.now_ms, await self._now()))
            # At this time of day it may have come about with what was done before.
            may = list(rehearsal.play(scene, move)) or [scene]
            after = next((each for each in may if rehearsal.key(each) == key), may[0])
            await self._until(max(after.now_ms, _waited_ms(scene, move)))
            if move.kind == "accept":
                said = {**self._mine, "quest": rehearsal.offer.quest.id}
                instance = (await self._client.command("quests.accept", said)).result["instance"]
            else:
                await self._acts(move, scene, after, instance)
            scene = after
        wanted = scene.state

        async def there() -> bool:
            entry = await self._entry(instance)
            return wanted is not None and (entry.get("over"), entry.get("end"), entry.get("stage")) == (
                wanted.over,
                wanted.end,
                wanted.stage,
            )

        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await there():  # noqa: ASYNC110 - it is asked of a read model
                    await asyncio.sleep(0.05)
        except TimeoutError:
            entry = await self._entry(instance)
            steps = [str(move) for move, _ in script.steps]
            raise AssertionError(
                (entry, wanted and wanted.stage, steps, await self._now(), self.refused)
            ) from None
        return await self._entry(instance)

    async def _acts(self, move: Move, scene: Scene, after: Scene, instance: str) -> None:
        state = scene.state
        assert state is not None
        on = {**self._mine, "instance": instance, "stage": state.stage}
        if move.kind == "choose":
            await self._client.command("quests.choose", {**on, "choice": move.number})
            return
        if move.kind == "late":
            return
        objective = state.objective(move.number)
        wants = objective.when.weather or any(each.when.weather for each in state.at.branches)
        sky = after.weather if wants else ""
        if objective.place:
            await self._goes(objective.place, sky)
        elif sky:
            await self._goes(self._place or self._under(sky), sky)
        for good, count in ((objective.good, objective.count), (objective.when.has, 1)):
            if good:
                await self._finds(good, count)
        for _ in range(ASKED_MAX):
            try:
                await self._client.command("quests.advance", {**on, "objective": move.number})
                return
            except Refused as refusal:
                self.refused = str(refusal)
                if refusal.error.code not in ("unmet", "over_allowance"):
                    return  # the world has brought it on by itself meanwhile, or it shows in the journal
                await asyncio.sleep(0.3)  # the weather comes a moment after it was ordered

    async def _finds(self, good: str, count: int) -> None:
        opened = sample_world().units.opened[good]
        has = (
            await self._client.query("ledger.balance", {"account": f"player.{self._player}", "unit": good})
        ).result
        missing = count - sum(each["balance"] for each in has)
        if missing <= 0:
            return
        with suppress(Refused):
            await self._client.command("ledger.open_unit", opened.model_dump(mode="json"))
        await self._client.command("ledger.declare_flow", {"account": "source.world", "says": "The world"})
        await self._client.command("ledger.open_account", {"account": f"player.{self._player}"})
        move = {"unit": good, "payer": "source.world", "payee": f"player.{self._player}", "amount": missing}
        try:
            await self._client.command("ledger.transfer", {"moves": [move], "reason": "found"})
        except Refused as refusal:
            if refusal.error.code != "item_exists":
                raise
            await self._takes_back(good)

    async def _takes_back(self, good: str) -> None:
        """Have the only one of something from whoever got it, as an operator may."""
        people = [f"person.{each.id}.kept" for each in sample_definition().people]
        for payer in [*(f"player.{player}" for player in self._others), *people]:
            move = {"unit": good, "payer": payer, "payee": f"player.{self._player}", "amount": 1}
            with suppress(Refused):
                await self._client.command("ledger.transfer", {"moves": [move], "reason": "again"})

    async def _goes(self, place: str, sky: str) -> None:
        """Come to a place, under a sky that is there by then; a way that is shut for now opens again."""
        if self._place and self._place != place:
            await self._walks(place, sky)
        elif sky:
            await self._sky(place, sky)
        if not self._place:
            await self._client.command("places.enter", {**self._mine, "place": place})
        self._place = place

    @staticmethod
    def _under(sky: str) -> str:
        """Return a place that may have a sky."""
        return min(place for place, skies in sample_world().weathers.items() if sky in skies)

    async def _walks(self, place: str, sky: str) -> None:
        for _ in range(60):
            try:
                route = await self._client.command("places.depart", {**self._mine, "to": place})
                break
            except Refused as refusal:
                if refusal.error.code == "closed_then":
                    await self._until(await self._now() + 1_800_000)
                elif refusal.error.retry_after_ms is None:
                    raise
                else:
                    await asyncio.sleep(refusal.error.retry_after_ms / 1e3)
        if sky:
            await self._sky(place, sky)
        await self._until(route.result["times_ms"][-1] + 1)

    async def _sky(self, place: str, state: str) -> None:
        definition = sample_definition_zone(place)
        said = {
            "handle": f"sky_{uuid4().hex[:12]}",
            "zones": [definition],
            "state": state,
            "span_ms": 3_600_000,
        }
        await self._client.command("weather.override", {**said, **BY})

    async def _entry(self, instance: str) -> dict[str, Any]:
        found = (await self._client.query("quests.journal", {"player": self._player})).result
        return next((dict(each) for each in found if each["instance"] == instance), {})

    async def _now(self) -> int:
        return int((await self._client.query("clock.now")).result["game_ms"])

    async def _until(self, game_ms: int) -> None:
        if await self._now() < game_ms:
            said = {"jump_id": uuid4().hex, "to_game_ms": game_ms, **BY}
            await self._client.command("clock.jump", said)


def _waited_ms(scene: Scene, move: Move) -> int:
    """Return when an objective to wait is over for sure: the stage was entered a moment after the scene's."""
    if scene.state is None or move.kind != "do" or not scene.state.objective(move.number).seconds:
        return 0
    return scene.state.entered_ms + 1_000 * scene.state.objective(move.number).seconds + SLACK_MS


def sample_definition_zone(place: str) -> str:
    """Return the zone of a place of the sample world."""
    definition = sample_definition()
    districts = {each.id: each.zone for each in definition.districts}
    return next(districts[each.district] for each in definition.places if each.id == place)
