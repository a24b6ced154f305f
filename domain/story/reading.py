"""Reading a line back before it is said: what in a text its plan does not allow. Pure and deterministic.

The program owns the meaning and somebody else chose the words; so the words are read again, and each gate
tells what it stops. A text without a stop says its plan, as far as words and structure show it. What is word
for word a written line is known for what that line says; all else is read by the wordings of predicates.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from domain.story.claiming import line_stops
from domain.story.clauses import Stated, Thing
from domain.story.gates import word_stops
from domain.story.language import Language
from domain.story.meaning import Beside, Terms, terms_of_letters, terms_of_things
from domain.story.numbers import numbers_in
from domain.story.plan import LinePlan
from domain.story.proving import unsaid_stops
from domain.story.read import Read, read
from domain.story.repeating import Grams, grams_of, nearly_heard
from domain.story.saying import Saying
from domain.story.stating import said_before_stops, sentence_stops
from domain.story.stops import Gate, Stop

__all__ = ["Gate", "Grams", "Reading", "Stop", "grams_of", "read_back", "read_back_template"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a finished text is read against.

    Attributes:
        saying: the plan: act, who speaks to whom, claims, what must not be mentioned.
        language: names, vocabulary, written lines and wordings; made once for a world and genre.
        scene: what may be named beside the plan: who is there, the place where they are.
        present: ids of people who are here and awake, or None where nobody knows.
        dead: ids of people who are dead.
        said: what the speaker has said and what has not ended since.
        secrets: claims that must not be mentioned, beside those that the plan hides.
        believed: what the speaker believes; what the plan does not say stops all the same, and why tells it.
        given: what all of this voice have or do (``Voice.given``); its numbers may be said, but of money.
        heard: what the listener heard lately, from `grams_of`; without any, nothing is a repetition.
        proof: whether the plan's claims have to be read in the text, and not only all that they speak of: for
            words that nobody wrote for this plan. What a writer wrote for it may say it between the lines.
    """

    saying: Saying
    language: Language
    scene: tuple[Thing, ...] = ()
    present: frozenset[str] | None = None
    dead: frozenset[str] = frozenset()
    said: tuple[Stated, ...] = ()
    secrets: tuple[Stated, ...] = ()
    believed: tuple[Stated, ...] = ()
    given: str = ""
    heard: Sequence[Grams] = ()
    proof: bool = False


def read_back(text: str, reading: Reading) -> tuple[Stop, ...]:
    """Return what stops a finished text, in the order of the text; () if it may be said."""
    beside = Beside(
        reading.scene, reading.secrets, reading.said, reading.believed, reading.present, reading.dead
    )
    terms = terms_of_things(reading.saying, beside, reading.language.clauses)
    found = read(text, _with_given(terms, reading.given), reading.language)
    unsaid = unsaid_stops(found) if reading.proof else ()
    return _ordered((*_stops(found), *_heard(text, reading.heard), *unsaid))


def read_back_template(
    text: str, plan: LinePlan, language: Language, given: str = "", *, proof: bool = False
) -> tuple[Stop, ...]:
    """Return what stops a line whose placeholders are not filled yet; () if it may be filled.

    Beside what `read_back` looks at, placeholders are checked: every letter of the plan, no other, in a form
    that its kind has; and capitals and digits, which no written line has. ``proof``: as in `Reading`.
    """
    found = read(text, _with_given(terms_of_letters(plan), given), language)
    return _ordered((*_stops(found), *(unsaid_stops(found) if proof else ())))


def _with_given(terms: Terms, given: str) -> Terms:
    return replace(terms, given=frozenset(number.value for number in numbers_in(given)))


def _stops(found: Read) -> Iterator[Stop]:
    yield from word_stops(found)
    yield from line_stops(found)
    yield from sentence_stops(found)
    yield from said_before_stops(found)


def _heard(text: str, heard: Sequence[Grams]) -> Iterator[Stop]:
    if why := nearly_heard(text, heard):
        yield Stop(Gate.REPETITION, text, 0, len(text), why)


def _ordered(stops: Iterable[Stop]) -> tuple[Stop, ...]:
    """Return stops in the order of the text, each gate once for the same words."""
    return tuple(sorted({(one.gate, one.start, one.end): one for one in stops}.values(), key=_place))


def _place(stop: Stop) -> tuple[int, int, str]:
    return stop.start, stop.end, stop.gate
