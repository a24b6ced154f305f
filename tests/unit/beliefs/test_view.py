"""Facts and beliefs as they are asked over the wire, of a log in memory."""

from collections.abc import Mapping
from typing import Any

import pytest

from aicore.content.sample_world import sample_definition
from bus.ports import StreamWrite
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.people.messages import PersonTold
from domain.places.messages import Arrived, Entered, Left
from handlers.beliefs.view import BeliefsView
from tests.unit.beliefs.kit import MINUTE_MS
from tests.unit.kit import ident, memory_log
from tests.unit.people.realm import CODEC


def came(who: str, place: str, minute: int) -> Event:
    kind = "person" if who.startswith("person.") else "player"
    at = {"place": place, "at_ms": minute * MINUTE_MS, "at_us": 0}
    return Entered.model_validate({"who": who, "kind": kind, **at})


async def view_of(*events: Event) -> BeliefsView:
    log = memory_log()
    await log.append(
        StreamWrite("people-realm", [CODEC.encode(each, ident(n)) for n, each in enumerate(events, 1)])
    )
    view = BeliefsView(log, sample_definition(), decode=CODEC.decode)
    await view.take(await log.read_all(after=0, limit=1_000))
    return view


async def told() -> BeliefsView:
    """Una saw Ann come to the quay, and told Nib at the Tally House; Ann went off since."""
    said = {
        **PersonTold.example,
        "teller": "una_pell",
        "hearer": "nib",
        "about": str(ident(3)),
        "about_position": 3,
        "hands": 0,
        "evidence": str(ident(3)),
        "place": "tally_house",
        "at_ms": 9 * MINUTE_MS,
    }
    return await view_of(
        came("person.una_pell", "ropewalk_quay", 1),
        came("person.nib", "tally_house", 2),
        came("ann", "ropewalk_quay", 3),
        Left(who="person.una_pell", place="ropewalk_quay", at_ms=4 * MINUTE_MS, at_us=0),
        Left(who="ann", place="ropewalk_quay", at_ms=5 * MINUTE_MS, at_us=0),
        Arrived(who="person.una_pell", place="tally_house", at_ms=8 * MINUTE_MS, at_us=0),
        PersonTold.model_validate(said),
    )


async def rows(view: BeliefsView, query: Mapping[str, Any]) -> list[tuple[str, str]]:
    answer, _ = await view.answer_known(query)
    return [(each["claim"], each["evidence"]) for each in answer["beliefs"]]


async def test_facts_are_told_now_and_as_of_both_times() -> None:
    view = await told()
    asked = {"about": "player.ann", "predicate": "at"}

    now, position = await view.answer_facts(asked)
    before, _ = await view.answer_facts({**asked, "as_of": 4})
    then, _ = await view.answer_facts({**asked, "at_ms": 4 * MINUTE_MS})

    assert (now, position) == ({"facts": [], "left_off": 0}, 7)
    (fact,) = before["facts"]
    assert fact["claim"] == "at(player.ann, place.ropewalk_quay)"
    assert fact["says"] == "ann is at the Ropewalk quay"
    assert (fact["begun"], fact["to_ms"]) == (3, None)
    assert [each["to_ms"] for each in then["facts"]] == [5 * MINUTE_MS]


async def test_what_somebody_believes_is_told_with_its_evidence() -> None:
    view = await told()

    assert await rows(view, {"holder": "person.nib", "about": "player.ann"}) == [
        ("arrived(player.ann, place.ropewalk_quay)", "told"),
        ("at(player.ann, place.ropewalk_quay)", "told"),
    ]
    assert ("at(player.ann, place.ropewalk_quay)", "witnessed") in await rows(
        view, {"holder": "person.una_pell"}
    )
    assert await rows(view, {"holder": "person.nib", "about": "player.ann", "as_of": 6}) == []


async def test_what_one_thinks_that_another_believes_follows_from_what_both_were_there_for() -> None:
    view = await told()
    about = {"about": "player.ann"}

    nib = await rows(view, {"holder": "person.una_pell", "thinks_of": ["person.nib"], **about})
    ann = await rows(view, {"holder": "player.ann", "thinks_of": ["person.nib"], **about})

    assert ("at(player.ann, place.ropewalk_quay)", "told") in nib
    assert ann == []


async def test_why_leads_back_to_who_saw_it() -> None:
    view = await told()
    asked = {"holder": "person.nib", "claim": "at(player.ann, place.ropewalk_quay)"}

    found, _ = await view.answer_why(asked)

    assert (found["basis"], found["root"], found["confidence"]) == ("seen", str(ident(3)), 800)
    assert found["chain"] == [
        {"who": "person.nib", "by": "told_by", "event": str(ident(7)), "position": 7},
        {"who": "person.una_pell", "by": "saw", "event": str(ident(3)), "position": 3},
    ]
    common, _ = await view.answer_why(
        {"holder": "person.nib", "claim": "kept_by(place.lamp_yard, person.hob)"}
    )
    assert common is None
    nothing, _ = await view.answer_why({**asked, "holder": "player.ben"})
    assert nothing is None


async def test_what_everybody_knows_is_told_where_one_asks_of_something() -> None:
    view = await told()

    known = await rows(view, {"holder": "person.nib", "about": "place.ropewalk_quay"})

    assert ("lies_at(place.ropewalk_quay, district.ropewalk)", "common") in known
    assert ("lies_at(place.ropewalk_quay, district.ropewalk)", "common") not in await rows(
        view, {"holder": "player.ann", "about": "place.ropewalk_quay"}
    )


async def test_what_cannot_be_answered_is_refused() -> None:
    view = await told()

    with pytest.raises(Rejected, match="named"):
        await view.answer_facts({})
    with pytest.raises(Rejected, match="no claim"):
        await view.answer_why({"holder": "person.nib", "claim": "at person.ada"})
    with pytest.raises(Rejected, match="this world has no claim"):
        await view.answer_why({"holder": "person.nib", "claim": "flies(person.nib)"})
