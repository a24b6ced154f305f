"""Who was there knows it, who was told knows it with its evidence, and nobody else does."""

from collections.abc import Sequence
from uuid import UUID, uuid5

import pytest

from domain.factions.messages import Emerged
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.memory import DAY_MS, TOPICS_MAX, WORTH_TELLING, Memories
from domain.people.messages import PersonDecided, PersonTold
from domain.people.rules import HOUR_MS, MINUTE_MS
from domain.places.messages import Arrived, Entered, Left, WayClosed
from handlers.people import leader as module
from tests.unit.kit import until
from tests.unit.people.hamlet import NOON_MS, likes, person, settled, world
from tests.unit.people.kit import START_MS, begun, cast
from tests.unit.people.realm import CODEC, Realm, leading
from tests.unit.people.test_leader import joined

SPACE = UUID("b7a4e7a2-6a0f-4d0e-9c0f-6a8b3d0c4f11")


class Heard:
    """Memories, and the events that they are of."""

    def __init__(self) -> None:
        self.memories = Memories()
        self.ids: list[str] = []

    def hear(self, *events: Event) -> "Heard":
        for event in events:
            id_ = uuid5(SPACE, str(len(self.ids)))
            self.ids.append(str(id_))
            self.memories.apply(event, id_, len(self.ids))
        return self

    def topics(self, who: str) -> list[str]:
        return [thing.topic for thing in self.memories.of(who)]


def there(who: str, place: str) -> Entered:
    return Entered(who=f"person.{who}", kind="person", place=place, at_ms=NOON_MS, at_us=0)


def comes(player: str, place: str, at_ms: int = NOON_MS) -> Arrived:
    return Arrived(who=player, place=place, at_ms=at_ms, at_us=0)


def does(who: str, action: str, place: str) -> PersonDecided:
    return PersonDecided.model_validate(
        {**PersonDecided.example, "person": who, "action": action, "place": place}
    )


def test_what_nobody_saw_is_known_to_nobody_and_what_a_sleeper_was_near_neither() -> None:
    heard = Heard().hear(there("ada", "lane"), there("bea", "inn"), does("bea", "sleep", "inn"))

    heard.hear(comes("ann", "market"), comes("ben", "inn"), comes("cid", "lane"))

    assert heard.topics("ada") == ["player.cid"]
    assert heard.topics("bea") == []
    saw = heard.memories.of("ada")[0]
    assert (saw.what, saw.place, saw.hands, saw.told_by) == ("places.arrived", "lane", 0, "")
    assert saw.evidence == saw.event == heard.ids[-1]


def test_of_a_topic_the_newest_is_kept_and_of_too_many_the_oldest_is_forgotten() -> None:
    heard = Heard().hear(there("ada", "lane"), there("bea", "inn"))
    heard.hear(
        comes("ann", "lane"), comes("ann", "inn"), Left(who="ann", place="lane", at_ms=NOON_MS, at_us=0)
    )
    assert [(thing.what, thing.place) for thing in heard.memories.of("ada")] == [("places.left", "lane")]
    heard.hear(*(comes(f"p{number}", "lane") for number in range(TOPICS_MAX)))
    assert "player.ann" not in heard.topics("ada")
    assert len(heard.topics("ada")) == TOPICS_MAX


def test_what_emerged_is_seen_by_who_comes_within_the_day_and_told_on() -> None:
    facts = {**Emerged.example, "faction": "tallymen", "place": "lane", "day": 3, "salience": 500}
    raid = Emerged.model_validate({**facts, "kind": "raid"})
    heard = Heard().hear(there("ada", "inn"), there("bea", "inn"), there("cid", "inn"), raid)
    assert heard.topics("ada") == [], "nobody was awake there at midnight"

    midnight = 3 * DAY_MS
    heard.hear(comes("person.ada", "lane", midnight + 7 * 3_600_000))
    heard.hear(comes("person.cid", "lane", midnight + DAY_MS))
    saw = heard.memories.of("ada")[0]
    assert (saw.topic, saw.what, saw.place, saw.hands) == ("faction.tallymen", "factions.emerged", "lane", 0)
    assert heard.topics("cid") == [], "a day later nothing is left to be seen"
    assert heard.memories.news("ada", "bea", midnight) == saw, "it is told on as a rumour"

    small = Emerged.model_validate({**facts, "kind": "protest", "salience": WORTH_TELLING - 1})
    assert Heard().hear(there("ada", "lane"), small).topics("ada") == []


def talk_in_the_lane(regard: int = 500) -> tuple[Agenda, Heard]:
    """Ada has seen Ann in the lane; Bea comes and is talked to."""
    made = world(person("ada", relations=(likes("bea", regard),)), person("bea"))
    agenda = settled(made, at=[("ada", "lane"), ("bea", "lane")], levels={"ada": {"company": 100_000}})
    heard = Heard().hear(there("ada", "lane"), comes("ann", "lane"), there("bea", "lane"))
    heard.hear(WayClosed(way="w_inn", ends=["lane", "inn"], grounds="storm", at_ms=NOON_MS, at_us=0))
    heard.memories.knows["bea"].clear()
    return Agenda(agenda.people, made, heard.memories), heard


def tellings(events: Sequence[Event]) -> list[PersonTold]:
    return [event for event in events if isinstance(event, PersonTold)]


def test_who_talks_tells_what_matters_most_first_with_its_evidence() -> None:
    agenda, heard = talk_in_the_lane()

    told = tellings(agenda.run(NOON_MS + 15 * MINUTE_MS))

    assert [(each.teller, each.hearer, each.topic, each.hands) for each in told] == [
        ("ada", "bea", "way.w_inn", 0)
    ]
    assert told[0].about == told[0].evidence == heard.ids[-1]
    heard.hear(*told)
    knows = heard.memories.of("bea")[0]
    assert (knows.topic, knows.hands, knows.told_by) == ("way.w_inn", 1, "ada")
    assert knows.evidence == heard.ids[-1] != knows.event
    assert heard.memories.news("ada", "bea", 0) is not None, "the next talk has something left to tell"
    assert heard.memories.news("ada", "bea", NOON_MS + 1) is None, "what is long ago is told no more"


def test_nothing_is_told_to_whom_one_hates_and_nobody_tells_somebody_of_themselves() -> None:
    agenda, _ = talk_in_the_lane(regard=-900)
    assert tellings(agenda.run(NOON_MS + 15 * MINUTE_MS)) == []
    heard = Heard().hear(there("ada", "lane"), there("bea", "lane"))
    assert heard.memories.news("ada", "bea", 0) is None


async def test_a_theft_that_a_child_saw_reaches_the_watch_when_somebody_tells_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A player comes to places where some people are; what others know of it came through those."""
    monkeypatch.setattr(module, "REST_S_MAX", 0.005)
    realm = Realm()
    await realm.begin()
    async with leading(realm):
        await until(lambda: joined(realm))
        for place in cast().places:
            here = Arrived(who=f"at_{place}", place=place, at_ms=START_MS, at_us=0)
            await realm.add(f"player-at_{place}", here)
        await realm.quiet()
        await realm.pass_by(300)
        await realm.pass_by(300)
    heard, told = Heard(), 0
    for recorded in await realm.log.read_all(limit=100_000):
        event = CODEC.decode(recorded)
        if isinstance(event, PersonTold):
            told += 1
            knew = heard.memories.knows[event.teller][event.topic]
            assert (knew.event, knew.hands, knew.evidence) == (event.about, event.hands, event.evidence)
        heard.memories.apply(event, recorded.id, recorded.position)
    assert told > 0
    some = [thing for who in heard.memories.knows for thing in heard.memories.of(who)]
    assert {thing.topic for thing in some} < {f"player.at_{place}" for place in cast().places}, "not all"
    assert any(thing.hands for thing in some)


def test_an_idle_world_has_nothing_to_tell() -> None:
    agenda, events = begun()
    events += agenda.run(START_MS + 6 * HOUR_MS)
    assert tellings(events) == []
