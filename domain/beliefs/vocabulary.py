"""What a world's predicates mean for its claims: which can be made, which end which, who may come to know.

Everything here follows from declared structure; nothing is compared by how alike it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.beliefs.claims import Claim, kind_of
from domain.definition.predicates import Predicate

Slot = tuple[str, str, str, str]
"""What there is one claim for at a time."""


@dataclass(frozen=True)
class Vocabulary:
    """The predicates of a definition.

    Attributes:
        predicates: by name.
        inverses: by the name from the object's side, the predicate.
        excludes: by name, the states that do not hold beside it, whichever of the two says so.
        barred_by: by name, the states that end it and keep it from beginning.
    """

    predicates: Mapping[str, Predicate]
    inverses: Mapping[str, str]
    excludes: Mapping[str, tuple[str, ...]]
    barred_by: Mapping[str, tuple[str, ...]]

    def normal(self, claim: Claim) -> Claim | None:
        """Return a claim as it is compared; None if this world has no such claim.

        What holds both ways has its arguments in order; what is called by its inverse is turned round.
        """
        if (turned := self.inverses.get(claim.predicate)) is not None:
            claim = Claim(turned, claim.object, claim.subject, claim.value)
        predicate = self.predicates.get(claim.predicate)
        if predicate is None:
            return None
        for kinds, argument in zip(
            (predicate.subject, predicate.object, predicate.value), claim[1:], strict=True
        ):
            if bool(kinds) != bool(argument) or (kinds and kind_of(argument) not in kinds):
                return None
        if predicate.symmetric and claim.object < claim.subject:
            return Claim(claim.predicate, claim.object, claim.subject, claim.value)
        return claim

    def slot(self, claim: Claim) -> Slot:
        """Return what there is one claim for; the claim itself if many hold side by side."""
        predicate, subject, object_, _ = claim
        match self.predicates[predicate].one_per:
            case "subject":
                return predicate, subject, "", ""
            case "object":
                return predicate, "", object_, ""
            case "pair":
                return predicate, subject, object_, ""
            case None:
                return claim

    def agree(self, one: Claim, other: Claim) -> bool:
        """Return whether two claims speak of the same, as far as both have arguments."""
        rest = (not one.object or not other.object or one.object == other.object) and (
            not one.value or not other.value or one.value == other.value
        )
        if one.subject == other.subject and rest:
            return True
        either = self.predicates[one.predicate].symmetric or self.predicates[other.predicate].symmetric
        return either and (one.subject, one.object) == (other.object, other.subject)

    def contradict(self, one: Claim, other: Claim) -> bool:
        """Return whether two claims cannot hold at one time. Both are as `normal` returns them."""
        if one == other or "deed" in (self._holds(one), self._holds(other)):
            return False
        if one.predicate == other.predicate:
            return self.slot(one) == self.slot(other)
        names = (*self.excludes[one.predicate], *self.barred_by[one.predicate])
        barred = other.predicate in names or one.predicate in self.barred_by[other.predicate]
        return barred and self.agree(one, other)

    def is_state(self, claim: Claim) -> bool:
        """Return whether it holds until something ends it."""
        return self._holds(claim) == "state"

    def _holds(self, claim: Claim) -> str:
        return self.predicates[claim.predicate].holds

    def says(self, claim: Claim, names: Mapping[str, str]) -> str:
        """Return a claim as a clause; an argument without a name is said by its id."""
        words = {
            place: names.get(argument, argument.partition(".")[2])
            for place, argument in zip(("subject", "object", "value"), claim[1:], strict=True)
        }
        text = self.predicates[claim.predicate].says
        for place, word in words.items():
            text = text.replace(f"{{{place}}}", word)
        return text


def vocabulary(predicates: Iterable[Predicate]) -> Vocabulary:
    """Return what predicates mean together."""
    by_id = {each.id: each for each in predicates}
    excludes, barred = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for each in by_id.values():
        for name in each.excludes:
            excludes[each.id].add(name)
            excludes[name].add(each.id)
        for name in each.ends if each.holds == "state" else ():
            barred[name].add(each.id)
    return Vocabulary(
        by_id,
        {each.inverse: each.id for each in by_id.values() if each.inverse},
        {name: tuple(sorted(excludes[name])) for name in by_id},
        {name: tuple(sorted(barred[name])) for name in by_id},
    )
