"""What is said of a place: nothing but what its traces tell, the same for everybody."""

import pytest

from aicore.content.sample_world import sample_definition
from bus.ports import StreamWrite
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.traces.showing import concludes, describe
from domain.traces.traces import known_of
from domain.weather.messages import WeatherChanged
from handlers.traces.view import TracesView
from tests.unit.kit import ident, in_case, memory_log
from tests.unit.people.realm import CODEC
from tests.unit.traces.kit import (
    HOUR_MS,
    STREET,
    Tale,
    came,
    died,
    fled,
    happenings,
    hurt,
    setting,
    weather,
)


def test_a_description_names_nobody_whom_its_traces_do_not_show() -> None:
    tale, told = Tale(), 0
    tale.hear(*(event for event in happenings(150, seed=5) if not isinstance(event, WeatherChanged)))
    ground, now = setting().ground, tale.traces.told.now_ms
    names = {f"person.{person}": name for name, person in ground.people.items()} | {"player.ben": " ben "}
    for place in setting().kinds:
        found = {each.trace.id: each for each in tale.traces.look(place, now)}
        for part in describe(list(found.values()), setting()):
            of = [found[trace] for trace in part.traces]
            shown = {argument for each in of for argument in known_of(each.trace, each.rule).values()}
            may = " ".join(ground.names.get(each, each) for each in (*shown, f"place.{place}"))
            with in_case(f"{place}: {part.says}"):
                assert "{" not in part.says
                said = {who for who, name in names.items() if name in part.says and name not in may}
                assert said <= shown
                assert not part.claim or set(part.claim.arguments) <= shown
            told += 1
    assert told > 40


def test_what_does_not_show_is_somebody_and_how_sure_one_is_is_said() -> None:
    tale = Tale()
    tale.hear(hurt(), died(), fled())
    said = {each.rule.id: concludes(each, setting()) for each in tale.traces.look(STREET, 0)}

    assert said == {
        "blood_drops": "Somebody hurt somebody.",
        "torn_sleeve": "It looks as if somebody hurt Nib.",
        "where_somebody_fell": "Somebody killed Una Pell.",
        "left_handed_knife": "It looks as if ben killed Una Pell.",
        "hurried_tracks": "It looks as if Nib fled from the Ropewalk quay.",
        "lost_purse": "It may be that somebody fled from the Ropewalk quay.",
    }


def test_what_is_seen_is_said_by_how_much_is_left_and_many_are_said_as_one() -> None:
    tale = Tale()
    tale.hear(weather("snow", 0), came(who="person.nib"))

    def texts(at_ms: int) -> list[str]:
        return [part.says for part in describe(tale.traces.look(STREET, at_ms), setting())]

    assert texts(0)[0].startswith("One line of prints comes to the Ropewalk quay")
    assert texts(90 * 60_000)[0].startswith("The snow has nearly filled")
    assert texts(0)[1:] == ["Somebody came to the Ropewalk quay."], "what is concluded is said once"
    tale.hear(came(who="person.gault"), came(who="person.una_pell"))
    assert texts(0)[0].startswith("The snow at the Ropewalk quay is trodden")
    assert len(texts(0)) == 2
    assert texts(24 * HOUR_MS) == []


def test_a_stall_that_ran_short_leaves_crates_and_nothing_to_conclude() -> None:
    tale = Tale()
    tale.hear(*(event for event in happenings(60, seed=8) if type(event).__name__ == "RanShort"))
    found = [each for place in setting().kinds for each in tale.traces.look(place, 0)]

    assert found
    assert {concludes(each, setting()) for each in found} == {""}


# --- as it is asked over the wire ---------------------------------------------------------------------------


async def view_of(*events: Event, now_ms: int | None = None) -> TracesView:
    log = memory_log()
    await log.append(
        StreamWrite("people-realm", [CODEC.encode(each, ident(n)) for n, each in enumerate(events, 1)])
    )
    view = TracesView(log, sample_definition(), decode=CODEC.decode, game_ms=lambda: now_ms)
    await view.take(await log.read_all(after=0, limit=1_000))
    return view


async def test_what_is_to_be_seen_is_told_with_its_cause_and_for_all_alike() -> None:
    view = await view_of(weather("clear", 0), fled(at_ms=HOUR_MS), now_ms=2 * HOUR_MS)

    found, position = await view.answer_at({"place": STREET, "player": "ann"})
    other, _ = await view.answer_at({"place": STREET, "player": "ben"})
    text, _ = await view.answer_describe({"place": STREET})
    before, _ = await view.answer_describe({"place": STREET, "as_of": 1})

    assert (position, found) == (2, other)
    assert (found["at_ms"], found["weather"], found["indoors"]) == (2 * HOUR_MS, "clear", False)
    tracks, purse = found["traces"]
    assert tracks == {
        "trace": f"hurried_tracks-{ident(2).hex}-0",
        "rule": "hurried_tracks",
        "sees": "Mud has been flung up behind every step that leads away from the Ropewalk quay; "
        "Nib was running.",
        "strength": 675,
        "infers": {
            "says": "It looks as if Nib fled from the Ropewalk quay.",
            "claim": "fled(person.nib, place.ropewalk_quay)",
            "certainty": 650,
        },
        "event": str(ident(2)),
        "position": 2,
        "left_ms": HOUR_MS,
        "found": False,
    }
    assert purse["infers"]["claim"] is None
    assert text["text"] == " ".join(part["says"] for part in text["parts"])
    assert [list(part["traces"]) for part in text["parts"][:2]] == [[tracks["trace"]], [purse["trace"]]]
    assert before["text"] == ""


async def test_without_a_clock_it_is_as_late_as_the_last_event_told() -> None:
    view = await view_of(fled(at_ms=HOUR_MS))
    found, _ = await view.answer_at({"place": STREET})
    assert (found["at_ms"], found["weather"]) == (HOUR_MS, None)


async def test_a_place_that_there_is_not_is_refused() -> None:
    view = await view_of(fled())
    with pytest.raises(Rejected, match="there is no place nowhere"):
        await view.answer_at({"place": "nowhere"})
