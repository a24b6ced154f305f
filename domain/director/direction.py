"""What is being played, and how tense it is: folded from the director's stream. Pure; changed in place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.director.choosing import Running
from domain.director.messages import (
    ArcAdvanced,
    ArcBegun,
    ArcEnded,
    ArcMigrated,
    ArcRecast,
    DirectorEvent,
    DirectorLed,
    SceneClosed,
    SceneOpened,
    Stirred,
    TensionChanged,
)
from domain.director.tension import CALM, Tension
from domain.kernel.decider import Rejected

STIRS_KEPT = 3
_PERSON = re.compile(r"\bperson\.([a-z0-9_]+)")
"""Who a claim names, wherever in it."""


@dataclass(frozen=True, slots=True)
class Run:
    """An arc as a player lives it; `since_ms`: when it came to its beat; `met`: roles that have come on."""

    number: int
    arc: str
    version: int
    beat: str
    cast: Mapping[str, str]
    since_ms: int
    met: frozenset[str] = frozenset()

    @property
    def running(self) -> Running:
        """Return it as a choice looks at it."""
        return Running(self.number, self.arc, self.beat, self.cast, self.met)

    def recast(self, role: str, person: str) -> "Run":
        """Return it with another one in a role, whom nobody has met in it yet."""
        return replace(self, cast={**self.cast, role: person}, met=self.met - {role})

    def meeting(self, event: SceneOpened) -> "Run":
        """Return it after a scene: who stands in it, or is spoken of, has come on."""
        spoken = " ".join(claim for line in event.lines for claim in line.claims)
        known = {*event.present, *_PERSON.findall(spoken)}
        met = {role for role, person in self.cast.items() if person in known}
        return replace(self, met=self.met | met)


@dataclass(frozen=True, slots=True)
class OpenScene:
    """A scene that is being played."""

    number: int
    storylet: str
    version: int
    player: str
    place: str
    cast: Mapping[str, str]
    present: tuple[str, ...]
    until_ms: int
    run: int | None
    news: int | None


@dataclass(slots=True)
class Told:
    """What a player lives through.

    Attributes:
        tension: for them.
        scene: number of the one that they are in; None: of none.
        rested_ms: when the last one ended.
        seen: storylets by id, when last.
        runs: arcs by number. ended: by arc, how.
        stirs: what they saw that moved them, the newest last.
    """

    tension: Tension = CALM
    scene: int | None = None
    rested_ms: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    stirs: tuple[Stirred, ...] = ()

    @property
    def counted(self) -> int:
        """Position of the log up to which it is counted what they saw."""
        return self.stirs[-1].position if self.stirs else 0


@dataclass(slots=True)
class Direction:
    """All of it; `booked`: by person, the scene that they are in."""

    term: int = 0
    realm: Tension = CALM
    scenes: dict[int, OpenScene] = field(default_factory=dict)
    booked: dict[str, int] = field(default_factory=dict)
    players: dict[str, Told] = field(default_factory=dict)
    played: dict[str, int] = field(default_factory=dict)
    """By storylet, when it was played last for anybody."""
    next_scene: int = 0
    next_run: int = 0

    def told(self, player: str) -> Told:
        """Return what a player lives through."""
        return self.players.setdefault(player, Told())

    def book(self, opened: SceneOpened) -> None:
        """See that a scene can be opened.

        Raises:
            Rejected: ``booked``, somebody of it is in another one.
        """
        found: Sequence[str] = [person for person in opened.present if person in self.booked]
        if found or self.told(opened.player).scene is not None:
            who = f"person.{found[0]}" if found else f"player.{opened.player}"
            raise Rejected("booked", f"{who} is in another scene", field="cast")

    def evolve(self, event: DirectorEvent) -> None:
        """Take an event in."""
        match event:
            case DirectorLed():
                self.term = event.term
            case SceneOpened():
                self._open(event)
            case SceneClosed():
                self._close(event)
            case TensionChanged():
                until = event.until_ms or 0
                tension = Tension(event.level, event.at_ms, event.state, until)
                if event.player is None:
                    self.realm = tension
                else:
                    self.told(event.player).tension = tension
            case Stirred():
                told = self.told(event.player)
                told.tension = told.tension.moved(event.by, event.at_ms)
                told.stirs = (*told.stirs[-(STIRS_KEPT - 1) :], event)
            case _:
                self._arc(event)

    def _open(self, event: SceneOpened) -> None:
        told, news = self.told(event.player), event.why.news
        self.scenes[event.scene] = OpenScene(
            event.scene, event.storylet, event.version, event.player, event.place, event.cast,
            tuple(event.present), event.until_ms, event.run, news,
        )  # fmt: skip
        self.booked.update(dict.fromkeys(event.present, event.scene))
        told.scene, self.next_scene = event.scene, event.scene + 1
        if event.run is not None and (run := told.runs.get(event.run)):
            told.runs[event.run] = run.meeting(event)
        told.seen[event.storylet] = self.played[event.storylet] = event.at_ms
        told.tension = told.tension.moved(event.tension, event.at_ms)
        self.realm = self.realm.moved(event.realm, event.at_ms)

    def _close(self, event: SceneClosed) -> None:
        scene, told = self.scenes.pop(event.scene, None), self.told(event.player)
        if scene is not None:
            for person in scene.present:
                self.booked.pop(person, None)
            if event.outcome != "played":  # what was broken off may come again
                told.seen.pop(scene.storylet, None)
        told.scene, told.rested_ms = None, event.at_ms

    def _arc(self, event: ArcBegun | ArcAdvanced | ArcRecast | ArcEnded | ArcMigrated) -> None:
        told = self.told(event.player)
        match event:
            case ArcBegun():
                self.next_run = event.run + 1
                told.runs[event.run] = Run(
                    event.run, event.arc, event.version, event.beat, event.cast, event.at_ms
                )
            case ArcEnded():
                told.runs.pop(event.run, None)
                told.ended[event.arc] = event.end
            case ArcAdvanced():
                if run := told.runs.get(event.run):
                    told.runs[event.run] = replace(run, beat=event.beat, since_ms=event.at_ms)
            case ArcRecast():
                if run := told.runs.get(event.run):
                    told.runs[event.run] = run.recast(event.role, event.now)
            case ArcMigrated():
                if run := told.runs.get(event.run):
                    told.runs[event.run] = replace(run, version=event.version)
