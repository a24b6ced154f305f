"""How a person is when they are spoken to: mood by needs and what befell them, attitude by deeds. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from domain.definition.definition import Definition
from domain.definition.people import Person
from domain.story.forms import Does
from domain.story.knowing import Speaker, regard
from domain.story.plan import Attitude, Mood, Register
from domain.story.scene import HIGH, Temper

DAY_MS = 86_400_000
MOURNS_MS, SHAKEN_MS = 3 * DAY_MS, DAY_MS
DEAR = 300
"""Regard, in thousandths, from which on a death is mourned."""

CONTENT, PRESSED = 850, 150
"""Thousandths: of all needs together from which on one is merry, and of one below which it shows."""

REST = "rest"
WORDS_WORTH: Mapping[str, int] = {Does.THANK: 1, Does.PRAISE: 1, Does.INSULT: -2, Does.THREATEN: -4}
"""What was said in this talk counts as long as it goes on."""

WARM, COLD, HOSTILE = 2, -2, -4


@dataclass(frozen=True, slots=True)
class Being:
    """How somebody is, as far as it can be asked.

    Attributes:
        needs: thousandths of full, by need; empty: nothing is known of them.
        lately: what the player did by their last words to them (`Does`).
    """

    person: Person
    definition: Definition
    needs: Mapping[str, int]
    lately: Sequence[str]
    now_ms: int


def temper_of(being: Being, speaker: Speaker, player: str) -> Temper:
    """Return how somebody is towards a player who speaks to them."""
    lately = being.lately
    traits = traits_of(being.person, being.definition)
    aggression, fear = traits.get("aggression", 300), traits.get("neuroticism", 300)
    standing = regard(speaker, player) + sum(WORDS_WORTH.get(each, 0) for each in lately)
    mood = _mood(being, speaker)
    if {Does.INSULT, Does.THREATEN} & set(lately):
        mood = Mood.AFRAID if Does.THREATEN in lately and fear > aggression else Mood.ANGRY
    attitude = _attitude(standing, aggression)
    register = Register.COARSE if attitude == Attitude.SCORNFUL else Register.PLAIN
    return Temper(mood, attitude, register, aggression, fear)


def _attitude(standing: int, aggression: int) -> Attitude:
    if standing >= WARM:
        return Attitude.WARM
    if standing <= HOSTILE:
        return Attitude.SCORNFUL if aggression >= HIGH else Attitude.WARY
    return Attitude.COLD if standing <= COLD else Attitude.NEUTRAL


def _mood(being: Being, speaker: Speaker) -> Mood:
    needs, now_ms = being.needs, being.now_ms
    dear = {f"person.{each.to}" for each in being.person.relations if each.regard >= DEAR}
    if _lately(speaker, "dead", dear, now_ms - MOURNS_MS):
        return Mood.SAD
    if _lately(speaker, "hurt", {speaker.who}, now_ms - SHAKEN_MS, victim=True):
        return Mood.AFRAID
    if needs.get(REST, 1_000) <= PRESSED:
        return Mood.WEARY
    if needs and min(needs.values()) <= PRESSED:
        return Mood.BITTER
    return Mood.MERRY if needs and sum(needs.values()) >= CONTENT * len(needs) else Mood.CALM


def _lately(
    speaker: Speaker, predicate: str, whom: Collection[str], since_ms: int, *, victim: bool = False
) -> bool:
    """Return whether they know that something befell somebody since a game time."""
    for who in sorted(whom):
        for belief in speaker.beliefs.known(speaker.who, who):
            claim = belief.claim
            about = claim.object if victim else claim.subject
            recent = belief.seen.at_ms >= since_ms and not belief.doubted
            if recent and claim.predicate == predicate and about == who:
                return True
    return False


def traits_of(person: Person, definition: Definition) -> Mapping[str, int]:
    """Return somebody's traits, in thousandths: their own, else their archetype's."""
    archetype = next((each for each in definition.archetypes if each.id == person.archetype), None)
    common = archetype.traits if archetype else ()
    return {each.trait: each.amount for each in (*common, *person.traits)}
