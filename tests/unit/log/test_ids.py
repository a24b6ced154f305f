"""Derived ids are UUIDv5, which any language computes."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from bus.ids import derived_id


@given(st.uuids(), st.integers(0, 2**63), st.text(max_size=20))
def test_derived_ids_are_those_of_the_standard_library(cause: UUID, index: int, handler: str) -> None:
    name = f"{handler}/{index}" if handler else str(index)
    assert derived_id(cause, index, handler) == uuid5(cause, name)
