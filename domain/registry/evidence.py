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
- Latency. A player's first turn with the candidate is compared with other players' first turns with the
  current model since the last such comparison, each used once: if it is no slower its rank among them is
  uniform; the bets are on high ranks.
- At 100 % there is nobody to compare with. Then the current model's own turns from before bound what is
  normal: an upper confidence bound for each rate (by relative entropy) and a band for the latencies
  (Dvoretzky, Kiefer and Wolfowitz 1956 with Massart's constant), which take a tenth of the false alarms.
"""

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
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

RISKS: Mapping[float, float] = {2.5: 0.1, 7.0: 0.33, 12.0: 0.33, 30.0: 0.24}
"""Relative risks that are bet on, and the part of the stake for each: from doubled to nearly always."""

BETS: Mapping[float, float] = dict.fromkeys((0.1, 0.25, 0.5, 0.75, 0.95), 0.2)
"""Shares of the wealth that are staked on a high rank, and the part of the stake for each."""

CONTROLS_MAX = 16
"""Newest turns of the current model that one turn of the candidate is compared with."""

BASELINE_LATENCIES = 400

KEPT = 0.15
"""Share of the stake that is kept for the later steps, in equal parts."""

BOUNDS = 0.1
"""Share of the false alarms that the bounds of what is normal may take; the bets have the rest."""

NORMAL_UNKNOWN: Mapping[Measure, float] = {"failures": 0.1, "violations": 0.1, "lore": 1.0}
"""Rate of a fault that counts as normal where nothing was seen before: `Gate.failures_max`'s default. How
many lines leave their lore out is a matter of the world and its models, so without a past it says nothing."""

NORMAL_MAX = 0.5
"""Baseline fault rate above which further faults carry no evidence."""

WEALTH_MAX = 1e200


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of either model, as the log tells it."""

    candidate: bool
    share: float
    """Chance that its player met the candidate: 0 to 1."""
    key: str
    """The conversation or the player that stays with one model."""
    faults: frozenset[Measure] = frozenset()
    latency_ms: float | None = None
    """None for a turn that failed, or that the guardrails ended."""


class Stakes:
    """The wealth of several bettors on one claim: one from the start, and a fresh one from each later step.

    A bettor who lost for long, because the candidate did well, is slow to win when it turns bad; so a part of
    the stake is kept for each step. Before its step begins it lies there as it is, so the sum stays fair.
    """

    def __init__(self, parts: Collection[float], steps: int) -> None:
        """Begin. One kind of bet is made with each of the ``parts``; later ``steps`` have stakes too."""
        self._parts = tuple(parts)
        self._kept = max(0, steps - 1)
        self._runs = [list(self._parts)]

    def begin(self) -> None:
        """Let the next step's bettor begin."""
        if len(self._runs) <= self._kept:
            self._runs.append(list(self._parts))

    def bet(self, factors: Sequence[float]) -> None:
        """Multiply every stake by what its bet brought."""
        self._runs = [
            [min(WEALTH_MAX, stake * factor) for stake, factor in zip(run, factors, strict=True)]
            for run in self._runs
        ]

    @property
    def wealth(self) -> float:
        """All stakes together, from 1."""
        first, *later = map(sum, self._runs)
        if not self._kept:
            return first
        waiting = self._kept - len(later)
        return (1 - KEPT) * first + KEPT / self._kept * (sum(later) + waiting)


class Faults:
    """The wealth against "a player's first fault is no likelier to be the candidate's"."""

    def __init__(self, steps: int = 1) -> None:
        self.stakes = Stakes(RISKS.values(), steps)
        self._seen: set[str] = set()
        self.candidate = 0
        self.control = 0
        """Faults of each, all of them."""

    @property
    def wealth(self) -> float:
        """The stakes together, from 1."""
        return self.stakes.wealth

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
            self.stakes.bet(
                [(risk if turn.candidate else 1.0) / (risk * share + 1 - share) for risk in RISKS]
            )

    def against(self, normal: float, *, fault: bool) -> None:
        """Take a turn into account with nobody to compare with; ``normal`` bounds the usual rate."""
        factors = []
        for risk in RISKS:
            rate = min(0.9, max(normal * risk, normal + 0.9 * (1 - normal) * risk / max(RISKS) / 4))
            factors.append(rate / normal if fault else (1 - rate) / (1 - normal))
        self.stakes.bet(factors)


class Latency:
    """The wealth against "the candidate's turns rank no higher than the current model's".

    Of each player only the first turn with each model counts: players differ (far away, long questions) and
    stay with one model, so all their turns together would look like the model's doing.
    """

    def __init__(self, steps: int = 1) -> None:
        self.stakes = Stakes(BETS.values(), steps)
        self._seen: dict[bool, set[str]] = {True: set(), False: set()}
        self._fresh: deque[float] = deque(maxlen=CONTROLS_MAX)
        self._baseline: deque[float] = deque(maxlen=BASELINE_LATENCIES)
        self.pairs = 0
        """Turns of the candidate that were compared."""

    @property
    def wealth(self) -> float:
        """The stakes together, from 1."""
        return self.stakes.wealth

    def observe(self, turn: Turn, chance: float) -> None:
        """Take a turn into account; ``chance`` is that of a band around the past that is wrong."""
        if turn.latency_ms is None or turn.key in self._seen[turn.candidate]:
            return
        self._seen[turn.candidate].add(turn.key)
        if not turn.candidate:
            self._fresh.append(turn.latency_ms)
            self._baseline.append(turn.latency_ms)
        elif turn.share >= 1:
            self._against_baseline(turn.latency_ms, chance)
        elif self._fresh:
            rank = _rank(turn.latency_ms, self._fresh)
            self._fresh.clear()
            self._bet(rank)

    def _against_baseline(self, latency_ms: float, chance: float) -> None:
        if self._baseline:
            band = math.sqrt(math.log(2 / chance) / (2 * len(self._baseline)))
            self._bet(max(0.0, _rank(latency_ms, self._baseline) - band))

    def _bet(self, rank: float) -> None:
        self.pairs += 1
        self.stakes.bet([1 + bet * (2 * rank - 1) for bet in BETS])


def _rank(value: float, others: Sequence[float] | deque[float]) -> float:
    below = sum(1.0 if other < value else 0.5 if other == value else 0.0 for other in others)
    return below / len(others)


class Evidence:
    """All measures of one deployment, from its first turn on. Fold `observe` over the turns of the log."""

    def __init__(self, false_alarms: float, steps: int = 1) -> None:
        """Prepare.

        Args:
            false_alarms: chance, at most, that a candidate that is no worse is ever accused.
            steps: of the deployment; call `begin_step` at each after the first.
        """
        self.limit = 1 / ((1 - BOUNDS) * false_alarms)
        """The e-value at which the candidate is accused."""
        self._chance = BOUNDS * false_alarms / (len(FAULTS) + 1)
        """That one of the bounds of what is normal is wrong."""
        self.faults: dict[Measure, Faults] = {name: Faults(steps) for name in FAULTS}
        self.latency = Latency(steps)
        self.turns = {True: 0, False: 0}
        """Turns of the candidate (True) and of the current model."""

    def begin_step(self) -> None:
        """Let the bettors of a further step begin."""
        for faults in self.faults.values():
            faults.stakes.begin()
        self.latency.stakes.begin()

    def observe(self, turn: Turn) -> None:
        """Take one turn into account."""
        if turn.share >= 1:
            if not turn.candidate:  # begun before the last step: what is normal was settled then
                return
            self._alone(turn)
        else:
            for name in turn.faults:
                self.faults[name].observe(turn)
        self.latency.observe(turn, self._chance)
        self.turns[turn.candidate] += 1

    def found_late(self, name: Measure, turn: Turn) -> None:
        """Take a fault into account that was found after the turn had been."""
        faults = self.faults[name]
        if turn.share < 1:
            faults.observe(turn)
        elif turn.candidate and faults.first(turn) and (normal := self._normal(name)) < NORMAL_MAX:
            faults.against(normal, fault=True)

    def _alone(self, turn: Turn) -> None:
        """Compare a turn with what was normal before."""
        for name, faults in self.faults.items():
            fault = name in turn.faults and faults.first(turn)
            normal = self._normal(name)
            if normal < NORMAL_MAX and (fault or name not in turn.faults):
                faults.against(normal, fault=fault)

    def _normal(self, name: Measure) -> float:
        """Return what bounds the usual rate of a fault; without a past it is set."""
        if not self.turns[False]:
            return NORMAL_UNKNOWN[name]
        return upper_rate(self.faults[name].control, self.turns[False], self._chance)

    def wealth(self) -> Mapping[Measure, float]:
        """Return each measure's wealth, from 1."""
        found: dict[Measure, float] = {name: faults.wealth for name, faults in self.faults.items()}
        return {**found, "latency": self.latency.wealth}

    @property
    def e_value(self) -> float:
        """All measures together: at `limit` the candidate is accused."""
        faults = sum(WEIGHTS[name] * faults.wealth for name, faults in self.faults.items())
        return faults + WEIGHTS["latency"] * self.latency.wealth

    @property
    def accused(self) -> bool:
        """Say whether the evidence, as events keep it, says that the candidate is worse."""
        return rounded(self.e_value) >= rounded(self.limit)

    def worst(self) -> Measure:
        """Return the measure with the most evidence."""
        weighted = {name: WEIGHTS[name] * wealth for name, wealth in self.wealth().items()}
        return max(weighted, key=lambda name: weighted[name])


def rounded(value: float) -> float:
    """Return six significant digits: enough for a reader, and the same on every machine."""
    return float(f"{value:.6g}")


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
