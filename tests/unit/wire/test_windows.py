"""What may be on its way by one gate, against a server that sends as NATS does."""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bus.nats.windows import FEW, LEARNT, Grant, Window

MOST, BYTES_MOST, LARGE = 64, 100_000, 40_000


@dataclass
class Server:
    """Has subscriptions with numbers; hears of them late, and what it sends is on its way for a while."""

    told: deque[tuple[Grant, int, bool]] = field(default_factory=deque)
    """Subscriptions with their numbers, and whether they are new."""
    open: dict[Grant, list[int]] = field(default_factory=dict)
    """By subscription, how many it sent, and after how many it ends."""
    under_way: deque[tuple[Grant, int]] = field(default_factory=deque)

    def hears(self) -> None:
        grant, number, is_new = self.told.popleft()
        if is_new:
            self.open[grant] = [0, number]
        elif grant in self.open and number > self.open[grant][0]:
            self.open[grant][1] = number
        else:
            self.open.pop(grant, None)

    def sends(self, size: int, which: int) -> bool:
        """Send a message by one of its subscriptions; return False if there is none ("no responders")."""
        if not self.open:
            return False
        grant = [*self.open][which % len(self.open)]
        self.under_way.append((grant, size))
        self.open[grant][0] += 1
        if self.open[grant][0] == self.open[grant][1]:
            del self.open[grant]
        return True


def tend(window: Window, server: Server) -> None:
    server.told.extend((grant, grant.number, False) for grant in window.cut())
    if more := window.more():
        server.told.append((more, more.number, True))
    window.spent()


def read(window: Window, server: Server) -> None:
    grant, size = server.under_way.popleft()
    if window.came(grant, size):
        tend(window, server)


def opened() -> tuple[Window, Server]:
    window, server = Window(MOST, BYTES_MOST), Server()
    tend(window, server)
    server.hears()
    return window, server


def test_whoever_sends_faster_than_is_read_has_a_window_and_no_more() -> None:
    _, server = opened()
    assert sum(server.sends(1, 0) for _ in range(10 * MOST)) == MOST


@given(st.lists(st.tuples(st.sampled_from("srh"), st.integers(0, 3)), max_size=400))
def test_never_more_is_under_way_than_the_window_and_it_opens_again_once_that_is_read(
    steps: list[tuple[str, int]],
) -> None:
    window, server = opened()
    for what, which in steps:
        if what == "s":
            server.sends(1, which)
        elif what == "r" and server.under_way:
            read(window, server)
        elif what == "h" and server.told:
            server.hears()
        granted = sum(number for _, number, _ in server.told)
        granted += sum(number - sent for sent, number in server.open.values())
        assert len(server.under_way) + granted <= MOST
    while server.under_way:
        read(window, server)
    while server.told:
        server.hears()
    assert server.sends(1, 0), "nothing is on its way, so something may come"


def test_whoever_has_less_on_its_way_than_half_a_window_is_never_kept_out() -> None:
    window, server = opened()
    for number in range(20 * MOST):
        assert server.sends(100, number)
        if number % (MOST // 4) == 0:
            while server.under_way:
                read(window, server)
            while server.told:
                server.hears()


def test_large_messages_have_room_for_fewer_and_what_the_server_sent_before_it_heard_still_counts() -> None:
    window, server = opened()
    for _ in range(MOST // 2):
        assert server.sends(LARGE, 0)
        read(window, server)
    while server.told:
        server.hears()
    assert window.width <= BYTES_MOST // LARGE + 1
    assert sum(server.sends(LARGE, 0) for _ in range(MOST)) <= 2 * window.width
    while server.under_way:
        read(window, server)
        while server.told:
            server.hears()
    assert server.sends(LARGE, 0)


def test_a_cut_that_comes_too_late_ends_the_grant_and_is_made_up_for() -> None:
    window, server = opened()
    while server.sends(LARGE, 0):
        pass
    for _ in range(MOST):
        read(window, server)
    assert not server.open, "it had sent all of it"
    while server.told:
        server.hears()
    assert FEW <= sum(server.sends(LARGE, 0) for _ in range(MOST)) <= 2 * window.width


def test_one_large_message_leaves_small_ones_their_room() -> None:
    window, server = opened()
    server.sends(LARGE, 0)
    read(window, server)
    assert window.width >= min(MOST, BYTES_MOST // (LARGE * LEARNT)) // 2


def test_what_ended_is_none_of_it_any_more() -> None:
    window, _ = opened()
    [grant] = window.end()
    assert window.more() is not None
    assert grant not in window.grants
