"""A first start that is killed at any moment is followed by one that works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.acceptance.kit import ROOT, STOP_TIMEOUT_S, UP, UP_TIMEOUT_S
from tests.harness.folders import open_folder

pytestmark = pytest.mark.integration

INSTANTS = 200
SEED = 1_130
USUAL_S = 4.0
"""About how long a first start takes on a quiet machine."""

POLL_S = 0.01


@dataclass
class Start:
    """`aicore up` in a process group of its own, on one state directory."""

    folder: Path

    def __post_init__(self) -> None:
        settings = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AICORE_")},
            "AICORE_STATE_DIR": str(self.folder / "state"),
        }
        self.said = self.folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aicore", "up"], cwd=ROOT, env=settings, stdin=subprocess.DEVNULL,
                stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        self.began = time.monotonic()

    def wait_up(self) -> float:
        """Wait until it is up and return how long that took, in seconds; at most `UP_TIMEOUT_S`."""
        while time.monotonic() < self.began + UP_TIMEOUT_S and self.process.poll() is None:
            if UP in self.said.read_text(errors="replace"):
                return time.monotonic() - self.began
            time.sleep(POLL_S)
        raise AssertionError(self.said.read_text(errors="replace"))

    def kill_at(self, seconds: float, *, servers: bool) -> None:
        """Kill its process group so long after its begin, and at once all servers too if ``servers``."""
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))
        below = psutil.Process(self.process.pid).children(recursive=True) if servers else []
        os.killpg(self.process.pid, signal.SIGKILL)
        for each in below:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()

    def stop(self) -> None:
        """Stop it in order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_TIMEOUT_S) == 0, self.said.read_text(errors="replace")

    def end(self) -> None:
        """Leave no process, whatever happened."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def first_start_s() -> float:
    """Return how long a first start takes now, in seconds."""
    with open_folder() as folder:
        start = Start(folder)
        took = start.wait_up()
        start.stop()
    return took


@pytest.mark.parametrize("parts", [[1], pytest.param([0, 1, 2], marks=pytest.mark.slow)], ids=len)
def test_the_start_after_some_that_were_killed_works(tmp_path: Path, parts: Sequence[int]) -> None:
    """In the middle of a start; or early, in its middle and late, each on what the one before left."""
    draw = Random(SEED)
    for part in parts:
        Start(tmp_path).kill_at(USUAL_S * (part + draw.random()) / 3, servers=part == 1)
    last = Start(tmp_path)
    last.wait_up()
    last.stop()


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_the_start_after_one_that_was_killed_at_any_of_200_instants_works() -> None:
    assert failures(range(INSTANTS)) == []


def failures(numbers: Sequence[int]) -> list[str]:
    """Kill a first start at each of these instants, of `INSTANTS`; return those that no start followed."""
    took, draw = first_start_s(), Random(SEED)
    shares = [(number + draw.random()) / INSTANTS for number in range(INSTANTS)]
    failed = list[str]()
    for number in numbers:
        with open_folder() as folder:
            Start(folder).kill_at(took * shares[number], servers=number % 2 == 1)
            last = Start(folder)
            try:
                last.wait_up()
                last.stop()
            except AssertionError as error:
                failed.append(f"{number}, {took * shares[number]:.3f} s of {took:.1f}: {error}")
                print(failed[-1], flush=True)
            finally:
                last.end()
    print(f"{len(numbers)} instants of {took:.1f} s, {len(failed)} starts failed", flush=True)
    return failed
