"""Servers for the tests: one embedded Postgres and one NATS per worker, one fresh realm per test."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

from aicore.collector import THRESHOLDS
from aicore.content.weights import shipped_model
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.embedded.vllm import EmbeddedVllm
from tests.conformance.engine_kit import PYTHON
from tests.harness.clusters import put_cluster
from tests.harness.examples import BY_DAY
from tests.harness.folders import open_folder

# Else each program that a test starts would compile all of ours anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# By day everybody's run tries the same, so that a failure is of the change. By night others each time.
settings.register_profile("dev", COMMON, max_examples=BY_DAY, derandomize=True)
settings.register_profile("nightly", COMMON, max_examples=20 * BY_DAY, derandomize=False, print_blob=True)
# A mutant is noticed by whether a test fails; the smallest example of it is of no use.
QUICK = settings(COMMON, max_examples=BY_DAY, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.register_profile("mutants", QUICK)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

LONG = (
    "test_kill_rounds",
    "acceptance/",
    "test_spool_kill",
    "test_hostility_processes",
    "test_inbox_kills",
    "test_start_environment",
    "test_adding_a_context",
)
"""Begun first: what takes long and comes last would have one worker wait for the other."""

UNIT = Path(__file__).parent / "unit"
PLAIN = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
_realms = count(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Keep a file of unit tests together, and put the long ones first; else the order is as it was drawn.

    Together: what a file makes once, one worker makes once, and one handing out serves some forty tests.
    """
    for item in items:
        if item.path.is_relative_to(UNIT) and not any(item.iter_markers("xdist_group")):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(UNIT).with_suffix("").as_posix()))
    yield
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if name in item.nodeid), len(LONG)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search for garbage in what tests make, not in five thousand tests and all that they import."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)


@pytest.fixture(autouse=True)
def own_log() -> None:
    """Log as if no test had been before: a command of the CLI sets the log of its process up.

    As by default, but errors without their frames' variables: to render a policy or a log takes seconds.
    """
    structlog.reset_defaults()
    *before, _ = structlog.get_config()["processors"]
    structlog.configure(processors=[*before, PLAIN])


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of the test's own, see `open_folder`."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def server_root() -> Iterator[Path]:
    """A directory for the servers' data, removed afterwards."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(server_root: Path) -> Iterator[EmbeddedPostgres]:
    """A running Postgres without fsync; tests that crash it start their own."""
    put_cluster(server_root)
    server = EmbeddedPostgres(server_root, fsync=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def nats_server(server_root: Path) -> Iterator[EmbeddedNats]:
    """A running NATS with JetStream; tests that crash it start their own."""
    server = EmbeddedNats(server_root)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def realm() -> str:
    """A realm name that no other test uses."""
    return f"test{next(_realms)}"


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedVllm]:
    """A real vLLM server; it takes 40 s to start, so all its tests share it."""
    assert PYTHON is not None, "vLLM is not installed: `make venv-vllm`"
    server = EmbeddedVllm(tmp_path_factory.mktemp("vllm"), PYTHON, shipped_model() / "hf")
    server.start()
    yield server
    server.stop()
