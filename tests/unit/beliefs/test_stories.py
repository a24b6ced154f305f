"""What one thinks that another thinks: stories of false belief, by hand and by shape."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.unit.beliefs.stories import ORDER_MAX, answered, scored, told
from tests.unit.kit import in_case

STORIES = YAML(typ="safe", pure=True).load((Path(__file__).parent / "stories.yaml").read_text())


def test_stories_written_by_hand_end_as_a_reader_says() -> None:
    assert len(STORIES) >= 12
    for story in STORIES:
        tale = told(story["does"])
        for question, answer in story["asks"]:
            *chain, thing = question.split()
            with in_case(f"{story['story']}: {question}"):
                assert answered(tale, chain, thing) == answer


@pytest.mark.parametrize("count", [48, pytest.param(400, marks=pytest.mark.slow)])
def test_stories_of_four_shapes_are_answered_as_by_minds_of_minds(count: int) -> None:
    found = scored(count, of_each_order=8)

    assert set(found) == set(range(ORDER_MAX + 1))
    for order, (asked, right) in found.items():
        assert asked >= count
        assert right == asked, f"order {order}: {right} of {asked}"
