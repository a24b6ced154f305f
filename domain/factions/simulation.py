"""A day of the factions: what time does, what follows from what was, what they do, whose ground it is. Pure.

Each step looks at the state after the ones before it, and dice are a hash of (seed, day, what for, whom).
So a day is the same whoever computes it, and several days in a row are the same as one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from zlib import crc32

from domain.factions import rules
from domain.factions.factions import Factions, Ground, Pair, evolve, pair
from domain.factions.messages import DayTold, Emerged, FactionsEvent, Felt, Held, Lapsed, Pending
from domain.factions.rules import Follows, Kind
from domain.kernel.chance import below, chance

ONE = 1_000
DRIFT, ACT, CHOOSE, LUCK, CRISIS, DICE, TIRE, WHOM = range(1, 9)
"""What dice are for."""

RAIDED, RAIDER = -40, -10
FORTIFIED, AIDED, AID, UNREST, RECLAIM_LOST = 15, 20, 100, -20, -10
COURTED, SLIGHTED, GRUDGE, PROTEST, TAKEN, RAID = 90, -70, -300, -60, -150, -120
"""What deeds of factions move power and regard by."""


def key(name: str) -> int:
    """Return an id as a word of the hash."""
    return crc32(name.encode())


@dataclass(slots=True)
class Day:
    """A day in the making: the state so far, and what was told of it."""

    state: Factions
    events: list[FactionsEvent] = field(default_factory=list)

    def tell(self, event: FactionsEvent) -> None:
        """Add what happened."""
        self.events.append(event)
        self.state = evolve(self.state, event)

    def dice(self, what: int, *whom: str, of: int = ONE) -> int:
        """Return a number below ``of``, by the hash."""
        ground = self.state.ground
        assert ground is not None
        return below(chance(ground.seed, self.state.day, what, *map(key, whom)), of)

    def emerge(  # noqa: PLR0913 - each is one thing that emerges with it
        self,
        kind: Kind,
        faction: str,
        other: str | None = None,
        *,
        territory: str | None = None,
        cause: tuple[int, int] | None = None,
        powers: dict[str, int] | None = None,
        regard: int = 0,
        holder: str | None = None,
    ) -> None:
        """Tell of something that emerged; ``powers`` and ``regard`` are what it changes them by."""
        state = self.state
        depth = state.depths.get(cause[0], 0) + 1 if cause else 0
        ground = state.territories.get(territory or "")
        known = state.faction(faction)
        assert known is not None
        self.tell(
            Emerged(
                number=state.emerged,
                kind=kind,
                day=state.day,
                faction=faction,
                other=other,
                territory=territory,
                place=ground.of.place if ground else known.seat,
                salience=min(ONE, rules.SALIENCE[kind] + depth * rules.DEEPER),
                cause=cause[0] if cause else None,
                nth=cause[1] if cause else None,
                depth=depth,
                powers=[
                    Held(faction=id_, power=_moved(state, id_, by)) for id_, by in (powers or {}).items()
                ],
                regards=_felt(state, faction, other, regard),
                holder=holder or (ground.holder if ground else None),
                follows=list(_follows(state, kind, faction, other, territory))
                if depth < rules.DEPTH_MAX
                else [],
            )
        )


def _moved(state: Factions, faction: str, by: int) -> int:
    """Return a power after a change: high ones grow less, low ones fall less, none goes below its floor."""
    known, power = state.faction(faction), state.powers[faction]
    assert known is not None
    room = ONE - power if by > 0 else power
    return max(min(power, known.floor), min(rules.POWER_MAX, power + 2 * by * room // ONE))


def _felt(state: Factions, one: str, other: str | None, by: int) -> list[Felt]:
    if other is None or not by:
        return []
    first, second = pair(one, other)
    return [Felt(one=first, other=second, regard=max(-ONE, min(ONE, state.regard(one, other) + by)))]


def _follows(
    state: Factions, kind: Kind, faction: str, other: str | None, territory: str | None
) -> Iterator[Pending]:
    """Yield what may follow, where there is somebody to do it."""
    for each in rules.CONSEQUENCES.get(kind, ()):
        by, against = _parts(state, each, faction, other)
        if by is not None and by != against:
            yield Pending(
                what=each.what,
                due=state.day + each.days,
                likely=each.likely,
                faction=by,
                other=against,
                territory=territory,
            )


def _parts(
    state: Factions, follows: Follows, faction: str, other: str | None
) -> tuple[str | None, str | None]:
    """Return who acts in a consequence, and against or for whom."""
    match follows.by:
        case "self":
            return faction, other
        case "other":
            return other, faction
        case "ally_of_self":
            return next(iter(state.tied(state.allied, faction)), None), faction
        case "ally_of_other":
            return (next(iter(state.tied(state.allied, other)), None) if other else None), faction
        case "rival_of_self":
            return _rival(state, faction), faction


def _rival(state: Factions, faction: str) -> str | None:
    """Return who thinks worst of a faction, if anybody thinks ill of it."""
    worst = min(
        ((state.regard(faction, other), other) for other in state.powers if other != faction), default=(0, "")
    )
    return worst[1] if worst[0] < 0 else None


# --- a day --------------------------------------------------------------------------------------------------


def day_of(state: Factions, day: int, passed: int = 0) -> list[FactionsEvent]:
    """Return all that a day brings."""
    now = Day(state)
    now.tell(_time(state, day, passed))
    for step in (_consequences, _crises, _deeds, _ties, _grounds):
        step(now)
    return now.events


def _time(state: Factions, day: int, passed: int) -> DayTold:
    """Return what time alone does: all goes back to where it belongs, a little and with some chance."""
    ground = state.ground
    assert ground is not None
    dice = Day(replace(state, day=day)).dice
    powers = []
    for each in ground.factions:
        more = rules.BY_TERRITORY * (len(state.held(each.faction)) - _held_first(state, each.faction))
        most = rules.BY_TERRITORIES_AT_MOST
        home = each.power + max(-most, min(most, more)) + rules.IN_CRISIS * (each.faction in state.crises)
        luck = dice(DRIFT, each.faction, of=2 * rules.SWAY_OF_DAY + 1) - rules.SWAY_OF_DAY
        power = state.powers[each.faction]
        after = power + (home - power) * rules.DAMPING // ONE + luck
        least = min(power, each.floor)
        powers.append(Held(faction=each.faction, power=max(least, min(rules.POWER_MAX, after))))
    return DayTold(day=day, passed=passed, powers=powers, regards=list(_calmed(state)))


def _held_first(state: Factions, faction: str) -> int:
    return sum(each.of.holder == faction for each in state.territories.values())


def _calmed(state: Factions) -> Iterator[Felt]:
    assert state.ground is not None
    authored = {pair(each.one, each.other): each.regard for each in state.ground.regards}
    for both, regard in state.regards.items():
        away = authored.get(both, 0) - regard
        step = abs(away) * rules.REGARD_DAMPING // ONE
        if step:
            yield Felt(one=both[0], other=both[1], regard=regard + (step if away > 0 else -step))


def _consequences(now: Day) -> None:
    """Throw the dice for what is due, in the order in which it was begun."""
    for cause, each in sorted(now.state.pending.items()):
        if each.due > now.state.day or cause not in now.state.pending:
            continue
        number, nth = cause
        thrown = below(chance(_seed(now), now.state.day, DICE, number, nth), ONE)
        if thrown >= each.likely or not _happens(now, each, cause):
            now.tell(Lapsed(cause=number, nth=nth, day=now.state.day))


def _seed(now: Day) -> int:
    assert now.state.ground is not None
    return now.state.ground.seed


def _happens(now: Day, each: Pending, cause: tuple[int, int]) -> bool:
    """Tell of a consequence; False: it cannot be any more."""
    state, one, other = now.state, each.faction, each.other
    if one not in state.powers or (other is not None and other not in state.powers):
        return False
    match each.what:
        case "territory_retaken":
            return _reclaims(now, each, cause)
        case "unrest":
            now.emerge("unrest", one, other, territory=each.territory, cause=cause, powers={one: UNREST})
        case "crisis_begun":
            if one in state.crises:
                return False
            now.emerge("crisis_begun", one, cause=cause)
        case "raid" if other:
            powers = {other: RAIDED, one: RAIDER}
            now.emerge("raid", one, other, cause=cause, powers=powers, regard=RAID)
        case "aid" if other:
            now.emerge("aid", one, other, cause=cause, powers={other: AIDED}, regard=AID)
        case "protest" | "grudge" | "overture" if other:
            by = {"protest": PROTEST, "grudge": GRUDGE, "overture": COURTED}[each.what]
            whom = other if each.what != "overture" else _friend(state, one, other)
            if whom is None:
                return False
            now.emerge(each.what, one, whom, territory=each.territory, cause=cause, regard=by)
        case _:
            return False
    return True


def _friend(state: Factions, faction: str, but: str) -> str | None:
    """Return who thinks best of a faction, to turn to against another one."""
    found = [(state.regard(faction, other), other) for other in state.powers if other not in (faction, but)]
    return max(found)[1] if found else None


def _reclaims(now: Day, each: Pending, cause: tuple[int, int]) -> bool:
    state, ground = now.state, now.state.territories.get(each.territory or "")
    if ground is None or ground.holder != each.other or each.other is None:
        return False
    mine = strength(now, each.faction, ground) + rules.RECLAIM_WITH
    who = each.faction, each.other
    if mine > strength(now, each.other, ground):
        id_ = ground.of.territory
        now.emerge("territory_retaken", *who, territory=id_, cause=cause, regard=TAKEN, holder=each.faction)
    else:
        lost = {each.faction: RECLAIM_LOST}
        now.emerge("reclaim_failed", *who, territory=each.territory, cause=cause, powers=lost)
    return state is not now.state


def _crises(now: Day) -> None:
    for faction in list(now.state.powers):
        began = now.state.crises.get(faction)
        if began is None:
            if now.dice(CRISIS, faction) < rules.CRISIS:
                now.emerge("crisis_begun", faction)
        elif now.dice(CRISIS, faction) < rules.CRISIS_ENDS * max(
            0, now.state.day - began - rules.CRISIS_DAYS
        ):
            now.emerge("crisis_ended", faction)


def _deeds(now: Day) -> None:
    """Have each faction do something of itself, now and then: what its regard and its power suggest."""
    for faction in list(now.state.powers):
        if now.dice(ACT, faction) >= rules.ACTS or now.state.acted.get(faction) == now.state.day:
            continue
        feuds, state = now.state.tied(now.state.feuds, faction), now.state
        choice = now.dice(CHOOSE, faction)
        if feuds and choice < 350:
            whom = feuds[now.dice(WHOM, faction, of=len(feuds))]
            now.emerge("raid", faction, whom, powers={whom: RAIDED, faction: RAIDER}, regard=RAID)
        elif choice < 250 or state.powers[faction] < 200:
            now.emerge("fortified", faction, powers={faction: FORTIFIED})
        else:
            others = sorted(other for other in state.powers if other != faction)
            whom = others[now.dice(WHOM, faction, of=len(others))]
            good = state.regard(faction, whom) >= 0
            now.emerge("overture" if good else "protest", faction, whom, regard=COURTED if good else SLIGHTED)


def _ties(now: Day) -> None:
    """Make and end alliances and feuds, where regard has gone over what makes them and ends them."""
    for both in sorted(now.state.regards):
        regard = now.state.regards[both]
        if both in now.state.allied:
            if regard < rules.BREAKS_AT:
                now.emerge("alliance_broken", *both)
        elif regard >= rules.ALLIES_AT and both not in now.state.feuds:
            now.emerge("alliance_formed", *both)
        _feud(now, both, regard)


def _feud(now: Day, both: Pair, regard: int) -> None:
    began = now.state.feuds.get(both)
    if began is None:
        if regard <= rules.FEUD_AT and both not in now.state.allied:
            now.emerge("feud_begun", *both)
        return
    over = now.state.day - began - rules.FEUD_DAYS
    if regard > rules.PEACE_AT or now.dice(TIRE, *both) < 20 * over:
        now.emerge("feud_ended", *both, regard=max(0, rules.PEACE_AT + 50 - regard))


# --- ground -------------------------------------------------------------------------------------------------


def strength(now: Day, faction: str, ground: Ground) -> int:
    """Return how strong a faction is in a territory."""
    state, of = now.state, ground.of
    beside = sum(
        state.territories[each].holder == faction for each in of.neighbours if each in state.territories
    )
    held = len(state.held(faction))
    return (
        state.powers[faction] * rules.OF_POWER // ONE
        + rules.HOLDS * (ground.holder == faction)
        + rules.BESIDE * min(2, beside)
        + rules.SEATED * (faction in of.seats)
        - rules.STRETCHED * max(0, held - 2)
        - rules.SHAKEN * (faction in state.crises)
        + now.dice(LUCK, faction, of.territory, of=2 * rules.LUCK + 1)
        - rules.LUCK
    )


def _contends(state: Factions, faction: str, ground: Ground) -> bool:
    """Say whether a faction may reach for a territory: it holds one beside it, or gathers there."""
    of = ground.of
    near = [state.territories[each] for each in of.neighbours if each in state.territories]
    return faction in of.seats or any(each.holder == faction or faction in each.of.seats for each in near)


def _grounds(now: Day) -> None:
    """Have at most one faction take each territory; who takes two on a day is stretched by the first."""
    sides = {each.faction: each.side for each in now.state.ground.factions} if now.state.ground else {}
    for id_ in sorted(now.state.territories):
        ground = now.state.territories[id_]
        if now.state.day - ground.since < rules.REST_DAYS:
            continue
        found = [
            (strength(now, faction, ground), faction)
            for faction, side in sides.items()
            if side == ground.of.side and faction != ground.holder and _contends(now.state, faction, ground)
        ]
        if found:
            _reached(now, ground, *max(found))


def _reached(now: Day, ground: Ground, most: int, faction: str) -> None:
    id_, holder = ground.of.territory, ground.holder
    if holder is None:
        if most > rules.CLAIM_AT:
            now.emerge("territory_claimed", faction, territory=id_, holder=faction)
    elif (
        most > strength(now, holder, ground) + rules.TAKE_BY and pair(faction, holder) not in now.state.allied
    ):
        now.emerge("territory_taken", faction, holder, territory=id_, regard=TAKEN, holder=faction)
