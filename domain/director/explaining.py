"""Why nothing is played for a player, whole: their situation, and what the nearest storylets lack. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from domain.director.silence import Silent, nearest
from domain.director.stage import Stage


@dataclass(frozen=True, slots=True)
class Stir:
    """Something that a player saw: claims, by how much it moved them, and how long ago in game time."""

    claims: Sequence[str]
    by: int
    ago_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Why nothing is played for a player.

    Attributes:
        position: of the log, up to which the world is known.
        scene: the storylet that is being played, if one is.
        level: how tense it is for the player, of 1,000.
        stirred: what they saw lately that made it so, the newest first.
        waits_ms: game time until the next scene may begin.
        would: what would be played, if something could be; "": nothing.
        nearest: what lacks least, with what it lacks.
    """

    position: int
    now_ms: int
    place: str
    phase: str
    weather: str
    tension: str
    realm: str
    level: int
    stirred: Sequence[Stir]
    scene: str
    waits_ms: int
    would: str
    nearest: Sequence[Silent]


def silence_of(stage: Stage, position: int, player: str, now_ms: int, most: int) -> Silence:
    """Return why nothing is played for a player who is in a place, at a game time."""
    told = stage.direction.told(player)
    asked = stage.question(stage.content, player, told, now_ms)
    found = stage.choice(player, told, now_ms)
    scene = None if told.scene is None else stage.direction.scenes[told.scene]
    it = asked.situation
    return Silence(
        position,
        now_ms,
        it.place,
        it.phase,
        it.weather,
        it.tension,
        it.realm,
        told.tension.level_at(now_ms),
        [Stir(each.claims, each.by, now_ms - each.at_ms) for each in reversed(told.stirs)],
        scene.storylet if scene else "",
        max(0, stage.free_ms(player, told) - now_ms),
        found[1].playable.storylet.id if found else "",
        nearest(stage.content, asked, most),
    )


def shown(silence: Silence) -> Mapping[str, Any]:
    """Return it for programs, as the query ``director.silence`` tells it."""
    rows = [
        {"storylet": each.storylet, "missing": [asdict(it) for it in each.missing]}
        for each in silence.nearest
    ]
    stirs = [asdict(each) for each in silence.stirred]
    rest = [name for name in Silence.__dataclass_fields__ if name not in ("nearest", "stirred")]
    return {**{name: getattr(silence, name) for name in rest}, "stirred": stirs, "nearest": rows}
