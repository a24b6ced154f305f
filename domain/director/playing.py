"""Storylets played by simulated players: what comes, what never does and why, what goes wrong. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from domain.definition.definition import Definition
from domain.director.choosing import Chooser, choose
from domain.director.content import Content, bits_of, compiled
from domain.director.direction import Direction
from domain.director.messages import (
    ArcBegun,
    ArcEnded,
    ArcMigrated,
    ArcRecast,
    DirectorEvent,
    SceneClosed,
    SceneOpened,
    TensionChanged,
)
from domain.director.rehearsal import DAY_MS, HOUR_MS, Rehearsal
from domain.director.silence import missing_of
from domain.director.stage import Stage
from domain.director.tension import RELAX, next_ms
from domain.director.unseen import Unseen, Watch

RETRY_MS = 10 * 60_000
"""When a player is looked at again for whom nothing was found."""

HOURS = 24
LOOKED_AT = 8
"""Of so many moments at which a storylet is to be chosen, one is looked at for why others are not seen."""

STALL_MS = 4 * HOUR_MS
"""A player for whom nothing is played for so long sits in a stall."""


@dataclass(slots=True)
class Played:
    """What came of it, counted from the events alone.

    Attributes:
        scenes: by storylet. outcomes: of scenes. ends: of arcs, by outcome.
        double: scenes that somebody of stood in another one at the time.
        rests: rests that began. disturbed: those in which something made it tenser.
        stalls: players' stretches without a scene that were too long.
        runs: by number of arc that began: the arc.
        ended: by number: completed, if a scene led to its end, and else its outcome: faded, or lost.
    """

    scenes: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    double: int = 0
    rests: int = 0
    disturbed: int = 0
    stalls: int = 0
    recast: int = 0
    migrated: int = 0
    runs: dict[int, str] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    events: int = 0
    _standing: dict[str, int] = field(default_factory=dict)
    _open: dict[int, SceneOpened] = field(default_factory=dict)
    _resting: dict[str, bool] = field(default_factory=dict)
    _last_ms: dict[str, int] = field(default_factory=dict)

    def take_in(self, event: DirectorEvent) -> None:
        """Take an event in."""
        self.events += 1
        match event:
            case SceneOpened():
                self._opened(event)
            case SceneClosed():
                self.outcomes[event.outcome] += 1
                for person in self._open.pop(event.scene).present:
                    self._standing.pop(person, None)
                self._last_ms[event.player] = event.at_ms
            case TensionChanged(player=str(player)):
                self._tension(player, event)
            case ArcBegun():
                self.runs[event.run] = event.arc
            case ArcEnded():
                self.ended[event.run] = event.outcome if event.scene is None else "completed"
                self.ends[event.outcome] += 1
            case ArcRecast():
                self.recast += 1
            case ArcMigrated():
                self.migrated += 1
            case _:
                pass

    def _opened(self, event: SceneOpened) -> None:
        self.scenes[event.storylet] += 1
        self.double += any(person in self._standing for person in event.present)
        self._standing.update(dict.fromkeys(event.present, event.scene))
        self._open[event.scene] = event
        self.stalls += event.at_ms - self._last_ms.get(event.player, event.at_ms) > STALL_MS
        if event.tension > 0 and self._resting.get(event.player) is False:
            self._resting[event.player] = True
            self.disturbed += 1

    def _tension(self, player: str, event: TensionChanged) -> None:
        if event.state == RELAX:
            self.rests += 1
            self._resting[player] = False
        else:
            self._resting.pop(player, None)

    @property
    def relief(self) -> float:
        """Share of the rests in which nothing made it tenser."""
        return 1 - self.disturbed / self.rests if self.rests else 1.0


Edit = Callable[[Definition, int], Definition]
"""Returns a definition after the so many-th edit."""


@dataclass(slots=True)
class Play:
    """Simulated players in a rehearsal world; `run` lets them play."""

    definition: Definition
    players: Sequence[str]
    seed: int
    chooser: Chooser = choose
    stage_of: Callable[..., Stage] = Stage
    played: Played = field(default_factory=Played)
    stage: Stage = field(init=False)
    world: Rehearsal = field(init=False)
    watch: Watch = field(init=False)
    missed: int = 0
    """The storylets that nobody has seen."""
    begin_ms: int = 12 * HOUR_MS
    _choices: int = 0
    _due: list[tuple[int, str]] = field(default_factory=list)
    _contents: dict[int, Content] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Compile the storylets, and put everybody somewhere."""
        content = compiled(self.definition, 1)
        self._contents[1] = content
        self.watch, self.missed = Watch(content), content.all
        self.world = Rehearsal(self.definition, content, self.seed, self.players, now_ms=self.begin_ms)
        self.stage = self.stage_of(Direction(), self._contents, 1, self.world, self.seed, self.chooser)
        self._due = [(self.begin_ms + 60_000 * (at % 30), player) for at, player in enumerate(self.players)]
        heapify(self._due)

    @property
    def content(self) -> Content:
        """What is played now."""
        return self.stage.content

    def run(self, until_ms: int, *, opens: bool = True, only: Collection[int] | None = None) -> None:
        """Let everybody play until a game time.

        Args:
            until_ms: game time.
            opens: whether scenes begin; else only what runs comes to its end.
            only: who is in none of these arcs plays no more; None: all play on.
        """
        self.stage.opens = opens
        while self._due and self._due[0][0] <= until_ms:
            now_ms, player = heappop(self._due)
            self.world.now_ms = now_ms
            walks_ms = self.world.walk(player, now_ms)
            told = self.stage.direction.told(player)
            goes_on = opens if only is None else any(run in told.runs for run in only)
            if not goes_on and told.scene is None and (only is not None or not told.runs):
                continue
            self._look(player, now_ms)
            for event in [*self.stage.realm_turn(now_ms), *self.stage.turn(player, now_ms)]:
                self._take_in(event)
            heappush(self._due, (max(now_ms + 60_000, min(self._next(player, now_ms), walks_ms)), player))

    def play_out(self, days: int) -> Counter[str]:
        """Play on until the arcs that run now have come to their ends, so many days at most; count the ends.

        Completed: a scene led there; faded: nobody came in time; lost: nobody could stand in; stuck: none.
        """
        running = self.played.runs.keys() - self.played.ended.keys()
        self.run(self.world.now_ms + days * DAY_MS, only=running)
        return Counter(self.played.ended.get(run, "stuck") for run in running)

    def _look(self, player: str, now_ms: int) -> None:
        """Note now and then what could be played for somebody who is about to be told something."""
        stage = self.stage
        told = stage.direction.told(player)
        if told.scene is not None or now_ms < stage.free_ms(player, told) or not self.world.place_of(player):
            return
        self._choices += 1
        if self._choices % LOOKED_AT == 1:
            self.watch.look(stage.question(self.content, player, told, now_ms), self.missed)

    def _take_in(self, event: DirectorEvent) -> None:
        self.played.take_in(event)
        if (
            isinstance(event, SceneOpened)
            and (number := self.content.numbers.get(event.storylet)) is not None
        ):
            self.missed &= ~(1 << number)

    def _next(self, player: str, now_ms: int) -> int:
        direction = self.stage.direction
        told = direction.told(player)
        tension_ms = next_ms(told.tension) or now_ms + DAY_MS
        if told.scene is not None:
            return min(direction.scenes[told.scene].until_ms, tension_ms)
        free_ms = self.stage.free_ms(player, told)
        return min(free_ms if free_ms > now_ms else now_ms + RETRY_MS, tension_ms)

    def edit(self, definition: Definition) -> None:
        """Go on by another definition, as when a version of it was published."""
        version = self.stage.version + 1
        self._contents[version] = content = compiled(definition, version)
        self.stage.version, self.world.content = version, content
        self.watch = Watch(content)
        known = (content.numbers[id_] for id_ in self.played.scenes if id_ in content.numbers)
        self.missed = content.all & ~sum(1 << number for number in known)
        used = {run.version for told in self.stage.direction.players.values() for run in told.runs.values()}
        used |= {scene.version for scene in self.stage.direction.scenes.values()} | {version}
        for old in [each for each in self._contents if each not in used]:
            del self._contents[old]

    def stuck(self) -> Sequence[int]:
        """Return the arcs that began and came to no end."""
        return sorted(self.played.runs.keys() - self.played.ended.keys())

    def unseen(self) -> Iterator[Unseen]:
        """Yield the storylets that nobody saw, each with its reason.

        For those whose conditions never held together it is looked once more which of them did not, for
        players as they are now, at each hour of a day.
        """
        reasons = [self.watch.reason(number) for number in bits_of(self.missed)]
        again = [each.storylet for each in reasons if each.cause == "conditions"]
        lacking = self._lacking(again)
        for each in reasons:
            counts = lacking.get(each.storylet, Counter[str]()).most_common(3)
            most = ", ".join(f"{field} {number}" for field, number in counts)
            yield each._replace(why=f"{each.why}; of {HOURS} hours then lacking: {most}") if most else each

    def _lacking(self, ids: Collection[str]) -> Mapping[str, Counter[str]]:
        """Return by storylet which conditions do not hold, and at how many hours of a day."""
        stage, found = self.stage, dict[str, Counter[str]]()
        playables = [self.content.playables[self.content.numbers[id_]] for id_ in ids]
        now_ms = self.world.now_ms
        for hour in range(HOURS if playables else 0):
            self.world.now_ms = now_ms + hour * HOUR_MS
            player = self.players[hour * 37 % len(self.players)]
            self.world.walk(player, self.world.now_ms)
            asked = stage.question(self.content, player, stage.direction.told(player), self.world.now_ms)
            for each in playables:
                fields = {one.field for one in missing_of(self.content, each, asked)}
                found.setdefault(each.storylet.id, Counter()).update(fields)
        self.world.now_ms = now_ms
        return found


def shares(played: Mapping[str, int], content: Content) -> float:
    """Return the share of the storylets that somebody saw."""
    return sum(each.storylet.id in played for each in content.playables) / max(1, len(content.playables))
