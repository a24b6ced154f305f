"""The corpus of lines: text files that writers like, one per genre and voice, and what is wrong in them.

A file begins with what holds for all of it (``genre: harbour``), then come headers and their lines::

    > tell dead(A; T) | grave warm
    They brought {A} in {T}. I shut {A.their} eyes myself.

Each line makes a pair with the header above it. A line says each letter of its plan and no other; what it
leaves out on purpose stands at its end: ``~T``. ``{S}`` and ``{H}`` (who speaks, who listens) may
always be said.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from domain.definition.faults import Fault, nearest
from domain.story.plan import (
    HEARER,
    SPEAKER,
    Act,
    Length,
    LinePlan,
    Signature,
    length_of,
    read_plan,
)
from domain.story.slots import SENTENCE_END, SLOT, slot_fault, slots_of

HEAD = ("genre", "voice", "for", "given", "habits")
"""What a file says at its beginning.

``for`` lists the voices of a world that it serves, ``given`` what every speaker of this voice has or does, so
that a line may speak of it; ``habits`` tell a writer how the voice talks.
"""

ASIDES, AGAIN = "asides", "again"
"""What a head may say besides, between slashes: words of the voice's own that may stand before any line, and
such as stand before what the same ears are told once more."""

ASIDE = re.compile(r"[A-Z][\w',]*(?: [\w']+)?[.!?…—]")
"""One or two words: with three, every line behind an aside would begin alike."""

SENTENCE = re.compile(r"[A-Z][\w', ]*[.!?…—]")

LEFT_OUT = re.compile(r"\s+~([A-Z]+)$")
AGREEING = re.compile(
    r"\{[A-Z]\.they\}( (?!always|sometimes|perhaps|thus)[a-z]+s\b|'(?:ve|re|s)\b)", re.IGNORECASE
)
"""A pronoun and a verb that is right for "she" alone."""

FRAME = "{claim}"
"""Where a clause stands in a frame: a line under ``tell`` or ``ask`` without a claim."""

FRAMED = frozenset({Act.TELL, Act.ASK})
PLURAL_FROM = 6
"""Letters from which on a forbidden word is meant in the plural, too: "bus" and "cares" are others."""

SELF = frozenset({"I", "I'm", "I'll", "I'd", "I've"})
CAPITAL = re.compile(r"(?<![\w'{.])[A-Z][\w']*")
DIGIT = re.compile(r"\d")
ODD = re.compile(r"[^A-Za-z '\".,;:!?()—…éèêàâîôûçï{}\d-]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; lines are counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Found:
    """One fault and its place."""

    mark: Mark
    fault: Fault


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks the lines of a file."""

    genre: str
    name: str
    serves: tuple[str, ...] = ()
    given: str = ""
    habits: str = ""
    asides: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """One plan and one line that carries it out.

    Attributes:
        left_out: letters of the plan that the line does not say, on purpose.
    """

    voice: Voice
    plan: LinePlan
    text: str
    mark: Mark
    left_out: frozenset[str] = frozenset()

    @property
    def length(self) -> Length:
        """How long the line is."""
        return length_of(self.text)

    @property
    def is_frame(self) -> bool:
        """Whether it is no line of its own, but what a voice puts around a plain clause."""
        return FRAME in self.text


@dataclass(frozen=True, slots=True)
class Words:
    """The vocabulary of a genre.

    Attributes:
        forbidden: words and phrases, in small letters, that nobody says.
        capitals: words with a capital that are no name of one world.
    """

    forbidden: frozenset[str] = frozenset()
    capitals: frozenset[str] = frozenset()

    def __or__(self, other: "Words") -> "Words":
        return Words(self.forbidden | other.forbidden, self.capitals | other.capitals)

    def said_in(self, text: str) -> Iterator[str]:
        """Yield what of the forbidden a text says."""
        yield from _any_of(self.forbidden).findall(re.sub(r"[^a-z']+", " ", text.lower()))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the characters that say what is forbidden."""
        plain = re.sub(r"[^a-z']", " ", text.lower().replace("\u2019", "'"))
        yield from (found.span() for found in _any_of(self.forbidden).finditer(plain))


@lru_cache(maxsize=16)
def _any_of(phrases: frozenset[str]) -> re.Pattern[str]:
    """Return what finds any of the phrases as whole words; the empty set finds nothing."""
    words = sorted(re.sub(r"[^a-z']+", " ", phrase).strip() for phrase in phrases)
    alone = [f"{word}s?" if len(word) >= PLURAL_FROM else word for word in words]
    return re.compile(rf"(?<![\w'])(?:{'|'.join(alone) or '(?!)'})(?![\w'])")


def read_words(text: str) -> Words:
    """Return the vocabulary of ``words.txt``: a word or phrase a line; ``+Name`` may stand with a capital."""
    lines = [bare for line in text.splitlines() if (bare := line.partition("#")[0].strip())]
    capitals = {line[1:].strip() for line in lines if line.startswith("+")}
    return Words(frozenset(line.lower() for line in lines if line[0] != "+"), frozenset(capitals))


@dataclass(slots=True)
class Reading:
    """One file as far as it was read."""

    file: str
    signatures: Mapping[str, Signature]
    words: Words
    head: dict[str, str] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    faults: list[Found] = field(default_factory=list)
    _voice: Voice | None = None
    _plan: LinePlan | None = None
    _headers: int = 0
    _empty: Mark | None = None

    def read(self, text: str) -> None:
        """Read the whole file."""
        for number, line in enumerate(text.splitlines(), 1):
            mark, bare = Mark(self.file, number), line.strip()
            if not bare or bare.startswith("#"):
                continue
            if bare.startswith(">"):
                self._header(mark, bare[1:].strip())
            elif not self._headers:
                self._say_head(mark, bare)
            else:
                self._line(mark, bare)
        self._end_of_header()
        if not self._headers:
            self.fail(Mark(self.file, 1), "empty", "no header", "a line that begins with >")

    def fail(self, mark: Mark, kind: str, found: str, allowed: str, near: str = "") -> None:
        """Note a fault."""
        self.faults.append(Found(mark, Fault(kind, "line", found, allowed, nearest=near)))

    def _say_head(self, mark: Mark, text: str) -> None:
        key, colon, value = (part.strip() for part in text.partition(":"))
        known = (*HEAD, ASIDES, AGAIN)
        if not colon or key not in known:
            self.fail(mark, "unknown_key", f"the key {key!r}", ", ".join(known), nearest(key, known))
        if key in (ASIDES, AGAIN):
            self._check_asides(mark, asides_of(value), ASIDE if key == ASIDES else SENTENCE)
        self.head[key] = f"{self.head[key]} {value}" if key in self.head else value

    def _check_asides(self, mark: Mark, asides: Sequence[str], form: re.Pattern[str]) -> None:
        for aside in asides:
            if not form.fullmatch(aside):
                self.fail(mark, "aside", repr(aside), "a capital, one or two words, and an end: Mind now.")
            for phrase in self.words.said_in(aside):
                self.fail(mark, "vocabulary", f"the words {phrase!r}", "what is said in this genre")

    def _header(self, mark: Mark, text: str) -> None:
        if self._voice is None:
            missing = [key for key in HEAD if not self.head.get(key)]
            if missing:
                self.fail(mark, "missing_head", f"no {', no '.join(missing)} before the first header", "all")
            names = tuple(self.head.get("for", "").split())
            given, habits = self.head.get("given", ""), self.head.get("habits", "")
            genre, name, asides = (self.head.get(key, "") for key in ("genre", "voice", ASIDES))
            again = asides_of(self.head.get(AGAIN, ""))
            self._voice = Voice(genre, name, names, given, habits, asides_of(asides), again)
        self._end_of_header()
        self._headers += 1
        self._plan, faults = read_plan(text, self.signatures)
        self.faults.extend(Found(mark, fault) for fault in faults)
        self._empty = mark

    def _end_of_header(self) -> None:
        if self._empty is not None:
            self.fail(self._empty, "no_lines", "a header without a line", "a line or more under each header")
        self._empty = None

    def _line(self, mark: Mark, written: str) -> None:
        self._empty = None
        if self._plan is None or self._voice is None:
            return
        cut = LEFT_OUT.search(written)
        text = written[: cut.start()] if cut else written
        pair = Pair(self._voice, self._plan, text, mark, frozenset(cut[1] if cut else ""))
        self.pairs.append(pair)
        for kind, found, allowed in line_faults(pair, self.words):
            self.fail(mark, kind, found, allowed)


def asides_of(text: str) -> tuple[str, ...]:
    """Return the asides of a head, which stand between slashes."""
    return tuple(part.strip() for part in text.split("/") if part.strip())


def read_file(
    file: str, text: str, signatures: Mapping[str, Signature], words: Words
) -> tuple[Sequence[Pair], Sequence[Found]]:
    """Return the pairs of a file, and what is wrong with it, in the order of its lines.

    A line with a fault makes a pair all the same; one under a header that is none makes no pair.
    """
    reading = Reading(file, signatures, words)
    reading.read(text)
    return reading.pairs, reading.faults


def line_faults(pair: Pair, words: Words) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with one line: kind, what was found, what is allowed."""
    text = pair.text
    yield from _slot_faults(pair)
    bare = SLOT.sub("", text)
    if digits := DIGIT.findall(text):
        yield "digit", f"the digit {digits[0]}", "numbers in words, or {N}"
    if odd := ODD.findall(bare):
        yield "odd_character", f"the character {odd[0]!r}", "letters, plain punctuation, — and …"
    for verb in AGREEING.findall(text):
        yield "agreement", f"{verb.strip()!r} after a pronoun", "a past tense, or {A.is}, was, has, does"
    for word in _stray_capitals(text):
        if word not in words.capitals:
            yield "capital", f"the word {word!r}", "a capital where a sentence begins, I, or a placeholder"
    if not re.match(r"[\"'“(]?(?:\{|[A-Z—…])", text):
        yield "beginning", f"the beginning {text[:12]!r}", "a capital or a placeholder"
    if not re.search(r"[.?!…—][\"'”)]*$", text):
        yield "end", f"the end {text[-12:]!r}", "a full stop, ?, !, … or —"
    for phrase in words.said_in(bare):
        yield "vocabulary", f"the words {phrase!r}", f"what is said in {pair.voice.genre}"


def _slot_faults(pair: Pair) -> Iterator[tuple[str, str, str]]:
    if pair.is_frame and not (
        pair.plan.act in FRAMED and not pair.plan.claims and pair.text.count(FRAME) == 1
    ):
        yield "frame", FRAME, "once, under tell or ask without a claim"
    text = pair.text.replace(FRAME, "")
    for inside, _ in SLOT.findall(text):
        if fault := slot_fault(inside):
            yield "placeholder", f"{{{inside}}}", fault
    said = {letter for letter, _ in slots_of(text)} - {SPEAKER, HEARER}
    given = pair.plan.letters
    if extra := sorted(said - given):
        found = ", ".join(f"{{{letter}}}" for letter in extra)
        yield "extra_placeholder", found, f"those of the plan: {', '.join(sorted(given)) or 'none'}"
    if missing := sorted(given - said - pair.left_out):
        yield "missing_placeholder", f"no {', no '.join(missing)}", "all of the plan, or ~ and the letters"
    if false := sorted(pair.left_out & said) or sorted(pair.left_out - given):
        yield "left_out", f"~{''.join(false)}", "letters of the plan that the line does not say"


def _stray_capitals(text: str) -> Iterator[str]:
    for found in CAPITAL.finditer(text):
        inside = text.rfind("{", 0, found.start()) > text.rfind("}", 0, found.start())
        if inside or found[0] in SELF or SENTENCE_END.search(text, 0, found.start()):
            continue
        yield found[0]
