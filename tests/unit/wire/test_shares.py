"""What one sender may take of a process."""

from hypothesis import given
from hypothesis import strategies as st

from bus.shares import WAIT_S_MIN, Share, Shares

SHARE = Share(requests_per_s=10, burst=5, bytes_per_s=1_000, bytes_burst=500, in_flight_max=3, told_per_s=2)


def test_a_burst_is_taken_and_what_comes_after_it_is_told_when_to_come_back() -> None:
    shares = Shares(SHARE)
    assert [shares.take("service-a", 1, 0.0) for _ in range(5)] == [0.0] * 5
    wait = shares.take("service-a", 1, 0.0)
    assert wait == 0.1, "the time of one request"
    assert shares.take("service-a", 1, 0.0 + wait) == 0.0


def test_a_flood_of_one_sender_takes_nothing_from_another() -> None:
    shares = Shares(SHARE)
    for _ in range(1_000):
        shares.take("service-a", 1, 0.0)
    assert shares.take("service-b", 1, 0.0) == 0.0


def test_bytes_are_held_too_and_the_last_request_of_a_share_may_be_large() -> None:
    shares = Shares(SHARE)
    assert shares.take("service-a", 1_500, 0.0) == 0.0
    assert shares.take("service-a", 1, 0.0) == 1.0, "1,000 bytes too many, at 1,000 a second"
    assert shares.take("service-a", 1, 1.0) == 0.0


def test_so_many_are_under_way_at_once() -> None:
    shares = Shares(SHARE)
    for _ in range(3):
        assert shares.take("service-a", 1, 0.0) == 0.0
        shares.begun("service-a")
    assert shares.take("service-a", 1, 0.0) == WAIT_S_MIN
    shares.ended("service-a")
    assert shares.take("service-a", 1, 0.0) == 0.0


def test_only_some_refusals_are_answered_and_all_are_counted() -> None:
    shares = Shares(SHARE)
    for _ in range(9):
        if shares.take("service-a", 1, 0.0):
            shares.may_tell("service-a")
    shares.take("service-b", 1, 0.0)
    assert shares.seen() == {"service-a": {"refused": 4, "unanswered": 2}}


@given(st.lists(st.tuples(st.floats(0, 0.3), st.integers(0, 400)), max_size=200))
def test_no_stretch_of_time_gets_more_than_its_share(requests: list[tuple[float, int]]) -> None:
    """Of requests: the burst, and the rate times the time. Of bytes: the same, and one request more."""
    shares, now = Shares(SHARE), 0.0
    taken: list[tuple[float, int]] = []
    for pause, size in requests:
        now += pause
        if not shares.take("service-a", size, now):
            taken.append((now, size))
    for start in range(len(taken)):
        for end in range(start, len(taken)):
            passed = taken[end][0] - taken[start][0]
            assert end - start + 1 <= SHARE.burst + passed * SHARE.requests_per_s + 1e-6
            held = sum(size for _, size in taken[start:end])
            assert held <= SHARE.bytes_burst + passed * SHARE.bytes_per_s + 400 + 1e-6


@given(st.floats(0, 100), st.floats(0.1, 5))
def test_whoever_comes_back_when_told_is_taken(first: float, _: float) -> None:
    shares = Shares(SHARE)
    while not (wait := shares.take("service-a", 300, first)):
        pass
    assert shares.take("service-a", 1, first + wait + 1e-6) == 0.0
