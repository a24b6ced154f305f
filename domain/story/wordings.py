"""What a sentence claims, read by the wordings of predicates (``wordings.txt``), with its negation. Pure.

A sentence becomes plain words: contractions are written out, verbs agree with nobody, and whom it speaks of
is a number in angle brackets: a name, ``I``, ``you``, or a pronoun that can mean whoever the plan speaks of.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.story.meaning import Meaning, Terms
from domain.story.plan import HEARER, SPEAKER, Kind, Signature
from domain.story.slots import Gender
from domain.story.text import AGREED, Sentence, Token

ANYBODY = "*"
"""Who a pronoun means if it can be several."""

NEGATORS_WORDS = (
    "failed fails refused refuses "
    "not never no nobody none nothing hardly scarcely neither nor without denies deny denied doubt "
    "doubts false untrue lie nonsense wrong almost nearly tried rumour cannot nowhere invented "
    "pretend pretends"
)
NEGATORS = frozenset(NEGATORS_WORDS.split())
OPEN_WORDS = (
    "if unless would could should might may perhaps maybe suppose wonder whether though likely "
    "whoever thought thinks claims claimed believed pretended"
)
OPEN = frozenset(OPEN_WORDS.split())
TURNING = NEGATORS | OPEN
"""Words that change what a sentence says; where a wording has them itself, they are found as a group."""

FILLER_WORDS = (
    "failed fails refused refuses right "
    "not never no longer just really truly surely certainly also even still now then already once "
    "only always indeed all own very so plainly quietly actually probably perhaps maybe again too "
    "yet ever at last after of course has had did does is was be been being will would might may "
    "could can must should shall got to going about who that which the a an some any poor old "
    "young dear good our this your my his their her soon almost nearly tried hardly scarcely "
    "finally today tonight yesterday tomorrow both each either simply clearly later first often "
    "sometimes usually gladly badly there here back up have n't said says they"
)
FILLERS = frozenset(FILLER_WORDS.split())
"""Words that may stand between any two of a wording; ~ marks them where wordings are looked for."""

GAP = r"(?: (?:~\S+|@\d+|<\d+> 's))* "
BOUND = re.compile(r" (?:,|but|and|because|so|while|yet|or) ")
AFTER = re.compile(
    r"^ nothing\b|(?:that|which|it|this)(?: is|'s| was) (?:not (?:so|true|the case)|a lie|all lies|false|"
    r"untrue|nonsense|wrong)|never happened|did not happen|not at all|my foot|"
    r"is (?:a lie|not true|untrue|false)\b"
)
BELIED = re.compile(
    r"^(?:(?:but|and|no|well|except|only) ,? ?)*(?:that|this|it|all of (?:it|that)|none of (?:it|that)|"
    r"the opposite|not a word of (?:it|that))(?: is| was| has|'s)?(?: all| just| only| simply)*(?: a| the)? ?"
    r"(?:lies?|not (?:so|true|the case|what happened)|untrue|false|nonsense|never happened|did not happen)"
)
NOT_SO = re.compile(r"^(?:that|this)(?: is|'s) (?:not (?:so|true|the case|what happened)|untrue|nonsense)")
"""How a claim about words is denied: that somebody's words were a lie may be the claim itself."""

WORD = re.compile(r"\((?:[^()]*)\)|\{\d\}|[^\s]+")


CAN = re.compile(r"\bcan (?:has|see|give|take|want)\b")
COMING = re.compile(r"^<\d+> (?:will|shall|is going to|is about to)\b")


class Worded(NamedTuple):
    """A claim that a sentence makes.

    Attributes:
        start: first character in the sentence's plain words. end: behind the last.
        open: it is supposed, asked or wished and not stated. coming: it is said of the future.
    """

    claim: Meaning
    start: int
    end: int
    open: bool = False
    coming: bool = False


@dataclass(frozen=True, slots=True)
class Plain:
    """A sentence in plain words.

    Attributes:
        who: for each number in brackets, whom it can mean. places: character → token that it came from.
        pronouns: numbers of brackets that are pronouns of the third person.
    """

    text: str = field(repr=False)
    who: Sequence[tuple[str, ...]]
    places: Sequence[tuple[int, Token]]
    pronouns: frozenset[int]


@dataclass(frozen=True, slots=True)
class Wordings:
    """The wordings of predicates.

    Attributes:
        patterns: predicate, whether it says that the predicate does not hold, and what finds it.
        verbs: predicate → words that only its wordings have in common with few others.
    """

    patterns: Sequence[tuple[str, bool, re.Pattern[str]]] = ()
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    verbs: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def read(self, plain: Plain, terms: Terms) -> list[Worded]:
        """Return what a sentence claims, in the order of the words."""
        found: dict[tuple[Meaning, int], Worded] = {}
        marked = " ".join(f"~{word}" if word in FILLERS else word for word in plain.text.split(" "))
        for predicate, negated, pattern in self.patterns:
            for match in pattern.finditer(marked):
                claim = self._claim(predicate, match, plain, terms)
                if claim is None:
                    continue
                start, end = (at - marked.count("~", 0, at) for at in match.span())
                odd, open_, coming = _mood(plain.text, (start, end), match.groups())
                claim = claim._replace(negated=negated != odd)
                found.setdefault((claim, start), Worded(claim, start, end, open_, coming))
        return sorted(found.values(), key=lambda one: (one.start, one.end))

    def _claim(self, predicate: str, match: re.Match[str], plain: Plain, terms: Terms) -> Meaning | None:
        given = match.groupdict()
        signature = self.signatures.get(predicate)
        kinds = [role.kinds for role in signature] if signature else [frozenset({Kind.PERSON})]
        roles = []
        for at, may in enumerate(kinds, 1):
            number = given.get(f"r{at}")
            if number is None:
                roles.append(ANYBODY)
                continue
            fits = [id_ for id_ in plain.who[int(number)] if id_ == ANYBODY or kind_of(id_, terms) in may]
            if not fits:
                return None
            roles.append(fits[0] if len(fits) == 1 else ANYBODY)
        return Meaning(predicate, tuple(roles))


def kind_of(id_: str, terms: Terms) -> Kind | None:
    """Return what an id is; of one that only the world knows, by its first part."""
    if id_ in (SPEAKER, HEARER):
        return Kind.PERSON
    if id_ in terms.kinds:
        return terms.kinds[id_]
    head = id_.partition(".")[0]
    return Kind(head) if head in set(Kind) else None


def read_wordings(text: str, signatures: Mapping[str, Signature]) -> Wordings:
    """Return the wordings of ``wordings.txt``: ``predicate: wording / wording``, slots as ``{1}``.

    Raises:
        ValueError: a predicate is unknown, or a line has no colon.
    """
    patterns: list[tuple[str, bool, re.Pattern[str]]] = []
    verbs: dict[str, set[str]] = {}
    for line in text.splitlines():
        bare = line.partition("#")[0].strip()
        if not bare:
            continue
        head, colon, wordings = bare.partition(":")
        predicate = head.removeprefix("not ").strip()
        if not colon or (predicate[0] != "*" and predicate not in signatures):
            raise ValueError(f"no predicate of claims.txt: {head!r}")
        for wording in wordings.split(" / "):
            patterns.append((predicate, head.startswith("not "), _pattern(wording.strip())))
            verbs.setdefault(predicate, set()).update(_verbs(wording))
    common = FILLERS | NEGATORS | _PREPOSITIONS
    words = {name: frozenset(each - common) for name, each in verbs.items()}
    return Wordings(patterns, signatures, words)


PREPOSITIONS_WORDS = (
    "well eyes time world soft spot each other back door doors true good hold holds keep keeps own say "
    "at in by on from to for with of off out into up down over near among as between through and it "
    "what is was has word hand hands go goes get gets found left had work kept keeps stand stands "
    "them he she s you"
)
_PREPOSITIONS = frozenset(PREPOSITIONS_WORDS.split())


def _verbs(wording: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", re.sub(r"\{\d\}", " ", wording)))


def _pattern(wording: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def part(found: str) -> str:
        if found.startswith("{"):
            name = f"r{found[1]}"
            if name in seen:
                return rf"[<@](?P={name})>?"
            seen.add(name)
            return rf"[<@](?P<{name}>\d+)>?"
        if found.startswith("("):
            return rf"(?:{'|'.join(_words(each) for each in found[1:-1].split('|'))})"
        return _words(found)

    # What stands in brackets may name slots of its own; those are written out before.
    pieces = [part(each) for each in WORD.findall(wording)]
    return re.compile(r"(?<![\w'])" + GAP.join(pieces) + r"(?![\w'])")


def _words(text: str) -> str:
    words = []
    for word in text.split():
        if word == "their":
            words.append(r"(?:<\d+> 's|~their|~the|~a)")
        elif word in ("you", "me", "us"):
            words.append(r"<\d+>")
        elif slot := re.fullmatch(r"\{(\d)\}", word):
            words.append(rf"<(?P<r{slot[1]}>\d+)>")
        else:
            forms = sorted({AGREED.get(each, each) for each in (word, *_stems(word))})
            marked = "|".join(f"~{form}" if form in FILLERS else form for form in forms)
            words.append(f"({'' if TURNING & {*forms} else '?:'}{marked})")
    return GAP.join(words)


IRREGULAR_PAIRS = (
    "took/take taken/take gave/give stole/steal stolen/steal saw/see told/tell left/leave fled/flee ran/run "
    "came/come went/go broke/break kept/keep made/make built/build began/begin swore/swear struck/strike "
    "hid/hide found/find met/meet held/hold lost/lose got/get sold/sell bought/buy brought/bring sent/send "
    "lied/lie slew/slay lay/lie stood/stand sat/sit fell/fall lent/lend wove/weave"
)
IRREGULAR: Mapping[str, str] = dict(pair.split("/") for pair in IRREGULAR_PAIRS.split())


def _stems(word: str) -> Sequence[str]:
    """Return the forms that a past has behind "did not": took, take; killed, kill."""
    if word in IRREGULAR:
        return (IRREGULAR[word],)
    if len(word) < 5 or not word.endswith("ed") or word == "founded":
        return ()
    stem = word[:-2]
    if stem.endswith("i"):
        return (f"{stem[:-1]}y",)
    doubled = len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz"
    return (stem, f"{stem}e", *((stem[:-1],) if doubled or stem.endswith("ll") else ()))


def _mood(text: str, span: tuple[int, int], groups: Sequence[str | None]) -> tuple[bool, bool, bool]:
    """Return whether a claim is denied, whether it is only supposed, and whether it is to come."""
    before, said = text[: span[0]], text[slice(*span)]
    cut = max((found.end() for found in BOUND.finditer(before)), default=0)
    prefix = before[cut:].split()
    words = (*prefix, *said.split())
    literal = sum(group is not None and group.strip("~") in NEGATORS for group in groups)
    denied = sum(word in NEGATORS for word in words) - literal + bool(AFTER.search(text, span[1]))
    own = {group.strip("~") for group in groups if group is not None}
    open_ = bool(OPEN & {*words} - own) or bool(CAN.search(said)) or prefix[-1:] == ["ask"]
    return denied % 2 == 1, open_, bool(COMING.search(said))


def plain_words(sentence: Sentence, terms: Terms) -> Plain:
    """Return a sentence in plain words."""
    writer = _Writer(terms)
    for token in sentence.tokens:
        writer.token(token)
    return Plain(" ".join(writer.words), writer.who, writer.places, frozenset(writer.pronouns))


_I = {"i": "", "me": "", "myself": "", "my": "'s", "mine": "'s", "we": "", "us": ""}
_YOU = {"you": "", "yourself": "", "your": "'s", "yours": "'s"}
_THEY = {
    "he": "he",
    "him": "he",
    "his": "he",
    "she": "she",
    "her": "she",
    "hers": "she",
    "they": "",
    "them": "",
}
_THEY |= {"their": "", "theirs": ""}
_OWNING = frozenset({"his", "hers", "their", "theirs"})
_SELF = frozenset({"himself", "herself", "themself", "themselves", "itself", "oneself"})
_ENDS = {"m": "is", "re": "is", "ve": "has", "ll": "will", "d": "would", "s": "is", "t": "not"}


class _Writer:
    """Writes a sentence in plain words."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.words: list[str] = []
        self.who: list[tuple[str, ...]] = []
        self.places: list[tuple[int, Token]] = []
        self.pronouns: list[int] = []
        self._length = 0

    def token(self, token: Token) -> None:
        """Write one token."""
        if token.mention:
            self._mention(token)
        elif token.text.startswith("'") and token.text[1:] in _ENDS:
            self._word("'s" if token.text == "'s" else _ENDS[token.text[1:]], token)
        elif token.word:
            for word in _written_out(token.word):
                self._plain(word, token)
        elif token.text[0] in ',;:—"(':
            self._word(",", token)

    def _mention(self, token: Token) -> None:
        assert token.mention is not None
        id_, form = token.mention.id, token.mention.form.lower()
        if form in ("is", "was", "has", "does"):
            self._word(form, token)
            return
        if self.terms.kinds.get(id_) == Kind.TIME:
            self._word(f"@{len(self.who)}", token)
            self.who.append((id_,))
        else:
            self._bracket((id_,), token)
        if form in ("their", "theirs") or token.text.endswith("}'s"):
            self._word("'s", token)
        elif form == "they's":
            self._word("is", token)

    def _plain(self, word: str, token: Token) -> None:
        if word in _I or word in _YOU:
            self._bracket((SPEAKER if word in _I else HEARER,), token)
            if (_I | _YOU)[word]:
                self._word("'s", token)
        elif word in _THEY:
            self.pronouns.append(len(self.who))
            self._bracket(self._meant(_THEY[word]), token)
            if word in _OWNING:
                self._word("'s", token)
        else:
            self._word("themself" if word in _SELF else AGREED.get(word, word), token)

    def _meant(self, gender: str) -> tuple[str, ...]:
        """Return whom a pronoun can mean: people of that gender in the plan, but the two who talk."""
        terms = self.terms
        people = {id_ for claim in terms.claims for id_ in (*claim.roles, *claim.circumstances)}
        may = (gender, Gender.THEY) if gender else (Gender.THEY,)
        return tuple(
            id_
            for id_ in sorted(people - {SPEAKER, HEARER})
            if terms.genders.get(id_, "") in may or (not gender and terms.kinds.get(id_) == Kind.FACTION)
        )

    def _bracket(self, who: tuple[str, ...], token: Token) -> None:
        self._word(f"<{len(self.who)}>", token)
        self.who.append(who)

    def _word(self, word: str, token: Token) -> None:
        self.places.append((self._length, token))
        self.words.append(word)
        self._length += len(word) + 1


def _written_out(word: str) -> Iterator[str]:
    """Yield the words of a contraction: ``didn't`` is did not."""
    if word in ("can't", "cannot"):
        yield from ("can", "not")
    elif word in ("won't", "shan't"):
        yield from ("will", "not")
    elif word == "ain't":
        yield from ("is", "not")
    elif word.endswith("n't"):
        yield from (word[:-3], "not")
    elif "'" in word and word.rpartition("'")[2] in _ENDS:
        head, _, tail = word.rpartition("'")
        yield head
        yield _ENDS[tail]
    else:
        yield word
