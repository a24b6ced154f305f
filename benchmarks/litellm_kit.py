"""The litellm proxy as a child process, where it is installed (`make venv-litellm`)."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engines_kit import answering, free_port

LITELLM = Path(__file__).parents[1] / ".venv-litellm" / "bin" / "litellm"
NAME = "bench"


@dataclass(frozen=True)
class Proxy:
    """A running proxy with one worker."""

    url: str
    pid: int
    version: str


@asynccontextmanager
async def litellm_proxy(
    upstreams: Sequence[str], strategy: str = "simple-shuffle"
) -> AsyncIterator[Proxy | None]:
    """Run the proxy before ``upstreams``; None where it is not installed."""
    if not LITELLM.exists():
        yield None
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(_config(upstreams, strategy))
        environment = {
            **os.environ,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",  # this and the next as its documents recommend for production
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # loopback, no key to check
            "NO_PROXY": "*",
        }
        log = (Path(folder) / "log").open("wb")
        command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(  # noqa: ASYNC220 - quick, and needed as a plain process
            [*command, "--num_workers", "1"],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            await answering(f"http://127.0.0.1:{port}", "/health/liveliness")
            yield Proxy(f"http://127.0.0.1:{port}", process.pid, await _version())
        finally:
            process.terminate()
            process.wait()
            log.close()


def _config(upstreams: Sequence[str], strategy: str) -> str:
    models = "".join(
        f"""  - model_name: {NAME}
    litellm_params:
      model: text-completion-openai/m
      api_base: {url}/v1
      api_key: none
"""
        for url in upstreams
    )
    return f"""model_list:
{models}router_settings:
  routing_strategy: {strategy}
  num_retries: 1
litellm_settings:
  telemetry: false
  drop_params: true
"""


async def _version() -> str:
    process = await asyncio.create_subprocess_exec(
        str(LITELLM.parent / "python"),
        "-c",
        "from importlib.metadata import version; print(version('litellm'))",
        stdout=subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return said.decode().strip()
