"""Paced engines as child processes on loopback ports, to be killed, stalled and started again."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil

READY_S = 30.0
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def answering(url: str, path: str = "/v1/models") -> None:
    """Wait until a server answers there."""
    async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url + path) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


def cpu_s(*pids: int) -> float:
    """Return the CPU time of processes and of all that they started, s."""
    return sum(map(_cpu_s, pids))


def _cpu_s(pid: int) -> float:
    try:
        children = psutil.Process(pid).children()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (psutil.NoSuchProcess, FileNotFoundError):  # ended just now: its parent has its time
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS + cpu_s(*(child.pid for child in children))


class PacedProcess:
    """One paced engine; keeps its port over restarts."""

    def __init__(self, *arguments: str) -> None:
        self.port = free_port()
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "benchmarks.paced", str(self.port), *self._arguments]
        self._process = subprocess.Popen(command)  # noqa: ASYNC220 - quick, and needed as a plain process
        await answering(self.url)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@asynccontextmanager
async def paced_engines(*arguments: tuple[str, ...]) -> AsyncIterator[list[PacedProcess]]:
    """Run an engine per tuple of arguments, and end all of them."""
    found = [PacedProcess(*each) for each in arguments]
    try:
        await asyncio.gather(*(engine.start() for engine in found))
        yield found
    finally:
        for engine in found:
            engine.kill()
