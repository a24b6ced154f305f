"""The gates that look at what a text claims: of written lines by what they were written for. Pure."""

from collections.abc import Iterator, Sequence
from itertools import permutations

from domain.story.bank import Found
from domain.story.meaning import Meaning, denied
from domain.story.plan import LETTERS, Act
from domain.story.read import Read, claimed_by
from domain.story.stops import Gate, Stop

SYMMETRIC = frozenset({"kin", "allied", "in_feud"})
OWN_WAYS = (Act.ASK, Act.DENY, Act.NOT_KNOW)
"""Acts whose claims are not simply stated; a line of such an act says nothing of another."""


def line_stops(read: Read) -> Iterator[Stop]:
    """Yield what stops the written lines in a text: they were written for another plan."""
    for alternatives in read.lines:
        wrong = [_wrong(read, found) for found in alternatives]
        if None not in wrong:
            gate, why = next(one for one in wrong if one)
            start, end = _span(read, alternatives[0])
            yield Stop(gate, read.text[start:end], start, end, why)


def _wrong(read: Read, found: Found) -> tuple[Gate, str] | None:
    """Return the gate that a written line does not pass, and why; None if the plan says what it says."""
    terms, plan = read.terms, found.line.pair.plan
    claims = claimed_by(found)
    if not claims:
        return None
    for claim in claims:
        if fault := off_plan(claim, terms.claims):
            return fault, f"it says {terms.told(claim)}"
        if fault := _elsewhen(claim, terms.claims):
            return fault, f"the plan does not say when or where it says {terms.told(claim)}"
    for act in OWN_WAYS:
        if (plan.act == act) != (terms.act == act):
            return Gate.CLAIM, f"a line to {plan.act} does not {terms.act}"
    if plan.certainty != terms.certainty:
        return Gate.CLAIM, f"it is {plan.certainty}, and the plan {terms.certainty}"
    return None


def off_plan(claim: Meaning, planned: Sequence[Meaning]) -> Gate | None:
    """Return the gate that a claim does not pass, by what the plan says; None if the plan says it."""
    if any(agree(claim, one) for one in planned):
        return None
    if any(agree(denied(claim), one) for one in planned):
        return Gate.NEGATION
    same = [one for one in planned if one.predicate == claim.predicate]
    if any(agree(claim._replace(roles=order), one) for one in same for order in permutations(claim.roles)):
        return Gate.DEBT if claim.predicate == "owes" else Gate.ROLE
    return Gate.CLAIM


def agree(claim: Meaning, planned: Meaning) -> bool:
    """Tell whether a claim is the planned one; a letter that stands for nobody known is anybody."""
    if (claim.predicate, claim.negated) != (planned.predicate, planned.negated):
        return False
    orders = [planned.roles, planned.roles[::-1]] if claim.predicate in SYMMETRIC else [planned.roles]
    return any(_same(claim.roles, order) for order in orders)


def _same(roles: Sequence[str], planned: Sequence[str]) -> bool:
    return len(roles) == len(planned) and all(
        one == other or (one in LETTERS and one not in ("S", "H") and other not in LETTERS)
        for one, other in zip(roles, planned, strict=True)
    )


def _elsewhen(claim: Meaning, planned: Sequence[Meaning]) -> Gate | None:
    """Return TIME if a written line says when or where, and the plan does not say so."""
    said = frozenset(claim.circumstances) - LETTERS.keys()
    may = [one for one in planned if agree(claim, one)]
    return None if any(said <= frozenset(one.circumstances) for one in may) else Gate.TIME


def _span(read: Read, found: Found) -> tuple[int, int]:
    return read.sentences[found.start].start, read.sentences[min(found.end, len(read.sentences)) - 1].end
