"""A writer's belief about the log's end while its plans are on their way. Pure; no I/O.

A plan that stands on another one that has not landed yet is a bet that nobody else writes. As long as bets
are won (`sure`), any number of plans may be on their way. Once an answer was a surprise, the next plan is
made when all of them have landed, from the newest end that was heard of, and alone: that is the normal case
where several processes write, and then what waits meanwhile goes into one group instead of another race.
"""

from collections.abc import Mapping, MutableMapping

from bus.postgres.planning import Plan, Tip

STREAMS_KNOWN_MAX = 10_000


class Belief:
    """The log's end once all that is on its way has come to pass, and versions that are certain if it is."""

    def __init__(self) -> None:
        self.tip: Tip | None = None
        """None: to be asked of the database."""
        self.known: dict[str, int] = {}
        self.guesses: dict[str, int] = {}
        """Versions that were certain once. Without them a surprise was followed by others for ever: groups in
        turn, each of streams of which the answer to the other says nothing."""
        self.sure = False
        self._flying = 0
        self._heard: tuple[Tip, Mapping[str, int]] | None = None
        self._lost = False

    @property
    def quiet(self) -> bool:
        """True if nothing is on its way."""
        return not self._flying

    @property
    def ready(self) -> bool:
        """Whether a plan may be made now."""
        return self.sure or self.quiet

    def learn(self, tip: Tip) -> None:
        """Take the end that the database told of, unless it is what is believed."""
        if tip != self.tip:
            self.tip = tip
            self._doubt()

    def sent(self, plan: Plan) -> None:
        """Count on a plan that is on its way; each ends in one of the three methods below."""
        self._flying += 1
        self.tip = plan.tip
        if plan.rows:
            # Without rows the log's end would not tell the next plan whether this one's assumptions held.
            remember(self.known, plan.heads)

    def came_true(self, plan: Plan) -> None:
        """Hear that a plan is in the log as it was made."""
        self._flying -= 1
        if self.sure:
            return
        if not self._flying and not self._heard and not self._lost:
            self.sure = True  # it was alone
            return
        self._hear(plan.tip, plan.heads)
        self._land()

    def surprised(self, tip: Tip, versions: Mapping[str, int]) -> None:
        """Hear that the end is another, and versions that are certain with it."""
        self._flying -= 1
        self.sure = False
        self._hear(tip, versions)
        self._land()

    def lost(self) -> None:
        """Hear nothing: what came of a plan must be asked of the database."""
        self._flying -= 1
        self.forget()

    def forget(self) -> None:
        """Give up what is believed."""
        self.sure, self._lost = False, True
        self._land()

    def _hear(self, tip: Tip, versions: Mapping[str, int]) -> None:
        if self._heard is None or tip.position >= self._heard[0].position:  # answers may overtake each other
            self._heard = (tip, versions)

    def _land(self) -> None:
        if self._flying:
            return
        self._doubt()
        self.tip = None
        if self._heard and not self._lost:
            self.tip, versions = self._heard
            remember(self.known, versions)
        self._heard, self._lost = None, False

    def _doubt(self) -> None:
        """Take what was certain for likely."""
        remember(self.guesses, self.known)
        self.known.clear()


def remember(known: MutableMapping[str, int], heads: Mapping[str, int]) -> None:
    """Keep the newest `STREAMS_KNOWN_MAX` streams after adding ``heads``; dicts keep the order of entry."""
    for stream, version in heads.items():
        known.pop(stream, None)
        known[stream] = version
    while len(known) > STREAMS_KNOWN_MAX:
        del known[next(iter(known))]
