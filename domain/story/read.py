"""A text as it was read: its sentences, and which of them are written lines or harmless. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.story.bank import NOBODY, Found
from domain.story.corpus import FRAME
from domain.story.language import Language
from domain.story.meaning import Meaning, Terms
from domain.story.plan import ASKED
from domain.story.text import Mention, Sentence, Token, plain_signs, read_tokens, sentences_of


@dataclass(frozen=True, slots=True)
class Read:
    """A text, read.

    Attributes:
        tokens: with everything that they mention.
        sentences: of those tokens.
        lines: written lines that the text is made of, all that each part may be.
        known: characters that are word for word written lines or harmless sentences of theirs.
    """

    text: str
    terms: Terms
    language: Language
    tokens: Sequence[Token]
    sentences: Sequence[Sentence]
    lines: Sequence[Sequence[Found]]
    known: Sequence[tuple[int, int]]

    def is_known(self, token: Token | Sentence) -> bool:
        """Tell whether something stands in a written line."""
        return any(start <= token.start and token.end <= end for start, end in self.known)

    @property
    def unknown(self) -> Iterator[Sentence]:
        """The sentences that are no written ones."""
        return (one for one in self.sentences if not self.is_known(one))


def read(text: str, terms: Terms, language: Language) -> Read:
    """Return a text as it was read."""
    text = plain_signs(text)
    common = language.bank.vocabulary
    tokens = read_tokens(text, terms.names, language.names, common)
    own = sentences_of(_framed(text, terms))
    lines: dict[tuple[int, int], list[Found]] = {}
    for found in language.bank.find(own, terms.kinds):
        lines.setdefault((own[found.start].start, own[found.end - 1].end), []).append(found)
    known = [*lines, *((one.start, one.end) for one in own if one.key in language.bank.harmless)]
    return Read(text, terms, language, tokens, sentences_of(tokens), list(lines.values()), known)


def _framed(text: str, terms: Terms) -> list[Token]:
    """Return the tokens of a text by the plan's own names; its plain clause is one, as it is in a frame."""
    for clause in terms.clauses:
        for said in (clause, clause[0].upper() + clause[1:]):
            start = text.find(said)
            if start >= 0:
                end = start + len(said)
                before = read_tokens(text[:start], terms.names, NOBODY)
                after = read_tokens(text[end:], terms.names, NOBODY)
                moved = [each._replace(start=each.start + end, end=each.end + end) for each in after]
                return [*before, Token(FRAME, start, end, Mention(FRAME.strip("{}"))), *moved]
    return read_tokens(text, terms.names, NOBODY)


def claimed_by(found: Found) -> tuple[Meaning, ...]:
    """Return what a written line claims about what its letters stand for."""
    return tuple(
        Meaning(
            claim.predicate,
            tuple(letter if letter == ASKED else found.bound.get(letter, letter) for letter in claim.roles),
            claim.negated,
            tuple(found.bound.get(letter, letter) for letter in claim.circumstances),
        )
        for claim in found.line.pair.plan.claims
    )
