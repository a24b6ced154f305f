"""What is true, by the log: claims, the game times between which they hold, the events that say so. Pure.

A state ends by structure: another claim takes its slot, one that excludes or ends it begins, an event says
that it is over, or what it names is retired. Two times throughout: when it holds in the game, and as of which
position of the log. What is over is kept up to a bound, the newest; what is pinned is kept for ever.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.beliefs.changes import Begins, Change, Ends, Retires
from domain.beliefs.claims import Claim
from domain.beliefs.vocabulary import Slot, Vocabulary

OVER_MAX = 100_000
"""Claims that are over, and deeds, that are kept; some five weeks of the sample world."""


@dataclass(slots=True, eq=False)
class Fact:
    """A claim that held or holds.

    Attributes:
        from_ms, to_ms: game times; it held from the first on, and at the second no more. None: it holds.
        begun, ended: positions of the events that said so.
        event, ended_by: their ids.
    """

    claim: Claim
    from_ms: int
    begun: int
    event: str
    to_ms: int | None = None
    ended: int | None = None
    ended_by: str = ""

    def known(self, at_ms: int | None, position: int | None) -> bool:
        """Return whether it holds at a game time (None: now) as the log was up to a position."""
        if position is not None and self.begun > position:
            return False
        over = self.ended is not None and (position is None or self.ended <= position)
        if at_ms is None:
            return not over
        return self.from_ms <= at_ms and (not over or self.to_ms is None or at_ms < self.to_ms)


@dataclass(slots=True)
class Facts:
    """Changed in place by `apply`.

    Attributes:
        unadopted: how often an event claimed what this world cannot claim, or what is barred (the dead go
            nowhere).
        since: position of the newest event that ended a state which was let go; as-of questions before it
            are not answered.
        since_ms: the same in game time.
    """

    vocabulary: Vocabulary
    over_max: int = OVER_MAX
    unadopted: int = 0
    since: int = 0
    since_ms: int = -(2**63)
    _open: dict[Slot, Fact] = field(default_factory=dict)
    _of: defaultdict[str, dict[int, Fact]] = field(default_factory=lambda: defaultdict(dict))
    """By each argument, what names it, in the order in which it began."""
    _by: defaultdict[str, dict[int, Fact]] = field(default_factory=lambda: defaultdict(dict))
    """By predicate, in the same order."""
    _states: defaultdict[tuple[str, str], dict[int, Fact]] = field(default_factory=lambda: defaultdict(dict))
    """By predicate and subject (what is symmetric: either), the states in force."""
    _over: deque[Fact] = field(default_factory=deque)

    def apply(self, changes: Iterable[Change], position: int, event: str) -> None:
        """Take in what an event says."""
        for change in changes:
            match change:
                case Begins():
                    self._begin(change, position, event)
                case Ends():
                    for fact in list(self._named(change.claim)):
                        self._end(fact, change.at_ms, position, event)
                case Retires():
                    for fact in list(self._of.get(change.argument, {}).values()):
                        if fact.ended is None and self.vocabulary.is_state(fact.claim):
                            self._end(fact, change.at_ms, position, event)

    def now(self, claim: Claim) -> bool:
        """Return whether a claim holds."""
        normal = self.vocabulary.normal(claim)
        return normal is not None and any(
            fact.claim == normal and fact.ended is None for fact in self._of.get(normal.subject, {}).values()
        )

    def held(self, predicate: str, subject: str) -> Iterable[Fact]:
        """Return the states in force by a predicate that are about a subject; however long the log is."""
        return self._states.get((predicate, subject), {}).values()

    def ask(
        self,
        argument: str = "",
        predicate: str = "",
        *,
        at_ms: int | None = None,
        position: int | None = None,
    ) -> Sequence[Fact]:
        """Return what holds of an argument, by a predicate, or both; in the order in which it became known.

        Raises:
            LookupError: so far back what was so was let go.
        """
        if (position is not None and position < self.since) or (at_ms is not None and at_ms < self.since_ms):
            raise LookupError(f"what was over before position {self.since} was let go")
        name = self.vocabulary.inverses.get(predicate, predicate)
        found = self._of.get(argument, {}) if argument else self._by.get(name, {}) if name else self._all()
        named = found.values() if not (argument and name) else self._both(found, name)
        if at_ms is None and position is None:
            return [fact for fact in named if fact.ended is None]
        return [fact for fact in named if fact.known(at_ms, position)]

    def _all(self) -> dict[int, Fact]:
        facts = (fact for by in self._by.values() for fact in by.values())
        return {id(fact): fact for fact in sorted(facts, key=lambda fact: fact.begun)}

    def _both(self, found: Mapping[int, Fact], name: str) -> Iterable[Fact]:
        return (fact for fact in found.values() if fact.claim.predicate == name)

    def redefine(self, vocabulary: Vocabulary, at_ms: int, position: int, event: str) -> None:
        """Go on by other predicates: what cannot be claimed any more is over."""
        gone = [fact for fact in self._open.values() if vocabulary.normal(fact.claim) != fact.claim]
        for fact in gone:
            self._end(fact, at_ms, position, event)
        self.vocabulary = vocabulary
        kept = list(self._open.values())
        self._open, self._states = {}, defaultdict(dict)
        for fact in kept:
            slot = vocabulary.slot(fact.claim)
            if (other := self._open.get(slot)) is not None:  # there may be one now, where there were many
                self._end(other, at_ms, position, event)
            self._open[slot] = fact
            self._index(fact)

    # --- how facts begin and end ----------------------------------------------------------------------------

    def _begin(self, change: Begins, position: int, event: str) -> None:
        words, claim = self.vocabulary, self.vocabulary.normal(change.claim)
        if claim is None or any(self._agreeing(claim, words.barred_by[claim.predicate])):
            self.unadopted += 1
            return
        state, slot = words.is_state(claim), words.slot(claim)
        held = self._open.get(slot) if state else None
        if held is not None and held.claim == claim:
            return
        predicate = words.predicates[claim.predicate]
        ended = list(self._agreeing(claim, (*words.excludes[claim.predicate], *predicate.ends)))
        if held is not None:
            ended.append(held)
        if ended and change.yields:
            self.unadopted += 1
            return
        for fact in ended:
            self._end(fact, change.at_ms, position, event)
        fact = Fact(claim, change.at_ms, position, event)
        for argument in claim.arguments:
            self._of[argument][id(fact)] = fact
        self._by[claim.predicate][id(fact)] = fact
        if state:
            self._open[slot] = fact
            self._index(fact)
        else:
            self._let_go(fact)

    def _end(self, fact: Fact, at_ms: int, position: int, event: str) -> None:
        fact.to_ms, fact.ended, fact.ended_by = max(at_ms, fact.from_ms), position, event
        self._open.pop(self.vocabulary.slot(fact.claim), None)
        for subject in self._sides(fact.claim):
            of = self._states.get((fact.claim.predicate, subject), {})
            of.pop(id(fact), None)
            if not of:
                self._states.pop((fact.claim.predicate, subject), None)
        self._let_go(fact)

    def _let_go(self, fact: Fact) -> None:
        """Keep what is over, up to the bound."""
        if self.vocabulary.predicates[fact.claim.predicate].pinned:
            return
        self._over.append(fact)
        if len(self._over) > self.over_max:
            oldest = self._over.popleft()
            self.since = max(self.since, oldest.ended or 0)
            self.since_ms = max(self.since_ms, -(2**63) if oldest.to_ms is None else oldest.to_ms)
            self._by[oldest.claim.predicate].pop(id(oldest), None)
            for argument in oldest.claim.arguments:
                of = self._of[argument]
                of.pop(id(oldest), None)
                if not of:
                    del self._of[argument]

    def _index(self, fact: Fact) -> None:
        for subject in self._sides(fact.claim):
            self._states[fact.claim.predicate, subject][id(fact)] = fact

    def _sides(self, claim: Claim) -> tuple[str, ...]:
        symmetric = self.vocabulary.predicates[claim.predicate].symmetric
        return (claim.subject, claim.object) if symmetric else (claim.subject,)

    def _agreeing(self, claim: Claim, predicates: Iterable[str]) -> Iterator[Fact]:
        """Yield the states in force, by some predicates, that speak of the same as a claim."""
        for predicate in predicates:
            for subject in self._sides(claim):
                for fact in self._states.get((predicate, subject), {}).values():
                    if self.vocabulary.agree(claim, fact.claim):
                        yield fact

    def _named(self, claim: Claim) -> Iterator[Fact]:
        """Yield the states in force that a claim names, whose empty arguments stand for any."""
        if claim.predicate not in self.vocabulary.predicates:
            return
        for fact in self._states.get((claim.predicate, claim.subject), {}).values():
            if self.vocabulary.agree(claim, fact.claim):
                yield fact
