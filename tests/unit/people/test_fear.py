"""Who sees that somebody is hurt leaves and does not come back at once; who is dead does nothing more."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from aicore.audit.people import explain_person
from aicore.content.sample_world import sample_definition
from domain.definition.people import TRAITS, Archetype, Trait
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.harm import stream_of
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.people.lives import People, who_of
from domain.people.messages import PersonDecided, PersonFled, PersonGone
from domain.people.outside import Danger
from domain.people.rules import HOUR_MS, MINUTE_MS, RULES, SLEEP
from domain.people.scene import Times, World
from domain.places.city import city_of
from domain.places.messages import Departed, Left
from handlers.people import leader as module
from tests.unit.kit import until
from tests.unit.people.hamlet import NOON_MS, entry, person, settled, world
from tests.unit.people.kit import START_MS, day, decisions, real_us
from tests.unit.people.realm import CODEC, Realm, leading
from tests.unit.people.test_leader import joined
from tests.unit.people.test_memory import Heard, comes, does, there

TRADES = entry(8, 20, "market", "trade")
HARMED = Harmed.model_validate({**Harmed.example, "who": "person.bea", "place": "market", "at_ms": NOON_MS})
DIED = Died.model_validate({**Died.example, "person": "bea", "place": "market", "at_ms": NOON_MS})


def at_market(*, hurt: str = "bea", asleep: bool = False, brave: bool = False) -> tuple[Agenda, World]:
    """Ada keeps her stall at noon, and somebody is hurt beside her."""
    plan = entry(10, 14, "market", "sleep") if asleep else TRADES
    made = world(person("ada", plan, home="market" if asleep else "house_a", archetype="soul"))
    temper = {"aggression": 1_000, "neuroticism": 0} if brave else {"neuroticism": 700}
    soul = Archetype("soul", "soul", tuple(Trait(trait, temper.get(trait, 500)) for trait in TRAITS))
    told = replace(made.definition, archetypes=(soul,))
    made = World(told, city_of(told), Times(day, real_us))
    agenda = settled(made, at=[("ada", "market")])
    agenda.run(NOON_MS + 10 * MINUTE_MS)
    hurt_ms = NOON_MS + 10 * MINUTE_MS + 7_000
    agenda.take_in(made.harmed({"market": Danger(hurt_ms, hurt)}, ()))
    return agenda, made


def flights(events: Sequence[Event]) -> list[PersonFled]:
    return [event for event in events if isinstance(event, PersonFled)]


def test_who_sees_somebody_hurt_flees_within_the_minute_and_comes_back_when_it_is_over() -> None:
    agenda, _ = at_market()

    events = agenda.run(NOON_MS + 12 * MINUTE_MS)

    fled, decided, departed = events[:3]
    assert isinstance(fled, PersonFled)
    assert (fled.person, fled.place, fled.at_ms) == ("ada", "market", NOON_MS + 11 * MINUTE_MS)
    assert isinstance(decided, PersonDecided)
    assert isinstance(departed, Departed)
    assert decided.place != "market"
    assert decided.at_ms == fled.at_ms
    later = list(decisions(agenda.run(NOON_MS + 120 * MINUTE_MS)))
    back = next(event for event in later if event.place == "market")
    assert back.at_ms >= fled.danger_ms + RULES.danger_ms, "not while it is feared"
    assert (back.action, back.reason) == ("trade", "routine")


def test_the_brave_stay_and_who_sleeps_notices_nothing_unless_it_is_them() -> None:
    for case, flees in (
        (at_market(brave=True), False),
        (at_market(asleep=True), False),
        (at_market(asleep=True, hurt="ada"), True),
    ):
        agenda, _ = case
        assert bool(flights(agenda.run(NOON_MS + 30 * MINUTE_MS))) is flees


def test_a_danger_that_is_heard_of_late_is_still_fled_from_and_an_old_one_is_not() -> None:
    agenda, made = at_market()
    quiet = made.harmed({}, ())
    agenda.take_in(quiet)
    agenda.run(NOON_MS + 12 * MINUTE_MS)
    agenda.take_in(made.harmed({"market": Danger(NOON_MS + 11 * MINUTE_MS, "bea")}, ()))
    assert flights(agenda.run(NOON_MS + 15 * MINUTE_MS))
    old, made = at_market()
    old.take_in(made.harmed({"market": Danger(NOON_MS - 45 * MINUTE_MS, "bea")}, ()))
    assert not flights(old.run(NOON_MS + 60 * MINUTE_MS))


def test_a_world_without_harm_decides_as_if_there_were_none() -> None:
    plain, feared = (settled(world(person("ada", TRADES), person("bea"))) for _ in range(2))
    feared.take_in(feared.world.harmed({"far_inn": Danger(NOON_MS, "cay")}, ()))
    assert plain.run(NOON_MS + 24 * HOUR_MS) == feared.run(NOON_MS + 24 * HOUR_MS)


def test_the_dead_leave_hold_nothing_and_do_not_come_again() -> None:
    made = world(person("ada", TRADES), person("bea"))
    agenda = settled(made, at=[("ada", "market")])
    agenda.run(NOON_MS + 10 * MINUTE_MS)
    assert agenda.people.claims == {"market/stall/0": "ada"}
    agenda.take_in(made.harmed({}, {"ada"}))

    events = agenda.outside(NOON_MS + 10 * MINUTE_MS)

    assert [type(event) for event in events] == [Left, PersonGone]
    assert agenda.people.claims == {}
    assert agenda.outside(NOON_MS + 11 * MINUTE_MS) == []
    assert not [event for event in agenda.run(NOON_MS + HOUR_MS) if getattr(event, "person", "") == "ada"]


def test_deaths_deeds_and_thefts_are_known_to_who_was_there_awake_and_outlive_small_talk() -> None:
    heard = Heard().hear(there("ada", "market"), there("bea", "market"), there("cay", "market"))
    heard.hear(there("dee", "lane"), does("cay", "sleep", "market"))
    robbed = Robbed.model_validate({**Robbed.example, "of": "person.bea", "place": "market"})

    heard.hear(robbed.model_copy(update={"at_ms": NOON_MS}), comes("ann", "market", NOON_MS + HOUR_MS))

    assert [(thing.topic, thing.what) for thing in heard.memories.of("ada")] == [
        ("player.ann", "people.robbed")
    ]
    assert heard.topics("bea") == ["player.ann"], "who is robbed, awake, knows it"
    assert heard.topics("cay") == heard.topics("dee") == []
    heard.hear(comes("ann", "lane"))
    news = heard.memories.news("ada", "dee", 0)
    assert news is not None
    assert news.what == "people.robbed", "a deed is told also to who has seen its doer since"
    heard.hear(HARMED, DIED)
    assert [thing.what for thing in heard.memories.of("ada")] == ["people.died", "people.harmed"]
    told = heard.memories.news("ada", "dee", 0)
    assert told is not None
    assert (told.topic, told.what) == ("person.bea", "people.died")
    heard.hear(Left(who=who_of("bea"), place="market", at_ms=NOON_MS, at_us=0))
    heard.hear(PersonGone(person="bea", at_ms=NOON_MS))
    assert heard.memories.of("ada")[0].what == "people.died"
    heard.hear(comes("ann", "market", NOON_MS + RULES.news_ms + HOUR_MS))
    assert heard.memories.of("ada")[0].what == "places.arrived", "old deeds give way to news"


def test_without_a_doer_what_is_known_is_about_who_was_hurt() -> None:
    heard = Heard().hear(there("ada", "market")).hear(HARMED.model_copy(update={"by": None}))
    assert heard.topics("ada") == ["person.bea"]


def crowded(lives: People) -> tuple[str, list[str]]:
    """Return the place with most people awake, and who they are."""
    awake = [each for each in lives.lives.values() if each.journey is None and each.action != SLEEP]
    place, _ = Counter(each.place for each in awake).most_common(1)[0]
    return place, sorted(each.person for each in awake if each.place == place)


async def test_the_leader_has_the_dead_leave_and_the_others_flee_and_it_can_be_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REST_S_MAX", 0.005)
    realm = Realm()
    await realm.begin()
    async with leading(realm):
        await until(lambda: joined(realm))
        await realm.pass_by(120)
        lives = People()
        lives.evolve_all(await realm.events())
        place, (victim, *_) = crowded(lives)
        base = {"place": place, "at_ms": START_MS + 120 * MINUTE_MS}
        hurt = Harmed.model_validate({**Harmed.example, **base, "who": f"person.{victim}", "health": 0})
        died = Died.model_validate({**Died.example, **base, "person": victim})
        await realm.add(stream_of(f"person.{victim}"), hurt, died)
        await until(lambda: gone(realm, victim))
        await realm.pass_by(10, step=1)
    recorded, events = await realm.recorded(), await realm.events()
    at = next(n for n, event in enumerate(events) if isinstance(event, PersonGone))
    names = victim, who_of(victim)
    later = {getattr(each, "person", getattr(each, "who", "")) for each in events[at + 1 :]}
    assert later.isdisjoint(names)
    fled = [n for n, event in enumerate(events) if isinstance(event, PersonFled)]
    assert fled
    for n in fled:
        told = await explain_person(
            realm.log,
            CODEC,
            flights([events[n]])[0].person,
            at=recorded[n + 1].position,
            otherwise=sample_definition,
        )
        assert (told.position, told.explained.differs) == (recorded[n + 1].position, [])
        assert told.explained.fears == [place]


async def gone(realm: Realm, person: str) -> bool:
    return any(isinstance(event, PersonGone) and event.person == person for event in await realm.events())
