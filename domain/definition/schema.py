"""The fields of a definition: how the entries of each section are written, and which values they become."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from domain.definition.climate import WEATHERS, SeasonClimate, Spell, Zone
from domain.definition.definition import Forms, Trained, World
from domain.definition.factions import Faction, Stance
from domain.definition.faults import Fault, shown
from domain.definition.forms import LOCK, duration, hours, point, price, span
from domain.definition.goods import GOOD_KINDS, Currency, Good, Trade
from domain.definition.lore import Document, Fact
from domain.definition.people import (
    TRAITS,
    Activity,
    Archetype,
    Engagement,
    Gain,
    Kind,
    Need,
    Pay,
    Person,
    Relation,
    Trait,
    Weight,
)
from domain.definition.places import SIDES, District, Means, Place, Territory, TravelTime, Way, travel_seconds
from domain.definition.reading import (
    Field,
    Reader,
    Reading,
    flag,
    identifier,
    keyed,
    listed,
    maybe,
    name_of,
    needed,
    record,
    section,
    text,
    thousandths,
    whole,
    word,
)

S = TypeVar("S")
T = TypeVar("T")

ENTRIES_MAX = 10_000
NAME_MAX, CLAUSE_MAX, STORY_MAX = 128, 2_000, 4_000
LIST_MAX = 200
EXAMPLE_MAX, EXAMPLES_MAX = 400, 32
CAPACITY_MAX = 100_000
SPEED_MAX = 10_000
GRAMS_MAX = 10**8
PIECES_MAX = 10_000
SEED_MAX = 2**53 - 1

NAME, CLAUSE, STORY = text(most=NAME_MAX), text(most=CLAUSE_MAX), text(most=STORY_MAX)
CAPACITY = whole(1, CAPACITY_MAX, "people")
SIDE = word(*SIDES)
STATE = word(*WEATHERS)
SHARE = thousandths()
REGARD = thousandths(-1_000, 1_000)
MONEY = listed(price, most=16)


def then(read: Reader[S], make: Callable[[S], T]) -> Reader[T]:
    """Return the reader of what ``make`` makes of a value."""
    return lambda value, path, to: make(read(value, path, to))


def entries(kind: str, make: Callable[..., T], /, **fields: Field[object]) -> Reader[tuple[T, ...]]:
    """Return the reader of a section whose entries are records with these fields, and their id."""
    return section(kind, lambda id_: record(partial(make, id=id_), **fields), most=ENTRIES_MAX, whole=False)


def pairs(make: Callable[[str, int], T], key: Reader[str], amount: Reader[int]) -> Reader[tuple[T, ...]]:
    """Return the reader of a map of amounts."""
    return then(keyed(key, amount, most=LIST_MAX), lambda found: tuple(make(*pair) for pair in found))


def names(kind: str) -> Reader[tuple[str, ...]]:
    """Return the reader of a list of ids."""
    return listed(name_of(kind), most=LIST_MAX)


# --- the ground ---------------------------------------------------------------------------------------------

WORLD = record(
    World,
    id=needed(identifier),
    name=needed(NAME),
    seed=needed(whole(0, SEED_MAX)),
    closed=maybe(CLAUSE, ""),
)
DISTRICTS = entries(
    "district",
    District,
    name=needed(NAME),
    side=needed(SIDE),
    twin=needed(name_of("district")),
    zone=needed(name_of("zone")),
    seen=maybe(NAME, ""),
    by=maybe(NAME, ""),
)
TERRITORIES = entries(
    "territory",
    Territory,
    name=needed(NAME),
    district=needed(name_of("district")),
    holder=maybe(name_of("faction")),
)
MEANS = entries(
    "means",
    Means,
    name=needed(NAME),
    metres_per_minute=needed(whole(1, SPEED_MAX, "metres in a game minute")),
    carries=maybe(CAPACITY),
)
KINDS = entries(
    "kind of place",
    Kind,
    name=needed(NAME),
    offers=maybe(names("activity"), ()),
    indoors=maybe(flag, False),
)
PLACES = entries(
    "place",
    Place,
    name=needed(NAME),
    side=needed(SIDE),
    district=needed(name_of("district")),
    kind=needed(name_of("kind of place")),
    at=needed(point),
    within=maybe(name_of("place")),
    twin=maybe(name_of("place")),
    territory=maybe(name_of("territory")),
    owner=maybe(name_of("person")),
    capacity=maybe(CAPACITY),
    hours=maybe(hours, ()),
    lock=maybe(LOCK),
    offers=maybe(names("activity"), ()),
)


def ways(means: Mapping[str, Means]) -> Reader[tuple[Way, ...]]:
    """Return the reader of the ways; ``means`` give the time of those that tell none of their own."""

    def make(between: tuple[str, ...], metres: int, by: tuple[tuple[str, int], ...], **more: object) -> Way:
        times = tuple(TravelTime(one, seconds or _seconds(metres, means.get(one))) for one, seconds in by)
        return Way(start=between[0], end=between[1], metres=metres, times=times, **more)  # type: ignore[arg-type]

    return entries(
        "way",
        make,
        between=needed(listed(name_of("place"), least=2, most=2, distinct=False)),
        metres=needed(whole(1, 1_000_000, "metres")),
        by=needed(_travelling),
        one_way=maybe(flag, False),
        capacity=maybe(CAPACITY),
        hours=maybe(hours, ()),
        closed_in=maybe(listed(STATE, most=len(WEATHERS)), ()),
        lock=maybe(LOCK),
    )


_BY_NAME = listed(name_of("means"), least=1, most=16)
_BY_TIME = keyed(name_of("means"), duration, least=1, most=16)


def _travelling(value: object, path: str, to: Reading) -> tuple[tuple[str, int], ...]:
    """Read ``[foot, cart]``, or ``{foot: 4 min}``; 0 seconds: as long as the means takes for the metres."""
    if isinstance(value, dict):
        return _BY_TIME(value, path, to)
    if isinstance(value, list):
        return tuple((means, 0) for means in _BY_NAME(value, path, to))
    allowed = "a list of means, [foot, cart], or their times, {ferry: 12 min}"
    raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))


def _seconds(metres: int, means: Means | None) -> int:
    return travel_seconds(metres, means.metres_per_minute) if means else 1


# --- the sky ------------------------------------------------------------------------------------------------

_DEGREES = then(thousandths(-100_000, 100_000), lambda found: found // 10)
_SPELL = record(partial(Spell, state=""), share=needed(SHARE), lasts=needed(duration))


def _season_climate(
    temperature: tuple[int, ...], spells: tuple[tuple[str, Spell], ...]
) -> Callable[[str], SeasonClimate]:
    of_state = tuple(Spell(state, spell.share, spell.lasts) for state, spell in spells)
    return lambda season: SeasonClimate(season, temperature[0], temperature[1], of_state)


_SEASON = record(
    _season_climate,
    temperature=needed(listed(_DEGREES, least=2, most=2, distinct=False)),
    spells=needed(keyed(STATE, _SPELL, least=1, most=len(WEATHERS))),
)
ZONES = entries(
    "zone",
    Zone,
    name=needed(NAME),
    lag=maybe(duration, 0),
    seasons=needed(
        then(
            keyed(name_of("season"), _SEASON, least=1, most=64),
            lambda found: tuple(make(season) for season, make in found),
        )
    ),
)

# --- who lives there ----------------------------------------------------------------------------------------

FACTIONS = entries(
    "faction",
    Faction,
    name=needed(NAME),
    side=needed(SIDE),
    seat=needed(name_of("place")),
    power=needed(SHARE),
    wants=needed(CLAUSE),
    floor=maybe(SHARE, 50),
    stances=maybe(pairs(Stance, name_of("faction"), REGARD), ()),
    purse=maybe(MONEY, ()),
)
NEEDS = entries("need", Need, name=needed(NAME), empties_in=needed(duration), alarm=needed(SHARE))
ACTIVITIES = entries(
    "activity",
    Activity,
    name=needed(NAME),
    takes=needed(duration),
    gains=maybe(pairs(Gain, name_of("need"), thousandths(1)), ()),
    wage=maybe(MONEY, ()),
    buys=maybe(names("good"), ()),
)
_TRAITS = pairs(Trait, word(*TRAITS), SHARE)
_WEIGHTS = pairs(Weight, name_of("need"), thousandths(0, 5_000))
ARCHETYPES = entries(
    "archetype",
    Archetype,
    name=needed(NAME),
    traits=needed(_TRAITS),
    needs=maybe(_WEIGHTS, ()),
    purse=maybe(MONEY, ()),
    dues=maybe(SHARE, 200),
)
_ENGAGEMENT = record(
    Engagement, hours=needed(span), at=needed(name_of("place")), do=needed(name_of("activity"))
)
_RELATION = record(partial(Relation, to=""), regard=needed(REGARD), as_=maybe(NAME, ""))


def _relation(value: object, path: str, to: Reading) -> Relation:
    """Read a number, or a map with ``regard`` and ``as``."""
    return _RELATION(value, path, to) if isinstance(value, dict) else Relation("", REGARD(value, path, to))


PEOPLE = entries(
    "person",
    Person,
    name=needed(NAME),
    role=needed(NAME),
    archetype=needed(name_of("archetype")),
    voice=needed(name_of("voice")),
    home=needed(name_of("place")),
    schedule=needed(listed(_ENGAGEMENT, least=1, most=48)),
    faction=maybe(name_of("faction")),
    story=maybe(STORY, ""),
    traits=maybe(_TRAITS, ()),
    needs=maybe(_WEIGHTS, ()),
    relations=maybe(
        then(
            keyed(name_of("person"), _relation, most=LIST_MAX),
            lambda found: tuple(Relation(who, each.regard, each.as_) for who, each in found),
        ),
        (),
    ),
    closed=maybe(CLAUSE, ""),
    examples=maybe(listed(text(most=EXAMPLE_MAX), most=EXAMPLES_MAX), ()),
    wages=maybe(
        then(
            keyed(name_of("activity"), price, most=LIST_MAX),
            lambda found: tuple(Pay(activity, hour) for activity, hour in found),
        ),
        (),
    ),
)

# --- what there is ------------------------------------------------------------------------------------------

CURRENCIES = entries("currency", Currency, coin=needed(NAME), minor=needed(NAME), side=needed(SIDE))
_BAND = then(
    listed(thousandths(1, 100_000), least=2, most=2, distinct=False), lambda band: (band[0], band[1])
)
TRADES = entries(
    "trade",
    Trade,
    shelf=needed(whole(1, PIECES_MAX, "pieces")),
    made=maybe(whole(0, PIECES_MAX, "pieces in a game day"), 0),
    carted=maybe(whole(0, PIECES_MAX, "pieces in a game day"), 0),
    step=maybe(thousandths(1, 500), 80),
    margin=maybe(thousandths(2, 900), 200),
    vital=maybe(flag, False),
)
GOODS = entries(
    "good",
    Good,
    name=needed(NAME),
    kind=needed(word(*GOOD_KINDS)),
    price=needed(price),
    grams=needed(whole(1, GRAMS_MAX, "grams")),
    band=maybe(_BAND, (500, 2_000)),
    keeps=maybe(duration),
    unique=maybe(flag, False),
    sold_at=maybe(names("place"), ()),
    made_at=maybe(names("place"), ()),
    about=maybe(CLAUSE, ""),
)
FACTS = entries("fact", Fact, about=needed(NAME), text=needed(CLAUSE))
DOCUMENTS = entries(
    "document",
    Document,
    title=needed(NAME),
    paragraphs=needed(listed(text(most=STORY_MAX), least=1, most=LIST_MAX)),
)

# --- how they speak -----------------------------------------------------------------------------------------


def forms(value: object, path: str, to: Reading) -> Forms:
    """Read sentences to choose from: a list of them, or maps of such lists, four deep at most."""
    return _forms(value, path, to, 4)


_SENTENCES = listed(CLAUSE, least=1, most=LIST_MAX, distinct=False)


def _forms(value: object, path: str, to: Reading, depth: int) -> Forms:
    if isinstance(value, list):
        return _SENTENCES(value, path, to)
    if not isinstance(value, dict) or not depth:
        allowed = "a list of sentences, or a map of such lists"
        raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))
    inner = keyed(identifier, lambda each, at, to: _forms(each, at, to, depth - 1), least=1, most=LIST_MAX)
    return dict(inner(value, path, to))


def speech(value: object, path: str, to: Reading) -> Mapping[str, Forms]:
    """Read how a world speaks. The voices are those that have openings (``open``)."""
    voices = value.get("open") if isinstance(value, dict) else None
    if isinstance(voices, dict):
        to.names.setdefault("voice", {}).update({str(voice): f"{path}.open.{voice}" for voice in voices})
    found = forms(value, path, to)
    if not isinstance(found, Mapping):
        raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", "a map"))
    return found


_WORDS = listed(NAME, most=LIST_MAX)
TRAINED = record(
    Trained,
    districts=maybe(names("district"), ()),
    factions=maybe(names("faction"), ()),
    people=maybe(names("person"), ()),
    quests=maybe(names("quest"), ()),
    facts=maybe(names("fact"), ()),
    goods=maybe(names("good"), ()),
    draughts=maybe(names("good"), ()),
    moods=maybe(_WORDS, ()),
    weathers=maybe(keyed(NAME, listed(STATE, least=1, most=len(WEATHERS)), most=LIST_MAX), ()),
    times=maybe(names("phase"), ()),
)
