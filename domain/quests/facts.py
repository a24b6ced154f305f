"""What is so in the world when a quest is decided, and whether a condition holds. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from domain.definition.places import open_at
from domain.definition.quests import ALWAYS, Condition
from domain.quests.vocabulary import Thing


@dataclass(frozen=True, slots=True)
class Moment:
    """When.

    Attributes:
        game_ms: game time.
        phase: of the day.
        minute: of the day.
        weekday, day_before: as doors read them.
    """

    game_ms: int
    phase: str = ""
    minute: int = 720
    weekday: str | None = None
    day_before: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The world as a decision sees it.

    Attributes:
        moment: when.
        place: where a player is; "": nowhere, or under way.
        holds: how much of a good a player has and nobody was promised.
        standing: of a player with a faction, in thousandths.
        done: whether a player has completed a quest.
        weather: state at a place; "": nobody knows.
        gone: what is not in the world any more.
        seen: objectives, by stage and number, that were met, with the game time at which they were.
    """

    moment: Moment
    place: Callable[[str], str] = lambda _player: ""
    holds: Callable[[str, str], int] = lambda _player, _good: 0
    standing: Callable[[str, str], int] = lambda _player, _faction: 0
    done: Callable[[str, str], bool] = lambda _player, _quest: False
    weather: Callable[[str], str] = lambda _place: ""
    gone: Collection[Thing] = frozenset()
    seen: Mapping[tuple[str, int], int] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """Game time, in ms."""
        return self.moment.game_ms


def unmet(condition: Condition, facts: Facts, players: Collection[str], place: str = "") -> str:
    """Return what of a condition is not so, for a person; "" if all of it is.

    Args:
        condition: what must be so.
        facts: what is.
        players: who is on the quest; what one of them has, all have.
        place: where the weather counts; "": where the players are.
    """
    if condition == ALWAYS:
        return ""
    return (
        _time(condition, facts)
        or _sky(condition, facts, players, place)
        or _people(condition, facts, players)
    )


def _time(condition: Condition, facts: Facts) -> str:
    now = facts.moment
    if condition.phases and now.phase not in condition.phases:
        return f"it is {now.phase or 'no time'}, not {' or '.join(condition.phases)}"
    hours = condition.hours
    if hours and not open_at((hours,), now.minute, now.weekday, now.day_before):
        return f"it is minute {now.minute} of the day, not between {hours.opens} and {hours.closes}"
    return ""


def _sky(condition: Condition, facts: Facts, players: Collection[str], place: str) -> str:
    if not condition.weather:
        return ""
    places = [place] if place else [facts.place(player) for player in players]
    states = [facts.weather(each) for each in places]
    if any(state in condition.weather for state in states):
        return ""
    found = " and ".join(sorted(set(states))) or "unknown"
    return f"the weather is {found}, not {' or '.join(condition.weather)}"


def _people(condition: Condition, facts: Facts, players: Collection[str]) -> str:
    has, done, alive = condition.has, condition.done, condition.alive
    if has and not any(facts.holds(player, has) for player in players):
        return f"nobody has {has}"
    if condition.standing:
        faction, least = condition.standing
        most = max((facts.standing(player, faction) for player in players), default=0)
        if most < least:
            return f"standing with {faction} is {most / 1_000:g}, not {least / 1_000:g}"
    if done and not any(facts.done(player, done) for player in players):
        return f"{done} is not completed"
    if alive and Thing("person", alive) in facts.gone:
        return f"{alive} is gone"
    return ""
