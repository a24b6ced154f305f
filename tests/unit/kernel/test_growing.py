"""A mapping that grows by small steps: what it holds, and that growing costs little more than its size."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.growing import Growing


@given(st.lists(st.dictionaries(st.text("abcdef", max_size=2), st.integers(), max_size=4)))
def test_it_holds_what_a_dict_would_and_the_first_value_stands(steps: list[dict[str, int]]) -> None:
    grown, plain = Growing[int](), dict[str, int]()
    for step in steps:
        grown = grown.with_(step)
        plain |= {key: value for key, value in step.items() if key not in plain}
    assert dict(grown) == plain
    assert list(grown) == list(plain)
    assert len(grown) == len(plain)
    assert all(key in grown and grown[key] == plain[key] for key in plain)
    assert "zz" not in grown
    with pytest.raises(KeyError, match="zz"):
        grown["zz"]


def test_an_older_state_stays_as_it_was() -> None:
    one = Growing[int]().with_({"a": 1})
    two = one.with_({"b": 2})
    assert (dict(one), dict(two)) == ({"a": 1}, {"a": 1, "b": 2})


class Key(str):
    """A key that counts how often it is looked at."""

    __slots__ = ()
    looks = 0

    def __hash__(self) -> int:
        Key.looks += 1
        return super().__hash__()


def test_growing_by_one_costs_the_logarithm_not_the_size() -> None:
    count = 4_000
    grown = Growing[int]()
    Key.looks = 0
    for number in range(count):
        grown = grown.with_({Key(number): number})
    assert len(grown) == count
    assert Key.looks < count * 4 * math.log2(count), "a dict copied each time: count squared, halved"
