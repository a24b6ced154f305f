"""From an authored climate to its law: shares and spells come out by construction, nothing is tuned. Pure.

A regime begins in the middle of things: its first state is drawn by its share of the time, with what is
left of a spell (the equilibrium of the renewal process). So inside a regime of any length each state's
expected share is the law's, at every moment, and the share of the whole is the sum over regimes. Three
balances follow:

1. *Which share of a state falls into which regime*: iterative proportional fitting (W. Deming, F. Stephan
   1940) of
   the states' homes to the authored shares by row and the regimes' shares by column.
2. *How states follow one another*: flows ``then[i] * kernel[i][j] * then[j]``, scaled (R. Sinkhorn 1967)
   until each
   state is entered as often as its share and its mean length ask for.
3. *How long a spell is drawn*: a regime's end cuts one spell off and begins another, and two of a kind that
   meet are seen as one. Entries are counted, so the rate that must be drawn for the seen mean to be the
   authored one is ``1/drawn = 1/authored - (begun by regimes - met their like) / share``.

Fixed point: `ONE` is 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from zlib import crc32

from domain.definition.climate import WEATHERS, SeasonClimate, Zone
from domain.weather import nature
from domain.weather.law import InRegime, Law, RegimeSeason, SeasonLaw, ZoneLaw, ZoneSeason

ONE = 1 << 40
WEIGHT = 1 << 20
"""What weights are scaled to: sums of 14 times a kernel's 64 stay below 2**32."""

LEAST = ONE * 5 // 100
"""A regime that would have less of a season has none of it."""

FITTINGS, ROUNDS, SCALINGS = 60, 5, 20
AT_MOST_OF_FLOW = ONE * 45 // 100
"""A regime that is entered more often cannot take turns with the others: it lasts longer instead."""

DRAWN_AT_MOST = 8
"""Times the authored mean; a spell that regimes cut too often cannot be as long as that."""

Row = list[int]


def law_of(zones: Sequence[Zone]) -> Law:
    """Return the law of a climate; its zones have the same seasons, in any order.

    Raises:
        ValueError: they have not, or there are more zones than a law may have.
    """
    lag = max(zone.lag for zone in zones)
    by_zone = [{season.season: season for season in zone.seasons} for zone in zones]
    if any(each.keys() != by_zone[0].keys() for each in by_zone):
        raise ValueError("the zones of a climate have other seasons than one another")
    seasons = [_season([each[id_] for each in by_zone], lag) for id_ in by_zone[0]]
    return Law(
        spans=nature.spans(),
        unit=nature.UNIT,
        ease_ms=nature.EASE_MS,
        speed=nature.SPEED,
        slant=list(nature.SLANT),
        kernel=nature.kernel(),
        states=nature.states(),
        regimes=list(nature.REGIMES),
        zones=[ZoneLaw(id=zone.id, key=crc32(zone.id.encode()), lag_s=zone.lag) for zone in zones],
        seasons=seasons,
    )


def _season(zones: Sequence[SeasonClimate], lag_s: int) -> SeasonLaw:
    shares = [_by_state({spell.state: spell.share for spell in zone.spells}) for zone in zones]
    means = [_by_state({spell.state: spell.lasts for spell in zone.spells}) for zone in zones]
    regimes = _regimes(shares, means, lag_s)
    return SeasonLaw(
        id=zones[0].season,
        regimes=[
            RegimeSeason(share=regimes.shares[n] >> 20, mean_s=regimes.means[n], then=weight)
            for n, weight in enumerate(_weights(regimes.weights))
        ],
        zones=[
            _zone(zone, _normal(share), mean, regimes)
            for zone, share, mean in zip(zones, shares, means, strict=True)
        ],
    )


def _by_state(found: dict[str, int]) -> Row:
    return [found.get(state, 0) for state in WEATHERS]


# --- regimes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Regimes:
    """The regimes of a season, the same in all zones.

    Attributes:
        shares: of the time.
        means: seconds.
        weights: each one's after another.
        begun: how many begin in a second, times `ONE`, per regime.
        flows: of those, after each of the others.
    """

    shares: Row
    means: Row
    weights: Row
    begun: Row
    flows: list[Row]


def _regimes(shares: Sequence[Row], means: Sequence[Row], lag_s: int) -> _Regimes:
    homes, count = nature.homes(), len(nature.REGIMES)
    wanted = [
        sum(row[i] * home[r] * ONE // sum(home) for row in shares for i, home in enumerate(homes))
        for r in range(count)
    ]
    found = _normal(wanted)
    found = _normal([share if share >= LEAST else 0 for share in found])
    lasts = [
        max(
            nature.LASTS_S[r],
            8 * lag_s,
            2
            * max(
                (row[i] for row in means for i, home in enumerate(homes) if 2 * home[r] >= sum(home)),
                default=0,
            ),
        )
        for r in range(count)
    ]
    lasts = _taking_turns(found, lasts)
    begun = [share // length for share, length in zip(found, lasts, strict=True)]
    kernel = [[int(one != other or not _several(found)) for one in range(count)] for other in range(count)]
    then = _scaled(_normal(begun), kernel, [ONE] * count)
    flows = _flows(then, kernel)
    return _Regimes(found, lasts, then, begun, [[each * sum(begun) // ONE for each in row] for row in flows])


def _several(shares: Row) -> bool:
    return sum(share > 0 for share in shares) > 1


def _taking_turns(shares: Row, lasts: Row) -> Row:
    """Return mean lengths with which the regimes can follow one another without one following itself."""
    there = [r for r, share in enumerate(shares) if share]
    if len(there) == 2:  # strictly in turn, so their lengths are as their shares
        longest = max(there, key=lambda r: lasts[r] * ONE // shares[r])
        return [
            lasts[longest] * share // shares[longest] if share else last
            for share, last in zip(shares, lasts, strict=True)
        ]
    found = list(lasts)
    for r in there:
        others = sum(shares[other] // lasts[other] for other in there if other != r)
        if others and shares[r] // lasts[r] * (ONE - AT_MOST_OF_FLOW) > others * AT_MOST_OF_FLOW:
            found[r] = shares[r] * (ONE - AT_MOST_OF_FLOW) // (others * AT_MOST_OF_FLOW)
    return found


# --- a zone -------------------------------------------------------------------------------------------------


def _zone(zone: SeasonClimate, shares: Row, means: Row, regimes: _Regimes) -> ZoneSeason:
    first = _split(shares, regimes.shares)
    kernel = nature.kernel()
    drawn, then = list(means), [[ONE] * len(shares) for _ in first]
    begun = _begun(first, regimes)
    for _ in range(ROUNDS):
        same = [0] * len(shares)
        for r, states in enumerate(first):
            entries = [share // mean if mean else 0 for share, mean in zip(states, drawn, strict=True)]
            if not sum(entries):
                continue
            then[r] = _scaled(_normal(entries), kernel, then[r])
            rate = regimes.shares[r] * sum(entries) // ONE
            for i, weight in enumerate(then[r]):
                same[i] += rate * (weight * kernel[i][i] * weight // ONE) // ONE
        drawn = [
            _drawn(mean, share, more - met) if share else 0
            for mean, share, more, met in zip(means, shares, begun, same, strict=True)
        ]
    return ZoneSeason(
        coldest=zone.coldest,
        warmest=zone.warmest,
        means=drawn,
        regimes=[
            InRegime(first=_weights(states), then=_weights(weights if any(states) else states))
            for states, weights in zip(
                first, (_only(w, f) for w, f in zip(then, first, strict=True)), strict=True
            )
        ],
    )


def _only(weights: Row, states: Row) -> Row:
    return [weight if state else 0 for weight, state in zip(weights, states, strict=True)]


def _split(shares: Row, regimes: Row) -> list[Row]:
    """Return each regime's states by their share of its time."""
    homes = nature.homes()
    table = [
        [share * home[r] // sum(home) if regimes[r] else 0 for r in range(len(regimes))]
        for share, home in zip(shares, homes, strict=True)
    ]
    for _ in range(FITTINGS):
        table = [_to(row, share) for row, share in zip(table, shares, strict=True)]
        columns = [
            _to(list(column), share) for column, share in zip(zip(*table, strict=True), regimes, strict=True)
        ]
        table = [list(row) for row in zip(*columns, strict=True)]
    return [_normal(list(column)) for column in zip(*table, strict=True)]


def _begun(first: list[Row], regimes: _Regimes) -> Row:
    """Return how many spells of each state regimes begin in a second, less those that meet their like."""
    found = []
    for i in range(len(first[0])):
        here = [states[i] for states in first]
        begun = sum(rate * share // ONE for rate, share in zip(regimes.begun, here, strict=True))
        met = sum(
            flow * (one * other // ONE) // ONE
            for one, row in zip(here, regimes.flows, strict=True)
            for other, flow in zip(here, row, strict=True)
        )
        found.append(begun - met)
    return found


def _drawn(mean: int, share: int, more: int) -> int:
    """Return the mean to be drawn, in seconds, so that the one that is seen is ``mean``."""
    rate = ONE // mean - more * ONE // share
    return ONE // max(rate, ONE // (DRAWN_AT_MOST * mean))


# --- fixed point --------------------------------------------------------------------------------------------


def _to(row: Row, total: int) -> Row:
    """Return a row with another sum."""
    have = sum(row)
    return [each * total // have for each in row] if have else row


def _normal(row: Row) -> Row:
    return _to(row, ONE)


def _flows(weights: Row, kernel: Sequence[Sequence[int]]) -> list[Row]:
    return [
        [one * near * other // ONE for near, other in zip(row, weights, strict=True)]
        for one, row in zip(weights, kernel, strict=True)
    ]


def _scaled(wanted: Row, kernel: Sequence[Sequence[int]], start: Row) -> Row:
    """Return weights whose flows add up to ``wanted`` for each: symmetric, found from both sides in turn."""
    one = start
    other = one
    for _ in range(SCALINGS):
        other, one = one, _half(wanted, kernel, one)
    middle = sum(one) * ONE // max(1, sum(other))  # both are right up to a factor and its inverse
    return [each * _root(middle) // middle for each in one]


def _half(wanted: Row, kernel: Sequence[Sequence[int]], other: Row) -> Row:
    found = []
    for each, row in zip(wanted, kernel, strict=True):
        met = sum(near * weight for near, weight in zip(row, other, strict=True))
        found.append(each * ONE // met if each and met else 0)
    return found


def _root(value: int) -> int:
    """Return the square root of a fixed-point number."""
    return isqrt(value * ONE)


def _weights(row: Row) -> Row:
    """Return weights as the law has them: those above 0 stay above 0."""
    most = max(row)
    return [max(1, each * WEIGHT // most) if each else 0 for each in row] if most else row
