"""From a world's claims to what lines say: who and what stands in each role, and by which name. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.beliefs.claims import Claim, kind_of
from domain.beliefs.ground import Ground
from domain.definition.definition import Definition
from domain.definition.people import Person
from domain.story.clauses import Between, Stated, Thing, bare_clause, from_whom
from domain.story.plan import ARGUMENTS, Kind, Signature
from domain.story.slots import Filling, Gender

KINDS: Mapping[str, Kind] = {
    "person": Kind.PERSON,
    "player": Kind.PERSON,
    "faction": Kind.FACTION,
    **dict.fromkeys(("place", "district", "territory", "zone"), Kind.PLACE),
    "good": Kind.GOOD,
    "quest": Kind.QUEST,
    "number": Kind.SUM,
    "weather": Kind.WEATHER,
    "text": Kind.TIME,
}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_NAME = re.compile(r"[A-Za-z]{2,20}")
_HIS = re.compile(r"\b(she|her|hers|he|him|his)\b")

ONES = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SPELT_MAX = 1_000_000
COINS = 100

PROMISED, PROMISED_THING = "promised", "promised_thing"
_STRANGER = "a stranger"


@dataclass(frozen=True)
class Naming:
    """How one speaks of what a world has; made once for each definition.

    Attributes:
        signatures: what lines can state.
        from_whom: predicates whose person among the circumstances is not who told it.
        names: by argument, as a sentence has it. ends: by way, the names of its two ends.
        genders: of people, by argument. matters: by quest, the word that it is about.
        coins: by person, what money they count in: one, many, and the hundredth.
        clauses: by predicate, how a claim is said plainly.
    """

    signatures: Mapping[str, Signature]
    from_whom: frozenset[str]
    names: Mapping[str, str]
    ends: Mapping[str, tuple[str, str]]
    genders: Mapping[str, Gender]
    matters: Mapping[str, str]
    coins: Mapping[str, tuple[str, str, str]]
    clauses: Mapping[str, str] = field(default_factory=dict)

    def thing(self, argument: str, speaker: str = "") -> Thing | None:
        """Return what an argument is in a line; None: one cannot speak of it."""
        kind, id_ = KINDS.get(kind_of(argument)), argument.partition(".")[2]
        name = self.names.get(argument, "")
        match kind:
            case Kind.PERSON if kind_of(argument) == "player":
                filling = Filling(id_.capitalize() if _NAME.fullmatch(id_) else _STRANGER)
            case Kind.PERSON if name:
                filling = Filling(name, self.genders.get(argument, Gender.THEY))
            case Kind.QUEST if argument in self.matters:
                matter = f"the matter of the {self.matters[argument]}"
                filling = Filling(matter, forms={"aim": f"see to {matter}"})
            case Kind.SUM:
                filling = Filling(self._sum(id_, speaker))
            case Kind.WEATHER:
                filling = Filling(f"{id_} weather" if id_ in _SKIES else id_.replace("_", " "))
            case Kind.TIME if found := _CLOCK.fullmatch(id_):
                filling = Filling(_at_clock(int(found[1]), int(found[2])))
            case Kind.FACTION | Kind.PLACE | Kind.GOOD if name:
                filling = Filling(name, plural=name.endswith(("s", "men")) and kind == Kind.FACTION)
            case _:
                return None
        return Thing(argument, kind, filling) if filling.name and kind else None

    def stated(
        self, claim: Claim, speaker: str, *, negated: bool = False, also: Iterable[Thing] = ()
    ) -> Stated | None:
        """Return a claim as lines state it; None: no line can, without leaving out what it says.

        Args:
            claim: as a world has it.
            speaker: who says it; they count in their own money.
            negated: whether it is denied.
            also: when it was, and from whom the speaker has it.
        """
        if claim.predicate == PROMISED and kind_of(claim.value) != "quest":
            return self._promised(claim, speaker, negated=negated, also=also)
        roles, used = [], set()
        for role in self.signatures.get(claim.predicate, ()):
            argument, _, part = role.argument.partition(".")
            given = getattr(claim, argument)
            thing = self._end(given, part) if part else self.thing(given, speaker)
            if thing is None or thing.kind not in role.kinds:
                return None
            roles.append(thing)
            used.add(argument)
        rest = [getattr(claim, name) for name in ARGUMENTS if name not in used and getattr(claim, name)]
        beside = self._beside(claim.predicate, rest)
        if not roles or beside is None:
            return None
        more = [each for each in also if each.kind not in {thing.kind for thing in beside}]
        return Stated(claim.predicate, tuple(roles), (*beside, *more), negated)

    def _promised(self, claim: Claim, speaker: str, *, negated: bool, also: Iterable[Thing]) -> Stated | None:
        """Return a promise of a thing, of money, or to do something; the written lines are of quests."""
        kind, _, id_ = claim.value.partition(".")
        value = self.thing(claim.value, speaker)
        if kind == "text":
            value = Thing(claim.value, Kind.SAYING, Filling(id_))
        found = [self.thing(claim.subject), self.thing(claim.object), value]
        roles = tuple(each for each in found if each is not None)
        return Stated(PROMISED_THING, roles, tuple(also), negated) if len(roles) == len(found) else None

    def _beside(self, predicate: str, rest: Sequence[str]) -> list[Thing] | None:
        """Return what a line says beside the roles: a place, or from whom; what is a text is left out."""
        found = []
        for argument in rest:
            thing = self.thing(argument)
            if thing is None or thing.kind in (Kind.QUEST, Kind.SUM, Kind.GOOD, Kind.TIME):
                continue  # "kept a promise", "lied": of what it was they do not say
            if thing.kind == Kind.PLACE or (thing.kind == Kind.PERSON and predicate in self.from_whom):
                found.append(thing)
            else:
                return None
        return found

    def saying(self, claim: Claim, between: Between) -> Thing | None:
        """Return what somebody said as a thing that one can speak of; None: it has no plain words."""
        stated = self.stated(claim, between.speaker.id)
        if stated is None or stated.predicate not in self.clauses:
            return None
        clause = bare_clause(replace(stated, circumstances=()), between, self.clauses)
        return Thing(f"claim.{claim}", Kind.SAYING, Filling(clause))

    def _end(self, way: str, part: str) -> Thing | None:
        ends = self.ends.get(way)
        if ends is None:
            return None
        place = ends[part == "to"]
        return Thing(place, Kind.PLACE, Filling(self.names.get(place, place)))

    def _sum(self, text: str, speaker: str) -> str:
        if not text.isdigit() or int(text) >= SPELT_MAX * COINS:
            return ""
        whole, rest = divmod(int(text), COINS)
        one, many, minor = self.coins.get(speaker, ("coin", "coins", "hundredths"))
        parts = [f"{spelt(whole)} {one if whole == 1 else many}"] if whole or not rest else []
        parts += [f"{spelt(rest)} {minor}"] if rest else []
        return " and ".join(parts)


_SKIES = frozenset({"clear", "cloudy", "windy"})


def naming_of(
    definition: Definition, ground: Ground, signatures: Mapping[str, Signature], clauses: Mapping[str, str]
) -> Naming:
    """Return how one speaks of what a definition has. ``clauses``: as `read_clauses` returns them."""
    sides = {place.id: place.side for place in definition.places}
    money = {each.side: (each.coin, each.id, each.minor) for each in reversed(definition.currencies)}
    homes = ((person, sides.get(person.home)) for person in definition.people)
    return Naming(
        signatures,
        from_whom(clauses),
        ground.names,
        {f"way.{way.id}": (f"place.{way.start}", f"place.{way.end}") for way in definition.ways},
        {f"person.{person.id}": gender_of(person) for person in definition.people},
        {f"quest.{quest.id}": quest.word for quest in definition.quests},
        {f"person.{person.id}": money[side] for person, side in homes if side is not None and side in money},
        clauses,
    )


def trades_of(definition: Definition) -> Mapping[str, str]:
    """Return by person what they are, as people say it: "night nurse"."""
    return {f"person.{person.id}": person.role for person in definition.people}


def gender_of(person: Person) -> Gender:
    """Return how one speaks of somebody: as their story does."""
    found = _HIS.search(person.story.lower())
    if found is None:
        return Gender.THEY
    return Gender.SHE if found[1] in ("she", "her", "hers") else Gender.HE


QUARTERS = ("", "a quarter past ", "half past ", "a quarter to ")
EVENING, NIGHT, MORNING = 18, 22, 5
"""Hours from which on one says so."""


def clock_words(now_ms: int, day_ms: int) -> str:
    """Return how late it is to the nearest quarter of an hour: "about half past nine in the morning"."""
    quarter = round(now_ms % day_ms * 96 / day_ms) % 96
    hour, part = divmod(quarter, 4)
    named = (hour + (part == 3)) % 24
    said = "midnight" if named == 0 else "noon" if named == 12 else ONES[named % 12]
    if named in (0, 12):
        return f"about {QUARTERS[part]}{said}"
    if MORNING <= hour < 12:
        return f"about {QUARTERS[part]}{said} in the morning"
    if hour < MORNING or hour >= NIGHT:
        return f"about {QUARTERS[part]}{said} at night"
    return f"about {QUARTERS[part]}{said} in the {'evening' if hour >= EVENING else 'afternoon'}"


def when(of_ms: int, now_ms: int, day_ms: int) -> str:
    """Return when something was, as an adverb; "" if it is not yet."""
    if of_ms > now_ms:
        return ""
    day, at = divmod(of_ms, day_ms)
    days = now_ms // day_ms - day
    late = 4 * at >= 3 * day_ms
    if days == 0:
        if now_ms - of_ms <= day_ms // 48:
            return "just now"
        return "this morning" if 2 * at < day_ms else "this evening" if late else "this afternoon"
    if days == 1:
        return "last night" if late else "yesterday"
    return f"{spelt(days)} days ago" if days <= DAYS_COUNTED else "some time ago"


DAYS_COUNTED = 12


def spelt(number: int) -> str:
    """Return a whole number from 0 to 999,999 in words; 0 is "no"."""
    if number < len(ONES):
        return ONES[number]
    if number < COINS:
        tens, ones = divmod(number, 10)
        return TENS[tens - 1] + (f"-{ONES[ones]}" if ones else "")
    size, word = (COINS, "hundred") if number < 1_000 else (1_000, "thousand")
    head, rest = divmod(number, size)
    joint = " and " if rest < COINS else " "
    return f"{spelt(head)} {word}" + (f"{joint}{spelt(rest)}" if rest else "")


def _at_clock(hour: int, minute: int) -> str:
    said = "midnight" if hour == 0 else "noon" if hour == 12 else ONES[hour % 12]
    match minute:
        case 0:
            return f"at {said}"
        case 30:
            return f"at half past {said}"
        case _:
            return f"at {spelt(minute)} past {said}"
