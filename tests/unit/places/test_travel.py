"""Travel times: whole numbers, right after every change, and routes that take as long as the table says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.places.travel import Edge, TravelTimes

COUNT = 7
EDGES = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1), st.integers(1, 9)).filter(
        lambda edge: edge[0] != edge[1]
    ),
    max_size=20,
).map(lambda found: [Edge(start, end, seconds, f"w{n}") for n, (start, end, seconds) in enumerate(found)])


def by_rounds(edges: list[Edge]) -> list[list[int | None]]:
    """Bellman and Ford's way to the same numbers."""
    table: list[list[int | None]] = [
        [0 if one == other else None for other in range(COUNT)] for one in range(COUNT)
    ]
    for row in table:
        for _ in range(COUNT):
            for edge in edges:
                before, known = row[edge.start], row[edge.end]
                if before is not None and (known is None or before + edge.seconds < known):
                    row[edge.end] = before + edge.seconds
    return table


def told(times: TravelTimes) -> list[list[int | None]]:
    return [[times.seconds(one, other) for other in range(COUNT)] for one in range(COUNT)]


@given(EDGES, st.sets(st.integers(0, 19)), st.sampled_from([1, 8]))
def test_the_table_is_right_at_first_and_after_every_change(
    edges: list[Edge], numbers: set[int], share: int
) -> None:
    closed = [edge for n, edge in enumerate(edges) if n in numbers]
    rest = [edge for edge in edges if edge not in closed]
    whole = TravelTimes(COUNT, edges)

    with pytest.MonkeyPatch.context() as patch:  # by rows, or all anew
        patch.setattr("domain.places.travel.ROWS_SHARE", share)
        shut = whole.without(edge.way for edge in closed)
    assert told(whole) == by_rounds(edges)
    assert told(shut) == by_rounds(rest)
    assert told(shut.with_(closed)) == by_rounds(edges)
    assert whole.table.dtype.kind == "i"


@given(EDGES)
def test_a_route_takes_what_the_table_says_and_hangs_together(edges: list[Edge]) -> None:
    times = TravelTimes(COUNT, edges)
    for start in range(COUNT):
        for end in range(COUNT):
            route = times.route(start, end)
            assert (route is None) == (times.seconds(start, end) is None)
            if route is not None:
                stops = [start, *(edge.end for edge in route)]
                assert [edge.start for edge in route] == stops[:-1]
                assert stops[-1] == end
                assert sum(edge.seconds for edge in route) == times.seconds(start, end)
                assert len(set(stops)) == len(stops), "no place twice"


def test_of_ways_that_take_as_long_the_lower_id_is_taken() -> None:
    edges = [Edge(0, 2, 4, "z"), Edge(0, 1, 2, "b"), Edge(1, 2, 2, "c"), Edge(0, 2, 4, "a")]

    assert TravelTimes(3, edges).route(0, 2) == [Edge(0, 2, 4, "a")]
    assert TravelTimes(3, reversed(edges)).route(0, 2) == [Edge(0, 2, 4, "a")]


def test_a_closed_way_costs_the_rows_that_used_it() -> None:
    edges = [Edge(n, n + 1, 1, f"w{n}") for n in range(COUNT - 1)]
    times = TravelTimes(COUNT, edges)

    assert times._used_by([edges[2]]) == [0, 1, 2]
    assert times.without(["unknown"]) is times
