"""Evidence against a candidate, kept turn by turn: always valid, however often one looks.

Each measure is a wealth that a bettor makes of the claim "the candidate is no worse". If the claim is true
the wealth is a nonnegative martingale that starts at 1, so it ever reaches 1/a with a chance of at most a
(Ville 1939); the weighted mean of several is one, too. So one false-alarm rate holds for all measures
together, at every turn, without a planned end. Background: A. Ramdas, P. Grünwald, V. Vovk, G. Shafer,
"Game-Theoretic Statistics and Safe Anytime-Valid Inference", Statistical Science 38, 2023.

- Faults (failures, violations of policy, lore that was given and not kept to). A player meets the candidate
  by a hash with a known chance. If the candidate is no worse, each player's first fault falls on it with just
  that chance, whatever the rate of faults is and however it changes; the bets are on chances that would
  follow from several relative risks. Only first faults count, as a player stays with one model.
- Latency. Each of the candidate's turns is compared with the current model's turns since the last such
  comparison, each used once: if it is no slower its rank among them is uniform; the bets are on high ranks.
- At 100 % there is nobody to compare with. Then the current model's own turns from before bound what is
  normal: an upper confidence bound for each rate (Clopper and Pearson 1934) and a band for the latencies
  (Dvoretzky, Kiefer and Wolfowitz 1956 with Massart's constant), which take half of the false alarms.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Measure = Literal["failures", "violations", "lore", "latency"]
FAULTS: tuple[Measure, ...] = ("failures", "violations", "lore")
WEIGHTS: Mapping[Measure, float] = {
    "failures": 0.62,
    "violations": 0.1,
    "lore": 0.1,
    "latency": 0.18,
}
"""Shares of the stake: what is seen most surely and hurts most gets most. Together 1."""

RISKS = (2.5, 7.0, 12.0, 30.0)
"""Relative risks that are bet on in equal parts: from doubled to nearly always."""

BETS = (0.1, 0.25, 0.5, 0.75, 0.95)
"""Shares of the wealth that are staked on a high rank."""

CONTROLS_MAX = 16
"""Newest turns of the current model that one turn of the candidate is compared with."""

BASELINE_LATENCIES = 400
WEALTH_MAX = 1e200


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of either model, as the log tells it."""

    candidate: bool
    share: float
    """Chance that its player met the candidate: 0 to 1."""
    key: str
    """Who stays with one model: the conversation or the player."""
    faults: frozenset[Measure] = frozenset()
    latency_ms: float | None = None
    """None for a turn that failed."""


class Faults:
    """The wealth against "a player's first fault is no likelier to be the candidate's"."""

    def __init__(self) -> None:
        self._stakes = [1.0] * len(RISKS)
        self._seen: set[str] = set()
        self.candidate = 0
        self.control = 0
        """Faults of each, all of them."""

    @property
    def wealth(self) -> float:
        """What the stakes have become, from 1."""
        return sum(self._stakes) / len(self._stakes)

    def first(self, turn: Turn) -> bool:
        """Count a fault; say whether it is its player's first."""
        if turn.candidate:
            self.candidate += 1
        else:
            self.control += 1
        if turn.key in self._seen:
            return False
        self._seen.add(turn.key)
        return True

    def observe(self, turn: Turn) -> None:
        """Take a turn with this fault into account."""
        if self.first(turn) and 0 < turn.share < 1:
            share = turn.share
            self._bet([(risk if turn.candidate else 1.0) / (risk * share + 1 - share) for risk in RISKS])

    def against(self, normal: float, *, fault: bool) -> None:
        """Take a turn into account with nobody to compare with; ``normal`` bounds the usual rate."""
        factors = []
        for risk in RISKS:
            rate = min(0.9, max(normal * risk, normal + 0.9 * (1 - normal) * risk / RISKS[-1] / 4))
            factors.append(rate / normal if fault else (1 - rate) / (1 - normal))
        self._bet(factors)

    def _bet(self, factors: Sequence[float]) -> None:
        self._stakes = [
            min(WEALTH_MAX, stake * factor) for stake, factor in zip(self._stakes, factors, strict=True)
        ]


class Latency:
    """The wealth against "the candidate's turns rank no higher than the current model's"."""

    def __init__(self) -> None:
        self._stakes = [1.0] * len(BETS)
        self._fresh: deque[float] = deque(maxlen=CONTROLS_MAX)
        self._baseline: deque[float] = deque(maxlen=BASELINE_LATENCIES)
        self.pairs = 0
        """Turns of the candidate that were compared."""

    @property
    def wealth(self) -> float:
        """What the stakes have become, from 1."""
        return sum(self._stakes) / len(self._stakes)

    def control(self, latency_ms: float) -> None:
        """Take a turn of the current model into account."""
        self._fresh.append(latency_ms)
        self._baseline.append(latency_ms)

    def candidate(self, latency_ms: float) -> None:
        """Take a turn of the candidate into account."""
        if self._fresh:
            rank = _rank(latency_ms, self._fresh)
            self._fresh.clear()
            self._bet(rank)

    def against_baseline(self, latency_ms: float, chance: float) -> None:
        """Compare with the current model's turns from before; ``chance`` is that of a band that is wrong."""
        if self._baseline:
            band = math.sqrt(math.log(2 / chance) / (2 * len(self._baseline)))
            self._bet(max(0.0, _rank(latency_ms, self._baseline) - band))

    def _bet(self, rank: float) -> None:
        self.pairs += 1
        self._stakes = [
            min(WEALTH_MAX, stake * (1 + bet * (2 * rank - 1)))
            for stake, bet in zip(self._stakes, BETS, strict=True)
        ]


def _rank(value: float, others: Sequence[float] | deque[float]) -> float:
    below = sum(1.0 if other < value else 0.5 if other == value else 0.0 for other in others)
    return below / len(others)


class Evidence:
    """All measures of one deployment, from its first turn on. Fold `observe` over the turns of the log."""

    def __init__(self, false_alarms: float) -> None:
        """Prepare. ``false_alarms``: chance, at most, that a candidate that is no worse is ever accused."""
        self.false_alarms = false_alarms
        self.faults: dict[Measure, Faults] = {name: Faults() for name in FAULTS}
        self.latency = Latency()
        self.turns = {True: 0, False: 0}
        """Turns of the candidate (True) and of the current model."""

    def observe(self, turn: Turn) -> None:
        """Take one turn into account."""
        alone = turn.share >= 1
        if alone and turn.candidate:
            self._alone(turn)
        for name in turn.faults:
            if not alone:
                self.faults[name].observe(turn)
        if turn.latency_ms is not None:
            if not turn.candidate:
                self.latency.control(turn.latency_ms)
            elif alone:
                self.latency.against_baseline(turn.latency_ms, self.false_alarms / 4)
            else:
                self.latency.candidate(turn.latency_ms)
        self.turns[turn.candidate] += 1

    def _alone(self, turn: Turn) -> None:
        """Compare a turn with what was normal before."""
        for name, faults in self.faults.items():
            fault = name in turn.faults and faults.first(turn)
            normal = upper_rate(faults.control, self.turns[False], self.false_alarms / 12)
            if normal < 0.5 and (fault or name not in turn.faults):
                faults.against(normal, fault=fault)

    def wealth(self) -> Mapping[Measure, float]:
        """Return each measure's wealth, from 1."""
        found: dict[Measure, float] = {name: faults.wealth for name, faults in self.faults.items()}
        return {**found, "latency": self.latency.wealth}

    @property
    def e_value(self) -> float:
        """All measures together: at ``1 / false_alarms`` the candidate is accused."""
        faults = sum(WEIGHTS[name] * faults.wealth for name, faults in self.faults.items())
        return faults + WEIGHTS["latency"] * self.latency.wealth

    @property
    def accused(self) -> bool:
        """Say whether the evidence says that the candidate is worse."""
        return self.e_value * self.false_alarms >= 1

    def worst(self) -> Measure:
        """Return the measure with the most evidence."""
        weighted = {name: WEIGHTS[name] * wealth for name, wealth in self.wealth().items()}
        return max(weighted, key=lambda name: weighted[name])


def upper_rate(faults: int, turns: int, chance: float) -> float:
    """Return a bound that a rate exceeds with a chance of at most ``chance``, given faults in turns seen.

    Bernstein's form of Chernoff's bound solved for the rate: a little above Clopper and Pearson's exact one,
    and no table or library is needed. 1 before the first turn.
    """
    if not turns:
        return 1.0
    bits = math.log(1 / chance)
    low, high = faults / turns, 1.0
    for _ in range(40):  # the relative entropy grows from the observed rate on
        middle = (low + high) / 2
        if turns * _entropy(faults / turns, middle) > bits:
            high = middle
        else:
            low = middle
    return high


def _entropy(seen: float, rate: float) -> float:
    """Return the relative entropy of two coins, in nats."""
    found = 0.0
    if seen > 0:
        found += seen * math.log(seen / rate)
    if seen < 1:
        found += (1 - seen) * (math.log((1 - seen) / (1 - rate)) if rate < 1 else math.inf)
    return found
