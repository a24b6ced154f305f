"""The gate that asks whether a text says its plan: each claim has to be read in it. Pure.

A text that names all of a plan and says another thing of them, or nothing, is not wrong in any word; so words
that nobody wrote for the plan are asked for a proof. Each of these is one:

- a written line for the same claim, or a frame around its plain clause;
- a wording of the predicate (``wordings.txt``) about the same, not only supposed where the plan is sure;
- a sentence out of a written line for the same claim, word for word, that names all of it with a word of its
  predicate: without such a word the rest of that line may have said it.

What is said between the lines has no proof, and is refused: the written lines say it instead.
"""

from collections.abc import Iterator

from domain.story.claiming import agree as line_agrees
from domain.story.meaning import Meaning
from domain.story.plan import Act, Certainty
from domain.story.read import Read, claimed_by
from domain.story.stating import STATING, agree, expected
from domain.story.stops import Gate, Stop
from domain.story.text import Sentence
from domain.story.wordings import ANYBODY, Worded, plain_words

BETWEEN_LINES = frozenset({Act.REFUSE, Act.NOT_KNOW, Act.CHANGE_SUBJECT, Act.UNFORESEEN})
"""Acts that leave their claims unsaid."""


def unsaid_stops(read: Read) -> Iterator[Stop]:
    """Yield a stop for each claim of the plan that is not read in a text."""
    terms = read.terms
    if terms.act in BETWEEN_LINES or not terms.claims:
        return
    claims = expected(terms)[: len(terms.claims)]
    open_ = [claim for claim in claims if not _in_line(read, claim)]
    for claim in open_:
        if not any(_said(read, sentence, claim) for sentence in read.sentences):
            why = f"it does not say {terms.told(claim)}"
            yield Stop(Gate.UNSAID, "", len(read.text), len(read.text), why)


def _in_line(read: Read, claim: Meaning) -> bool:
    """Tell whether a written line says a claim, or a frame stands around the plan's plain clause."""
    framed = any(found.line.pair.is_frame for line in read.lines for found in line)
    own = claim if read.terms.act != Act.DENY else claim._replace(negated=not claim.negated)
    return (framed and len(read.terms.claims) == 1) or any(
        line_agrees(each, own) for line in read.lines for found in line for each in claimed_by(found)
    )


def _said(read: Read, sentence: Sentence, claim: Meaning) -> bool:
    loose = read.terms.act not in STATING
    if sentence.asks and not loose:
        return False
    plain = plain_words(sentence, read.terms)
    worded = read.language.wordings.read(plain, read.terms)
    if any(_proves(one, claim, read.terms.certainty, loose=loose) for one in worded):
        return True
    verbs = read.language.wordings.verbs.get(claim.predicate, frozenset())
    if not verbs & set(plain.text.split()):
        return False
    return any(
        agree(
            Meaning(written.predicate, tuple(bound.get(one, one) for one in written.roles), written.negated),
            claim,
        )
        for written, bound in read.language.bank.stating(sentence, read.terms.kinds)
    )


def _proves(one: Worded, claim: Meaning, certainty: Certainty, *, loose: bool) -> bool:
    """Tell whether what was read is the claim; a role that the wording leaves out is named elsewhere."""
    if loose:
        one = one._replace(claim=one.claim._replace(negated=claim.negated), open=False)
    if one.open and certainty == Certainty.SURE:
        return False
    if not agree(one.claim, claim):
        return False
    return any(role != ANYBODY for role in one.claim.roles)
