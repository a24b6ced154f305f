"""What harm does: wounds that heal with game time, death, theft. Pure.

Health is a whole number of thousandths. It is known as it was after the last wound; what it is now follows
from the time since, so that nothing is stored for healing, and a jump of the clock heals as the days would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.kernel.decider import Decider, Rejected
from domain.people.harm_messages import (
    DEATH_SALIENCE,
    HARM_SALIENCE,
    THEFT_SALIENCE,
    WHOLE,
    Afflict,
    Died,
    HarmCommand,
    Harmed,
    HarmEvent,
    HarmSomebody,
    Robbed,
    Take,
)
from domain.people.rules import HOUR_MS

HEAL_MS = 3 * 24 * HOUR_MS // WHOLE
"""Game time in which one thousandth heals: three days from nothing to whole."""

PERSON, PLAYER = "person.", "player."


@dataclass(frozen=True, slots=True)
class Body:
    """How somebody was after their last wound.

    Attributes:
        health: thousandths, at ``at_ms``.
        died: their death; None: they live.
    """

    health: int = WHOLE
    at_ms: int = 0
    died: Died | None = None

    def health_at(self, now_ms: int) -> int:
        """Return what is left at a game time, in thousandths."""
        if self.died:
            return 0
        return min(WHOLE, self.health + max(0, now_ms - self.at_ms) // HEAL_MS)

    def whole_ms(self) -> int:
        """Return when all is healed, if nothing else happens."""
        return self.at_ms + (WHOLE - self.health) * HEAL_MS


@dataclass(frozen=True, slots=True)
class Asked:
    """A command with its circumstances.

    Attributes:
        by_place: where the player is that does it; "" at no place, or by no player.
        place: where whom it is done to is; "" at no place.
        now_ms: game time.
    """

    command: HarmCommand
    by_place: str
    place: str
    now_ms: int

    @property
    def who(self) -> str:
        """To whom it is done."""
        return self.command.of if isinstance(self.command, Take) else self.command.who


def stream_of(who: str) -> str:
    """Return the stream of what is done to somebody: ``harm-person-una_pell`` of ``person.una_pell``."""
    kind, _, id_ = who.partition(".")
    return f"harm-{kind}-{id_}"


def estate_of(person: str) -> str:
    """Return the account that has what a dead person had."""
    return f"estate.{person}"


def evolve(body: Body, event: HarmEvent) -> Body:
    """Return somebody after an event."""
    match event:
        case Harmed():
            return replace(body, health=event.health, at_ms=event.at_ms)
        case Died():
            return replace(body, died=event)
        case Robbed():
            return body


def decide(asked: Asked, body: Body) -> Sequence[HarmEvent]:
    """Return what follows.

    Raises:
        Rejected: as the commands' declarations say.
    """
    command = asked.command
    field = "of" if isinstance(command, Take) else "who"
    if body.died:
        what = f"{asked.who} died of {body.died.cause}"
        raise Rejected("is_dead", what, field=field, remedy="ask people.health whether somebody lives")
    _see_there(asked, field)
    if isinstance(command, Take):
        thief = PLAYER + command.player
        return [
            Robbed(
                of=command.of,
                by=thief,
                unit=command.unit,
                amount=command.amount,
                place=asked.place,
                at_ms=asked.now_ms,
                salience=THEFT_SALIENCE,
            )
        ]
    return _harmed(asked, command, body)


def _see_there(asked: Asked, field: str) -> None:
    if not asked.place:
        what = f"{asked.who} is at no place now"
        raise Rejected("not_there", what, field=field, remedy="wait until they have arrived somewhere")
    if isinstance(asked.command, Afflict):
        return
    if asked.who == PLAYER + asked.command.player:
        raise Rejected("oneself", "nobody is harmed by themselves", field=field, remedy="name another")
    if asked.by_place != asked.place:
        here = asked.by_place or "no place"
        what = f"the player is at {here}, {asked.who} at {asked.place}"
        raise Rejected("not_there", what, field=field, remedy="go there first: places.depart")


def _harmed(asked: Asked, command: HarmSomebody | Afflict, body: Body) -> Sequence[HarmEvent]:
    before, by = body.health_at(asked.now_ms), None
    if isinstance(command, HarmSomebody):
        by = PLAYER + command.player
    if before == 0:
        what = f"{asked.who} is down"
        raise Rejected("is_down", what, field="who", remedy="it heals with game time: people.health")
    amount = min(before, command.amount)
    after = Body(before - amount, asked.now_ms)
    harmed = Harmed(
        who=asked.who,
        by=by,
        how=command.how,
        amount=amount,
        health=after.health,
        whole_ms=after.whole_ms(),
        place=asked.place,
        at_ms=asked.now_ms,
        salience=HARM_SALIENCE,
    )
    if after.health or not asked.who.startswith(PERSON):
        return [harmed]
    person = asked.who.removeprefix(PERSON)
    died = Died(
        person=person,
        cause=command.how,
        by=by,
        place=asked.place,
        at_ms=asked.now_ms,
        estate=estate_of(person),
        salience=DEATH_SALIENCE,
    )
    return [harmed, died]


HARM: Decider[Asked, HarmEvent, Body] = Decider(Body(), decide, evolve)


def shown(who: str, body: Body, now_ms: int) -> Mapping[str, Any]:
    """Return how somebody is, as the query tells it."""
    died = body.died
    dead = died.model_dump(include={"person", "cause", "place", "at_ms", "estate"}) if died else None
    return {
        "who": who,
        "health": body.health_at(now_ms),
        "whole_ms": max(now_ms, body.whole_ms()),
        "dead": dead,
        "game_ms": now_ms,
    }
