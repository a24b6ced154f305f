"""Two worlds in which a stranger talks with people, and what happened there before: for `benchmarks story`.

The sample world, and a ship of another genre (that of `benchmarks/lore_worlds/perennial`), whose definition
is the sample's with its own people, places, goods and factions. What people know of it comes from events.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from aicore.content.sample_world import sample_definition
from domain.beliefs.beliefs import Beliefs
from domain.beliefs.claims import read_claim
from domain.definition.definition import Definition
from domain.definition.factions import Faction
from domain.definition.goods import Currency, Good, Money
from domain.definition.people import Engagement, Person, Relation
from domain.definition.places import District, Opening, Place, Point, Way
from domain.people.rules import LABOUR
from domain.story.messages import LineSaid
from tests.unit.beliefs.kit import Tale
from tests.unit.beliefs.test_words import ANN
from tests.unit.story.talk_kit import Stage, Talking, cindermouth

HERE = Path(__file__).parent / "talk_worlds"
DAY_MINUTES = 1_440
MORNING = 2 * DAY_MINUTES + 600
"""Minutes since the world began: ten in the morning of the third day."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something that a player says, and what a reasonable person would answer.

    Attributes:
        to: whom they say it to. kinds: acts that answer it, each with the predicates that it may state
            (none: whatever it states).
        kept: whether it is of the half that nothing was tuned on.
    """

    number: int
    to: str
    text: str
    kinds: Sequence[tuple[str, frozenset[str]]]
    kept: bool

    @property
    def known(self) -> bool:
        """Whether the person has something better to say than that they do not know."""
        return all(act != "not_know" for act, _ in self.kinds)

    def answered_by(self, line: LineSaid) -> bool:
        """Return whether a line answers it."""
        claims = line.plan.claims
        stated = {each.predicate for each in claims} | {read_claim(each.claim).predicate for each in claims}
        return any(line.plan.act == act and (not may or stated & may) for act, may in self.kinds)


def utterances(name: str) -> list[Said]:
    """Return what is said in a world, in order: an evening of talk."""
    rows = [line for line in (HERE / f"{name}.txt").read_text().splitlines() if line and line[0] != "#"]
    return [_said(number, row) for number, row in enumerate(rows)]


def _said(number: int, row: str) -> Said:
    to, text, wanted = (part.strip() for part in row.split("|"))
    kinds = []
    for each in wanted.split(";"):
        act, *may = each.split()
        kinds.append((act, frozenset(may)))
    return Said(number, to, text.replace("\\n", "\n"), kinds, kept=number % 2 == 1)


def evening(name: str) -> Talking:
    """Return a world in which all has happened that happened before the player speaks."""
    return WORLDS[name]()


def _begun(stage: Stage, there: Mapping[str, str]) -> Tale:
    tale = Tale(Beliefs.of(stage.ground), position=MORNING - 500)
    for who, place in there.items():
        tale.comes(who, place)
    return tale


def _harbour() -> Talking:
    tale = _begun(
        cindermouth(), {"una_pell": "ferry_landing", "nib": "lamp_yard", "silas_wend": "tally_house"}
    )
    tale.happens("price(place.lamp_yard, good.lamp_oil, number.45)", "lamp_yard")
    tale.happens("price(place.lamp_yard, good.lamp_wicks, number.3)", "lamp_yard")
    tale.happens("sold_out(place.lamp_yard, good.matches)", "lamp_yard")
    tale.happens("weather(zone.harbour, weather.storm)")
    tale.happens("way_closed(way.ferry)", "ferry_landing")
    tale.happens("in_feud(faction.tallymen, faction.quiet_loom)", "tally_house")
    tale.happens("quest_offered(person.nib, quest.the_lamp_that_cried)")
    tale.comes("una_pell", "ropewalk_quay")
    tale.comes("gault", "ropewalk_quay")
    tale.happens("dead(person.bram_sallow)", "ropewalk_quay")
    tale.comes("nib", "ropewalk_quay")
    tale.comes("silas_wend", "ropewalk_quay")
    tale.says("nib", "hurt(person.gault, person.bobbin)", "una_pell")
    tale.comes(ANN, "ropewalk_quay")
    tale.happens("gave(player.ann, person.una_pell, good.eel_pie)")
    tale.happens("promised(player.ann, person.una_pell, good.coil_of_rope)")
    tale.happens("promised(person.nib, player.ann, good.lamp_wicks)")
    tale.happens("owes(player.ann, person.nib, number.300)")
    return _met(Talking(tale, cindermouth()), "Mother Sedge is at the gleaning ground", ("una_pell", "nib"))


def _met(talking: Talking, told: str, people: Sequence[str]) -> Talking:
    """Have the player tell people something; then they meet again some hours later."""
    for who in people:
        talking.say(told, who)
    talking.tale.position = MORNING
    return talking


@cache
def perennial() -> Definition:
    """The ship."""
    sample = sample_definition()
    places = [
        Place("loam_deck", "Loam deck", "light", "fore", "quay", Point(0, 0)),
        Place("hold_three", "hold three", "light", "fore", "market", Point(60, 0), owner="ysolde_quaye",
              hours=(Opening(480, 1_080),)),
        Place("mirrorwater", "Mirrorwater", "light", "fore", "quay", Point(0, 90)),
        Place("radio_room", "the radio room", "light", "aft", "hall", Point(300, 0)),
    ]  # fmt: skip
    people = [
        _person("tobiah_iku", "Tobiah Iku", "head gardener", "gardener", "loam_deck", "stillers",
                {"ysolde_quaye": 600, "dmitri_vasko": -500}, "He knows the soil by name."),
        _person("ysolde_quaye", "Ysolde Quaye", "quartermaster", "quartermaster", "hold_three", "stillers",
                {"tobiah_iku": 500}, "She counts all there is."),
        _person("dmitri_vasko", "Dmitri Vasko", "reactor mechanic", "mechanic", "radio_room", "keelwrights",
                {"orsolya_brandt": 400}, "He hears what the hull says."),
        _person("orsolya_brandt", "Orsolya Brandt", "ship's medic", "medic", "mirrorwater", "keelwrights",
                {}, "She has set every arm in the aft."),
    ]  # fmt: skip
    goods = [
        Good("seed_tin", "a seed tin", "tool", Money("scrip", 900), 300, sold_at=("hold_three",)),
        Good("cricket_bread", "cricket bread", "food", Money("scrip", 120), 300, sold_at=("hold_three",),
             made_at=("loam_deck",)),
        Good("lamp_wire", "a coil of lamp wire", "tool", Money("scrip", 700), 800, sold_at=("hold_three",)),
        Good("soya_cheese", "soya cheese", "food", Money("scrip", 200), 500, made_at=("loam_deck",)),
    ]  # fmt: skip
    return replace(
        sample,
        people=tuple(people), places=tuple(places), goods=tuple(goods),
        currencies=(Currency("scrip", "chit", "marks", "light"),),
        districts=(
            District("fore", "the fore decks", "light", "fore", "axis"),
            District("aft", "the aft decks", "light", "aft", "axis"),
        ),
        zones=(replace(sample.zones[0], id="axis", name="the axis"),),
        territories=(), quests=(replace(sample.quests[0], id="lost_tin", word="tin", giver="tobiah_iku"),),
        factions=(
            Faction("keelwrights", "the Keelwrights", "light", "radio_room", 400, "a new keel"),
            Faction("stillers", "the Stillers", "light", "loam_deck", 400, "that the ship stops"),
        ),
        ways=(Way("black_corridor", "loam_deck", "radio_room", 300, ()),),
    )  # fmt: skip


def _person(  # noqa: PLR0913 - one line for each of a ship's people
    id_: str, name: str, role: str, voice: str, at: str, faction: str, regards: Mapping[str, int], story: str
) -> Person:
    work = next(
        each.id for each in sample_definition().activities if any(gain.need == LABOUR for gain in each.gains)
    )
    schedule = (Engagement(Opening(480, 1_080), at, work),)
    relations = tuple(Relation(to, amount) for to, amount in regards.items())
    archetype = sample_definition().archetypes[0].id
    return Person(id_, name, role, archetype, voice, at, schedule, faction, story=story, relations=relations)


@cache
def _ship() -> Stage:
    return Stage(perennial())


def _shipboard() -> Talking:
    there = dict.fromkeys(("tobiah_iku", "ysolde_quaye"), "hold_three") | {"dmitri_vasko": "loam_deck"}
    tale = _begun(_ship(), there)
    tale.happens("price(place.hold_three, good.cricket_bread, number.150)", "hold_three")
    tale.happens("price(place.hold_three, good.lamp_wire, number.700)", "hold_three")
    tale.happens("sold_out(place.hold_three, good.seed_tin)", "hold_three")
    tale.happens("weather(zone.axis, weather.fog)")
    tale.happens("way_closed(way.black_corridor)", "loam_deck")
    tale.happens("took(person.dmitri_vasko, place.hold_three, good.lamp_wire)", "hold_three")
    tale.happens("quest_offered(person.tobiah_iku, quest.lost_tin)")
    for who in ("tobiah_iku", "ysolde_quaye", "dmitri_vasko", ANN):
        tale.comes(who, "loam_deck")
    tale.happens("promised(player.ann, person.tobiah_iku, quest.lost_tin)")
    tale.happens("hurt(person.dmitri_vasko, player.ann)", "loam_deck")
    talking = Talking(tale, _ship(), place="loam_deck")
    return _met(talking, "Orsolya Brandt is at Mirrorwater", ("tobiah_iku", "ysolde_quaye"))


@dataclass(slots=True)
class Score:
    """How many of the things said were answered; of those whom one knows something, how many by nothing."""

    said: int = 0
    answered: int = 0
    known: int = 0
    unsaid: int = 0


def scored(name: str) -> tuple[Score, Score]:
    """Return the scores of the half that was tuned on, and of the other, in a world."""
    talking, scores = evening(name), (Score(), Score())
    for each in utterances(name):
        line, score = talking.say(each.text, each.to), scores[each.kept]
        score.said += 1
        score.answered += each.answered_by(line)
        wanting = line.plan.act in ("not_know", "unforeseen")
        score.known += each.known
        score.unsaid += each.known and wanting and not each.answered_by(line)
    return scores


WORLDS: Mapping[str, Callable[[], Talking]] = {"cindermouth": _harbour, "perennial": _shipboard}
