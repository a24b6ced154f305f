"""A plan about things of a world as a plan about letters, and the letters' names back. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.story.clauses import Stated, Thing
from domain.story.plan import ASKED, HEARER, LETTERS, SPEAKER, Claim, Kind, LinePlan
from domain.story.saying import Saying
from domain.story.slots import Filling


@dataclass(frozen=True, slots=True)
class Lettered:
    """A plan that names nobody, and whom its letters stand for."""

    plan: LinePlan
    fillings: Mapping[str, Filling]


@dataclass(slots=True)
class _Letters:
    """Letters given so far, by thing."""

    given: dict[str, str] = field(repr=False)
    fillings: dict[str, Filling]
    free: dict[Kind, Iterator[str]] = field(default_factory=dict)

    def of(self, thing: Thing | Kind) -> str | None:
        """Return the letter of a thing; None if there is none left for its kind."""
        if isinstance(thing, Kind):
            return ASKED
        known = self.given.get(thing.id)
        if known is None:
            known = next(self._free(thing.kind), None)
            if known is not None:
                self.given[thing.id], self.fillings[known] = known, thing.filling
        return known

    def _free(self, kind: Kind) -> Iterator[str]:
        own = (SPEAKER, HEARER)
        letters = (each for each, of in LETTERS.items() if of == kind and each not in own)
        return self.free.setdefault(kind, letters)


def lettered(saying: Saying) -> Lettered | None:
    """Return a plan with letters; None if it speaks of more things of a kind than there are letters."""
    speaker, hearer = saying.between.speaker, saying.between.hearer
    letters = _Letters(
        {speaker.id: SPEAKER, hearer.id: HEARER}, {SPEAKER: speaker.filling, HEARER: hearer.filling}
    )
    claims = _claims(saying.claims, letters)
    hidden = _claims(saying.hidden, letters)
    if claims is None or hidden is None:
        return None
    manner = saying.certainty, saying.mood, saying.attitude, saying.register
    return Lettered(LinePlan(saying.act, claims, *manner, hidden), letters.fillings)


def _claims(stated: Sequence[Stated], letters: _Letters) -> tuple[Claim, ...] | None:
    found = []
    for one in stated:
        roles = [letters.of(each) for each in one.roles]
        circumstances = [letters.of(each) for each in one.circumstances]
        said = tuple(each for each in roles if each), tuple(each for each in circumstances if each)
        if len(said[0]) < len(roles) or len(said[1]) < len(circumstances):
            return None
        found.append(Claim(one.predicate, *said, one.negated))
    return tuple(found)
