"""A text as its tokens: words, signs, and what it mentions; and sentences of them. Pure.

Who or what is mentioned is found by names, the longest first; a name with a capital is read only with its
capitals, so that ``the frost`` is nobody called Frost. Placeholders of a line are mentions of their letters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.story.slots import SLOT

TOKEN = re.compile(
    r"\{[^{}]*\}(?:'s)?|'(?:s|ll|d|ve|re)\b|[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,]\d+)*|[.!?…]+[\"')]*|\S"
)
ENDS = frozenset(".!?…")
SUFFIX = re.compile(r"'(?:s|ll|d|ve|re)?$")
TAGS = frozenset(
    {"is", "was", "are", "were", "has", "have", "had", "do", "does", "did", "will", "wo", "ca", "can"}
)
TAG_MAX = 3
"""Words of a question that only asks for assent."""

TITLES = frozenset(
    {"the", "a", "an", "old", "young", "lady", "lord", "mother", "father", "captain", "brother", "sister"}
    | {"saint", "doctor", "mister", "miss", "little", "big", "uncle", "aunt", "dame", "sir", "widow"}
)
"""First words of names that name nobody alone."""

THIRD = {
    **dict.fromkeys(("he", "she", "they", "him", "them", "it"), "they"),
    **dict.fromkeys(("his", "her", "hers", "their", "theirs", "its"), "they"),
    **dict.fromkeys(("himself", "herself", "themself", "themselves", "itself"), "they"),
}
AGREED = {"are": "is", "were": "was", "have": "has", "do": "does"}
SHORT = frozenset(
    {"he's", "she's", "they're", "it's", "they've", "he'd", "she'd", "they'd", "he'll", "she'll", "they'll"}
)


SIGNS = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "—"})


class Mention(NamedTuple):
    """Somebody or something that is named.

    Attributes:
        form: the form of the placeholder; "" for a name.
    """

    id: str
    form: str = ""


class Token(NamedTuple):
    """A word, a sign or a mention, and where it stands: characters ``start`` to ``end``."""

    text: str
    start: int
    end: int
    mention: Mention | None = None
    begins: bool = False

    @property
    def word(self) -> str:
        """The word in small letters; of a mention and a sign ""."""
        return "" if self.mention or not self.text[0].isalnum() else self.text.lower()


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens up to a full stop, a question mark or an exclamation mark."""

    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """First character."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Character behind the last."""
        return self.tokens[-1].end

    @property
    def asks(self) -> bool:
        """Whether it is a question, and not a statement with one behind it (``..., won't it?``)."""
        if "?" not in self.tokens[-1].text:
            return False
        commas = [at for at, token in enumerate(self.tokens) if token.text == ","]
        tag = [token.text.lower() for token in self.tokens[commas[-1] + 1 : -1]] if commas else []
        return not (1 < len(tag) <= TAG_MAX and tag[0].removesuffix("n't") in TAGS)

    @property
    def mentioned(self) -> frozenset[str]:
        """Ids of what it names."""
        return frozenset(token.mention.id for token in self.tokens if token.mention)

    @property
    def key(self) -> tuple[str, ...]:
        """Its words as they are compared: whoever is spoken of, he, she and they are the same."""
        return tuple(alike(self.tokens))


def alike(tokens: Iterable[Token]) -> Iterator[str]:
    """Yield words as they are compared; a mention is its id in angle brackets."""
    for token in tokens:
        if token.mention:
            yield from _placeholder(token.mention)
        elif token.text[0].isalnum():
            yield from alike_words(token.text.lower())


def _placeholder(mention: Mention) -> tuple[str, ...]:
    form = mention.form.lower()
    if form == "they's":
        return "they", "is"
    if form in ("is", "was", "has", "does"):
        return (AGREED.get(form, form),)
    return (
        ("they",) if form in ("them", "their", "theirs", "themself", "it", "they") else (f"<{mention.id}>",)
    )


def alike_words(word: str) -> Iterator[str]:
    """Yield a word in the form in which it is compared; ``she's`` and ``they're`` are two words."""
    if word in SHORT:
        head, _, tail = word.partition("'")
        yield THIRD[head]
        if tail in ("s", "re"):
            yield "is"
    else:
        yield THIRD.get(word) or AGREED.get(word, word)


class Names:
    """Whom and what one can name, found by the first word, the longest first."""

    __slots__ = ("_by_first", "ids")

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        """Take names by id: as they stand within a sentence, and others that mean the same."""
        found: dict[str, dict[tuple[str, ...], str]] = {}
        for id_, each in names.items():
            for name in each:
                words = tuple(token.text for token in plain_tokens(name))
                if words:
                    found.setdefault(_bare(words[0]).lower(), {}).setdefault(words, id_)
        longest = {
            first: sorted(by.items(), key=lambda item: (-len(item[0]), item)) for first, by in found.items()
        }
        self._by_first: Mapping[str, Sequence[tuple[tuple[str, ...], str]]] = longest
        self.ids = frozenset(names)

    def at(self, tokens: Sequence[Token], start: int) -> tuple[int, str]:
        """Return how many tokens name something from here on, and what; 0 if none does."""
        for words, id_ in self._by_first.get(_bare(tokens[start].text).lower(), ()):
            if len(words) <= len(tokens) - start and all(
                _same(word, tokens[start + at], first=at == 0) for at, word in enumerate(words)
            ):
                return len(words), id_
        return 0, ""


def parts_of(names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return full names, and the parts of people's names that nobody else has, by id."""
    found = {id_: [name] for id_, name in names.items()}
    owners: dict[str, set[str]] = {}
    for id_, name in names.items():
        if id_.startswith("person."):
            for part in name.split():
                owners.setdefault(part, set()).add(id_)
    for part, ids in owners.items():
        if len(ids) == 1 and part[0].isupper() and part.lower() not in TITLES:
            found[min(ids)].append(part)
    return found


def plain_signs(text: str) -> str:
    """Return a text with straight quotation marks and one kind of dash; nothing moves."""
    return text.translate(SIGNS)


def plain_tokens(text: str) -> list[Token]:
    """Return the tokens of a text in which nothing is named yet; one of a sentence's beginning says so."""
    tokens: list[Token] = []
    begins = True
    for match in TOKEN.finditer(text):
        found = match[0]
        tokens.append(Token(found, match.start(), match.end(), None, begins))
        opens = found == '"' and (match.start() == 0 or text[match.start() - 1].isspace())
        if found[0] in ENDS or found == ":" or opens:
            begins = True
        elif found not in ('"', "(", "'"):
            begins = found == "—" and begins
    return tokens


def read_tokens(text: str, own: Names, world: Names, common: frozenset[str] = frozenset()) -> list[Token]:
    """Return the tokens of a text with what they mention.

    Args:
        text: a finished line, or one with placeholders.
        own: what the plan and the scene name; it is looked at first.
        world: everything that has a name.
        common: words that name nobody at the beginning of a sentence, where every word has a capital.
    """
    plain = plain_tokens(text)
    tokens: list[Token] = []
    at = 0
    while at < len(plain):
        token = plain[at]
        if slot := SLOT.fullmatch(token.text):
            letter, _, form = slot[1].partition(".")
            tokens.append(token._replace(mention=Mention(letter, form)))
            at += 1
            continue
        length, id_ = own.at(plain, at)
        other, meant = world.at(plain, at)
        if other > length and not (other == 1 and token.begins and _bare(token.text).lower() in common):
            length, id_ = other, meant
        if length:
            last = plain[at + length - 1]
            cut = len(last.text) - len(_bare(last.text))
            end = last.end - cut
            tokens.append(Token(text[token.start : end], token.start, end, Mention(id_), token.begins))
            if cut:
                tokens.append(Token(last.text[-cut:], end, last.end))
        else:
            tokens.append(token)
        at += max(1, length)
    return tokens


def sentences_of(tokens: Sequence[Token]) -> list[Sentence]:
    """Return the sentences of a text, in order."""
    found: list[Sentence] = []
    begun = 0
    for at, token in enumerate(tokens):
        if token.text[0] in ENDS and not token.mention:
            if at > begun or not found:
                found.append(Sentence(tuple(tokens[begun : at + 1])))
            begun = at + 1
    if begun < len(tokens):
        found.append(Sentence(tuple(tokens[begun:])))
    return found


def _bare(word: str) -> str:
    return SUFFIX.sub("", word) if len(word) > 1 else word


def _same(name: str, token: Token, *, first: bool) -> bool:
    word = token.text if token.text == name else _bare(token.text)
    if word == name:
        return True
    low = {each[:1].lower() + each[1:] for each in (word, token.text)}
    return first and token.begins and word[:1].isupper() and name in low
