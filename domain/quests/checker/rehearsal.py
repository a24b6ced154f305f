"""A quest played on the real rules in a world that does what one wants it to: each move and what comes of it.

The rules are `QUEST` and the ledger's, nothing is imitated. What is chosen here is only what is so: the time,
the weather, where the player is, what they found. A player waits for the right moment if there is one.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from domain.clock.units import GameTime, RealTime
from domain.definition.quests import ALWAYS, Condition, Objective
from domain.kernel.decider import Rejected
from domain.ledger.book import Book, Now, evolve
from domain.ledger.commands import DeclareFlow, LedgerCommand, OpenAccount, Transfer
from domain.ledger.ledger import LEDGER
from domain.ledger.ledger import Asked as AskedOfLedger
from domain.ledger.vocabulary import Move as LedgerMove
from domain.quests.checker.world import World
from domain.quests.commands import Accept, Advance, Choose, Look, QuestCommand
from domain.quests.facts import Facts, Moment, unmet
from domain.quests.instance import Instance
from domain.quests.messages import Completed, QuestEvent
from domain.quests.needs import named
from domain.quests.quests import QUEST, Asked, Offer
from domain.quests.settling import settled
from domain.quests.vocabulary import Thing, kept_by

PLAYER = "ann"
HAS = f"player.{PLAYER}"
FOUND = "source.world"
BAD = -1_000
EMPTY = Book()
DAYS_AHEAD = 8
EVENTS_MAX = 64
"""Of one move: a quest that goes round by itself is stopped there."""


class Move(NamedTuple):
    """Something that a player or the world does.

    Attributes:
        kind: accept, again, do (an objective), choose, turn (wait until a way on is open); and of the world
            gone, late, never (somebody's regard or another quest is lost for good).
        number: of the objective or the way on.
        what: kind and id of what is gone or lost: "person rook_tansy".
    """

    kind: str
    number: int = 0
    what: str = ""

    def __str__(self) -> str:
        if self.kind in ("do", "choose", "turn"):
            return f"{self.kind} {self.number}"
        return f"{self.kind} {self.what}".rstrip()


@dataclass(frozen=True, slots=True)
class Scene:
    """How a quest and the world stand.

    Attributes:
        state: the quest; None: nobody has taken it.
        book: the ledger.
        now_ms: game time.
        place: where the player is.
        weather: everywhere.
        gone: what is not in the world any more.
        lost: factions and quests of which nothing can be hoped any more.
        number: how often the player has taken it.
        unpaid: whether a reward could not be paid.
        poor: whether the player has nobody's regard and has done nothing yet.
        events: what led here, from the scene before.
    """

    state: Instance | None = None
    book: Book = EMPTY
    now_ms: int = 0
    place: str = ""
    weather: str = ""
    gone: frozenset[Thing] = frozenset()
    lost: frozenset[Thing] = frozenset()
    number: int = 1
    unpaid: bool = False
    poor: bool = False
    events: tuple[QuestEvent, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """One quest in one world."""

    offer: Offer
    world: World

    # --- what may be done -----------------------------------------------------------------------------------

    def moves(self, scene: Scene) -> Iterator[Move]:
        """Yield what may happen next; not all of it can."""
        state = scene.state
        if state is None:
            yield Move("accept")
            return
        if state.over:
            if self.offer.quest.again is not None and scene.number == 1 and state.over == "completed":
                yield Move("again")
            return
        left = state.left
        yield from (Move("do", number) for number in left)
        if not left:
            chosen = any(branch.choice for branch in state.at.branches)
            yield from (Move("choose" if chosen else "turn", n) for n in range(len(state.at.branches)))
        yield from self.of_the_world(scene)

    def of_the_world(self, scene: Scene) -> Iterator[Move]:
        """Yield what the world may do to what the quest names."""
        if scene.state is None or scene.state.over:
            return
        if scene.state.due_ms is not None:
            yield Move("late")
        yield from (
            Move("gone", 0, f"{thing.kind} {thing.id}")
            for thing in sorted(named(self.offer.quest) - scene.gone)
        )
        for thing in sorted(self._losable() - scene.lost):
            yield Move("never", 0, f"{thing.kind} {thing.id}")

    def _losable(self) -> frozenset[Thing]:
        found: set[Thing] = set()
        for stage in self.offer.quest.stages:
            for when in [*(each.when for each in stage.objectives), *(each.when for each in stage.branches)]:
                if when.done and when.done not in self.world.again:
                    found.add(Thing("quest", when.done))
                if when.standing and when.standing[0] not in self.world.raised:
                    found.add(Thing("faction", when.standing[0]))
        return frozenset(found)

    # --- what comes of it -----------------------------------------------------------------------------------

    def play(self, scene: Scene, move: Move) -> Iterator[Scene]:
        """Yield what may come of a move; nothing if it cannot be, or changes nothing."""
        match move.kind:
            case "accept" | "again":
                yield from self._accepted(scene, move)
            case "do":
                yield from self._done(scene, move.number)
            case "choose" | "turn":
                yield from self._turned(scene, move)
            case "late":
                assert scene.state is not None
                assert scene.state.due_ms is not None
                yield from self._look(_with(scene, now_ms=scene.state.due_ms + 1))
            case _:
                kind, _, id_ = move.what.partition(" ")
                changed = {"gone": scene.gone, "lost": scene.lost}
                which = "gone" if move.kind == "gone" else "lost"
                changed[which] |= {Thing(kind, id_)}
                yield from self._look(_with(scene, **changed), always=True)

    def _accepted(self, scene: Scene, move: Move) -> Iterator[Scene]:
        if move.kind == "again":
            assert scene.state is not None
            later = scene.state.over_ms + 1_000 * (self.offer.quest.again or 0)
            scene = _with(scene, state=None, now_ms=later, number=2)
        for ready in self._when(scene, [self.offer.quest.offered]):
            command = Accept(player=PLAYER, session=1, quest=self.offer.quest.id)
            yield from self.asked(ready, command)

    def _done(self, scene: Scene, number: int) -> Iterator[Scene]:
        state = scene.state
        assert state is not None
        objective = state.objective(number)
        if objective.place and objective.place not in self.world.reachable:
            return
        here = _with(scene, place=objective.place) if objective.place else scene
        if objective.kind == "wait":
            here = _with(here, now_ms=max(here.now_ms, state.entered_ms + 1_000 * objective.seconds))
        if (ready := self._provided(here, objective)) is None:
            return
        last = len(state.left) == 1 and not any(branch.choice for branch in state.at.branches)
        ways = [branch.when for branch in state.at.branches if branch.when != ALWAYS] if last else []
        moments = [self._when(ready, [objective.when, way], until=state.due_ms) for way in [*ways, ALWAYS]]
        moments += [self._otherwise(ready, objective.when, ways, until=state.due_ms)] if ways else []
        seen: set[Any] = set()
        for at in chain.from_iterable(moments):
            for after in self._objective(at, number, objective):
                if (key := self.key(after)) not in seen:
                    seen.add(key)
                    yield after

    def _objective(self, scene: Scene, number: int, objective: Objective) -> Iterator[Scene]:
        state = scene.state
        assert state is not None
        if objective.kind in ("collect", "go", "wait"):
            yield from self._look(scene)
            return
        said = {"player": PLAYER, "session": 1, "instance": state.id, "stage": state.stage}
        yield from self.asked(scene, Advance.model_validate({**said, "objective": number}))

    def _turned(self, scene: Scene, move: Move) -> Iterator[Scene]:
        state = scene.state
        assert state is not None
        branch = state.at.branches[move.number]
        good = branch.when.has
        ready = self.with_good(scene, good, 1) if good else scene
        if ready is None:
            return
        for at in self._when(ready, [branch.when], until=state.due_ms):
            if move.kind == "turn":
                yield from self._look(at)
                continue
            said = {"player": PLAYER, "session": 1, "instance": state.id, "stage": state.stage}
            yield from self.asked(at, Choose.model_validate({**said, "choice": move.number}))

    # --- the rules ------------------------------------------------------------------------------------------

    def _look(self, scene: Scene, *, always: bool = False) -> Iterator[Scene]:
        assert scene.state is not None
        yield from self.asked(scene, Look(instance=scene.state.id), always=always)

    def asked(self, scene: Scene, command: QuestCommand, *, always: bool = False) -> Iterator[Scene]:
        """Ask the rules, and the ledger's; then look, as the keeper does, until nothing follows.

        What they refuse does not happen.
        """
        try:
            after = self._decided(scene, command)
        except Rejected:
            return
        events = after.events
        while after.events and after.state is not None and len(events) < EVENTS_MAX:
            after = self._decided(after, Look(instance=after.state.id))
            events += after.events
        if events or always:
            yield _with(after, poor=False, events=events)

    def _decided(self, scene: Scene, command: QuestCommand) -> Scene:
        decided = QUEST.decide(Asked(command, self.facts(scene), self.offer, scene.number), scene.state)
        now = Now(RealTime(0), GameTime(scene.now_ms))
        events, moved = settled(decided, scene.book, now, self.world.units)
        book = scene.book
        for event in moved:
            book = evolve(book, event)
        state = QUEST.fold(events, scene.state)
        assert state is None or isinstance(state, Instance)
        unpaid = any(isinstance(event, Completed) and event.unpaid for event in events)
        return _with(scene, state=state, book=book, unpaid=scene.unpaid or unpaid, events=tuple(events))

    def facts(self, scene: Scene) -> Facts:
        """Return the facts of a scene: the best that the world can ever make so of what is not lost."""
        world, lost = self.world, scene.lost

        def holds(_player: str, good: str) -> int:
            balance, held = scene.book.volume(HAS, good)
            return balance - held

        return Facts(
            self.moment(scene.now_ms),
            place=lambda _player: scene.place,
            holds=holds,
            standing=lambda _, faction: (
                BAD if scene.poor or Thing("faction", faction) in lost else world.standing.get(faction, 0)
            ),
            done=lambda _, quest: not scene.poor and self._is_done(quest, scene),
            weather=lambda place: scene.weather if scene.weather in world.skies(place) else "",
            gone=scene.gone | self._kept(scene),
        )

    def _is_done(self, quest: str, scene: Scene) -> bool:
        """Say whether somebody has completed a quest, if they can; this one not before it is over."""
        first = quest == self.offer.quest.id and scene.number == 1
        return not first and quest in self.world.done and Thing("quest", quest) not in scene.lost

    def changed(self, scene: Scene, **changes: Any) -> Scene:
        """Return the scene with other circumstances."""
        return _with(scene, **changes)

    def _kept(self, scene: Scene) -> frozenset[Thing]:
        """Return what there is one of and somebody was given for good."""
        quest = self.offer.quest
        people = {each.person for stage in quest.stages for each in stage.objectives if each.person}
        people |= set((scene.state.stands_for if scene.state else {}).values())
        goods = {each.good for stage in quest.stages for each in stage.objectives if each.kind == "deliver"}
        return frozenset(
            Thing("good", good)
            for good in goods & self.world.unique
            if good and any(scene.book.volume(kept_by(person), good)[0] for person in people)
        )

    def moment(self, game_ms: int) -> Moment:
        """Return what conditions read of a game time."""
        almanac = self.world.almanac
        day, ms = divmod(game_ms, almanac.day_ms)
        names = almanac.calendar.weekdays
        today, before = (almanac.weekday(each) for each in (day, day - 1))
        return Moment(
            game_ms,
            almanac.phase(almanac.phase_index(GameTime(game_ms))),
            ms // 60_000,
            None if today is None else names[today],
            None if before is None else names[before],
        )

    # --- the right moment, and what one needs ---------------------------------------------------------------

    def _when(
        self, scene: Scene, conditions: Sequence[Condition], until: int | None = None
    ) -> Iterator[Scene]:
        """Yield the scene at the next moment at which all conditions hold, if there is one in time."""
        for sky in self._skies(scene, conditions):
            for ms in self._times(scene.now_ms, conditions):
                if until is not None and ms > until:
                    break
                at = _with(scene, now_ms=ms, weather=sky)
                facts = self.facts(at)
                if not any(unmet(each, facts, [PLAYER], scene.place) for each in conditions):
                    yield at
                    return

    def _otherwise(
        self, scene: Scene, condition: Condition, ways: Sequence[Condition], until: int | None = None
    ) -> Iterator[Scene]:
        """Yield the scene at a moment at which a condition holds, and none of the ways on is open."""
        for poor in (False, True):
            for sky in sorted(self.world.skies(scene.place)) or [""]:
                for ms in self._times(scene.now_ms, [condition, *ways]):
                    if until is not None and ms > until:
                        break
                    at = _with(scene, now_ms=ms, weather=sky, poor=poor)
                    facts = self.facts(at)
                    if unmet(condition, facts, [PLAYER], scene.place):
                        continue
                    if all(unmet(way, facts, [PLAYER], scene.place) for way in ways):
                        yield at
                        return

    def _skies(self, scene: Scene, conditions: Sequence[Condition]) -> Collection[str]:
        wanted = [set(each.weather) for each in conditions if each.weather]
        possible = self.world.skies(scene.place)
        if not wanted:
            return [scene.weather if scene.weather in possible else min(possible, default="")]
        return sorted(possible.intersection(*wanted))

    def _times(self, now_ms: int, conditions: Sequence[Condition]) -> Iterator[int]:
        """Yield the moments at which a condition may begin to hold: now, and where phases and hours begin."""
        yield now_ms
        if not any(each.phases or each.hours for each in conditions):
            return
        almanac = self.world.almanac
        first = almanac.phase_index(GameTime(now_ms)) + 1
        phases = len(almanac.calendar.phases)
        times = {almanac.phase_begins(first + n).ms for n in range(DAYS_AHEAD * phases)}
        day = now_ms // almanac.day_ms
        opens = {each.hours.opens * 60_000 for each in conditions if each.hours}
        times |= {(day + n) * almanac.day_ms + ms for n in range(DAYS_AHEAD) for ms in opens}
        yield from sorted(ms for ms in times if ms > now_ms)

    def _provided(self, scene: Scene, objective: Objective) -> Scene | None:
        """Return the scene with what an objective asks one to have; None if it cannot be had."""
        if objective.good and (found := self.with_good(scene, objective.good, objective.count)) is not None:
            scene = found
        elif objective.good:
            return None
        has = objective.when.has
        return self.with_good(scene, has, 1) if has else scene

    def with_good(self, scene: Scene, good: str, count: int) -> Scene | None:
        """Return the scene in which the player has found so much of a good; None if there is not so much."""
        has = scene.book.volume(HAS, good)[0]
        if has >= count:
            return scene
        if good not in self.world.obtainable or Thing("good", good) in scene.gone:
            return None
        commands: list[LedgerCommand] = [
            *([self.world.units.opened[good]] if good in self.world.units.opened else []),
            DeclareFlow(account=FOUND, says="The world"),
            OpenAccount(account=HAS),
            Transfer(
                moves=[LedgerMove(unit=good, payer=FOUND, payee=HAS, amount=count - has)], reason="found"
            ),
        ]
        book, now = scene.book, Now(RealTime(0), GameTime(scene.now_ms))
        try:
            for command in commands:
                for event in LEDGER.decide(AskedOfLedger(command, now, lambda _: ""), book):
                    book = evolve(book, event)
        except Rejected:
            return None
        return _with(scene, book=book)

    # --- what is the same -----------------------------------------------------------------------------------

    def key(self, scene: Scene) -> tuple[Any, ...]:
        """Return what of a scene decides what may come of it; the time does not: one may wait."""
        state = scene.state
        mine = tuple(sorted(good for good in self.world.unique if scene.book.volume(HAS, good)[0]))
        world = scene.gone, scene.lost, self._kept(scene), mine, scene.number, scene.unpaid
        if state is None:
            return (*world, None)
        return (
            *world,
            state.stage,
            state.done,
            tuple(sorted(state.stands_for.items())),
            state.over,
            state.end,
        )


def _with(scene: Scene, **changes: Any) -> Scene:
    values = {name: getattr(scene, name) for name in Scene.__slots__}
    return Scene(**{**values, **changes})
