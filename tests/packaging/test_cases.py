"""A test of many cases fails if one of them does, and says which."""

from pathlib import Path

import pytest

from tests.unit.cases import each_of


def test_every_case_that_fails_is_named_and_the_others_are_tried() -> None:
    tried = list[int]()

    @each_of("number", [1, 2, 3, 4], ids=lambda number: f"n{number}")
    def even(number: int) -> None:
        tried.append(number)
        assert number % 2 == 0

    with pytest.raises(ExceptionGroup, match="2 of 4 cases") as failed:
        even()

    assert tried == [1, 2, 3, 4]
    assert [error.__notes__[-1] for error in failed.value.exceptions] == ["in the case n1", "in the case n3"]


def test_one_that_raises_nothing_where_it_should_is_named_as_well() -> None:
    @each_of("text", ["1", "a", "2"])
    def no_number(text: str) -> None:
        with pytest.raises(ValueError, match="invalid"):
            int(text)

    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases") as failed:
        no_number()

    assert [error.__notes__[-1] for error in failed.value.exceptions] == ["in the case 1", "in the case 2"]


async def test_one_that_waits_fails_as_well() -> None:
    @each_of(("name", "number"), [("a", 2), ("b", 3)])
    async def even(name: str, number: int) -> None:
        assert number % 2 == 0, name

    with pytest.raises(AssertionError, match="b") as failed:
        await even()

    assert failed.value.__notes__[-1] == "in the case b"


def test_no_case_at_all_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="no case"):
        each_of("number", [])


@each_of("number", [1, 2])
def test_fixtures_are_given_beside_a_case(number: int, tmp_path: Path) -> None:
    assert tmp_path.is_dir()
    assert number
