"""Paths into a declaration: which of them lead to a marked value, and how much of one may be told."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ValidationError

from domain.kernel.visibility import (
    ERASED,
    Discreet,
    Erased,
    Path,
    Personal,
    Private,
    hidden_names,
    hides,
    public_path,
)


class Note(BaseModel):
    player: str
    words: Annotated[str, Personal(of="player")]
    answers: list["Note"] = []


class Box(Discreet):
    notes: list[Note]
    secret: Annotated[dict[str, Any], Private()]
    player: str = "p1"
    plain: str = ""
    both: Annotated[str, Private(), Personal(of="player")] = ""
    maybe: Annotated[str, Personal(of="player")] | None = None


@pytest.mark.parametrize(
    ("path", "hidden", "told"),
    [
        ((), False, ()),
        (("plain",), False, ("plain",)),
        (("plain", "odd"), False, ("plain", "odd")),
        (("odd",), False, ("odd",)),
        (("maybe",), True, ("maybe",)),
        (("notes", 0), False, ("notes", 0)),
        (("notes", 0, "player"), False, ("notes", 0, "player")),
        (("notes", 0, "words"), True, ("notes", 0, "words")),
        (("notes", 0, "words", "odd"), True, ("notes", 0, "words")),
        (("secret",), True, ("secret",)),
        (("secret", "odd"), True, ("secret",)),
        (("secret", 3, "odd", "plain"), True, ("secret", 3)),
        (("secret", "plain", "odd"), True, ("secret", "plain")),
        (("secret", "words", "answers"), True, ("secret", "words", "answers")),
    ],
)
def test_a_path_is_told_up_to_the_first_key_that_may_be_somebodys_word(
    path: Path, hidden: bool, told: Path
) -> None:
    assert hides(Box, path) is hidden
    assert public_path(Box, path) == told


def test_a_field_with_two_marks_shows_both() -> None:
    box = Box(notes=[], secret={"k": 1}, both="my words")

    assert (
        repr(box)
        == "Box(notes=[], secret=<private>, player='p1', plain='', both=<personal and private>, maybe=None)"
    )


def test_marked_fields_are_named_without_their_path() -> None:
    assert hidden_names([Box]) == {"secret", "both", "maybe", "words"}


def test_what_is_gone_stays_gone_and_says_so() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ERASED.erased = True  # type: ignore[misc]  # the test is of what happens then
    assert Erased.model_json_schema()["properties"]["erased"]["description"] == "Always true."
