"""Fair shares: what one sender may take of a process, so that no sender takes it from the others. Pure.

Requests and bytes are held in buckets that fill at a steady rate (token buckets); requests under way are
counted. What goes over its share is told when to come back, and costs the process next to nothing.
"""

from dataclasses import dataclass, field

WAIT_S_MIN = 0.05
"""The shortest advice: what comes back sooner is a flood that goes on."""


@dataclass(frozen=True, slots=True)
class Share:
    """Allowance of one sender.

    Attributes:
        requests_per_s: in the long run, and ``burst`` at once.
        bytes_per_s: of requests, in the long run, and ``bytes_burst`` at once.
        in_flight_max: requests under way at once.
        told_per_s: so many refusals are answered; what comes beyond them hears nothing and runs into its
            own time-out, as an answer to each would cost more than the request.
    """

    requests_per_s: float = 2_000
    burst: float = 2_000
    bytes_per_s: float = 16 * 2**20
    bytes_burst: float = 64 * 2**20
    in_flight_max: int = 512
    told_per_s: float = 500


@dataclass(slots=True)
class _Sender:
    requests: float
    bytes: float
    told: float
    at: float
    in_flight: int = 0
    refused: int = 0
    unanswered: int = 0


@dataclass(slots=True)
class Shares:
    """Use of the allowances by every sender. Times are seconds of any clock that only goes forward."""

    share: Share
    _senders: dict[str, _Sender] = field(default_factory=dict)

    def take(self, sender: str, size: int, now: float) -> float:
        """Count a request of ``size`` bytes; return 0, or the seconds after which there is room for it."""
        share, state = self.share, self._filled(sender, now)
        if state.requests >= 1 and state.bytes >= 0 and state.in_flight < share.in_flight_max:
            # The last request of a bucket may take more bytes than are left: the next ones wait for them.
            state.requests -= 1
            state.bytes -= size
            return 0.0
        state.refused += 1
        missing = max((1 - state.requests) / share.requests_per_s, -state.bytes / share.bytes_per_s)
        return max(missing, WAIT_S_MIN)

    def may_tell(self, sender: str) -> bool:
        """Say whether a refusal is answered; call it once for each."""
        state = self._senders[sender]
        if state.told >= 1:
            state.told -= 1
            return True
        state.unanswered += 1
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
            state.at = now
            state.requests = min(share.burst, state.requests + passed * share.requests_per_s)
            state.bytes = min(share.bytes_burst, state.bytes + passed * share.bytes_per_s)
            state.told = min(share.told_per_s, state.told + passed * share.told_per_s)
        return state
