"""Promises by a script: each has its fate from the beginning, and what happens is written to bring it about.

Between the turns the process that ends promises dies twice, and lies dead for some turns; everybody is asked
for what they remember; and another version of the definition takes a good and a person out of the world.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from uuid import uuid5

from aicore.content.sample_world import sample_definition
from domain.kernel.event import Event
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.promises.messages import stream_of
from domain.promises.promises import RecordRelease
from domain.quests.messages import Accepted, Closed, Completed, Failed
from handlers.memories.view import MemoriesView
from protocol.meta import Meta
from tests.unit.kit import ident
from tests.unit.promises.kit import DAY_MS, HOUR_MS, SPACE, Parish, came, gave, versions

TURN_MS = 8 * HOUR_MS
PLAYERS = 10
FATES = (
    *("given", "paid", "gone_there", "deed_done", "spared", "late", "deed_broken", "killed", "good_gone"),
    *("person_gone", "lapsed", "released", "quest_done", "quest_failed", "quest_closed", "given_late"),
)
STATES = {
    "given": "kept",
    "paid": "kept",
    "gone_there": "kept",
    "deed_done": "kept",
    "spared": "kept",
    "late": "broken late",
    "given_late": "broken late",
    "deed_broken": "broken deed",
    "killed": "broken killed",
    "good_gone": "expired gone",
    "person_gone": "expired gone",
    "lapsed": "expired lapsed",
    "released": "released",
    "quest_done": "kept done",
    "quest_failed": "broken late",
    "quest_closed": "expired gone",
}
HEARD = ("given", "paid", "gone_there", "deed_done", "deed_broken", "killed")
"""Fates that the process must hear of."""

QUEST_ENDS: dict[str, type[Event]] = {"quest_done": Completed, "quest_failed": Failed, "quest_closed": Closed}


@dataclass
class Scripted:
    """One promise of the script.

    Attributes:
        number, fate: which it is, and how it ends.
        by, to: who promises whom.
        turn, ends: when it is made, and when what ends it happens.
        id: of the promise, once it is made. made: id of the event.
    """

    number: int
    fate: str
    by: str
    to: str
    turn: int
    ends: int
    id: str = ""
    made: str = ""


@dataclass
class Result:
    """What became of the script.

    Attributes:
        wanted, found: how promises should have ended, and did, counted.
        lost: those that did not end as they should, by an event.
        unsaid: how often a summary left a promise out.
        summaries: how many were asked for.
        in_the_dark: promises that something ended while no process ran.
    """

    wanted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    unsaid: int = 0
    summaries: int = 0
    in_the_dark: int = 0


class Script:
    """So many promises over so many turns."""

    def __init__(self, count: int, turns: int, seed: int) -> None:
        self.parish = Parish()
        self.turns, self.dice = turns, Random(seed)
        self.upgrade = turns * 6 // 10
        people = [person.id for person in sample_definition().people]
        self.victims = people[PLAYERS:]
        self.people = people[:PLAYERS]
        self.goods = [good.id for good in sample_definition().goods]
        self.places = [place.id for place in sample_definition().places]
        self.all = [self._planned(number, count) for number in range(count)]
        self.result = Result()

    def _planned(self, number: int, count: int) -> Scripted:
        fate = FATES[number % len(FATES)]
        last = {"lapsed": 0.05, "good_gone": 0.55, "person_gone": 0.55}.get(fate, 0.75)
        turn = int(self.turns * last * number / count)
        to = f"person.{self.people[number // PLAYERS % len(self.people)]}"
        if fate == "killed":
            to = f"person.{self.victims[number % (len(self.victims) // 2)]}"
        if fate == "person_gone":
            to = "person.wick_sorrel"
        ends = turn + 1 + self.dice.randrange(max(1, self.turns // 8))
        return Scripted(number, fate, f"player.p{number % PLAYERS}", to, turn, ends)

    async def act(self) -> Result:
        """Play it."""
        first, second = versions()
        await self.parish.add(*first)
        thirds = (self.turns // 3, 2 * self.turns // 3)
        dead = max(2, self.turns // 12)
        spans = [(0, thirds[0]), (thirds[0] + dead, thirds[1]), (thirds[1] + dead, self.turns)]
        turn = 0
        for begin, end in spans:
            while turn < begin:
                self.result.in_the_dark += sum(
                    each.ends == turn and bool(each.id) and each.fate in HEARD for each in self.all
                )
                await self._turn(turn, second)
                turn += 1
            async with self.parish.kept():
                while turn < end:
                    await self._turn(turn, second)
                    await self.parish.settled()
                    turn += 1
                if end == self.turns:
                    self.parish.now_ms += 40 * DAY_MS
        self._judge(await self.parish.remembered())
        return self.result

    async def _turn(self, turn: int, second: tuple[Event, ...]) -> None:
        parish = self.parish
        parish.now_ms += TURN_MS
        await parish.add(came("passer_by", self.places[turn % len(self.places)], parish.now_ms))
        if turn == self.upgrade:
            await parish.add(*second)
        for each in self.all:
            if each.ends == turn and each.id:
                await self._happens(each)
            if each.turn == turn:
                await self._made(each)
        if turn == self.turns // 2:
            await self._summaries([each for each in self.all if each.id], await parish.remembered())

    def _target(self, each: Scripted) -> str:
        return f"person.{self.victims[-1 - each.number % (len(self.victims) // 2)]}"

    async def _made(self, each: Scripted) -> None:
        if each.fate in QUEST_ENDS:
            each.id, each.to = f"{self._instance(each)}.{each.by.partition('.')[2]}", "person.the_tenant"
            each.made = await self.parish.add(self._quest(Accepted, each))
            return
        due: dict[str, object] = {"due_ms": self.parish.now_ms + TURN_MS * (self.turns // 8 + 1)}
        good = self.goods[each.number % len(self.goods)]
        terms: dict[str, tuple[str, str, dict[str, object]]] = {
            "paid": ("pay", "currency.crowns", {"amount": 100 + each.number, **due}),
            "gone_there": ("go", f"place.{self.places[each.number % len(self.places)]}", due),
            "deed_done": ("do", self._target(each), {"deed": "hurt", **due}),
            "spared": ("never", self._target(each), {"deed": "kill", **due}),
            "deed_broken": ("never", self._target(each), {"deed": "rob", **due}),
            "good_gone": ("give", "good.star_oil", {}),
            "lapsed": ("give", f"good.{good}", {}),
            "person_gone": ("give", f"good.{good}", {}),
            "given_late": ("give", f"good.{good}", {"due_ms": self.parish.now_ms + HOUR_MS}),
        }
        kind, what, more = terms.get(each.fate, ("give", f"good.{good}", due))
        made = await self.parish.promise(each.by, each.to, kind, what, **more)
        each.id = made.promise
        each.made = str((await self.parish.log.read_stream(stream_of(each.by), limit=10_000))[-1].id)

    async def _happens(self, each: Scripted) -> None:
        player, at_ms = each.by.partition(".")[2], self.parish.now_ms
        good = self.goods[each.number % len(self.goods)]
        if each.fate == "released":
            off = RecordRelease(promise=each.id, by=each.by, to=each.to, at_ms=at_ms)
            await self.parish.runner.execute(off, ident(), meta=Meta())
        elif each.fate in QUEST_ENDS:
            await self.parish.add(self._quest(QUEST_ENDS[each.fate], each))
        deeds: dict[str, Callable[[], Event]] = {
            "given": lambda: gave(each.by, each.to, good),
            "given_late": lambda: gave(each.by, each.to, good),
            "paid": lambda: gave(each.by, each.to, "crowns", 100 + each.number),
            "gone_there": lambda: came(player, self.places[each.number % len(self.places)], at_ms),
            "deed_done": lambda: _deed(Harmed, by=each.by, who=self._target(each), at_ms=at_ms),
            "deed_broken": lambda: _deed(Robbed, by=each.by, of=self._target(each), at_ms=at_ms),
            "killed": lambda: _deed(Died, by=each.by, person=each.to.partition(".")[2], at_ms=at_ms),
        }
        if deed := deeds.get(each.fate):
            await self.parish.add(deed())

    def _quest(self, kind: type[Event], each: Scripted) -> Event:
        player = each.by.partition(".")[2]
        return _deed(kind, instance=self._instance(each), players=[player], at_ms=self.parish.now_ms)

    def _instance(self, each: Scripted) -> str:
        return str(uuid5(SPACE, f"quest {each.number}"))

    async def _summaries(self, made: list[Scripted], view: MemoriesView) -> None:
        """Ask everybody what they remember of everybody who promised them something."""
        for by, to in sorted({(each.by, each.to) for each in made}):
            answer, _ = await view.answer_summary({"holder": to, "of": by})
            cited = {event for sentence in answer["sentences"] for event in sentence["events"]}
            self.result.summaries += 1
            self.result.unsaid += sum(
                1 for each in made if (each.by, each.to) == (by, to) and each.made not in cited
            )

    def _judge(self, view: MemoriesView) -> None:
        for each in self.all:
            wanted = STATES[each.fate]
            pledge = view.kept.pledges.all.get(each.id)
            found = "lost" if pledge is None else f"{pledge.state} {pledge.why}".strip()
            self.result.wanted[wanted] += 1
            self.result.found[found] += 1
            if found != wanted or pledge is None or not pledge.ended or pledge.made != each.made:
                self.result.lost.append(f"{each.number} {each.fate}: {found}")


def _deed(kind: type[Event], **other: object) -> Event:
    return kind.model_validate({**kind.example, **other})
