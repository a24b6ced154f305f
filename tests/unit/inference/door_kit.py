"""The OpenAI door on the in-memory log, with an engine that says the prompt's words one by one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import openai

from aicore.clock import new_id
from aicore.embedded.ports import free_port
from aicore.http.openai.door import OpenAIDoor
from aicore.http.server import serving_http
from aicore.keys import Keys
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from domain.kernel.event import Event
from handlers.engines.port import End, EngineAsk, EngineError, EngineFault, Piece
from handlers.inference.service import InferenceService
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from tests.unit.inference.kit import PATIENCE_S
from tests.unit.kit import WAIT_S, EchoEngine, memory_log, message, model, runner_on, spooled

USE_CASE = "npc_dialogue"
KEY = "a-key-of-the-tests"
KEYS = {"tests": KEY}


class WordEngine(EchoEngine):
    """Says the prompt in capitals, a word a piece; after ``words_max`` it fails, if that is set."""

    def __init__(self) -> None:
        super().__init__()
        self.words_max = 10**6
        self.fault: EngineFault = "engine_failed"
        self.asked: list[EngineAsk] = []

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        self.asked.append(ask)
        self.prompts.append(ask.prompt)
        words = ask.prompt.upper().split()
        for number, word in enumerate(words):
            if number >= self.words_max:
                raise EngineError("it broke", self.fault)
            await self.go.wait()
            yield Piece(word if number == 0 else f" {word}")
        yield End("stop", len(words), len(words))


@dataclass
class Door:
    url: str
    engine: WordEngine
    log: MemoryLog
    codec: EventCodec
    service: InferenceService
    session: aiohttp.ClientSession

    async def events(self) -> list[Event]:
        return [self.codec.decode(recorded) for recorded in await self.log.read_all()]

    async def post(
        self, path: str, body: Mapping[str, Any] | bytes, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Return status, JSON and headers of an answer."""
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        heads = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        async with self.session.post(f"{self.url}/v1/{path}", headers=heads, **sent) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    async def chat(self, **fields: Any) -> tuple[int, Any, Mapping[str, str]]:
        body = {"model": USE_CASE, "messages": [{"role": "user", "content": "who goes there"}], **fields}
        return await self.post("chat/completions", body)

    async def complete(self, **fields: Any) -> tuple[int, Any, Mapping[str, str]]:
        return await self.post("completions", {"model": USE_CASE, "prompt": "who goes there", **fields})

    async def lines(self, path: str, body: Mapping[str, Any]) -> list[str]:
        """Return the data of every event of a stream."""
        async with self.session.post(f"{self.url}/v1/{path}", json={**body, "stream": True}) as answer:
            text = await answer.text()
        return [line.removeprefix("data: ") for line in text.split("\n\n") if line]


@asynccontextmanager
async def door(
    *, keys: Mapping[str, str] = KEYS, characters: Collection[str] | None = None, **options: Any
) -> AsyncIterator[Door]:
    """Serve the door to a `WordEngine`; its session has `KEY`; the content knows ``characters``."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    runner, view = runner_on(log, codec), RegistryView(log, decode=codec.decode)
    reply = await runner(message("registry.register_model", model()))
    engine = WordEngine()
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        following = group.create_task(view.run())
        stack.callback(following.cancel)
        async with asyncio.timeout(WAIT_S):
            await view.reached(reply.events[-1].position)
        clock = asyncio.get_running_loop().time
        tier = Tier(engines=[engine], patience_s=PATIENCE_S)
        router = Router({"gold": tier, "silver": tier}, clock=clock, draw=lambda: 0.0)
        folder = Path(stack.enter_context(TemporaryDirectory()))
        _, records = await stack.enter_async_context(spooled(log, codec, folder))
        service = InferenceService(records, view, router, characters=characters)
        port = free_port("127.0.0.1")
        opened = OpenAIDoor(service, view, tiers=router.tiers, new_id=new_id, keys=Keys(keys), **options)
        await stack.enter_async_context(serving_http(opened.app(), "127.0.0.1", port))
        bearer = {"Authorization": f"Bearer {KEY}"}
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=bearer))
        yield Door(f"http://127.0.0.1:{port}", engine, log, codec, service, session)


@asynccontextmanager
async def client(url: str, key: str = KEY) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as opened:
        yield opened
