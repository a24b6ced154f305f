"""Decides pair by pair whether a candidate is worse than the current model, with bounded error rates.

Both models answer the same case with the same seed; a scorer's difference, candidate minus current, lies in
-1..1. Whoever looks after every pair and stops when he likes must not use a test made for one look: a z-test
at 5 % that is looked at after each of 1,000 pairs raises a false alarm in 31 of 100 runs, at 1 % in 9 (2,000
simulated runs, one pair in ten differing, 2026-11-21). So evidence is the wealth of a bettor against the
claim to be refuted (I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting",
JRSS B 86, 2024): he starts with 1, and if the claim is true, his wealth ever reaches 1/p with probability at
most p, at any time and with any stopping rule (Ville's inequality). He stakes a fixed share in each of
`STAKES`; his wealth is their weighted mean, which needs no guess of the variance.

Two claims per scorer, and the first to fall decides:

* "the mean difference is at least 0"; refuted at 1/alpha, the candidate is **worse**;
* "the mean difference is at most -margin"; refuted at 1/beta, it is **not worse** by more than the margin.

Over scorers: one that is worse fails the candidate, so alpha is split among them by weight (Bonferroni) and
bounds the chance that a candidate without any regression fails. All must be not worse for it to pass, so beta
needs no split: to pass wrongly it must get past the very scorer in which it is worse by the margin, at most
beta (intersection-union). Otherwise it is undecided, which is never a pass: missing evidence holds.

What the bounds assume: no case has, in expectation, a difference beyond the claim. Where cases differ, their
order is drawn without replacement, which cannot raise the expected wealth after a given number of pairs (it
is a symmetric mean of products: Maclaurin's inequality); the simulations in the tests look at every pair.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

ALPHA = 0.01
"""Chance that a candidate that is worse in nothing fails."""

BETA = 0.05
"""Chance that a candidate that is worse by the margin in some scorer passes."""

STAKES = (
    (0.02, 0.05), (0.05, 0.05), (0.1, 0.1), (0.2, 0.1), (0.35, 0.15), (0.55, 0.15), (0.8, 0.15), (0.98, 0.25),
)  # fmt: skip
"""Share of the wealth that is staked, and its weight. Most scores hardly vary; there boldness pays most."""

Verdict = Literal["worse", "not_worse", "undecided"]
Overall = Literal["passed", "failed", "undecided"]

BISECTIONS = 24
"""Halvings of -1..1 for a bound: 2 / 2**24, far below what is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """The claim that is tested for one scorer."""

    name: str
    margin: float
    """How much worse, at most, counts as not worse; above 0, below 1."""
    weight: float = 1.0
    """Its part of alpha among all scorers'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Error rates that a decision keeps to."""

    alpha: float = ALPHA
    beta: float = BETA


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Standing of one scorer."""

    name: str
    verdict: Verdict
    applied: int
    """Pairs that it applied to."""
    difference: float
    """Mean difference, candidate minus current; 0 without any pair."""
    low: float
    high: float
    """Bounds of the mean (`interval`), as they were when it was decided; see `judged`."""
    worse: float
    """Wealth against "it is no worse", as a natural logarithm."""
    not_worse: float
    """Wealth against "it is worse by the margin", as a natural logarithm."""


@dataclass(slots=True)
class _Bettor:
    """The wealth of one bettor against "the mean is at most ``null``"; one logarithm per stake."""

    null: float
    logs: list[float] = field(default_factory=lambda: [0.0] * len(STAKES))

    def see(self, value: float) -> None:
        ratio = (1.0 + value) / (1.0 + self.null)
        for n, (stake, _) in enumerate(STAKES):
            self.logs[n] += math.log1p(stake * (ratio - 1.0))

    @property
    def wealth(self) -> float:
        return _mean_of(self.logs)


@dataclass(slots=True)
class _Scorer:
    criterion: Criterion
    worse: _Bettor
    not_worse: _Bettor
    seen: Counter[float] = field(default_factory=Counter)
    verdict: Verdict = "undecided"
    decided: tuple[float, float] | None = None
    """The bounds at which it was decided."""


class Comparison:
    """One evaluation's running decision; fed by one runner, pair after pair."""

    def __init__(self, criteria: Sequence[Criterion], errors: Errors | None = None) -> None:
        """Begin without evidence.

        Args:
            criteria: at least one, names unique.
            errors: the error rates to keep to.
        """
        assert criteria, "without a scorer everything would pass"
        self._errors = errors or Errors()
        whole = sum(criterion.weight for criterion in criteria)
        self._alphas = {c.name: self._errors.alpha * c.weight / whole for c in criteria}
        # A difference below 0 is a mirrored one above 0.
        self._scorers = {c.name: _Scorer(c, _Bettor(0.0), _Bettor(-c.margin)) for c in criteria}
        self.pairs = 0

    def see(self, differences: Mapping[str, float | None]) -> None:
        """Take one pair: the difference in -1..1 by scorer; None or absent where it does not apply."""
        self.pairs += 1
        for name, scorer in self._scorers.items():
            value = differences.get(name)
            if value is None:
                continue
            assert -1.0 <= value <= 1.0, f"{name}: {value}"
            scorer.seen[value] += 1
            scorer.worse.see(-value)
            scorer.not_worse.see(value)
            if scorer.verdict == "undecided":
                scorer.verdict = self._verdict(name, scorer)
                if scorer.verdict != "undecided":
                    scorer.decided = self._bounds(name, scorer)

    def _bounds(self, name: str, scorer: _Scorer) -> tuple[float, float]:
        low, high = interval(scorer.seen, below=self._errors.beta, above=self._alphas[name])
        # The halving stops short of a bound that lies on the claim itself; what was refuted is outside.
        if scorer.verdict == "not_worse":
            low = max(low, -scorer.criterion.margin)
        return low, min(high, 0.0) if scorer.verdict == "worse" else high

    def _verdict(self, name: str, scorer: _Scorer) -> Verdict:
        if scorer.worse.wealth >= -math.log(self._alphas[name]):
            return "worse"
        if scorer.not_worse.wealth >= -math.log(self._errors.beta):
            return "not_worse"
        return "undecided"

    @property
    def overall(self) -> Overall:
        """What follows from the pairs so far."""
        return overall(scorer.verdict for scorer in self._scorers.values())

    def evidence(self) -> tuple[Evidence, ...]:
        """Return where every scorer stands, in the order given."""
        return tuple(self._evidence(name, scorer) for name, scorer in self._scorers.items())

    def wealths(self) -> Mapping[str, tuple[float, float]]:
        """Return by scorer the logarithms of the wealth for "worse" and for "not worse"; cheap."""
        return {name: (s.worse.wealth, s.not_worse.wealth) for name, s in self._scorers.items()}

    def thresholds(self, name: str) -> tuple[float, float]:
        """Return the logarithms of the wealth at which a scorer is worse, and not worse."""
        return -math.log(self._alphas[name]), -math.log(self._errors.beta)

    def _evidence(self, name: str, scorer: _Scorer) -> Evidence:
        applied = scorer.seen.total()
        total = sum(value * count for value, count in scorer.seen.items())
        low, high = scorer.decided or self._bounds(name, scorer)
        return Evidence(
            name=name,
            verdict=scorer.verdict,
            applied=applied,
            difference=total / applied if applied else 0.0,
            low=low,
            high=high,
            worse=scorer.worse.wealth,
            not_worse=scorer.not_worse.wealth,
        )


def overall(verdicts: Iterable[Verdict]) -> Overall:
    """Return what follows from the scorers' verdicts: one that is undecided holds, it never passes."""
    found = set(verdicts)
    if "worse" in found:
        return "failed"
    return "passed" if found == {"not_worse"} else "undecided"


def judged(low: float, high: float, margin: float) -> Verdict:
    """Return the verdict that a scorer's bounds come to; see `interval`."""
    if high <= 0:
        return "worse"
    return "not_worse" if low >= -margin else "undecided"


def interval(seen: Mapping[float, int], *, below: float, above: float) -> tuple[float, float]:
    """Return bounds of the mean of values in -1..1, each of which holds after every value at once.

    A mean is inside while neither bettor against it, from below or above, has made what refutes it: what
    decides on "worse" decides on the upper bound, what decides on "not worse" on the lower one, so verdict
    and bounds never disagree.

    Args:
        seen: how often each value came; none gives (-1, 1).
        below: chance that the mean is ever below the lower bound.
        above: chance that it is ever above the upper one.
    """
    low = _bound(seen.items(), below)
    high = -_bound([(-value, count) for value, count in seen.items()], above)
    return low, high


def _bound(seen: Iterable[tuple[float, int]], alpha: float) -> float:
    """Return the largest null that the values refute, from below; -1 if none.

    The wealth falls as the null rises, for every stake, so halving finds it.
    """
    values = list(seen)
    low, high = -1.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        gains = [((1.0 + value) / (1.0 + middle) - 1.0, count) for value, count in values]
        logs = [sum(count * math.log1p(stake * gain) for gain, count in gains) for stake, _ in STAKES]
        if _mean_of(logs) >= -math.log(alpha):
            low = middle
        else:
            high = middle
    return low


def _mean_of(logs: Sequence[float]) -> float:
    """Return the logarithm of the stakes' weighted mean wealth."""
    top = max(logs)
    return top + math.log(sum(w * math.exp(log - top) for log, (_, w) in zip(logs, STAKES, strict=True)))
