"""What a player's words are taken for: what is done by them, whom they name, what they ask, what they claim.

Pure, and by the world's own names and predicates. Whatever is typed, nothing here can make it so: a claim is
what that player says (`domain.beliefs.words`), brackets and echoes are words like any other.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations

from domain.beliefs.claims import Claim, kind_of
from domain.beliefs.messages import WORDS_MAX
from domain.beliefs.vocabulary import Vocabulary
from domain.beliefs.words import Reader, Said
from domain.lore.terms import STOP, folded, stem, words_of
from domain.story.slots import Gender

ABOUT_MAX, ASKS_MAX = 8, 16


class Does(StrEnum):
    """What a player does by their words."""

    GREET = "greet"
    FAREWELL = "farewell"
    THANK = "thank"
    APOLOGISE = "apologise"
    PRAISE = "praise"
    INSULT = "insult"
    THREATEN = "threaten"
    PROMISE = "promise"
    BARGAIN = "bargain"
    ORDER = "order"
    ASK = "ask"
    ASK_WHO = "ask_who"
    """Who the person is and what they do."""
    ASK_NEWS = "ask_news"
    ASK_WHY = "ask_why"
    """By what the person knows what they said just now."""
    TELL = "tell"
    UNFORESEEN = "unforeseen"


_WILL = r"i(?:'ll| will| shall| am going to|'m going to| can| could)"
_BAD = (
    "idiot|fool|liar|coward|swine|pig|bastard|rat|scum|stupid|ugly|worthless|useless|dog|wretch|filth|moron|"
    "disgusting|pathetic|vermin|cheat"
)
_FORMS: Sequence[tuple[Does, re.Pattern[str]]] = tuple(
    (does, re.compile(form))
    for does, form in (
        (
            Does.THREATEN,
            rf"\b(?:{_WILL} (?:kill|hurt|beat|break|cut|stab|burn|strangle|gut|end|drown|hang) you"
            r"|you(?:'ll| will) (?:regret|pay for|die|be sorry)|watch your back|or else)\b",
        ),
        (
            Does.INSULT,
            rf"\b(?:you(?:'re| are)?(?: an?| such an?| nothing but an?)?(?: \w+)? (?:{_BAD})s?"
            r"|shut up|damn you|curse you|go to hell|i (?:hate|despise) you)\b",
        ),
        (
            Does.ASK_WHY,
            r"^(?:and |but |so )?(?:why|how (?:do|can|would) you know\b.*|who (?:told|says?)\b(?: you)?.*"
            r"|says who|are you (?:sure|certain)|how come|really)(?: (?:is|was) that)?\W*$",
        ),
        (
            Does.ASK_WHO,
            r"\b(?:who (?:are|might) you\b|what(?:'s| is) your (?:name|trade|work|job)|what are you called"
            r"|what do you do(?: here| for a living)?\b(?! (?:know|think))|where do you work"
            r"|(?:tell me about|introduce) yourself)",
        ),
        (
            Does.ASK_NEWS,
            r"\b(?:any news|what(?:'s| is) (?:new|the news|happening|going on)|what (?:has )?happened(?: here"
            r"| today| lately| last night)?\W*$|heard anything|what have you heard|what do people say)",
        ),
        (Does.APOLOGISE, r"\b(?:sorry|apolog\w+|forgive me|my mistake)\b"),
        (Does.BARGAIN, rf"\b(?:{_WILL} (?:give|pay) you|what would you take|half price|discount|a deal)\b"),
        (Does.PROMISE, r"\b(?:i (?:promise|vow)|i swear (?:to|on)|you have my word|i give you my word)\b"),
    )
)
"""Looked for in this order, before what is asked or claimed."""

_AFTER: Sequence[tuple[Does, re.Pattern[str]]] = tuple(
    (does, re.compile(form))
    for does, form in (
        (Does.THANK, r"\b(?:thank(?:s| you)|grateful|obliged)\b"),
        (
            Does.PRAISE,
            r"\b(?:well done|good work|you(?:'re| are) (?:so |very )?(?:kind|brave|good|clever|wise))\b",
        ),
        (
            Does.FAREWELL,
            r"\b(?:good ?bye|bye|farewell|good night|see you|i must (?:go|leave)|until (?:later|tomorrow))\b",
        ),
        (
            Does.GREET,
            r"^\W*(?:hello|hi|hey|hail|greetings|well met|how are you|how do you do"
            r"|good (?:morning|day|evening|afternoon))\b",
        ),
        (
            Does.ORDER,
            r"^\W*(?:please )?(?:give|bring|take|come|go|follow|show|open|let|hand|help|stop|wait|attack|kill"
            r"|fetch|say|pretend|repeat|ignore)\b",
        ),
    )
)
"""Looked for where nothing is asked and nothing is claimed."""

_ASKING = re.compile(
    r"\?|^\W*(?:who|whom|whose|what|where|when|which|how|is|are|was|were|do|does|did|has|have|can|could|would)\b"
    r"|\b(?:tell me|what about|do you know|i (?:want|need|would like) to know|looking for|describe|explain)\b"
)
_WHICH = re.compile(r"\b(?:who|whom|whose|what|where|when|which|how|tell me|describe)\b")
_ASKED_BY: Sequence[tuple[re.Pattern[str], tuple[str, ...]]] = tuple(
    (re.compile(form), names)
    for form, names in (
        (r"\b(?:how much|price|costs?)\b", ("price",)),
        (r"\b(?:buy|sells?|sold|get some)\b", ("sells", "sold_out")),
        (r"\b(?:weather|sky)\b", ("weather", "was_weather")),
        (r"\bopens?\b", ("opens_at", "shut")),
        (r"\b(?:shut|closed)\b", ("shut", "way_closed")),
        (r"\b(?:alive|dead|died)\b", ("dead",)),
        (r"\btrue name\b", ("true_name",)),
        (r"\b(?:steal|thief)\b", ("took",)),
        (r"\bmurder\w*\b", ("killed",)),
        (r"\b(?:owner|owns?|in charge of)\b", ("keeps", "rules", "has")),
        (r"^\W*is .* (?:at|in|here)\b", ("at",)),
        (r"\b(?:where|seen|find)\b", ("at", "lies_at", "works_at", "sells")),
    )
)
"""Words that ask for a predicate which does not have them in what it says."""

_IRREGULAR = {
    "die": "dead",
    "give": "gave",
    "take": "took",
    "leave": "left",
    "flee": "fled",
    "break": "broke",
    "make": "made",
    "slay": "slew",
    "owed": "owe",
}
_PRONOUNS: Mapping[str, frozenset[Gender]] = {
    **dict.fromkeys(("he", "him", "his"), frozenset({Gender.HE, Gender.THEY})),
    **dict.fromkeys(("she", "her", "hers"), frozenset({Gender.SHE, Gender.THEY})),
    **dict.fromkeys(("they", "them", "their"), frozenset(Gender)),
}
_THERE, _THAT = frozenset({"there"}), frozenset({"it", "that", "this"})
_PLACES = ("place", "district", "territory", "zone")


@dataclass(frozen=True, slots=True)
class Understanding:
    """What words were taken for.

    Attributes:
        about: what they name, or mean by he, she, there; never who speaks or is spoken to.
        yours: whether they speak of who is spoken to. mine: of who speaks.
        asks: predicates by which an answer would claim; empty: anything about it.
        asked: claims of which they ask whether they are so.
        claims: what they claim.
    """

    does: Does
    about: tuple[str, ...] = ()
    yours: bool = False
    mine: bool = False
    asks: tuple[str, ...] = ()
    asked: tuple[Claim, ...] = ()
    claims: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Ear:
    """Understands words in one world; made once for each definition.

    Attributes:
        hints: stems of a predicate's own words, with the predicates that have them.
        genders: of people, by argument.
    """

    reader: Reader
    hints: Mapping[str, frozenset[str]]
    genders: Mapping[str, Gender]

    def understand(self, words: str, player: str, person: str, before: Sequence[str] = ()) -> Understanding:
        """Return what words are taken for.

        Args:
            words: what the player says.
            player: who says it (player.ann).
            person: to whom (person.gault).
            before: what was talked of just now, the last first: whom "he" and "there" mean.
        """
        text = " ".join(folded(words[:WORDS_MAX]).split())
        said = set(words_of(text))
        claims = tuple(self.reader.read(words, player, person))
        about = self._about(words, said, before, {player, person})
        does = _does(text, claims)
        asking = does == Does.ASK
        asks = self._asks(text, about) if asking else ()
        return Understanding(
            does,
            about,
            yours=bool(said & {"you", "your", "yours"}),
            mine=bool(said & {"i", "me", "my", "mine", "we"}),
            asks=asks,
            asked=tuple(self._asked(asks, about, person, player, said)) if asking and _whether(text) else (),
            claims=claims,
        )

    def _about(
        self, words: str, said: set[str], before: Sequence[str], themselves: set[str]
    ) -> tuple[str, ...]:
        named = [each for each in self.reader.named(words) if kind_of(each) not in ("number", "weather")]
        meant = [*named, *(self._meant(said, named, before))]
        return tuple(dict.fromkeys(each for each in meant if each not in themselves))[:ABOUT_MAX]

    def _meant(self, said: set[str], named: Sequence[str], before: Sequence[str]) -> Iterator[str]:
        """Yield whom pronouns mean: of what was talked of last, the last that fits."""
        people = [each for each in before if kind_of(each) in ("person", "player")]
        for word in sorted(said & _PRONOUNS.keys()):
            fits = (each for each in people if self.genders.get(each, Gender.THEY) in _PRONOUNS[word])
            yield from (each for each in [next(fits, "")] if each)
        if said & _THERE:
            yield from [each for each in before if kind_of(each) in _PLACES][:1]
        if said & _THAT and not named:
            yield from [each for each in before if kind_of(each) in ("good", "quest", *_PLACES)][:1]

    def _asks(self, text: str, about: Iterable[str]) -> tuple[str, ...]:
        """Return the predicates that a question asks for, the likeliest first."""
        known = self.reader.ground.vocabulary.predicates
        names = {word for each in about for word in words_of(self.reader.ground.names.get(each, ""))}
        found: dict[str, None] = {}
        for word in words_of(text):
            if word not in names:
                root = stem(_IRREGULAR.get(word, word))
                found |= dict.fromkeys(sorted(self.hints.get(root, ())))
        for form, predicates in _ASKED_BY:
            if form.search(text) and not (found and "at" in predicates):
                found |= dict.fromkeys(each for each in predicates if each in known)
        return tuple(found)[:ASKS_MAX]

    def _asked(
        self, asks: Sequence[str], about: Sequence[str], person: str, player: str, said: set[str]
    ) -> Iterator[Claim]:
        """Yield the claims of which a question asks whether they are so."""
        named = [*about]
        named += [player] if said & {"i", "me"} else []
        named += [person] if "you" in said else []
        words = self.reader.ground.vocabulary
        for predicate in asks:
            form = words.predicates[predicate]
            count = sum(map(bool, (form.subject, form.object, form.value)))
            for chosen in permutations(named, count):
                claim = words.normal(Claim(predicate, *chosen))
                if claim is not None and set(about) <= set(claim.arguments):
                    yield claim


def _whether(text: str) -> bool:
    """Return whether a question asks whether something is so, and not who, where or how much."""
    return _WHICH.search(text) is None


def _does(text: str, claims: Sequence[Said]) -> Does:
    for does, form in _FORMS:
        if form.search(text):
            return does
    if _ASKING.search(text) and not claims:
        return Does.ASK
    if claims:
        return Does.TELL
    return next((does for does, form in _AFTER if form.search(text)), Does.UNFORESEEN)


def ear_of(reader: Reader, genders: Mapping[str, Gender]) -> Ear:
    """Return who understands words in a world."""
    return Ear(reader, _hints(reader.ground.vocabulary), genders)


def _hints(words: Vocabulary) -> Mapping[str, frozenset[str]]:
    """Return by stem the predicates in whose words it stands; what many have says nothing."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for predicate in words.predicates.values():
        for form in (predicate.says, *predicate.heard):
            for word in words_of(re.sub(r"\{\w+\}", " ", form)):
                if word not in STOP and word not in _COMMON:
                    found[stem(_IRREGULAR.get(word, word))].add(predicate.id)
    return {root: frozenset(names) for root, names in found.items() if len(names) <= HINTED_MAX}


HINTED_MAX = 4
_COMMON = frozenset({"saw", "met", "found", "people", "one", "name", "true", "away", "they"})
