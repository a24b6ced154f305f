"""Reads what a model said back, by the names and wordings of the world (`domain.story.reading`)."""

from collections.abc import Callable, Mapping, Sequence

from domain.story.language import Language, with_names
from domain.story.reading import Reading, read_back
from domain.story.stops import Stop
from handlers.story.realiser import Asked


class ReadingBack:
    """The gates. ``language`` returns what lines of a genre are read by, without names; read when needed."""

    def __init__(self, language: Callable[[str], Language]) -> None:
        self._language = language
        self._made: tuple[str, Mapping[str, str], Language] | None = None

    def read(self, text: str, asked: Asked) -> Sequence[Stop]:
        """Return what stops a text; none: it may be said."""
        reading = Reading(asked.saying, self._of(asked), present=asked.present, given=asked.given, proof=True)
        return read_back(text, reading)

    def _of(self, asked: Asked) -> Language:
        """Return the language of a world; it is made once for each definition and genre."""
        genre = asked.voice.partition("/")[0]
        if self._made is None or self._made[0] != genre or self._made[1] is not asked.names:
            self._made = genre, asked.names, with_names(self._language(genre), asked.names)
        return self._made[2]
