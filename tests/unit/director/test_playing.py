"""Simulated players: nothing is booked twice, rest is rest, edits lose nobody, the unseen is named."""

import pytest

from aicore.content.sample_world import sample_definition
from benchmarks.director_kit import edited, world_of
from domain.director.choosing import at_random
from domain.director.playing import Play, shares
from domain.director.rehearsal import DAY_MS, HOUR_MS
from tests.unit.director.kit import small


def _played(players: int, hours: int, **more: object) -> Play:
    play = Play(sample_definition(), [f"p{number}" for number in range(players)], 7, **more)  # type: ignore[arg-type]
    play.run(play.begin_ms + hours * HOUR_MS)
    return play


def test_players_of_the_sample_world_are_kept_busy_and_nobody_is_in_two_places() -> None:
    play = _played(4, 8)
    assert play.played.double == play.played.stalls == 0
    assert play.played.relief == 1
    assert shares(play.played.scenes, play.content) > 0.4
    assert {"kept", "broken"} & set(play.played.ends)


def test_nobody_sits_in_a_stall_in_the_sample_world_for_a_whole_day() -> None:
    """Who is where nobody else is has something to see, too, and not twice the same before long."""
    for seed in (1, 2, 3):
        play = Play(sample_definition(), [f"player-{number}" for number in range(8)], seed)
        play.run(play.begin_ms + DAY_MS)
        assert play.played.stalls == 0, seed


def test_a_small_world_is_played_too_and_what_is_never_seen_has_its_reason() -> None:
    play = Play(small(), ["ann", "ben"], 7)
    play.run(play.begin_ms + DAY_MS)
    assert play.played.scenes["nobody"] > 0
    unseen = {each.storylet: each.why for each in play.unseen()}
    assert unseen.keys() == {each.storylet.id for each in play.content.playables} - set(play.played.scenes)
    assert all(unseen.values())


@pytest.mark.parametrize(
    ("edits", "players"),
    [(12, 8), pytest.param(100, 60, marks=[pytest.mark.slow, pytest.mark.timeout(300)])],
)
def test_random_edits_lose_no_arc_and_leave_none_stuck(edits: int, players: int) -> None:
    definition = world_of(sample_definition(), 200, people=150, more_arcs=15, seed=7)
    play = Play(definition, [f"p{number}" for number in range(players)], 7)
    at_ms = play.begin_ms + 2 * HOUR_MS
    play.run(at_ms)
    assert sum(bool(told.runs) for told in play.stage.direction.players.values()) > players // 2
    for number in range(edits):
        definition = edited(definition, number, 7)
        play.edit(definition)
        at_ms += DAY_MS // edits
        play.run(at_ms)
    running = set(play.stuck())
    ends = play.play_out(9)
    assert play.played.migrated > 0
    assert ends.total() == len(running) > 0
    assert ends["completed"] > 0
    assert ends["stuck"] == 0
    assert not running & set(play.stuck())
    assert play.played.double == 0


def test_without_a_director_rest_is_disturbed() -> None:
    definition = world_of(sample_definition(), 300, people=200, more_arcs=5, seed=7)
    play = Play(definition, [f"p{number}" for number in range(6)], 7, at_random)
    play.run(play.begin_ms + DAY_MS)
    assert play.played.rests > 0
    assert play.played.relief < 0.5
