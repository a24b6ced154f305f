"""Written lines by their words, so that a text which is one of them is known for what it says. Pure.

Every line of the corpus was written for a plan; so a text that is word for word such a line, with its
letters filled, says that plan and nothing else. Sentences of theirs that name nobody are harmless anywhere.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from domain.story.corpus import Pair
from domain.story.plan import HEARER, LETTERS, SPEAKER, Act, Claim
from domain.story.text import Names, Sentence, Token, alike, read_tokens, sentences_of

SENTENCES_MAX = 8
"""Of one written line, at most, as far as they are looked for."""

APART_MAX = 2
"""Words in which a sentence that denies a written one may differ from it beside: "does" and another form."""

MANY = 4
"""Words from which on what two sentences have in common says anything."""

NOBODY = Names({})

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A written line, and its letters in the order in which they are named first."""

    pair: Pair
    letters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A written line in a text: sentences ``start`` to ``end``, and what its letters stand for there."""

    line: Line
    start: int
    end: int
    bound: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The written sentence that has most words in common with one of a text.

    Attributes:
        share: of its words that the text has, too.
        turned: whether the two differ by hardly more than that one of them denies.
    """

    key: Key
    share: float
    turned: bool


@dataclass(frozen=True, slots=True)
class Stating:
    """A written sentence that names all that its line claims something of.

    Attributes:
        letters: in the order in which they are named first.
    """

    claim: Claim
    letters: tuple[str, ...]


NOT_STATED = frozenset({Act.ASK, Act.DENY, Act.NOT_KNOW, Act.REFUSE, Act.CHANGE_SUBJECT})
"""Acts whose lines name a claim and do not say that it is so."""

NEGATING = frozenset({"not", "never", "no", "nobody", "none", "nothing", "neither", "nor", "cannot", "ain't"})


class Bank:
    """The lines of a corpus, found by their words."""

    __slots__ = ("_lines", "_sentences", "_stating", "harmless", "vocabulary")

    def __init__(self, pairs: Sequence[Pair]) -> None:
        """Take lines; each is read once."""
        self._lines: dict[Key, list[Line]] = defaultdict(list)
        self._sentences: dict[str, list[tuple[Key, frozenset[str]]]] = defaultdict(list)
        self._stating: dict[Key, list[Stating]] = defaultdict(list)
        harmless: set[Key] = set()
        words: set[str] = set()
        for pair in pairs:
            tokens = read_tokens(pair.text, NOBODY, NOBODY)
            key, letters = _key(tokens, LETTERS)
            self._lines[key].append(Line(pair, letters))
            words.update(token.word for token in tokens)
            named = [one for one in sentences_of(tokens) if one.mentioned]
            keys = [_key(one.tokens, LETTERS) for one in named]
            for claim in pair.plan.claims:
                self._sentences[claim.predicate] += [(each, frozenset(each)) for each, _ in keys]
                if pair.plan.act not in NOT_STATED:
                    self._state(claim, [own for own, one in zip(keys, named, strict=True) if not one.asks])
            if pair.plan.letters or not pair.plan.claims:
                harmless |= {one.key for one in sentences_of(tokens) if not one.mentioned}
        self.harmless = frozenset(harmless)
        self.vocabulary = frozenset(words - {""})

    def _state(self, claim: Claim, keys: Sequence[tuple[Key, tuple[str, ...]]]) -> None:
        for key, letters in keys:
            if {*claim.roles} <= {*letters, SPEAKER, HEARER}:
                self._stating[key].append(Stating(claim, letters))

    def stating(
        self, sentence: Sentence, known: Collection[str]
    ) -> Iterator[tuple[Claim, Mapping[str, str]]]:
        """Yield what a sentence was written for, word for word, and what its letters stand for here.

        Only sentences that name all roles of their line's claim; the rest of the line may say it, too.
        """
        key, ids = _key(sentence.tokens, known)
        for one in self._stating.get(key, ()):
            yield one.claim, dict(zip(one.letters, ids, strict=True))

    def find(self, sentences: Sequence[Sentence], known: Collection[str]) -> list[Found]:
        """Return the written lines of a text, from its beginning on, the longest first.

        Args:
            sentences: as `sentences_of` returns them.
            known: ids that plan or scene speak of; who speaks and who listens are `SPEAKER` and `HEARER`.
        """
        found: list[Found] = []
        at = 0
        while at < len(sentences):
            line = self._at(sentences, at, known)
            if line:
                found += line
            at = line[0].end if line else at + 1
        return found

    def nearest(
        self, sentence: Sentence, known: Collection[str], predicates: Collection[str]
    ) -> Nearest | None:
        """Return the written sentence for these predicates that is nearest; None if none has a word of it."""
        key, _ = _key(sentence.tokens, known)
        words = frozenset(key)
        best: Key = ()
        most = 0.0
        for predicate in predicates:
            for written, own in self._sentences.get(predicate, ()):
                share = len(own & words) / max(len(own), MANY)
                if share > most:
                    best, most = written, share
        if not best:
            return None
        apart = {word for word in words ^ frozenset(best) if not _negates(word)}
        turned = len(apart) <= APART_MAX and _negations(best) != _negations(key)
        return Nearest(best, most, turned)

    def _at(self, sentences: Sequence[Sentence], start: int, known: Collection[str]) -> list[Found]:
        for end in range(min(len(sentences), start + SENTENCES_MAX), start, -1):
            tokens = list(chain.from_iterable(one.tokens for one in sentences[start:end]))
            key, ids = _key(tokens, known)
            lines = self._lines.get(key)
            if lines:
                return [Found(line, start, end, dict(zip(line.letters, ids, strict=True))) for line in lines]
        return []


def _negations(key: Key) -> bool:
    """Tell whether an odd number of words deny."""
    return sum(map(_negates, key)) % 2 == 1


def _negates(word: str) -> bool:
    return word in NEGATING or word.endswith("n't")


def _key(tokens: Sequence[Token], known: Collection[str]) -> tuple[Key, tuple[str, ...]]:
    """Return the words of a line, with what it names numbered, and the ids of those in order."""
    ids: list[str] = []
    key: list[str] = []
    for token in tokens:
        mention = token.mention
        if mention is None or mention.form.lower() not in ("", "the", "bare", "since", "aim"):
            key.extend(alike((token,)))
        elif mention.id in (SPEAKER, HEARER) or mention.id not in known:
            key.append(f"<{mention.id}>")
        else:
            if mention.id not in ids:
                ids.append(mention.id)
            key.append(f"<{ids.index(mention.id)}>")
    return tuple(key), tuple(ids)
