"""What training of the small model adds to the written lines: kinds of things that no line was written for.

A predicate may take a person, a place or a good where every writer thought of a person (``likes``, ``owes``).
A line says the same of another kind where it only names what stands there; and a plain way of saying a
claim (`domain.story.ways`) covers what no line says. Grammar adds coverage, not style: it stands for such
plans only.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product

from domain.story.corpus import Pair
from domain.story.language import Language
from domain.story.meaning import terms_of_letters
from domain.story.plan import ASKED, HEARER, LETTERS, SPEAKER, Act, Certainty, Claim, Kind, Signature
from domain.story.read import read
from domain.story.reading import read_back_template
from domain.story.saying import AS_TOLD
from domain.story.slots import SLOT, Filling
from domain.story.ways import Ways, ways_of
from domain.story.wordings import plain_words

ENOUGH = 30
"""Lines of a predicate about these kinds, from which on nothing is added."""

ENOUGH_MOVED = 12
"""Lines of a predicate and kinds that are added of each genre."""

PLURAL = Filling("", plural=True)
MANY: Mapping[str, str] = {
    "owes": "owe", "is": "are", "was": "were", "has": "have", "wants": "want", "keeps": "keep", "does": "do",
    "rules": "rule", "sells": "sell", "likes": "like", "fears": "fear", "needs": "need", "belongs": "belong",
}  # fmt: skip
"""What a verb behind a faction is, of those that stand behind a person."""

Kinds = tuple[Kind, ...]


def kinds_written(pairs: Sequence[Pair]) -> Counter[tuple[str, Kinds]]:
    """Return how many lines claim each predicate of things of these kinds."""
    claims = (claim for pair in pairs for claim in pair.plan.claims if ASKED not in claim.roles)
    return Counter((claim.predicate, _kinds(claim)) for claim in claims)


def kinds_missing(pairs: Sequence[Pair], signatures: Mapping[str, Signature]) -> list[tuple[str, Kinds]]:
    """Return the predicates, each with kinds that they may take and hardly a line has."""
    written = kinds_written(pairs)
    every = [
        (name, kinds)
        for name, roles in sorted(signatures.items())
        for kinds in product(*(sorted(role.kinds) for role in roles))
    ]
    return [each for each in every if written[each] < ENOUGH]


def relettered(
    pairs: Sequence[Pair], missing: Sequence[tuple[str, Kinds]], language: Language, draws: random.Random
) -> list[Pair]:
    """Return lines about kinds that are missing, made of those about others; each is read as its claim.

    Of each predicate and kinds there are `ENOUGH_MOVED` at most, drawn.
    """
    found: list[Pair] = []
    for predicate, kinds in missing:
        others = [
            pair
            for pair in pairs
            if len(pair.plan.claims) == 1 and not pair.left_out and pair.plan.claims[0].predicate == predicate
        ]
        draws.shuffle(others)
        moved = (_moved(pair, kinds) for pair in others)
        found += islice((each for each in moved if each and _says_it(each, language)), ENOUGH_MOVED)
    return found


def plain_pairs(
    like: Sequence[Pair], missing: Sequence[tuple[str, Kinds]], ways: Ways, draws: random.Random
) -> Iterator[Pair]:
    """Yield plain ways of saying what no line says, in the manner of pairs that are drawn, for ever."""
    while True:
        predicate, kinds = draws.choice(missing)
        pair = draws.choice(like)
        act = draws.choice([Act.TELL, Act.TELL, Act.DENY, *sorted(AS_TOLD)])
        sure = draws.choice([Certainty.SURE, Certainty.SURE, Certainty.SURE, *Certainty])
        times = ("T",) if draws.random() < 0.25 and Kind.TIME not in kinds else ()
        claim = Claim(predicate, _letters(kinds), times, draws.random() < 0.1)
        plan = replace(pair.plan, act=act, claims=(claim,), certainty=sure, hidden=())
        many = {letter: PLURAL for letter in claim.roles if LETTERS[letter] == Kind.FACTION}
        if said := ways_of(plan, many, ways):
            yield replace(pair, plan=plan, text=draws.choice(said), left_out=frozenset())


def _kinds(claim: Claim) -> Kinds:
    return tuple(LETTERS[letter] for letter in claim.roles)


def _letters(kinds: Kinds) -> tuple[str, ...]:
    free = {
        kind: iter(
            [each for each, of in LETTERS.items() if of == kind and each not in (SPEAKER, HEARER, ASKED)]
        )
        for kind in Kind
    }
    return tuple(next(free[kind]) for kind in kinds)


def _moved(pair: Pair, kinds: Kinds) -> Pair | None:
    """Return a line about other kinds; None if it does more than name them, or verbs would not agree."""
    (claim,) = pair.plan.claims
    if {ASKED, SPEAKER, HEARER} & {*claim.roles} or len({*claim.roles}) < len(claim.roles):
        return None
    if _kinds(claim) == kinds:
        return None
    letters = dict(zip(claim.roles, _letters(kinds), strict=True))
    changed = {own for own, letter in letters.items() if LETTERS[own] != LETTERS[letter]}
    if set(letters.values()) & {*claim.circumstances}:
        return None
    slots = [(found[1].partition("."), found) for found in SLOT.finditer(pair.text)]
    if any(letter in changed and (form or found[2]) for (letter, _, form), found in slots):
        return None
    text = pair.text
    for own in changed:
        if LETTERS[letters[own]] == Kind.FACTION or LETTERS[own] == Kind.FACTION:
            agreed = _agreeing(text, own, one=LETTERS[own] == Kind.FACTION)
            if agreed is None:
                return None
            text = agreed
    text = SLOT.sub(lambda each: _renamed(each, letters), text)
    roles = tuple(letters[each] for each in claim.roles)
    plan = replace(pair.plan, claims=(replace(claim, roles=roles),))
    return replace(pair, plan=plan, text=text)


def _renamed(found: "re.Match[str]", letters: Mapping[str, str]) -> str:
    letter, dot, form = found[1].partition(".")
    return f"{{{letters.get(letter, letter)}{dot}{form}}}{found[2] or ''}"


def _agreeing(text: str, letter: str, *, one: bool) -> str | None:
    """Return a text whose verbs behind a letter are those of many (or of one); None if one is unknown."""
    verbs = {many: single for single, many in MANY.items()} if one else MANY
    unknown = False

    def agreed(found: "re.Match[str]") -> str:
        nonlocal unknown
        word = found[2]
        if word in verbs:
            return f"{found[1]}{verbs[word]}"
        unknown = unknown or word.endswith("s") or one
        return found[0]

    said = re.sub(rf"(\{{{letter}\}} )([a-z']+)", agreed, text)
    return None if unknown else said


def _says_it(pair: Pair, language: Language) -> bool:
    """Tell whether a line is read as claiming its plan, and nothing stops it."""
    if read_back_template(pair.text, pair.plan, language):
        return False
    terms = terms_of_letters(pair.plan)
    found = read(pair.text, terms, language)
    return any(
        worded.claim.predicate == claim.predicate
        for sentence in found.sentences
        for worded in language.wordings.read(plain_words(sentence, terms), terms)
        for claim in pair.plan.claims
    )
