"""Placeholders take the form that the sentence asks for."""

import pytest

from domain.story.slots import Filling, Gender, fill, slot_fault, slots_of

FILLINGS = {
    "A": Filling("Odalys Pike", Gender.SHE),
    "B": Filling("the Sexton", Gender.THEY),
    "F": Filling("the Tallymen", plural=True),
    "G": Filling("a tin saint"),
    "K": Filling("nails", plural=True),
    "N": Filling("forty crowns"),
    "T": Filling("three days ago"),
    "X": Filling("the matter of the key", forms={"aim": "find the tide key"}),
}


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("{A}'s gone. {A.They} {A.was} here.", "Odalys Pike's gone. She was here."),
        (
            "Ask {B}. {B.They} {B.is} in, and {B.they's} kind.",
            "Ask the Sexton. They are in, and they're kind.",
        ),
        (
            "\"{F},\" it says. {F}'s bread; {K}'s price.",
            "\"The Tallymen,\" it says. The Tallymen's bread; nails' price.",
        ),
        ("{G.The} is gone: {G}. No {G.bare}.", "The tin saint is gone: a tin saint. No tin saint."),
        ("Ill {T.since}. {N} it cost.", "Ill these three days. Forty crowns it cost."),
        ('I said, "{F} {F.has} it", to {X.aim}.', 'I said, "The Tallymen have it", to find the tide key.'),
    ],
)
def test_a_line_is_filled(line: str, filled: str) -> None:
    assert fill(line, FILLINGS) == filled


def test_letters_and_forms_are_known() -> None:
    assert slots_of("{A.They} and {A}'s {G.the}") == [("A", "they"), ("A", ""), ("G", "the")]
    assert slot_fault("A.they") == ""
    assert "no letter" in slot_fault("Z")
    assert "no form of a place" in slot_fault("P.they")
