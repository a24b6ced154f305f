"""How a line is to be spoken: emotion, how much of it, pace, stress, and how names sound. By rule. Pure."""

import re
from collections.abc import Iterable, Mapping

from domain.story.clauses import Thing
from domain.story.messages import Direction, Pronounced
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood
from domain.story.saying import Saying

INTENSITY: Mapping[Mood, int] = {
    Mood.CALM: 200, Mood.MERRY: 600, Mood.SAD: 550, Mood.ANGRY: 750, Mood.AFRAID: 700,
    Mood.WEARY: 400, Mood.BITTER: 500, Mood.TENDER: 450, Mood.PROUD: 500,
}  # fmt: skip
PACE: Mapping[Mood, int] = {
    Mood.MERRY: 1_100, Mood.SAD: 850, Mood.ANGRY: 1_120, Mood.AFRAID: 1_200, Mood.WEARY: 820,
    Mood.TENDER: 920,
}  # fmt: skip
LOUDER = frozenset({Act.THREATEN, Act.ACCUSE, Act.INSULT, Act.PLEAD, Act.WARN})
EMPHASISED = (Kind.PERSON, Kind.PLACE, Kind.FACTION, Kind.GOOD, Kind.SUM)
NAMED = (Kind.PERSON, Kind.PLACE, Kind.FACTION)

_PIECE = re.compile(r"[^aeiouy]*[aeiouy]+(?:[^aeiouy]+$|[^aeiouy](?=[^aeiouy]))?")
_VOWELS: Mapping[str, str] = {
    "a": "a", "e": "eh", "i": "ih", "o": "o", "u": "uh", "y": "ih", "ee": "ee", "ea": "ee", "ai": "ay",
    "ay": "ay", "oa": "oh", "oo": "oo", "ou": "ow", "ow": "ow", "au": "aw", "aw": "aw", "ie": "ee",
    "ei": "ay", "ey": "ee", "oi": "oy", "oy": "oy", "ue": "oo", "ui": "oo", "eau": "oh", "ia": "ee-a",
    "io": "ee-o",
}  # fmt: skip
_CONSONANTS = (("ck", "k"), ("ph", "f"), ("qu", "kw"), ("x", "ks"), ("wh", "w"), ("c", "k"))
_LONG: Mapping[str, str] = {"a": "ay", "e": "ee", "i": "eye", "o": "oh", "u": "oo", "y": "eye"}
_SILENT = re.compile(r"([aeiouy])([^aeiouyw])e(?=s?$)")


def direction_of(saying: Saying, text: str) -> Direction:
    """Return how a plan's words are to be spoken."""
    strong = 150 * (saying.act in LOUDER) + 100 * (saying.attitude in (Attitude.SCORNFUL, Attitude.WARM))
    doubt = saying.certainty in (Certainty.UNSURE, Certainty.HEARSAY) and bool(saying.claims)
    things = [each for claim in saying.claims for each in claim.roles if isinstance(each, Thing)]
    said = [each for each in things if each.filling.name in text]
    return Direction(
        emotion=saying.mood,
        intensity=min(1_000, INTENSITY[saying.mood] + strong),
        pace=PACE.get(saying.mood, 1_000) - 50 * doubt,
        emphasis=_once(each.filling.name for each in said if each.kind in EMPHASISED)[:1],
        names=[
            Pronounced(name=name, spoken=spoken(name))
            for name in _once(each.filling.name for each in said if each.kind in NAMED)
        ],
    )


def spoken(name: str) -> str:
    """Return a name respelt by syllables, the first of each word stressed: OH-dah-lis PYKE."""
    words = re.findall(r"[A-Za-z]+", name)
    return " ".join(_word(word.lower(), small=word[0].islower()) for word in words)


def _word(word: str, *, small: bool) -> str:
    long = _SILENT.sub(lambda found: f"{found[1]}\u0304{found[2]}", word)
    marked = long.replace("\u0304", "")
    pieces = _PIECE.findall(marked) or [marked]
    lengthened = long.find("\u0304") - 1
    made, at = [], 0
    for piece in pieces:
        made.append(_syllable(piece, lengthened - at if at <= lengthened < at + len(piece) else -1))
        at += len(piece)
    return "-".join(made if small else [made[0].upper(), *made[1:]])


def _syllable(piece: str, long: int) -> str:
    found = re.search(r"[aeiouy]+", piece)
    if found is None:
        return piece
    vowels = found[0]
    sound = _LONG[vowels] if long >= 0 and vowels in _LONG else _VOWELS.get(vowels, vowels)
    head, tail = piece[: found.start()], piece[found.end() :]
    for written, heard in _CONSONANTS:
        head, tail = head.replace(written, heard), tail.replace(written, heard)
    return head + sound + tail


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
