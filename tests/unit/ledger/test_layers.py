"""The ledger's mapping beside a dict, and its past, which stays."""

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.ledger.layers import Layers

CHANGES = st.dictionaries(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 9)), max_size=4)


@settings(max_examples=60)
@given(st.lists(CHANGES, max_size=20))
def test_it_is_as_a_dict_that_is_never_changed(history: list[dict[int, int | None]]) -> None:
    layers: Layers[int, int] = Layers()
    plain: dict[int, int] = {}
    past = []
    for changes in history:
        past.append((layers, plain))
        layers = layers.with_(changes)
        merged = {**plain, **changes}
        plain = {key: value for key, value in merged.items() if value is not None}
    for found, wanted in (*past, (layers, plain)):
        assert dict(found.items()) == wanted
        assert sorted(found) == sorted(wanted)
        assert [found.get(key) for key in range(13)] == [wanted.get(key) for key in range(13)]


def test_a_look_up_stays_short() -> None:
    layers: Layers[int, int] = Layers()
    for number in range(4_096):
        layers = layers.with_({number: number})
    assert len(layers._parts) <= 13
