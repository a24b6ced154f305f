"""What one holder believes: how what they perceive is taken in, and what they forget. Pure.

Own eyes end whatever says otherwise. What one is told ends what is older; but nobody believes against what
they are looking at, or of a place that the teller left before them; and what a player says does not shake
what is held more surely. It is kept beside then, as doubted, with who said it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal, NamedTuple

from domain.beliefs.claims import Claim
from domain.beliefs.vocabulary import Slot, Vocabulary

HELD_MAX, PAST_MAX, DOUBTS_MAX = 400, 1_000, 64
"""Of each holder: beliefs beside those that are pinned, beliefs that are over, and doubted ones."""

LASTS_MS = 30 * 86_400_000
"""Game time for which a belief that spreads wholly outlives one that does not spread, when room is made."""

SURE = 1_000
STEP = 4, 5
"""Each hand through which something goes leaves so much of the confidence."""

Evidence = Literal["witnessed", "told", "hearsay", "claimed", "inferred", "common"]
"""How somebody knows: they saw it; who saw it told them; it went through more hands; a player says so; it
follows from something else; everybody who lives there knows."""

Over = Literal["", "replaced", "over", "forgotten"]


Basis = Literal["seen", "lie", "unfounded", "inferred"]


class Step(NamedTuple):
    """One hand through which something went: who said it, and by which event."""

    teller: str
    event: str
    position: int


class Conclusion(NamedTuple):
    """What somebody concludes from something that an event left.

    Attributes:
        claim: as it is written. sure: thousandths.
        at_ms, event, position: of the event. place: where they found it.
    """

    claim: str
    sure: int
    at_ms: int
    event: str
    position: int
    place: str


class Perceived(NamedTuple):
    """One thing that some came to know of together: by its event, or by being told of it.

    Attributes:
        claim: what; empty arguments of what is over stand for any.
        over: whether it is that the claim holds no more.
        at_ms: game time that it is about; a rumour of this morning is older than what one saw at noon.
        source: position of the event that it is about. position, event: by which one they know.
        group: who came to know; each of them knows that the others do.
        place: where they were.
        steps: through which hands it went, the last one is who told them; none: they saw it.
        root: id of the event that it is about; "": nothing is known of any.
        basis: what it rests on at its root: something seen, a lie (who said it first knew better), a word
            without ground, or a conclusion.
        trusted: who of those who were told takes it to be meant, if they do not know newer things.
        came: of those who were told, when each came to the place (as positions): what they have seen since is
            before their eyes.
        sure: thousandths; how sure one may be who concludes it, before it goes through any hands.
    """

    claim: Claim
    over: bool
    at_ms: int
    source: int
    position: int
    event: str
    group: frozenset[str]
    place: str = ""
    steps: tuple[Step, ...] = ()
    came: tuple[tuple[str, int], ...] = ()
    root: str = ""
    basis: Basis = "seen"
    trusted: frozenset[str] = frozenset()
    sure: int = SURE

    @property
    def weighed(self) -> bool:
        """Whether it is held against what one knows: of what one sees oneself one is sure."""
        return bool(self.steps) or self.sure < SURE

    @property
    def teller(self) -> str:
        """Who told it; "": nobody."""
        return self.steps[-1].teller if self.steps else ""


@dataclass(slots=True, eq=False)
class Belief:
    """A claim that somebody holds to be true.

    Attributes:
        seen: how they came to it.
        confidence: in thousandths.
        doubted: whether they were told, and hold something else more surely.
        until: position of the event from which on they hold it no more; None: they do.
        why: why they do not.
    """

    seen: Perceived
    confidence: int
    doubted: bool = False
    until: int | None = None
    why: Over = ""

    @property
    def claim(self) -> Claim:
        """What is believed."""
        return self.seen.claim

    @property
    def evidence(self) -> Evidence:
        """How they know."""
        return evidence_of(self.seen)


def evidence_of(seen: Perceived) -> Evidence:
    """Return how one knows what one perceives so."""
    if not seen.steps:
        return "inferred" if seen.basis == "inferred" else "witnessed"
    if seen.steps[0].teller.startswith("player."):
        return "claimed"
    return "told" if len(seen.steps) == 1 else "hearsay"


def confidence_of(seen: Perceived) -> int:
    """Return how sure one is of what one perceives so, in thousandths."""
    sure = seen.sure
    for step in seen.steps:
        sure = sure * STEP[0] // STEP[1]
        if step.teller.startswith("player."):
            sure //= 2
    return sure


Taken = Literal["believed", "older", "doubted"]
"""How somebody takes what they perceive; older: they know newer things, and who says it does not."""

Left = Callable[[str], bool]


def nowhere(_: str) -> bool:
    """Say that nobody was seen to leave."""
    return False


@dataclass(frozen=True, slots=True)
class _Hearing:
    """Something that a holder perceives, against what they believe."""

    seen: Perceived
    sure: int
    holder: str
    left: Left

    def stands(self, rival: Belief) -> bool:
        """Return whether a belief stands against what the holder is told."""
        return rival.seen.at_ms > self.seen.at_ms or self.rather(rival)

    def rather(self, rival: Belief) -> bool:
        """Return whether the holder goes on believing what they do, against what they are told."""
        if self.seen.teller.startswith("player.") or not self.seen.steps:
            return rival.confidence > self.sure
        if rival.seen.steps or not rival.seen.place:
            return False
        came = dict(self.seen.came).get(self.holder, 2**63)
        looks = rival.seen.place == self.seen.place and rival.seen.position >= came
        return looks or self.left(rival.seen.place)


@dataclass(slots=True)
class Mind:
    """One holder's beliefs; changed in place by `take_in`.

    Attributes:
        held: what they believe, by what there is one claim for. doubts: what they doubt.
        no_more: what everybody knows, and they know to be over.
        past: what they do not believe any more, the newest; as-of questions are answered by it.
        since: position of the newest event of which that was let go.
    """

    words: Vocabulary
    held_max: int = HELD_MAX
    past_max: int = PAST_MAX
    held: dict[Slot, Belief] = field(default_factory=dict)
    doubts: dict[Claim, Belief] = field(default_factory=dict)
    no_more: dict[Claim, Perceived] = field(default_factory=dict)
    past: deque[Belief] = field(default_factory=deque)
    since: int = 0
    _states: defaultdict[tuple[str, str], dict[int, Belief]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _loose: int = 0
    """How many beliefs are not pinned."""
    _fading: list[tuple[int, int, int, Slot]] = field(default_factory=list)
    _count: int = 0

    def take_in(self, seen: Perceived, holder: str, left: Left = nowhere) -> Taken:
        """Take in what the holder perceives; say how.

        ``left`` says of a place whether the holder stayed there when who tells them of it left.
        """
        hearing = _Hearing(seen, confidence_of(seen), holder, left)
        if seen.over:
            return self._hear_of_end(hearing)
        claim, slot = seen.claim, self.words.slot(seen.claim)
        held = self.held.get(slot)
        sure = hearing.sure
        if held is not None and held.claim == claim and not self._newer(seen, held, sure):
            return "believed"
        rivals = list(self._rivals(claim, slot))
        if self.words.is_state(claim):
            if seen.weighed and any(rival.seen.at_ms > seen.at_ms for rival in rivals):
                return "older"
            if seen.weighed and any(hearing.rather(rival) for rival in rivals):
                self._doubt(seen, sure)
                return "doubted"
        elif seen.weighed:
            rivals = [each for each in rivals if not hearing.stands(each)]
        for rival in rivals:
            self._drop(rival, seen.position, "replaced")
        if held is not None:
            self._drop(held, seen.position, "replaced")
        self._hold(Belief(seen, sure), slot)
        return "believed"

    def believes(self, claim: Claim) -> Belief | None:
        """Return the belief in a claim, as `Vocabulary.normal` returns it; None: they do not hold it."""
        held = self.held.get(self.words.slot(claim))
        return held if held is not None and held.claim == claim else None

    def redefine(self, words: Vocabulary) -> None:
        """Go on by other predicates; what cannot be claimed any more is forgotten."""
        self.words = words
        held = [each for each in self.held.values() if words.normal(each.claim) == each.claim]
        self.held, self._fading, self._loose = {}, [], 0
        self._states.clear()
        for kind in (self.doubts, self.no_more):
            for claim in [each for each in kind if words.normal(each) != each]:
                del kind[claim]
        self.past = deque(each for each in self.past if words.normal(each.claim) == each.claim)
        for belief in held:
            self._hold(belief, words.slot(belief.claim))

    def denies(self, claim: Claim) -> bool:
        """Return whether something that they hold, or know to be over, speaks against a claim."""
        return self.against(claim) is not None

    def against(self, claim: Claim) -> Perceived | None:
        """Return how they came to what speaks against a claim; None: nothing does."""
        if claim in self.no_more:
            return self.no_more[claim]
        rival = next(self._rivals(claim, self.words.slot(claim)), None)
        return rival.seen if rival is not None else None

    def as_of(self, position: int | None) -> Iterator[Belief]:
        """Yield what they believed, as the log was up to a position; None: what they believe now.

        Raises:
            LookupError: so far back what they believed was let go.
        """
        now = (*self.held.values(), *self.doubts.values())
        if position is None:
            yield from now
            return
        if position < self.since:
            raise LookupError(f"what was believed before position {self.since} was let go")
        for belief in (*self.past, *now):
            if belief.seen.position <= position and (belief.until is None or belief.until > position):
                yield belief

    # --- how beliefs change ---------------------------------------------------------------------------------

    def _newer(self, seen: Perceived, held: Belief, sure: int) -> bool:
        """Return whether what is believed already is better known, or happened again, by this."""
        if sure < held.confidence and not seen.steps:
            return False
        if not self.words.is_state(seen.claim):
            return seen.source > held.seen.source or (
                seen.source == held.seen.source and sure > held.confidence
            )
        return sure > held.confidence or not seen.steps

    def _hear_of_end(self, hearing: "_Hearing") -> Taken:
        words, seen = self.words, hearing.seen
        if seen.claim.predicate not in words.predicates:
            return "doubted"
        found = [
            belief
            for belief in self._states.get((seen.claim.predicate, seen.claim.subject), {}).values()
            if words.agree(seen.claim, belief.claim)
        ]
        ended = [each for each in found if not (seen.steps and hearing.stands(each))]
        for belief in ended:
            self._drop(belief, seen.position, "over")
        return "believed" if len(ended) == len(found) else "doubted"

    def _rivals(self, claim: Claim, slot: Slot) -> Iterator[Belief]:
        """Yield what does not hold beside a claim; a deed is against nothing but what it ends."""
        name, words = claim.predicate, self.words
        held = self.held.get(slot)
        if held is not None and held.claim != claim:
            yield held
        others = (*words.excludes[name], *words.barred_by[name], *words.predicates[name].ends)
        yield from self._agreeing(claim, others)

    def _agreeing(self, claim: Claim, predicates: tuple[str, ...]) -> Iterator[Belief]:
        symmetric = self.words.predicates[claim.predicate].symmetric
        for predicate in predicates:
            for subject in (claim.subject, claim.object) if symmetric else (claim.subject,):
                for belief in self._states.get((predicate, subject), {}).values():
                    if self.words.agree(claim, belief.claim):
                        yield belief

    def _doubt(self, seen: Perceived, sure: int) -> None:
        self.doubts.pop(seen.claim, None)
        self.doubts[seen.claim] = Belief(seen, sure, doubted=True)
        if len(self.doubts) > DOUBTS_MAX:
            self._over(self.doubts.pop(next(iter(self.doubts))), seen.position, "forgotten")

    def _hold(self, belief: Belief, slot: Slot) -> None:
        claim, seen = belief.claim, belief.seen
        if (doubt := self.doubts.pop(claim, None)) is not None:
            self._over(doubt, seen.position, "replaced")
        self.no_more.pop(claim, None)
        self.held[slot] = belief
        for subject in self._sides(claim):
            self._states[claim.predicate, subject][id(belief)] = belief
        predicate = self.words.predicates[claim.predicate]
        if not predicate.pinned:
            self._loose += 1
            self._count += 1
            fades = seen.at_ms + LASTS_MS * predicate.spreads // SURE
            heappush(self._fading, (fades, seen.position, self._count, slot))
            self._forget(seen.position)

    def _forget(self, position: int) -> None:
        """Make room: what fades first is forgotten first, of equals the older."""
        while self._loose > self.held_max:
            _, at, _, slot = heappop(self._fading)
            belief = self.held.get(slot)
            if belief is not None and belief.seen.position == at and not self._pinned(belief.claim):
                self._drop(belief, position, "forgotten")
        if len(self._fading) > 4 * self.held_max:
            self._fading = [each for each in self._fading if self._is_of(each)]
            self._fading.sort()

    def _is_of(self, fading: tuple[int, int, int, Slot]) -> bool:
        belief = self.held.get(fading[3])
        return belief is not None and belief.seen.position == fading[1]

    def _drop(self, belief: Belief, position: int, why: Over) -> None:
        slot = self.words.slot(belief.claim)
        if self.held.get(slot) is not belief:
            return
        del self.held[slot]
        for subject in self._sides(belief.claim):
            of = self._states[belief.claim.predicate, subject]
            of.pop(id(belief), None)
            if not of:
                del self._states[belief.claim.predicate, subject]
        self._loose -= not self._pinned(belief.claim)
        self._over(belief, position, why)

    def _over(self, belief: Belief, position: int, why: Over) -> None:
        belief.until, belief.why = position, why
        self.past.append(belief)
        if len(self.past) > self.past_max:
            oldest = self.past.popleft()
            self.since = max(self.since, oldest.until or 0)

    def _pinned(self, claim: Claim) -> bool:
        return self.words.predicates[claim.predicate].pinned

    def _sides(self, claim: Claim) -> tuple[str, ...]:
        symmetric = self.words.predicates[claim.predicate].symmetric
        return (claim.subject, claim.object) if symmetric else (claim.subject,)
