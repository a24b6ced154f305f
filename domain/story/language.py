"""What a world's lines are read by: names, vocabulary, written lines. Made once for a world and a genre."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.story.bank import NOBODY, Bank
from domain.story.corpus import Pair, Words
from domain.story.text import Names, parts_of
from domain.story.wordings import Wordings


@dataclass(frozen=True, slots=True)
class Language:
    """How a world is spoken of.

    Attributes:
        bank: the written lines of every voice.
        words: what the genre says nowhere, and its words with a capital.
        clauses: plain clauses by predicate (``clauses.txt``).
        names: everything in this world that has a name.
        wordings: how claims are worded (``wordings.txt``).
    """

    bank: Bank
    words: Words = field(default_factory=Words)
    clauses: Mapping[str, str] = field(default_factory=dict)
    names: Names = NOBODY
    wordings: Wordings = field(default_factory=Wordings)


def language_of(
    pairs: Sequence[Pair],
    words: Words,
    clauses: Mapping[str, str],
    names: Mapping[str, str] | None = None,
    aliases: Mapping[str, Iterable[str]] | None = None,
) -> Language:
    """Return how a world is spoken of.

    Args:
        pairs: the corpus; lines of all genres, for a word that one of them says is no foreign one.
        words: the genre's, with what all have in common.
        clauses: as `read_clauses` returns them.
        names: id, ``person.una_pell``, → name as it stands within a sentence. A part of a person's name that
            nobody else has means them, too.
        aliases: id → other names.
    """
    return with_names(Language(Bank(pairs), words, clauses), names or {}, aliases or {})


def with_names(
    language: Language, names: Mapping[str, str], aliases: Mapping[str, Iterable[str]] | None = None
) -> Language:
    """Return the same language in a world of other names."""
    found = parts_of(names)
    for id_, more in (aliases or {}).items():
        found.setdefault(id_, []).extend(more)
    return replace(language, names=Names(found))
