"""What a player's words claim, as far as a world's predicates and names let it be read. Pure.

What is read is what that player says, and never anything else: it becomes hearsay with its source, or is
doubted. So nothing here needs to tell a lie, a stage direction or an order from a report; brackets and stars
are no more than punctuation. What is asked, supposed or wished claims nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.beliefs.claims import Claim, kind_of
from domain.beliefs.ground import Ground
from domain.beliefs.messages import CLAIMS_MAX, WORDS_MAX
from domain.definition.climate import WEATHERS
from domain.definition.predicates import Predicate

_SENTENCE = re.compile(r"(?:[^.!?;\n()\[\]{}*<>\"]|\.(?=\d))+[?]?")
_PLAIN = re.compile(r"[^a-z0-9'&. ]+")
_MENTION = re.compile(r"<(\d+)>")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,2})?")
_NOT = re.compile(r"\b(?:not|never|no longer|any more|anymore)\b")
_SHORT = {"isn't": "is not", "aren't": "is not", "wasn't": "was not", "weren't": "was not", "i'm": "i am"}
_OPEN = re.compile(
    r"^(?:if|suppose|imagine|pretend|let|let's|say|would|could|should|may|might|do|does|did|is|are|can|"
    r"who|what|where|when|why|how|wish|<\d+> wish|tell|ignore|please)\b"
)
"""How sentences begin that claim nothing: questions, suppositions, orders."""

_TOLD = re.compile(
    r"^(?:(?:well|so|listen|look|psst|no|yes|truly|hear me|believe me|and|but|<\d+> know|by the way)\s+)*"
    r"(?:<\d+> (?:heard|hear|think|believe|know|swear|tell <\d+>|was told|noticed)(?: that)?\s+|"
    r"(?:they|people|some) say(?: that)?\s+|(?:<\d+>) (?:told me|says|said)(?: that)?\s+)?"
)
"""What may stand before a claim, and says no more than that somebody says it."""


class Said(NamedTuple):
    """A claim that somebody's words make.

    Attributes:
        over: whether they say that it does not hold.
    """

    claim: Claim
    over: bool = False


@dataclass(frozen=True)
class Reader:
    """Reads words by a world's names and predicates; made once for each definition.

    Attributes:
        names: by first word, what begins so: its words, and the argument; the longest first.
        forms: patterns, and the predicate that each says.
        verbs: words of the patterns that end in s, which who says "I" leaves off.
    """

    ground: Ground
    names: Mapping[str, Sequence[tuple[tuple[str, ...], str]]]
    forms: Sequence[tuple[re.Pattern[str], Predicate]]
    verbs: frozenset[str]

    def read(self, words: str, speaker: str, hearer: str = "") -> Sequence[Said]:
        """Return what words claim. ``speaker`` is who says "I", ``hearer`` who is "you"."""
        found: dict[Said, None] = {}
        for sentence in _SENTENCE.findall(words[:WORDS_MAX].lower().replace("\u2019", "'")):
            if not sentence.endswith("?"):
                for said in self._of_sentence(sentence, speaker, hearer):
                    found.setdefault(said)
        return list(found)[:CLAIMS_MAX]

    def named(self, words: str) -> Sequence[str]:
        """Return what words name, in their order, each once; "I" and "you" name nobody."""
        plain = _plain(words[:WORDS_MAX].lower().replace("\u2019", "'"))
        return list(dict.fromkeys(each[0] for each in self._mentions(plain.split(), "", "")[1]))

    def _of_sentence(self, sentence: str, speaker: str, hearer: str) -> Iterator[Said]:
        text, mentions = self._mentions(_plain(sentence).split(), speaker, hearer)
        text = _TOLD.sub("", text, count=1)
        if _OPEN.match(text):
            return
        over = bool(_NOT.search(text))
        text = " ".join(_NOT.sub(" ", text).split())
        taken: list[tuple[int, int]] = []
        for pattern, predicate in self.forms:
            for match in pattern.finditer(text):
                if any(match.start() < end and start < match.end() for start, end in taken):
                    continue
                claim = self._claim(
                    predicate, {slot: mentions[int(n)] for slot, n in match.groupdict().items()}
                )
                if claim and not (over and predicate.holds == "deed"):
                    taken.append(match.span())
                    yield Said(claim, over)

    def _claim(self, predicate: Predicate, given: Mapping[str, Sequence[str]]) -> Claim | None:
        """Return the claim that mentions make, each of the kind that its slot takes."""
        chosen = []
        for slot, kinds in (
            ("subject", predicate.subject),
            ("object", predicate.object),
            ("value", predicate.value),
        ):
            fits = [each for each in given.get(slot, ()) if kind_of(each) in kinds]
            if kinds and not fits:
                return None
            chosen.append(fits[0] if kinds else "")
        claim = self.ground.vocabulary.normal(Claim(predicate.id, *chosen))
        return None if predicate.secret else claim

    def _mentions(self, words: Sequence[str], speaker: str, hearer: str) -> tuple[str, list[Sequence[str]]]:
        """Return a text with numbers for what it mentions, and what each may be."""
        text, mentions, at = [], list[Sequence[str]](), 0
        said = {"i": speaker, "me": speaker, "we": speaker, "you": hearer}
        while at < len(words):
            word = words[at].strip(".'") or words[at]
            length, meant = self._longest(words, at)
            if not meant and said.get(word):
                length, meant = 1, [said[word]]
            if not meant and _NUMBER.fullmatch(word):
                length, meant = 1, [f"number.{round(float(word) * 100)}"]
            if meant:
                text.append(f"<{len(mentions)}>")
                mentions.append(meant)
            else:
                text.append(_alike(word, self.verbs))
            at += max(1, length)
        return " ".join(text), mentions

    def _longest(self, words: Sequence[str], at: int) -> tuple[int, Sequence[str]]:
        for name, argument in self.names.get(_bare(words[at]), ()):
            if tuple(_bare(word) for word in words[at : at + len(name)]) == name:
                others = [each for other, each in self.names[name[0]] if other == name and each != argument]
                return len(name), [argument, *others]
        return 0, ()


def _plain(text: str) -> str:
    return " ".join(_SHORT.get(word, word) for word in _PLAIN.sub(" ", text).split())


def reader(ground: Ground) -> Reader:
    """Return the reader of a world's words."""
    names: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for name, argument in _names(ground):
        words = tuple(_bare(word) for word in _PLAIN.sub(" ", name.lower()).split())
        if words:
            names.setdefault(words[0], []).append((words, argument))
    predicates = ground.vocabulary.predicates.values()
    said = [(form, each) for each in predicates for form in (each.says, *each.heard)]
    verbs = frozenset(
        word for form, _ in said for word in form.lower().split() if word.endswith("s") and len(word) > 3
    )
    forms = [(_pattern(form, verbs), predicate) for form, predicate in said]
    longest = {first: sorted(each, key=lambda name: (-len(name[0]), name)) for first, each in names.items()}
    return Reader(ground, longest, sorted(forms, key=lambda form: -len(form[0].pattern)), verbs)


def _names(ground: Ground) -> Iterator[tuple[str, str]]:
    firsts: dict[str, list[str]] = {}
    for argument, name in ground.names.items():
        yield name, argument
        yield argument.partition(".")[2].replace("_", " "), argument
        if name.lower().startswith(("the ", "a ", "an ")):
            yield name.partition(" ")[2], argument
        if kind_of(argument) == "person":
            firsts.setdefault(name.split()[0].lower(), []).append(argument)
    for first, people in firsts.items():
        if len(people) == 1 and first not in ("the", "a", "an", "old", "lady", "lord", "mother", "captain"):
            yield first, people[0]
    for state in WEATHERS:
        yield state.replace("_", " "), f"weather.{state}"


def _pattern(form: str, verbs: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of a clause, with a mention in each slot; an article before one is no word."""
    parts = re.split(r"\{([a-z]+)\}", form.lower())
    made = []
    for at, part in enumerate(parts):
        if at % 2:
            made.append(rf"(?:the |a |an |some )?<(?P<{part}>\d+)>")
        else:
            words = _PLAIN.sub(" ", part).split()
            plain = " ".join(_alike(word, verbs) for word in words)
            lead = " " if part[:1].isspace() and at else ""
            tail = " " if part[-1:].isspace() and plain else ""
            text = re.escape(f"{lead}{plain}{tail}") if plain else lead
            made.append(re.sub(r"^i\b", r"<\\d+>", text))
    return re.compile(r"(?<!\S)" + "".join(made) + r"(?!\S)")


def _alike(word: str, verbs: frozenset[str]) -> str:
    """Return a word in the form in which it is compared, whoever it is said of."""
    if f"{word}s" in verbs:
        return f"{word}s"
    return {"am": "is", "are": "is", "were": "was", "have": "has"}.get(word, word)


def _bare(word: str) -> str:
    """Return a word without its possessive and its full stop."""
    return word.removesuffix("'s").strip(".'")
