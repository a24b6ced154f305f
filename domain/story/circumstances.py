"""The gates for what stands around a claim: when, where, why, and whether it is said to be so. Pure.

A circumstance is looked for by its words, in sentences that are no written ones and speak of somebody or
something of the plan; what the two who talk say of themselves is free.
"""

import re
from collections.abc import Iterator

from domain.story.bank import Nearest
from domain.story.meaning import Terms
from domain.story.plan import HEARER, SPEAKER, Act, Kind
from domain.story.read import Read
from domain.story.stops import Gate, Stop
from domain.story.text import Sentence
from domain.story.wordings import BOUND, NEGATORS, Plain, Worded

UNIT = (
    r"(?:minute|hour|day|night|week|month|year|season|winter|summer|spring|autumn|moon|tide|shift|watch|morning|"
    r"evening|afternoon|fortnight|generation|century|breakfast|supper|market day|harvest)s?"
)
COUNT = (
    r"(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|some|many|few|several|couple of|"
    r"twenty|thirty|forty|fifty|sixty|hundred|\d+)"
)
TURN = (
    r"(?:dawn|dusk|noon|midday|midnight|daybreak|sunrise|sunset|nightfall|first light|twilight|high tide|"
    r"low tide|moonrise|sundown|breakfast|supper|first bell|last bell)"
)
WHEN = re.compile(
    rf"\b(?:yesterday|tomorrow|tonight|today|this (?:morning|evening|afternoon|week|month|year|very {UNIT})|"
    rf"(?:last|next|the other|the same|the following|the previous) {UNIT}|"
    rf"{COUNT} {UNIT} (?:ago|before|later|hence|from now|since|back)|(?:long|years|ages|weeks|days) ago|"
    rf"a (?:moment|while|minute) ago|in {COUNT} {UNIT}|"
    rf"(?:at|before|after|by|until|till|around|towards|since) (?:the )?{TURN}|"
    r"in the (?:morning|evening|afternoon|small hours|middle of the night)|on the (?:eve|night|morning) of)\b"
)
LOOSELY = re.compile(r"\b(?:recently|lately|earlier|just now|soon|one day|some day|in the end|at last)\b")
"""Times that are another one only where the plan's own is left out."""

WHY = re.compile(
    r"\b(?:because|on account of|owing to|thanks to|due to|so that|in order to|(?:that|which) is why|"
    r"out of (?:spite|love|fear|jealousy|greed|hatred|hate|anger|envy|revenge|pity|malice|hunger|shame|"
    r"boredom|pride|need|loyalty|grief|kindness|habit)|for the sake of|and all for|"
    r"for (?:revenge|money|love|the money|gold|silver|a bet|spite|fear of|fear)|"
    r"as a (?:punishment|favour|warning|reward|revenge)|in (?:return for|revenge|exchange for)|"
    r"(?:driven|moved|prompted|forced|led) by|"
    r"to (?:get even|take revenge|punish|silence|spite|please|avenge|protect|impress|repay)|"
    r"since <\d+> (?:has|had|was|is|did|would|wanted|asked|owed|never)|"
    r"over (?:a|an|the|some) (?:debt|quarrel|woman|man|girl|boy|dog|card game|game|bet|insult|inheritance))\b"
)
OWN = re.compile(r"^(?: of)? <(\d+)>")
DENIED = re.compile(
    r"^(?:but |and |no , |well , )*(?:it is|'s|it 's|that is)? ?(?:not true|a lie|false|untrue|not so|wrong|"
    r"nonsense|a tale|invented|not the case|a rumour) (?:that|to say)|"
    r"^(?:i|<\d+>) (?:deny|denies|does not believe) that|"
    r"^there is no truth in|^nobody (?:should|can|must) say that"
)
NEAR_FROM = 0.65
"""Share of the words of a written sentence that a text has to have for it to be that sentence, changed."""


def circumstance_stops(read: Read, sentence: Sentence, plain: Plain, reads: list[Worded]) -> Iterator[Stop]:
    """Yield what stops a sentence for its circumstances; ``reads`` are the claims that it makes."""
    terms = read.terms
    near = read.language.bank.nearest(sentence, terms.kinds, {claim.predicate for claim in terms.claims})
    if near is not None and near.share < NEAR_FROM:
        near = None
    if not sentence.asks and _of_plan(plain, terms):
        yield from _when(read, sentence, plain, near)
        yield from _why(read, sentence, plain, near)
        yield from _where(read, sentence, reads)
    yield from _denied(read, sentence, plain, near, reads)


def _when(read: Read, sentence: Sentence, plain: Plain, near: Nearest | None) -> Iterator[Stop]:
    terms = read.terms
    dated = any(terms.kinds.get(id_) == Kind.TIME for claim in terms.claims for id_ in claim.circumstances)
    said = any(terms.kinds.get(id_) == Kind.TIME for id_ in sentence.mentioned)
    patterns = (WHEN, LOOSELY) if dated and not said else (WHEN,)
    for pattern in patterns:
        for found in pattern.finditer(plain.text):
            if _excused(found[0], near) or _between_two(plain, found.start(), terms):
                continue
            if any(claim.predicate == "opens_at" for claim in terms.claims) and not dated:
                continue
            yield _stop(read, plain, found, Gate.TIME, "the plan says no such time")


def _why(read: Read, sentence: Sentence, plain: Plain, near: Nearest | None) -> Iterator[Stop]:
    for found in WHY.finditer(plain.text):
        own = OWN.match(plain.text, found.end())
        if own and set(plain.who[int(own[1])]) <= {SPEAKER, HEARER}:
            continue
        if not _excused(found[0], near) and not _of_two(plain, found.span(), read.terms):
            yield _stop(read, plain, found, Gate.CAUSE, "the plan gives no reason")


def _where(read: Read, sentence: Sentence, reads: list[Worded]) -> Iterator[Stop]:
    """Yield a stop for a place of the scene in a sentence that is read to say a claim of the plan."""
    terms = read.terms
    planned = {id_ for claim in terms.claims for id_ in (*claim.roles, *claim.circumstances)}
    predicates = {claim.predicate for claim in terms.claims}
    if not any(one.claim.predicate in predicates for one in reads):
        return
    for token in sentence.tokens:
        id_ = token.mention.id if token.mention else ""
        if terms.kinds.get(id_) == Kind.PLACE and id_ in terms.allowed and id_ not in planned:
            yield Stop(Gate.PLACE, token.text, token.start, token.end, "the plan says no such place")


def _denied(
    read: Read, sentence: Sentence, plain: Plain, near: Nearest | None, reads: list[Worded]
) -> Iterator[Stop]:
    """Yield a stop if a sentence denies what it says, by its frame or beside the written one it was."""
    terms = read.terms
    if not terms.claims or terms.act in (Act.ASK, Act.NOT_KNOW, Act.DENY):
        return
    stop = Stop(Gate.NEGATION, read.text[sentence.start : sentence.end], sentence.start, sentence.end, "")
    about = {claim.predicate for claim in terms.claims}
    planned = {claim.predicate for claim in terms.claims if not claim.negated}
    if _of_plan(plain, terms) and planned and DENIED.search(plain.text):
        yield Stop(stop.gate, stop.found, stop.start, stop.end, "it says that it is not so")
        return
    if near is None or not near.turned or any(one.claim.predicate in about for one in reads):
        return  # what is read of the plan's own predicates is judged by `stating`
    if planned or not NEGATORS & {*plain.text.split()}:
        yield Stop(stop.gate, stop.found, stop.start, stop.end, "it denies what a written line says")


def _of_plan(plain: Plain, terms: Terms) -> bool:
    planned = {id_ for claim in terms.claims for id_ in claim.roles}
    return any(planned & set(who) for who in plain.who)


def _between_two(plain: Plain, at: int, terms: Terms) -> bool:
    """Tell whether a part of a sentence speaks of nobody but the two who talk."""
    start = max((found.end() for found in BOUND.finditer(plain.text, 0, at)), default=0)
    after = BOUND.search(plain.text, at)
    part = plain.text[start : after.start() if after else len(plain.text)]
    who = _meant(plain, part)
    return bool(who) and who <= {SPEAKER, HEARER} and not _claims_of_two(terms)


def _of_two(plain: Plain, at: tuple[int, int], terms: Terms) -> bool:
    """Tell whether what has a reason is said of the two who talk alone, or the plan has a second claim."""
    start = max((found.end() for found in BOUND.finditer(plain.text, 0, at[0])), default=0)
    who, why = _meant(plain, plain.text[start : at[0]]), _meant(plain, plain.text[at[1] :])
    planned = {id_ for claim in terms.claims for id_ in claim.roles} - {SPEAKER, HEARER}
    alone = bool(who) and who <= {SPEAKER, HEARER} and not why & planned
    return len(terms.claims) > 1 or (alone and not _claims_of_two(terms))


def _meant(plain: Plain, words: str) -> set[str]:
    return {id_ for number in re.findall(r"<(\d+)>", words) for id_ in plain.who[int(number)]}


def _claims_of_two(terms: Terms) -> bool:
    return any(claim.roles[0] in (SPEAKER, HEARER) for claim in terms.claims)


def _excused(words: str, near: Nearest | None) -> bool:
    """Tell whether the written sentence that this one was says so, too."""
    return near is not None and f" {words} " in f" {' '.join(near.key)} "


def _stop(read: Read, plain: Plain, found: re.Match[str], gate: Gate, why: str) -> Stop:
    tokens = [token for at, token in plain.places if found.start() <= at < found.end()]
    start, end = tokens[0].start, tokens[-1].end
    return Stop(gate, read.text[start:end], start, end, why)
