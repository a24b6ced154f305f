"""Facts and beliefs as the queries tell them. Pure. What is secret, or of a later stage, is left out."""

from collections.abc import Mapping
from typing import Any

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.claims import Claim, read_claim
from domain.beliefs.facts import Fact
from domain.beliefs.mind import SURE, Belief
from domain.beliefs.queries import BelievedQuery, FactsQuery, WhyQuery
from domain.kernel.decider import Rejected

ROWS_MAX = 200

Shown = Mapping[str, Any]


def facts(beliefs: Beliefs, asked: FactsQuery) -> Shown:
    """Return the answer to ``beliefs.facts``.

    Raises:
        Rejected: ``too_broad``, ``as_of_too_old``.
    """
    if not asked.about and not asked.predicate:
        raise Rejected(
            "too_broad",
            "neither what the facts are about is named, nor a predicate",
            field="about",
            remedy="name one of them: about=person.una_pell",
        )
    try:
        found = beliefs.facts.ask(
            asked.about or "", asked.predicate or "", at_ms=asked.at_ms, position=asked.as_of
        )
    except LookupError as error:
        raise _too_old(error) from None
    open_ = [fact for fact in found if _open(beliefs, fact.claim, asked.stage)]
    return {
        "facts": [_fact(beliefs, fact, asked.as_of) for fact in open_[-ROWS_MAX:]],
        "left_off": max(0, len(open_) - ROWS_MAX),
    }


def known(beliefs: Beliefs, asked: BelievedQuery) -> Shown:
    """Return the answer to ``beliefs.known``.

    Raises:
        Rejected: ``as_of_too_old``.
    """
    about = asked.about or ""
    try:
        if asked.thinks_of:
            mind = beliefs.thinks([asked.holder, *asked.thinks_of], asked.as_of, about)
            found = [each for each in mind.as_of(None) if not about or about in each.claim.arguments]
        else:
            found = list(beliefs.known(asked.holder, about, asked.as_of))
    except LookupError as error:
        raise _too_old(error) from None
    open_ = [each for each in found if _may(beliefs, each, asked.holder, asked.stage)]
    rows = [
        _belief(beliefs, each) for each in sorted(open_, key=lambda each: (-each.seen.position, each.claim))
    ]
    if about and not asked.thinks_of:
        common = beliefs.common(asked.holder, about, asked.as_of)
        rows += [_common(beliefs, claim) for claim in common if _open(beliefs, claim, asked.stage)]
    return {"beliefs": rows[:ROWS_MAX], "left_off": max(0, len(rows) - ROWS_MAX)}


def why(beliefs: Beliefs, asked: WhyQuery) -> Shown | None:
    """Return the answer to ``beliefs.why``.

    Raises:
        Rejected: ``bad_claim``, ``unknown_claim``, ``as_of_too_old``.
    """
    written = read_claim(asked.claim)
    claim = beliefs.ground.vocabulary.normal(written)
    if claim is None:
        raise Rejected(
            "unknown_claim",
            f"this world has no claim {written}",
            field="claim",
            remedy="`predicates:` of the world's definition says which there are",
        )
    try:
        held = [each for each in beliefs.known(asked.holder, "", asked.as_of) if each.claim == claim]
    except LookupError as error:
        raise _too_old(error) from None
    if held and _may(beliefs, held[0], asked.holder, stage=100):
        return {**_belief(beliefs, held[0]), **_chain(held[0], asked.holder)}
    if claim in beliefs.common(asked.holder, claim.subject, asked.as_of):
        chain = [{"who": asked.holder, "by": "lives_there", "event": None, "position": None}]
        return {**_common(beliefs, claim), "basis": "common", "root": None, "chain": chain}
    return None


def _chain(belief: Belief, holder: str) -> Shown:
    """Return who said it to whom, back to who saw it; the last one of the chain is where it began."""
    seen, chain, who = belief.seen, [], holder
    for step in reversed(seen.steps):
        chain.append({"who": who, "by": "told_by", "event": step.event, "position": step.position})
        who = step.teller
    by = {"seen": "saw", "inferred": "inferred"}.get(seen.basis, "said")
    chain.append({"who": who, "by": by, "event": seen.root or None, "position": seen.source})
    return {"basis": seen.basis, "root": seen.root or None, "chain": chain}


def _open(beliefs: Beliefs, claim: Claim, stage: int) -> bool:
    predicate = beliefs.ground.vocabulary.predicates.get(claim.predicate)
    return predicate is not None and not predicate.secret and predicate.stage <= stage


def _may(beliefs: Beliefs, belief: Belief, holder: str, stage: int) -> bool:
    """Return whether a belief may be shown: a secret only if it names its holder."""
    predicate = beliefs.ground.vocabulary.predicates.get(belief.claim.predicate)
    if predicate is None or predicate.stage > stage:
        return False
    return not predicate.secret or holder in belief.claim.arguments


def _fact(beliefs: Beliefs, fact: Fact, position: int | None) -> Shown:
    over = fact.ended is not None and (position is None or fact.ended <= position)
    return {
        **_claim(beliefs, fact.claim),
        "from_ms": fact.from_ms,
        "to_ms": fact.to_ms if over else None,
        "begun": fact.begun,
        "ended": fact.ended if over else None,
        "event": fact.event or None,
    }


def _belief(beliefs: Beliefs, belief: Belief) -> Shown:
    seen = belief.seen
    return {
        **_claim(beliefs, belief.claim),
        "evidence": belief.evidence,
        "confidence": belief.confidence,
        "doubted": belief.doubted,
        "at_ms": seen.at_ms,
        "position": seen.position,
        "event": seen.event,
        "teller": seen.teller,
        "hands": len(seen.steps),
    }


def _common(beliefs: Beliefs, claim: Claim) -> Shown:
    nothing = dict.fromkeys(("at_ms", "position", "event"))
    said = {"evidence": "common", "confidence": SURE, "doubted": False, "teller": "", "hands": 0}
    return {**_claim(beliefs, claim), **said, **nothing}


def _claim(beliefs: Beliefs, claim: Claim) -> dict[str, Any]:
    says = beliefs.ground.vocabulary.says(claim, beliefs.ground.names)
    return {"claim": str(claim), **claim._asdict(), "says": says}


def _too_old(error: LookupError) -> Rejected:
    return Rejected(
        "as_of_too_old", str(error), field="as_of", remedy="ask as of a later position, or of what is pinned"
    )
