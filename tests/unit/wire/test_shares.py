"""What one sender may take of a process."""

from hypothesis import given
from hypothesis import strategies as st

from bus.shares import (
    EXCESS_BURST,
    FLOOD_PART,
    FLOOD_S,
    FLOOD_WIDTH,
    LARGE,
    PART_MIN,
    WAIT_S_MIN,
    Share,
    Shares,
)

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


def test_those_that_were_let_in_and_are_not_under_way_yet_count_too() -> None:
    shares = Shares(SHARE)
    assert [shares.take("service-a", 1, 0.0, coming) for coming in range(4)] == [0.0] * 3 + [WAIT_S_MIN]


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


def _flooded(
    shares: Shares, seconds: float, late_s: float, senders: tuple[str, ...], began: float = 0.0
) -> int:
    """Return how many requests of the first sender are taken while it sends 20 every 10 ms."""
    taken = 0
    for tick in range(int(seconds * 100)):
        now = began + tick / 100
        shares.felt(late_s, now)
        for sender in senders:
            taken += sum(not shares.take(sender, 1, now) for _ in range(20) if sender == senders[0])
            shares.take(sender, 1, now)
    return taken


def test_while_the_process_is_late_a_flood_gets_less_and_a_quiet_sender_what_it_had() -> None:
    shares = Shares(Share(requests_per_s=1_000, burst=100))
    _flooded(shares, 1.0, 0.02, ("service-a", "service-b"))
    assert shares.part == PART_MIN
    assert _flooded(shares, 1.0, 0.02, ("service-a", "service-b"), 1.0) <= 1_000 * PART_MIN + 1
    assert _flooded(shares, 4.0, 0.0, ("service-a", "service-b"), 2.0) > 1_000
    assert shares.part == 1.0


def test_whoever_is_alone_keeps_the_whole_share() -> None:
    shares = Shares(Share(requests_per_s=1_000, burst=100))
    assert _flooded(shares, 1.0, 0.02, ("service-a",)) >= 1_000
    assert shares.part == 1.0


def test_one_that_was_let_in_before_others_began_waits_for_them() -> None:
    shares = Shares(SHARE)
    for _ in range(SHARE.in_flight_max):
        assert shares.may_begin("service-a")
        shares.take("service-a", 1, 0.0)
        shares.begun("service-a")
    assert not shares.may_begin("service-a")
    shares.ended("service-a")
    assert shares.may_begin("service-a")


def test_what_is_passed_over_unheard_counts_as_refused() -> None:
    shares = Shares(SHARE)
    shares.take("service-a", 1, 0.0)
    shares.shut_out("service-a", 40)
    assert shares.seen() == {"service-a": {"refused": 40, "unanswered": 40}}


THOUSAND = Share(requests_per_s=1_000, burst=1_000, bytes_per_s=1e6, bytes_burst=1e6)


def _sends(
    shares: Shares, per_s: int, size: int, began: float = 0.0, seconds: float = 2.0
) -> tuple[int, bool]:
    """Return how many requests are taken of a sender beside a quiet one, and whether it was ever over."""
    taken, over = 0, False
    for number in range(int(per_s * seconds)):
        now = began + number / per_s
        if number % 100 == 0:
            shares.take("service-b", 1, now)
            shares.felt(0.0, now)
        if shares.take("service-a", size, now):
            over |= shares.is_over("service-a")
        else:
            taken += 1
    return taken, over


def test_three_shares_are_no_flood_and_what_goes_beyond_them_is() -> None:
    assert _sends(Shares(THOUSAND), 2_900, 1) == (2_999, False)
    assert _sends(Shares(THOUSAND), 6_000, 1)[1]
    assert not _sends(Shares(THOUSAND), 29, 100_000)[1], "in bytes as in requests"
    assert _sends(Shares(THOUSAND), 60, 100_000)[1]


def test_a_flood_beside_others_gets_a_part_and_few_at_once_until_it_is_over() -> None:
    shares = Shares(THOUSAND)
    _sends(shares, 20_000, 1)
    assert _sends(shares, 20_000, 1, 2.0)[0] <= 2_000 * FLOOD_PART + 1
    assert shares.width("service-a", 4.0) == FLOOD_WIDTH
    assert shares.width("service-b", 4.0) == THOUSAND.in_flight_max

    calm = 4.0 + FLOOD_S + 1.0
    assert shares.width("service-a", calm) == THOUSAND.in_flight_max
    assert _sends(shares, 1_000, 1, calm)[0] > 1_900


def test_a_flood_goes_on_for_whoever_sends_more_than_three_times_its_part() -> None:
    def over(per_s: int) -> bool:
        shares = Shares(THOUSAND)
        _sends(shares, 20_000, 1)
        return _sends(shares, per_s, 1, 2.0 + FLOOD_S / 2, 1.0)[1]

    assert over(700)
    assert not over(290)


def test_a_flood_that_was_kept_out_for_a_while_is_beside_whoever_was_not() -> None:
    shares = Shares(THOUSAND)
    _sends(shares, 20_000, 1)
    shares.take("service-b", 1, 3.9)
    shares.felt(0.0, 3.9)
    assert sum(not shares.take("service-a", 1, 4.0) for _ in range(900)) == 1_000 * FLOOD_PART


def test_a_flood_that_is_alone_has_the_whole_share() -> None:
    shares = Shares(THOUSAND)
    taken = sum(not shares.take("service-a", 1, number / 20_000) for number in range(40_000))
    assert taken > 2_900
    assert shares.width("service-a", 2.0) == THOUSAND.in_flight_max


def test_beside_others_large_ones_do_not_begin_in_a_row_and_a_flood_begins_at_its_part() -> None:
    shares = Shares(THOUSAND)
    shares.take("service-a", LARGE, 0.0)
    shares.felt(0.0, 0.0)
    assert shares.pause("service-a", LARGE, 0.0) == 0.0, "nobody else is there"
    shares.take("service-b", 1, 0.0)
    shares.felt(0.0, 0.0)
    assert shares.pause("service-a", LARGE, 0.0) == LARGE / THOUSAND.bytes_per_s
    assert shares.pause("service-a", LARGE - 1, 0.0) == 0.0

    _sends(shares, 20_000, 1)
    assert shares.pause("service-a", 1, 2.0) == 1 / (THOUSAND.requests_per_s * FLOOD_PART)
    assert shares.pause("service-a", LARGE, 2.0) == LARGE / THOUSAND.bytes_per_s / FLOOD_PART
    assert shares.pause("service-b", 1, 2.0) == 0.0


def test_so_much_may_come_at_once_and_is_no_flood() -> None:
    messages, size = THOUSAND.at_once()
    assert messages == THOUSAND.in_flight_max + EXCESS_BURST
    shares = Shares(THOUSAND)
    for _ in range(messages):
        if shares.may_begin("service-a") and not shares.take("service-a", 1, 0.0):
            shares.begun("service-a")
    assert not shares.is_over("service-a")
    large = Shares(THOUSAND)
    for _ in range(size // 100_000):
        large.take("service-a", 100_000, 0.0)
    assert not large.is_over("service-a")
