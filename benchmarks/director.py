"""Play storylets with simulated players: pace, stalls, double bookings, what is never seen, time of a choice.

A thousand players live two days of the game among ten thousand storylets (variants of those of the sample
world) and two hundred arcs, in a world in which people come, sleep and die. Beside it, with the same players
in the same world: a storylet at random, and the first of the files whose conditions hold. Then players in
mid-arc live through two hundred random edits of the content, and play on until each arc that ran has ended.
Times are CPU time of one process.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aicore.content.sample_world import sample_definition
from benchmarks.director_kit import edited, world_of
from benchmarks.harness import Progress, Report, percentile
from domain.definition.definition import Definition
from domain.director.choosing import Chooser, Chosen, at_random, choose, first_match
from domain.director.content import Content
from domain.director.direction import Told
from domain.director.playing import Play, shares
from domain.director.rehearsal import DAY_MS, HOUR_MS
from domain.director.stage import Stage

SEED = 20_261_201
STORYLETS, PEOPLE, ARCS = 10_000, 3_000, 200
PLAYERS, PLAYERS_QUICK = 1_000, 150
DAYS = 2
EDITS, EDITED_STORYLETS, EDITED_ARCS = 200, 1_000, 60
PLAYED_OUT_DAYS = 9
"""Days after the last edit at most: more than any arc lasts whose beats nobody comes to."""


@dataclass(slots=True)
class Timed(Stage):
    """A stage that notes how long each choice took, in seconds of CPU time."""

    times: list[float] = field(default_factory=list)

    def choice(self, player: str, told: Told, now_ms: int) -> tuple[Content, Chosen] | None:
        """Return what would be played, and note the time."""
        began = time.process_time()
        found = Stage.choice(self, player, told, now_ms)
        self.times.append(time.process_time() - began)
        return found


def played(definition: Definition, players: int, chooser: Chooser) -> tuple[Play, Timed]:
    """Return what came of two days."""
    names = [f"player-{number}" for number in range(players)]
    play = Play(definition, names, SEED, chooser, Timed)
    play.run(play.begin_ms + DAYS * DAY_MS)
    assert isinstance(play.stage, Timed)
    return play, play.stage


async def run(quick: bool, progress: Progress) -> Report:
    """Measure once: what comes of it is the same every time, and only the times differ."""
    report, players = Report("director", 1), PLAYERS_QUICK if quick else PLAYERS
    definition = world_of(sample_definition(), STORYLETS, people=PEOPLE, more_arcs=ARCS, seed=SEED)
    report.facts |= {"players": players, "days": DAYS, "storylets": len(definition.storylets)}
    for name, chooser in (("", choose), ("random_", at_random), ("first_match_", first_match)):
        progress(f"{name or 'director_'}: {players} players, {DAYS} days")
        play, stage = played(definition, players, chooser)
        _tell(report, name, play, stage)
    progress(f"{EDITS} edits with {players} players in mid-arc")
    _edits(report, players, progress)
    return report


def _tell(report: Report, name: str, play: Play, stage: Timed) -> None:
    it = play.played
    report.add(f"{name}relief_kept", 100 * it.relief, "%")
    report.add(f"{name}rests", it.rests, "")
    report.add(f"{name}scenes", it.scenes.total(), "")
    report.add(f"{name}stalls", it.stalls, "")
    report.add(f"{name}double_bookings", it.double, "")
    report.add(f"{name}seen", 100 * shares(it.scenes, play.content), "%")
    report.add(f"{name}choice_p50", percentile(stage.times, 0.5) * 1e3, "ms CPU")
    report.add(f"{name}choice_p99", percentile(stage.times, 0.99) * 1e3, "ms CPU")
    again = sum(number - 1 for number in it.scenes.values() if number > 1)
    report.add(f"{name}busiest", 100 * max(it.scenes.values()) / it.scenes.total(), "% of scenes")
    report.facts[f"{name}arcs"] = {"begun": len(it.runs), **it.ends, "recast": it.recast, "repeats": again}
    if not name:
        unseen = list(play.unseen())
        report.facts["unseen"] = dict(Counter(each.cause for each in unseen))
        report.facts["unseen_named"] = {each.storylet: f"{each.cause}: {each.why}" for each in unseen}


def _edits(report: Report, players: int, progress: Callable[[str], None]) -> None:
    """Edit the content two hundred times while players live, then play on until what runs came to an end."""
    definition = world_of(
        sample_definition(), EDITED_STORYLETS, people=PEOPLE // 3, more_arcs=EDITED_ARCS, seed=SEED
    )
    play = Play(definition, [f"player-{number}" for number in range(players)], SEED)
    at_ms = play.begin_ms + 6 * HOUR_MS
    play.run(at_ms)
    in_arcs = sum(bool(told.runs) for told in play.stage.direction.players.values())
    for number in range(EDITS):
        definition = edited(definition, number, SEED)
        play.edit(definition)
        at_ms += DAYS * DAY_MS // EDITS
        play.run(at_ms)
        if number % 50 == 49:
            progress(f"{number + 1} edits")
    begun = len(play.played.runs)
    before = Counter(play.played.ended.values())
    ends = play.play_out(PLAYED_OUT_DAYS)
    report.add("edits", EDITS, "")
    report.add("edits_players_in_arcs", in_arcs, "")
    report.add("edits_arcs_begun", begun, "")
    report.add("edits_arcs_migrated", play.played.migrated, "")
    report.add("edits_arcs_running", ends.total(), "")
    for end in ("completed", "faded", "lost", "stuck"):
        report.add(f"edits_arcs_{end}", ends[end], "")
    report.add("edits_double_bookings", play.played.double, "")
    report.facts["edits_ends_before"] = dict(before)
