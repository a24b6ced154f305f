"""The gates that look at what the sentences of a text state, in whatever words. Pure.

Only what was read stops a line: a claim of the plan that is denied or the wrong way round, a claim about
somebody that the plan does not make, the dead who act. A wording that nobody listed stops nothing by itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from domain.story.circumstances import circumstance_stops
from domain.story.meaning import Meaning, Terms, denied
from domain.story.plan import ASKED, HEARER, SPEAKER, Act, Certainty, Kind
from domain.story.read import Read
from domain.story.stops import Gate, Stop
from domain.story.text import Sentence
from domain.story.wordings import ANYBODY, BELIED, NOT_SO, Plain, Worded, kind_of, plain_words

SYMMETRIC = frozenset({"kin", "allied", "in_feud"})

STATING = frozenset(
    {
        Act.TELL,
        Act.ANSWER,
        Act.GOSSIP,
        Act.ACCUSE,
        Act.CONFESS,
        Act.BOAST,
        Act.MOURN,
        Act.COMPLAIN,
        Act.REMIND,
    }
    | {Act.WARN, Act.PRAISE, Act.THANK, Act.CONSOLE, Act.LIE, Act.DENY, Act.INTRODUCE}
)
"""Acts that say their claims hold (or, to deny, that they do not)."""

BETWEEN_TWO = frozenset({"killed", "hurt", "took", "lied", "broke_promise", "owes"})
"""What is a claim even if it names nobody but the two who talk; the rest may be a way of speaking."""

SOFT = frozenset({"likes", "dislikes", "fears", "wants", "told", "saw", "has", "at", "left", "*act", "*deed"})
"""What the two who talk may say of themselves: it is what they feel and mean to do."""

OF_WORDS = frozenset({"lied", "broke_promise", "promised", "told"})
"""Claims about what was said; a line about them may call it a lie."""

TO_COME = frozenset({"opens_at", "weather"})
"""What may be said of the future as it is said of what is so."""

OF_THE_LIVING = frozenset({"at", "arrived", "wants", "likes", "fears", "sells", "works_at"})

IMPLIED: Mapping[str, Sequence[tuple[str, tuple[int, ...]]]] = {
    "killed": (("dead", (1,)), ("hurt", (0, 1)), ("saw", (0, 1))),
    "hurt": (("saw", (0, 1)),),
    "took": (("has", (0, 1)),),
    "keeps": (("works_at", (0, 1)), ("at", (0, 1)), ("rules", (0, 1)), ("has", (0, 1))),
    "rules": (("keeps", (0, 1)), ("has", (0, 1)), ("took", (0, 1))),
    "works_at": (("at", (0, 1)), ("member", (0, 1)), ("keeps", (0, 1))),
    "member": (("works_at", (0, 1)), ("allied", (0, 1)), ("at", (0, 1))),
    "arrived": (("at", (0, 1)),),
    "fled": (("left", (0, 1)), ("fears", (0, 1))),
    "left": (("fled", (0, 1)),),
    "at": (("lies_at", (0, 1)), ("arrived", (0, 1))),
    "lies_at": (("at", (0, 1)),),
    "gave": (("has", (1, 2)),),
    "has": (("keeps", (0, 1)), ("took", (0, 1))),
    "sells": (("has", (0, 1)), ("keeps", (0, 1))),
    "price": (("sells", (0, 1)),),
    "made": (("founded", (0, 1)),),
    "founded": (("made", (0, 1)), ("rules", (0, 1))),
    "quest_offered": (("wants", (0, 1)), ("needs_help", (0,)), ("has", (0, 1))),
    "wants": (("quest_offered", (0, 1)), ("likes", (0, 1))),
    "told": (("saw", (0, 1)),),
    "lied": (("told", (0, 1)), ("broke_promise", (0, 1))),
    "promised": (("told", (0, 1)), ("owes", (0, 1))),
    "broke_promise": (("promised", (0, 1)), ("lied", (0, 1))),
    "kept_promise": (("promised", (0, 1)), ("gave", (0, 1))),
    "owes": (("has", (0, 2)), ("promised", (0, 1))),
    "allied": (("likes", (0, 1)), ("member", (0, 1))),
    "in_feud": (("dislikes", (0, 1)), ("fears", (0, 1))),
    "likes": (("wants", (0, 1)),),
    "weather": (("was_weather", (0,)),),
}
"""What follows from a claim, or is so near to it that a line may say it: predicate, which of its roles."""

ONE_PER: Mapping[str, tuple[int, ...]] = {
    "at": (0,), "lies_at": (0,), "price": (0,), "opens_at": (0,), "owes": (0, 1), "keeps": (1,),
    "rules": (1,),
}  # fmt: skip
"""Of which there is one claim for each value of these roles; another one contradicts it."""

AGAINST = frozenset(
    frozenset(pair)
    for pair in (
        ("likes", "dislikes"), ("allied", "in_feud"), ("kept_promise", "broke_promise"),
        ("sells", "sold_out"),
        ("dead", "at"), ("dead", "works_at"), ("dead", "wants"), ("dead", "fears"), ("arrived", "left"),
        ("killed", "saw"), ("shut", "opens_at"), ("likes", "fears"),
    )
)  # fmt: skip
"""States that do not hold of the same at one time."""

USED = re.compile(r"\b(?:always|used to|often|once|would|every|never|if|as if|like)\b")


@dataclass(frozen=True, slots=True)
class Frame:
    """What the claims of a sentence are compared with.

    Attributes:
        planned: claims that it may make. implied: those, and what is so near to them that it may be said.
        gone: who is dead.
    """

    terms: Terms
    planned: Sequence[Meaning]
    implied: Sequence[Meaning]
    gone: frozenset[str]


def sentence_stops(read: Read) -> Iterator[Stop]:
    """Yield what stops the sentences of a text that are no written ones."""
    planned = expected(read.terms)
    frame = Frame(read.terms, planned, [*planned, *_implied(planned)], _gone(read.terms))
    for sentence in read.unknown:
        plain = plain_words(sentence, read.terms)
        about = {claim.predicate for claim in read.terms.claims}
        denial = BELIED if about - OF_WORDS else NOT_SO
        if about and read.terms.act in STATING and denial.search(plain.text):
            yield _stop(Gate.NEGATION, sentence, "it says that it is not so")
        reads = _longest(read.language.wordings.read(plain, read.terms), frame.implied)
        if not sentence.asks:
            yield from _stated(read, plain, frame, reads)
        yield from circumstance_stops(read, sentence, plain, reads)
        yield from _secret(read, sentence, plain)


def said_before_stops(read: Read) -> Iterator[Stop]:
    """Yield a stop for each claim of the plan that the speaker has contradicted before."""
    terms = read.terms
    if terms.act in (Act.ASK, Act.LIE):
        return
    for claim in terms.claims:
        planned = denied(claim) if terms.act == Act.DENY else claim
        for said in terms.said:
            if contradicts(planned, said):
                why = f"the speaker has said {terms.told(said)}"
                yield Stop(Gate.CONTRADICTION, "", 0, len(read.text), why)


def _stated(read: Read, plain: Plain, frame: Frame, reads: Sequence[Worded]) -> Iterator[Stop]:
    for worded in reads:
        gate = _gate(worded, frame, plain)
        if gate is not None:
            start, end = _characters(plain, worded)
            why = f"it says {read.terms.told(worded.claim)}"
            if worded.claim in read.terms.believed:
                why += ", which the speaker believes and the plan does not say"
            yield Stop(gate, read.text[start:end], start, end, why)


def _gate(worded: Worded, frame: Frame, plain: Plain) -> Gate | None:
    """Return the gate that a read claim does not pass."""
    terms, planned, implied, claim = frame.terms, frame.planned, frame.implied, worded.claim
    if any(agree(claim, one) for one in implied):
        late = (
            worded.coming
            and claim.predicate not in TO_COME
            and not worded.open
            and any(agree(claim, one) for one in planned)
        )
        return Gate.TIME if late and terms.act in STATING else None
    if any(agree(claim, one) or agree(denied(claim), one) for one in terms.hidden):
        return Gate.SECRET
    if claim.predicate in ("*here", "*act"):
        return None if worded.open else _presence(claim, frame, plain)
    if worded.open or worded.coming:
        return None
    if any(contradicts(claim, said) for said in terms.said) and _names_somebody(claim):
        return Gate.CONTRADICTION
    if any(agree(denied(claim), one) for one in (*planned, *_needed(planned))):
        return Gate.NEGATION if terms.act in STATING and terms.certainty == Certainty.SURE else None
    return _otherwise(claim, frame)


def _otherwise(claim: Meaning, frame: Frame) -> Gate | None:
    """Return the gate of a claim that the plan does not make."""
    planned = frame.planned
    others = frozenset(claim.roles) - {SPEAKER, HEARER, ANYBODY}
    same = [one for one in planned if one.predicate == claim.predicate]
    turned = [
        one for one in same for order in permutations(claim.roles) if agree(claim._replace(roles=order), one)
    ]
    if turned:
        return Gate.DEBT if claim.predicate == "owes" else Gate.ROLE
    if not others and claim.predicate not in BETWEEN_TWO:
        return None
    if ANYBODY in claim.roles and not others:
        return None
    if claim.roles[0] in (SPEAKER, HEARER) and claim.predicate in SOFT and not same:
        return None
    if claim.negated and claim.predicate not in {one.predicate for one in planned}:
        return None
    if claim.roles[0] in frame.gone and claim.predicate in (
        "at",
        "arrived",
        "wants",
        "likes",
        "fears",
        "sells",
    ):
        return Gate.PRESENCE
    if same:
        return _near(claim, frame.terms)
    return Gate.CLAIM


def _near(claim: Meaning, terms: Terms) -> Gate:
    """Return the gate of a claim of the plan's predicate about others: by what is exchanged."""
    if claim.predicate == "owes":
        return Gate.DEBT
    kinds = {kind_of(id_, terms) for id_ in claim.roles}
    return Gate.PLACE if Kind.PLACE in kinds else Gate.CLAIM


def _presence(claim: Meaning, frame: Frame, plain: Plain) -> Gate | None:
    terms = frame.terms
    (who,) = claim.roles
    if claim.negated or who in (SPEAKER, HEARER, ANYBODY):
        return None
    if who in frame.gone:
        return None if claim.predicate == "*act" and USED.search(plain.text) else Gate.PRESENCE
    if claim.predicate == "*here" and terms.present is not None and who not in terms.present:
        return Gate.PRESENCE
    return None


def _gone(terms: Terms) -> frozenset[str]:
    """Return who is dead, by the world or by the plan."""
    found = set(terms.dead)
    for claim in terms.claims:
        if claim.predicate in ("dead", "killed") and not claim.negated and terms.act != Act.ASK:
            found.add(claim.roles[-1])
    return frozenset(found - {SPEAKER, HEARER, ASKED})


def _secret(read: Read, sentence: Sentence, plain: Plain) -> Iterator[Stop]:
    """Yield a stop if a sentence speaks of all that a hidden claim is about, in a word of its predicate."""
    words = set(plain.text.split())
    meant = {id_ for who in plain.who for id_ in who}
    planned = {claim.bare for claim in read.terms.claims}
    for claim in read.terms.hidden:
        roles = set(claim.roles) - {ASKED}
        verbs = read.language.wordings.verbs.get(claim.predicate, frozenset())
        if claim.bare not in planned and roles <= meant and words & verbs:
            yield _stop(Gate.SECRET, sentence, f"it touches what must not be said: {read.terms.told(claim)}")


def expected(terms: Terms) -> list[Meaning]:
    """Return the claims that a text may make: of a denial their opposites."""
    if terms.act == Act.DENY:
        return [denied(claim) for claim in terms.claims]
    told = [
        Meaning("told", (id_, SPEAKER))
        for claim in terms.claims
        for id_ in claim.circumstances
        if terms.kinds.get(id_) == Kind.PERSON
    ]
    return [*terms.claims, *told]


def _implied(planned: Iterable[Meaning]) -> Iterator[Meaning]:
    for claim in planned:
        for predicate, roles in IMPLIED.get(claim.predicate, ()):
            given = tuple(claim.roles[at] if at < len(claim.roles) else ANYBODY for at in roles)
            wide = (
                (*given, ANYBODY) if predicate in ("gave", "owes", "promised") and len(given) == 2 else given
            )
            if not claim.negated:
                yield Meaning(predicate, wide)
                if claim.predicate in ("arrived", "left", "fled", "gave", "took"):
                    yield Meaning("has" if claim.predicate in ("gave", "took") else "at", given[:2], True)


def _needed(planned: Iterable[Meaning]) -> Iterator[Meaning]:
    """Yield what must have been so for the claims of a plan: nobody breaks a promise that they never made."""
    for claim in planned:
        if claim.predicate in ("kept_promise", "broke_promise") and not claim.negated:
            yield Meaning("promised", (*claim.roles[:2], ANYBODY))
        elif claim.predicate == "killed" and not claim.negated:
            yield Meaning("dead", claim.roles[1:2])


def agree(claim: Meaning, planned: Meaning) -> bool:
    """Tell whether a claim is the planned one, as far as it says."""
    if (claim.predicate, claim.negated) != (planned.predicate, planned.negated):
        return False
    orders = [planned.roles, planned.roles[::-1]] if claim.predicate in SYMMETRIC else [planned.roles]
    return any(
        len(claim.roles) == len(order)
        and all(
            one == other or ANYBODY in (one, other) or other == ASKED
            for one, other in zip(claim.roles, order, strict=True)
        )
        for order in orders
    )


def contradicts(claim: Meaning, said: Meaning) -> bool:
    """Tell whether somebody who said the one cannot say the other."""
    if agree(denied(claim), said) and ANYBODY not in claim.roles:
        return True
    if claim.negated or said.negated or ANYBODY in claim.roles:
        return False
    if claim.predicate == said.predicate:
        at = ONE_PER.get(claim.predicate)
        return (
            at is not None and claim.roles != said.roles and all(claim.roles[i] == said.roles[i] for i in at)
        )
    if frozenset((claim.predicate, said.predicate)) not in AGAINST or claim.roles[0] != said.roles[0]:
        return False
    return all(one == other for one, other in zip(claim.roles, said.roles, strict=False))


def _longest(reads: Sequence[Worded], wanted: Sequence[Meaning]) -> list[Worded]:
    """Return reads without those inside others; of some that overlap only the wanted, if one is."""
    kept: list[Worded] = []
    for one in reads:
        around = [other for other in reads if other is not one and _overlap(one, other)]
        own = any(agree(one.claim, claim) for claim in wanted)
        if not own and any(agree(other.claim, claim) for other in around for claim in wanted):
            continue
        if not own and any(_inside(one, other) for other in around):
            continue
        kept.append(one)
    return kept


def _overlap(one: Worded, other: Worded) -> bool:
    return one.start < other.end and other.start < one.end


def _inside(one: Worded, other: Worded) -> bool:
    return (
        other.start <= one.start and one.end <= other.end and (one.start, one.end) != (other.start, other.end)
    )


def _names_somebody(claim: Meaning) -> bool:
    return bool(frozenset(claim.roles) - {ANYBODY, HEARER})


def _characters(plain: Plain, worded: Worded) -> tuple[int, int]:
    tokens = [token for at, token in plain.places if worded.start <= at < worded.end]
    return tokens[0].start, tokens[-1].end


def _stop(gate: Gate, sentence: Sentence, why: str) -> Stop:
    text = " ".join(token.text for token in sentence.tokens)
    return Stop(gate, text, sentence.start, sentence.end, why)
