"""Fair shares: what one sender may take of a process, so that no sender takes it from the others. Pure.

Requests and bytes are held in buckets that fill at a steady rate (token buckets); requests under way are
counted. What goes over its share is told when to come back, and costs the process next to nothing. A process
that has too much to do gives less to whoever asks for much, as long as there are others.
"""

from dataclasses import dataclass, field

WAIT_S_MIN = 0.05
"""The shortest advice: what comes back sooner is a flood that goes on."""

LATE_S, CALM_S = 0.004, 0.002
"""A loop that is late by more than the one, in the middle of some looks, has too much to do; by less than the
other, it has time."""

SMOOTHED = 0.2
LESS, MORE = 0.8, 1.02
"""What each look does to the part of its share that a sender gets: down at once, and slowly up."""

PART_MIN = 0.25
"""The least part: 500 requests a second of 2,000. Nobody who asks for less than that notices."""

ACTIVE_S = 1.0
"""Whoever sent something within this time is there."""

EXCESS, EXCESS_BURST = 2.0, 512.0
"""Refusals that are no flood yet: twice the share again, in the long run, and so many at once."""

FLOOD_S = 3.0
"""Whoever floods is held to a flood's part for so long after it."""

FLOOD_PART, FLOOD_WIDTH, FLOOD_EXCESS = 0.1, 2, 64.0
"""What a flood gets beside others: of its share, and of requests under way; and of refusals until it is known
again, as they are three times the part. One that reads its advice, and sends no more than three shares, never
comes to it."""


LARGE = 16 * 2**10
"""Bytes of a request that takes long enough to read that others of its sender wait for a while."""


@dataclass(frozen=True, slots=True)
class Share:
    """Allowance of one sender.

    Attributes:
        requests_per_s: in the long run, and ``burst`` at once.
        bytes_per_s: of requests, in the long run, and ``bytes_burst`` at once.
        in_flight_max: requests under way at once.
        told_per_s: so many refusals are answered; what comes beyond them hears nothing and runs into its
            own time-out. It is more than any one connection sends: a sender that has to read its answers
            sends less, and nats-server keeps 0.7 KB of each request for as long as it may be answered.
    """

    requests_per_s: float = 2_000
    burst: float = 2_000
    bytes_per_s: float = 16 * 2**20
    bytes_burst: float = 4 * 2**20
    in_flight_max: int = 512
    told_per_s: float = 100_000

    def at_once(self) -> tuple[int, int]:
        """Return the messages and the bytes that may come at once and are no flood: let in, or refused."""
        excess_bytes = EXCESS_BURST * self.bytes_per_s / self.requests_per_s
        return self.in_flight_max + int(EXCESS_BURST), int(self.bytes_burst + excess_bytes)


@dataclass(slots=True)
class _Sender:
    requests: float
    bytes: float
    told: float
    at: float
    excess: float = EXCESS_BURST
    """Refusals that are left before it is a flood; those of large requests count as several."""
    floods_until: float = 0.0
    in_flight: int = 0
    refused: int = 0
    unanswered: int = 0


@dataclass(slots=True)
class Shares:
    """Use of the allowances by every sender. Times are seconds of any clock that only goes forward."""

    share: Share
    part: float = 1.0
    """What each sender gets of its share: less while there are others, and the process has too much to do."""
    _senders: dict[str, _Sender] = field(default_factory=dict)
    _late_s: float = 0.0
    _there: frozenset[str] = frozenset()
    """Senders that sent something a moment ago."""

    def felt(self, late_s: float, now: float) -> None:
        """Take in how late the process came to a look at the clock; it looks many times a second."""
        self._late_s += SMOOTHED * (late_s - self._late_s)
        self._there = frozenset(name for name, each in self._senders.items() if now - each.at < ACTIVE_S)
        if len(self._there) < 2:
            self.part = 1.0
        elif self._late_s > LATE_S:
            self.part = max(PART_MIN, self.part * LESS)
        elif self._late_s < CALM_S:
            self.part = min(1.0, self.part * MORE)

    def take(self, sender: str, size: int, now: float, coming: int = 0) -> float:
        """Count a request of ``size`` bytes; return 0, or the seconds after which there is room for it.

        ``coming``: requests of the sender that were taken, and are not counted as under way yet.
        """
        share, state = self.share, self._filled(sender, now)
        if state.requests >= 1 and state.bytes >= 0 and state.in_flight + coming < share.in_flight_max:
            # The last request of a bucket may take more bytes than are left: the next ones wait for them.
            state.requests -= 1
            state.bytes -= size
            return 0.0
        state.refused += 1
        cost = 1 + size * share.requests_per_s / share.bytes_per_s
        state.excess = max(-1.0, state.excess - cost)  # what was refused once is not held against it for long
        if state.excess < 0:
            state.floods_until = now + FLOOD_S
        missing = max((1 - state.requests) / share.requests_per_s, -state.bytes / share.bytes_per_s)
        return max(missing / self._part_of(sender, state, now), WAIT_S_MIN)

    def is_over(self, sender: str) -> bool:
        """Say, after a refusal, whether it is one too many: a flood, of which nothing more is to come in."""
        return self._senders[sender].excess < 0

    def width(self, sender: str, now: float) -> int:
        """Return how many requests of a sender may be under way at once; others that were let in wait."""
        state = self._senders.get(sender)
        floods = state is not None and self._floods_beside(sender, state, now)
        return FLOOD_WIDTH if floods else self.share.in_flight_max

    def pause(self, sender: str, size: int, now: float) -> float:
        """Return for how long after a request of ``size`` bytes no other one of its sender begins, s.

        Beside others, that is: large ones do not begin in a row, and what is let in of a flood not at once.
        """
        state = self._senders.get(sender)
        if state is None or not self._there - {sender}:
            return 0.0
        share, pause_s = self.share, size / self.share.bytes_per_s
        if self._floods_beside(sender, state, now):
            return max(pause_s, 1 / share.requests_per_s) / FLOOD_PART
        return pause_s if size >= LARGE else 0.0

    def may_tell(self, sender: str) -> bool:
        """Say whether a refusal is answered; call it once for each."""
        state = self._senders[sender]
        if state.told >= 1:
            state.told -= 1
            return True
        state.unanswered += 1
        return False

    def shut_out(self, sender: str, number: int) -> None:
        """Count so many more requests that were refused, and not answered."""
        state = self._senders[sender]
        state.refused += number
        state.unanswered += number

    def may_begin(self, sender: str) -> bool:
        """Say whether another request may be under way, and count a refusal if not."""
        state = self._senders.get(sender)
        if state is None or state.in_flight < self.share.in_flight_max:
            return True
        state.refused += 1
        return False

    def begun(self, sender: str) -> None:
        """Count a request that is under way from now on."""
        if state := self._senders.get(sender):
            state.in_flight += 1

    def ended(self, sender: str) -> None:
        """Count one that is over."""
        if (state := self._senders.get(sender)) and state.in_flight:
            state.in_flight -= 1

    def seen(self) -> dict[str, dict[str, int]]:
        """Return for each sender that was ever refused how often, and how often without an answer."""
        return {
            sender: {"refused": state.refused, "unanswered": state.unanswered}
            for sender, state in self._senders.items()
            if state.refused
        }

    def _filled(self, sender: str, now: float) -> _Sender:
        share, state = self.share, self._senders.get(sender)
        if state is None:
            state = self._senders[sender] = _Sender(share.burst, share.bytes_burst, share.told_per_s, now)
            return state
        passed = max(0.0, now - state.at)
        if passed:
            state.at, part = now, self._part_of(sender, state, now)
            state.requests = min(share.burst * part, state.requests + passed * part * share.requests_per_s)
            state.bytes = min(share.bytes_burst, state.bytes + passed * part * share.bytes_per_s)
            state.told = min(share.told_per_s, state.told + passed * share.told_per_s)
            floods = self._floods_beside(sender, state, now)
            most = FLOOD_EXCESS if now < state.floods_until else EXCESS_BURST
            refusals_per_s = EXCESS * share.requests_per_s * (FLOOD_PART if floods else 1)
            state.excess = min(most, state.excess + passed * refusals_per_s)
        return state

    def _part_of(self, sender: str, state: _Sender, now: float) -> float:
        return self.part * FLOOD_PART if self._floods_beside(sender, state, now) else self.part

    def _floods_beside(self, sender: str, state: _Sender, now: float) -> bool:
        """Say whether a sender floods while others are there."""
        return now < state.floods_until and bool(self._there - {sender})
