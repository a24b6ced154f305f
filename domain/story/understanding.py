"""What a player's words are taken for: what is done by them, whom they name, what they ask, what they claim.

Pure, and by the world's own names and predicates. Whatever is typed, nothing here can make it so: a claim is
what that player says (`domain.beliefs.words`), brackets and echoes are words like any other.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

from domain.beliefs.claims import Claim, kind_of
from domain.beliefs.ground import Ground
from domain.beliefs.messages import WORDS_MAX
from domain.beliefs.vocabulary import Vocabulary
from domain.beliefs.words import Reader, Said
from domain.lore.terms import STOP, folded, stem, words_of
from domain.story.forms import (
    AFTER,
    ASKED_BY,
    ASKED_FIRST,
    ASKING,
    ASKING_FOR,
    CHATTING,
    FIRST,
    HERE,
    IRREGULAR,
    MEMORY_OF,
    PARTS,
    PRONOUNS,
    THAT,
    THERE,
    WHICH,
    Does,
)
from domain.story.slots import Gender

ABOUT_MAX, ASKS_MAX, PARTS_MAX = 8, 16, 4
PLACES = ("place", "district", "territory", "zone")
PEOPLE = ("person", "player")


@dataclass(frozen=True, slots=True)
class Understanding:
    """What words were taken for.

    Attributes:
        about: what they name, or mean by he, she, there; never who speaks or is spoken to.
        yours: whether they speak of who is spoken to. mine: of who speaks. here: of where both are.
        asks: predicates by which an answer would claim; empty: anything about it.
        asked: claims of which they ask whether they are so.
        claims: what they claim.
        beside: what else they ask; None: nothing.
    """

    does: Does
    about: tuple[str, ...] = ()
    yours: bool = False
    mine: bool = False
    here: bool = False
    asks: tuple[str, ...] = ()
    asked: tuple[Claim, ...] = ()
    claims: tuple[Said, ...] = ()
    beside: "Understanding | None" = None


@dataclass(frozen=True, slots=True)
class Before:
    """What was talked of just now with this person.

    Attributes:
        about: what was named, the last first: whom "he" and "there" mean.
        asks: by which predicates was asked last: what "And Gault?" asks.
    """

    about: Sequence[str] = ()
    asks: tuple[str, ...] = ()


NOTHING = Before()


@dataclass(frozen=True)
class Ear:
    """Understands words in one world; made once for each definition.

    Attributes:
        hints: stems of predicates' own words, with the predicates that have them: first those that are said
            by it ("killed"), then those that may be heard in it ("was killed": dead).
        genders: of people, by argument.
        aliases: by the stem of a word, what alone has it in its name, or is alone called so by its trade.
    """

    reader: Reader
    hints: Mapping[str, Sequence[str]]
    genders: Mapping[str, Gender]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def understand(
        self, words: str, player: str, person: str, before: Before | Sequence[str] = NOTHING
    ) -> Understanding:
        """Return what words are taken for.

        Args:
            words: what the player says.
            player: who says it (player.ann).
            person: to whom (person.gault).
            before: what was talked of just now.
        """
        earlier = before if isinstance(before, Before) else Before(before)
        claims = tuple(self.reader.read(words, player, person))
        parts = [part for part in PARTS.split(words[:WORDS_MAX]) if words_of(part)][:PARTS_MAX]
        made: list[Understanding] = []
        for part in parts if len(parts) > 1 else [words]:
            talked = (*(each for one in reversed(made) for each in one.about), *earlier.about)
            now = Before(talked, made[-1].asks if made else earlier.asks)
            own = claims if len(parts) < 2 else tuple(self.reader.read(part, player, person))
            made.append(self._understand(part, (player, person), now, own))
        return _together(made, claims)

    def _understand(
        self, words: str, who: tuple[str, str], before: Before, claims: tuple[Said, ...]
    ) -> Understanding:
        player, person = who
        text = " ".join(folded(words[:WORDS_MAX]).split())
        said = set(words_of(text))
        here = HERE.search(text) is not None
        about = self._about(words, said, before.about, set(who), here=here)
        does = _does(text, claims)
        asking = does in (Does.ASK, Does.ASK_OPINION)
        asks = self._asks(text, about, before) if asking else _remembered(text, does)
        return Understanding(
            does,
            about,
            yours=bool(said & {"you", "your", "yours"}),
            mine=bool(said & {"i", "me", "my", "mine", "we"}),
            here=here,
            asks=asks,
            asked=tuple(self._asked(asks, about, person, player, said)) if asking and _whether(text) else (),
            claims=claims,
        )

    def _about(
        self, words: str, said: set[str], before: Sequence[str], themselves: set[str], *, here: bool
    ) -> tuple[str, ...]:
        named = [each for each in self.reader.named(words) if kind_of(each) not in ("number", "weather")]
        if not named:
            named = [self.aliases[root] for root in map(stem, words_of(words)) if root in self.aliases]
        meant = [*named, *self._meant(said, named, before, here=here)]
        return tuple(dict.fromkeys(each for each in meant if each not in themselves))[:ABOUT_MAX]

    def _meant(
        self, said: set[str], named: Sequence[str], before: Sequence[str], *, here: bool
    ) -> Iterator[str]:
        """Yield whom pronouns mean: of what was talked of last, the last that fits."""
        people = [each for each in before if kind_of(each) in PEOPLE]
        for word in sorted(said & PRONOUNS.keys()):
            fits = (each for each in people if self.genders.get(each, Gender.THEY) in PRONOUNS[word])
            yield from (each for each in [next(fits, "")] if each)
        if said & THERE:
            yield from [each for each in before if kind_of(each) in PLACES][:1]
        if said & THAT and not named and not here:
            yield from [each for each in before if kind_of(each) in ("good", "quest", *PLACES)][:1]

    def _asks(self, text: str, about: Iterable[str], before: Before) -> tuple[str, ...]:
        """Return the predicates that a question asks for, the likeliest first."""
        known = self.reader.ground.vocabulary.predicates
        names = {word for each in about for word in words_of(self.reader.ground.names.get(each, ""))}
        words = [word for word in words_of(text) if word not in names]
        bare = " ".join(words)
        found: dict[str, None] = {}
        for form, predicates in ASKED_FIRST:
            if form.search(bare):
                found |= dict.fromkeys(each for each in predicates if each in known)
        for word in words:
            found |= dict.fromkeys(self.hints.get(stem(IRREGULAR.get(word, word)), ()))
        for form, predicates in ASKED_BY:
            if form.search(bare) and not (found and "at" in predicates):
                found |= dict.fromkeys(each for each in predicates if each in known)
        if not found and FOLLOWS.match(text):
            return before.asks
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


FOLLOWS = re.compile(r"^(?:and|what about|how about|or)\b")
"""How a question begins that asks the same of somebody else."""


def _together(made: Sequence[Understanding], claims: tuple[Said, ...]) -> Understanding:
    """Return what several sentences are together: the first that asks, and what is asked next."""
    first = next((one for one in made if one.does not in LESS), None) or next(
        (one for one in made if one.does != Does.UNFORESEEN), made[0]
    )
    others = (one for one in made if one is not first and one.does == Does.ASK)
    beside = next(others, None) if first.does == Does.ASK else None
    return replace(first, claims=claims, beside=beside)


LESS = frozenset({Does.GREET, Does.FAREWELL, Does.THANK, Does.CHAT, Does.UNFORESEEN, Does.APOLOGISE})
"""What is passed over where somebody says something else beside it."""


def _whether(text: str) -> bool:
    """Return whether a question asks whether something is so, and not who, where or how much."""
    return WHICH.search(text) is None


def _remembered(text: str, does: Does) -> tuple[str, ...]:
    """Return what a person is asked to remember of a player's words."""
    if does != Does.ASK_MEMORY:
        return ()
    return next(((name,) for form, name in MEMORY_OF if form.search(text)), ())


def _does(text: str, claims: Sequence[Said]) -> Does:
    for does, form in FIRST:
        if form.search(text):
            return does
    if not claims:
        if CHATTING.search(text):
            return Does.CHAT
        if ASKING_FOR.search(text):
            return Does.ORDER
        if ASKING.search(text):
            return Does.ASK
    if claims:
        return Does.TELL
    return next((does for does, form in AFTER if form.search(text)), Does.UNFORESEEN)


def ear_of(reader: Reader, genders: Mapping[str, Gender], trades: Mapping[str, str] | None = None) -> Ear:
    """Return who understands words in a world. ``trades``: by person, what they are ("night nurse")."""
    return Ear(reader, _hints(reader.ground.vocabulary), genders, _aliases(reader.ground, trades or {}))


ALIAS_MIN = 4
"""Letters of a word that may stand for a name by itself."""


def _aliases(ground: Ground, trades: Mapping[str, str]) -> Mapping[str, str]:
    """Return by stem what a single word means: a name that has it alone among all names, or a trade."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for argument, name in ground.names.items():
        if kind_of(argument) in ALIASED:
            for word in name.lower().split():
                if len(word) >= ALIAS_MIN and word.isalpha() and word not in STOP | _NO_NAMES:
                    found[stem(word)].add(argument)
    called: defaultdict[str, set[str]] = defaultdict(set)
    for argument, trade in trades.items():
        for word in trade.lower().partition(" of ")[0].split()[-1:]:
            called[stem(word)].add(argument)
    return {root: _only(named) for root, named in (*called.items(), *found.items()) if _only(named)}


ALIASED = ("person", "place", "faction", "good", "district", "territory")


def _only(named: Collection[str]) -> str:
    """Return the one that a word means: the only one of the first kind of which there is one."""
    for kind in ALIASED:
        of = [each for each in named if kind_of(each) == kind]
        if len(of) == 1:
            return of[0]
    return ""


def _hints(words: Vocabulary) -> Mapping[str, Sequence[str]]:
    """Return by stem the predicates in whose words it stands; what many have says nothing."""
    found: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for predicate in words.predicates.values():
        for form in (predicate.says, *predicate.heard):
            for word in words_of(re.sub(r"\{\w+\}", " ", form)):
                if word not in STOP and word not in _COMMON:
                    found[stem(IRREGULAR.get(word, word))].setdefault(predicate.id, form != predicate.says)
    return {
        root: sorted(names, key=lambda each: (names[each], each))
        for root, names in found.items()
        if len(names) <= HINTED_MAX
    }


HINTED_MAX = 4
_COMMON = frozenset({"saw", "met", "found", "people", "one", "name", "true", "away", "they"})
_NO_NAMES = frozenset(
    (
        "night", "house", "last", "first", "good", "fair", "time", "work", "place", "street", "lord",
        "lady", "mother", "captain", "father", "sister", "brother", "master", "piece", "pair", "half",
        "dozen", "under", "over", "true", "name", "with", "from", "that", "what", "news", "open",
        "shut", "rain", "storm", "frost", "free", "keeper", "well", "hand", "back", "right", "left",
        "none", "cold", "warm", "back", "still", "quiet", "nobody", "stop", "promise", "secret", "help",
        "money", "price", "weather", "love", "hate", "kill", "dead", "death", "friend", "weep", "long",
        "short", "small", "great", "black", "white", "grey", "gray", "green", "old", "young",
    )
)  # fmt: skip
"""Words of names that people say without meaning anybody."""
