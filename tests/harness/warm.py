"""Commands of the CLI in processes of their own, forked from a warm one: no second of imports."""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PRELOADED = [
    "aicore.cli.main",
    "aicore.cli.up",
    "aicore.cli.doctor",
    "aicore.wiring.components",
    "aicore.wiring.tiers",
    "aicore.http.openai.door",
]


class Ended(NamedTuple):
    """How a command ended, and what it said on both of its streams."""

    code: int
    said: str


def run_warm(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, timeout_s: float
) -> Ended:
    """Run ``aicore`` in this repository; ``folder``: for what it says.

    Raises:
        TimeoutError: it did not end; it is killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    output = folder / "said"
    process = context.Process(target=_main, args=([*arguments], dict(environment), str(output)))
    process.start()
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(output.read_text())
    return Ended(process.exitcode, output.read_text())


def _main(arguments: list[str], environment: dict[str, str], output: str) -> None:
    """Be ``aicore``, in a child."""
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(written)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["aicore", *arguments]
    from aicore.cli import main  # noqa: PLC0415 - imported before the fork

    main()
