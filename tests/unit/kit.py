"""Messages, ids and an engine for tests of handlers: fixed clock, counted ids, words that can be foretold."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import Outbox
from bus.spool.spool import Spool, SpoolOptions, open_spool
from handlers.engines.port import End, EngineAsk, EngineError, Health, Piece
from handlers.inference.records import INFERENCES, RATINGS, InferenceRecords, recall_with
from handlers.kernel.commands import CommandRunner
from handlers.registry.commands import REGISTRY, TEMPLATES
from protocol.messages import CommandMessage
from protocol.meta import Meta

START_US = 1_800_000_000_000_000
SPACE = UUID("6f0d7c66-6b7e-4f4e-8f3e-0d5f5d1c9a10")
WAIT_S = 10.0
"""Longest wait of a test for a condition."""

POLL_S = 0.002

_numbers = count(1)


async def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` is true, or awaits to something true; at most `WAIT_S`."""
    async with asyncio.timeout(WAIT_S):
        while True:
            met = condition()
            if await met if inspect.isawaitable(met) else met:
                return
            await asyncio.sleep(POLL_S)


def ident(name: object = None) -> UUID:
    """The id for a name, or the next one."""
    return uuid5(SPACE, str(next(_numbers) if name is None else name))


def message(
    command: str, payload: dict[str, Any], *, name: object = None, expected: Any = "any"
) -> CommandMessage:
    return CommandMessage(id=ident(name), command=command, payload=payload, expected=expected, meta=Meta())


def memory_log() -> MemoryLog:
    return MemoryLog("test", lambda: START_US)


def runner_on(log: Any, codec: EventCodec) -> CommandRunner:
    return CommandRunner(log, codec, [REGISTRY, TEMPLATES, INFERENCES, RATINGS])


def model(version: str = "1", **changes: Any) -> dict[str, Any]:
    return {
        "use_case": "npc_dialogue",
        "name": "lamplight",
        "version": version,
        "provider": "echo",
        "model_type": "self_hosted",
        "tier": "gold",
        **changes,
    }


@asynccontextmanager
async def spooled(log: Any, codec: EventCodec, folder: Path) -> AsyncIterator[tuple[Spool, InferenceRecords]]:
    """Yield a spool that ships to ``log``, and the records of a process on it."""
    options = SpoolOptions(now_us=lambda: START_US, draw=lambda: 0.5)
    async with open_spool(folder, log, options) as spool:
        yield spool, records_on(spool, log, codec)


def records_on(outbox: Outbox, log: Any, codec: EventCodec) -> InferenceRecords:
    """Return the records of one process: its memory is its own."""
    return InferenceRecords(
        outbox, codec, recall_with(runner_on(log, codec)), now_us=lambda: START_US, new_id=uuid4
    )


class EchoEngine:
    """Answers with the prompt in capitals; can be told to hold, to fail, or to say nothing."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.failure = ""

    name = provider = "echo"
    models = frozenset[str]()
    capacity = 4
    own = True

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def health(self) -> Health:
        return Health(not self.failure, self.failure)

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        self.prompts.append(ask.prompt)
        await self.go.wait()
        if self.failure:
            raise EngineError(self.failure)
        words = len(ask.prompt.split())
        if ask.prompt:
            yield Piece(ask.prompt.upper(), words)
        yield End("stop", words, words)


@contextmanager
def in_case(name: str) -> Iterator[None]:
    """Name the case of a test that tries many: handing out a test costs more than most of them."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the case {name}")
        raise
