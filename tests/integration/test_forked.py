"""Programs that are forked for tests end with them, however those end."""

import subprocess
import sys

import psutil
import pytest

from tests.harness.warm import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GONE_TIMEOUT_S = 30.0
STARTER = """
import time
from tests.harness.warm import Forked
print(Forked(time.sleep, 600).pid, flush=True)
time.sleep(600)
"""


def test_a_child_ends_with_a_test_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        child = psutil.Process(pid)
        family = [child, child.parent()]
        starter.kill()

    gone, alive = psutil.wait_procs([each for each in family if each], GONE_TIMEOUT_S)
    assert (len(gone), alive) == (2, [])
