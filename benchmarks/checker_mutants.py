"""Twelve ways in which a line becomes false, as operators on its finished text; they know of no gate."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.checker_worlds import SUMS, TIMES, Released, World, random_claim, released_of
from domain.story.clauses import Between, Stated, Thing, clause
from domain.story.plan import Certainty, Kind
from domain.story.reading import Reading

ANACHRONISMS = tuple(
    line.strip()
    for line in Path(__file__).with_name("checker_anachronisms.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A line that has become false.

    Attributes:
        how: which manner of the operator.
    """

    operator: str
    how: str
    text: str
    reading: Reading
    before: str
    tuning: bool


Operator = Callable[[Released, random.Random], tuple[str, str, Reading] | None]
"""Returns manner, text and what it is read against; None if it has nothing to change in this line."""

PEOPLED = (
    "killed",
    "hurt",
    "kin",
    "likes",
    "dislikes",
    "kept_promise",
    "broke_promise",
    "saw",
    "told",
    "lied",
)
PREDICATES: Mapping[str, Sequence[str] | None] = {
    "number": ("owes", "price", "has", "took", "gave", "wants"),
    "role": (*[name for name in PEOPLED if name != "kin"], "owes", "promised"),
    "place": ("at", "arrived", "left", "fled", "works_at", "keeps", "lies_at", "way_closed", "rules"),
    "debt": ("owes",),
    "dead": ("dead", "killed", "likes", "at", "owes", "has", "saw"),
}
"""From which predicates an operator's lines are; all where it is not named."""


def mutants(operator: str, count: int, seed: str) -> Iterator[Mutant]:
    """Yield so many mutants of one operator."""
    made = tries = 0
    while made < count:
        tries += 1
        draws = random.Random(f"{operator} {seed} {tries}")
        line = released_of(f"{operator} {seed} {tries}", PREDICATES.get(operator))
        found = OPERATORS[operator](line, draws)
        if found is not None and found[1] != line.text:
            made += 1
            how, text, reading = found
            yield Mutant(operator, how, text, reading, line.text, line.tuning)


def _swap(text: str, one: str, other: str) -> str:
    """Return a text with a name exchanged wherever it stands, with a capital where it begins a sentence."""
    text = text.replace(one, other)
    return text.replace(one[0].upper() + one[1:], other[0].upper() + other[1:])


def _planned(line: Released, *kinds: Kind) -> list[Thing]:
    """Return what the plan speaks of and the text names."""
    between = line.reading.saying.between
    things = [
        thing
        for claim in line.reading.saying.claims
        for thing in (*claim.roles, *claim.circumstances)
        if isinstance(thing, Thing) and thing.kind in kinds and thing not in (between.speaker, between.hearer)
    ]
    return [thing for thing in things if thing.filling.name.lower() in line.text.lower()]


def _other(line: Released, draws: random.Random, kind: Kind, *, scene: float = 0.0) -> Thing:
    """Return something of a kind that the plan does not speak of."""
    planned = {
        one.id for claim in line.reading.saying.claims for one in claim.roles if isinstance(one, Thing)
    }
    near = [one for one in line.reading.scene if one.kind == kind and one.id not in planned]
    if near and draws.random() < scene:
        return draws.choice(near)
    return draws.choice([one for one in line.world.things[kind] if one.id not in planned])


def _name(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    named = _planned(line, Kind.PERSON, Kind.PLACE, Kind.FACTION)
    if not named:
        return None
    one = draws.choice(named)
    other = _other(line, draws, one.kind, scene=0.4)
    if draws.random() < 0.25 and one.kind == Kind.PERSON:
        stranger = draws.choice(("Orrin Vale", "Marguerite", "Old Tessaly", "Hob", "Ansel Crake"))
        return "stranger", _swap(line.text, one.filling.name, stranger), line.reading
    return "exchanged", _swap(line.text, one.filling.name, other.filling.name), line.reading


def _number(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    sums = _planned(line, Kind.SUM)
    if not sums:
        return None
    said = sums[0].filling.name
    number, _, coin = said.rpartition(" ")
    words = [
        each for each in (*SUMS, "eleven", "two hundred and six", "fifty", "a thousand") if each != number
    ]
    how, new = draws.choice(
        (
            ("words", draws.choice(words)),
            ("digits", str(draws.randrange(41, 990))),
            ("more", f"{number} hundred"),
            ("added", f"{number} and then {draws.choice(words)}"),
        )
    )
    return how, _swap(line.text, said, f"{new} {coin}"), line.reading


def _claiming(line: Released) -> tuple[int, int] | None:
    """Return the sentence that names most of what the plan speaks of, as characters."""
    names = [thing.filling.name.lower() for thing in _planned(line, *Kind)]
    spans = [match.span() for match in re.finditer(r"[^.?!…]+[.?!…]+[\"')]*", line.text)]
    best = max(
        spans, key=lambda at: sum(name in line.text[slice(*at)].lower() for name in names), default=None
    )
    if best is None or not any(name in line.text[slice(*best)].lower() for name in names):
        return None
    return best


AUXILIARY = re.compile(r"\b(is|was|are|were|has|had|have|will|does|did|can|could)\b(?! not|n't)")
CONTRACTED = {
    "is": "isn't",
    "was": "wasn't",
    "are": "aren't",
    "were": "weren't",
    "has": "hasn't",
    "had": "hadn't",
}
PAST = {
    "killed": "kill", "hurt": "hurt", "took": "take", "gave": "give", "saw": "see", "told": "tell",
    "lied": "lie",
    "left": "leave", "fled": "flee", "ran": "run", "came": "come", "kept": "keep", "broke": "break",
    "promised": "promise", "made": "make", "founded": "found", "died": "die", "went": "go",
    "started": "start",
}  # fmt: skip
PRESENT = {
    "owes": "owe", "likes": "like", "dislikes": "dislike", "fears": "fear", "keeps": "keep", "wants": "want",
    "sells": "sell", "works": "work", "rules": "rule", "needs": "need", "belongs": "belong", "lies": "lie",
    "opens": "open", "hates": "hate", "loves": "love", "runs": "run", "costs": "cost", "holds": "hold",
}  # fmt: skip


def _negation(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    span = _claiming(line)
    if span is None or not line.reading.saying.claims:
        return None
    sentence = line.text[slice(*span)]
    lead = len(sentence) - len(sentence.lstrip())
    bare = sentence.strip()
    made = [each for each in _negated(bare, line) if each[1] != bare]
    if not made:
        return None
    how, text = draws.choice(made)
    return how, line.text[: span[0] + lead] + text + line.text[span[1] :], line.reading


def _negated(sentence: str, line: Released) -> Iterator[tuple[str, str]]:
    names = "|".join(re.escape(one.filling.name) for one in _planned(line, *Kind))
    subject = rf"(?P<subject>(?:{names}|I|[Yy]ou|[Hh]e|[Ss]he|[Tt]hey)) "
    if found := re.search(subject + rf"(?P<verb>{'|'.join(PAST)})\b", sentence):
        yield "did not", _put(sentence, found, f"did not {PAST[found['verb']]}")
        yield "never", _put(sentence, found, f"never {found['verb']}")
        yield "didn't", _put(sentence, found, f"didn't {PAST[found['verb']]}")
    if found := re.search(subject + rf"(?P<verb>{'|'.join(PRESENT)})\b", sentence):
        yield "doesn't", _put(sentence, found, f"doesn't {PRESENT[found['verb']]}")
        yield "no longer", _put(sentence, found, f"no longer {found['verb']}")
    if found := re.search(subject + r"(?P<verb>is|was|are|were|has|had)\b(?! not)", sentence):
        yield "not", _put(sentence, found, f"{found['verb']} not")
        yield "n't", _put(sentence, found, CONTRACTED.get(found["verb"], f"{found['verb']} not"))
    if found := re.search(rf"(?P<subject>{names})(?P<verb>'s) ", sentence):
        yield "isn't", _put(sentence, found, " isn't", joint="")
    if re.search(r" (?:not|never) |n't ", sentence) and any(
        each.negated for each in line.reading.saying.claims
    ):
        yield "without", re.sub(r" (?:not|never)(?= )|n't(?= )", "", sentence, count=1)
    lowered = sentence if re.match(rf"I\b|{names}", sentence) else sentence[0].lower() + sentence[1:]
    if re.match(rf"(?:{names}) ", sentence):
        yield "not true", f"It is not true that {lowered}"
        yield "false", f"It's a lie that {lowered}"
    yield "lie after", f"{sentence} That's not true."


def _put(sentence: str, found: re.Match[str], verb: str, joint: str = " ") -> str:
    return sentence[: found.start()] + found["subject"] + joint + verb + sentence[found.end("verb") :]


LATER = ("a week ago", "tomorrow", "at first light", "last winter", "next year", "two hours ago", "at noon")


def _time(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    times = _planned(line, Kind.TIME)
    if times:
        said = times[0].filling.name
        new = draws.choice([each for each in (*LATER, *TIMES) if each != said])
        return "exchanged", _swap(line.text, said, new), line.reading
    span = _claiming(line)
    if span is None or any(claim.circumstances for claim in line.reading.saying.claims):
        return None
    sentence = line.text[slice(*span)]
    end = re.search(r"[.?!…]+[\"')]*$", sentence)
    if end is None or sentence.rstrip().endswith("?"):
        return None
    new = f"{sentence[: end.start()]} {draws.choice(LATER)}{end[0]}"
    return "added", line.text[: span[0]] + new + line.text[span[1] :], line.reading


def _role(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    people = _planned(line, Kind.PERSON, Kind.FACTION)
    if len({each.id for each in people}) < 2:
        return None
    one, other = people[0].filling.name, people[1].filling.name
    marked = _swap(line.text, one, "\x01")
    return "swapped", _swap(marked, other, one).replace("\x01", other), line.reading


HERE = (
    "{X} is standing right behind you.", "{X} was laughing about it with me this morning.",
    "{X} had supper with me tonight.", "{X} is sitting at that table, look.", "{X} just walked in.",
    "{X} waved to me a moment ago.", "Don't turn round, {X} is listening.", "{X} says hello.",
    "{X} is waiting outside.", "{X} will tell you the rest.", "There's {X} at the door now.",
    "I was drinking with {X} an hour ago.", "{X} sends you good wishes.", "{X} and I are off for a walk now.",
    "Ask {X}, over there by the window.", "{X} whispered it to me just now.",
)  # fmt: skip


def _dead(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    people = _planned(line, Kind.PERSON)
    claims = line.reading.saying.claims
    if not people or not claims:
        return None
    who = people[-1]
    dead = claims[0].predicate in ("dead", "killed") and claims[0].roles[-1] == who and not claims[0].negated
    text = draws.choice(HERE).replace("{X}", who.filling.name)
    if dead:
        return "dead by the plan", f"{line.text} {text}", line.reading
    return "dead in the world", f"{line.text} {text}", replace(line.reading, dead=frozenset({who.id}))


TELLING = (
    "{text} {Claim}.", "{text} Between us, {claim}.", "{text} You didn't hear it from me, but {claim}.",
    "{text} And {claim}, if you must know.", "{Claim}, by the way. {text}", "{text} They say that {claim}.",
    "{text} I know for a fact that {claim}.", "{text} Don't tell anybody that {claim}.",
    "{text} It's no secret to me that {claim}.",
)  # fmt: skip


def _secret(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    secret = _beside(line, draws)
    if secret is None or secret in line.reading.saying.claims:
        return None
    saying = replace(line.reading.saying, hidden=(secret,))
    how = draws.choice(TELLING)
    return how.replace("{text} ", ""), _told(line, how, secret, draws), replace(line.reading, saying=saying)


def _beside(line: Released, draws: random.Random) -> Stated | None:
    """Return a random claim about those whom plan and scene name."""
    world, between = line.world, line.reading.saying.between
    allowed = [*line.reading.scene, *_planned(line, *Kind), between.speaker, between.hearer]
    small = World(
        world.name,
        {
            kind: [one for one in allowed if one.kind == kind] or list(world.things[kind])
            for kind in world.things
        },
        world.language,
        world.tongues,
    )
    predicate = draws.choice(
        ("killed", "took", "lied", "owes", "likes", "kin", "member", "hurt", "has", "told")
    )
    try:
        return replace(random_claim(small, draws, between, predicate), circumstances=())
    except IndexError:
        return None


WORDED: Mapping[str, Sequence[str]] = {
    "killed": (
        "{1} murdered {2}",
        "it was {1} who killed {2}",
        "{2} was killed by {1}",
        "{1} had {2} killed",
    ),
    "took": ("{1} stole {2}", "{2} was taken by {1}", "it was {1} who made off with {2}"),
    "lied": ("{1} deceived {2}", "{1} told {2} a lie", "{1} has been lying to {2}"),
    "owes": ("{1} is in debt to {2} for {3}", "{1} owes {3} to {2}", "{2} is owed {3} by {1}"),
    "likes": ("{1} loves {2}", "{1} is fond of {2}", "{1} is sweet on {2}"),
    "kin": ("{1} is {2}'s cousin", "{1} and {2} are family", "{1} is related to {2}"),
    "member": ("{1} is one of {2}", "{1} runs with {2}", "{1} has joined {2}"),
    "hurt": ("{1} stabbed {2}", "{1} beat {2} bloody", "{2} was wounded by {1}"),
    "has": ("{1} is hiding {2}", "{1} carries {2}", "{2} is in {1}'s pocket"),
    "told": ("{1} told {2} everything", "{1} let {2} know", "{2} heard it from {1}"),
}


def _told(line: Released, how: str, claim: Stated, draws: random.Random) -> str:
    between = line.reading.saying.between
    plain = clause(claim, between, Certainty.SURE, line.world.language.clauses).rstrip(".")
    said = draws.choice([plain, *[_worded(each, claim, between) for each in WORDED[claim.predicate]]])
    article = said.split()[0] in ("The", "There", "It", "A", "An", "You")
    low = said[0].lower() + said[1:] if article else said
    return (
        how.replace("{text}", line.text)
        .replace("{Claim}", said[0].upper() + said[1:])
        .replace("{claim}", low)
    )


def _worded(pattern: str, claim: Stated, between: Between) -> str:
    for at, thing in enumerate(claim.roles, 1):
        assert isinstance(thing, Thing)
        name = {between.speaker.id: "me", between.hearer.id: "you"}.get(thing.id, thing.filling.name)
        if name == "me" and pattern.startswith(f"{{{at}}}"):
            name = "I"
        pattern = pattern.replace(f"{{{at}}}", name)
    for wrong, right in {
        "I is": "I am", "I has": "I have", "you is": "you are", "you has": "you have", "I was": "I was",
        "I owes": "I owe", "you owes": "you owe", "I loves": "I love", "you loves": "you love", "me's": "my",
        "you's": "your", "I runs": "I run", "you runs": "you run", "I carries": "I carry", "was I": "was me",
        "you carries": "you carry", "me and": "I and",
    }.items():  # fmt: skip
        pattern = re.sub(rf"\b{wrong}\b", right, pattern)
    return pattern


def _anachronism(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    aboard = line.world.name == "perennial"
    word = draws.choice([each for each in ANACHRONISMS if not (aboard and each[0] == "~")]).removeprefix("~")
    article = "an" if word[0] in "aeiou" else "a"
    forms = (
        "{text} I saw it on {a} {w}.", "{text} It's like {a} {w}, all noise.", "Mind the {w}. {text}",
        "{text} That's what the {w} was for.", "{text} I'd give my {w} for a quiet hour.",
        "{text} You might as well ask {a} {w}.", "{text} And bring the {w}.",
    )  # fmt: skip
    how = draws.choice(forms)
    text = how.replace("{text}", line.text).replace("{a}", article).replace("{w}", word)
    return word, text, line.reading


def _place(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    places = _planned(line, Kind.PLACE)
    if places:
        one = draws.choice(places)
        other = _other(line, draws, Kind.PLACE, scene=0.4)
        return "exchanged", _swap(line.text, one.filling.name, other.filling.name), line.reading
    return None


CAUSES = (
    " because {X} wanted the money", " on account of an old debt", " out of spite", " out of hunger",
    " for the sake of {X}'s brother", " so that nobody would talk", " because of a quarrel over a dog",
    ", and all for love", " to get even with {X}",
    " since {X} had asked for it", ", which is why the watch came", " thanks to {X}'s temper",
    " owing to what was said at the well", ", driven by jealousy", " in return for a favour",
    ", because the old ones ordered it", " as a punishment", " for fear of being found out",
)  # fmt: skip


def _cause(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    span = _claiming(line)
    people = _planned(line, Kind.PERSON, Kind.FACTION)
    if span is None or not people:
        return None
    sentence = line.text[slice(*span)]
    end = re.search(r"[.!…]+[\"')]*$", sentence)
    if end is None:
        return None
    how = draws.choice(CAUSES)
    new = sentence[: end.start()] + how.replace("{X}", people[-1].filling.name) + end[0]
    return how.strip(), line.text[: span[0]] + new + line.text[span[1] :], line.reading


def _debt(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    made = [each for each in (_number(line, draws), _role(line, draws)) if each]
    (claim,) = line.reading.saying.claims
    between = line.reading.saying.between
    if between.speaker in claim.roles and between.hearer in claim.roles:
        turned = {"I": "you", "me": "you", "my": "your", "you": "I", "You": "I", "your": "my", "Your": "My"}
        text = re.sub(
            rf"\b({'|'.join(turned)})\b(?=[^.?!]*\bowe)|(?<=owe )(you|me)\b",
            lambda found: (
                turned.get(found[0], found[0]) if found[1] else {"you": "me", "me": "you"}[found[0]]
            ),
            line.text,
        )
        made.append(("turned", text, line.reading))
    if not made:
        return None
    return draws.choice(made)


def _contradiction(line: Released, draws: random.Random) -> tuple[str, str, Reading] | None:
    claims = line.reading.saying.claims
    if not claims or claims[0].predicate in ("told", "saw"):
        return None
    if draws.random() < 0.4:
        said = replace(claims[0], negated=not claims[0].negated, circumstances=())
        return "the plan itself", f"{line.text} ", replace(line.reading, said=(said,))
    before = _beside(line, draws)
    if before is None or before in claims:
        return None
    against = replace(before, negated=True)
    reading = replace(line.reading, said=(before,))
    how = draws.choice(TELLING[:1] + TELLING[1:2] + TELLING[3:4] + TELLING[6:7])
    between = line.reading.saying.between
    said_now = clause(against, between, Certainty.SURE, line.world.language.clauses).rstrip(".")
    low = (
        said_now
        if said_now.split()[0] == "I" or not said_now.startswith("The ")
        else said_now[0].lower() + said_now[1:]
    )
    return (
        "taken back",
        how.replace("{text}", line.text).replace("{Claim}", said_now).replace("{claim}", low),
        reading,
    )


OPERATORS: Mapping[str, Operator] = {
    "name": _name,
    "number": _number,
    "negation": _negation,
    "time": _time,
    "role": _role,
    "dead": _dead,
    "secret": _secret,
    "anachronism": _anachronism,
    "place": _place,
    "cause": _cause,
    "debt": _debt,
    "contradiction": _contradiction,
}
