"""What people decide in a hamlet: why, in which order, and what only one can have."""

from collections.abc import Sequence
from dataclasses import replace

from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.lives import who_of
from domain.people.messages import IDLE, PersonDecided, PersonGone, PersonJoined
from domain.people.rules import MINUTE_MS, RULES
from domain.people.scene import Times, World
from domain.places.city import city_of
from domain.places.messages import Arrived, Departed, Entered, JourneyCut, Left
from tests.unit.people.hamlet import NOON_MS, definition, entry, likes, person, settled, world
from tests.unit.people.kit import day, decisions, real_us

HUNGRY = {"food": 100_000}


def after(agenda: Agenda, minutes: int) -> list[Event]:
    return agenda.run(NOON_MS + minutes * MINUTE_MS)


def first(events: Sequence[Event], who: str) -> PersonDecided:
    return next(event for event in decisions(events) if event.person == who)


def test_who_is_hungry_goes_to_eat_arrives_and_is_full_by_the_end() -> None:
    agenda = settled(world(person("ada")), levels={"ada": HUNGRY})

    events = after(agenda, 90)

    kinds = [type(event) for event in events[:3]]
    assert kinds == [PersonDecided, Departed, Arrived]
    eats, walks, comes = events[:3]
    assert isinstance(eats, PersonDecided)
    assert isinstance(walks, Departed)
    assert isinstance(comes, Arrived)
    assert (eats.action, eats.place, eats.reason, eats.need) == ("eat", "inn", "need", "food")
    assert (walks.who, walks.kind, walks.places) == (who_of("ada"), "person", ["house_a", "lane", "inn"])
    assert eats.begins_ms == walks.times_ms[-1] == comes.at_ms == eats.at_ms + 180_000
    after_it = list(decisions(events))[1]
    assert after_it.at_ms >= eats.until_ms
    assert after_it.levels["food"] > 800_000


def test_of_two_seats_three_get_two_and_the_last_goes_elsewhere_and_does_not_come_back_at_once() -> None:
    made = world(person("ada"), person("bea"), person("cay"))
    agenda = settled(made, levels={"ada": HUNGRY, "bea": HUNGRY, "cay": HUNGRY})
    made.watched = frozenset(made.cast.places)
    agenda = Agenda(agenda.people, made)

    events = after(agenda, 1)

    eats = {event.person: event for event in decisions(events)}
    assert [eats[who].claim for who in ("ada", "bea")] == ["inn/seat/0", "inn/seat/1"]
    assert eats["cay"].lost == ["inn"]
    assert eats["cay"].place != "inn"
    assert agenda.people.lives["cay"].cool == {"inn": eats["cay"].at_ms + RULES.cool_ms}
    later = [event for event in decisions(after(agenda, 25)) if event.person == "cay"]
    assert all(event.place != "inn" for event in later), "not tried again for a while"


def test_what_is_held_is_free_again_once_its_holder_does_something_else() -> None:
    agenda = settled(world(person("ada")), levels={"ada": HUNGRY})
    after(agenda, 10)
    assert agenda.people.claims == {"inn/seat/0": "ada"}

    after(agenda, 120)

    assert "inn/seat/0" not in agenda.people.claims


def test_the_schedule_is_kept_to_its_minute() -> None:
    agenda = settled(world(person("ada", entry(13, 17, "market", "trade"))))

    trade = first([e for e in after(agenda, 61) if getattr(e, "action", "") == "trade"], "ada")

    assert (trade.at_ms, trade.reason, trade.place) == (NOON_MS + 60 * MINUTE_MS, "routine", "market")
    assert trade.until_ms == NOON_MS + 300 * MINUTE_MS


def test_a_pressing_need_is_a_reason_to_leave_work_and_then_one_goes_back() -> None:
    agenda = settled(
        world(person("ada", entry(12, 18, "market", "trade"))), levels={"ada": {"food": 300_000}}
    )

    done = list(decisions(after(agenda, 240)))

    assert [(event.action, event.reason) for event in done] == [
        ("trade", "routine"),
        ("eat", "need"),
        ("trade", "routine"),
    ]


def test_who_lacks_nothing_does_nothing_and_that_ends() -> None:
    agenda = settled(world(person("ada", entry(22, 6, "house_a", "sleep"))))

    done = list(decisions(after(agenda, 8 * 60)))

    assert done[0].action == IDLE
    assert done[0].until_ms - done[0].begins_ms == RULES.idle_ms
    assert len(done) >= 2, "idle ends by itself"


def test_an_urgent_need_breaks_idle() -> None:
    agenda = settled(world(person("ada")), levels={"ada": {"food": 780_000}})
    idle = first(after(agenda, 11), "ada")
    assert idle.action == IDLE
    agenda.people.lives["ada"].levels["food"] = 270_000
    agenda.people.lives["ada"].until_ms += 24 * 60 * MINUTE_MS
    agenda = Agenda(agenda.people, agenda.world)

    eats = list(decisions(after(agenda, 60)))

    assert eats[0].action == "eat"
    assert eats[0].at_ms < idle.until_ms


def test_a_shut_door_is_a_reason_and_so_is_a_stall_that_somebody_has() -> None:
    early = settled(world(person("ada", entry(12, 23, "market", "trade"))))
    done = list(decisions(after(early, 9 * 60)))
    assert any(event.reason == "closed" for event in done if event.at_ms >= NOON_MS + 480 * MINUTE_MS)

    two = settled(
        world(
            person("ada", entry(12, 18, "market", "trade")), person("bea", entry(12, 18, "market", "trade"))
        )
    )
    done = list(decisions(after(two, 30)))
    assert {event.person: event.reason for event in done} == {"ada": "routine", "bea": "taken"}


def test_one_talks_to_whom_one_likes_best_and_not_alone() -> None:
    lonely = {"company": 100_000}
    made = world(
        person("ada", relations=(likes("bea", -500), likes("cay", 700))), person("bea"), person("cay")
    )
    agenda = settled(made, at=[("ada", "lane"), ("bea", "lane"), ("cay", "lane")], levels={"ada": lonely})

    talk = first(after(agenda, 15), "ada")
    assert (talk.action, talk.place, talk.with_person) == ("talk", "lane", "cay")
    assert agenda.people.acquainted("cay", "ada") == RULES.acquainted

    alone = settled(world(person("ada")), levels={"ada": lonely})
    assert all(event.action != "talk" for event in decisions(after(alone, 60)))


def test_two_of_the_same_score_go_by_id() -> None:
    agenda = settled(world(person("ada"), person("bea")), levels={"ada": HUNGRY, "bea": HUNGRY})
    agenda.world.watched = frozenset(agenda.world.cast.places)
    agenda = Agenda(agenda.people, agenda.world)

    done = list(decisions(after(agenda, 1)))

    assert [event.person for event in done] == ["ada", "bea"]
    assert [event.claim for event in done] == ["inn/seat/0", "inn/seat/1"]


def test_who_is_before_a_way_that_closes_ends_at_the_place_before_it() -> None:
    agenda = settled(world(person("ada")), levels={"ada": HUNGRY})
    events = after(agenda, 20)
    walks = next(event for event in events if isinstance(event, Departed))
    agenda = settled(world(person("ada")), levels={"ada": HUNGRY})
    agenda.run(walks.times_ms[0])
    agenda.take_in(agenda.world.shut(frozenset({"w_inn"})))

    cut = agenda.outside(walks.times_ms[0] + MINUTE_MS)
    assert [type(event) for event in cut] == [JourneyCut]
    rest = agenda.run(walks.times_ms[0] + 10 * MINUTE_MS)
    comes = next(event for event in rest if isinstance(event, Arrived))
    anew = first(rest, "ada")
    assert (comes.place, comes.at_ms) == ("lane", walks.times_ms[1])
    assert (anew.action, anew.place) == ("eat", "far_inn"), "there is another inn"


def test_who_is_new_joins_at_home_or_at_work_and_who_is_retired_goes() -> None:
    ada, bea = person("ada", entry(12, 18, "market", "trade")), person("bea")
    agenda = settled(world(ada))
    agenda.take_in(world(ada, bea))

    joined = agenda.outside(NOON_MS)
    assert [type(event) for event in joined] == [PersonJoined, Entered]
    assert joined[0].place == "house_b"  # type: ignore[attr-defined]
    agenda.take_in(world(bea))
    gone = agenda.outside(NOON_MS)
    assert [type(event) for event in gone] == [Left, PersonGone]
    assert set(agenda.people.lives) == {"bea"}
    assert agenda.outside(NOON_MS) == []


def test_a_place_that_is_no_more_leaves_nobody_in_it() -> None:
    agenda = settled(world(person("ada")), at=[("ada", "far_inn")])
    made = definition(person("ada"))
    shorter = replace(
        made,
        places=tuple(each for each in made.places if each.id != "far_inn"),
        ways=tuple(each for each in made.ways if each.id != "w_far"),
    )
    smaller = World(shorter, city_of(shorter), Times(day, real_us))
    agenda.take_in(smaller)

    events = agenda.outside(NOON_MS)

    assert [type(event) for event in events] == [Left, PersonGone, PersonJoined, Entered]
    assert agenda.people.lives["ada"].place == "house_a"
    assert list(decisions(after(agenda, 120)))
