"""Who knows what: beliefs of all who live or play in the world, folded from the log in its order. Pure.

By themselves people come to know what happens where they are, awake; from others what those tell them
(`people.told`, `beliefs.told`). So each belief leads back to somebody who was there, or to who made it up,
and nobody knows what nobody brought them. What several perceive together each knows the others to know:
what one thinks that another thinks follows from what both were there for (`thinks`).
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from domain.beliefs.changes import Begins, Change, Ends, Told
from domain.beliefs.claims import Claim, kind_of, read_claim
from domain.beliefs.facts import Facts
from domain.beliefs.ground import Ground
from domain.beliefs.messages import ClaimTold
from domain.beliefs.mind import SURE, Basis, Belief, Conclusion, Mind, Perceived, Step, Taken, nowhere
from domain.beliefs.spoken import Spoken
from domain.beliefs.table import changes_of
from domain.beliefs.thoughts import View, left_before, orders
from domain.kernel.event import Event
from domain.people.messages import PersonDecided, PersonGone, PersonTold
from domain.people.presence import Presence, whose
from domain.places.messages import Arrived, Entered

SHARED_MAX = 600
"""Of each holder: what they perceived together with others, the newest; what they think others think."""

PLAYERS_MAX = 2_000
"""Players whose beliefs are kept: those who were in the world last."""

SIGHTS_MAX = 32
"""Of each player: deeds that they saw for themselves and that move who sees them, the newest."""

TELLABLE_MS, TELLABLE_MAX = 4 * 86_400_000, 20_000
"""Events of which one still hears: nobody tells what is older than three days."""

Perceives = Callable[[str, Perceived], None]
"""What else takes in what a holder comes to know."""

HOLDERS = ("person", "player")
DEAD = "dead"
"""Who is that perceives nothing any more."""


@dataclass(slots=True)
class _Happened:
    """What an event said of claims, for who hears of it later."""

    claims: tuple[tuple[Claim, bool, int], ...]
    position: int
    at_ms: int


@dataclass(slots=True)
class Beliefs:
    """Facts, and everybody's beliefs; changed in place by `apply`.

    Attributes:
        told: what the lines of the table need; its ground is the definition's.
        facts: what is true.
        minds: by holder (person.una_pell, player.ann).
        shared: by holder, what they perceived together with others.
        perceives: who hears of each thing that somebody comes to know, beside their mind.
        sights: by player (player.ann), what they saw done that moves who sees it, the newest last.
    """

    told: Told
    facts: Facts
    minds: OrderedDict[str, Mind] = field(default_factory=OrderedDict)
    shared: defaultdict[str, deque[Perceived]] = field(
        default_factory=lambda: defaultdict(partial(deque, maxlen=SHARED_MAX))
    )
    presence: Presence = field(default_factory=Presence)
    perceives: Perceives | None = None
    sights: defaultdict[str, deque[Perceived]] = field(
        default_factory=lambda: defaultdict(partial(deque, maxlen=SIGHTS_MAX))
    )
    _came: dict[str, int] = field(default_factory=dict)
    """By who is in a place, the position of the event by which they came there."""
    _standing: defaultdict[str, dict[Claim, tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """By place, what one sees who comes there: that it is shut, that a way from it is closed."""
    _happened: OrderedDict[str, _Happened] = field(default_factory=OrderedDict)
    _common: dict[str, list[Claim]] = field(default_factory=dict)
    _room: int = PLAYERS_MAX
    """At so many minds it is looked who can be forgotten."""
    _defined: int = 0
    """Position of the event by which the definition holds."""

    @classmethod
    def of(cls, ground: Ground) -> "Beliefs":
        """Return the beliefs of a world in which nothing has happened."""
        made = cls(Told(ground), Facts(ground.vocabulary))
        made.redefine(ground, 0, "")
        return made

    @property
    def ground(self) -> Ground:
        """What the definition says."""
        return self.told.ground

    def redefine(self, ground: Ground, position: int, event: str) -> None:
        """Go on by another version of the definition: what it states holds, and no more what it did."""
        before, now_ms = self.ground, self.told.now_ms
        self.told.ground = ground
        self.facts.redefine(ground.vocabulary, now_ms, position, event)
        stated, was = ground.common | ground.private, before.common | before.private
        fresh = ground is before
        ends = [] if fresh else [Ends(claim, now_ms) for claim in sorted(was - stated)]
        begins = [Begins(claim, now_ms) for claim in sorted(stated if fresh else stated - was)]
        self.facts.apply([*ends, *begins], position, event)
        self._common = {}
        for claim in sorted(ground.common | ground.private):
            for argument in claim.arguments:
                self._common.setdefault(argument, []).append(claim)
        self._defined = position
        for mind in self.minds.values():
            mind.redefine(ground.vocabulary)
        self._keep_sayable()

    def _keep_sayable(self) -> None:
        """Let go of what happened that cannot be claimed any more."""
        known = self.ground.vocabulary.predicates
        for holder, seen in self.shared.items():
            kept = (each for each in seen if each.claim.predicate in known)
            self.shared[holder] = deque(kept, maxlen=SHARED_MAX)
        for id_, said in list(self._happened.items()):
            said.claims = tuple(each for each in said.claims if each[0].predicate in known)
            if not said.claims:
                del self._happened[id_]
        for there in self._standing.values():
            for claim in [each for each in there if each.predicate not in known]:
                del there[claim]

    def apply(self, event: Event, id_: str, position: int) -> None:
        """Take an event in."""
        self.take_in(changes_of(event, self.told), id_, position)
        slept = isinstance(event, PersonDecided) and f"person.{event.person}" in self.presence.asleep
        self.presence.apply(event)
        match event:
            case PersonDecided() if slept:
                self._wake(event, id_, position)
            case Entered() | Arrived():
                self._came[whose(event.who)] = position
                self._look_round(whose(event.who), event.place, event.at_ms, id_, position)
            case PersonTold():
                self._hear(event, id_, position)
            case ClaimTold():
                self._be_told(event, id_, position)
            case Spoken():
                for told in event.tellings():
                    self._be_told(told, id_, position)
            case PersonGone():
                self._lose(f"person.{event.person}")
            case _:
                pass

    def take_in(self, changes: Sequence[Change], id_: str, position: int) -> None:
        """Take in what an event says of claims: it is so, who is there knows it, and it can be told on."""
        self.facts.apply(changes, position, id_)
        for change in changes:
            if isinstance(change, Begins | Ends):
                self._witness(change, id_, position)
                if change.claim.predicate == DEAD and isinstance(change, Begins):
                    self.presence.lose(change.claim.subject)
        self._note(changes, id_, position)

    def conclude(self, holder: str, conclusion: Conclusion, id_: str, position: int) -> None:
        """Have somebody conclude from what an event left that it happened; nobody else knows that they do."""
        found = conclusion
        if claim := self.ground.vocabulary.normal(read_claim(found.claim)):
            group = frozenset((holder,))
            self._take_in(
                Perceived(
                    claim, False, found.at_ms, found.position, position, id_, group, found.place,
                    root=found.event, basis="inferred", sure=found.sure,
                ),
                holder,
            )  # fmt: skip

    # --- what one asks --------------------------------------------------------------------------------------

    def known(self, holder: str, about: str = "", position: int | None = None) -> Iterator[Belief]:
        """Yield what somebody believes or doubts, of what names ``about``; as of a position of the log.

        Raises:
            LookupError: so far back what they believed was let go.
        """
        mind = self.minds.get(holder)
        for belief in mind.as_of(position) if mind else ():
            if not about or about in belief.claim.arguments:
                yield belief

    def common(self, holder: str, about: str, position: int | None = None) -> Iterator[Claim]:
        """Yield what somebody knows of a thing without having seen or heard it: as all do who live there.

        Nothing as of a position at which another version of the definition held, or for who was a stranger.
        """
        mind = self.minds.get(holder)
        if (position is not None and position < self._defined) or kind_of(holder) != "person":
            return
        for claim in self._common.get(about, ()):
            open_ = claim in self.ground.common or holder in claim.arguments
            if open_ and not (mind and (mind.denies(claim) or mind.believes(claim))):
                yield claim

    def knows(self, holder: str, claim: Claim) -> bool:
        """Return whether somebody holds a claim to be true."""
        normal, mind = self.ground.vocabulary.normal(claim), self.minds.get(holder)
        if normal is None:
            return False
        if mind and mind.believes(normal):
            return True
        return normal in self.common(holder, normal.subject)

    def thinks(self, chain: Sequence[str], position: int | None = None, about: str = "") -> Mind:
        """Return what the first of a chain thinks that the second thinks that … the last believes.

        It is computed of what all of them perceived together, as far as the first still remembers who was
        there; of deeds only those that name ``about``, if it is given. Whoever does not take what they are
        told for a lie takes the teller to believe it.
        """
        words = self.ground.vocabulary
        views = [View(Mind(words), frozenset(chain[:n]), chain[n - 1]) for n in orders(chain)]
        for seen in self.shared.get(chain[0], ()):
            if position is not None and seen.position > position:
                break
            if about and about not in seen.claim.arguments and not words.is_state(seen.claim):
                continue
            trusted = chain[0] in seen.trusted
            for view in views:
                if not view.group <= seen.group:
                    break
                trusted = view.take_in(seen, trusted)
        return views[-1].mind

    # --- who comes to know ----------------------------------------------------------------------------------

    def _witness(self, change: Begins | Ends, id_: str, position: int) -> None:
        over = isinstance(change, Ends)
        claim = change.claim if over else self.ground.vocabulary.normal(change.claim)
        if claim is None or claim.predicate not in self.ground.vocabulary.predicates:
            return
        self._stand(claim, change, id_, position)
        group = frozenset(self._witnesses(claim, change.place))
        if group:
            at_ms, place = change.at_ms, change.place
            self._perceive(Perceived(claim, over, at_ms, position, position, id_, group, place, root=id_))

    def _witnesses(self, claim: Claim, place: str) -> Iterator[str]:
        """Yield who comes to know of a claim by themselves."""
        presence, party = self.presence, [each for each in claim.arguments if kind_of(each) in HOLDERS]
        match self.ground.vocabulary.predicates[claim.predicate].witnessed:
            case "nobody":
                return
            case "party":
                yield from party
            case "place":
                yield from presence.awake(place)
                comes = claim.subject not in presence.where and claim.subject not in presence.asleep
                if place and claim.subject in party and comes:
                    yield claim.subject
            case "district":
                near = set(self._districts(claim, place))
                for who, where in presence.where.items():
                    if who not in presence.asleep and self.ground.districts.get(where) in near:
                        yield who
            case "everybody":
                yield from (who for who in presence.where if who not in presence.asleep)

    def _districts(self, claim: Claim, place: str) -> Iterator[str]:
        """Yield the districts in which one comes to know of a claim: where it is, and what it is about."""
        if place in self.ground.districts:
            yield self.ground.districts[place]
        for argument in claim.arguments:
            kind, _, id_ = argument.partition(".")
            if kind == "district":
                yield id_
            elif kind == "zone":
                yield from (each for each, zone in self.ground.zones.items() if zone == id_)

    def _perceive(self, seen: Perceived) -> None:
        moves = not seen.over and self.ground.vocabulary.predicates[seen.claim.predicate].tension
        for holder in sorted(seen.group):
            self._take_in(seen, holder)
            if moves and kind_of(holder) == "player":
                self.sights[holder].append(seen)
        self._share(seen)

    def _share(self, seen: Perceived) -> None:
        if len(seen.group) > 1:
            for holder in seen.group:
                self.shared[holder].append(seen)

    def _take_in(self, seen: Perceived, holder: str) -> Taken:
        mind = self._mind(holder)
        left = partial(left_before, self.shared.get(holder, ()), seen.teller) if seen.steps else nowhere
        taken = mind.take_in(seen, holder, left)
        if self.perceives is not None:
            self.perceives(holder, seen)
        if taken == "believed" and seen.over:
            for claim in self._common.get(seen.claim.subject, ()):
                if claim.predicate == seen.claim.predicate and mind.words.agree(seen.claim, claim):
                    mind.no_more[claim] = seen
        return taken

    def _look_round(self, who: str, place: str, at_ms: int, id_: str, position: int) -> None:
        """Have who comes see who is there, and what one sees there; those who are awake know that they do.

        They saw each other before and take nothing in anew: else each who comes to n costs n squared.
        """
        group = frozenset((who, *self.presence.awake(place)))
        words = self.ground.vocabulary
        for other in [*self.presence.there(place)]:
            claim = words.normal(Claim("at", other, f"place.{place}"))
            if other != who and claim:
                seen = Perceived(claim, False, at_ms, position, position, id_, group, place, root=id_)
                self._take_in(seen, who)
                self._share(seen)
        for claim, (source, root) in self._standing.get(place, {}).items():
            self._perceive(Perceived(claim, False, at_ms, source, position, id_, group, place, root=root))

    def _wake(self, event: PersonDecided, id_: str, position: int) -> None:
        """Have who wakes see who is there."""
        who = f"person.{event.person}"
        if who not in self.presence.asleep and (place := self.presence.where.get(who)):
            self._look_round(who, place, event.at_ms, id_, position)

    def _stand(self, claim: Claim, change: Begins | Ends, id_: str, position: int) -> None:
        """Note what one sees who comes later: a state of a place or a way, and nothing else's."""
        predicate = self.ground.vocabulary.predicates[claim.predicate]
        seen = predicate.witnessed == "place" and predicate.holds == "state" and not predicate.object
        if not (seen and change.place and kind_of(claim.subject) in ("place", "way")):
            return
        if isinstance(change, Begins):
            self._standing[change.place][claim] = (position, id_)
        else:
            self._standing[change.place].pop(claim, None)

    # --- what one is told -----------------------------------------------------------------------------------

    def _note(self, changes: Iterable[Change], id_: str, position: int) -> None:
        """Remember what an event said, as long as one may hear of it; what does not spread nobody tells."""
        words, now_ms, found = self.ground.vocabulary, self.told.now_ms, []
        for change in changes:
            if isinstance(change, Begins | Ends) and (claim := self._sayable(change)):
                predicate = words.predicates[claim.predicate]
                if predicate.spreads and not predicate.secret:
                    found.append((claim, isinstance(change, Ends), change.at_ms))
        if found:
            self._happened[id_] = _Happened(tuple(dict.fromkeys(found)), position, now_ms)
            while self._happened:
                oldest = next(iter(self._happened.values()))
                if len(self._happened) <= TELLABLE_MAX and oldest.at_ms >= now_ms - TELLABLE_MS:
                    break
                self._happened.popitem(last=False)

    def _sayable(self, change: Begins | Ends) -> Claim | None:
        words = self.ground.vocabulary
        if isinstance(change, Begins):
            return words.normal(change.claim)
        return change.claim if change.claim.predicate in words.predicates else None

    def _hear(self, event: PersonTold, id_: str, position: int) -> None:
        """Take in what people tell each other: an event, and so what that event says of claims."""
        about = self._happened.get(event.about)
        if about is None:
            return
        teller, hearer = f"person.{event.teller}", f"person.{event.hearer}"
        for claim, over, at_ms in about.claims:
            before, group = self._before(teller, claim, event), frozenset((teller, hearer))
            self._tell(
                Perceived(
                    claim, over, at_ms, about.position, position, id_, group, event.place,
                    steps=(*(before.steps if before else ()), Step(teller, id_, position)),
                    came=self._stood(group),
                    root=event.about,
                    basis=before.basis if before else "seen",
                ),
                [hearer],
            )  # fmt: skip

    def _before(self, teller: str, claim: Claim, event: PersonTold) -> Perceived | None:
        """Return how the teller was told of an event; None: they saw it."""
        told = reversed(self.shared.get(teller, ())) if event.hands else ()
        return next((seen for seen in told if seen.event == event.evidence and seen.claim == claim), None)

    def _be_told(self, event: ClaimTold, id_: str, position: int) -> None:
        """Take in what somebody says to those who hear it; whether it is so is another matter."""
        claim = self.ground.vocabulary.normal(read_claim(event.claim))
        if claim is None or self.ground.vocabulary.predicates[claim.predicate].secret:
            return
        mind = self.minds.get(event.teller)
        own = mind.believes(claim) if mind else None
        group = frozenset((event.teller, *event.hearers))
        basis: Basis = own.seen.basis if own else "unfounded"
        if own is None and mind and mind.denies(claim):
            basis = "lie"
        seen = Perceived(
            claim, event.over, min(event.of_ms, own.seen.at_ms) if own else event.of_ms,
            own.seen.source if own else position, position, id_, group, event.place,
            steps=(*(own.seen.steps if own else ()), Step(event.teller, id_, position)),
            came=self._stood(group),
            root=own.seen.root if own else "",
            basis=basis,
            sure=own.seen.sure if own else SURE,
        )  # fmt: skip
        better = [each for each in event.hearers if self._knows_better(seen, each)]
        self._tell(seen, event.hearers)
        for holder in better:
            if not self._mind(holder).believes(claim):
                self._infer(seen, holder)

    def _knows_better(self, seen: Perceived, holder: str) -> bool:
        """Return whether somebody knows better, and that who says it does."""
        mind = self.minds.get(holder)
        knows = mind is not None and not seen.over and mind.denies(seen.claim)
        return knows and self.thinks((holder, seen.teller)).denies(seen.claim)

    def _infer(self, seen: Perceived, holder: str) -> None:
        others = sorted(seen.group - {seen.teller, holder}) or [holder]
        lie = Claim("lied", seen.teller, others[0], f"claim.{seen.claim}")
        if claim := self.ground.vocabulary.normal(lie):
            inferred = seen._replace(
                claim=claim,
                over=False,
                group=frozenset((holder,)),
                steps=(),
                basis="inferred",
                root=seen.event,
                sure=SURE,
            )
            self._take_in(inferred, holder)

    def _stood(self, group: Iterable[str]) -> tuple[tuple[str, int], ...]:
        return tuple((who, self._came[who]) for who in sorted(group) if who in self._came)

    def _tell(self, seen: Perceived, hearers: Iterable[str]) -> None:
        trusted = frozenset(hearer for hearer in hearers if self._take_in(seen, hearer) != "doubted")
        for holder in seen.group:
            self.shared[holder].append(seen._replace(trusted=trusted))

    # --- who has a mind -------------------------------------------------------------------------------------

    def _mind(self, holder: str) -> Mind:
        mind = self.minds.get(holder)
        if mind is None:
            if len(self.minds) >= self._room:
                self._make_room()
            mind = self.minds[holder] = Mind(self.ground.vocabulary)
        if kind_of(holder) == "player":
            self.minds.move_to_end(holder)
        return mind

    def _make_room(self) -> None:
        """Forget who was away for longest; perhaps all are there, so the next look is at twice as many."""
        players = [who for who in self.minds if kind_of(who) == "player" and who not in self.presence.where]
        for who in players[: max(0, len(players) - PLAYERS_MAX // 2)]:
            self._lose(who)
        self._room = max(PLAYERS_MAX, 2 * len(self.minds))

    def _lose(self, holder: str) -> None:
        self.minds.pop(holder, None)
        self.shared.pop(holder, None)
        self.sights.pop(holder, None)
        self._came.pop(holder, None)
