"""Names and aliases: which entities a text speaks of, by a list of names and not by likeness.

An encoder cuts an invented name into pieces that mean nothing to it; a list knows it. Names come from the
definition and from what documents say. One is found as a whole, the longest first; a part of a person's name
(``Pike``) stands for the person if it can be nobody else; a slip of the hand in a long name is forgiven.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from domain.definition.definition import Definition
from domain.lore.terms import STOP, cased_words_of, words_of

WORDS_MAX = 8
"""Of a name; longer ones are compared by their first eight."""

SLIP_LETTERS_MIN = 6
"""Of a word in which a slip is forgiven."""

ARTICLES = frozenset({"the", "a", "an"})


@dataclass(slots=True)
class Names:
    """A list of names.

    Attributes:
        called: what each entity is called, by id: its first name.
    """

    called: dict[str, str] = field(default_factory=dict)
    _whole: dict[tuple[str, ...], set[str]] = field(default_factory=lambda: defaultdict(set))
    _parts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _words: set[str] = field(default_factory=set)
    _longest: int = 1

    def add(self, entity: str, names: Iterable[str], *, parts: bool = False) -> None:
        """Add names of an entity; with ``parts`` each word of them stands for it, too, if for no other."""
        for name in names:
            self.called.setdefault(entity, name)
            words = _bare(words_of(name))[:WORDS_MAX]
            if not words:
                continue
            self._whole[words].add(entity)
            self._words |= set(words)
            self._longest = max(self._longest, len(words))
            if parts and len(words) > 1:
                for word in words:
                    if word not in STOP and len(word) > 2:
                        self._parts[word].add(entity)

    def found_in(
        self, text: str, common: Container[str] = (), known: Container[str] | None = None
    ) -> list[str]:
        """Return the entities that a text names, in their order, each once; arguments as of `spans`."""
        named = (each for _, entities in self.spans(text, common, known) for each in sorted(entities))
        return list(dict.fromkeys(named))

    def spans(
        self, text: str, common: Container[str] = (), known: Container[str] | None = None
    ) -> Iterator[tuple[tuple[int, int], set[str]]]:
        """Yield where entities are named, as the first word and the one after, and which they may be.

        Args:
            text: in which they are looked for.
            common: words that are no names by themselves ("house", "tick"): one is only with a capital.
            known: words that are right as they are; in others a slip is forgiven. None: in none.
        """
        cased = cased_words_of(text)
        words, at = [word for word, _ in cased], 0
        if known is not None:
            words = [word if word in known else self._meant(word) for word in words]
        while at < len(words):
            length, entities = self._at(words, at, alone=cased[at][1] or words[at] not in common)
            if entities:
                yield (at, at + length), entities
            at += length

    def _at(self, words: Sequence[str], at: int, *, alone: bool) -> tuple[int, set[str]]:
        """Return how many words from one on are a name, and whose; ``alone``: one may be a name by itself."""
        for length in range(min(self._longest, len(words) - at), 0, -1):
            entities = self._whole.get(tuple(words[at : at + length]))
            if entities and (length > 1 or alone):
                return length, entities
        entities = self._parts.get(words[at], set())
        return 1, entities if alone and len(entities) == 1 else set()

    def _meant(self, word: str) -> str:
        """Return the word of a name that a long word means which is in no text and no name; else itself."""
        if len(word) < SLIP_LETTERS_MIN or word in self._words:
            return word
        near = [other for other in self._words if _one_slip(word, other)]
        return near[0] if len(near) == 1 else word


def _one_slip(word: str, other: str) -> bool:
    """Say whether two words are one slip apart: a letter more, less, other, or two the wrong way round."""
    if word[0] != other[0] or abs(len(word) - len(other)) > 1 or word == other:
        return False
    begin = next(
        (at for at, (one, two) in enumerate(zip(word, other, strict=False)) if one != two),
        min(len(word), len(other)),
    )
    rest, other_rest = word[begin:], other[begin:]
    if len(word) == len(other):
        turned = rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:]
        return rest[1:] == other_rest[1:] or turned
    return rest[1:] == other_rest or rest == other_rest[1:]


def _bare(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a name without an article before it."""
    return tuple(words[1:] if len(words) > 1 and words[0] in ARTICLES else words)


def names_of(definition: Definition) -> Names:
    """Return the names that a definition gives."""
    names = Names()
    for person in definition.people:
        names.add(person.id, (person.name,), parts=True)
    for kind in (
        definition.factions,
        definition.places,
        definition.districts,
        definition.territories,
        definition.goods,
        definition.quests,
    ):
        for each in kind:
            names.add(each.id, (each.name,))
    for fact in definition.facts:
        names.add(fact.id, (fact.about,))
    return names
