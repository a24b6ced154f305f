"""What the director does next: close what is over, go on with arcs, let it get tenser, open a scene. Pure.

It looks at what is told (`Direction`), at the content, and at the world through `World`. Every step is an
event; so whoever computes it from the same comes to the same.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from zlib import crc32

from domain.definition.storylets import ArcEnd, ClaimForm, Lead, Storylet
from domain.director.casting import Company, News, arc_cast, filled
from domain.director.choosing import Chooser, Chosen, Question, Seen, Situation, choose
from domain.director.content import Content
from domain.director.direction import Direction, OpenScene, Run, Told
from domain.director.messages import (
    ArcAdvanced,
    ArcBegun,
    ArcEnded,
    ArcMigrated,
    ArcRecast,
    DirectorEvent,
    Outcome,
    SceneClosed,
    SceneOpened,
    Swaying,
)
from domain.director.scenes import Setting, changed, scene_of
from domain.director.stirring import Sight, stirred
from domain.director.tension import MINUTE_MS, passed
from domain.kernel.chance import below, chance

FRESH_MS = 1_440 * MINUTE_MS
"""What somebody was told within a day of the game is not told to another while there is anything else."""

PAUSE_MS = (6 * MINUTE_MS, 12 * MINUTE_MS)
"""Game time between two scenes of a player, at least and at most; drawn for each."""


class World(Protocol):
    """What the director asks of the world, as of now."""

    def place_of(self, player: str) -> str:
        """Return where a player is; "": not in the world, or on the way."""
        ...

    def here(self, place: str) -> Collection[str]:
        """Return who of the people is in a place and awake."""
        ...

    def gone(self) -> Collection[str]:
        """Return who of the people lives no more."""
        ...

    def phase(self, place: str, now_ms: int) -> str:
        """Return the phase of the day."""
        ...

    def weather(self, place: str) -> str:
        """Return the weather over a place."""
        ...

    def news(self, now_ms: int) -> Sequence[News]:
        """Return what emerged lately, the newest first."""
        ...

    def holds(self, predicate: str, arguments: tuple[str, ...]) -> bool:
        """Return whether some claim holds; an empty argument stands for any."""
        ...

    def saw(self, player: str, after: int) -> Sequence[Sight]:
        """Return the deeds that a player saw for themselves after a position of the log, in its order."""
        ...

    def known(self, player: str) -> object:
        """Return what changes whenever a claim about a player ("": about nobody) may hold or not any more."""
        ...


@dataclass(slots=True)
class Stale:
    """What somebody was told lately, as a set over one content; `known`: what somebody was at any time."""

    content: Content
    known: int = 0
    _mask: int = 0
    _since: dict[int, int] = field(default_factory=dict)

    def add(self, id_: str, at_ms: int) -> None:
        """Take in that a storylet is played."""
        number = self.content.numbers.get(id_)
        if number is not None:
            self._since.pop(number, None)
            self._since[number] = at_ms
            self._mask |= 1 << number
            self.known |= 1 << number

    def mask(self, now_ms: int) -> int:
        """Return the set at a time."""
        while self._since:
            number, at_ms = next(iter(self._since.items()))
            if at_ms + FRESH_MS > now_ms:
                break
            del self._since[number]
            self._mask &= ~(1 << number)
        return self._mask


@dataclass(slots=True)
class Stage:
    """The director's desk.

    Attributes:
        contents: by version, what is played; running arcs may be of older versions than `version`.
        seed: of the world.
        chooser: how a storylet is chosen.
    """

    direction: Direction
    contents: Mapping[int, Content]
    version: int
    world: World
    seed: int
    chooser: Chooser = choose
    opens: bool = True
    """Whether scenes begin; without it only what runs comes to its end."""
    _stale: "Stale | None" = None
    _seen: dict[str, Seen] = field(default_factory=dict)
    _blocked: dict[tuple[str, int], tuple[object, int]] = field(default_factory=dict)

    @property
    def content(self) -> Content:
        """What is played now."""
        return self.contents[self.version]

    def tell(self, event: DirectorEvent) -> DirectorEvent:
        """Take an event in, and return it."""
        self.direction.evolve(event)
        if isinstance(event, SceneOpened) and (seen := self._seen.get(event.player)):
            seen.add(event.storylet, event.at_ms)
        if isinstance(event, SceneOpened) and self._stale is not None:
            self._stale.add(event.storylet, event.at_ms)
        if isinstance(event, SceneClosed) and event.outcome != "played":
            self._seen.pop(event.player, None)
        return event

    # --- turns ----------------------------------------------------------------------------------------------

    def realm_turn(self, now_ms: int) -> Iterator[DirectorEvent]:
        """Yield what time does to the realm's tension."""
        realm = passed(self.direction.realm, now_ms, self.seed, "realm")
        if realm != self.direction.realm:
            yield self.tell(changed(None, realm))

    def turn(self, player: str, now_ms: int) -> Iterator[DirectorEvent]:
        """Yield what happens for a player, each event as it is taken in."""
        told = self.direction.told(player)
        if told.scene is not None:
            yield from self._close(self.direction.scenes[told.scene], now_ms)
        for run in list(told.runs.values()):
            yield from self._go_on(player, run, now_ms)
        if event := stirred(player, self.world.saw(player, told.counted), self.content.stirring, now_ms):
            yield self.tell(event)
        tension = passed(told.tension, now_ms, self.seed, player)
        if tension != told.tension:
            yield self.tell(changed(player, tension))
        if self.opens and told.scene is None and now_ms >= self.free_ms(player, told):
            yield from self._open(player, told, now_ms)

    def free_ms(self, player: str, told: Told) -> int:
        """Return when the next scene may begin."""
        least, most = PAUSE_MS
        drawn = chance(self.seed, crc32(player.encode()), told.rested_ms)
        return told.rested_ms + least + below(drawn, most - least + 1) if told.rested_ms else 0

    # --- a scene is over ------------------------------------------------------------------------------------

    def _close(self, scene: OpenScene, now_ms: int) -> Iterator[DirectorEvent]:
        outcome = self._outcome(scene, now_ms)
        if not outcome:
            return
        content = self.contents.get(scene.version, self.content)
        number = content.numbers.get(scene.storylet)
        storylet = content.playables[number].storylet if number is not None else None
        played = outcome == "played" and storylet is not None
        sways = [
            Swaying(faction=each.faction, other=each.other, power=each.power, regard=each.regard)
            for each in (storylet.sways if played and storylet else ())
        ]
        yield self.tell(
            SceneClosed(scene=scene.number, player=scene.player, outcome=outcome, at_ms=now_ms, sways=sways)
        )
        run = self.direction.told(scene.player).runs.get(-1 if scene.run is None else scene.run)
        if played and storylet and run is not None and run.beat == storylet.beat:
            lead = self._lead(storylet, scene)
            yield from self._come_to(scene.player, run, lead.to, now_ms, scene.number)

    def _outcome(self, scene: OpenScene, now_ms: int) -> Outcome | None:
        if self.world.place_of(scene.player) != scene.place:
            return "left"
        if now_ms >= scene.until_ms:
            return "played"
        here = self.world.here(scene.place)
        return None if all(person in here for person in scene.present) else "broken"

    def _lead(self, storylet: Storylet, scene: OpenScene) -> Lead:
        """Return the way on from a scene: the first whose claims are so; the last one asks for nothing."""

        def so(form: ClaimForm) -> bool:
            arguments = filled(form, scene.cast, scene.player, scene.place, self._news_of(scene))
            return self.world.holds(form.predicate, arguments)

        for lead in storylet.leads[:-1]:
            if all(map(so, lead.facts)) and not any(map(so, lead.lacks)):
                return lead
        return storylet.leads[-1]

    def _news_of(self, scene: OpenScene) -> News | None:
        return next((each for each in self.world.news(scene.until_ms) if each.number == scene.news), None)

    # --- arcs -----------------------------------------------------------------------------------------------

    def _go_on(self, player: str, run: Run, now_ms: int) -> Iterator[DirectorEvent]:
        """Yield what becomes of an arc by time, by who is gone, and by other files."""
        scene = self.direction.told(player).scene
        playing = scene is not None and self.direction.scenes[scene].run == run.number
        if run.version != self.version and not playing and self._fits(run):
            yield self.tell(
                ArcMigrated(
                    run=run.number, player=player, version=self.version, was=run.version, at_ms=now_ms
                )
            )
            run = self.direction.told(player).runs[run.number]
        content = self.contents[run.version]
        for role, person in run.cast.items():
            if person in self.world.gone():
                yield from self._stand_in(player, run, role, now_ms)
                return
        beat = next(each for each in content.arcs[run.arc].beats if each.id == run.beat)
        if now_ms >= run.since_ms + beat.within * 1_000 and not playing:
            yield from self._come_to(player, run, beat.late, now_ms, None)

    def _fits(self, run: Run) -> bool:
        """Return whether an arc can go on by the version that holds: same beat, same roles, same people."""
        arc, was = self.content.arcs.get(run.arc), self.contents[run.version].arcs[run.arc]
        if arc is None or not any(beat.id == run.beat for beat in arc.beats):
            return False
        known = all(person in self.content.people for person in run.cast.values())
        return known and {role.id for role in arc.roles} == {role.id for role in was.roles}

    def _stand_in(self, player: str, run: Run, role: str, now_ms: int) -> Iterator[DirectorEvent]:
        content = self.contents[run.version]
        arc = content.arcs[run.arc]
        wanted = [each for each in arc.roles if each.id == role]
        drawn = crc32(f"{player} {run.number} {role}".encode())
        others = {name: person for name, person in run.cast.items() if name != role}
        found = arc_cast(wanted, content, 0, self._alive(content), drawn, others)
        if not found:
            yield from self._come_to(player, run, arc.lost, now_ms, None)
            return
        yield self._recast(player, run.number, role, (run.cast[role], found[role]), now_ms)

    def _recast(
        self, player: str, run: int, role: str, people: tuple[str, str], now_ms: int
    ) -> DirectorEvent:
        was, now = people
        return self.tell(ArcRecast(run=run, player=player, role=role, was=was, now=now, at_ms=now_ms))

    def _come_to(
        self, player: str, run: Run, to: str, now_ms: int, scene: int | None
    ) -> Iterator[DirectorEvent]:
        ends: Mapping[str, ArcEnd] = {end.id: end for end in self.contents[run.version].arcs[run.arc].ends}
        if (end := ends.get(to)) is None:
            yield self.tell(ArcAdvanced(run=run.number, player=player, beat=to, at_ms=now_ms, scene=scene))
            return
        yield self.tell(
            ArcEnded(
                run=run.number,
                arc=run.arc,
                player=player,
                end=to,
                outcome=end.outcome,
                text=end.text,
                at_ms=now_ms,
                scene=scene,
            )
        )

    # --- a scene begins -------------------------------------------------------------------------------------

    def _open(self, player: str, told: Told, now_ms: int) -> Iterator[DirectorEvent]:
        found = self.choice(player, told, now_ms)
        if found is None:
            return
        content, chosen = found
        run = chosen.run.number if chosen.run else None
        storylet = chosen.playable.storylet
        if chosen.begins and storylet.arc:
            arc = content.arcs[storylet.arc]
            run = self.direction.next_run
            cast = {role.id: chosen.cast.roles[role.id] for role in arc.roles}
            yield self.tell(
                ArcBegun(
                    run=run,
                    arc=arc.id,
                    version=content.version,
                    player=player,
                    beat=arc.begins,
                    cast=cast,
                    at_ms=now_ms,
                )
            )
        elif chosen.run is not None:
            for role, was in chosen.run.cast.items():
                if (now := chosen.cast.roles[role]) != was:
                    yield self._recast(player, chosen.run.number, role, (was, now), now_ms)
        opened = self._scene(content, chosen, player, run, now_ms)
        self.direction.book(opened)
        yield self.tell(opened)

    def choice(self, player: str, told: Told, now_ms: int) -> tuple[Content, Chosen] | None:
        """Return what would be played for a player, and of which content; None: nothing."""
        place = self.world.place_of(player)
        if not place:
            return None
        for version in sorted({run.version for run in told.runs.values()} - {self.version}):
            pinned = self.contents[version]
            runs = [run for run in told.runs.values() if run.version == version]
            only = 0
            for run in runs:
                only |= pinned.beats.get((run.arc, run.beat), 0)
            asked = self.question(pinned, player, told, now_ms)
            if only and (chosen := choose(pinned, asked, only)):
                return pinned, chosen
        asked = self.question(self.content, player, told, now_ms)
        chosen = self.chooser(self.content, asked)
        return (self.content, chosen) if chosen else None

    def question(self, content: Content, player: str, told: Told, now_ms: int) -> Question:
        """Return what a choice for a player depends on."""
        place, world = self.world.place_of(player), self.world
        here = content.of_people(
            person for person in world.here(place) if person not in self.direction.booked
        )
        situation = Situation(
            place,
            world.phase(place, now_ms),
            world.weather(place),
            told.tension.state,
            self.direction.realm.state,
            len(told.ended),
        )
        company = Company(here, self._alive(content), place, player, world.news(now_ms), world.holds)
        others = {run.arc: "" for run in told.runs.values() if run.version != content.version}
        stale, known = self._told_before(content, now_ms)
        return Question(
            situation,
            company,
            self._seen_of(content, player, told),
            [run.running for run in told.runs.values() if run.version == content.version],
            {**told.ended, **others},
            self._kept_out(content, player),
            stale,
            known,
            now_ms,
            chance(self.seed, crc32(player.encode())),
        )

    def _alive(self, content: Content) -> int:
        return (1 << len(content.people)) - 1 & ~content.of_people(self.world.gone())

    def _seen_of(self, content: Content, player: str, told: Told) -> Seen:
        if content.version != self.version:
            return Seen.of(content, told.seen)
        found = self._seen.get(player)
        if found is None or found.content is not content:
            found = self._seen[player] = Seen.of(content, told.seen)
        return found

    def _told_before(self, content: Content, now_ms: int) -> tuple[int, int]:
        """Return what somebody was told lately, and what somebody was at any time."""
        if content.version != self.version:
            return 0, 0
        if self._stale is None or self._stale.content is not content:
            self._stale = Stale(content)
            for id_, at_ms in sorted(self.direction.played.items(), key=lambda each: each[1]):
                self._stale.add(id_, at_ms)
        return self._stale.mask(now_ms), self._stale.known

    def _kept_out(self, content: Content, player: str) -> int:
        """Return the storylets that claims keep out; computed anew when a claim may have changed."""
        found = 0
        for who, keys in (("", content.of_realm), (player, content.of_player)):
            known, key = self.world.known(who), (who, content.version)
            kept = self._blocked.get(key)
            if kept is None or kept[0] != known:
                kept = self._blocked[key] = known, content.blocked(keys, self.world.holds, player)
            found |= kept[1]
        return found

    def _scene(
        self, content: Content, chosen: Chosen, player: str, run: int | None, now_ms: int
    ) -> SceneOpened:
        place, direction = self.world.place_of(player), self.direction
        setting = Setting(player, place, direction.told(player).tension.state, direction.realm.state)
        return scene_of(content, chosen, setting, direction.next_scene, run, now_ms)
