"""What the events of each context say of claims."""

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.claims import Claim
from domain.beliefs.table import TABLE
from domain.factions.messages import Emerged
from domain.kernel.event import Event
from domain.ledger.messages import Transferred, UnitOpened
from domain.lore.messages import DocumentAdded, DocumentRemoved
from domain.market.messages import PricesPosted, RanShort, Recovered, StallShut, StallTakenOver
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.people.messages import PersonGone
from domain.quests.messages import Abandoned, Accepted, Closed, Completed
from domain.weather.messages import WeatherChanged
from tests.unit.beliefs.kit import Tale, ground
from tests.unit.kit import in_case


def event(kind: type[Event], /, **other: object) -> Event:
    return kind.model_validate({**kind.example, **other})


def holds(tale: Tale, argument: str) -> list[str]:
    return sorted(str(fact.claim) for fact in tale.beliefs.facts.ask(argument))


def after(*events: Event, argument: str, tale: Tale | None = None) -> list[str]:
    tale = tale or Tale()
    tale.hear(*events)
    return holds(tale, argument)


def test_stalls_say_what_they_ask_and_lack_and_who_keeps_them() -> None:
    stall = "place.lamp_yard"
    price = "price(place.lamp_yard, good.lamp_oil, number.43)"
    out, sells = "sold_out(place.lamp_yard, good.lamp_oil)", "sells(place.lamp_yard, good.lamp_oil)"
    keeps = Claim("keeps", "person.hob", stall)
    tale = Tale(Beliefs.of(ground(common=frozenset({keeps}), people={"Hob": "hob", "Wen Lantry": "wen"})))

    assert after(event(PricesPosted), event(RanShort), argument=stall, tale=tale) == [str(keeps), price, out]
    assert after(event(Recovered), argument=stall, tale=tale) == [str(keeps), price, sells]
    shut = after(event(StallShut), argument=stall, tale=tale)
    assert shut == [price, sells, "shut(place.lamp_yard)"]
    assert after(event(StallTakenOver), argument=stall, tale=tale) == [
        "keeps(person.wen, place.lamp_yard)",
        price,
        sells,
    ]


def test_who_takes_a_quest_promises_and_keeps_or_breaks_it() -> None:
    promised = "promised(player.ann, person.the_tenant, quest.rent_of_the_cell)"
    for last, wanted in (
        (Completed, "kept_promise"),
        (Abandoned, "broke_promise"),
        (Closed, ""),
    ):
        tale = Tale()
        assert promised in after(event(Accepted), argument="player.ann", tale=tale)
        found = after(event(last), argument="player.ann", tale=tale)
        with in_case(last.__name__):
            assert promised not in found
            assert any(each.startswith(wanted) for each in found) or not (wanted or found)
        assert promised not in after(argument="person.the_tenant", tale=tale)


def test_harm_is_claimed_of_who_did_it_and_the_dead_are_dead() -> None:
    tale = Tale()
    tale.comes("una_pell", "ropewalk_quay")
    tale.comes("nib", "ropewalk_quay")
    found = after(event(Harmed), event(Robbed), event(Died), argument="person.una_pell", tale=tale)

    assert found == [
        "arrived(person.una_pell, place.ropewalk_quay)",
        "dead(person.una_pell)",
        "hurt(player.ann, person.una_pell)",
        "killed(player.ann, person.una_pell)",
        "took(player.ann, person.una_pell, good.lamp_oil)",
    ]
    assert tale.knows("nib", "killed(player.ann, person.una_pell)")
    assert after(event(PersonGone, person="nib"), argument="person.nib", tale=tale) == [
        "arrived(person.nib, place.ropewalk_quay)"
    ]


def test_factions_weather_and_single_things_say_what_holds() -> None:
    taken = event(Emerged, kind="territory_taken")
    feud = event(Emerged, kind="feud_begun")
    peace = event(Emerged, kind="alliance_formed")
    assert after(taken, argument="territory.courts") == ["rules(faction.lamplighters, territory.courts)"]
    assert after(feud, peace, argument="faction.tallymen") == [
        "allied(faction.lamplighters, faction.tallymen)"
    ]

    assert after(event(WeatherChanged), argument="zone.harbour") == [
        "was_weather(zone.harbour, weather.mist)",
        "weather(zone.harbour, weather.fog)",
    ]

    move = {"unit": "tin_saint", "payer": "stall.lamps", "payee": "player.ann.bank", "amount": 1}
    opened = event(UnitOpened, unit="tin_saint", kind="item")
    assert after(opened, event(Transferred, moves=[move]), argument="good.tin_saint") == [
        "has(player.ann, good.tin_saint)"
    ]
    assert after(event(Transferred), argument="player.ann") == []


def document(**other: object) -> Event:
    claims = [{"predicate": "founded", "subject": "person.ada", "object": "place.inn"}]
    return event(DocumentAdded, document="inn", claims=claims, **other)


def test_what_documents_claim_for_everybody_is_so_until_they_say_otherwise() -> None:
    founded = ["founded(person.ada, place.inn)"]
    assert after(document(), argument="place.inn") == founded
    for limits in ({"known_by": ["person.ada"]}, {"stage": 2}, {"realms": ["other"]}, {"until_day": 9}):
        with in_case(str(limits)):
            assert after(document(**limits), argument="place.inn") == []


def test_a_document_yields_to_what_happened() -> None:
    rules = "rules(faction.lamplighters, territory.courts)"
    claims = [{"predicate": "rules", "subject": "faction.tallymen", "object": "territory.courts"}]
    tale = Tale()
    tale.hear(event(Emerged, kind="territory_taken"), event(DocumentAdded, document="old", claims=claims))
    assert holds(tale, "territory.courts") == [rules]

    other = Tale()
    other.hear(event(DocumentAdded, document="old", claims=claims))
    assert holds(other, "territory.courts") == ["rules(faction.tallymen, territory.courts)"]
    other.hear(event(DocumentRemoved, document="old"))
    assert holds(other, "territory.courts") == []


def test_every_line_is_of_an_event_and_says_something_sound() -> None:
    """Each event's own example can be read by its line, in the sample world's predicates."""
    for kind in TABLE:
        with in_case(kind.__name__):
            tale = Tale()
            tale.hear(kind.from_example())
            assert tale.beliefs.facts.unadopted == 0
