"""What a person can say of something: what they believe of it, and by what evidence. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.claims import Claim, kind_of
from domain.beliefs.mind import SURE, Belief, Perceived
from domain.beliefs.vocabulary import Vocabulary

LORE = "lore"
NEWS_MAX = 400


@dataclass(frozen=True, slots=True)
class Cite:
    """A sentence of a version of a document of the lore."""

    document: str
    number: int
    section: str
    sentence: int


@dataclass(frozen=True, slots=True)
class Known:
    """A claim that somebody holds to be true, and by what.

    Attributes:
        how: witnessed, told, hearsay, claimed, inferred, common, lore.
        event: id of the event by which they know; "": everybody knows it.
        root: id of the event that it is about; "": none is known.
        confidence: in thousandths.
        of_ms: of when it is so; None: always.
        position: of the event by which they know it; 0: they always did.
    """

    claim: Claim
    how: str = "common"
    event: str = ""
    root: str = ""
    confidence: int = SURE
    hands: int = 0
    teller: str = ""
    of_ms: int | None = None
    position: int = 0
    cites: tuple[Cite, ...] = ()


def of_belief(belief: Belief) -> Known:
    """Return a belief as one that can be said."""
    return _of(belief.claim, belief.evidence, belief.seen, belief.confidence)


def of_perceived(claim: Claim, seen: Perceived) -> Known:
    """Return by what somebody knows that a claim is not so."""
    how = "hearsay" if len(seen.steps) > 1 else "told" if seen.steps else "witnessed"
    return _of(claim, how, seen, SURE)


def _of(claim: Claim, how: str, seen: Perceived, confidence: int) -> Known:
    return Known(
        claim,
        how,
        seen.event,
        seen.root,
        confidence,
        len(seen.steps),
        seen.teller,
        seen.at_ms,
        seen.position,
    )


NEWS_FROM = 500
"""Thousandths by which a state spreads from which on it is news: a death, a feud, whose ground it is."""

BY_DAY = frozenset({"shut"})
"""Begins and ends each day."""


@dataclass(frozen=True)
class Speaker:
    """What one person knows, as the log was when they are spoken to.

    Attributes:
        who: the person. hearer: to whom they speak; what that one told them is no answer to them.
        stage: what belongs to a later one they do not say.
        lore: what documents that they may know claim, with where.
        here: the place where both are (place.lamp_yard); "": it is not known.
    """

    who: str
    beliefs: Beliefs
    stage: int = 0
    lore: Sequence[Known] = ()
    hearer: str = ""
    here: str = ""
    _found: dict[str, Sequence[Known]] = field(default_factory=dict, compare=False, repr=False)
    """By what was asked about, what was found: one turn asks of the same several times."""

    @property
    def words(self) -> Vocabulary:
        """The predicates of the world."""
        return self.beliefs.ground.vocabulary

    def of(self, about: str) -> Sequence[Known]:
        """Return what they know of something: what they see, what happened, what all know, what is written.

        What they see now stands against whatever says otherwise.
        """
        if (found := self._found.get(about)) is None:
            seen = {known.claim: known for known in self.sees(about)}
            against = self.words.contradict
            rest = (
                known
                for known in self._holds(about)
                if known.claim not in seen and not any(against(known.claim, each) for each in seen)
            )
            found = self._found[about] = [*seen.values(), *rest]
        return found

    def _holds(self, about: str) -> Iterator[Known]:
        seen = set[Claim]()
        for belief in self.beliefs.known(self.who, about):
            if not belief.doubted:
                seen.add(belief.claim)
                if not self.hearer or belief.seen.teller != self.hearer:
                    yield of_belief(belief)
        for claim in self.beliefs.common(self.who, about):
            if claim not in seen:
                seen.add(claim)
                yield Known(claim)
        mind = self.beliefs.minds.get(self.who)
        for known in self.lore:
            claim = known.claim
            if about in claim.arguments and claim not in seen and not (mind and mind.denies(claim)):
                yield known

    def sees(self, about: str) -> Iterator[Known]:
        """Yield what stands to be seen of something: where they are, and over it; at their own stall, too.

        Prices and what is sold out stand written at a stall, and the sky is over everybody. Whose stall it is
        knows them when they are elsewhere, as it most likely still is. Who is in the place is there now.
        """
        yield from self._sees_there(about)
        places = {self.here: "witnessed"} if self.here else {}
        for place in self.own:
            places.setdefault(place, "inferred")
        looked = [(name, place, how) for place, how in places.items() for name in WRITTEN_UP]
        looked += [(WEATHER, self.sky, "witnessed")] if self.sky else []
        for predicate, subject, how in looked:
            for fact in self.beliefs.facts.held(predicate, subject):
                if about in fact.claim.arguments:
                    by = how if fact.event else "common"
                    at_ms, position = fact.from_ms, fact.begun
                    yield Known(fact.claim, by, fact.event, fact.event, of_ms=at_ms, position=position)

    def _sees_there(self, about: str) -> Iterator[Known]:
        there = self.beliefs.presence.there(self.here.partition(".")[2]) if self.here else ()
        for who in there if about == self.here else {about} & set(there):
            for fact in self.beliefs.facts.held("at", who) if who != self.who else ():
                at_ms = self.beliefs.told.now_ms
                yield Known(fact.claim, "witnessed", fact.event, fact.event, of_ms=at_ms, position=fact.begun)

    @cached_property
    def own(self) -> Sequence[str]:
        """The places that they keep, then those where they work."""
        stated = [known.claim for known in self.stated if known.claim.predicate in ("keeps", "works_at")]
        return [claim.object for claim in sorted(stated)]

    @cached_property
    def stated(self) -> Sequence[Known]:
        """What the world's definition says of them; nobody talks them into anything else."""
        common = self.beliefs.ground.common
        own = (known for known in self._holds(self.who) if known.claim in common)
        return [known for known in own if known.claim.subject == self.who]

    @cached_property
    def sky(self) -> str:
        """The zone over the place where they are; "": it is not known."""
        ground = self.beliefs.ground
        zone = ground.zones.get(ground.districts.get(self.here.partition(".")[2], ""), "")
        return f"zone.{zone}" if zone else ""

    @cached_property
    def around(self) -> Sequence[str]:
        """The place where they are, then what it lies in."""
        found = [self.here] if self.here else []
        territory = self.beliefs.ground.territories.get(self.here.partition(".")[2])
        found += [f"territory.{territory}"] if territory else []
        for within in found:
            for fact in self.beliefs.facts.held("lies_at", within):
                if fact.claim.object not in found:
                    found.append(fact.claim.object)
        return found

    def news(self) -> Iterator[Known]:
        """Yield what happened that they know of, and what came to be so that is told on."""
        for belief in self.beliefs.known(self.who):
            predicate = self.words.predicates[belief.claim.predicate]
            deed = predicate.holds == "deed" and predicate.spreads
            state = predicate.spreads >= NEWS_FROM and predicate.id not in BY_DAY
            if not belief.doubted and (deed or state):
                yield of_belief(belief)

    def believes(self, claim: Claim) -> Known | None:
        """Return by what they hold a claim to be true, other than the hearer's word; None: by nothing."""
        return next((known for known in self.of(claim.subject) if known.claim == claim), None)

    def against(self, claim: Claim) -> Known | None:
        """Return by what they know that a claim is not so; None: they do not know that."""
        mind = self.beliefs.minds.get(self.who)
        seen = mind.against(claim) if mind else None
        if seen is not None:
            return of_perceived(claim, seen)
        for known in self.of(claim.subject):
            same = known.claim.predicate == claim.predicate
            if known.how == "common" and same and self.words.contradict(known.claim, claim):
                return Known(claim)
        return None

    def hides(self, known: Known, hearer: str) -> bool:
        """Return whether they must not say a claim: it is secret, of a later stage, or a deed of theirs.

        What the hearer was party to is no secret between them.
        """
        predicate = self.words.predicates[known.claim.predicate]
        if predicate.secret or predicate.stage > self.stage:
            return True
        own = known.claim.subject == self.who and known.claim.predicate in SHAMEFUL
        return own and hearer not in known.claim.arguments


WRITTEN_UP = ("price", "sells", "sold_out", "shut")
"""States of a place that one sees who is there."""

WEATHER = "weather"
SHAMEFUL = frozenset({"killed", "hurt", "took", "lied", "broke_promise"})
"""Deeds that nobody tells of themselves."""


def of_lore(
    claims: Iterable[Mapping[str, Any]], cites: Sequence[Cite], words: Vocabulary, day: int
) -> Iterator[Known]:
    """Yield what a document claims that holds on a day; a claim that it marks as a lie is none."""
    for each in claims:
        texts = [each.get(name) or "" for name in ("predicate", "subject", "object", "value")]
        if each.get("lie") or not all(isinstance(text, str) for text in texts):
            continue
        claim = words.normal(Claim(*texts))
        begins, over = each.get("from_day"), each.get("until_day")
        holds = (begins is None or begins <= day) and (over is None or day < over)
        if claim is not None and holds and not words.predicates[claim.predicate].secret:
            yield Known(claim, LORE, cites=tuple(cites))


def regard(speaker: Speaker, player: str) -> int:
    """Return how somebody stands to a player, by what they believe that the player did; 0: as to anybody."""
    found = 0
    for belief in speaker.beliefs.known(speaker.who, player):
        claim = belief.claim
        if not belief.doubted and claim.subject == player:
            weight = DEEDS.get(claim.predicate, 0)
            found += weight if speaker.who in claim.arguments or weight <= GRAVE else 0
    return found


DEEDS: Mapping[str, int] = {
    "gave": 1, "kept_promise": 2, "quest_done": 2, "promised": 1,
    "lied": -2, "broke_promise": -2, "took": -3, "hurt": -4, "killed": -6,
}  # fmt: skip
"""What a player's deed is worth to whom it was done."""

GRAVE = -4
"""Deeds that count whomever they were done to."""


def is_person(argument: str) -> bool:
    """Return whether an argument is somebody who can speak."""
    return kind_of(argument) in ("person", "player")
