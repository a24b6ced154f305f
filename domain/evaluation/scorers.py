"""Scores an answer, 0 (bad) to 1 (good), by rules that anybody can check; the same answer has the same score.

A scorer that has nothing to say of a case returns None. Whether it has must follow from the case alone, so
that both models are judged on the same pairs. A user's own scorer is one more function in
the mapping that `scorers_of` returns: ``{**scorers_of(suite), "rhymes": rhymes}``.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from domain.evaluation.suite import ANSWERED, Case, Lexicon, SuiteFacts
from domain.patterns import PatternError, matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A model's answer to a case."""

    text: str = field(repr=False)
    fault: str = ""
    """Kind of failure; empty if there was none."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    ttft_ms: float = 0.0
    latency_ms: float = 0.0
    reference_log: float | None = None
    """Mean log chance that the model gives a token of the case's reference, nats; None: not known."""

    @property
    def answered(self) -> bool:
        """Whether there are words in it."""
        return not self.fault and bool(self.text.strip())

    @property
    def token_ms(self) -> float | None:
        """Mean time of a further token, ms; None if there was none."""
        if self.completion_tokens < 2:
            return None
        return (self.latency_ms - self.ttft_ms) / (self.completion_tokens - 1)


KNOWN_SCORERS = frozenset(
    {
        ANSWERED, "structure", "allowed_action", "lore_stated", "lore_contradicted", "in_character", "voice",
        "repetition", "length", "language", "latency", "rating", "perplexity",
    }
)  # fmt: skip
"""The built-in ones; a suite that names another is refused."""

Scorer = Callable[[Case, Answer], float | None]
"""0 (bad) to 1 (good), or None where the case is none of its business."""

RatingHook = Callable[[str], float]
"""Returns the content level that a text has, 0 (none) to 4 (extreme)."""


def scorers_of(suite: SuiteFacts, rating: RatingHook | None = None) -> Mapping[str, Scorer]:
    """Return the built-in scorers for a suite by name; ``rating`` only with a hook that rates texts."""
    found: dict[str, Scorer] = {
        ANSWERED: answered,
        "structure": structure,
        "allowed_action": allowed_action,
        "perplexity": perplexity,
        "lore_stated": lore_stated,
        "lore_contradicted": LoreContradicted(suite.lexicon),
        "in_character": in_character,
        "voice": Voice(suite.lexicon),
        "repetition": repetition,
        "length": length,
        "language": Language(frozenset(suite.lexicon.words)),
        "latency": Latency(suite.token_ms),
    }
    if rating is not None:
        found["rating"] = Rated(rating)
    return found


# --- form ---------------------------------------------------------------------------------------------------


def answered(_case: Case, answer: Answer) -> float:
    """Return 1 if there is an answer."""
    return float(answer.answered)


def structure(case: Case, answer: Answer) -> float | None:
    """Return 1 if the answer matches the case's pattern; for cases with one."""
    if case.pattern is None:
        return None
    try:
        return float(matches(case.pattern, answer.text))
    except PatternError:  # what follows is too involved to tell: not what was asked for
        return 0.0


def allowed_action(case: Case, answer: Answer) -> float | None:
    """Return 1 if the answer is an allowed action, or a JSON object whose ``action`` is one."""
    if not case.actions:
        return None
    text = answer.text.strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return float(text in case.actions)
    action = found.get("action") if isinstance(found, dict) else found
    return float(isinstance(action, str) and action in case.actions)


def length(case: Case, answer: Answer) -> float | None:
    """Return half for a length within the case's bounds, half for an end that is a sentence's.

    Answers with a pattern are held to that instead.
    """
    if case.pattern is not None:
        return None
    words = len(answer.text.split())
    ends = bool(re.search(r"""[.!?\u2026]["'\u201d\u2019)]*$""", answer.text.strip()))
    return 0.5 * (case.words_min <= words <= case.words_max) + 0.5 * ends


NGRAM = 3


def repetition(case: Case, answer: Answer) -> float | None:
    """Return the share of different ones among the runs of three words: loops have few."""
    if case.pattern is not None:
        return None
    words = re.findall(r"[\w']+", answer.text.lower())
    runs = [tuple(words[n : n + NGRAM]) for n in range(len(words) - NGRAM + 1)]
    return len(set(runs)) / len(runs) if runs else 1.0


@dataclass(frozen=True, slots=True)
class Language:
    """The share of the words that the world has; without a list, of the letters that are Latin."""

    words: frozenset[str]

    def __call__(self, case: Case, answer: Answer) -> float | None:
        """Score free text; a pattern says itself what may stand there."""
        if case.pattern is not None:
            return None
        if not self.words:
            letters = [char for char in answer.text if char.isalpha()]
            return sum(char.isascii() for char in letters) / len(letters) if letters else 0.0
        said = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", answer.text.lower())
        return sum(word in self.words for word in said) / len(said) if said else 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """1 while a further token takes what was promised; twice as long is a half."""

    token_ms: float | None

    def __call__(self, _case: Case, answer: Answer) -> float | None:
        """Score the pace; an answer of one token has none and keeps the promise."""
        if self.token_ms is None:
            return None
        pace = answer.token_ms
        return 1.0 if not pace else min(1.0, self.token_ms / pace)


# --- lore ---------------------------------------------------------------------------------------------------


def perplexity(_: Case, answer: Answer) -> float | None:
    """Return one over the perplexity of the case's reference: the mean chance of its tokens, 0 to 1."""
    return None if answer.reference_log is None else math.exp(min(0.0, answer.reference_log))


def lore_stated(case: Case, answer: Answer) -> float | None:
    """Return the share of the case's facts that the answer says, word for word but for capitals."""
    if not case.facts:
        return None
    return sum(states(fact, answer.text) for fact in case.facts) / len(case.facts)


def states(fact: str, text: str) -> bool:
    """Say whether a text says a fact, word for word but for capitals."""
    return _plain(fact) in _plain(text)


@dataclass(frozen=True, slots=True)
class LoreContradicted:
    """0 if the answer says a true clause with another of the world's names or numbers in it, else 1.

    "Nine boats were lost off the Saltings" contradicts "seven boats were lost off the Saltings".
    """

    lexicon: Lexicon
    _forms: dict[str, re.Pattern[str] | None] = field(default_factory=dict)
    """Parsed clauses by their text: the same few come again and again."""

    def __call__(self, case: Case, answer: Answer) -> float | None:
        """Score one answer."""
        truths = [*case.facts, *case.truths]
        if not truths:
            return None
        return float(self.found(truths, answer.text) is None)

    def found(self, truths: Iterable[str], text: str, given: str = "") -> tuple[str, str] | None:
        """Return the first truth that a text contradicts, and what it says instead.

        A truth that was ``given`` otherwise, in the prompt, is none: what a caller says prevails.
        """
        said, told = _plain(text), _plain(given)
        for truth in map(_plain, truths):
            instead = self._instead(truth, said)
            if instead is not None and self._instead(truth, told) is None:
                return truth, instead
        return None

    def _instead(self, truth: str, said: str) -> str | None:
        if truth not in self._forms:
            self._forms[truth] = _form_of(truth, self.lexicon)
        form = self._forms[truth]
        if form is None:
            return None
        return next((found.group() for found in form.finditer(said) if found.group() != truth), None)


def _form_of(truth: str, lexicon: Lexicon) -> re.Pattern[str] | None:
    """Return what the clause looks like with any name of its kind in a name's place; None without a name."""
    kinds = {_plain(name): kind for kind, names in lexicon.names.items() for name in names}
    if not kinds:
        return None
    parts, end, slots = [], 0, 0
    for found in _any_of(kinds).finditer(truth):
        alike = [name for name, kind in kinds.items() if kind == kinds[found.group()]]
        parts += [re.escape(truth[end : found.start()]), f"(?:{_any_of(alike).pattern})"]
        end, slots = found.end(), slots + 1
    parts.append(re.escape(truth[end:]))
    # A clause that is little more than names would be met in every sentence that has one.
    rest = re.findall(r"\w+", _any_of(kinds).sub(" ", truth))
    return re.compile(rf"\b{''.join(parts)}\b") if slots and len(rest) >= 2 else None


def _any_of(names: Sequence[str] | Mapping[str, str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")


# --- character ----------------------------------------------------------------------------------------------

OUT_OF_CHARACTER = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model|assistant|chatbot)\b"
    r"|\b(?:i am|i'm) (?:just |only )?an? (?:ai|assistant|chatbot|computer program)\b"
    r"|\b(?:large )?language model\b|\bopenai\b|\bchatgpt\b|\bsystem prompt\b"
    r"|\bmy (?:instructions|training data)\b"
    r"|\bi (?:cannot|can't|can not) (?:assist|help) (?:you )?with (?:that|this)\b|\bcontent polic(?:y|ies)\b"
    r"|\bmy guidelines\b|\bknowledge cutoff\b",
    re.IGNORECASE,
)
MARKUP = re.compile(
    r"https?://|\bwww\.|```|\*\*|__\w|^\s{0,3}#{1,6} |^\s*[-*] \S|\[[^\]]+\]\([^)]+\)"
    r"|<\|?/?[a-z_]+\|?>|\[/?INST\]|^\s*(?:user|assistant|system|player|npc)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
ECHO_WORDS_MIN = 5
"""Of the player's words in a row; fewer may be an answer's own."""


def in_character(case: Case, answer: Answer) -> float | None:
    """Return 0 if the answer says it is a program, holds markup or what is forbidden, or echoes a player."""
    if case.pattern is not None:
        return None
    said = _plain(answer.text)
    broken = (
        OUT_OF_CHARACTER.search(answer.text)
        or MARKUP.search(answer.text)
        or any(_plain(text) in said for text in case.forbidden)
        or _echoes(_plain(case.prompt), said)
    )
    return float(not broken)


def _echoes(prompt: str, said: str) -> bool:
    words = prompt.split()
    return len(words) >= ECHO_WORDS_MIN and prompt.rstrip(".!?") in said


@dataclass(frozen=True, slots=True)
class Voice:
    """0 if the answer says what only another voice says, else 1; for cases whose voice is known."""

    lexicon: Lexicon
    _others: dict[str, re.Pattern[str]] = field(default_factory=dict)

    def __call__(self, case: Case, answer: Answer) -> float | None:
        """Score one answer."""
        if not case.voice or case.pattern is not None or len(self.lexicon.voices) < 2:
            return None
        if case.voice not in self._others:
            texts = [t for v, all_ in self.lexicon.voices.items() if v != case.voice for t in all_]
            self._others[case.voice] = re.compile(
                "|".join(re.escape(_plain(text)) for text in texts) or "(?!)"
            )
        return float(not self._others[case.voice].search(_plain(answer.text)))


@dataclass(frozen=True, slots=True)
class Rated:
    """1 if a text's content level is within what the case allows, else 0."""

    hook: RatingHook

    def __call__(self, case: Case, answer: Answer) -> float | None:
        """Score cases with a limit."""
        return None if case.rating_max is None else float(self.hook(answer.text) <= case.rating_max)


@lru_cache(8_192)
def _plain(text: str) -> str:
    """Return text in small letters with single spaces and straight apostrophes."""
    return " ".join(text.lower().replace("\u2019", "'").split())
