"""What one types for somebody is taken in its short form, or refused with the form that is wanted."""

import pytest

from aicore.cli.called import holder_of, id_of, named
from aicore.cli.terminal import Exit, Failure
from tests.unit.kit import in_case

MEANT = {
    "una_pell": "person.una_pell",
    "Una Pell": "person.una_pell",
    "player-0": "player.player-0",
    "Ann": "player.Ann",
    "7": "player.7",
    "player.ann": "player.ann",
    "person.una_pell": "person.una_pell",
}
FAULTY = {
    "persom.una_pell": "write person.una_pell",
    "players.ann": "write player.ann",
    "place.lamp_yard": "write person.lamp_yard",
    "person.Una Pell": "una_pell",
    "...": "write person.",
    "": "write una_pell",
}


def test_a_short_name_is_taken_and_what_nobody_is_called_is_told_with_its_form() -> None:
    for text, who in MEANT.items():
        with in_case(text):
            assert holder_of(text) == named(text) == who
    for text, wanted in FAULTY.items():
        with in_case(text), pytest.raises(Failure) as failure:
            holder_of(text)
        assert failure.value.code == Exit.USAGE
        assert wanted in failure.value.remedy


def test_things_keep_their_kind_and_ids_lose_it() -> None:
    assert named("place.tally_house") == "place.tally_house"
    with pytest.raises(Failure) as failure:
        named("plaice.tally_house")
    assert failure.value.remedy.startswith("write place.tally_house")
    assert id_of("place.lamp_yard", "place") == id_of("lamp_yard", "place") == "lamp_yard"
    assert id_of("player.player-0", "player") == id_of("player-0", "player") == "player-0"
    assert id_of("Una Pell", "person") == "una_pell"
    for text, kind in {"person.una_pell": "place", "!": "player"}.items():
        with pytest.raises(Failure):
            id_of(text, kind)
