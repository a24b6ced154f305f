"""The voices of a corpus and who in a world speaks with which. Pure; made once for each corpus."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from domain.definition.definition import Definition
from domain.definition.people import Person
from domain.story.corpus import Words
from domain.story.plan import Signature
from domain.story.saying import Tongue, tongue_for


@dataclass(frozen=True)
class Mouth:
    """A corpus, ready to speak.

    Attributes:
        tongues: voices by name, ``harbour/ferryman``.
        digest: of all its files.
    """

    tongues: Mapping[str, Tongue]
    signatures: Mapping[str, Signature]
    clauses: Mapping[str, str]
    words: Words
    digest: str

    def genre_of(self, definition: Definition) -> str:
        """Return the genre whose voices serve most of a world's people."""
        wanted = Counter(word for each in definition.people for word in (each.voice, each.archetype))
        serves: Counter[str] = Counter()
        for tongue in self.tongues.values():
            serves[tongue.voice.genre] += sum(wanted[word] for word in tongue.voice.serves)
        return max(sorted(serves), key=lambda genre: serves[genre], default="")

    def voice_of(self, person: Person, definition: Definition) -> str:
        """Return the voice that somebody speaks with; "" if there is none at all."""
        if not self.tongues:
            return ""
        genre = self.genre_of(definition)
        return tongue_for(self.tongues, genre, person.id, person.voice, person.archetype)
