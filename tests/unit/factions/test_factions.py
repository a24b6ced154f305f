"""What deeds do to factions, and what is refused."""

from domain.factions.factions import FACTIONS
from domain.factions.messages import DayTold, Deed, Emerged, FactionsEvent, Swayed
from tests.unit.factions.kit import GROUND
from tests.unit.spec import changed, given

DEED = Deed.model_validate(Deed.example)
SWAYED = changed(Swayed.from_example(), day=0)


def decided(*history: FactionsEvent, command: Deed = DEED) -> list[FactionsEvent]:
    return list(FACTIONS.decide(command, FACTIONS.fold(history)))


def test_a_deed_moves_power_and_regard_and_may_be_avenged() -> None:
    swayed, emerged = decided(GROUND)
    assert swayed == SWAYED
    assert isinstance(emerged, Emerged)
    assert [(each.faction, each.power) for each in emerged.powers] == [("lamplighters", 325)]
    assert [(each.one, each.other, each.regard) for each in emerged.regards] == [
        ("lamplighters", "tallymen", -390)
    ]
    assert (emerged.kind, emerged.place, emerged.depth) == ("deed", "lamp_yard", 0)
    assert [(each.what, each.faction, each.other) for each in emerged.follows] == [
        ("raid", "tallymen", "lamplighters")
    ]
    given(FACTIONS, GROUND).when(DEED).then(swayed, emerged)


def test_a_deed_has_one_effect() -> None:
    history = GROUND, *decided(GROUND)
    given(FACTIONS, *history).when(DEED).then_nothing()
    other = changed(DEED, power=16)
    given(FACTIONS, *history).when(other).then_rejected("deed_taken", field="deed_id")


def test_what_is_not_there_or_changes_nothing_is_refused() -> None:
    given(FACTIONS).when(DEED).then_rejected("no_factions")
    for name in ("faction", "other"):
        wrong = changed(DEED, **{name: "bakers"})
        given(FACTIONS, GROUND).when(wrong).then_rejected("faction_unknown", field=name, says="tallymen")
    given(FACTIONS, GROUND).when(changed(DEED, power=0, regard=0)).then_rejected(
        "nothing_done", field="power"
    )
    given(FACTIONS, GROUND).when(changed(DEED, other=None)).then_rejected("nothing_done", field="other")
    same = changed(DEED, other="lamplighters")
    given(FACTIONS, GROUND).when(same).then_rejected("nothing_done", field="other")


def test_a_day_bears_so_many_deeds_and_no_more() -> None:
    history: list[FactionsEvent] = [GROUND]
    for n in range(4):  # power 15, and regard 40, which counts as 10
        history += decided(*history, command=changed(DEED, deed_id=f"d{n}", power=15 * (-1) ** n))
    least = changed(DEED, power=0, regard=1)
    given(FACTIONS, *history).when(least).then_rejected("too_much", field="power")
    assert decided(*history, command=changed(DEED, faction="unwound", other=None, regard=0, power=5))
    tomorrow = changed(DayTold.from_example(), day=1)
    assert decided(*history, tomorrow, command=least)


def test_a_deed_is_known_by_its_id_for_some_days() -> None:
    history = [GROUND, *decided(GROUND)]
    for day in range(1, 8):
        history.append(changed(DayTold.from_example(), day=day))
        assert decided(*history) == []
    assert FACTIONS.fold(history).deeds
    assert not FACTIONS.fold([*history, changed(DayTold.from_example(), day=8)]).deeds
