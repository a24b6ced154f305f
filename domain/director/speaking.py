"""The process that has a scene's lines said: each at its time, as long as the scene is played. Pure.

A scene's lines are spread evenly over its time, the first at once. What was left or broken off, or is past
its time, says no more; a line that nobody could say gives way to the next. Nothing is remembered about what
was said: a line is due until the log has it, or a later one of its scene.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from domain.director.messages import ArcEnded, PlannedLine, SceneClosed, SceneOpened
from domain.kernel.event import Command
from domain.kernel.process import Due, Heard, Moment, Process
from domain.story.messages import LineSaid

ACTOR = "component:director"
TICK_S = 0.5
STAGE_MAX = 100

GameClock = Callable[[int], int]
"""From real µs to game ms; below 0 before there is a clock."""


class SpeakLine(Command):
    """Our own: a line of a scene that is to be said now.

    Attributes:
        number: of the scene. line: the how manieth of its lines.
        until_ms: game time at which the scene is over.
        stage: of the story that the player has reached.
        known: position of the log up to which the scene is known to be played.
    """

    number: int
    storylet: str
    line: int
    planned: PlannedLine
    player: str
    place: str
    until_ms: int
    stage: int
    known: int


@dataclass(slots=True)
class Played:
    """A scene that is played, and the next of its lines."""

    opened: SceneOpened
    source: Heard
    next: int = 0


@dataclass(slots=True)
class Speaking:
    """All scenes that are played; changed in place.

    Attributes:
        open: by number.
        ended: by player, the arcs that they have come to the end of.
        known: position of the last event that was heard.
    """

    open: dict[int, Played] = field(default_factory=dict)
    ended: dict[str, set[str]] = field(default_factory=dict)
    known: int = 0


def evolve(state: Speaking, heard: Heard) -> Speaking:
    """Return what is played after an event; changes the state in place."""
    state.known = heard.position
    match heard.event:
        case SceneOpened(lines=[_, *_]) as event:
            state.open[event.scene] = Played(event, heard)
        case SceneClosed() as event:
            state.open.pop(event.scene, None)
        case ArcEnded() as event:
            state.ended.setdefault(event.player, set()).add(event.arc)
        case LineSaid(scene=scene) if scene is not None and (played := state.open.get(scene.number)):
            played.next = max(played.next, scene.line + 1)
        case _:
            pass
    return state


def begins_ms(scene: SceneOpened, line: int) -> int:
    """Return the game time from which on a line of a scene is said."""
    return scene.at_ms + (scene.until_ms - scene.at_ms) * line // len(scene.lines)


def speaking(game_ms: GameClock) -> Process[Speaking]:
    """Return the process; ``game_ms`` tells the game time of a moment."""

    def react(state: Speaking, moment: Moment) -> Iterator[Due]:
        """Yield the lines whose time has come; what could not be said then is said late, in its order."""
        now_ms = game_ms(moment.now_us)
        for played in list(state.open.values()):
            opened, source = played.opened, played.source
            for line in range(played.next, len(opened.lines)):
                if not begins_ms(opened, line) <= now_ms < opened.until_ms:
                    break
                what = f"scene-{opened.scene}-{line}"
                command = _command(state, opened, line)
                yield Due(command, source.id, what, source.id, source.correlation, ACTOR)

    return Process(
        name="scene_lines",
        types=tuple(kind.event_name for kind in (SceneOpened, SceneClosed, ArcEnded)),
        initial=lambda _: Speaking(),
        evolve=evolve,
        react=react,
        recent=(LineSaid.event_name,),
        tick_s=TICK_S,
        since=_since,
    )


def _command(state: Speaking, opened: SceneOpened, line: int) -> SpeakLine:
    return SpeakLine(
        number=opened.scene,
        storylet=opened.storylet,
        line=line,
        planned=opened.lines[line],
        player=opened.player,
        place=opened.place,
        until_ms=opened.until_ms,
        stage=min(STAGE_MAX, len(state.ended.get(opened.player, ()))),
        known=state.known,
    )


def _since(state: Speaking, head: int) -> int:
    """Return the position of the oldest scene that is played."""
    return min((played.source.position for played in state.open.values()), default=head)
