"""How factions stand after their events, and what deeds may change. One stream. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from domain.factions import rules
from domain.factions.messages import (
    DayTold,
    Deed,
    Emerged,
    FactionsEvent,
    FactionsLed,
    Felt,
    GroundFaction,
    GroundSet,
    GroundTerritory,
    Held,
    Lapsed,
    Pending,
    Swayed,
)
from domain.kernel.decider import Decider, Rejected
from domain.kernel.visibility import alike

STREAM = "factions-world"

Pair = tuple[str, str]
"""Two factions, in the order of their ids."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A territory as it stands."""

    of: GroundTerritory
    holder: str | None
    since: int
    """The day on which it was taken last."""
    before: str | None = None
    """Who held it before."""


@dataclass(frozen=True, slots=True)
class Factions:
    """All that is known of the factions.

    Attributes:
        ground: the definition that they live in; None: there are none.
        day: the last that was told.
        acted: the day on which each did something of itself last.
        crises, feuds, allied: on which day each began.
        pending: what may follow, by number and place in its cause.
        depths: of what something may follow from, by number.
        swayed: what deeds of the day took of a faction's measure.
        deeds: what was done lately, by id.
    """

    ground: GroundSet | None = None
    day: int = 0
    passed_days: int = 0
    powers: Mapping[str, int] = field(default_factory=dict)
    regards: Mapping[Pair, int] = field(default_factory=dict)
    territories: Mapping[str, Ground] = field(default_factory=dict)
    acted: Mapping[str, int] = field(default_factory=dict)
    crises: Mapping[str, int] = field(default_factory=dict)
    feuds: Mapping[Pair, int] = field(default_factory=dict)
    allied: Mapping[Pair, int] = field(default_factory=dict)
    pending: Mapping[tuple[int, int], Pending] = field(default_factory=dict)
    depths: Mapping[int, int] = field(default_factory=dict)
    emerged: int = 0
    swayed: Mapping[str, int] = field(default_factory=dict)
    deeds: Mapping[str, Swayed] = field(default_factory=dict)
    term: int = 0
    leader: str = ""

    def faction(self, id_: str) -> GroundFaction | None:
        """Return a faction as the definition has it, or None."""
        return (
            next((each for each in self.ground.factions if each.faction == id_), None)
            if self.ground
            else None
        )

    def regard(self, one: str, other: str) -> int:
        """Return what two think of each other."""
        return self.regards.get(pair(one, other), 0)

    def held(self, faction: str) -> list[str]:
        """Return the territories of a faction."""
        return [id_ for id_, each in self.territories.items() if each.holder == faction]

    def tied(self, ties: Mapping[Pair, int], faction: str) -> list[str]:
        """Return those that a faction has a tie of a kind with (allies, feuds), by id."""
        return sorted(other for each in ties for other in each if faction in each and other != faction)


NOBODY = Factions()


def pair(one: str, other: str) -> Pair:
    """Return two factions in order."""
    return (one, other) if one <= other else (other, one)


# --- what happened ------------------------------------------------------------------------------------------


def evolve(state: Factions, event: FactionsEvent) -> Factions:
    """Return the factions after an event; total over history."""
    match event:
        case FactionsLed():
            return replace(state, term=event.term, leader=event.leader)
        case GroundSet():
            return _grounded(state, event)
        case DayTold():
            return replace(
                state,
                day=event.day,
                powers={**state.powers, **_powers(event.powers)},
                regards={**state.regards, **_regards(event.regards)},
                swayed={},
                deeds=_lately(state.deeds, event.day),
            )
        case Emerged():
            return _emerged(state, event)
        case Lapsed():
            return replace(state, pending=_without(state.pending, (event.cause, event.nth)))
        case Swayed():
            moved = state.swayed.get(event.faction, 0) + _weight(event)
            return replace(
                state,
                swayed={**state.swayed, event.faction: moved},
                deeds={**state.deeds, event.deed_id: event},
            )
        case _:
            assert_never(event)


def _lately(deeds: Mapping[str, Swayed], day: int) -> Mapping[str, Swayed]:
    """Return what is known of deeds on a day."""
    known = {id_: each for id_, each in deeds.items() if each.day > day - rules.DEEDS_KNOWN_DAYS}
    return known if len(known) < len(deeds) else deeds


def _weight(deed: Deed | Swayed) -> int:
    """Return what a deed takes of a day's measure: power, and regard at a quarter, rounded up."""
    return abs(deed.power) - (-abs(deed.regard) // rules.REGARD_FOR_POWER)


def _powers(found: Iterable[Held]) -> dict[str, int]:
    return {each.faction: each.power for each in found}


def _regards(found: Iterable[Felt]) -> dict[Pair, int]:
    return {pair(each.one, each.other): each.regard for each in found}


def _grounded(state: Factions, event: GroundSet) -> Factions:
    """Return the factions in a world: who is known keeps what they have, who left it is gone."""
    there = {each.faction for each in event.factions}
    powers = {each.faction: state.powers.get(each.faction, each.power) for each in event.factions}
    felt = _regards(event.regards)
    known = {both: regard for both, regard in state.regards.items() if {*both} <= there}
    territories = {}
    for each in event.territories:
        held = state.territories.get(each.territory)
        holder = held.holder if held else each.holder
        since = held.since if held else event.day - rules.REST_DAYS
        territories[each.territory] = Ground(each, holder if holder in there else None, since)
    return replace(
        state,
        ground=event,
        day=state.day if state.ground else event.day,
        powers=powers,
        regards={**felt, **known},
        territories=territories,
        crises={id_: day for id_, day in state.crises.items() if id_ in there},
        feuds={both: day for both, day in state.feuds.items() if {*both} <= there},
        allied={both: day for both, day in state.allied.items() if {*both} <= there},
        pending={
            key: each for key, each in state.pending.items() if {each.faction, each.other} - {None} <= there
        },
    )


def _emerged(state: Factions, event: Emerged) -> Factions:
    """Return the factions after something emerged: what it tells is from now on."""
    key = (event.cause, event.nth) if event.cause is not None and event.nth is not None else None
    pending = {
        **_without(state.pending, key),
        **{(event.number, n): each for n, each in enumerate(event.follows)},
    }
    alive = {number for number, _ in pending}
    depths = {number: depth for number, depth in state.depths.items() if number in alive}
    state = replace(
        state,
        powers={**state.powers, **_powers(event.powers)},
        regards={**state.regards, **_regards(event.regards)},
        pending=pending,
        depths={**depths, event.number: event.depth} if event.follows else depths,
        emerged=event.number + 1,
        acted=state.acted if event.cause is not None else {**state.acted, event.faction: event.day},
    )
    return _tied(_taken(state, event), event)


def _taken(state: Factions, event: Emerged) -> Factions:
    ground = state.territories.get(event.territory or "")
    if ground is None or ground.holder == event.holder:
        return state
    changed = Ground(ground.of, event.holder, event.day, ground.holder)
    return replace(state, territories={**state.territories, ground.of.territory: changed})


def _tied(state: Factions, event: Emerged) -> Factions:
    both = pair(event.faction, event.other) if event.other else None
    match event.kind:
        case "crisis_begun":
            return replace(state, crises={**state.crises, event.faction: event.day})
        case "crisis_ended":
            return replace(state, crises=_without(state.crises, event.faction))
        case "alliance_formed" if both:
            return replace(state, allied={**state.allied, both: event.day})
        case "alliance_broken" if both:
            return replace(state, allied=_without(state.allied, both))
        case "feud_begun" if both:
            return replace(state, feuds={**state.feuds, both: event.day})
        case "feud_ended" if both:
            return replace(state, feuds=_without(state.feuds, both))
        case _:
            return state


def _without(found: Mapping, key: object) -> dict:  # type: ignore[type-arg]
    return {each: value for each, value in found.items() if each != key}


# --- what may happen ----------------------------------------------------------------------------------------


def decide(command: Deed, state: Factions) -> Sequence[Swayed | Emerged]:
    """Return what follows from a deed: nothing if it was told before.

    Raises:
        Rejected: ``no_factions``, ``faction_unknown``, ``deed_taken``, ``too_much``, ``nothing_done``.
    """
    if state.ground is None:
        raise Rejected(
            "no_factions", "the realm has no factions yet", remedy="load a world: aicore world load"
        )
    swayed = Swayed(**command.model_dump(exclude={"session"}), day=state.day)
    if known := state.deeds.get(command.deed_id):
        if all(alike(getattr(known, name), value) for name, value in swayed if name != "day"):
            return []
        raise Rejected(
            "deed_taken",
            f"deed {command.deed_id!r} is another one",
            field="deed_id",
            remedy="choose another id",
        )
    _allowed(command, state)
    return [swayed, _of_deed(command, state)]


def _allowed(command: Deed, state: Factions) -> None:
    for name in ("faction", "other"):
        wanted = getattr(command, name)
        if wanted is not None and state.faction(wanted) is None:
            known = ", ".join(sorted(state.powers))
            message = f"there is no faction {wanted!r}"
            raise Rejected("faction_unknown", message, field=name, remedy=f"there are {known}")
    if command.faction == command.other or (command.regard and command.other is None):
        raise Rejected(
            "nothing_done", "a regard is between two factions", field="other", remedy="name another one"
        )
    if not command.power and not command.regard:
        raise Rejected(
            "nothing_done", "the deed changes nothing", field="power", remedy="give power or regard"
        )
    if state.swayed.get(command.faction, 0) + _weight(command) > rules.DEEDS_OF_DAY:
        raise Rejected(
            "too_much",
            f"deeds have moved {command.faction} enough today: {rules.DEEDS_OF_DAY} thousandths are the most",
            field="power",
            remedy="come again on another day of the game",
        )


def _of_deed(command: Deed, state: Factions) -> Emerged:
    faction = state.faction(command.faction)
    assert faction is not None
    power = max(0, min(rules.POWER_MAX, state.powers[command.faction] + command.power))
    regards = []
    if command.other and command.regard:
        one, other = pair(command.faction, command.other)
        regard = max(-1_000, min(1_000, state.regard(one, other) + command.regard))
        regards = [Felt(one=one, other=other, regard=regard)]
    return Emerged(
        number=state.emerged,
        kind="deed",
        day=state.day,
        faction=command.faction,
        other=command.other,
        territory=None,
        place=faction.seat,
        salience=min(1_000, rules.SALIENCE["deed"] + 4 * abs(command.power) + abs(command.regard)),
        cause=None,
        nth=None,
        depth=0,
        powers=[Held(faction=command.faction, power=power)],
        regards=regards,
        holder=None,
        follows=deed_follows(command, state),
    )


def deed_follows(command: Deed, state: Factions) -> list[Pending]:
    """Return what may follow from a deed: whom it harms may strike back at who gained by it."""
    if command.other is None or command.regard >= 0:
        return []
    [follows] = rules.CONSEQUENCES["deed"]
    return [
        Pending(
            what=follows.what,
            due=state.day + follows.days,
            likely=follows.likely,
            faction=command.other,
            other=command.faction,
            territory=None,
        )
    ]


FACTIONS: Decider[Deed, FactionsEvent, Factions] = Decider(NOBODY, decide, evolve)
