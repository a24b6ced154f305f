"""Which storylet is played now: of what is new, the most specific that can be cast. Pure.

Hades' classes come first (essential, specific, evergreen); an arc that runs goes before what belongs to none.
Then what nobody was ever told, what nobody was lately, what the player was not, in this order, comes before
what they have seen. Within that it is Valve's rule (E. Ruskin, "AI-driven Dynamic Dialog", GDC 2012): what
asks for the most wins. Then the seed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple

from domain.definition.storylets import CLASSES
from domain.director.casting import Cast, Company, arc_cast, cast
from domain.director.content import Content, Playable, bits_of
from domain.director.tension import RELAX
from domain.kernel.chance import below, chance

ARCS_MAX = 2
"""Arcs of one player at a time: three crises at once are none."""


class Situation(NamedTuple):
    """Where a player is, and how it is there."""

    place: str
    phase: str
    weather: str
    tension: str
    realm: str
    stage: int


@dataclass(slots=True)
class Seen:
    """What a player saw, as sets over one content; kept beside the ids, from which it can be made anew.

    Attributes:
        over: what does not come again, or not yet.
        ever: what they saw at all, and when last, the longest ago first.
        waiting: storylets that wait for another to be seen.
    """

    content: Content
    over: int = 0
    ever: dict[int, int] = field(default_factory=dict)
    mask: int = 0
    waiting: int = 0
    _cooling: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, content: Content, seen: Mapping[str, int]) -> "Seen":
        """Return the sets of what was seen: by id, when last."""
        made = cls(content)
        for mask in content.seen.values():
            made.waiting |= mask
        for id_, at_ms in sorted(seen.items(), key=lambda each: each[1]):
            made.add(id_, at_ms)
        return made

    def add(self, id_: str, at_ms: int) -> None:
        """Take in that a storylet was seen."""
        number = self.content.numbers.get(id_)
        if number is None:
            return
        bit, storylet = 1 << number, self.content.playables[number].storylet
        self.ever.pop(number, None)
        self.ever[number] = at_ms
        self.mask |= bit
        if storylet.once or storylet.again:
            self.over |= bit
        if storylet.again and not storylet.once:
            heappush(self._cooling, (at_ms + storylet.again * 1_000, number))
        if id_ in self.content.seen:
            self.waiting = 0
            for other, mask in self.content.seen.items():
                if self.content.numbers.get(other) not in self.ever:
                    self.waiting |= mask

    def barred(self, now_ms: int) -> int:
        """Return what must not be played at a time, by what was seen."""
        while self._cooling and self._cooling[0][0] <= now_ms:
            self.over &= ~(1 << heappop(self._cooling)[1])
        return self.over | self.waiting


@dataclass(frozen=True, slots=True)
class Running:
    """An arc that a player is in: where, and who plays it; `met`: the roles that have come on."""

    number: int
    arc: str
    beat: str
    cast: Mapping[str, str]
    met: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is played, by whom, and why.

    Attributes:
        run: of the arc that it is part of; None: of none, or one that it begins.
        begins: whether it begins an arc, whose cast is `arc_cast`.
        rivals: how many it was chosen among last, itself included.
    """

    playable: Playable
    cast: Cast
    run: Running | None
    begins: bool
    specificity: int
    rivals: int


@dataclass(frozen=True, slots=True)
class Question:
    """All that a choice depends on beside the content.

    Attributes:
        blocked: storylets that claims keep from being played.
        stale: storylets that somebody was told lately: who hears the same from two has a reason to yawn.
        known: storylets that somebody was told at any time.
        ended: arcs that the player has been through.
        here, alive: a bit for each of the people: who can be cast, who can be spoken of.
        seed: of the choice.
    """

    situation: Situation
    company: Company
    seen: Seen
    runs: Sequence[Running]
    ended: Mapping[str, str]
    blocked: int
    stale: int
    known: int
    now_ms: int
    seed: int


def conditions(content: Content, asked: Question, *, paced: bool = True) -> Iterator[tuple[str, int]]:
    """Yield each condition that names none of the cast, with the storylets for which it holds."""
    it = asked.situation
    yield "when.places", content.let_through("place", it.place)
    yield "when.phases", content.let_through("phase", it.phase)
    yield "when.weather", content.let_through("weather", it.weather)
    yield "when.stage", content.at_stage(it.stage)
    if paced:
        yield "tension", content.let_through("tension", it.tension)
        yield "realm", content.let_through("realm", it.realm)
    yield "when.news", content.let_through("news", *{each.kind for each in asked.company.news})
    yield "roles", content.for_company(asked.company.here.bit_count())
    yield "when.facts", content.all & ~asked.blocked
    yield "again", content.all & ~asked.seen.barred(asked.now_ms)
    yield "beat", in_arcs(content, asked)


def allowed(content: Content, asked: Question, *, paced: bool = True) -> int:
    """Return the storylets whose conditions hold, as far as they name none of the cast."""
    found = content.all
    for _, mask in conditions(content, asked, paced=paced):
        found &= mask
    return found


def in_arcs(content: Content, asked: Question) -> int:
    """Return the storylets that are of no arc, or of a beat at which the player is or may begin."""
    open_ = content.no_arc
    if len(asked.runs) < ARCS_MAX:
        open_ |= content.all_starts
        for arc in (*asked.ended, *(run.arc for run in asked.runs)):
            open_ &= ~content.starts(arc)
    for run in asked.runs:
        open_ |= content.beats.get((run.arc, run.beat), 0)
    return open_


def choose(content: Content, asked: Question, only: int | None = None) -> Chosen | None:
    """Return the storylet that is played; None: none can be.

    Args:
        content: the storylets.
        asked: what the choice depends on.
        only: the storylets among which it is chosen; None: all.
    """
    may = allowed(content, asked)
    if only is not None:
        may &= only
    mine = 0
    for run in asked.runs:
        mine |= content.beats.get((run.arc, run.beat), 0)
    for class_ in _classes(asked):
        for part in (may & mine, may & ~mine):
            if found := _of_class(content, asked, part, class_):
                return found
    return None


def _classes(asked: Question) -> Sequence[str]:
    """Return the classes in their order; every other scene of a rest is a small one, and one in eight else.

    Where there is always something specific to play, the small ones would never come otherwise.
    """
    essential, specific, evergreen = CLASSES
    often = 1 if asked.situation.tension == RELAX else 7
    small = chance(asked.seed, asked.now_ms, 1) & often == often
    return (essential, evergreen, specific) if small else CLASSES


def _of_class(content: Content, asked: Question, may: int, class_: str) -> Chosen | None:
    """Return the first that can be cast: what nobody was ever told, nobody today, the player never.

    Within each the most specific first; then what the player saw longest ago. What nobody was ever told would
    else be kept back for as long as there is something more specific that was not told today.
    """
    seen = asked.seen
    new = may & ~seen.mask
    for fresh in (new & ~asked.known, new & asked.known & ~asked.stale, new & asked.stale):
        for at, (band, of_class, _) in enumerate(content.bands if fresh else ()):
            if of_class == class_ and (rivals := fresh & band):
                drawn = chance(asked.seed, asked.now_ms, at)
                width = rivals.bit_length()
                start = below(drawn, width)
                high = rivals >> start << start
                numbers = chain(bits_of(high), bits_of(rivals ^ high))
                if found := _first(content, numbers, asked, drawn, rivals.bit_count()):
                    return found
    again = may & seen.mask & content.of_class(class_)
    if not again:
        return None
    longest_ago = (number for number in list(seen.ever) if again >> number & 1)
    return _first(content, longest_ago, asked, chance(asked.seed, asked.now_ms), again.bit_count())


def played(
    content: Content, playable: Playable, asked: Question, drawn: int
) -> tuple[Running | None, bool, Cast] | None:
    """Return in which run of an arc a storylet can be played, whether it begins one, and by whom."""
    storylet, low = playable.storylet, drawn & 0xFFFF_FFFF
    if not storylet.arc:
        found = cast(playable, content, asked.company, {}, low)
        return (None, False, found) if found else None
    for run in asked.runs:
        if (run.arc, run.beat) == (storylet.arc, storylet.beat):
            found = _in_run(content, playable, asked, run, low)
            return (run, False, found) if found else None
    arc = content.arcs[storylet.arc]
    company = asked.company
    bound = arc_cast(arc.roles, content, company.here, company.alive, low)
    found = cast(playable, content, company, bound, low) if bound is not None else None
    return (None, True, found) if found else None


def _in_run(content: Content, playable: Playable, asked: Question, run: Running, drawn: int) -> Cast | None:
    """Return who plays a storylet of an arc that runs: its cast, or others for whom nobody has met."""
    company = asked.company
    if found := cast(playable, content, company, run.cast, drawn):
        return found
    open_ = [role for role in content.arcs[run.arc].roles if role.id in playable.of_arc]
    open_ = [role for role in open_ if role.id not in run.met]
    kept = {role: person for role, person in run.cast.items() if role not in {each.id for each in open_}}
    bound = arc_cast(open_, content, company.here, company.here, drawn, kept) if open_ else None
    return cast(playable, content, company, bound, drawn) if bound else None


Chooser = Callable[[Content, Question], Chosen | None]


def at_random(content: Content, asked: Question) -> Chosen | None:
    """Return any storylet whose conditions hold: what there is without a director, to compare with."""
    may = allowed(content, asked, paced=False)
    drawn = chance(asked.seed, asked.now_ms)
    width = may.bit_length()
    start = below(drawn, width) if width else 0
    high = may >> start << start
    return _first(content, chain(bits_of(high), bits_of(may ^ high)), asked, drawn, may.bit_count())


def first_match(content: Content, asked: Question) -> Chosen | None:
    """Return the first storylet of the files whose conditions hold, to compare with."""
    may = allowed(content, asked, paced=False)
    return _first(content, bits_of(may), asked, chance(asked.seed, asked.now_ms), may.bit_count())


def _first(
    content: Content, numbers: Iterable[int], asked: Question, drawn: int, rivals: int
) -> Chosen | None:
    for number in numbers:
        playable = content.playables[number]
        if found := played(content, playable, asked, drawn):
            run, begins, cast_ = found
            return Chosen(playable, cast_, run, begins, playable.specificity, rivals)
    return None
