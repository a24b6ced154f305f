"""Figures of a spool, and the rules by which they become alerts. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

WINDOW_S = 60
FAILURE_SHARE_MAX = 0.05
BACKLOG_AGE_S_MAX = 30.0

AlertCode = Literal["failure_share", "backlog_age", "dead_letters", "damaged", "lacking", "disk_failing"]


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """Limits beyond which a figure becomes an alert."""

    failure_share_max: float = FAILURE_SHARE_MAX
    """Share of failed attempts in the window, 0 to 1."""
    backlog_age_s_max: float = BACKLOG_AGE_S_MAX
    """Age of the oldest record that is not in the log, in s."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The state of a spool at an instant."""

    backlog_records: int = 0
    """Records put and neither in the log nor a dead letter."""
    backlog_bytes: int = 0
    oldest_s: float = 0.0
    """Age of the oldest of them, in s; 0 when there is none. Exact to a second."""
    successes: int = 0
    """Records that reached the log within the window of `WINDOW_S`."""
    failures: int = 0
    """Attempts of records that failed within the window; one record may fail many times."""
    shipped: int = 0
    """Records that reached the log since the start."""
    dead_letters: int = 0
    """Letters that lie there, of earlier runs, too."""
    damaged: int = 0
    """Damaged segments that lie there, set aside for an operator."""
    missing: int = 0
    """Records that damage made unreadable, written down for an operator, of earlier runs, too."""
    lacking: int = 0
    """Records that the checkpoint calls shipped and the log lacks; only who asks the log can know."""
    refused: int = 0
    """Puts refused since the start because the spool was full."""
    disk_failing: bool = False
    """The disk refuses writes; records wait in memory and none is confirmed."""

    @property
    def failure_share(self) -> float:
        """Share of failed attempts in the window, 0 to 1; 0 without attempts."""
        return self.failures / max(1, self.failures + self.successes)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that someone may have to act on."""

    code: AlertCode
    value: float
    limit: float
    message: str
    """The fact and what to do."""


def alerts_of(figures: Figures, limits: AlertLimits) -> list[Alert]:
    """Return the alerts that the figures give; [] when all is well."""
    found: list[Alert] = []
    share, age = figures.failure_share, figures.oldest_s
    if share > limits.failure_share_max:
        said = f"{share:.0%} of the attempts of the last {WINDOW_S} s failed; see the log for the cause"
        found.append(Alert("failure_share", share, limits.failure_share_max, said))
    if age > limits.backlog_age_s_max:
        said = (
            f"{figures.backlog_records} records wait for the log, the oldest for {age:.0f} s; "
            "look at Postgres (`aicore doctor`)"
        )
        found.append(Alert("backlog_age", age, limits.backlog_age_s_max, said))
    if figures.dead_letters:
        said = f"the log refused {figures.dead_letters} records for good; `aicore spool letters` says why"
        found.append(Alert("dead_letters", figures.dead_letters, 0, said))
    if figures.damaged or figures.missing:
        said = (
            f"{figures.damaged} damaged segments were set aside, {figures.missing} records are lost: names "
            "`missing-FIRST-LAST` in the folder `damaged` say which; look at the disk, then remove them"
        )
        found.append(Alert("damaged", max(figures.damaged, figures.missing), 0, said))
    if figures.lacking:
        said = (
            f"the log lacks {figures.lacking} records that the checkpoint calls shipped (an older log, or a "
            "changed checkpoint); stop the process that has the spool, remove its file `checkpoint`, and "
            "start again: all is shipped once more, and the log knows by the ids what it has"
        )
        found.append(Alert("lacking", figures.lacking, 0, said))
    if figures.disk_failing:
        said = "the disk refuses writes, records wait in memory; look at its free space"
        found.append(Alert("disk_failing", 1, 0, said))
    return found


class Window:
    """Counts of the last `WINDOW_S` seconds, a bucket a second."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, int, int]] = deque()

    def add(self, now_us: int, *, successes: int = 0, failures: int = 0) -> None:
        """Count what happened now."""
        self._forget(now_us)
        self._count(now_us // 1_000_000, successes, failures)

    def counts(self, now_us: int) -> tuple[int, int]:
        """Return (successes, failures) within the window."""
        self._forget(now_us)
        return sum(bucket[1] for bucket in self._buckets), sum(bucket[2] for bucket in self._buckets)

    def _count(self, second: int, good: int, bad: int) -> None:
        if self._buckets and self._buckets[-1][0] == second:
            _, good_before, bad_before = self._buckets.pop()
            good, bad = good + good_before, bad + bad_before
        self._buckets.append((second, good, bad))

    def _forget(self, now_us: int) -> None:
        """Drop what is older than the window; what a wrong clock counted ahead of now is as of now."""
        second, good, bad = now_us // 1_000_000, 0, 0
        while self._buckets and self._buckets[-1][0] > second:
            _, good_ahead, bad_ahead = self._buckets.pop()
            good, bad = good + good_ahead, bad + bad_ahead
        if good or bad:
            self._count(second, good, bad)
        while self._buckets and self._buckets[0][0] <= second - WINDOW_S:
            self._buckets.popleft()


class Ages:
    """When the oldest record was put, remembered by a mark a second, so that a long outage stays small."""

    STEP_US = 1_000_000

    def __init__(self, marks: list[tuple[int, int]]) -> None:
        """Begin with (sequence, put µs) of records in the order of their sequence."""
        self._marks = deque(marks)

    def put(self, sequence: int, put_us: int) -> None:
        """Note that a record was put. What was put by a clock that is set back now counts as put now."""
        first = sequence
        while self._marks and self._marks[-1][1] > put_us:
            first, _ = self._marks.pop()
        if first < sequence or not self._marks or put_us - self._marks[-1][1] >= self.STEP_US:
            self._marks.append((first, put_us))

    def settle(self, sequence: int, *, last: int) -> None:
        """Forget the records up to ``sequence``, where ``last`` is the newest put."""
        if sequence >= last:
            self._marks.clear()
        while len(self._marks) > 1 and self._marks[1][0] <= sequence + 1:
            self._marks.popleft()

    def oldest_us(self) -> int | None:
        """Return about when the oldest record was put; None if there is none."""
        return self._marks[0][1] if self._marks else None
