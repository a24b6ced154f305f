"""The golden day: one seed, a script, one log. Fog, a deal, a shortage, a storm, a flip, a reprisal."""

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from aicore.headless.digests import digests_of
from aicore.headless.script import Played, Unlike, WrongScript, read_script
from aicore.headless.world import begun
from tests.unit.headless.kit import (
    DAY,
    Row,
    first_difference,
    golden_rows,
    kept,
    replayed,
    written,
)
from tests.unit.kit import in_case

DAYS = sorted(DAY.parent.glob("day*"), key=lambda folder: (len(folder.name), folder.name))
"""The last is how rules decide now; what the others tell was decided by older rules, and stays."""


def test_every_event_is_as_it_was() -> None:
    rows = asyncio.run(golden_rows(DAYS[-1]))

    assert not (told := first_difference(kept(DAYS[-1]), rows)), told
    assert written(rows) == (DAYS[-1] / "log.jsonl").read_bytes()


def test_the_first_difference_is_told_with_what_was_before_it() -> None:
    expected = kept(DAY)[:6]
    other = [*expected[:4], {**expected[4], "actor": "service:thief"}, expected[5]]

    told = first_difference(expected, other)
    assert "the logs part at event 5 of 6" in told
    assert "actor: " in told
    assert "'service:thief'" in told
    assert "more: 7 " in first_difference(expected, kept(DAY)[:7])
    assert "less: 6 " in first_difference(expected, expected[:5])
    assert not first_difference(expected, expected)


def test_every_golden_day_is_read_and_folded_for_ever() -> None:
    for folder in DAYS:
        with in_case(folder.name):
            world = asyncio.run(replayed(folder))
            assert [event.hash.hex() for event in world.log.since(0)] == [row["hash"] for row in kept(folder)]
            assert world.faults() == []
            assert digests_of(world.parts).keys() > {"factions", "market", "places", "quests", "weather"}


# --- the story ----------------------------------------------------------------------------------------------


@cache
def day() -> tuple[Row, ...]:
    """Return the events of the first golden day, once its people live."""
    rows = kept(DAY)
    begins = next(number for number, row in enumerate(rows) if row["type"] == "people.begun")
    return tuple(rows[begins:])


def one(type_: str, /, **payload: object) -> Row:
    """Return the first event of a kind that says so."""
    return next(row for row in day() if row["type"] == type_ and payload.items() <= row["payload"].items())


def at(row: Row) -> tuple[int, str]:
    """Return the day and the time of an event, by real time at 60 game seconds a second from 03:10 on."""
    minutes = 190 + (row["at_us"] - day()[0]["at_us"]) // 1_000_000
    return minutes // 1_440, f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def test_fog_comes_before_dawn_and_the_ferryman_speaks() -> None:
    fog = one("weather.changed", zone="harbour", state="fog")
    spoke = one("quests.stage_reached", quest="the_ferry_in_fog", stage="answer")
    dawn = one("clock.phase_began", phase="dawn")

    assert fog["position"] < spoke["position"] < dawn["position"]
    assert at(fog) == (0, "03:25")
    assert one("people.decided", person="the_ferryman", place="still_landing")
    paid = one("ledger.transferred", reason="quest_reward")
    assert paid["causation"] == one("quests.completed", quest="the_ferry_in_fog")["causation"]


def test_a_promise_is_kept_and_the_lantern_changes_hands_in_one_append() -> None:
    posted, lantern = one("ledger.hold_posted"), one("ledger.transferred", reason="lantern")

    assert posted["causation"] == lantern["causation"]
    assert posted["version"] + 1 == lantern["version"]
    assert posted["payload"]["hold_id"] == one("ledger.held")["id"]


def test_oil_is_bought_up_at_noon_and_costs_more_from_the_next_morning() -> None:
    sent_away = one("market.wanted", good="lamp_oil")
    assert at(sent_away) == (0, "12:01")
    first, second = prices()

    assert (first["price"], second["price"]) == (40, 43)
    assert (second["stock"], second["bought"], second["wanted"]) == (0, 40, 3)
    short = one("market.ran_short", good="lamp_oil")
    posted = next(row for row in day() if row["id"] == short["causation"])
    assert posted["type"] == "market.prices_posted"
    assert one("market.recovered", good="lamp_oil")["position"] > short["position"]


def prices() -> list[Mapping[str, object]]:
    rows = [row for row in kept(DAY) if row["type"] == "market.prices_posted"]
    return [each for row in rows for each in row["payload"]["prices"] if each["good"] == "lamp_oil"][:2]


def test_a_storm_at_dusk_closes_ways_and_unlocks_the_quest() -> None:
    storm = one("weather.changed", zone="marsh", state="storm")
    began = one("quests.stage_reached", quest="storm_crossing", stage="across")
    closed = [row for row in day() if row["type"] == "places.way_closed" and row["causation"] == storm["id"]]

    assert one("clock.phase_began", phase="dusk")["position"] < storm["position"]
    assert {row["payload"]["way"] for row in closed} >= {"ferry", "wall_walk", "still_water"}
    assert began["correlation"] == storm["id"]
    assert one("quests.completed", quest="storm_crossing")["payload"]["end"] == "kept"


def test_ground_changes_hands_at_night_and_is_avenged_two_days_after_the_deed() -> None:
    deed = one("factions.emerged", kind="deed")
    flip = one("factions.emerged", kind="territory_taken")
    raid = one("factions.emerged", kind="raid")
    unrest = one("factions.emerged", kind="unrest")

    assert (deed["payload"]["faction"], flip["payload"]["faction"]) == ("gleaner_parish", "gleaner_parish")
    assert (flip["payload"]["other"], raid["payload"]["faction"]) == ("unwound", "unwound")
    assert (at(flip), at(raid)) == ((1, "00:00"), (2, "00:00"))
    assert raid["payload"]["day"] - deed["payload"]["day"] == 2
    assert raid["causation"] == deed["id"]
    assert one("factions.swayed")["payload"]["operator"] == "service:game"
    assert unrest["causation"] == flip["id"]


def test_every_cause_is_an_event_or_a_command() -> None:
    ids = {row["id"] for row in kept(DAY)}
    ours = {
        (row["type"], row["actor"])
        for row in kept(DAY)
        if row.get("causation") not in {*ids, None} and row["actor"].startswith("component:")
    }

    # Of commands, which no log holds: what the market and the quests' keeper ask of the ledger's desk.
    assert {kind.partition(".")[0] for kind, _ in ours} <= {"ledger", "quests"}


# --- scripts ------------------------------------------------------------------------------------------------

BEGINS = "begins: day 1, 07:00\n"
WRONG = {
    "begins: noon\nsteps: []": "begins: found 'noon'",
    BEGINS: "steps: a list of steps is missing",
    BEGINS + "steps: [1]": "steps[0]: a step is a map",
    BEGINS + "steps: [{at: '08:00', say: x, who: y}]": "there is no who",
    BEGINS + "steps: [{at: '08:00'}]": "steps[0].say",
    BEGINS + "steps: [{at: '25:00', say: x}]": "steps[0].at: found '25:00'",
    BEGINS + "steps: [{at: '09:00', say: x}, {at: '08:00', say: y}]": "is earlier than the step before",
    "steps: [": "script.yaml:1",
}


def test_a_script_that_is_wrong_says_where(tmp_path: Path) -> None:
    file = tmp_path / "script.yaml"
    for text, said in WRONG.items():
        file.write_text(text)
        with in_case(text), pytest.raises(WrongScript) as told:
            read_script(file)
        assert said in str(told.value)


def test_a_step_that_comes_to_something_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "script.yaml"
    file.write_text(
        BEGINS + "steps: [{at: '07:01', say: places.enter, refused: not_there, with: "
        "{player: ann, session: 1, place: lamp_yard}}]"
    )

    async def play() -> None:
        await Played(await begun(), read_script(file)).to_the_end()

    with pytest.raises(Unlike, match="was to be refused with not_there; it was refused with no_clock"):
        asyncio.run(play())
